// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Observer follows what the store does with its database. Its methods return at once.
type Observer interface {
	// Committed is called after each batch of writes: with the number of writes that shared it, the time
	// until it was on disk, and nil or why nobody was told that it is.
	Committed(writes int, took time.Duration, err error)
	// Reopened is called after a connection went bad and was opened anew.
	Reopened()
	// Waiting is called while the store is not open yet, every few seconds: with the time since Open was
	// called, and what it waits for.
	Waiting(since time.Duration, why error)
	// Opened is called when the store is open, with the time that it took.
	Opened(took time.Duration)
}

// noObserver is the Observer of a store that has none.
type noObserver struct{}

func (noObserver) Committed(int, time.Duration, error) {}
func (noObserver) Reopened()                           {}
func (noObserver) Waiting(time.Duration, error)        {}
func (noObserver) Opened(time.Duration)                {}

// health is what the pipelines know about the last batch of writes.
type health struct {
	observer Observer
	now      func() time.Time

	mu        sync.Mutex
	committed time.Time // zero: none yet, or the last one failed
}

// ended takes in a batch of writes that began at begin.
func (h *health) ended(writes int, begin time.Time, err error) {
	end := h.now()
	h.observer.Committed(writes, end.Sub(begin), err)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.committed = end; err != nil {
		h.committed = time.Time{}
	}
}

// good reports whether the last batch was committed, and a short time ago.
func (h *health) good() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	age := h.now().Sub(h.committed)
	return !h.committed.IsZero() && age >= 0 && age < probeAfter
}

// probe is the key that Probe spends: one row for each process that ran, which a sweep removes.
type probe struct {
	once sync.Once
	hash authserver.Hash
}

func (p *probe) key() authserver.Hash {
	p.once.Do(func() { _, _ = rand.Read(p.hash[:]) }) // never fails (crypto/rand)
	return p.hash
}

// Probe reports whether the store can write: nil, or why not. When nothing was committed for ten seconds, or
// the last batch failed, it writes a row itself. So it finds out by itself that the disk is full, that the
// database is gone or cannot write, and that either is over.
func (s *Store) Probe(ctx context.Context) error {
	if s.health.good() {
		return s.usable(ctx, "write a row")
	}
	now := s.Now()
	err := s.Spend(ctx, s.probe.key(), now, now)
	if errors.Is(err, authserver.ErrExists) { // the clock was set back
		return nil
	}
	return err
}

// QueueLength returns how many requests wait for the pipelines.
func (s *Store) QueueLength() int { return int(s.gatherer.waiting.Load()) }
