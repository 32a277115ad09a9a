// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
	"github.com/gatehouse-dev/gatehouse/internal/freeport"
)

// controllers are those of kube-controller-manager that matter without nodes.
const controllers = "garbage-collector-controller,namespace-controller,validatingadmissionpolicy-status-controller," +
	"serviceaccount-controller,serviceaccount-token-controller,root-ca-certificate-publisher-controller," +
	"clusterrole-aggregation-controller,deployment-controller,replicaset-controller"

// logTail bounds, in bytes, how much of a log an error quotes.
const logTail = 4 << 10

func (c *Cluster) etcdArguments() []string {
	url := "https://" + address(c.etcdPort)
	return []string{
		"--data-dir=" + filepath.Join(c.dir, "etcd"),
		"--listen-client-urls=" + url,
		"--advertise-client-urls=" + url,
		"--listen-peer-urls=http://127.0.0.1:0", // it has no peers
		"--client-cert-auth=true",
		"--trusted-ca-file=" + c.pki("ca.crt"),
		"--cert-file=" + c.pki("server.crt"),
		"--key-file=" + c.pki("server.key"),
		"--unsafe-no-fsync=true", // what the cluster holds need not survive the machine
		"--log-level=warn",
	}
}

func (c *Cluster) apiServerArguments() []string {
	return []string{
		"--etcd-servers=https://" + address(c.etcdPort),
		"--etcd-cafile=" + c.pki("ca.crt"),
		"--etcd-certfile=" + c.pki("admin.crt"),
		"--etcd-keyfile=" + c.pki("admin.key"),
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(c.port),
		"--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none", // a loopback address is no endpoint for pods, and there are none
		"--tls-cert-file=" + c.pki("server.crt"),
		"--tls-private-key-file=" + c.pki("server.key"),
		"--client-ca-file=" + c.pki("ca.crt"),
		"--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.0.0.0/24",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.pki("service-account.key"),
		"--service-account-signing-key-file=" + c.pki("service-account.key"),
	}
}

func (c *Cluster) controllerManagerArguments() []string {
	kubeconfig := c.controllerManagerKubeconfig()
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + c.pki("service-account.key"),
		"--root-ca-file=" + c.pki("ca.crt"),
		"--controllers=" + controllers,
		"--leader-elect=false",
		"--secure-port=0", // nobody scrapes it
	}
}

// run starts one program, with its output in a log file of its name.
func (c *Cluster) run(name string, arguments []string) error {
	log, err := os.OpenFile(c.log(name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of %s: %w", name, err)
	}
	defer log.Close() // the program has its own descriptor
	cmd := exec.Command(filepath.Join(c.binaries, name), arguments...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, log, log
	p, err := process.Start(name, cmd)
	if err != nil {
		return err
	}
	c.running = append(c.running, running{name: name, process: p})
	go c.watch(name, p)
	return nil
}

// watch reports a program that ends by itself.
func (c *Cluster) watch(name string, p *process.Process) {
	<-p.Done()
	if p.Asked() {
		return
	}
	select {
	case c.failed <- fmt.Errorf("%s has ended; the end of its log:\n%s", name, c.tail(name)):
	default: // one failure is enough to know
	}
}

// await waits until every path answers with success.
func (c *Cluster) await(ctx context.Context, paths ...string) error {
	clients, err := kubernetes.NewForConfig(c.config)
	if err != nil {
		return fmt.Errorf("make a client for the control plane: %w", err)
	}
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		answer := clients.Discovery().RESTClient().Get().AbsPath(paths[0]).Timeout(5 * time.Second).Do(ctx)
		if answer.Error() == nil {
			if paths = paths[1:]; len(paths) == 0 {
				return nil
			}
			continue
		}
		select {
		case <-ticker.C:
		case err := <-c.failed:
			return err
		case <-ctx.Done():
			last := c.running[len(c.running)-1].name
			return fmt.Errorf("wait for %s: %w; last answer: %w; the end of the log of %s:\n%s",
				paths[0], context.Cause(ctx), answer.Error(), last, c.tail(last))
		}
	}
}

// choosePorts takes free ports for what has none, and looks whether the API server's port is free if somebody chose it.
func (c *Cluster) choosePorts() (err error) {
	if c.etcdPort, err = freeport.Take(); err != nil {
		return fmt.Errorf("find a port for etcd: %w", err)
	}
	if c.port == 0 {
		c.port, err = freeport.Take()
	} else {
		err = isFree(c.port)
	}
	if err != nil {
		return fmt.Errorf("find a port for the API server: %w", err)
	}
	return nil
}

func isFree(port int) error {
	listener, err := net.Listen("tcp4", address(port))
	if err != nil {
		return err
	}
	return listener.Close()
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func (c *Cluster) pki(name string) string { return filepath.Join(c.dir, "pki", name) }

func (c *Cluster) log(name string) string { return filepath.Join(c.dir, "logs", name+".log") }

func (c *Cluster) controllerManagerKubeconfig() string {
	return filepath.Join(c.dir, "controller-manager.kubeconfig")
}

// tail is the end of a program's log.
func (c *Cluster) tail(name string) string {
	log, err := os.ReadFile(c.log(name))
	if err != nil {
		return errors.Join(errors.New("it cannot be read"), err).Error()
	}
	if len(log) > logTail {
		_, log, _ = bytes.Cut(log[len(log)-logTail:], []byte("\n")) // whole lines only
	}
	return strings.TrimSpace(string(log))
}
