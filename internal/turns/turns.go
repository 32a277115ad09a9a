// SPDX-License-Identifier: Apache-2.0

// Package turns bounds what is under way at a time: in all, and for each of those who share. So what one of them asks for, however much and
// however slow, takes a part of the room alone. The authorization server asks the API server and the addresses of clients in turns, one
// share for each namespace.
package turns

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Errors of who has waited for a turn until the context ended.
var (
	// ErrShare: others of the same name had all turns of their share.
	ErrShare = errors.New("too many of the same namespace are under way")
	// ErrAll: there was no turn at all.
	ErrAll = errors.New("too many are under way")
)

// Turns are handed out and come back. Its methods may be called in parallel.
type Turns struct {
	all  chan struct{}
	each int

	mu     sync.Mutex
	shares map[string]*share // of those who have or want a turn
}

// share is what one name has taken. users is how many have or want a turn.
type share struct {
	taken chan struct{}
	users int
}

// New returns turns, as many in all and as many at most for each name.
func New(all, each int) *Turns {
	return &Turns{all: make(chan struct{}, all), each: each, shares: map[string]*share{}}
}

// Take waits for a turn of the name, and returns what gives it back. A turn that is there is taken also when the context has ended. The
// error wraps the cause of the context's end, and ErrShare or ErrAll.
func (t *Turns) Take(ctx context.Context, name string) (leave func(), err error) {
	own := t.enter(name)
	if !put(ctx, own.taken) {
		t.exit(name)
		return nil, fmt.Errorf("%w: %w", ErrShare, context.Cause(ctx))
	}
	leaveOwn := func() {
		<-own.taken
		t.exit(name)
	}
	if !put(ctx, t.all) {
		leaveOwn()
		return nil, fmt.Errorf("%w: %w", ErrAll, context.Cause(ctx))
	}
	return func() {
		<-t.all
		leaveOwn()
	}, nil
}

// Users returns how many have or want a turn of the name.
func (t *Turns) Users(name string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if own := t.shares[name]; own != nil {
		return own.users
	}
	return 0
}

// put waits for room until the context ends, and reports whether there was some.
func put(ctx context.Context, into chan<- struct{}) bool {
	select {
	case into <- struct{}{}:
		return true
	default:
	}
	select {
	case into <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (t *Turns) enter(name string) *share {
	t.mu.Lock()
	defer t.mu.Unlock()
	own := t.shares[name]
	if own == nil {
		own = &share{taken: make(chan struct{}, t.each)}
		t.shares[name] = own
	}
	own.users++
	return own
}

// exit forgets a name of which nobody has or wants a turn.
func (t *Turns) exit(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	own := t.shares[name]
	if own.users--; own.users == 0 {
		delete(t.shares, name)
	}
}
