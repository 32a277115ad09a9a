// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/controlplane/binaries"
	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/freeport"
	"github.com/gatehouse-dev/gatehouse/internal/gobuild"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	testenv.Main(m)
}

const (
	issuer = "https://auth.example.com"
	// limit is how long anything may take on a busy machine. It decides nothing but when to
	// give up.
	limit = 5 * time.Minute
	grace = time.Minute
	lease = "gatehouse-operator"
)

// programs builds both programs, once for all tests. It returns their folder.
var programs = sync.OnceValues(func() (string, error) {
	root, err := binaries.RepositoryRoot()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "gatehouse-operator-test-")
	if err != nil {
		return "", err
	}
	testenv.AtEnd(func() error { return os.RemoveAll(dir) })
	cmd := gobuild.Command(dir+"/", "./cmd/operator", "./cmd/authserver")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return dir, nil
})

// installation is a class of its own in the cluster, with a system namespace, and two
// namespaces for its clients.
type installation struct {
	*testenv.Env
	t        *testing.T
	programs string
	dir      string // for files
	system   string
	teams    [2]string
}

func install(t *testing.T) *installation {
	t.Helper()
	env := testenv.StartWithControllers(t)
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	i := &installation{Env: env, t: t, programs: dir, dir: t.TempDir(), system: env.Namespace(t)}
	for n := range i.teams {
		i.teams[n] = env.Namespace(t)
	}
	return i
}

func (i *installation) must(err error) {
	i.t.Helper()
	if err != nil {
		i.t.Fatal(err)
	}
}

// class is that of the objects of this installation.
func (i *installation) class() v1alpha1.ClassName { return v1alpha1.ClassName(i.system) }

// draft is a client before it is applied. Its callback belongs to its name alone.
func (i *installation) draft(team int, name string) *v1alpha1.OAuthClient {
	oc := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: i.teams[team], Name: name}}
	oc.Spec.ClassName = i.class()
	oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{v1alpha1.CallbackURL("https://" + i.teams[team] + ".example/" + name)}
	return oc
}

// launch starts a program with its output in a file.
func (i *installation) launch(name, log string, args ...string) *process.Process {
	i.t.Helper()
	path := filepath.Join(i.dir, log+".log")
	out, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	i.must(err)
	defer out.Close() // the program has a descriptor of its own
	cmd := exec.Command(filepath.Join(i.programs, name), args...)
	cmd.Stdout, cmd.Stderr = out, out
	p, err := process.Start(log, cmd)
	i.must(err)
	i.t.Cleanup(func() {
		if i.t.Failed() {
			text, _ := os.ReadFile(path)
			i.t.Logf("the end of the log of %s:\n%s", log, text[max(0, len(text)-4000):])
		}
	})
	return p
}

// operator is a process that speaks to the API server through a proxy of its own.
type operator struct {
	*process.Process
	probes string
}

func (i *installation) startOperator(name string, via *proxy) *operator {
	i.t.Helper()
	o := &operator{probes: freeport.For(i.t)}
	o.Process = i.launch("operator", name, "--issuer="+issuer, "--namespace="+i.system, "--class="+string(i.class()), "--leader-elect",
		"--metrics-bind-address=0", "--health-probe-bind-address="+o.probes, "--kubeconfig="+via.kubeconfig)
	return o
}

// signal sends the process a signal. One that has ended gets none.
func (o *operator) signal(sig syscall.Signal) {
	select {
	case <-o.Done():
	default:
		_ = syscall.Kill(o.PID(), sig)
	}
}

// kill ends the process as a machine that fails would, and returns once it is gone.
func (o *operator) kill() {
	o.signal(syscall.SIGKILL)
	<-o.Done()
}

// stop ends the process in order.
func (i *installation) stop(o *operator) {
	i.t.Helper()
	if err := o.Stop(grace); err != nil {
		i.t.Error(err)
	}
}

