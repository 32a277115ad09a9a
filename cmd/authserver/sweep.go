// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log/slog"
	"time"
)

const (
	sweepInterval = time.Minute
	// sweepBatch is how many rows one write removes: few, so that others do not wait.
	sweepBatch = 200
	// sweepBatches bounds one sweep; the next one goes on.
	sweepBatches = 500
)

// sweepable is a store that can be swept: see authserver.Store.
type sweepable interface {
	Sweep(ctx context.Context, now time.Time, limit int) (int, error)
}

// sweepEach sweeps once for each tick until ctx ends.
func sweepEach(ctx context.Context, tick <-chan time.Time, store sweepable, now func() time.Time, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			sweep(ctx, store, now(), log)
		}
	}
}

// sweep removes what means nothing any more, in small batches.
func sweep(ctx context.Context, store sweepable, now time.Time, log *slog.Logger) {
	removed := 0
	for range sweepBatches {
		n, err := store.Sweep(ctx, now, sweepBatch)
		removed += n
		if err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "expired rows could not be removed; the next sweep tries again", "err", err)
		}
		if err != nil || n == 0 {
			break
		}
	}
	if removed > 0 {
		log.InfoContext(ctx, "expired rows were removed", "rows", removed)
	}
}
