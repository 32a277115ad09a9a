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

	"github.com/gatehouse-dev/gatehouse/internal/jsonline"
)

const (
	maxUserAgent = 160
	maxPanicText = 512
	// noRoute is the route of what the table does not hold for its method.
	noRoute = "none"
)

// Observe gives what is served beside this site's own table the same: an ID for each request, an access log line, counters, and
// an answer only after its audit events are in the log. The patterns of next become labels of the counters.
func (s *Site) Observe(next http.Handler) http.Handler { return s.observe(next) }

// observe gives each request an ID and its client's address, answers for handlers that
// panic, counts, and writes one access log line. A line holds the route, never the path
// or the query: what anybody sends as such can be anybody's secret.
func (s *Site) observe(next http.Handler) http.Handler {
	ids := newRequestIDs(rand.Text())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.now()
		address, proxied := s.locate(r)
		x := &struct { // one piece of memory for both
			requestInfo
			recorder
		}{requestInfo{id: ids.of(r, proxied), address: address, start: start}, recorder{ResponseWriter: w}}
		info, answer := &x.requestInfo, &x.recorder
		info.bounded, answer.info = s.boundedAs(address), info
		info.idHeader[0] = info.id
		w.Header()[headerRequestID] = info.idHeader[:]
		ctx := withRequestInfo(r.Context(), info)
		if s.tracer != nil {
			ctx = s.beginTrace(ctx, r, info, proxied)
		}
		r = r.WithContext(ctx)
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
	answer.awaitAudit() // of what is answered without a byte, too
	end, route := s.now(), routeOf(r)
	s.metrics.request(seriesKey{route, methodOf(r), s.profileOf(route, info), answer.code()}, end.Sub(info.start))
	s.logAccess(r, answer, info, end)
	s.rememberRefusal(info, end)
	if info.traced {
		s.tracer.End(r.Context(), route, answer.code())
	}
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

// logAccess writes the line of a request, in the form of the log's other lines.
func (s *Site) logAccess(r *http.Request, answer *recorder, info *requestInfo, end time.Time) {
	route := routeOf(r)
	if route == "GET /healthz" || route == "GET /readyz" {
		return
	}
	jsonline.Use(func(b []byte) []byte {
		o := jsonline.Begin(b)
		o.Time("time", end, time.RFC3339Nano)
		o.String("level", "INFO")
		o.String("msg", "request")
		o.String("method", methodOf(r))
		o.String("route", route)
		o.Int("status", int64(answer.code()))
		o.Int("bytes", answer.bytes)
		o.Int("durationMicros", end.Sub(info.start).Microseconds())
		o.String("requestID", info.id)
		o.String("address", info.address)
		o.String("userAgent", sanitise(r.UserAgent(), maxUserAgent))
		line := append(o.End(), '\n')
		_, _ = s.access.Write(line) // nobody could be told
		return line
	})
}

// profileOf returns the profile that a request was about: what the handler has learnt, else what the
// route is for; empty where neither says one.
func (s *Site) profileOf(route string, info *requestInfo) string {
	if info.profile != "" {
		return string(info.profile)
	}
	return string(s.profiles[route])
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

// recorder notes what is answered. Before the first byte goes out, the audit lines of the request
// are in the log.
type recorder struct {
	http.ResponseWriter
	info   *requestInfo
	status int // 0: nothing yet
	bytes  int64
}

// WriteHeader notes the first final status.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
		w.awaitAudit()
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes of the body.
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
		w.awaitAudit()
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

func (w *recorder) awaitAudit() {
	if w.info != nil {
		w.info.audited.await()
	}
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
