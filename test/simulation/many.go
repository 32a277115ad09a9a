// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"sync"
	"sync/atomic"
)

// Summary is what became of many runs.
type Summary struct {
	Runs, Steps, Calls int
	Coverage           Coverage
	// Broken is the first run, by its seed, that broke a promise; nil: none did.
	Broken *Result
}

// RunMany runs the seeds from first on, workers at a time. It stops at the first broken promise. Progress is told how
// many runs are done.
func RunMany(ctx context.Context, first uint64, runs, workers int, plant string, progress func(done int)) Summary {
	total := Summary{Coverage: Coverage{}}
	var mu sync.Mutex
	var next, done atomic.Int64
	var stop atomic.Bool
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for n := next.Add(1) - 1; n < int64(runs) && !stop.Load() && ctx.Err() == nil; n = next.Add(1) - 1 {
				r := Run(ctx, Options{Seed: first + uint64(n), Plant: plant}) //nolint:gosec // n counts from 0
				if r.Violation != "" {
					stop.Store(true)
				}
				mu.Lock()
				total.add(r)
				mu.Unlock()
				progress(int(done.Add(1)))
			}
		})
	}
	all.Wait()
	return total
}

func (t *Summary) add(r Result) {
	t.Runs++
	t.Steps += r.Steps
	t.Calls += r.Calls
	t.Coverage.Add(r.Coverage)
	if r.Violation != "" && (t.Broken == nil || r.Seed < t.Broken.Seed) {
		t.Broken = &r
	}
}
