// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/controlplane/binaries"
	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
	"github.com/gatehouse-dev/gatehouse/internal/devenv"
	"github.com/gatehouse-dev/gatehouse/internal/freeport"
	"github.com/gatehouse-dev/gatehouse/internal/gobuild"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const (
	system = "gatehouse-system"
	apps   = "apps" // the namespace of the clients
	// limit is how long anything may take on a busy machine.
	limit = time.Minute
	grace = 20 * time.Second
)

// The person of the tests.
const (
	bob         = "bob"
	bobPassword = "correct horse battery staple"
	bobMail     = "bob@photos.example"
)

// environment is the operator and the authorization server on an API server. The plans share one.
type environment struct {
	*testenv.Env
	dir, root string
	issuer    string
	transport *http.Transport

	operator, authserver *process.Process
	// told is where the clients are told of logouts.
	told *toldParties
	// ahead is how far the clock of the authorization server is ahead of the machine's.
	ahead time.Duration
}

var shared struct {
	sync.Mutex
	environment *environment
	err         error
}

// start returns the environment, which the first test that asks for it starts.
func start(t *testing.T) *environment {
	t.Helper()
	env := testenv.Start(t)
	shared.Lock()
	defer shared.Unlock()
	if shared.environment == nil && shared.err == nil {
		shared.environment, shared.err = open(t.Context(), env)
	}
	if shared.err != nil {
		t.Fatalf("start the environment: %v", shared.err)
	}
	return shared.environment
}

func open(ctx context.Context, env *testenv.Env) (*environment, error) {
	root, err := binaries.RepositoryRoot()
	if err != nil {
		return nil, err
	}
	w := &environment{Env: env, root: root, dir: filepath.Join(filepath.Dir(env.Kubeconfig), "conformance")}
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return nil, err
	}
	testenv.AtEnd(w.stop)
	for _, do := range []func(context.Context) error{w.build, w.configure, w.startParties, w.startOperator, w.startAuthserver, w.register} {
		if err := do(ctx); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *environment) stop() error {
	var errs []error
	if w.told != nil {
		errs = append(errs, w.told.listener.Close())
	}
	for _, p := range []*process.Process{w.authserver, w.operator} {
		if p != nil {
			errs = append(errs, p.Stop(grace))
		}
	}
	return errors.Join(errs...)
}

func (w *environment) file(name string) string { return filepath.Join(w.dir, name) }

// now is what the clock of the authorization server shows.
func (w *environment) now() time.Time { return time.Now().Add(w.ahead) }

// build builds both programs. The server's clock can be set: a module waits half a minute, and a test does not.
func (w *environment) build(context.Context) error {
	for _, arguments := range [][]string{{"./cmd/operator"}, {"-tags=clockoffset", "./cmd/authserver"}} {
		cmd := gobuild.Command(w.dir+"/", arguments...)
		cmd.Dir = w.root
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	return nil
}

func (w *environment) configure(ctx context.Context) error {
	for _, name := range []string{system, apps} {
		if err := w.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return err
		}
	}
	listen, err := freeport.Address()
	if err != nil {
		return err
	}
	metrics, err := freeport.Address()
	if err != nil {
		return err
	}
	hasher := exec.CommandContext(ctx, w.file("authserver"), "hash-password")
	hasher.Stdin = strings.NewReader(bobPassword + "\n")
	hash, err := hasher.Output()
	if err != nil {
		return fmt.Errorf("hash a password: %w", err)
	}
	w.issuer = "https://" + listen
	return errors.Join(devenv.WriteCertificates(w.dir, time.Now()), w.trust(),
		w.writeYAML("users.yaml", map[string]any{"users": []any{map[string]any{
			"id": "1001", "name": bob, "displayName": "Bob", "email": bobMail, "groups": []string{"family"}, "passwordHash": strings.TrimSpace(string(hash)),
		}}}),
		w.writeYAML("authserver.yaml", map[string]any{
			"issuer": w.issuer, "namespace": system, "listen": listen, "metricsListen": metrics,
			"tls":               map[string]string{"certFile": w.file("tls.crt"), "keyFile": w.file("tls.key")},
			"store":             "sqlite:" + w.file("gatehouse.db"),
			"identity":          map[string]any{"sources": []any{map[string]any{"key": "users", "usersFile": map[string]string{"path": w.file("users.yaml")}}}},
			"audit":             map[string]string{"file": w.file("audit.log")},
			"backChannelLogout": map[string]any{"allowedNetworks": []string{"127.0.0.1"}, "caFile": w.file("ca.crt")},
		}))
}

// writeYAML writes value as JSON, which is YAML too.
func (w *environment) writeYAML(name string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return os.WriteFile(w.file(name), text, 0o600)
}

