// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/wallclock"
)

const (
	// sampleEvery is how often the database's clock is read: two quartz clocks drift apart by far less than
	// a millisecond in that time.
	sampleEvery = 5 * time.Second
	// samplesTaken is how many samples are taken in a row. The one with the shortest round trip counts.
	samplesTaken = 3
	// drift is how far two clocks may run apart in a second. The bound of a sample grows with its age by it.
	drift = 200 * time.Microsecond
)

// clock is the database's clock, carried by this process: a time that the database told, and what has passed since
// on a clock that only counts. The wall clock of this machine does not come into it, once there is a sample.
//
// A sample is as good as half of the round trip that it took: the database read its clock at some moment of
// it. A new one replaces the one in use when its bound is smaller than what that of the old one has grown to, or when
// the two cannot both be right: then the database's clock was set, or another server took over. So Now goes
// back by no more than what a new sample corrects.
type clock struct {
	passed func() time.Duration // since any moment; never goes back
	wall   func() time.Time     // until there is a sample

	mu     sync.RWMutex
	sample sample // zero: none yet
}

// sample says that the database's clock showed a time when at had passed, give or take a bound.
type sample struct {
	time  time.Time
	at    time.Duration
	bound time.Duration
}

// newClock returns a clock without a sample.
func newClock() *clock {
	wall := wallclock.Now
	start := wall()
	return &clock{passed: func() time.Duration { return wall().Sub(start) }, wall: wall}
}

// Now returns the time by the database's clock. Before the database was reached for the first time, when
// nothing can be kept and nothing is known, it is this machine's.
func (c *clock) Now() time.Time {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.sample.time.IsZero() {
		return c.wall()
	}
	return c.sample.time.Add(c.passed() - c.sample.at)
}

// take asks for the database's time a few times and uses the best answer.
func (c *clock) take(ctx context.Context, ask func(context.Context) (time.Time, error)) error {
	var best sample
	for range samplesTaken {
		before := c.passed()
		told, err := ask(ctx)
		if err != nil {
			return err
		}
		after := c.passed()
		half := (after - before) / 2
		if s := (sample{told, before + half, half}); best.time.IsZero() || s.bound < best.bound {
			best = s
		}
	}
	c.use(best)
	return nil
}

// use replaces the sample in use by a better one, or one that contradicts it.
func (c *clock) use(s sample) {
	c.mu.Lock()
	defer c.mu.Unlock()
	age := s.at - c.sample.at
	grown := c.sample.bound + time.Duration(age.Seconds()*float64(drift))
	apart := s.time.Sub(c.sample.time.Add(age)).Abs()
	if c.sample.time.IsZero() || s.bound <= grown || apart > s.bound+grown {
		c.sample = s
	}
}

// Now returns the time by the database's clock.
func (s *Store) Now() time.Time { return s.clock.Now() }

// databaseTime asks the database what time it is.
func (s *Store) databaseTime(ctx context.Context) (time.Time, error) {
	var at time.Time
	err := s.pool.connections.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&at)
	return at.UTC(), err
}

// watchClock takes a sample every few seconds until ctx ends. While the database is away the clock goes on by
// itself.
func (s *Store) watchClock(ctx context.Context) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		within, cancel := context.WithTimeout(ctx, sampleEvery)
		_ = s.clock.take(within, s.databaseTime) // the next one comes soon, and what is gone shows elsewhere
		cancel()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
