// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"fmt"
	"sync"
	"time"
)

// absence knows that the database cannot be reached, and when it is tried again: each call that needs a connection meanwhile fails
// at once. So a database that starts is not hindered by all that ask for it; PostgreSQL may not even finish to stop while connections come.
type absence struct {
	now func() time.Time

	mu        sync.Mutex
	failures  int       // since the last connection
	notBefore time.Time // when it is tried again
	last      error
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

// failed takes in that a connection could not be made. Attempts that were made at the same time count as one.
func (a *absence) failed(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if now.Before(a.notBefore) {
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
}