// trust has everybody here take the server's certificate.
func (w *environment) trust() error {
	pem, err := os.ReadFile(w.file("ca.crt"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	w.transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}
	return nil
}

// client returns an HTTP client that follows no redirect.
func (w *environment) client() *http.Client {
	return &http.Client{Transport: w.transport, Timeout: limit, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// launch starts one of the two programs, with its output in a file.
func (w *environment) launch(name string, arguments ...string) (*process.Process, error) {
	log, err := os.OpenFile(w.file(name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the program has a descriptor of its own
	cmd := exec.Command(w.file(name), append(arguments, "--kubeconfig="+w.Kubeconfig)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "GATEHOUSE_TEST_CLOCK_OFFSET="+w.ahead.String())
	return process.Start(name, cmd)
}

func (w *environment) startOperator(context.Context) (err error) {
	w.operator, err = w.launch("operator", "--issuer="+w.issuer, "--namespace="+system, "--metrics-bind-address=0", "--health-probe-bind-address=0")
	return err
}

// startAuthserver starts the server and waits until it is ready.
func (w *environment) startAuthserver(ctx context.Context) (err error) {
	if w.authserver, err = w.launch("authserver", "--config="+w.file("authserver.yaml")); err != nil {
		return err
	}
	return w.await(ctx, "the server is ready", func() bool {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.issuer+"/readyz", nil)
		if err != nil {
			return false
		}
		res, err := w.client().Do(r)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// advance sets the clock of the server forward: the server is started again with another one.
func (w *environment) advance(t *testing.T, d time.Duration) {
	t.Helper()
	if err := w.authserver.Stop(grace); err != nil {
		t.Fatal(err)
	}
	w.transport.CloseIdleConnections()
	w.ahead += d
	if err := w.startAuthserver(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// await waits until the condition holds; the logs tell why it did not.
func (w *environment) await(ctx context.Context, what string, condition func() bool) error {
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !condition() {
		select {
		case <-again.C:
		case <-waiting.Done():
			operator, _ := os.ReadFile(w.file("operator.log"))
			authserver, _ := os.ReadFile(w.file("authserver.log"))
			return fmt.Errorf("not within %s: %s\noperator:\n%s\nauthserver:\n%s", limit, what, operator, authserver)
		}
	}
	return nil
}

// The clients, as the plans want them: a first and a second one. They leave the code challenge out where a module does not ask for it.
const (
	firstClient  = "first"
	secondClient = "second"
)

func callbackOf(name string) string { return "https://" + name + ".example/callback" }

// draft returns a client as the plans need it.
func (w *environment) draft(name string) *v1alpha1.OAuthClient {
	return &v1alpha1.OAuthClient{
		ObjectMeta: metav1.ObjectMeta{Namespace: apps, Name: name},
		Spec: v1alpha1.OAuthClientSpec{
			CallbackURLs: []v1alpha1.CallbackURL{v1alpha1.CallbackURL(callbackOf(name))},
			Scopes:       []v1alpha1.Scope{"openid", "profile", "email", "groups", "address", "phone", "offline_access"},
			Entitlement:  v1alpha1.EntitlementEveryone,
			OAuth2: &v1alpha1.OAuth2Spec{PKCE: v1alpha1.PKCEOptional, OpenID: &v1alpha1.OpenIDSpec{
				PostLogoutRedirectURIs: []v1alpha1.PostLogoutRedirectURI{v1alpha1.PostLogoutRedirectURI(afterLogoutOf(name))},
				BackChannelLogout:      &v1alpha1.BackChannelLogoutSpec{URI: v1alpha1.BackChannelLogoutURI(w.toldAt(name))},
			}},
		},
	}
}

// register registers the clients and waits until the operator and the server know them.
func (w *environment) register(ctx context.Context) error {
	for _, name := range []string{firstClient, secondClient} {
		oc := w.draft(name)
		if err := w.Client.Create(ctx, oc); err != nil {
			return err
		}
		if err := w.await(ctx, name+" is ready", func() bool {
			err := w.Client.Get(ctx, client.ObjectKeyFromObject(oc), oc)
			return err == nil && meta.IsStatusConditionTrue(oc.Status.Conditions, string(v1alpha1.ConditionReady))
		}); err != nil {
			return err
		}
		id := string(v1alpha1.ClientIDOf(oc))
		if err := w.await(ctx, "the server knows "+id, func() bool {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.issuer+"/oauth2/authorize?response_type=code&client_id="+id, nil)
			if err != nil {
				return false
			}
			res, err := w.client().Do(r)
			if err != nil {
				return false
			}
			defer res.Body.Close()
			return res.StatusCode == http.StatusSeeOther
		}); err != nil {
			return err
		}
	}
	return nil
}

// secretOf returns what the operator gave a client.
func (w *environment) secretOf(t *testing.T, name string) (id, secret string) {
	t.Helper()
	found := &corev1.Secret{}
	if err := w.Client.Get(t.Context(), client.ObjectKey{Namespace: apps, Name: name + "-oauth"}, found); err != nil {
		t.Fatal(err)
	}
	return string(found.Data[v1alpha1.KeyClientID]), string(found.Data[v1alpha1.KeyClientSecret])
}
