// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"fmt"
	"sync"
	"time"
)

// absence knows that the database cannot be reached, and when it is tried again: each call that needs a connection meanwhile fails
// at once. So a database that starts is not hindered by all that ask for it; PostgreSQL may not even finish to stop while connections come.
//
// All connections of a store share one. What one of them learns holds for all: no caller is refused because its
// connection has not been tried since the database came back.
type absence struct {
	now func() time.Time

	mu        sync.Mutex
	failures  int       // since the last connection
	notBefore time.Time // when it is tried again
	last      error
	made      int // connections so far
}

// begin returns what failed wants to know of an attempt that begins now: how many connections were made by then.
func (a *absence) begin() (made int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.made
}

// lasts returns why no connection is tried now, or nil.
func (a *absence) lasts() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.now().Before(a.notBefore) {
		return fmt.Errorf("%w: %w", errAway, a.last)
	}
	return nil
}

// failed takes in that a connection could not be made. Attempts that were made at the same time count as one; one
// that began before another made its connection says nothing any more.
func (a *absence) failed(begun int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if begun != a.made || now.Before(a.notBefore) {
		return
	}
	a.last, a.notBefore = err, now.Add(min(maxAbsence, firstAbsence<<min(a.failures, 10)))
	a.failures++
}

// ended takes in that a connection was made.
func (a *absence) ended() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failures, a.notBefore, a.last = 0, time.Time{}, nil
	a.made++
}
