// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Store keeps authserver.Store's promises in a PostgreSQL database, for any number of server processes.
type Store struct {
	address  address
	pool     *pool
	gatherer *gatherer
	health   *health
	clock    *clock
	probe    probe

	state   atomic.Pointer[error] // nil: open; otherwise why it is not
	stop    context.CancelFunc
	working sync.WaitGroup // of what goes on in the background
	closing sync.Once
}

var _ authserver.Store = (*Store)(nil)

// Open opens the store in the database at an address (postgres://...), and brings its schema up to date. ctx
// is for opening alone. What is wrong with the configuration is an error: a sentence for the operator,
// without the password. A database that is away is none: the store is there, answers with ErrUnavailable,
// tries again, and tells the observer what it waits for. The observer may be left out; of several only
// the first is used.
func Open(ctx context.Context, text string, observers ...Observer) (*Store, error) {
	a, err := parseAddress(text)
	if err != nil {
		return nil, err
	}
	s := &Store{
		address: a, clock: newClock(),
		health: &health{observer: append(observers, noObserver{})[0], now: time.Now},
	}
	s.notOpen(errors.New("the store is being opened"))
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	if err := s.makeConnections(background); err != nil {
		stop()
		return nil, err
	}
	if err := s.start(ctx, background); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// makeConnections makes what has the store's connections. They are made when they are first used.
func (s *Store) makeConnections(ctx context.Context) (err error) {
	away := &absence{now: s.health.now}
	if s.pool, err = openPool(ctx, s.address, away); err != nil {
		return err
	}
	s.gatherer = newGatherer(ctx, s.address, s.health, away)
	return nil
}

// start opens the database in the background and waits for the first attempt, but not for long.
func (s *Store) start(ctx, background context.Context) error {
	first := make(chan error, 1)
	s.working.Go(func() {
		if s.keepOpening(background, first) {
			s.watchClock(background)
		}
	})
	wait := time.NewTimer(firstAttempt)
	defer wait.Stop()
	select {
	case err := <-first:
		return err
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("open the database: %w", context.Cause(ctx))
	}
}

// keepOpening tries to open the database until that succeeds, or ctx ends. It sends to first what the first
// attempt found wrong with the configuration, or nil.
func (s *Store) keepOpening(ctx context.Context, first chan<- error) bool {
	begin := s.health.now()
	tell := func(err error) {
		select {
		case first <- err:
		default: // Open has been told, or has not waited
		}
	}
	defer tell(nil)
	for n := 0; ; n++ {
		err := s.reported(begin, func() error { return s.attempt(ctx) })
		switch {
		case ctx.Err() != nil:
			return false
		case err == nil:
			s.state.Store(nil)
			s.health.observer.Opened(s.health.now().Sub(begin))
			return true
		case n == 0 && permanent(err):
			tell(err)
			return false
		}
		s.notOpen(err)
		s.health.observer.Waiting(s.health.now().Sub(begin), err)
		tell(nil)
		if !rest(ctx, attemptPause) {
			return false
		}
	}
}

// reported runs an attempt and tells the observer while it takes long.
func (s *Store) reported(begin time.Time, attempt func() error) error {
	done := make(chan error, 1)
	go func() { done <- attempt() }()
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			s.health.observer.Waiting(s.health.now().Sub(begin), *s.state.Load())
		}
	}
}

// rest waits and reports whether ctx is still good.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// attempt tries once to open the database.
func (s *Store) attempt(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	s.notOpen(errors.New("connect to the database"))
	if err := s.look(ctx); err != nil {
		return err
	}
	s.notOpen(errors.New("bring the schema of the database up to date"))
	if err := migrate(ctx, s.address); err != nil {
		return explain(err)
	}
	if err := refuseUnfinished(ctx, s.address); err != nil {
		return err
	}
	return s.clock.take(ctx, s.databaseTime)
}

// notOpen says why the store is not open.
func (s *Store) notOpen(why error) { s.state.Store(&why) }

// usable returns why a call under ctx cannot be tried: its context has ended, or the store is not open.
func (s *Store) usable(ctx context.Context, doing string) error {
	if ctx.Err() != nil {
		return unavailable(doing, context.Cause(ctx))
	}
	why := s.state.Load()
	switch {
	case why == nil:
		return nil
	case errors.Is(*why, errClosed):
		return errClosed
	default:
		return unavailable(doing, fmt.Errorf("the store is not open yet: %w", *why))
	}
}

// Close answers what waits, lets finish what was begun, and closes the connections.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.stop()
		s.working.Wait()
		s.notOpen(errClosed)
		s.gatherer.close()
		s.pool.close()
	})
	return nil
}
