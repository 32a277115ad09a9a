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
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/internal/installation"
)

// options are the sizes of a run.
type options struct {
	clients, many, foreign, rounds, starts int
	rest                                   time.Duration
	dir, profile, markdown                 string
}

func main() {
	var o options
	flag.IntVar(&o.clients, "clients", 1000, "how many clients are applied at once in a round")
	flag.IntVar(&o.many, "many", 10000, "how many clients there are in the large round, and at the restarts after it; 0: leave these out")
	flag.IntVar(&o.foreign, "foreign", 20000, "how many Secrets of others there are at the last restarts")
	flag.IntVar(&o.rounds, "n", 3, "how many rounds; the median counts")
	flag.IntVar(&o.starts, "starts", 1, "how many restarts for each figure of memory; the median counts")
	flag.DurationVar(&o.rest, "rest", 35*time.Second, "how long a program rests before its memory is read")
	flag.StringVar(&o.markdown, "markdown", "", "write the figures between the marks "+beginMark+" and "+endMark+" of this file")
	flag.StringVar(&o.dir, "dir", "", "folder for everything (default: a temporary one)")
	flag.StringVar(&o.profile, "profile", "", "write a CPU profile of the API server in an operator's round to this file")
	flag.Parse()
	if flag.NArg() > 0 || o.clients <= 0 || o.rounds <= 0 || o.starts <= 0 || o.many < 0 || o.foreign < 0 || o.rest < 0 {
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

const (
	system = installation.System

	// forBuilding is how many objects a build with empty caches is worth, see patience.
	forBuilding = 5000
)

// building is a step of the installation.
func building(ctx context.Context, doing string, do func(context.Context) error) error {
	return step(ctx, forBuilding, doing, func(ctx context.Context, _ *progress) error { return do(ctx) })
}

// bench is the installation that is measured.
type bench struct {
	*installation.Installation
	options

	api     client.WithWatch // the administrator's
	pattern pattern
}

func run(ctx context.Context, o options) (err error) {
	begin, load := time.Now(), readLoad()
	if o.markdown != "" { // before the work, not after it
		if _, err := replaceMarked(o.markdown, ""); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp(o.dir, "gatehouse-bench-operator-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	i, err := installation.New(ctx, installation.Options{Dir: dir, Fail: fail, Step: building})
	if err != nil {
		return err
	}
	b := &bench{Installation: i, options: o, api: i.API}
	defer func() {
		fail(nil) // ends our watches, which the API server would wait for
		err = errors.Join(err, b.Stop())
	}()
	r := results{options: o, load: load}
	if err := b.measureAll(ctx, &r); err != nil {
		return err
	}
	r.took = time.Since(begin)
	r.print(os.Stdout)
	if o.markdown == "" {
		return nil
	}
	text, err := replaceMarked(o.markdown, r.markdown())
	if err != nil {
		return err
	}
	return os.WriteFile(o.markdown, []byte(text), 0o644) //nolint:gosec // a page of the documentation
}

func (b *bench) measureAll(ctx context.Context, r *results) (err error) {
	if err := b.learn(ctx); err != nil {
		return err
	}
	if r.rounds, err = b.measureRounds(ctx); err != nil {
		return err
	}
	if b.many > 0 {
		r.large, err = b.measureMany(ctx)
	}
	return err
}

// measureRounds has the bare writer and the operator take turns.
func (b *bench) measureRounds(ctx context.Context) ([]pair, error) {
	var rounds []pair
	for n := range b.rounds {
		name := fmt.Sprintf("round-%d", n+1)
		p, err := b.measurePair(ctx, name, b.clients, n == b.rounds-1)
		if err != nil {
			return nil, err
		}
		rounds = append(rounds, p)
		if err := b.clear(ctx, name, b.clients); err != nil {
			return nil, err
		}
	}
	return rounds, nil
}

// measurePair has the bare writer write n clients, and then the operator. The clients of the
// operator stay.
func (b *bench) measurePair(ctx context.Context, name string, n int, profile bool) (p pair, err error) {
	err = step(ctx, n, fmt.Sprintf("%s: the bare writer, %d clients", name, n), func(ctx context.Context, so *progress) error {
		p.bare, err = b.measureBare(ctx, name, n, so)
		return err
	})
	if err != nil {
		return pair{}, err
	}
	if err := b.clear(ctx, name, n); err != nil {
		return pair{}, err
	}
	what := fmt.Sprintf("%s: the operator, %d clients (the bare writer took %.1f s)", name, n, p.bare.seconds)
	err = step(ctx, n, what, func(ctx context.Context, so *progress) error {
		p.operator, err = b.measureOperator(ctx, name, n, profile, so)
		return err
	})
	say("  the operator took %.1f s", p.operator.seconds)
	return p, err
}

// say tells whoever waits what is being done.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
