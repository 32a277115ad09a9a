// SPDX-License-Identifier: Apache-2.0

package isolation

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/binaries"
	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
	"github.com/gatehouse-dev/gatehouse/internal/freeport"
	"github.com/gatehouse-dev/gatehouse/internal/gobuild"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const (
	system = "gatehouse-system"
	// limit is how long anything may take on a busy machine.
	limit = time.Minute
	grace = 20 * time.Second
)

// environment is an installation as `make deploy` leaves it, with a shop in it that has customers.
type environment struct {
	*testenv.Env
	t      *testing.T // of the test that uses it now
	dir    string     // for all files
	root   string     // of the repository
	issuer string
	roots  *x509.CertPool
	admin  string // host and port of the admin endpoint

	system    string              // the namespace of the programs
	class     string              // of the objects that they serve
	arguments map[string][]string // more of them, by program

	operator, authserver *process.Process
}

// shared is the environment, made by the first test that asks for it.
var shared struct {
	sync.Mutex
	environment *environment
	err         error
}

// start returns the environment. One that cannot be made fails the test.
func start(t *testing.T) *environment {
	t.Helper()
	env := testenv.StartWithControllers(t)
	shared.Lock()
	defer shared.Unlock()
	if shared.environment == nil && shared.err == nil {
		shared.environment, shared.err = open(t, env)
	}
	if shared.err != nil {
		t.Fatalf("make the environment: %v", shared.err)
	}
	w := *shared.environment
	w.t = t
	return &w
}

func open(t *testing.T, env *testenv.Env) (*environment, error) {
	root, err := binaries.RepositoryRoot()
	if err != nil {
		return nil, err
	}
	w := &environment{Env: env, t: t, root: root, system: system, dir: filepath.Join(filepath.Dir(env.Kubeconfig), "isolation"), roots: x509.NewCertPool()}
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return nil, err
	}
	testenv.AtEnd(w.stop)
	if w.admin, err = freeport.Address(); err != nil {
		return nil, err
	}
	w.arguments = map[string][]string{"authserver": {"--admin-listen=" + w.admin}}
	for _, do := range []func(context.Context) error{w.build, w.install, w.configure, w.startOperator, w.startAuthserver} {
		if err := do(t.Context()); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *environment) stop() error {
	var errs []error
	for _, p := range []*process.Process{w.authserver, w.operator} {
		if p != nil {
			errs = append(errs, p.Stop(grace))
		}
	}
	return errors.Join(errs...)
}

func (w *environment) file(name string) string { return filepath.Join(w.dir, name) }

// run runs a program in the repository's folder and returns what it prints.
func (w *environment) run(ctx context.Context, input, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdin = w.root, strings.NewReader(input)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return string(out), nil
}

func (w *environment) build(context.Context) error {
	cmd := gobuild.Command(w.dir+"/", "./cmd/operator", "./cmd/authserver")
	cmd.Dir = w.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return nil
}

// install applies config/default as `make deploy` does.
func (w *environment) install(ctx context.Context) error { return w.apply(ctx, "config/default") }

func (w *environment) apply(ctx context.Context, folder string) error {
	manifests, err := w.run(ctx, "", "go", "tool", "-modfile=hack/tools/go.mod", "kustomize", "build", folder)
	if err != nil {
		return err
	}
	_, err = w.run(ctx, manifests, filepath.Join(w.Binaries, "kubectl"), "--kubeconfig="+w.Kubeconfig, "--cache-dir="+w.file("cache"),
		"apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-")
	return err
}

// people who can log in. Their passwords are their names, twice.
var people = []string{"alice", "bob", "carol"}

// manyGroups are the groups of Carol, too many for a small ID token.
func manyGroups() (groups []string) {
	for n := range 100 {
		groups = append(groups, fmt.Sprintf("a-department-with-a-long-name-%03d", n))
	}
	return groups
}

func password(name string) string { return name + "-" + name }

