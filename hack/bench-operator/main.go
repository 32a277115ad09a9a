// SPDX-License-Identifier: Apache-2.0

// Command bench-operator measures the shipped operator on a real control plane beside a bare
// writer of the same objects (create, Secret, status), in turns, in one run on one machine.
// Ratios are what it is about; seconds say as much about the machine.
//
// The operator is a process of its own as it is deployed: config/default is applied with its
// roles and admission policies, and the operator has the account, the leader election, the
// log, the metrics and the Event recorder that it has there. It does not run while the bare
// writer writes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// options are the sizes of a run.
type options struct {
	clients, many, foreign, rounds, starts int
	dir, profile                           string
}

func main() {
	var o options
	flag.IntVar(&o.clients, "clients", 1000, "how many clients are applied at once in a round")
	flag.IntVar(&o.many, "many", 10000, "how many clients there are in the large round, and at the restarts after it; 0: leave these out")
	flag.IntVar(&o.foreign, "foreign", 20000, "how many Secrets of others there are at the last restarts")
	flag.IntVar(&o.rounds, "n", 3, "how many rounds; the median counts")
	flag.IntVar(&o.starts, "starts", 3, "how many restarts for each figure of memory; the median counts")
	flag.StringVar(&o.dir, "dir", "", "folder for everything (default: a temporary one)")
	flag.StringVar(&o.profile, "profile", "", "write a CPU profile of the API server in an operator's round to this file")
	flag.Parse()
	if flag.NArg() > 0 || o.clients <= 0 || o.rounds <= 0 || o.starts <= 0 || o.many < 0 || o.foreign < 0 {
		fmt.Fprintln(os.Stderr, "bench-operator: -clients, -n and -starts must be positive, and there are no further arguments")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench-operator:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp(o.dir, "gatehouse-bench-operator-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b, err := install(ctx, dir, o)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel() // ends our watches, which the API server would wait for
		err = errors.Join(err, b.stop())
	}()
	if err := b.learn(ctx); err != nil {
		return err
	}
	var r results
	if r.rounds, err = b.measureRounds(ctx); err != nil {
		return err
	}
	if o.many > 0 {
		if r.large, err = b.measureMany(ctx); err != nil {
			return err
		}
	}
	r.report(os.Stdout, o)
	return nil
}

// measureRounds has the bare writer and the operator take turns.
func (b *bench) measureRounds(ctx context.Context) ([]pair, error) {
	var rounds []pair
	for n := range b.rounds {
		p, err := b.measurePair(ctx, fmt.Sprintf("round-%d", n+1), b.clients, n == b.rounds-1)
		if err != nil {
			return nil, err
		}
		rounds = append(rounds, p)
		if err := b.clear(ctx); err != nil {
			return nil, err
		}
	}
	return rounds, nil
}

// measurePair has the bare writer write n clients, and then the operator. The clients of the
// operator stay.
func (b *bench) measurePair(ctx context.Context, name string, n int, profile bool) (pair, error) {
	say("%s: the bare writer, %d clients", name, n)
	bare, err := b.measureBare(ctx, name, n)
	if err != nil {
		return pair{}, fmt.Errorf("the bare writer: %w", err)
	}
	if err := b.clear(ctx); err != nil {
		return pair{}, err
	}
	say("%s: the operator, %d clients (the bare writer took %.1f s)", name, n, bare.seconds)
	operator, err := b.measureOperator(ctx, name, n, profile)
	if err != nil {
		return pair{}, fmt.Errorf("the operator: %w", err)
	}
	say("%s: the operator took %.1f s", name, operator.seconds)
	return pair{bare: bare, operator: operator}, nil
}

// say tells whoever waits what is being done.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
