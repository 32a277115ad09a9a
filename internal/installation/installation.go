// SPDX-License-Identifier: Apache-2.0

// Package installation deploys config/default on a control plane of its own and runs the shipped programs
// beside it: each is a process with the ServiceAccount, the roles and the admission policies that it has in a
// cluster. It is for the commands that measure (hack/bench, hack/bench-operator).
//
//	installation.go  the control plane, and what is applied to it
//	programs.go      the two programs, as they are deployed
//	wait.go          what is waited for, and what ends every wait
//	metrics.go       what programs and the API server export
package installation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/controlplane"
	"github.com/gatehouse-dev/gatehouse/internal/controlplane/binaries"
	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
)

const (
	// System is the namespace of the installation.
	System = "gatehouse-system"
	// Issuer is the issuer of the authorization server, whatever port it serves at.
	Issuer = "https://auth.bench.example"
)

// Say tells whoever waits what is being done.
type Say func(format string, args ...any)

// Installation is a control plane with config/default applied.
type Installation struct {
	Dir string               // for files
	API client.WithWatch     // the administrator's
	Raw kubernetes.Interface // the administrator's

	kubeconfigs string // folder with one for each program
	limits      Limits
	now         func() time.Time
	say         Say
	fail        context.CancelCauseFunc // may be nil
	stopped     chan struct{}           // closed when the cluster is to end
	binaries    string
	command     func(program string, args ...string) *exec.Cmd
	cluster     *controlplane.Cluster
	running     []*process.Process
}

// Options say what is made.
type Options struct {
	Dir string // for files
	// Step does one thing that may take long, and says so. Absent: it is said by Say.
	Step func(ctx context.Context, doing string, do func(context.Context) error) error
	// Say tells whoever waits what is being done. Absent: nobody is told.
	Say Say
	// Fail is called when a program ends that was not asked to: whatever waits for it would wait for ever.
	Fail context.CancelCauseFunc
	// Command makes the command that runs a program, operator or authserver. Absent: both programs are built, and run
	// from Dir.
	Command func(program string, args ...string) *exec.Cmd
}

// New starts a control plane, builds both programs and applies config/default.
func New(ctx context.Context, o Options) (_ *Installation, err error) {
	if o.Say == nil {
		o.Say = func(string, ...any) {}
	}
	if o.Step == nil {
		o.Step = func(ctx context.Context, doing string, do func(context.Context) error) error {
			o.Say("%s", doing)
			return do(ctx)
		}
	}
	i := &Installation{Dir: o.Dir, kubeconfigs: o.Dir, limits: deployed, now: time.Now, say: o.Say, fail: o.Fail, stopped: make(chan struct{}), command: o.Command}
	if i.command == nil {
		i.command = i.built
	}
	log.SetLogger(logr.Discard()) // of controller-runtime's client, which has nothing to say
	defer func() {
		if err != nil {
			err = errors.Join(err, i.Stop())
		}
	}()
	if i.binaries, err = binaries.Ensure(ctx, os.Stderr); err != nil {
		return nil, err
	}
	for _, step := range []struct {
		doing string
		do    func(context.Context) error
	}{
		{"providing both programs (minutes, when they are built and Go's build cache is empty)", func(ctx context.Context) error { return i.build(ctx, o) }},
		{"starting a control plane", i.startCluster},
		{"applying config/default", func(ctx context.Context) error {
			return errors.Join(i.Deploy(ctx, "config"), i.writeKubeconfig(ctx, "operator"), i.writeKubeconfig(ctx, "authserver"))
		}},
	} {
		if err := o.Step(ctx, step.doing, step.do); err != nil {
			return nil, err
		}
	}
	return i, nil
}

// startCluster starts the control plane and makes the administrator's clients.
func (i *Installation) startCluster(ctx context.Context) (err error) {
	if i.cluster, err = controlplane.Start(ctx, controlplane.Options{Dir: filepath.Join(i.Dir, "cluster"), Binaries: i.binaries}); err != nil {
		return err
	}
	i.mindCluster()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return fmt.Errorf("make the scheme: %w", err)
	}
	if i.API, err = client.NewWithWatch(i.Config(), client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	if i.Raw, err = kubernetes.NewForConfig(i.Config()); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	return nil
}

// Config lets the administrator in.
func (i *Installation) Config() *rest.Config { return i.cluster.Config() }

// Output runs a program in the repository's folder and returns what it prints.
func (i *Installation) Output(ctx context.Context, input, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...) //nolint:gosec // our own arguments
	cmd.Stdin = strings.NewReader(input)
	return output(ctx, cmd)
}

