// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/controlplane"
	"github.com/gatehouse-dev/gatehouse/internal/controlplane/binaries"
	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
)

const (
	system = "gatehouse-system"
	issuer = "https://auth.bench.example"
	grace  = 40 * time.Second

	// forBuilding is how many objects a build with empty caches is worth, see patience.
	forBuilding = 5000
)

// bench is the control plane with the installation on it.
type bench struct {
	options

	dir      string
	binaries string
	cluster  *controlplane.Cluster
	api      client.WithWatch // the administrator's
	raw      kubernetes.Interface
	pattern  pattern
	running  []*process.Process
	fail     context.CancelCauseFunc // ends the run
}

// install starts a control plane, builds both programs and applies config/default.
func install(ctx context.Context, dir string, o options, fail context.CancelCauseFunc) (_ *bench, err error) {
	b := &bench{options: o, dir: dir, fail: fail}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.stop())
		}
	}()
	if b.binaries, err = binaries.Ensure(ctx, os.Stderr); err != nil {
		return nil, err
	}
	err = step(ctx, forBuilding, "building both programs", func(ctx context.Context, _ *progress) error {
		_, err := b.output(ctx, "", "go", "build", "-o", dir+"/", "./cmd/operator", "./cmd/authserver")
		return err
	})
	if err != nil {
		return nil, err
	}
	err = step(ctx, 0, "starting a control plane", func(ctx context.Context, _ *progress) (err error) {
		b.cluster, err = controlplane.Start(ctx, controlplane.Options{Dir: filepath.Join(dir, "cluster"), Binaries: b.binaries})
		return err
	})
	if err != nil {
		return nil, err
	}
	mindCluster(ctx, b.cluster, fail)
	if err := b.connect(); err != nil {
		return nil, err
	}
	return b, step(ctx, forBuilding, "applying config/default", func(ctx context.Context, _ *progress) error {
		return errors.Join(b.apply(ctx), b.writeKubeconfig(ctx, "operator"), b.writeKubeconfig(ctx, "authserver"))
	})
}

// connect makes the administrator's clients.
func (b *bench) connect() (err error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return fmt.Errorf("make the scheme: %w", err)
	}
	config := b.cluster.Config()
	if b.api, err = client.NewWithWatch(config, client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	if b.raw, err = kubernetes.NewForConfig(config); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	return nil
}

// output runs a program in the repository's folder and returns what it prints.
func (b *bench) output(ctx context.Context, input, name string, args ...string) (string, error) {
	root, err := binaries.RepositoryRoot()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // our own arguments
	cmd.Dir, cmd.Stdin, cmd.WaitDelay = root, strings.NewReader(input), grace
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, stderr.String())
	}
	return string(out), nil
}

// apply applies config/default as make deploy does: the kinds first.
func (b *bench) apply(ctx context.Context) error {
	if err := b.applyFolder(ctx, "config/crd"); err != nil {
		return err
	}
	err := b.kubectl(ctx, "", "wait", "--for=condition=Established", "--timeout=60s",
		"crd/oauthclients.gatehouse.dev", "crd/resourceservers.gatehouse.dev", "crd/oauthclientpolicies.gatehouse.dev")
	if err != nil {
		return err
	}
	return b.applyFolder(ctx, "config/default")
}

func (b *bench) applyFolder(ctx context.Context, folder string) error {
	manifests, err := b.output(ctx, "", "go", "tool", "-modfile=hack/tools/go.mod", "kustomize", "build", folder)
	if err != nil {
		return err
	}
	return b.kubectl(ctx, manifests, "apply", "--server-side", "-f", "-")
}

func (b *bench) kubectl(ctx context.Context, input string, args ...string) error {
	args = append([]string{"--kubeconfig=" + b.cluster.Kubeconfig(), "--cache-dir=" + filepath.Join(b.dir, "cache")}, args...)
	_, err := b.output(ctx, input, filepath.Join(b.binaries, "kubectl"), args...)
	return err
}

// writeKubeconfig lets a program in with a token of its ServiceAccount, and with nothing else.
func (b *bench) writeKubeconfig(ctx context.Context, program string) error {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(24 * 3600))}}
	owner := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: "gatehouse-" + program}}
	if err := b.api.SubResource("token").Create(ctx, owner, request); err != nil {
		return fmt.Errorf("make a token of the %s: %w", program, err)
	}
	access := b.cluster.Config()
	config := clientcmdapi.NewConfig()
	config.Clusters["it"] = &clientcmdapi.Cluster{Server: access.Host, CertificateAuthorityData: access.CAData, CertificateAuthority: access.CAFile}
	config.AuthInfos["it"] = &clientcmdapi.AuthInfo{Token: request.Status.Token}
	config.Contexts["it"] = &clientcmdapi.Context{Cluster: "it", AuthInfo: "it"}
	config.CurrentContext = "it"
	if err := clientcmd.WriteToFile(*config, filepath.Join(b.dir, program+".kubeconfig")); err != nil {
		return fmt.Errorf("write the kubeconfig of the %s: %w", program, err)
	}
	return nil
}

// start starts one of the two programs, with its output in a file.
func (b *bench) start(name string, environment []string, args ...string) (*process.Process, error) {
	log, err := os.OpenFile(filepath.Join(b.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of the %s: %w", name, err)
	}
	defer func() { _ = log.Close() }() // the program has a descriptor of its own
	//nolint:gosec // a program that was just built
	cmd := exec.Command(filepath.Join(b.dir, name), append(args, "--kubeconfig="+filepath.Join(b.dir, name+".kubeconfig"))...)
	cmd.Stdout, cmd.Stderr, cmd.Env = log, log, append(os.Environ(), environment...)
	p, err := process.Start(name, cmd)
	if err != nil {
		return nil, err
	}
	b.running = append(b.running, p)
	b.mind(p, name)
	return p, nil
}

// end has a program that was started end.
func (b *bench) end(p *process.Process) error {
	for i, running := range b.running {
		if running == p {
			b.running = append(b.running[:i:i], b.running[i+1:]...)
		}
	}
	return p.Stop(grace)
}

// stop ends everything that still runs.
func (b *bench) stop() error {
	var errs []error
	for len(b.running) > 0 {
		errs = append(errs, b.end(b.running[len(b.running)-1]))
	}
	if b.cluster != nil {
		say("stopping the control plane")
		errs = append(errs, b.cluster.Stop())
	}
	return errors.Join(errs...)
}

// freeAddress returns an address that is free now.
func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}
