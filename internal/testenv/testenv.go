// SPDX-License-Identifier: Apache-2.0

// Package testenv gives tests a real API server with Gatehouse's kinds in it: one for each test binary, started by the first
// test that asks. Failure to start is a failure of that test, never a reason to skip it.
//
// A package that uses it runs its tests through Main:
//
//	func TestMain(m *testing.M) { testenv.Main(m) }
//
// The programs come from package controlplane/binaries, which builds what is missing; that may take longer than go test's
// time limit, so a first run is better done by `make test`.
package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/controlplane"
	"github.com/gatehouse-dev/gatehouse/internal/controlplane/binaries"
)

// startLimit bounds the start of an API server on a busy machine. Building the programs is not part of it.
const startLimit = 2 * time.Minute

// Env is a running API server. Its fields are for reading.
type Env struct {
	// Config lets the administrator in, without a limit on requests per second.
	Config *rest.Config
	// Kubeconfig is the path of a file that does the same for kubectl.
	Kubeconfig string
	// Binaries is the folder with kubectl and the other programs.
	Binaries string
	// Scheme knows client-go's kinds and Gatehouse's.
	Scheme *runtime.Scheme
	// Client is the administrator's client. It reads from the API server, not from a cache.
	Client client.Client
}

// shared is the environment of this test binary.
var shared struct {
	sync.Mutex
	main    bool // Main runs the tests
	started bool
	folder  *folder
	cluster *controlplane.Cluster
	manager bool // kube-controller-manager runs
	atEnd   []func() error
	env     *Env
	err     error // why it could not be started
}

// Main runs the tests of a package, stops what they have started and exits.
func Main(m *testing.M) {
	shared.main = true
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "testenv: stop the control plane:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// AtEnd has Main call f when all tests have run, while the API server still serves: for what tests share. The last f is called
// first.
func AtEnd(f func() error) {
	shared.Lock()
	defer shared.Unlock()
	shared.atEnd = append(shared.atEnd, f)
}

// Start returns the API server of this test binary, which tests share: make a Namespace for what a test writes. The CRDs
// of config/crd/bases are installed, and a policy called default that allows everything: tests of policy make their own
// (Env.Policy) and label a namespace. Nothing collects garbage, finishes a deleted namespace or makes tokens: StartWithControllers
// is for tests that need it.
func Start(tb testing.TB) *Env {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.main {
		tb.Fatal("testenv: the package needs `func TestMain(m *testing.M) { testenv.Main(m) }`")
	}
	if !shared.started {
		shared.started = true
		shared.err = start(tb.Context())
	}
	if shared.err != nil {
		tb.Fatalf("testenv: start the control plane: %v", shared.err)
	}
	return shared.env
}

// StartWithControllers is Start with kube-controller-manager, which then runs until the test binary ends.
func StartWithControllers(tb testing.TB) *Env {
	tb.Helper()
	env := Start(tb)
	shared.Lock()
	defer shared.Unlock()
	if shared.manager {
		return env
	}
	ctx, cancel := context.WithTimeout(tb.Context(), startLimit)
	defer cancel()
	if err := shared.cluster.StartControllerManager(ctx); err != nil {
		tb.Fatalf("testenv: start kube-controller-manager: %v", err)
	}
	shared.manager = true
	return env
}

// StartBare returns an API server that no other test uses and that knows nothing of Gatehouse: neither its CRDs nor a policy. It is
// stopped when the test ends.
func StartBare(tb testing.TB) *Env {
	tb.Helper()
	programs, err := binaries.Ensure(tb.Context(), os.Stderr)
	if err != nil {
		tb.Fatalf("testenv: %v", err)
	}
	ctx, cancel := context.WithTimeout(tb.Context(), startLimit)
	defer cancel()
	cluster, err := controlplane.Start(ctx, controlplane.Options{Dir: tb.TempDir(), Binaries: programs})
	if err != nil {
		tb.Fatalf("testenv: start a control plane: %v", err)
	}
	tb.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			tb.Errorf("testenv: stop a control plane: %v", err)
		}
	})
	env, err := newEnv(cluster, programs)
	if err != nil {
		tb.Fatalf("testenv: %v", err)
	}
	return env
}

// Namespace makes a fresh namespace and returns its name. It is left to the end of the API server, which is near.
func (e *Env) Namespace(tb testing.TB) string {
	tb.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	if err := e.Client.Create(tb.Context(), ns); err != nil {
		tb.Fatalf("testenv: make a namespace: %v", err)
	}
	return ns.Name
}

// User lets in a user who may do what RBAC says, by impersonation. The group system:authenticated is added, as for everyone
// who is let in. A ServiceAccount's name is system:serviceaccount:<namespace>:<name>.
func (e *Env) User(tb testing.TB, name string, groups ...string) *rest.Config {
	tb.Helper()
	config := rest.CopyConfig(e.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: append(groups[:len(groups):len(groups)], "system:authenticated")}
	return config
}

// Pause makes the API server hang until resume is called, or the test ends: it takes connections and answers nothing.
func (e *Env) Pause(tb testing.TB) (resume func()) {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	goOn, err := shared.cluster.Pause()
	if err != nil {
		tb.Fatalf("testenv: %v", err)
	}
	resume = sync.OnceFunc(func() {
		if err := goOn(); err != nil {
			tb.Errorf("testenv: let the API server go on: %v", err)
		}
	})
	tb.Cleanup(resume)
	return resume
}

func start(ctx context.Context) (err error) {
	programs, err := binaries.Ensure(ctx, os.Stderr)
	if err != nil {
		return err
	}
	root, err := binaries.RepositoryRoot()
	if err != nil {
		return err
	}
	if shared.folder, err = newFolder(os.TempDir()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	shared.cluster, err = controlplane.Start(ctx, controlplane.Options{Dir: shared.folder.path, Binaries: programs})
	if err != nil {
		return err
	}
	if shared.env, err = newEnv(shared.cluster, programs); err != nil {
		return err
	}
	crds := filepath.Join(root, "config", "crd", "bases")
	if _, err := envtest.InstallCRDs(shared.env.Config, envtest.CRDInstallOptions{Paths: []string{crds}, ErrorIfPathMissing: true, MaxTime: startLimit}); err != nil {
		return fmt.Errorf("install the CRDs of %s: %w", crds, err)
	}
	return shared.env.Policy(ctx, v1alpha1.DefaultPolicy, Permissive())
}

func newEnv(cluster *controlplane.Cluster, programs string) (*Env, error) {
	e := &Env{
		Config: cluster.Config(), Kubeconfig: cluster.Kubeconfig(), Binaries: programs, Scheme: runtime.NewScheme(),
	}
	if err := errors.Join(clientgoscheme.AddToScheme(e.Scheme), v1alpha1.AddToScheme(e.Scheme)); err != nil {
		return nil, fmt.Errorf("make the scheme: %w", err)
	}
	var err error
	if e.Client, err = client.New(e.Config, client.Options{Scheme: e.Scheme}); err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return e, nil
}

// stop stops the control plane and removes its folder.
func stop() error {
	shared.Lock()
	defer shared.Unlock()
	var errs []error
	for _, f := range slices.Backward(shared.atEnd) {
		errs = append(errs, f())
	}
	if shared.cluster != nil {
		errs = append(errs, shared.cluster.Stop())
	}
	if shared.folder != nil {
		errs = append(errs, shared.folder.remove())
	}
	return errors.Join(errs...)
}
