// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

// runner can be measured for a while.
type runner interface {
	run(ctx context.Context, duration time.Duration) (result, error)
}

// row is a measurement beside its reference.
type row struct {
	name, against       string
	aim                 float64
	measured, reference runner

	results, references []result
}

// ratios measures what is answered all day. In each round every row and its reference take turns, one right
// after the other, so that whatever else the machine does meets both.
func (b *bench) ratios(ctx context.Context) (_ []table, err error) {
	syncs, err := syncsPerSecond(ctx, b.Dir)
	if err != nil {
		return nil, err
	}
	var rows []*row
	for _, kind := range b.stores {
		s, open := b.newSite(ctx, kind, 1)
		if open != nil {
			return nil, open
		}
		defer func() { err = errors.Join(err, b.End(s.Process)) }()
		of, warm := b.rowsOf(ctx, s)
		if warm != nil {
			return nil, warm
		}
		rows = append(rows, of...)
	}
	say("%d rows, each beside its reference: %d rounds of %s each, %d connections", len(rows), b.rounds, b.duration, b.connections)
	for round := range b.rounds {
		for _, r := range rows {
			say("round %d of %d: %s", round+1, b.rounds, r.name)
			if err := r.measure(ctx, b.duration, round%2 == 1); err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
		}
	}
	if b.plot != "" {
		if err := os.WriteFile(b.plot, plot(bars(rows)), 0o644); err != nil { //nolint:gosec // everybody may look at it
			return nil, fmt.Errorf("write the plot: %w", err)
		}
	}
	return []table{ratioTable(rows, syncs)}, nil
}

// measure measures the row and its reference, in turns in this order or the other one.
func (r *row) measure(ctx context.Context, duration time.Duration, measuredFirst bool) error {
	reference := func() (err error) {
		var got result
		got, err = r.reference.run(ctx, duration)
		r.references = append(r.references, got)
		return err
	}
	measured := func() (err error) {
		var got result
		got, err = r.measured.run(ctx, duration)
		r.results = append(r.results, got)
		return err
	}
	turns := []func() error{reference, measured}
	if measuredFirst {
		slices.Reverse(turns)
	}
	for _, turn := range turns {
		if err := turn(); err != nil {
			return err
		}
	}
	return nil
}

// rowsOf returns what is measured of a server, warm: what it remembers of secrets and grants it remembers all day.
func (b *bench) rowsOf(ctx context.Context, s *site) ([]*row, error) {
	refresh := b.refreshing(s, s.grants)
	if s.kind == postgres {
		introspect, err := b.besideBare(ctx, "introspection, PostgreSQL", 0.4, b.introspecting(s))
		if err != nil {
			return nil, err
		}
		updates, err := b.newUpdates(ctx)
		if err != nil {
			return nil, err
		}
		_, err = refresh.run(ctx, min(b.duration, time.Second)) // warm, as the others
		return []*row{introspect, {name: "refresh, PostgreSQL", against: "pgbench's updates", aim: 0.7, measured: refresh, reference: updates}}, err
	}
	var rows []*row
	for _, one := range []struct {
		name string
		aim  float64
		load *load
	}{
		{"client credentials", 0.6, b.issuing(s.target, b.connections)},
		{"introspection, SQLite", 0.6, b.introspecting(s)},
		{"refresh, SQLite", 0.4, refresh},
		{"OAuth 1.0a verification, SQLite", 0.3, b.verifying(s)},
		{"JWT access token, ES256", 0, b.issuingJWTs(s)},
		{"UserInfo, SQLite", 0, b.telling(s)},
		{"refresh with an ID token, RS256, SQLite", 0, b.refreshing(s, s.logins)},
	} {
		r, err := b.besideBare(ctx, one.name, one.aim, one.load)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// besideBare warms a load up and puts the bare handler beside it, which gets the same form and writes an answer of
// the same size.
func (b *bench) besideBare(ctx context.Context, name string, aim float64, measured *load) (*row, error) {
	warm, err := measured.run(ctx, min(b.duration, time.Second))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	request, err := measured.next[0](nil)
	if err != nil {
		return nil, err
	}
	reference := &load{target: b.bare}
	for range measured.next {
		reference.next = append(reference.next, same(bareOf(request, warm.size), ""))
	}
	return &row{name: name, against: "bare handler", aim: aim, measured: measured, reference: reference}, nil
}

// updates are pgbench's single-row updates in a database of the same server.
type updates struct {
	dsn         string
	connections int
}

func (b *bench) newUpdates(ctx context.Context) (updates, error) {
	dsn, err := b.newStore(ctx, postgres)
	if err != nil {
		return updates{}, err
	}
	return updates{dsn, b.connections}, postgrestest.PreparePgbench(ctx, dsn)
}

func (u updates) run(ctx context.Context, duration time.Duration) (result, error) {
	perSecond, err := postgrestest.Pgbench(ctx, u.dsn, postgrestest.PgbenchUpdate, u.connections, duration)
	return result{perSecond: perSecond}, err
}
