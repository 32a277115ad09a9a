// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// occupy fills every slot and the queue of the pool, and returns how many that are and
// what lets them go on.
func occupy(t *testing.T, p *pool, parallel int) (started *atomic.Int32, release func()) {
	t.Helper()
	hold := make(chan struct{})
	var all sync.WaitGroup
	started = new(atomic.Int32)
	for range parallel * (1 + queueFactor) {
		all.Go(func() {
			if err := p.do(t.Context(), func() { started.Add(1); <-hold }); err != nil {
				t.Errorf("work with room for it: %v", err)
			}
		})
	}
	synctest.Wait()
	return started, func() { close(hold); all.Wait() }
}

func TestNoMoreThanTheChosenNumberIsHashedAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(3)
		started, release := occupy(t, p, 3)
		if got := started.Load(); got != 3 {
			t.Errorf("%d are hashed at a time, want 3", got)
		}
		release()
		if got := started.Load(); got != 3*(1+queueFactor) {
			t.Errorf("%d were hashed in all", got)
		}
	})
}

func TestALoginWithoutRoomIsToldWhenToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(1)
		_, release := occupy(t, p, 1)
		err := p.do(t.Context(), func() { t.Error("it was hashed") })
		shown, ok := errors.AsType[*authserver.Error](err)
		if !ok || shown.Code != authserver.TemporarilyUnavailable || shown.RetryAfter != retryAfter {
			t.Errorf("error %v", err)
		}
		if !errors.Is(err, authserver.ErrUnavailable) {
			t.Errorf("error %v is not ErrUnavailable", err)
		}
		release()
		done := false
		if err := p.do(t.Context(), func() { done = true }); err != nil || !done {
			t.Errorf("with room again: %v, %v", done, err)
		}
	})
}

func TestWhoGivesUpWaitingLeavesTheirPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(1)
		hold := make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() { _ = p.do(t.Context(), func() { <-hold }) })
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 3 * queueFactor { // more than there is room for, if places were kept
			if err := p.do(ctx, func() { t.Error("it was hashed") }); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
		}
		close(hold)
		all.Wait()
	})
}

func TestThereIsAlwaysASlotAndNeverTooManyByDefault(t *testing.T) {
	if n := defaultParallel(); n < 1 || n > maxParallel {
		t.Errorf("defaultParallel = %d", n)
	}
}
