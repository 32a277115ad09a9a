// SPDX-License-Identifier: Apache-2.0

package installation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
	"github.com/gatehouse-dev/gatehouse/internal/freeport"
	"github.com/gatehouse-dev/gatehouse/internal/gobuild"
)

const (
	// grace is how long a program may take to end.
	grace = 40 * time.Second
	// Password is everybody's.
	Password = "bench-bench-bench"
	// Group is a group that everybody is in.
	Group = "family"
)

// Limits are what the Go runtime of each program tries to stay below, in bytes.
type Limits struct{ Operator, Authserver int64 }

// deployed bounds each program at least as tightly as GOMEMLIMIT in its Deployment does.
var deployed = Limits{Operator: 256 << 20, Authserver: 384 << 20}

// build builds both programs, unless they come from elsewhere.
func (i *Installation) build(ctx context.Context, o Options) error {
	if o.Command != nil {
		return nil
	}
	_, err := output(ctx, gobuild.Command(i.Dir+"/", "-ldflags=-s -w", "./cmd/operator", "./cmd/authserver")) // as the Makefile does
	return err
}

// Start starts a program, with its output in files named by log.
func (i *Installation) Start(log string, cmd *exec.Cmd) (*process.Process, error) {
	path := filepath.Join(i.Dir, log)
	stdout, err := os.OpenFile(path+".out", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of the %s: %w", log, err)
	}
	defer func() { _ = stdout.Close() }() // the program has a descriptor of its own
	stderr, err := os.OpenFile(path+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of the %s: %w", log, err)
	}
	defer func() { _ = stderr.Close() }() // here too
	cmd.Stdout, cmd.Stderr = stdout, stderr
	p, err := process.Start(log, cmd)
	if err != nil {
		return nil, err
	}
	i.running = append(i.running, p)
	i.mind(p, log)
	return p, nil
}

// End has a program that was started end.
func (i *Installation) End(p *process.Process) error {
	for n, running := range i.running {
		if running == p {
			i.running = append(i.running[:n:n], i.running[n+1:]...)
		}
	}
	return p.Stop(grace)
}

// built runs a program that build has built.
func (i *Installation) built(program string, args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(i.Dir, program), args...) //nolint:gosec // a program that was just built
}

// Program is one that runs.
type Program struct {
	*process.Process

	Address string // where it is served; empty for the operator
	Metrics string // address
}

func (i *Installation) program(name, log string, memory int64, args ...string) (*process.Process, error) {
	cmd := i.command(name, append(args, "--kubeconfig="+i.kubeconfig(name))...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMEMLIMIT=%d", memory))
	return i.Start(log, cmd)
}

// StartOperator starts the operator as it is deployed, and returns once it leads and has nothing to do.
func (i *Installation) StartOperator(ctx context.Context) (*Program, error) {
	probes, err := freeport.Address()
	if err != nil {
		return nil, err
	}
	o := &Program{}
	if o.Metrics, err = freeport.Address(); err != nil {
		return nil, err
	}
	o.Process, err = i.program("operator", "operator", i.limits.Operator, "--issuer="+Issuer, "--namespace="+System, "--leader-elect",
		"--metrics-bind-address="+o.Metrics, "--health-probe-bind-address="+probes)
	if err != nil {
		return nil, err
	}
	return o, i.Eventually(ctx, "the operator leads", func() (bool, error) {
		m, err := OfProgram(ctx, o.Metrics)
		return m.Sum("leader_election_master_status") == 1 && m.Sum("workqueue_adds_total", "name", "keys") > 0, err
	})
}

// StartAuthserver starts the authorization server with the settings that are given and its own defaults,
// and returns once it is ready: it knows every client.
func (i *Installation) StartAuthserver(ctx context.Context, name string, settings map[string]any) (*Program, error) {
	s := &Program{}
	var err error
	if s.Address, err = freeport.Address(); err != nil {
		return nil, err
	}
	if s.Metrics, err = freeport.Address(); err != nil {
		return nil, err
	}
	all := map[string]any{
		"issuer": Issuer, "namespace": System, "listen": s.Address, "metricsListen": s.Metrics,
		"identity": map[string]any{"sources": []any{map[string]any{"key": "users", "usersFile": map[string]string{"path": i.UsersFile()}}}},
	}
	maps.Copy(all, settings)
	text, err := json.Marshal(all) // JSON is YAML too
	config := filepath.Join(i.Dir, name+".yaml")
	if err := errors.Join(err, os.WriteFile(config, text, 0o600)); err != nil {
		return nil, fmt.Errorf("write the configuration of the authserver: %w", err)
	}
	if s.Process, err = i.program("authserver", name, i.limits.Authserver, "--config="+config); err != nil {
		return nil, err
	}
	return s, i.Eventually(ctx, "the authserver is ready", func() (bool, error) {
		select {
		case <-s.Done():
			return false, fmt.Errorf("the authserver has ended:\n%s", i.tail(name))
		default:
			return isReady(ctx, s.Metrics)
		}
	})
}

// UsersFile is the path of the users file.
func (i *Installation) UsersFile() string { return filepath.Join(i.Dir, "users.yaml") }

// WriteUsers writes the users file with people of these names, as an administrator would. They share a
// password, and for the sake of time its hash.
func (i *Installation) WriteUsers(ctx context.Context, names ...string) error {
	hash, err := i.Output(ctx, Password+"\n", filepath.Join(i.Dir, "authserver"), "hash-password")
	if err != nil {
		return err
	}
	var people []map[string]any
	for n, name := range names {
		people = append(people, map[string]any{
			"id": fmt.Sprint(n + 1), "name": name, "passwordHash": strings.TrimSpace(hash), "groups": []string{Group},
		})
	}
	text, err := json.Marshal(map[string]any{"users": people})
	if err := errors.Join(err, os.WriteFile(i.UsersFile(), text, 0o600)); err != nil {
		return fmt.Errorf("write the users file: %w", err)
	}
	return nil
}
