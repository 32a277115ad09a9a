// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	// peopleInterval is how often the directory is asked about everybody, beside each change of it.
	peopleInterval = time.Minute
	// peopleRetry is how soon that is tried again when the store did not answer.
	peopleRetry = time.Second
)

// people keeps the store's people as the directory knows them.
type people struct {
	confirm func(context.Context) error
	changed <-chan struct{} // the directory has changed
	log     *slog.Logger
	looked  atomic.Bool // everybody was looked at since the start
	failing bool        // it was said that the store cannot record it
	first   func()      // is called when that is so
}

// Watch asks about everybody at once, at each change and by the clock, until ctx ends.
func (p *people) Watch(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.changed:
		case <-timer.C:
		}
		timer.Reset(p.look(ctx))
	}
}

// look asks about everybody once and returns how long to wait for the next time.
func (p *people) look(ctx context.Context) time.Duration {
	if err := p.confirm(ctx); err != nil {
		if ctx.Err() == nil && !p.failing {
			p.failing = true
			p.log.WarnContext(ctx, "the store could not record who has left the directory; it is tried each second", "err", err)
		}
		return peopleRetry
	}
	if p.failing {
		p.failing = false
		p.log.InfoContext(ctx, "the store has recorded who has left the directory")
	}
	if !p.looked.Swap(true) {
		p.first()
	}
	return peopleInterval
}
