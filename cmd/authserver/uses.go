// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

const (
	// usesInterval is how often it is written which credentials were used. A killed server forgets as much at most.
	usesInterval = 3 * time.Minute
	// lastUsesTime is how long the last write may take when the server stops.
	lastUsesTime = 5 * time.Second
)

// uses has the store learn which credentials are used.
type uses struct {
	flush func(context.Context) error
	log   *slog.Logger
	// failed and missed are what was logged last: that the store did not take it, or that there was no room.
	failed, missed bool
}

// Watch writes for each tick until ctx ends, and once more then.
func (u *uses) Watch(ctx context.Context, tick <-chan time.Time) {
	for {
		select {
		case <-tick:
			u.write(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastUsesTime)
			defer cancel()
			u.write(last)
			return
		}
	}
}

// write logs the first failure of a row, of each kind.
func (u *uses) write(ctx context.Context) {
	err := u.flush(ctx)
	missed := errors.Is(err, authserver.ErrUsesMissed)
	failed := err != nil && !missed
	switch {
	case missed && !u.missed:
		u.log.WarnContext(ctx, "this server does not count the uses of so many credentials; while that is so, and until an overlap after it, old client secrets of rotations with waitForUse "+
			"end at their limit only, and no client is said to be idle", "err", err)
	case failed && !u.failed:
		u.log.WarnContext(ctx, "the store could not record which credentials are used; nothing is lost while this server runs, and it tries again every few minutes", "err", err)
	}
	u.failed, u.missed = failed, missed
}