func (w *environment) configure(ctx context.Context) error {
	if err := w.writeCertificate(); err != nil {
		return err
	}
	listen, err := freeport.Address()
	if err != nil {
		return err
	}
	metrics, err := freeport.Address()
	if err != nil {
		return err
	}
	var users []map[string]any
	for i, name := range people {
		hash, err := w.run(ctx, password(name)+"\n", w.file("authserver"), "hash-password")
		if err != nil {
			return err
		}
		user := map[string]any{"id": fmt.Sprint(1001 + i), "name": name, "passwordHash": strings.TrimSpace(hash)}
		if name == "carol" {
			user["groups"] = manyGroups()
		}
		users = append(users, user)
	}
	w.issuer = "https://" + listen
	return errors.Join(
		w.writeYAML("users.yaml", map[string]any{"users": users}),
		w.writeYAML("authserver.yaml", map[string]any{
			"issuer": w.issuer, "namespace": w.system, "listen": listen, "metricsListen": metrics,
			"tls":      map[string]string{"certFile": w.file("tls.crt"), "keyFile": w.file("tls.key")},
			"store":    "sqlite:" + w.file("gatehouse.db"),
			"identity": map[string]any{"sources": []any{map[string]any{"key": "users", "usersFile": map[string]string{"path": w.file("users.yaml")}}}},
			"audit":    map[string]string{"file": w.file("audit.log")},
		}),
		w.writeKubeconfig(ctx, "gatehouse-operator"), w.writeKubeconfig(ctx, "gatehouse-authserver"))
}

// writeYAML writes value as JSON, which is YAML too.
func (w *environment) writeYAML(name string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return os.WriteFile(w.file(name), text, 0o600)
}

func (w *environment) writeCertificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	w.roots.AppendCertsFromPEM(certificate)
	return errors.Join(os.WriteFile(w.file("tls.crt"), certificate, 0o600),
		os.WriteFile(w.file("tls.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}

// writeKubeconfig lets a program in with a token of its ServiceAccount, and with nothing else.
func (w *environment) writeKubeconfig(ctx context.Context, account string) error {
	request := &authenticationv1.TokenRequest{}
	owner := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.system, Name: account}}
	if err := w.Client.SubResource("token").Create(ctx, owner, request); err != nil {
		return fmt.Errorf("make a token of %s: %w", account, err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["it"] = &clientcmdapi.Cluster{Server: w.Config.Host, CertificateAuthorityData: w.Config.CAData, CertificateAuthority: w.Config.CAFile}
	config.AuthInfos["it"] = &clientcmdapi.AuthInfo{Token: request.Status.Token}
	config.Contexts["it"] = &clientcmdapi.Context{Cluster: "it", AuthInfo: "it"}
	config.CurrentContext = "it"
	return clientcmd.WriteToFile(*config, w.file(account+".kubeconfig"))
}

// launch starts one of the two programs, with its output in a file.
func (w *environment) launch(name string, args ...string) (*process.Process, error) {
	log, err := os.OpenFile(w.file(name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the program has a descriptor of its own
	args = append(append(args, "--kubeconfig="+w.file("gatehouse-"+name+".kubeconfig")), w.arguments[name]...)
	cmd := exec.Command(w.file(name), args...)
	cmd.Stdout, cmd.Stderr = log, log
	return process.Start(name, cmd)
}

// startOperator starts the operator without leader election: one that was stopped for a while would have lost its lease.
func (w *environment) startOperator(context.Context) (err error) {
	w.operator, err = w.launch("operator", "--issuer="+w.issuer, "--namespace="+w.system,
		"--metrics-bind-address=0", "--health-probe-bind-address=0")
	return err
}

// startAuthserver starts the server and waits until it is ready.
func (w *environment) startAuthserver(ctx context.Context) (err error) {
	if w.authserver, err = w.launch("authserver", "--config="+w.file("authserver.yaml")); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		request, err := http.NewRequestWithContext(waiting, http.MethodGet, w.issuer+"/readyz", nil)
		if err != nil {
			return err
		}
		if response, err := w.http().Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-again.C:
		case <-waiting.Done():
			return fmt.Errorf("the server is not ready: %w\n%s%s", waiting.Err(), w.log("authserver"), w.log("operator"))
		}
	}
}

// log is the end of a program's log.
func (w *environment) log(name string) string {
	text, _ := os.ReadFile(w.file(name + ".log"))
	return string(text[max(0, len(text)-2000):])
}

// http is a client that trusts the server.
func (w *environment) http() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: w.roots, MinVersion: tls.VersionTLS13}}}
}

// withoutOperator has the operator away while f runs.
func (w *environment) withoutOperator(f func()) {
	w.t.Helper()
	pid := shared.environment.operator.PID()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		w.t.Fatal(err)
	}
	defer func() {
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			w.t.Error(err)
		}
	}()
	f()
}

// eventually waits until the condition holds; when it does not, the test fails with the ends of the logs.
func (w *environment) eventually(what string, condition func() bool) {
	w.t.Helper()
	reached := false
	defer func() {
		if !reached {
			w.t.Logf("operator:\n%s\nauthserver:\n%s", w.log("operator"), w.log("authserver"))
		}
	}()
	testenv.Eventually(w.t, limit, what, condition)
	reached = true
}
