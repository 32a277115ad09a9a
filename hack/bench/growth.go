// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// sampled is how many grants of each connection are used, among all those that are only there.
const sampled = 16

// grown is a server on a store with many grants.
type grown struct {
	*site

	cells               []string // of the table: what was seen at the start
	introspect, refresh *load
	checks, refreshes   []result
}

// growth measures what a server does beside few grants and beside many. The servers of a store take turns.
func (b *bench) growth(ctx context.Context) (_ []table, err error) {
	t := table{title: fmt.Sprintf("Of the grants, %d are used.", sampled*b.connections),
		head: []string{"store", "grants", "loaded in", "MB on disk", "ready after", "introspections a second", "p99", "CPU each", "refreshes a second", "p99", "CPU each", "MB resident"}}
	for _, kind := range b.stores {
		if err := b.growthOn(ctx, kind, &t); err != nil {
			return []table{t}, fmt.Errorf("%s: %w", kind, err)
		}
	}
	return []table{t}, nil
}

func (b *bench) growthOn(ctx context.Context, kind string, t *table) (err error) {
	var servers []*grown
	defer func() {
		for _, g := range servers {
			err = errors.Join(err, b.End(g.Process))
		}
	}()
	for _, size := range b.grants {
		g, err := b.grow(ctx, kind, size)
		if err != nil {
			return err
		}
		servers = append(servers, g)
	}
	for round := range b.rounds {
		say("round %d of %d on %s", round+1, b.rounds, kind)
		for _, g := range servers {
			if err := g.measure(ctx, b.duration); err != nil {
				return err
			}
		}
	}
	for _, g := range servers {
		m, err := resident(ctx, g.Metrics)
		if err != nil {
			return err
		}
		for _, results := range [][]result{g.checks, g.refreshes} {
			g.cells = append(g.cells, number(median(each(results, perSecond))), short(median(each(results, p99))), price(results))
		}
		t.rows = append(t.rows, append(g.cells, fmt.Sprintf("%.0f", m)))
	}
	return nil
}

func (g *grown) measure(ctx context.Context, duration time.Duration) error {
	checked, err := g.introspect.run(ctx, duration)
	if err != nil {
		return fmt.Errorf("introspection: %w", err)
	}
	refreshed, err := g.refresh.run(ctx, duration)
	if err != nil {
		return fmt.Errorf("refresh: %w", err)
	}
	g.checks, g.refreshes = append(g.checks, checked), append(g.refreshes, refreshed)
	return nil
}

// grow fills a store and starts a server on it.
func (b *bench) grow(ctx context.Context, kind string, size int) (*grown, error) {
	store, err := b.newStore(ctx, kind)
	if err != nil {
		return nil, err
	}
	s := &site{kind: kind, store: store}
	if s.grants, err = b.allow(ctx, store, sampled); err != nil {
		return nil, err
	}
	say("loading %d grants", size)
	begin := time.Now()
	if err := fill(ctx, kind, store, size); err != nil {
		return nil, err
	}
	loaded := time.Since(begin)
	begin = time.Now()
	if err := b.startSite(ctx, s); err != nil {
		return nil, err
	}
	ready := time.Since(begin)
	_, bytes, err := b.kept(ctx, s)
	return &grown{site: s, introspect: b.introspecting(s), refresh: b.refreshing(s, s.grants),
		cells: []string{kind, number(float64(size)), short(loaded), number(float64(bytes >> 20)), short(ready)}}, err
}

// fill adds grants to a store that no server uses, until there are as many as size says.
func fill(ctx context.Context, kind, store string, size int) error {
	name := store
	if kind == sqlite {
		name = strings.TrimPrefix(store, "sqlite:") + "?_pragma=cache_size(-200000)&_pragma=synchronous(off)"
	}
	db, err := database(kind, name)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // what was written is committed
	var there int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM grants`).Scan(&there); err != nil {
		return fmt.Errorf("count the grants: %w", err)
	}
	if there >= size {
		return nil
	}
	for _, statement := range []string{fillStatement(kind, size-there), `ANALYZE`} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("load grants: %w", err)
		}
	}
	return nil
}

// copiedColumns are those that all grants may have in common.
const copiedColumns = `client_uid, scopes, profile, approved_at, ends_at, generation, rotated_at, previous_rotated_at, revoked_at,
	callback, code_challenge, proof_expires_at, kept_until`

// fillStatement makes n copies of a grant, each with an ID, a proof and an owner of its own.
func fillStatement(kind string, n int) string {
	numbers, more, values := `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %d)`,
		``, `randomblob(16), randomblob(32)`
	if kind == postgres {
		numbers, more, values = `WITH numbers AS (SELECT n FROM generate_series(1, %d) n)`,
			`bucket, `, `n %% 16, decode(md5(random()::text || n), 'hex'), decode(md5(random()::text || n) || md5(n::text), 'hex')`
	}
	return fmt.Sprintf(numbers+` INSERT INTO grants (`+more+`id, proof_hash, owner, `+copiedColumns+`)
		SELECT `+values+`, 'owner-' || (n / 10), `+copiedColumns+`
		FROM numbers, (SELECT * FROM grants WHERE generation = 1 LIMIT 1) AS one`, n)
}
