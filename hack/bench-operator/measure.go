// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
)

// result is what one turn took.
type result struct {
	clients   int
	seconds   float64 // from the first apply to the last Ready
	apiServer float64 // CPU-seconds of the API server
	operator  float64 // CPU-seconds of the operator
	writes    map[string]float64
}

// pair is a turn of each.
type pair struct{ bare, operator result }

func (p pair) ratio() float64 { return p.operator.seconds / p.bare.seconds }

// operator is the program that runs.
type operator struct {
	b       *bench
	process *process.Process
	metrics string // address
}

// startOperator starts the operator as it is deployed, and returns once it leads and has
// nothing to do.
func (b *bench) startOperator(ctx context.Context, so *progress) (*operator, error) {
	so.begin("until the operator leads", 0)
	probes, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	o := &operator{b: b}
	if o.metrics, err = freeAddress(ctx); err != nil {
		return nil, err
	}
	o.process, err = b.start("operator", []string{"GOMEMLIMIT=268435456"}, "--issuer="+issuer, "--namespace="+system, "--leader-elect",
		"--metrics-bind-address="+o.metrics, "--health-probe-bind-address="+probes)
	if err != nil {
		return nil, err
	}
	return o, eventually(ctx, "the operator leads", func() (bool, error) {
		m, err := ofProgram(ctx, o.metrics)
		return m.sum("leader_election_master_status") == 1 && m.sum("workqueue_adds_total", "name", "keys") > 0, err
	})
}

// reconciled waits until the operator has looked at n clients since it started and has
// nothing left to do.
func (o *operator) reconciled(ctx context.Context, n int, so *progress) error {
	so.begin("the operator looks at every client", n)
	return eventually(ctx, "the operator has looked at every client", func() (bool, error) {
		last, err := ofProgram(ctx, o.metrics)
		done := last.sum("controller_runtime_reconcile_total", "controller", "oauthclient")
		so.done.Store(int64(done))
		return last != nil && done >= float64(n) &&
			last.sum("workqueue_depth", "name", "oauthclient") == 0 &&
			last.sum("controller_runtime_active_workers", "controller", "oauthclient") == 0, err
	})
}

func (o *operator) stop() error { return o.b.end(o.process) }

func (b *bench) measureBare(ctx context.Context, round string, n int, so *progress) (result, error) {
	return b.measure(ctx, n, nil, so, func(ctx context.Context, i int) error { return b.writeBare(ctx, round, i) })
}

func (b *bench) measureOperator(ctx context.Context, round string, n int, profile bool, so *progress) (r result, err error) {
	o, err := b.startOperator(ctx, so)
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, o.stop()) }()
	if profile && b.profile != "" {
		stop := b.startProfile(ctx)
		defer func() { err = errors.Join(err, stop()) }()
	}
	return b.measure(ctx, n, o, so, func(ctx context.Context, i int) error {
		if err := b.api.Create(ctx, draft(round, i)); err != nil {
			return fmt.Errorf("apply a client: %w", err)
		}
		return nil
	})
}

// measure has people write n clients and takes the time until all have been Ready. o is nil
// where no operator runs.
func (b *bench) measure(
	ctx context.Context, n int, o *operator, so *progress, write func(context.Context, int) error,
) (result, error) {
	counted := &progress{}
	ready, err := b.untilReady(ctx, n, counted)
	if err != nil {
		return result{}, err
	}
	before, err := b.ofAPIServer(ctx)
	if err != nil {
		return result{}, err
	}
	cpu, err := o.cpu(ctx)
	if err != nil {
		return result{}, err
	}
	begin := time.Now()
	so.begin("clients are applied", n)
	if err := inParallel(ctx, n, so, write); err != nil {
		return result{}, err
	}
	so.follow("clients have been Ready", n, counted)
	if err := <-ready; err != nil {
		return result{}, err
	}
	r := result{clients: n, seconds: time.Since(begin).Seconds()}
	after, err := b.ofAPIServer(ctx)
	if err != nil {
		return result{}, err
	}
	used, err := o.cpu(ctx)
	r.operator, r.apiServer = used-cpu, after.sum(cpuSeconds)-before.sum(cpuSeconds)
	r.writes = since(writes(before), writes(after))
	return r, err
}

func (o *operator) cpu(ctx context.Context) (float64, error) {
	if o == nil {
		return 0, nil
	}
	m, err := ofProgram(ctx, o.metrics)
	return m.sum(cpuSeconds), err
}

// startProfile has the API server profile itself until stop is called, or for a minute.
func (b *bench) startProfile(ctx context.Context) (stop func() error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	done := make(chan error, 1)
	go func() {
		const seconds = 8
		text, err := b.raw.Discovery().RESTClient().Get().AbsPath("/debug/pprof/profile").Param("seconds", strconv.Itoa(seconds)).DoRaw(ctx)
		if err == nil {
			err = os.WriteFile(b.profile, text, 0o600)
		}
		done <- err
	}()
	return func() error {
		defer cancel()
		return <-done
	}
}

// startAuthserver starts the authorization server and returns the address of its metrics once
// it knows every client.
func (b *bench) startAuthserver(ctx context.Context) (*process.Process, string, error) {
	listen, err := freeAddress(ctx)
	if err != nil {
		return nil, "", err
	}
	metrics, err := freeAddress(ctx)
	if err != nil {
		return nil, "", err
	}
	hash, err := b.output(ctx, "bench-bench-bench\n", filepath.Join(b.dir, "authserver"), "hash-password")
	if err != nil {
		return nil, "", err
	}
	users := filepath.Join(b.dir, "users.yaml")
	config := filepath.Join(b.dir, "authserver.yaml")
	err = errors.Join(
		os.WriteFile(users, fmt.Appendf(nil, "users: [{id: \"1\", name: bob, passwordHash: %q}]\n", hash[:len(hash)-1]), 0o600),
		os.WriteFile(config, fmt.Appendf(nil, "issuer: %s\nnamespace: %s\nlisten: %s\nmetricsListen: %s\nplainHTTP: true\n"+
			"store: sqlite:%s\nidentity: {usersFile: %s}\n", issuer, system, listen, metrics, filepath.Join(b.dir, "gatehouse.db"), users), 0o600))
	if err != nil {
		return nil, "", fmt.Errorf("write the configuration of the authserver: %w", err)
	}
	p, err := b.start("authserver", []string{"GOMEMLIMIT=268435456"}, "--config="+config)
	if err != nil {
		return nil, "", err
	}
	return p, metrics, eventually(ctx, "the authserver is ready", func() (bool, error) { return isReady(ctx, metrics) })
}

func isReady(ctx context.Context, address string) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return false, fmt.Errorf("ask whether the authserver is ready: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, nil //nolint:nilerr // it starts
	}
	return response.StatusCode == http.StatusOK, response.Body.Close()
}
