// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

// An approval, a redemption and a refresh write one row each, and a refresh touches no index.
func TestRowsWrittenPerStep(t *testing.T) {
	t.Parallel()
	address := postgrestest.DSN(t, postgrestest.WithoutFsync())
	openAt(t, address)
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	g := grantNumber(1)
	of := func(key []byte, question any) []*call { return []*call{{key: string(key), question: question}} }
	run := func(k *kind, calls []*call) func(pgx.Tx) error {
		return func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), k.sql, k.arguments(calls)...)
			return err
		}
	}
	for _, step := range []struct {
		name          string
		rows, inPlace int
		run           func(pgx.Tx) error
	}{
		{"approval", 1, 0, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), insertStatement, insertGrant(g)...); err != nil {
				return err
			}
			return send(t.Context(), tx, func(b *pgx.Batch) { revokeSurplus(b, g) })
		}},
		{"redemption", 1, 0, run(redeeming, of(g.Proof.Hash[:], millis(noon)))},
		{"refresh", 1, 1, run(rotating, of(g.ID[:], rotation{rotationOf(g, 1), millis(noon)}))},
		{"check of a token", 0, 0, run(ownedGrant, of(g.ID[:], nil))},
		{"revocation", 1, 0, run(revoking, of(g.ID[:], millis(noon)))},
		{"second revocation", 0, 0, run(revoking, of(g.ID[:], millis(noon)))},
	} {
		rows, inPlace := written(t, c, step.run)
		if rows != step.rows || inPlace != step.inPlace {
			t.Errorf("%s: %d rows, %d of them without an index, want %d, %d", step.name, rows, inPlace, step.rows, step.inPlace)
		}
	}
}

// written returns how many rows a transaction wrote, and how many of them without touching an index.
func written(t *testing.T, c *pgx.Conn, run func(pgx.Tx) error) (rows, inPlace int) {
	t.Helper()
	const query = `SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::int, sum(n_tup_hot_upd)::int FROM pg_stat_xact_user_tables`
	tx, err := c.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	count := func() (rows, inPlace int) {
		if err := tx.QueryRow(t.Context(), query).Scan(&rows, &inPlace); err != nil {
			t.Fatal(err)
		}
		return rows, inPlace
	}
	rowsBefore, inPlaceBefore := count() // earlier transactions that the server has not reported yet
	if err := run(tx); err != nil {
		t.Fatal(err)
	}
	rows, inPlace = count()
	rows, inPlace = rows-rowsBefore, inPlace-inPlaceBefore
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return rows, inPlace
}
