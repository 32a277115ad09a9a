// SPDX-License-Identifier: Apache-2.0

package apiclient

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// ErrNotLeading is the error of a write that a Fence did not let through.
var ErrNotLeading = errors.New("the lease was not renewed in time, so another replica may lead: nothing is written")

// Fence lets writes through only while this replica can be sure that it leads. A replica that
// was paused, or was cut off, goes on where it stopped, before it learns that another one has
// led meanwhile. What it would write then comes from what it remembers, which is old.
//
// It sees the renewals of the lease go by. A write that was let through may still arrive
// late: it is bound to the version of the object that it was decided on.
type Fence struct {
	// Lease is the name of the lease.
	Lease string
	// Valid is how long a renewal counts: less than others wait until they take the lease.
	Valid time.Duration
	// Now is the clock.
	Now func() time.Time

	renewed atomic.Pointer[time.Time] // when the last renewal that succeeded was sent
}

// Wrap returns a transport with the fence in it. It is for rest.Config.Wrap.
func (f *Fence) Wrap(next http.RoundTripper) http.RoundTripper {
	return fenced{next: next, fence: f}
}

type fenced struct {
	next  http.RoundTripper
	fence *Fence
}

// RoundTrip is part of http.RoundTripper.
func (t fenced) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return t.next.RoundTrip(r)
	}
	if !t.fence.isLease(r) {
		if !t.fence.open() {
			if r.Body != nil {
				_ = r.Body.Close() // as a RoundTripper must, also on errors
			}
			return nil, ErrNotLeading
		}
		return t.next.RoundTrip(r)
	}
	sent := t.fence.Now()
	response, err := t.next.RoundTrip(r)
	if err == nil && response.StatusCode < http.StatusMultipleChoices {
		t.fence.renewed.Store(&sent)
	}
	return response, err
}

// WrappedRoundTripper is for client-go, which looks for the transport's own methods.
func (t fenced) WrappedRoundTripper() http.RoundTripper { return t.next }

// isLease reports whether the request writes the lease, or makes it.
func (f *Fence) isLease(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, "/leases") || strings.HasSuffix(r.URL.Path, "/leases/"+f.Lease)
}

// open reports whether the last renewal counts still. Both clocks must say so: the one that
// nobody sets stands still while a machine sleeps, and the other one can be set back.
func (f *Fence) open() bool {
	last := f.renewed.Load()
	if last == nil {
		return false
	}
	now := f.Now()
	return now.Sub(*last) < f.Valid && now.Round(0).Sub(last.Round(0)) < f.Valid
}
