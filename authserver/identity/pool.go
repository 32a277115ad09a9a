// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

const (
	// maxParallel bounds the memory of the hashes when nobody chose a number: 8 of the
	// costliest argon2id hashes are 512 MiB, 8 of our own 152 MiB.
	maxParallel = 8
	// queueFactor is how many logins may wait for each one that is hashed. With our
	// own hashes the last of them waits about half a second.
	queueFactor = 16
	// retryAfter is what those are told for whom there is no room.
	retryAfter = 2 * time.Second
)

// defaultParallel leaves a core to everything that is not a login.
func defaultParallel() int {
	return min(max(1, runtime.GOMAXPROCS(0)-1), maxParallel)
}

// pool bounds how many passwords are hashed at a time and how many wait.
type pool struct {
	room  chan struct{} // held by those who hash and those who wait
	slots chan struct{} // held by those who hash
}

func newPool(parallel int) *pool {
	return &pool{room: make(chan struct{}, parallel*(1+queueFactor)), slots: make(chan struct{}, parallel)}
}

// do runs work when its turn comes. Without room it returns at once an error that is both
// ErrUnavailable and an *authserver.Error that says when to come back.
func (p *pool) do(ctx context.Context, work func()) error {
	select {
	case p.room <- struct{}{}:
		defer func() { <-p.room }()
	default:
		return fmt.Errorf("hash a password: %w: %w", authserver.ErrUnavailable, &authserver.Error{
			Code: authserver.TemporarilyUnavailable, Description: "too many logins at once", RetryAfter: retryAfter})
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return fmt.Errorf("wait to hash a password: %w: %w", authserver.ErrUnavailable, context.Cause(ctx))
	}
	work()
	return nil
}
