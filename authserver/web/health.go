// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"io"
	"net/http"
)

// Degraded is why a server that is ready cannot do everything. It stays in service for the rest.
type Degraded string

func (d Degraded) Error() string { return string(d) }

// getHealth says that the process answers. It asks nobody else: a dependency that is away
// is no reason to restart this server.
func (s *Site) getHealth(w http.ResponseWriter, _ *http.Request) error {
	writeHealth(w, nil)
	return nil
}

// getReady says whether the server can answer, or in a word why it cannot.
func (s *Site) getReady(w http.ResponseWriter, r *http.Request) error {
	writeHealth(w, s.ready(r))
	return nil
}

// OpsHandler serves what is for the operator of the server and not for the internet:
// /metrics, /healthz and /readyz.
func OpsHandler(m *Metrics, ready func(*http.Request) error) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeHealth(w, nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { writeHealth(w, ready(r)) })
	return mux
}

// writeHealth writes "ok", or the problem with the status that takes a server out of service.
// A server that is Degraded stays in service.
func writeHealth(w http.ResponseWriter, problem error) {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	text := "ok"
	if d, ok := errors.AsType[Degraded](problem); ok {
		text += ", but " + d.Error()
	} else if problem != nil {
		text = problem.Error()
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = io.WriteString(w, text+"\n") // the prober has gone if this fails
}
