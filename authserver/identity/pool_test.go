// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// occupy fills every slot and the queue of the pool, and returns how many that are and
// what lets them go on.
func occupy(t *testing.T, p *Pool, parallel int, lane authserver.Lane) (started *atomic.Int32, release func()) {
	t.Helper()
	hold := make(chan struct{})
	var all sync.WaitGroup
	started = new(atomic.Int32)
	for range parallel * (1 + queueFactor) {
		all.Go(func() {
			if err := p.Do(t.Context(), lane, 1, func() { started.Add(1); <-hold }); err != nil {
				t.Errorf("work with room for it: %v", err)
			}
		})
	}
	synctest.Wait()
	return started, func() { close(hold); all.Wait() }
}

func TestNoMoreThanTheChosenNumberIsHashedAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(3, 0)
		started, release := occupy(t, p, 3, authserver.LaneAnybody)
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
		p := NewPool(1, 0)
		_, release := occupy(t, p, 1, authserver.LaneAnybody)
		err := p.Do(t.Context(), authserver.LaneAnybody, 1, func() { t.Error("it was hashed") })
		shown, ok := errors.AsType[authserver.WaitError](err)
		if !ok || shown.Code() != authserver.TemporarilyUnavailable || shown.After() != retryAfter {
			t.Errorf("error %v", err)
		}
		if !errors.Is(err, authserver.ErrUnavailable) {
			t.Errorf("error %v is not ErrUnavailable", err)
		}
		release()
		done := false
		if err := p.Do(t.Context(), authserver.LaneAnybody, 1, func() { done = true }); err != nil || !done {
			t.Errorf("with room again: %v, %v", done, err)
		}
	})
}

func TestWhoGivesUpWaitingLeavesTheirPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(1, 0)
		hold := make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() { _ = p.Do(t.Context(), authserver.LaneAnybody, 1, func() { <-hold }) })
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 3 * queueFactor { // more than there is room for, if places were kept
			if err := p.Do(ctx, authserver.LaneAnybody, 1, func() { t.Error("it was hashed") }); !errors.Is(err, context.Canceled) {
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

func TestN83AKnownBrowserGoesFirstAndIsNeverTurnedAwayForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(1, 0)
		hold := make(chan struct{})
		var order []string
		var all sync.WaitGroup
		hash := func(who string, lane authserver.Lane) {
			all.Go(func() {
				if err := p.Do(t.Context(), lane, 1, func() { <-hold; order = append(order, who) }); err != nil {
					t.Errorf("%s: %v", who, err)
				}
			})
			synctest.Wait()
		}
		for range 1 + queueFactor { // as many as there is room for
			hash("somebody", authserver.LaneAnybody)
		}
		if err := p.Do(t.Context(), authserver.LaneAnybody, 1, func() {}); err == nil {
			t.Error("the line of everybody is not full")
		}
		hash("known", authserver.LaneKnownBrowser)
		close(hold)
		all.Wait()
		if n := slices.Index(order, "known"); n != 1 {
			t.Errorf("the known browser comes after %d others, want the one that was being hashed", n)
		}
	})
}

func TestN89HashesTakeNoMoreMemoryThanTheyMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const memory = 100 << 20
		p := NewPool(50, memory)
		hold := make(chan struct{})
		var all sync.WaitGroup
		var now, most atomic.Int64
		for n := range 40 {
			costs := (newHashOf(t, []uint32{64 * 1024, 19 * 1024}[n%2])).memory()
			all.Go(func() {
				err := p.Do(t.Context(), authserver.LaneAnybody, costs, func() {
					most.Store(max(most.Load(), now.Add(costs)))
					<-hold
					now.Add(-costs)
				})
				if err != nil {
					t.Errorf("hash: %v", err)
				}
			})
			synctest.Wait()
		}
		if got := now.Load(); got == 0 {
			t.Error("nothing is hashed")
		}
		for range 40 {
			hold <- struct{}{}
			synctest.Wait()
		}
		all.Wait()
		if got := most.Load(); got > memory {
			t.Errorf("hashes took %d MiB at a time, want at most %d", got>>20, memory>>20)
		}
	})
}

// newHashOf returns a hash of so many KiB.
func newHashOf(t *testing.T, kibibytes uint32) hash {
	t.Helper()
	h, err := parseArgon2id(argon2idHash{kibibytes: kibibytes, passes: 1, lanes: 1, salt: random(16), key: random(32)}.String())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestN89TheCostliestHashAlwaysHasRoom(t *testing.T) {
	p := NewPool(1, 1)
	done := false
	if err := p.Do(t.Context(), authserver.LaneAnybody, newHashOf(t, maxArgonMemory).memory(), func() { done = true }); err != nil || !done {
		t.Errorf("%v, %v", err, done)
	}
	if DefaultHashMemory < MinHashMemory || DefaultHashMemory > 512<<20/4 {
		t.Errorf("by default hashes take %d MiB: too little, or too near to the container's limit", DefaultHashMemory>>20)
	}
}
