// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// sayEvery is how often a step tells how far it is.
const sayEvery = 10 * time.Second

// patience is how long a step with n objects may take: many times what a quiet machine needs.
func patience(n int) time.Duration { return 3*time.Minute + time.Duration(n)*200*time.Millisecond }

// progress is how far a step is. The zero value has not begun.
type progress struct {
	done atomic.Int64
	part atomic.Pointer[part]
}

// part is what a step does at the moment.
type part struct {
	what  string
	total int // 0: nothing is counted
	done  *atomic.Int64
}

// begin says what is counted from now on.
func (p *progress) begin(what string, total int) {
	p.done.Store(0)
	p.part.Store(&part{what: what, total: total, done: &p.done})
}

// follow does so for what another one has counted since it was made.
func (p *progress) follow(what string, total int, counted *progress) {
	p.part.Store(&part{what: what, total: total, done: &counted.done})
}

func (p *progress) String() string {
	switch now := p.part.Load(); {
	case now == nil:
		return ""
	case now.total > 0:
		return fmt.Sprintf(": %s, %d of %d", now.what, now.done.Load(), now.total)
	default:
		return ": " + now.what
	}
}

// step does one thing that n objects take part in. It says that it begins and, every ten
// seconds, how far it is. Nothing in it can wait for ever: when its time is over, or when a
// program ends that must not, its context ends, and the error names the step and the cause.
func step(ctx context.Context, n int, what string, do func(context.Context, *progress) error) error {
	limit := patience(n)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it took longer than %s", limit))
	defer cancel()
	say("%s", what)
	p, over := &progress{}, make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() { p.tell(what, over) })
	err := do(ctx, p)
	close(over)
	group.Wait()
	if err != nil && ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
	}
	if err != nil {
		return fmt.Errorf("%s%s: %w", what, p, err)
	}
	return nil
}

// tell says how far a step is until it is over.
func (p *progress) tell(what string, over <-chan struct{}) {
	begin, tick := time.Now(), time.NewTicker(sayEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			say("  %s%s, for %s so far", what, p, time.Since(begin).Round(time.Second))
		case <-over:
			return
		}
	}
}

// inParallel calls do with each number below n, as several people would. It ends at the first
// error.
func inParallel(ctx context.Context, n int, p *progress, do func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range people {
		group.Go(func() {
			for number := int(next.Add(1)) - 1; number < n && ctx.Err() == nil; number = int(next.Add(1)) - 1 {
				if err := do(ctx, number); err != nil {
					cancel(err)
					return
				}
				p.done.Add(1)
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}
