// SPDX-License-Identifier: Apache-2.0

package web

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

const (
	maxUserAgent = 160
	maxPanicText = 512
	// noRoute is the route of what the table does not hold for its method.
	noRoute = "none"
)

// observe gives each request an ID and its client's address, answers for handlers that
// panic, counts, and writes one access log line. A line holds the route, never the path
// or the query: what anybody sends as such can be anybody's secret.
func (s *Site) observe(next http.Handler) http.Handler {
	ids := newRequestIDs(rand.Text())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.now()
		address, proxied := s.locate(r)
		info := &requestInfo{id: ids.of(r, proxied), address: address, start: start}
		w.Header()[headerRequestID] = []string{info.id}
		answer := &recorder{ResponseWriter: w}
		r = r.WithContext(withRequestInfo(r.Context(), info))
		s.metrics.inFlight.Inc()
		defer s.finish(answer, r, info)
		next.ServeHTTP(answer, r)
	})
}

// finish is deferred, so that it sees a panic.
func (s *Site) finish(answer *recorder, r *http.Request, info *requestInfo) {
	cause := recover()
	s.metrics.inFlight.Dec()
	truncated := false
	if cause != nil {
		truncated = answer.status != 0 || isAbort(cause)
		s.answerPanic(answer, r, info, cause)
	}
	end, route := s.now(), routeOf(r)
	s.metrics.request(route, methodOf(r), answer.code(), end.Sub(info.start))
	s.logAccess(r, answer, info, end)
	if truncated {
		// Half an answer must not look like a whole one: net/http cuts the connection.
		panic(http.ErrAbortHandler)
	}
}

// answerPanic logs a panic and answers for the handler if it has not begun to.
func (s *Site) answerPanic(answer *recorder, r *http.Request, info *requestInfo, cause any) {
	if isAbort(cause) {
		return
	}
	s.metrics.panics.Inc()
	s.log.LogAttrs(r.Context(), slog.LevelError, "request panicked", slog.String("route", routeOf(r)),
		slog.String("requestID", info.id), slog.String("cause", bounded(fmt.Sprint(cause), maxPanicText)),
		slog.String("stack", string(debug.Stack())))
	if answer.status != 0 {
		return
	}
	header := answer.Header()
	// What the handler has set is not for this answer, but who may read the answer is.
	maps.DeleteFunc(header, func(name string, _ []string) bool {
		return name != headerRequestID && !strings.HasPrefix(name, "Access-Control-")
	})
	header.Set("Cache-Control", "no-store")
	http.Error(answer, "The server failed; the cause is in its log.", http.StatusInternalServerError)
}

// isAbort reports whether a handler panicked to cut the connection, and for nothing else.
func isAbort(cause any) bool {
	err, ok := cause.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}

// logAccess writes the line of a request. It goes to the handler directly: looking up
// who called the logger would cost as much as the rest of the observation.
func (s *Site) logAccess(r *http.Request, answer *recorder, info *requestInfo, end time.Time) {
	handler, route := s.log.Handler(), routeOf(r)
	if route == "GET /healthz" || route == "GET /readyz" || !handler.Enabled(r.Context(), slog.LevelInfo) {
		return
	}
	line := slog.NewRecord(end, slog.LevelInfo, "request", 0)
	line.AddAttrs(
		slog.String("method", methodOf(r)), slog.String("route", route), slog.Int("status", answer.code()),
		slog.Int64("bytes", answer.bytes), slog.Int64("durationMicros", end.Sub(info.start).Microseconds()),
		slog.String("requestID", info.id), slog.String("address", info.address),
		slog.String("userAgent", sanitise(r.UserAgent(), maxUserAgent)))
	_ = handler.Handle(r.Context(), line) // as slog.Logger does: nobody could be told
}

// routeOf returns the pattern that serves the request. When it redirects a CONNECT
// request, ServeMux puts the path there.
func routeOf(r *http.Request) string {
	if r.Pattern == "" || r.Pattern == unknownPaths || r.Method == http.MethodConnect {
		return noRoute
	}
	return r.Pattern
}

// methodOf returns the method, if it is one that somebody could mean.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions, http.MethodConnect, http.MethodTrace:
		return r.Method
	}
	return "OTHER"
}

// recorder notes what is answered.
type recorder struct {
	http.ResponseWriter
	status int // 0: nothing yet
	bytes  int64
}

// WriteHeader notes the first final status.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes of the body.
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// code is the status that net/http sends: 200 if the handler chose none.
func (w *recorder) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
