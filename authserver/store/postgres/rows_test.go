// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-dev/gatehouse/authserver"
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

// N314: two replicas, each with connections of its own, count in the same rows; what they wrote is there for a third one.
func TestN314ReplicasCountUsesTogether(t *testing.T) {
	t.Parallel()
	address := postgrestest.DSN(t, postgrestest.WithoutFsync())
	replicas := []*Store{openAt(t, address), openAt(t, address)}
	const each = 20
	uses := []authserver.Use{
		{UID: "b", CredentialID: "1", Since: noon, UsedAt: noon, Challenged: 1, ChallengedAt: noon},
		{UID: "a", CredentialID: "1", Since: noon, UsedAt: noon, Unchallenged: 1, UnchallengedAt: noon},
	}
	var all sync.WaitGroup
	for n := range each {
		for r, s := range replicas {
			all.Go(func() {
				mine := slices.Clone(uses)
				mine[n%2].UsedAt = noon.Add(time.Duration(r) * time.Hour)
				if err := s.NoteUses(t.Context(), mine); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	for _, s := range replicas {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	got, err := openAt(t, address).Uses(t.Context(), "", "", "", 10)
	if err != nil || len(got) != 2 || got[0].Unchallenged != 2*each || got[1].Challenged != 2*each || !got[0].UsedAt.Equal(noon.Add(time.Hour)) || !got[1].UsedAt.Equal(noon.Add(time.Hour)) {
		t.Errorf("uses %+v, %v", got, err)
	}
}
