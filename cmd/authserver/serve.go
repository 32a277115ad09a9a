// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"k8s.io/klog/v2"

	"github.com/gatehouse-dev/gatehouse/authserver/web"
	"github.com/gatehouse-dev/gatehouse/internal/buildinfo"
	"github.com/gatehouse-dev/gatehouse/internal/memlimit"
)

const (
	// drainTime is how long requests may take that are under way when the server stops.
	drainTime = 30 * time.Second
	// flushTime is how long the logs may take at the end, and the last scrape.
	flushTime = 2 * time.Second
)

// opsConnections are for probes and scrapes.
var opsConnections = web.ConnectionsConfig{Limits: web.Limits{Connections: 64, ConnectionsPerAddress: 64}}

// serveCommand serves until ctx ends.
func serveCommand(ctx context.Context, args []string, sys system) int {
	o, c, status, ok := configured("authserver", args, sys)
	if !ok {
		return status
	}
	signal.Ignore(syscall.SIGPIPE) // a log that nobody reads any more is a failed write, not the end
	metrics := web.NewMetrics()
	lines := web.NewLineWriter(sys.stderr, metrics.LogTrouble)
	defer flush(ctx, lines)
	log := slog.New(slog.NewJSONHandler(lines, nil))
	klog.SetSlogLogger(log)
	log.InfoContext(ctx, "starting", "version", buildinfo.Version(), "issuer", c.Issuer, "config", o.config,
		"memoryLimit", memlimit.Apply(os.DirFS("/")))
	if c.PlainHTTP && len(c.proxies) == 0 {
		log.WarnContext(ctx, "plainHTTP without trustedProxies: all requests seem to come from the proxy, so everybody together gets what one address may have")
	}
	r, err := open(ctx, c, o, sys, log, metrics)
	if err != nil {
		flush(ctx, lines)
		fmt.Fprintln(sys.stderr, "authserver: cannot start as configured:\n  "+strings.ReplaceAll(err.Error(), "\n", "\n  "))
		return exitRefused
	}
	r.access = lines
	return finish(ctx, serve(ctx, c, r, log, metrics), r, log)
}

// finish closes everything and returns the exit status.
func finish(ctx context.Context, err error, r *resources, log *slog.Logger) int {
	status := exitStopped
	if err != nil {
		log.ErrorContext(ctx, "the server failed", "err", err)
		status = exitFailed
	}
	if err := r.Close(); err != nil {
		log.ErrorContext(ctx, "the store, the audit log or a listener could not be closed", "err", err)
		status = exitFailed
	}
	log.InfoContext(ctx, "stopped")
	return status
}

// flush writes what is left of a log.
func flush(ctx context.Context, log interface{ Close(context.Context) error }) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	_ = log.Close(ctx) // whoever reads it does not read it
}

// serve runs a server on the resources until ctx ends. It returns an error when the
// server could not be made, or ended by itself.
func serve(ctx context.Context, c config, r *resources, log *slog.Logger, m *web.Metrics) error {
	s, err := newServer(c, r, log, m)
	if err != nil {
		return err
	}
	defer flush(ctx, s.auditor)
	if r.tracing != nil {
		defer flush(ctx, r.tracing)
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	for _, run := range s.watches { // while the API server is gone, these take seconds to end
		go run(background)
	}
	var running sync.WaitGroup
	for _, run := range s.background {
		running.Go(func() { run(background) })
	}
	err = s.answer(ctx, r)
	stop()
	running.Wait()
	return err
}

// answer serves until ctx ends or a listener fails. When it is asked to stop, it says at once that it is
// not ready and goes on for the shutdown delay, so that nobody is refused who does not know yet. Then the
// main port ends, and after it the one that tells how it is.
func (s *server) answer(ctx context.Context, r *resources) error {
	main := begin(ctx, s.main, web.NewConnections(r.listener, s.connections), drainTime)
	ops := begin(ctx, s.ops, web.NewConnections(r.metricsListener, opsConnections), flushTime)
	admin := s.beginAdmin(ctx, r)
	s.log.InfoContext(ctx, "listening", "address", r.listener.Addr().String(), "tls", r.certificate != nil,
		"metrics", r.metricsListener.Addr().String())
	select {
	case <-ctx.Done():
		s.ready.Stop()
		s.log.InfoContext(ctx, "stopping", "delaySeconds", s.shutdownDelay.Seconds(), "drainSeconds", drainTime.Seconds())
		s.delay(main, ops)
	case <-main.ended:
	case <-ops.ended:
	case <-admin.ended:
	}
	s.ready.Stop()
	err := errors.Join(main.stop(), admin.stop(), ops.stop())
	if ctx.Err() != nil && err != nil {
		s.log.WarnContext(ctx, "requests were cut off", "err", err)
		return nil
	}
	return err
}

// delay waits for the shutdown delay, or until a listener fails.
func (s *server) delay(main, ops *listening) {
	over := time.NewTimer(s.shutdownDelay)
	defer over.Stop()
	select {
	case <-over.C:
	case <-main.ended:
	case <-ops.ended:
	}
}
