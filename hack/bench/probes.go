// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// probePace is how often each connection of a probe asks.
	probePace = 50 * time.Millisecond
	// probes are its connections.
	probes = 8
	// probeAim is what 99 of 100 probes must stay below, whatever else goes on.
	probeAim = 50 * time.Millisecond

	// Where probes come from, and everything else.
	probeAddress, otherAddress = "127.7.7.7", "127.6.6.6"
)

// probe makes a load one that only looks how long an answer takes.
func probe(l *load) *load {
	l.next, l.from, l.pace = l.next[:min(probes, len(l.next))], []string{probeAddress}, probePace
	return l
}

// together runs loads at the same time.
func together(ctx context.Context, duration time.Duration, loads ...*load) ([]result, error) {
	results, errs := make([]result, len(loads)), make([]error, len(loads))
	var all sync.WaitGroup
	for n, l := range loads {
		all.Go(func() { results[n], errs[n] = l.run(ctx, duration) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return results, nil
}

// named is a probe, and how long it waited in each round, with nothing else going on and beside something.
type named struct {
	name          string
	load          *load
	alone, beside []result
}

// quiet runs probes with nothing beside them.
func quiet(ctx context.Context, duration time.Duration, all []*named) error {
	for _, p := range all {
		r, err := p.load.run(ctx, duration)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		p.alone = append(p.alone, r)
	}
	return nil
}

// crowded runs probes beside another load and returns what that one did.
func crowded(ctx context.Context, duration time.Duration, other *load, all []*named) (result, error) {
	loads := []*load{other}
	for _, p := range all {
		loads = append(loads, p.load)
	}
	results, err := together(ctx, duration, loads...)
	if err != nil {
		return result{}, err
	}
	for n, p := range all {
		p.beside = append(p.beside, results[n+1])
	}
	return results[0], nil
}

// probeTable shows what probes waited.
func probeTable(title string, all []*named) table {
	t := table{title: title, head: []string{"probe", "alone: p50", "p99", "meanwhile: p50", "p99", "highest p99", "aim for p99", "reached"}}
	for _, p := range all {
		waited := median(each(p.beside, p99))
		t.rows = append(t.rows, []string{
			p.name, short(median(each(p.alone, p50))), short(median(each(p.alone, p99))), short(median(each(p.beside, p50))), short(waited),
			short(slices.Max(each(p.beside, p99))), "below " + probeAim.String(), yes(waited < probeAim),
		})
	}
	return t
}
