// SPDX-License-Identifier: Apache-2.0

// Command operator turns OAuthClients into Secrets. It reads flags and wires
// package controllers to a manager; it decides nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/gatehouse-dev/gatehouse/internal/buildinfo"
	"github.com/gatehouse-dev/gatehouse/internal/memlimit"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 0 after a shutdown that was asked for, 1 after a
// failure, 2 for flags that make no sense.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseFlags(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "operator:", err)
		return 2
	case o.version:
		fmt.Fprintln(stdout, buildinfo.Version())
		return 0
	}
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	ctrl.SetLogger(logr.FromSlogHandler(log.Handler()))
	klog.SetSlogLogger(log)
	tuneMemory()
	log.Info("starting", "version", buildinfo.Version(), "issuer", o.issuer, "namespace", o.namespace, "class", o.class,
		"memoryLimit", memlimit.Apply(os.DirFS("/")))
	if err := serve(ctx, o); err != nil {
		log.Error("stopped", "err", err)
		return 1
	}
	log.Info("stopped")
	return 0
}
