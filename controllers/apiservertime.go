// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"net/http"
	"sync/atomic"
	"time"
)

// APIServerTime remembers what the clock of the API server shows: each answer says it in its
// header Date (RFC 9110 §6.6.1).
type APIServerTime struct{ last atomic.Pointer[time.Time] }

// Last returns the time of the last answer, or the zero time.
func (t *APIServerTime) Last() time.Time {
	if last := t.last.Load(); last != nil {
		return *last
	}
	return time.Time{}
}

// Wrap returns a transport that notes the time of each answer. It is for rest.Config.Wrap.
func (t *APIServerTime) Wrap(next http.RoundTripper) http.RoundTripper {
	return noteTime{next: next, time: t}
}

type noteTime struct {
	next http.RoundTripper
	time *APIServerTime
}

func (n noteTime) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := n.next.RoundTrip(r)
	if err == nil {
		if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
			n.time.last.Store(&date)
		}
	}
	return response, err
}

// WrappedRoundTripper is for client-go, which looks for the transport's own methods.
func (n noteTime) WrappedRoundTripper() http.RoundTripper { return n.next }