// output runs a command in the repository's folder and returns what it prints.
func output(ctx context.Context, cmd *exec.Cmd) (string, error) {
	root, err := binaries.RepositoryRoot()
	if err != nil {
		return "", err
	}
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, &stdout, &stderr
	p, err := process.Start(filepath.Base(cmd.Path), cmd)
	if err != nil {
		return "", err
	}
	if err := p.Wait(ctx, grace); err != nil {
		return "", fmt.Errorf("%w\n%s", err, stderr.String())
	}
	return stdout.String(), nil
}

// Deploy applies the folder default of config, or of a copy of it, as make deploy does: the kinds first.
func (i *Installation) Deploy(ctx context.Context, config string) error {
	if err := i.applyFolder(ctx, filepath.Join(config, "crd")); err != nil {
		return err
	}
	err := i.kubectl(ctx, "", "wait", "--for=condition=Established", "--timeout=60s",
		"crd/oauthclients.gatehouse.dev", "crd/resourceservers.gatehouse.dev", "crd/oauthclientpolicies.gatehouse.dev")
	if err != nil {
		return err
	}
	return i.applyFolder(ctx, filepath.Join(config, "default"))
}

// Apply applies manifests, as the administrator.
func (i *Installation) Apply(ctx context.Context, manifests string) error {
	return i.kubectl(ctx, manifests, "apply", "--server-side", "-f", "-")
}

func (i *Installation) applyFolder(ctx context.Context, folder string) error {
	manifests, err := i.Output(ctx, "", "go", "tool", "-modfile=hack/tools/go.mod", "kustomize", "build", folder)
	if err != nil {
		return err
	}
	return i.Apply(ctx, manifests)
}

func (i *Installation) kubectl(ctx context.Context, input string, args ...string) error {
	args = append([]string{"--kubeconfig=" + i.cluster.Kubeconfig(), "--cache-dir=" + filepath.Join(i.Dir, "cache")}, args...)
	_, err := i.Output(ctx, input, filepath.Join(i.binaries, "kubectl"), args...)
	return err
}

// writeKubeconfig lets a program in with a token of its ServiceAccount, and with nothing else.
func (i *Installation) writeKubeconfig(ctx context.Context, program string) error {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(24 * 3600))}}
	owner := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: System, Name: "gatehouse-" + program}}
	if err := i.API.SubResource("token").Create(ctx, owner, request); err != nil {
		return fmt.Errorf("make a token of the %s: %w", program, err)
	}
	access := rest.CopyConfig(i.Config())
	if err := rest.LoadTLSFiles(access); err != nil { // a program may see no file but its kubeconfig
		return fmt.Errorf("read the authority of the API server: %w", err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["it"] = &clientcmdapi.Cluster{Server: access.Host, CertificateAuthorityData: access.CAData}
	config.AuthInfos["it"] = &clientcmdapi.AuthInfo{Token: request.Status.Token}
	config.Contexts["it"] = &clientcmdapi.Context{Cluster: "it", AuthInfo: "it"}
	config.CurrentContext = "it"
	if err := clientcmd.WriteToFile(*config, i.kubeconfig(program)); err != nil {
		return fmt.Errorf("write the kubeconfig of the %s: %w", program, err)
	}
	return nil
}

func (i *Installation) kubeconfig(program string) string {
	return filepath.Join(i.kubeconfigs, program+".kubeconfig")
}

// Before returns the installation as its programs see it through a server that stands before the API server. The
// folder, which must not exist, is for kubeconfigs. The programs of what is returned are ended by its own Stop.
func (i *Installation) Before(server, caFile, folder string, limits Limits) (*Installation, error) {
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the kubeconfigs: %w", err)
	}
	through := &Installation{Dir: i.Dir, API: i.API, Raw: i.Raw, kubeconfigs: folder, limits: limits, now: i.now, say: i.say, fail: i.fail, command: i.command}
	for _, program := range []string{"operator", "authserver"} {
		config, err := clientcmd.LoadFromFile(i.kubeconfig(program))
		if err != nil {
			return nil, fmt.Errorf("read the kubeconfig of the %s: %w", program, err)
		}
		config.Clusters["it"] = &clientcmdapi.Cluster{Server: server, CertificateAuthority: caFile}
		if err := clientcmd.WriteToFile(*config, through.kubeconfig(program)); err != nil {
			return nil, fmt.Errorf("write the kubeconfig of the %s: %w", program, err)
		}
	}
	return through, nil
}

// Stop ends everything that still runs.
func (i *Installation) Stop() error {
	var errs []error
	for len(i.running) > 0 {
		errs = append(errs, i.End(i.running[len(i.running)-1]))
	}
	if i.cluster != nil {
		i.say("stopping the control plane")
		close(i.stopped)
		errs = append(errs, i.cluster.Stop())
		i.cluster = nil
	}
	return errors.Join(errs...)
}
