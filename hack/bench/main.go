// SPDX-License-Identifier: Apache-2.0

// Command bench measures the authorization server against a floor: a bare net/http
// handler that parses a form and writes an answer of the same size, under the same
// limits and TLS, with the same load, in the same run. Ratios are what it is about;
// requests per second say as much about the machine.
//
// The engine, the store (SQLite on disk, synced), the site with its access log, audit
// log and metrics are the real ones. The clients stand in memory, as the registry
// keeps them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	duration := flag.Duration("d", 4*time.Second, "how long each measurement takes")
	connections := flag.Int("c", 64, "how many connections send requests at once")
	rounds := flag.Int("n", 3, "how many rounds; the median counts")
	dir := flag.String("dir", "", "folder for the store, on the disk to measure (default: a temporary one)")
	flag.Parse()
	if flag.NArg() > 0 || *duration <= 0 || *connections <= 0 || *rounds <= 0 {
		fmt.Fprintln(os.Stderr, "bench: -d, -c and -n must be positive, and there are no further arguments")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *dir, *connections, *rounds, *duration); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, connections, rounds int, duration time.Duration) (err error) {
	work, err := os.MkdirTemp(dir, "gatehouse-bench-")
	if err != nil {
		return fmt.Errorf("make a folder for the store: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	commits, err := commitsPerSecond(ctx, work)
	if err != nil {
		return err
	}
	b, err := start(ctx, work)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	measurements, err := b.measurements(ctx, connections)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d measurements of %s, %d rounds, %d connections\n", len(measurements), duration, rounds, connections)
	for round := range rounds {
		for _, m := range measurements {
			fmt.Fprintf(os.Stderr, "round %d: %s\n", round+1, m.name)
			r, err := load(ctx, m, duration)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			m.results = append(m.results, r)
		}
	}
	report(os.Stdout, measurements, commits)
	return b.refusals(ctx, os.Stdout)
}

// commitsPerSecond is how often this disk syncs a small write: what refreshing could
// reach with one commit for each.
func commitsPerSecond(ctx context.Context, dir string) (float64, error) {
	f, err := os.CreateTemp(dir, "sync")
	if err != nil {
		return 0, fmt.Errorf("measure the disk: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing of it is kept
	page := make([]byte, 4096)
	begin, n := time.Now(), 0
	for ; time.Since(begin) < time.Second && ctx.Err() == nil; n++ {
		if _, err := f.Write(page); err != nil {
			return 0, fmt.Errorf("measure the disk: %w", err)
		}
		if err := f.Sync(); err != nil {
			return 0, fmt.Errorf("measure the disk: %w", err)
		}
	}
	return float64(n) / time.Since(begin).Seconds(), ctx.Err()
}
