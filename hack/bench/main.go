// SPDX-License-Identifier: Apache-2.0

// Command bench measures the authorization server as it ships: the program that `make build` builds, as a
// process of its own, with its access log, audit log and metrics, over TLS with kept-alive connections, and with
// clients that the operator accepted on a real API server. Beside it stands a bare net/http handler that parses
// the same form and writes an answer of the same size, a second process with the same TLS and the same limits.
// The load comes from this process. All three share the cores, in one run, in turns: ratios are what it is
// about; requests per second say as much about the machine.
//
//	bench [flags]                  every part
//	bench -part ratios,flood       some
//	bench bare CERTIFICATE KEY     the bare handler, which the others start
//
// Parts:
//
//	ratios   what is answered all day, against the bare handler, and refreshes against pgbench   ratios.go
//	logins   how long others wait while passwords saturate the cores                             logins.go
//	flood    anonymous authorize requests leave nothing behind                                   flood.go
//	memory   what the server holds, by the number of clients                                     memory.go
//	growth   start, introspection and refresh, by the number of grants                           growth.go
//	replay   both programs beside 100,000 clients that an API server replays                     replay.go
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the sizes of a run, and where its tables go.
type options struct {
	duration            time.Duration
	connections, rounds int
	parts, stores       []string
	clients, grants     []int
	replays             []int
	dir                 string
	markdown, plot      string
}

// part is a part of the bench.
type part struct {
	name    string
	measure func(*bench, context.Context) ([]table, error)
}

// parts are all there are, in the order in which they run.
var parts = []part{
	{"ratios", (*bench).ratios},
	{"logins", (*bench).logins},
	{"flood", (*bench).flood},
	{"memory", (*bench).memory},
	{"growth", (*bench).growth},
	{"replay", (*bench).replay},
}

// The stores, by the scheme of their names.
const (
	sqlite   = "sqlite"
	postgres = "postgres"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "bare" {
		os.Exit(bareCommand(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	o, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	err = run(ctx, o)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "bench: stopped; nothing is left running")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.DurationVar(&o.duration, "d", 4*time.Second, "how long each measurement takes; the flood takes 15 times that")
	flags.IntVar(&o.connections, "c", 64, "how many connections send requests at once")
	flags.IntVar(&o.rounds, "n", 5, "how many rounds; the median counts")
	flags.StringVar(&o.dir, "dir", "", "folder for stores and logs, on the disk to measure (default: a temporary one)")
	flags.StringVar(&o.markdown, "markdown", "", "also put the tables into this file, between the markers that it has for each part")
	flags.StringVar(&o.plot, "plot", "", "also draw the ratios into this file, an SVG")
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	list := func(name, usage string, into *[]string, of []string) {
		*into = of
		flags.Func(name, usage+", of "+strings.Join(of, ",")+" (default: all)", func(text string) error {
			*into = strings.Split(text, ",")
			for _, one := range *into {
				if !slices.Contains(of, one) {
					return fmt.Errorf("%q is not one of %s", one, strings.Join(of, ", "))
				}
			}
			return nil
		})
	}
	list("part", "parts to run", &o.parts, names)
	list("stores", "stores to measure", &o.stores, []string{sqlite, postgres})
	numbers(flags, "clients", "numbers of clients, rising, for the part memory", &o.clients, []int{10, 1_000, 10_000})
	numbers(flags, "grants", "numbers of grants, rising, for the part growth", &o.grants, []int{10_000, 1_000_000})
	numbers(flags, "replays", "numbers of clients, rising, for the part replay", &o.replays, []int{1_000, 100_000})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.duration <= 0 || o.connections <= 0 || o.rounds <= 0 {
		return o, errors.New("-d, -c and -n must be positive, and there are no further arguments")
	}
	return o, nil
}

// run measures the parts, and writes each table as soon as it is there.
func run(ctx context.Context, o options) (err error) {
	began := machine(ctx)
	dir, err := os.MkdirTemp(o.dir, "gatehouse-bench-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b, err := newBench(ctx, dir, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	for _, p := range parts {
		if !slices.Contains(o.parts, p.name) {
			continue
		}
		say("part %s", p.name)
		tables, err := p.measure(b, ctx)
		for _, t := range tables {
			fmt.Println(t.text())
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if err := o.publish(p.name, tables, began); err != nil {
			return err
		}
	}
	fmt.Println(o.about(began))
	return nil
}

// publish puts the tables of a part into the page, if there is to be one, and the plot beside the ratios.
func (o options) publish(part string, tables []table, began string) error {
	if o.markdown == "" {
		return nil
	}
	about := o.about(began)
	if image, err := filepath.Rel(filepath.Dir(o.markdown), o.plot); err == nil && o.plot != "" && part == "ratios" {
		about += fmt.Sprintf("\n\n![Ratios beside their aims](%s)", filepath.ToSlash(image))
	}
	return replaceTables(o.markdown, part, tables, about)
}

// say tells whoever waits what is being done.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
