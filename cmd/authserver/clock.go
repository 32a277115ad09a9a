// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/apiclient"
)

// storeSkew returns how far the store's clock, by which rows expire, is ahead of the API server's: how far this
// process's clock is, and the store's before that.
func storeSkew(skew func() (time.Duration, bool), store, own func() time.Time) func() (time.Duration, bool) {
	return func() (time.Duration, bool) {
		ahead, known := skew()
		return ahead + store().Sub(own()), known
	}
}

// rowClock knows whether the store's clock can be trusted: whether it shows what the API server's
// does. While it does not, no row is removed: by a clock that is ahead, all of them have expired.
type rowClock struct {
	skew  func() (skew time.Duration, known bool)
	log   *slog.Logger
	wrong atomic.Bool
}

// right reports whether the clock can be trusted, and logs when that changes.
func (c *rowClock) right(ctx context.Context) bool {
	skew, known := c.skew()
	if !known {
		return false
	}
	wrong := skew.Abs() > apiclient.MaxSkew
	switch was := c.wrong.Swap(wrong); {
	case wrong && !was:
		c.log.ErrorContext(ctx, "the clock of the store (SQLite: of this server) and the clock of the API server differ: set the wrong one; expired rows stay until then",
			"aheadSeconds", int(skew.Seconds()))
	case was && !wrong:
		c.log.InfoContext(ctx, "the clock of the store agrees with that of the API server again")
	}
	return !wrong
}

// whenRight passes on to run those ticks at which the clock can be trusted.
func (c *rowClock) whenRight(run func(context.Context, <-chan time.Time)) func(context.Context, <-chan time.Time) {
	return func(ctx context.Context, tick <-chan time.Time) {
		passed := make(chan time.Time)
		go func() {
			for {
				select {
				case <-ctx.Done():
					return
				case at := <-tick:
					if !c.right(ctx) {
						continue
					}
					select {
					case passed <- at:
					case <-ctx.Done():
						return
					}
				}
			}
		}()
		run(ctx, passed)
	}
}
