// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

const (
	// maxParallel bounds the cores that hashes take when nobody chose a number.
	maxParallel = 8
	// DefaultHashMemory bounds the memory that hashes take at a time: five of our own
	// hashes, or one of the costliest that a users file may hold.
	DefaultHashMemory = 96 << 20
	// MinHashMemory is room for one of the costliest hashes.
	MinHashMemory = maxArgonMemory << 10
	// queueFactor is how many logins may wait in each lane for each one that is hashed.
	// With our own hashes the last of them waits about half a second.
	queueFactor = 16
	// retryAfter is what those are told for whom there is no room.
	retryAfter = 2 * time.Second
)

// defaultParallel leaves a core to everything that is not a login.
func defaultParallel() int {
	return min(max(1, runtime.GOMAXPROCS(0)-1), maxParallel)
}

// Pool bounds how many passwords are checked at a time, how much memory that takes, and how
// many wait. Known browsers have a line of their own, which goes first: whoever fills the
// other one does not turn them away.
type Pool struct {
	mu      sync.Mutex
	slots   int   // free
	memory  int64 // free, in bytes
	room    int   // of each line
	waiting [2][]*job
}

// job is a hash that waits.
type job struct {
	memory int64
	ready  chan struct{} // closed when it may begin
}

// NewPool returns a pool for so many passwords at a time, and so many bytes. Less memory than MinHashMemory
// counts as that.
func NewPool(parallel int, memory int64) *Pool {
	return &Pool{slots: parallel, memory: max(memory, MinHashMemory), room: parallel * queueFactor}
}

// NewHashPool returns a pool for hashes: it leaves a core to everything that is not a login.
func NewHashPool(memory int64) *Pool { return NewPool(defaultParallel(), memory) }

// Do runs work, which takes so much memory, when its turn comes. Without room it returns at
// once an error that is both ErrUnavailable and an authserver.WaitError that says when to come back.
func (p *Pool) Do(ctx context.Context, lane authserver.Lane, memory int64, work func()) error {
	j := &job{memory: memory, ready: make(chan struct{})}
	if !p.enter(lane, j) {
		return fmt.Errorf("%w: %w", authserver.ErrUnavailable,
			authserver.NewWaitError(authserver.TemporarilyUnavailable, retryAfter, "too many logins at once"))
	}
	select {
	case <-j.ready:
	case <-ctx.Done():
		if p.giveUp(lane, j) {
			return fmt.Errorf("wait for a turn: %w: %w", authserver.ErrUnavailable, context.Cause(ctx))
		}
	}
	defer p.leave(j)
	work()
	return nil
}

// enter puts a job into its line, and reports whether there was room.
func (p *Pool) enter(lane authserver.Lane, j *job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting[lane] = append(p.waiting[lane], j)
	p.next()
	if len(p.waiting[lane]) > p.room {
		p.waiting[lane] = p.waiting[lane][:p.room]
		return false
	}
	return true
}

// giveUp takes a job out of its line, and reports whether it was still there.
func (p *Pool) giveUp(lane authserver.Lane, j *job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := slices.Index(p.waiting[lane], j)
	if n >= 0 {
		p.waiting[lane] = slices.Delete(p.waiting[lane], n, n+1)
	}
	return n >= 0
}

func (p *Pool) leave(j *job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slots++
	p.memory += j.memory
	p.next()
}

// next begins the jobs that there is room for: known browsers first, then in the order in
// which they came.
func (p *Pool) next() {
	for _, lane := range []authserver.Lane{authserver.LaneKnownBrowser, authserver.LaneAnybody} {
		for len(p.waiting[lane]) > 0 {
			j := p.waiting[lane][0]
			if p.slots == 0 || p.memory < j.memory {
				return
			}
			p.slots--
			p.memory -= j.memory
			p.waiting[lane] = slices.Delete(p.waiting[lane], 0, 1)
			close(j.ready)
		}
	}
}
