// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// How many logins of one kind may be under way. Checking a password is slow on purpose, so
// whoever sends many must not keep others waiting.
const (
	runningPerAddress = 1
	runningPerAccount = 2
	waitingPerAddress = 16
	waitingPerAccount = 32
	waitingPerDevice  = 1
	// waitingInAll bounds each lane.
	waitingInAll = 256
	// busyRetry is what those are told for whom there is no room.
	busyRetry = 2 * time.Second
)

// Lane tells a login in a browser where the owner has logged in before from one in any
// other browser. The first kind never waits behind the second.
type Lane int

// The lanes.
const (
	LaneAnybody Lane = iota
	LaneKnownBrowser
)

// turns bounds the logins that are under way: those that a password is checked for, and
// those that wait. A login goes on when its address and its account have nothing else under
// way, so whoever sends a hundred logins waits for their own. It does not matter whether the
// password is right.
type turns struct {
	mu      sync.Mutex
	used    map[string]*usage
	waiting [2][]*turn // by lane, oldest first
}

// usage is what is under way of one address, account or device.
type usage struct{ running, waiting int }

// share is what one login takes of a bound.
type share struct {
	key              string
	running, waiting int // the bounds
}

// turn is a login that is under way.
type turn struct {
	shares []share
	lane   Lane
	ready  chan struct{} // closed when it may go on
}

func newTurns() *turns { return &turns{used: map[string]*usage{}} }

// newTurn returns the turn of a login. A known browser is bounded by itself: what others do
// at its address or with its account does not count.
func newTurn(c Credentials, device string) *turn {
	t, name := &turn{ready: make(chan struct{})}, FoldName(c.Username)
	if device != "" {
		t.lane = LaneKnownBrowser
		t.shares = []share{
			{"device " + device, 1, waitingPerDevice},
			{"known " + name, runningPerAccount, waitingPerAddress},
		}
		return t
	}
	address := addressKey(c.Address)
	t.shares = []share{
		{"pair " + address + " " + name, 1, waitingPerDevice},
		{"address " + address, runningPerAddress, waitingPerAddress},
		{"account " + name, runningPerAccount, waitingPerAccount},
	}
	return t
}

// take waits until the login may go on, and returns what ends its turn. Without room it
// returns at once a TooManyAttempts or TemporarilyUnavailable.
func (q *turns) take(ctx context.Context, t *turn) (end func(), err error) {
	if err := q.enter(t); err != nil {
		return nil, err
	}
	select {
	case <-t.ready:
		return func() { q.leave(t) }, nil
	case <-ctx.Done():
		q.leave(t)
		return nil, fmt.Errorf("wait to check a password: %w: %w", ErrUnavailable, context.Cause(ctx))
	}
}

// enter starts the turn, or puts it into the line of its lane.
func (q *turns) enter(t *turn) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.mayRun(t) {
		q.start(t)
		return nil
	}
	for _, s := range t.shares {
		if u := q.used[s.key]; u != nil && u.waiting >= s.waiting {
			return NewWaitError(TooManyAttempts, busyRetry, "too many logins of this kind are under way")
		}
	}
	if len(q.waiting[t.lane]) >= waitingInAll {
		return NewWaitError(TemporarilyUnavailable, busyRetry, "too many logins at once")
	}
	for _, s := range t.shares {
		q.usage(s.key).waiting++
	}
	q.waiting[t.lane] = append(q.waiting[t.lane], t)
	return nil
}

// leave ends a turn, whether it was running or waiting, and starts those that it held up.
func (q *turns) leave(t *turn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := slices.Index(q.waiting[t.lane], t); n >= 0 {
		q.unwait(t.lane, n)
		return
	}
	for _, s := range t.shares {
		q.usage(s.key).running--
		q.drop(s.key)
	}
	for lane := range q.waiting {
		for n := 0; n < len(q.waiting[lane]); {
			next := q.waiting[lane][n]
			if !q.mayRun(next) {
				n++
				continue
			}
			q.unwait(Lane(lane), n)
			q.start(next)
		}
	}
}

func (q *turns) mayRun(t *turn) bool {
	return !slices.ContainsFunc(t.shares, func(s share) bool {
		u := q.used[s.key]
		return u != nil && u.running >= s.running
	})
}

func (q *turns) start(t *turn) {
	for _, s := range t.shares {
		q.usage(s.key).running++
	}
	close(t.ready)
}

// unwait takes a turn out of a line.
func (q *turns) unwait(lane Lane, n int) {
	t := q.waiting[lane][n]
	q.waiting[lane] = slices.Delete(q.waiting[lane], n, n+1)
	for _, s := range t.shares {
		q.usage(s.key).waiting--
		q.drop(s.key)
	}
}

func (q *turns) usage(key string) *usage {
	u := q.used[key]
	if u == nil {
		u = &usage{}
		q.used[key] = u
	}
	return u
}

// drop forgets a key of which nothing is under way.
func (q *turns) drop(key string) {
	if u := q.used[key]; u != nil && u.running == 0 && u.waiting == 0 {
		delete(q.used, key)
	}
}
