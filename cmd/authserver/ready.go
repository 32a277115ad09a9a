// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver/web"
)

const (
	// readyInterval is how often the parts are asked.
	readyInterval = 200 * time.Millisecond
	// remindAfter is after how many of them it is said again what is waited for.
	remindAfter = 25
)

// errStopping is why a server that was asked to stop is not ready.
var errStopping = errors.New("stopping")

// errStarting is why a server is not ready before its parts were asked.
var errStarting = errors.New("starting")

// part is something without which the server cannot answer.
type part struct {
	name string // a word, for /readyz and the metric
	// ask returns nil when the part is ready, else what is waited for, for the log.
	ask func(context.Context) error
}

// readiness knows whether the server can answer. Probes cost nothing: the parts are
// asked by the clock and when one of them has changed, not by whoever calls.
type readiness struct {
	parts   []part
	log     *slog.Logger
	metrics *web.Metrics
	// degraded returns web.Degraded while the server is ready and cannot do everything. nil: never.
	degraded func() error

	problem  atomic.Pointer[error] // nil: none
	started  atomic.Bool           // it was ready once
	stopping atomic.Bool
	wake     chan struct{} // holds one value while a look is wanted at once
	waited   int           // looks that the same problem has lasted
}

func newReadiness(log *slog.Logger, m *web.Metrics, parts ...part) *readiness {
	r := &readiness{parts: parts, log: log, metrics: m, wake: make(chan struct{}, 1)}
	r.problem.Store(&errStarting)
	return r
}

// Ready returns nil when the server can answer, web.Degraded when it can answer most, else in a
// word why it cannot.
func (r *readiness) Ready(*http.Request) error {
	if r.stopping.Load() {
		return errStopping
	}
	if problem := r.problem.Load(); problem != nil {
		return *problem
	}
	if r.degraded != nil {
		return r.degraded()
	}
	return nil
}

// Started reports whether the server was ready once. That does not end: a part that goes away
// later fails the requests that need it, and no others.
func (r *readiness) Started() bool { return r.started.Load() }

// Changed has the parts asked at once.
func (r *readiness) Changed() {
	select {
	case r.wake <- struct{}{}:
	default: // a look is wanted already
	}
}

// Stop makes the server not ready for good.
func (r *readiness) Stop() { r.stopping.Store(true) }

// Stopping reports whether Stop was called.
func (r *readiness) Stopping() bool { return r.stopping.Load() }

// Watch asks the parts until ctx ends.
func (r *readiness) Watch(ctx context.Context) {
	tick := time.NewTicker(readyInterval)
	defer tick.Stop()
	for {
		r.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-r.wake:
		}
	}
}

// look asks each part, and says what has changed or has not for a while.
func (r *readiness) look(ctx context.Context) {
	var missing, waits []string
	for _, p := range r.parts {
		err := p.ask(ctx)
		r.metrics.SetReady(p.name, err == nil)
		if err != nil {
			missing, waits = append(missing, p.name), append(waits, err.Error())
		}
	}
	if ctx.Err() != nil {
		return // what did not answer had no time to
	}
	before := r.problem.Load()
	if len(missing) == 0 {
		r.problem.Store(nil)
		r.started.Store(true)
		if before != nil {
			r.log.InfoContext(ctx, "ready")
		}
		return
	}
	problem := errors.New(strings.Join(missing, " "))
	r.problem.Store(&problem)
	if before == nil || (*before).Error() != problem.Error() {
		r.waited = 0
	}
	if r.waited%remindAfter == 0 {
		r.log.WarnContext(ctx, "not ready, waiting", "for", waits)
	}
	r.waited++
}

// changedBy waits until something has happened, once, and looks anew whether the server is ready.
func (r *readiness) changedBy(happened <-chan struct{}) func(context.Context) {
	return func(ctx context.Context) {
		select {
		case <-happened:
			r.Changed()
		case <-ctx.Done():
		}
	}
}
