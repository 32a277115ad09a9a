// SPDX-License-Identifier: Apache-2.0

// Package apiclient holds what both programs want of their connection to the API server: how
// long it may take, and what its clock shows.
package apiclient

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/wallclock"
)

// MaxSkew is how far two clocks may be apart. With a wrong clock nothing is removed.
const MaxSkew = 5 * time.Minute

// Clock remembers what the API server's clock shows: each answer says it, in its header Date
// (RFC 9110 §6.6.1). So a program can compare its own clock. Make it with NewClock.
type Clock struct {
	now func() time.Time
	// elapsed is the time since the start, by a clock that nobody sets.
	elapsed func() time.Duration
	last    atomic.Pointer[answer]
}

// answer is one of the API server's.
type answer struct {
	date time.Time
	came time.Duration // elapsed
}

// NewClock returns a Clock that has seen no answer.
func NewClock() *Clock {
	start := time.Now()                                          //nolint:forbidigo // only differences to it count
	elapsed := func() time.Duration { return time.Since(start) } //nolint:forbidigo // what has elapsed, and not what the clock shows
	return &Clock{now: wallclock.Now, elapsed: elapsed}
}

// Last returns what the API server's clock showed at its last answer, or the zero time.
func (c *Clock) Last() time.Time {
	if a := c.last.Load(); a != nil {
		return a.date
	}
	return time.Time{}
}

// Skew returns how far this program's clock is ahead of the API server's; known is false
// before the first answer. A clock that was set since the last answer is found out too.
func (c *Clock) Skew() (skew time.Duration, known bool) {
	a := c.last.Load()
	if a == nil {
		return 0, false
	}
	apiServer := a.date.Add(c.elapsed() - a.came)
	return c.now().Round(0).Sub(apiServer), true // Round: what the clock shows, and not what has elapsed
}

// Wrap returns a transport that notes the time of each answer. It is for rest.Config.Wrap.
func (c *Clock) Wrap(next http.RoundTripper) http.RoundTripper {
	return clockReader{next: next, clock: c}
}

type clockReader struct {
	next  http.RoundTripper
	clock *Clock
}

// RoundTrip is part of http.RoundTripper.
func (n clockReader) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := n.next.RoundTrip(r)
	if err == nil {
		if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
			n.clock.last.Store(&answer{date: date, came: n.clock.elapsed()})
		}
	}
	return response, err
}

// WrappedRoundTripper is for client-go, which looks for the transport's own methods.
func (n clockReader) WrappedRoundTripper() http.RoundTripper { return n.next }
