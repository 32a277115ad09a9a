// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

const (
	// maxBody bounds a form, which is read before anybody is known.
	maxBody = 16 << 10
	// maxSigned bounds a form with a whole signed request in it, which may have a form of its own.
	maxSigned = 64 << 10
	// busyRetry is what Retry-After says when there is no room.
	busyRetry = time.Second
)

// whenRoom serves h if there is room for one more request with its body, in all and for the
// client's address. Before that nothing of the body is read.
func (s *Site) whenRoom(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		from := boundedOf(r)
		size := bodySize(r)
		if !s.requests.take(from, 1) {
			return s.busy(w, r)
		}
		defer s.requests.give(from, 1)
		if !s.bodies.take(from, size) {
			return s.busy(w, r)
		}
		defer s.bodies.give(from, size)
		r.Body = http.MaxBytesReader(w, r.Body, limitOf(r))
		return h(w, r)
	}
}

// boundedOf is the network that a request counts for.
func boundedOf(r *http.Request) network {
	if info := requestInfoOf(r.Context()); info != nil {
		return info.bounded
	}
	return network{}
}

// busy refuses a request. Its body is not waited for: net/http would otherwise read it before
// it answers.
func (s *Site) busy(w http.ResponseWriter, r *http.Request) error {
	s.metrics.refusedRequests.Inc()
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(longAgo) // without one the answer only comes later
	}
	return authserver.NewWaitError(authserver.TemporarilyUnavailable, busyRetry, "too many requests at once; try again in a second")
}

// longAgo ends whatever waits.
var longAgo = time.Unix(1, 0)

// boundedAs returns the network that a client counts for.
func (s *Site) boundedAs(address string) network {
	a, err := netip.ParseAddr(address)
	if err != nil || s.trusts(a) {
		return network{}
	}
	return networkOf(a)
}

// limitOf returns how long the body of a request may be.
func limitOf(r *http.Request) int64 {
	if r.URL.Path == oauth1.PathVerify {
		return maxSigned
	}
	return maxBody
}

// bodySize returns how many bytes a request may make the server hold: what it says itself,
// or the most that is read.
func bodySize(r *http.Request) int64 {
	if n := r.ContentLength; n >= 0 {
		return min(n, limitOf(r))
	}
	return limitOf(r)
}
