// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// How long a probe may take, and how long the server waits for those under way.
const probeTimeout = 5 * time.Second

// probes serves /healthz and /readyz. The manager has a server of its own for them,
// but it withholds the reason of a failure, and the reason is what helps here.
type probes struct {
	address string // "0": none
	ready   func(*http.Request) error
}

// Start serves until ctx ends. It is part of manager.Runnable.
func (p probes) Start(ctx context.Context) error {
	if p.address == "0" {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.address)
	if err != nil {
		return fmt.Errorf("serve the probes: %w", err)
	}
	server := &http.Server{Handler: p.routes(), ReadTimeout: probeTimeout, WriteTimeout: probeTimeout, MaxHeaderBytes: 16 << 10}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve the probes: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTimeout)
	defer cancel()
	if err := server.Shutdown(last); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("end the probes: %w", err)
	}
	return nil
}

// NeedLeaderElection has a replica that waits to be the leader answer too.
func (probes) NeedLeaderElection() bool { return false }

func (p probes) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := p.ready(r); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	return mux
}
