// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"cmp"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/freeport"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// replicas are servers behind one balancer, which is their issuer.
type replicas struct {
	w        *environment
	balancer *balancer
	store    func(n int) string // the store of the replica with this number
	started  int
	program  string               // empty: that of the environment
	variable func(n int) []string // what the environment of the replica with this number has besides; nil: nothing
}

// replica is one of them.
type replica struct {
	*server
	main, ops string
	program   string
	variables []string
	ended     chan struct{}
}

// startReplica starts one more and waits until the balancer knows that it is ready.
func (r *replicas) startReplica(t *testing.T) *replica {
	t.Helper()
	r.started++
	dir := t.TempDir()
	one := &replica{main: freeport.For(t), ops: freeport.For(t), ended: make(chan struct{})}
	config, err := json.Marshal(map[string]any{
		"issuer": "https://" + r.balancer.address(), "namespace": "gatehouse-system", "listen": one.main, "metricsListen": one.ops,
		"tls":      map[string]string{"certFile": filepath.Join(r.w.dir, "tls", "tls.crt"), "keyFile": filepath.Join(r.w.dir, "tls", "tls.key")},
		"store":    r.store(r.started),
		"identity": map[string]any{"sources": []any{map[string]any{"key": "users", "usersFile": map[string]string{"path": filepath.Join(r.w.dir, "users.yaml")}}}},
		"audit":    map[string]string{"file": filepath.Join(dir, "audit.log")},
		// All clients have one address here.
		"limits": map[string]int{"connections": 2048, "connectionsPerAddress": 2048, "requests": 1024, "requestsPerAddress": 1024,
			"hashMemoryMiB": 96},
		"shutdownDelaySeconds": 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	one.server = &server{w: r.w, issuer: "https://" + r.balancer.address(), config: filepath.Join(dir, "authserver.yaml")}
	if err := os.WriteFile(one.config, config, 0o600); err != nil {
		t.Fatal(err)
	}
	one.program, one.variables = cmp.Or(r.program, filepath.Join(r.w.dir, "bin", "authserver")), os.Environ()
	if r.variable != nil {
		one.variables = append(one.variables, r.variable(r.started)...)
	}
	one.launch(t)
	r.balancer.watch(one.main, one.ops)
	testenv.Eventually(t, time.Minute, "replica "+strconv.Itoa(r.started)+" gets connections; its log is "+one.config+".log", func() bool {
		return r.balancer.serves(one.main)
	})
	return one
}

// launch starts the program.
func (r *replica) launch(t *testing.T) {
	t.Helper()
	r.cmd = exec.Command(r.program, "--config="+r.config, "--kubeconfig="+filepath.Join(r.w.dir, "authserver.kubeconfig"))
	r.cmd.Env = r.variables
	log, err := os.OpenFile(r.config+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() // the program has a descriptor of its own
	r.cmd.Stdout, r.cmd.Stderr = log, log
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = r.cmd.Wait(); close(r.ended) }()
	t.Cleanup(func() { _ = r.cmd.Process.Kill(); <-r.ended })
}

// stop asks the program to end, as the kubelet does, and waits until it has.
func (r *replica) stop(t *testing.T) {
	t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.ended:
	case <-time.After(time.Minute):
		t.Fatalf("the replica does not end; its log is %s.log", r.config)
	}
	if code := r.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the replica ended with %d; its log is %s.log", code, r.config)
	}
}

// TestN191ARollingUpdateFailsNoRequest has three servers replaced one after the other, each by one that is
// ready before the other is asked to stop, while clients of three kinds send requests.
func TestN191ARollingUpdateFailsNoRequest(t *testing.T) {
	w := start(t)
	dir := t.TempDir()
	r := &replicas{w: w, balancer: newBalancer(t), store: func(n int) string {
		return "sqlite:" + filepath.Join(dir, "store"+strconv.Itoa(n)+".db") // the requests of this test write nothing
	}}
	var running []*replica
	for range 3 {
		running = append(running, r.startReplica(t))
	}
	load := beginLoad(t, w, r.balancer.address())
	load.served(t, 20)
	for _, old := range running {
		r.startReplica(t)
		load.served(t, 20)
		old.stop(t)
		load.served(t, 20)
	}
	answered, failed := load.end()
	t.Logf("%d requests answered, %d failed", answered, len(failed))
	for n, why := range failed {
		if n < 10 {
			t.Errorf("a request failed: %s", why)
		}
	}
	if _, err := net.Dial("tcp", running[0].main); err == nil {
		t.Error("a replaced server still takes connections")
	}
}