// leader returns who holds the lease; empty for nobody.
func (i *installation) leader() string {
	i.t.Helper()
	held := &coordinationv1.Lease{}
	err := i.Client.Get(i.t.Context(), client.ObjectKey{Namespace: i.system, Name: lease}, held)
	i.must(client.IgnoreNotFound(err))
	return holderOf(held)
}

// endLease removes the lease of an operator that is known to be dead. The next one need not
// wait until it has expired.
func (i *installation) endLease(ctx context.Context) error {
	return client.IgnoreNotFound(i.Client.Delete(ctx, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: i.system, Name: lease}}))
}

// eventually waits for what is seen in the cluster.
func (i *installation) eventually(what string, condition func() bool) {
	i.t.Helper()
	testenv.Eventually(i.t, limit, what, condition)
}

// answers returns the status of a GET; 0 while nobody answers.
func (i *installation) answers(url string) int {
	i.t.Helper()
	request, err := http.NewRequestWithContext(i.t.Context(), http.MethodGet, url, nil)
	i.must(err)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

// sharedKey is what the authorization server checks client secrets with.
func (i *installation) sharedKey() credential.Key {
	i.t.Helper()
	secret := &corev1.Secret{}
	i.must(i.Client.Get(i.t.Context(), client.ObjectKey{Namespace: i.system, Name: credential.SharedKeySecret}, secret))
	key, err := credential.ParseKey(secret.Data[credential.SharedDataKey])
	i.must(err)
	return key
}

// startAuthserver starts a real authorization server on the real API server. It returns its
// URL; it is ready once the operator has made its keys.
func (i *installation) startAuthserver() string {
	i.t.Helper()
	listen := freeport.For(i.t)
	users, config := filepath.Join(i.dir, "users.yaml"), filepath.Join(i.dir, "authserver.yaml")
	hash, err := exec.Command("sh", "-c", "echo bob-bob-bob | "+filepath.Join(i.programs, "authserver")+" hash-password").Output()
	i.must(err)
	i.must(writeYAML(users, map[string]any{"users": []any{map[string]string{"id": "1", "name": "bob", "passwordHash": string(hash[:len(hash)-1])}}}))
	i.must(writeYAML(config, map[string]any{
		"issuer": issuer, "namespace": i.system, "class": i.class(), "listen": listen, "metricsListen": freeport.For(i.t), "plainHTTP": true,
		"store": "sqlite:" + filepath.Join(i.dir, "gatehouse.db"), "identity": map[string]any{"sources": []any{map[string]any{"key": "users", "usersFile": map[string]string{"path": users}}}},
		"audit": map[string]string{"file": filepath.Join(i.dir, "audit.log")},
	}))
	p := i.launch("authserver", "authserver", "--config="+config, "--kubeconfig="+i.Kubeconfig)
	i.t.Cleanup(func() {
		if err := p.Stop(grace); err != nil {
			i.t.Error(err)
		}
	})
	return "http://" + listen
}

// writeYAML writes value as JSON, which is YAML too.
func writeYAML(path string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// writeKubeconfig leads to a server that presents the certificate.
func writeKubeconfig(path, url string, certificate []byte) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["it"] = &clientcmdapi.Cluster{
		Server: url, CertificateAuthorityData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
	}
	config.AuthInfos["it"] = &clientcmdapi.AuthInfo{Token: "the proxy has its own"}
	config.Contexts["it"] = &clientcmdapi.Context{Cluster: "it", AuthInfo: "it"}
	config.CurrentContext = "it"
	return clientcmd.WriteToFile(*config, path)
}

// upstream is how a proxy speaks to the API server.
func (i *installation) upstream() http.RoundTripper {
	i.t.Helper()
	transport, err := rest.TransportFor(i.Config)
	i.must(err)
	return transport
}

// seeded returns a source of random numbers that a failed run can be repeated with, as far as
// the scheduling of goroutines and processes allows.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, seed))
}
