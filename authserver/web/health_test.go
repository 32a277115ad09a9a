// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReadinessSaysInAWordWhatIsMissing(t *testing.T) {
	problem := errors.New("keys")
	o := newObserved(t)
	o.ready = func(*http.Request) error { return problem }
	o.mux.Handle("GET /healthz", o.public(o.getHealth))
	o.mux.Handle("GET /readyz", o.public(o.getReady))
	for name, handler := range map[string]http.Handler{
		"main port": o.observe(o.mux), "metrics port": OpsHandler(o.metrics, o.ready),
	} {
		for _, row := range []struct {
			path   string
			err    error
			status int
			body   string
		}{
			{"/healthz", errors.New("keys"), 200, "ok\n"},
			{"/readyz", errors.New("keys"), 503, "keys\n"},
			{"/readyz", nil, 200, "ok\n"},
			{"/readyz", Degraded("the store cannot write"), 200, "ok, but the store cannot write\n"},
			{"/healthz", Degraded("the store cannot write"), 200, "ok\n"},
		} {
			t.Run(name+row.path, func(t *testing.T) {
				problem = row.err
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, row.path, nil))
				if w.Code != row.status || w.Body.String() != row.body {
					t.Errorf("%d %q, want %d %q", w.Code, w.Body, row.status, row.body)
				}
			})
		}
	}
}

func TestTheMetricsPortServesNothingElse(t *testing.T) {
	handler := OpsHandler(NewMetrics(), func(*http.Request) error { return nil })
	for _, row := range []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/metrics", 200},
		{http.MethodGet, "/", 404},
		{http.MethodPost, "/oauth2/token", 404},
		{http.MethodGet, "/debug/pprof/", 404},
		{http.MethodPost, "/metrics", 405},
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(row.method, row.path, strings.NewReader("")))
		if w.Code != row.status {
			t.Errorf("%s %s: status %d, want %d", row.method, row.path, w.Code, row.status)
		}
	}
}
