// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver/web"
)

const (
	// probeInterval is how often the store is asked whether it can write.
	probeInterval = time.Second
	// probeTime is how long the store may take for that.
	probeTime = 3 * time.Second
)

// probed is a store that knows whether it can write.
type probed interface {
	Probe(ctx context.Context) error
}

// writable knows whether the store can write. A store that cannot still reads, so the server stays
// ready: introspection and what else writes nothing goes on.
type writable struct {
	store   probed
	log     *slog.Logger
	metrics *web.StoreMetrics
	broken  atomic.Bool
}

// Watch asks the store at once and for each tick until ctx ends.
func (w *writable) Watch(ctx context.Context, tick <-chan time.Time) {
	for {
		w.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
	}
}

func (w *writable) look(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	err := w.store.Probe(within)
	if ctx.Err() != nil {
		return
	}
	w.metrics.SetWritable(err == nil)
	switch was := w.broken.Swap(err != nil); {
	case err != nil && !was:
		w.log.ErrorContext(ctx, "the store cannot write: logins, approvals and refreshes fail until it can", "err", err)
	case err == nil && was:
		w.log.InfoContext(ctx, "the store can write again")
	}
}

// degraded says, to whoever asks whether the server is ready, that the store cannot write.
func (w *writable) degraded() error {
	if w.broken.Load() {
		return web.Degraded("the store cannot write")
	}
	return nil
}
