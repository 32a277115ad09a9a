// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// probeAfter is how long ago the last commit may be before Probe writes something itself.
const probeAfter = 10 * time.Second

// Observer follows what the store does with its file. Its methods return at once.
type Observer interface {
	// Committed is called after each transaction: with the number of writes that shared it, the time
	// until it was on disk, and nil or why nothing of it was kept.
	Committed(writes int, took time.Duration, err error)
	// Reopened is called after a connection went bad and was opened anew.
	Reopened()
}

// noObserver is the Observer of a store that has none.
type noObserver struct{}

func (noObserver) Committed(int, time.Duration, error) {}
func (noObserver) Reopened()                           {}

// health is what the writer knows about its last transaction.
type health struct {
	observer Observer
	now      func() time.Time

	mu        sync.Mutex
	committed time.Time // zero: none yet, or the last one failed
}

// ended takes in a transaction that began at begin.
func (h *health) ended(writes int, begin time.Time, err error) {
	end := h.now()
	h.observer.Committed(writes, end.Sub(begin), err)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.committed = end; err != nil {
		h.committed = time.Time{}
	}
}

// good reports whether the last transaction was committed, and a short time ago.
func (h *health) good() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	age := h.now().Sub(h.committed)
	return !h.committed.IsZero() && age >= 0 && age < probeAfter
}

// Probe reports whether the store can write: nil, or why not. When nothing was committed for ten
// seconds, or the last commit failed, it writes to the file's header what stands there. So
// it finds out by itself that the disk is full, that the writer hangs, and that either is over.
func (s *Store) Probe(ctx context.Context) error {
	if s.writer.health.good() {
		return nil
	}
	return writeOnly(ctx, s.writer, func(c *transaction) error {
		_, err := c.exec("PRAGMA user_version = 0")
		return err
	})
}

// QueueLength returns how many writes wait.
func (s *Store) QueueLength() int { return len(s.writer.queue) }

// wentBad reports whether a connection that returned err may never work again, while another
// one to the same file can.
func wentBad(err error) bool {
	switch resultCode(err) {
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERNAL, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY:
		return true
	}
	return errors.Is(err, driver.ErrBadConn)
}
