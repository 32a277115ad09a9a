// SPDX-License-Identifier: Apache-2.0

// Package controlplane runs a Kubernetes control plane on loopback for development and tests: etcd, kube-apiserver and,
// when asked, kube-controller-manager; no node, so no pod ever runs. TLS everywhere, authorization by RBAC.
//
// It takes ready programs (package binaries provides them) and a folder to work in. Its programs die with their starter.
// Package testenv makes it a test environment.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/rest"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
)

// stopGrace is how long a program may take to end when asked to. The API server ends its watches in that time.
const stopGrace = 20 * time.Second

// Options say what to start.
type Options struct {
	// Dir is where keys, data and logs go. It is made where absent; what an earlier cluster left in it is removed, so
	// no other may be running there.
	Dir string
	// Binaries is the folder that holds the programs.
	Binaries string
	// Port is the API server's TCP port on 127.0.0.1. 0 means any free one.
	Port int
	// ControllerManager starts kube-controller-manager too: see Cluster.StartControllerManager.
	ControllerManager bool
	// APIServerArguments are added to those of kube-apiserver.
	APIServerArguments []string
}

// Cluster is a running control plane.
type Cluster struct {
	dir, binaries string
	etcdPort      int
	port          int
	config        *rest.Config
	running       []running // in the order in which they were started
	failed        chan error
}

// running is one program of the cluster.
type running struct {
	name    string
	process *process.Process
}

// Start starts a cluster and returns when it serves: its RBAC roles and its default namespace exist. When it cannot, nothing is
// left running and the error holds the end of the log of the program that failed. ctx bounds the start only.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	for attempt := 1; ; attempt++ {
		c, err := start(ctx, o)
		if err == nil {
			return c, nil
		}
		// A port that was free when we looked may be taken when the program looks: then another is tried.
		if o.Port != 0 || attempt == 3 || !strings.Contains(err.Error(), syscall.EADDRINUSE.Error()) {
			return nil, err
		}
	}
}

func start(ctx context.Context, o Options) (_ *Cluster, err error) {
	c := &Cluster{dir: o.Dir, binaries: o.Binaries, port: o.Port, failed: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	if err := c.prepare(); err != nil {
		return nil, err
	}
	if err := c.run("etcd", c.etcdArguments()); err != nil {
		return nil, err
	}
	if err := c.run("kube-apiserver", append(c.apiServerArguments(), o.APIServerArguments...)); err != nil {
		return nil, err
	}
	if err := c.await(ctx, "/readyz", "/api/v1/namespaces/default"); err != nil {
		return nil, err
	}
	if o.ControllerManager {
		return c, c.StartControllerManager(ctx)
	}
	return c, nil
}

// StartControllerManager starts kube-controller-manager with the controllers that matter without nodes: garbage collection by
// owner reference, namespace deletion, ServiceAccounts and their tokens, aggregated roles, Deployments up to their pods. It returns
// when its work shows.
func (c *Cluster) StartControllerManager(ctx context.Context) error {
	if err := c.run("kube-controller-manager", c.controllerManagerArguments()); err != nil {
		return err
	}
	return c.await(ctx, "/api/v1/namespaces/default/serviceaccounts/default",
		"/api/v1/namespaces/default/configmaps/kube-root-ca.crt")
}

// Config lets a client in as administrator, without a limit of its own on requests per second. It is a copy.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Kubeconfig is the path of a file that lets kubectl in as administrator.
func (c *Cluster) Kubeconfig() string { return filepath.Join(c.dir, "admin.kubeconfig") }

// Failed receives one error when a program of the cluster ends by itself.
func (c *Cluster) Failed() <-chan error { return c.failed }

// Pause stops the API server as a machine that hangs would: connections are taken and nothing is answered. resume
// lets it go on.
func (c *Cluster) Pause() (resume func() error, err error) {
	for _, r := range c.running {
		if r.name != "kube-apiserver" {
			continue
		}
		pid := r.process.PID()
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			return nil, fmt.Errorf("pause the API server: %w", err)
		}
		return func() error { return syscall.Kill(pid, syscall.SIGCONT) }, nil
	}
	return nil, errors.New("no API server runs")
}

// Stop stops what was started, in reverse order, and waits until it is gone. The files in the folder stay.
func (c *Cluster) Stop() error {
	var errs []error
	for len(c.running) > 0 {
		last := c.running[len(c.running)-1]
		c.running = c.running[:len(c.running)-1]
		errs = append(errs, last.process.Stop(stopGrace))
	}
	return errors.Join(errs...)
}

// prepare makes the folder, the ports, the keys and the ways in.
func (c *Cluster) prepare() (err error) {
	if c.dir, err = filepath.Abs(c.dir); err != nil {
		return fmt.Errorf("find the folder of the control plane: %w", err)
	}
	for _, old := range []string{"etcd", "pki"} {
		if err := os.RemoveAll(filepath.Join(c.dir, old)); err != nil {
			return fmt.Errorf("remove an earlier control plane: %w", err)
		}
	}
	for _, folder := range []string{"pki", "logs"} {
		if err := os.MkdirAll(filepath.Join(c.dir, folder), 0o700); err != nil {
			return fmt.Errorf("make the folder of the control plane: %w", err)
		}
	}
	if err := c.choosePorts(); err != nil {
		return err
	}
	if err := writeKeys(filepath.Join(c.dir, "pki")); err != nil {
		return fmt.Errorf("make the keys of the control plane: %w", err)
	}
	return c.writeAccess()
}
