// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/installation"
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
	program *installation.Program
}

// startOperator starts the operator as it is deployed, and returns once it leads and has
// nothing to do.
func (b *bench) startOperator(ctx context.Context, so *progress) (*operator, error) {
	so.begin("until the operator leads", 0)
	p, err := b.StartOperator(ctx)
	if err != nil {
		return nil, err
	}
	return &operator{b: b, program: p}, nil
}

// reconciled waits until the operator has looked at n clients since it started and has
// nothing left to do.
func (o *operator) reconciled(ctx context.Context, n int, so *progress) error {
	so.begin("the operator looks at every client", n)
	return o.b.Eventually(ctx, "the operator has looked at every client", func() (bool, error) {
		last, err := installation.OfProgram(ctx, o.program.Metrics)
		done := last.Sum("controller_runtime_reconcile_total", "controller", "oauthclient")
		so.done.Store(int64(done))
		return last != nil && done >= float64(n) &&
			last.Sum("workqueue_depth", "name", "oauthclient") == 0 &&
			last.Sum("controller_runtime_active_workers", "controller", "oauthclient") == 0, err
	})
}

func (o *operator) stop() error { return o.b.End(o.program.Process) }

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
	before, err := b.OfAPIServer(ctx)
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
	after, err := b.OfAPIServer(ctx)
	if err != nil {
		return result{}, err
	}
	used, err := o.cpu(ctx)
	r.operator, r.apiServer = used-cpu, after.Sum(installation.CPUSeconds)-before.Sum(installation.CPUSeconds)
	r.writes = since(installation.Writes(before), installation.Writes(after))
	return r, err
}

func (o *operator) cpu(ctx context.Context) (float64, error) {
	if o == nil {
		return 0, nil
	}
	m, err := installation.OfProgram(ctx, o.program.Metrics)
	return m.Sum(installation.CPUSeconds), err
}

// startProfile has the API server profile itself until stop is called, or for a minute.
func (b *bench) startProfile(ctx context.Context) (stop func() error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	done := make(chan error, 1)
	go func() {
		const seconds = 8
		text, err := b.Raw.Discovery().RESTClient().Get().AbsPath("/debug/pprof/profile").Param("seconds", strconv.Itoa(seconds)).DoRaw(ctx)
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

// startAuthserver starts the authorization server and returns once it knows every client.
func (b *bench) startAuthserver(ctx context.Context) (*installation.Program, error) {
	if err := b.WriteUsers(ctx, "bob"); err != nil {
		return nil, err
	}
	return b.StartAuthserver(ctx, "authserver", map[string]any{"plainHTTP": true, "store": "sqlite:" + filepath.Join(b.Dir, "gatehouse.db")})
}

// since returns what was added to the counts.
func since(before, after map[string]float64) map[string]float64 {
	out := map[string]float64{}
	for name, value := range after {
		if added := value - before[name]; added > 0 {
			out[name] = added
		}
	}
	return out
}
