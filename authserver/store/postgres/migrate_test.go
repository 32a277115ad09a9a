// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

// later returns the steps of this program and further ones, as a newer program has them.
func later(t *testing.T, further ...string) fstest.MapFS {
	t.Helper()
	steps := fstest.MapFS{}
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		text, err := fs.ReadFile(migrations, path)
		if err != nil {
			t.Fatal(err)
		}
		steps[strings.TrimPrefix(path, "migrations/")] = &fstest.MapFile{Data: text}
	}
	for i, step := range further {
		steps["9000"+string(rune('1'+i))+"_later.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + step)}
	}
	return steps
}

const (
	expand   = "ALTER TABLE grants ADD COLUMN device text;\nCREATE INDEX grants_by_device ON grants (device);\nALTER TABLE people ADD COLUMN phone text NOT NULL DEFAULT '';"
	contract = "ALTER TABLE grants DROP COLUMN callback;\nUPDATE compatibility SET oldest_program = 90001;"
)

func addressOf(t *testing.T, text string) address {
	t.Helper()
	a, err := parseAddress(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// asks runs a query that gives one number.
func asks(t *testing.T, address, query string) (n int) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	if err := c.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func TestSeveralServersMayStartAtOnce(t *testing.T) {
	t.Parallel()
	address := postgrestest.DSN(t, postgrestest.WithoutFsync())
	inParallel(t, 5, 5, func(int) error {
		f := &follower{waiting: make(chan error, 1), opened: make(chan struct{})}
		s, err := Open(t.Context(), address, f)
		if err != nil {
			return err
		}
		<-f.opened // one takes the step, and the others wait for it
		return errors.Join(s.Ping(t.Context()), s.Close())
	})
	if n := asks(t, address, `SELECT count(*) FROM goose_db_version WHERE version_id > 0`); n != 1 {
		t.Errorf("the step was run %d times", n)
	}
}

// The version before serves on while the new one has added what it needs.
func TestTheStoreWorksOnASchemaToWhichWasAdded(t *testing.T) {
	t.Parallel()
	address := postgrestest.DSN(t, postgrestest.WithoutFsync())
	before := openAt(t, address)
	fill(t, before, 1)
	if _, _, err := before.Rotate(t.Context(), rotationOf(grantNumber(0), 1), noon); err != nil {
		t.Fatal(err)
	}
	if err := migrateTo(t.Context(), addressOf(t, address), later(t, expand)); err != nil {
		t.Fatal(err)
	}
	for i := range 10 { // statements that are prepared, and those that are not yet
		if _, _, err := before.Rotate(t.Context(), rotationOf(grantNumber(0), uint32(i)+2), noon); err != nil {
			t.Errorf("a server that ran before: %v", err)
		}
	}
	again := openAt(t, address)
	g := grantNumber(1)
	session := authserver.Session{Hash: hashNumber(1), Owner: g.Owner, AuthenticatedAt: noon, ExpiresAt: noon.Add(time.Hour)}
	person := authserver.Confirmation{Person: authserver.Person{ConfirmedAt: noon, Owner: authserver.Owner{Subject: g.Owner, Source: "users", Name: "bob"}}}
	for name, call := range map[string]func(*Store) error{
		"Approve": func(s *Store) error {
			return s.Approve(t.Context(), g, &authserver.Consent{Owner: g.Owner, ClientUID: g.ClientUID, GivenAt: noon})
		},
		"CreateSession": func(s *Store) error { return s.CreateSession(t.Context(), session, person) },
		"Redeem":        func(s *Store) error { _, err := s.Redeem(t.Context(), g.Proof.Hash, noon); return err },
		"GrantsOf":      func(s *Store) error { _, err := s.GrantsOf(t.Context(), g.Owner, noon); return err },
		"People":        func(s *Store) error { _, err := s.People(t.Context(), "", 10); return err },
		"Forget":        func(s *Store) error { return s.Forget(t.Context(), g.Owner, g.ClientUID, noon) },
		"Sweep":         func(s *Store) error { _, err := s.Sweep(t.Context(), noon, 10); return err },
	} {
		for version, s := range map[string]*Store{"ran before": before, "starts now": again} {
			if err := call(s); err != nil && !refusal(err) {
				t.Errorf("%s by a server that %s: %v", name, version, err)
			}
		}
	}
}

// N167: a program that cannot work with the schema must not try, and half a step must not stay.
func TestN167ASchemaThatSuitsThisProgramNoMoreIsRefused(t *testing.T) {
	t.Parallel()
	address := postgrestest.DSN(t, postgrestest.WithoutFsync())
	if err := migrateTo(t.Context(), addressOf(t, address), later(t, contract)); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), address)
	if !errors.Is(err, errTooNew) || !strings.Contains(err.Error(), "run the newer version, or restore a backup") {
		t.Errorf("Open() = %v", err)
	}
}

// N395: steps were changed in place before the first release, so what such a schema holds is not known.
func TestN395ASchemaFromBeforeTheFirstReleaseIsRefused(t *testing.T) {
	t.Parallel()
	address := postgrestest.DSN(t, postgrestest.WithoutFsync())
	if err := openAt(t, address).Close(); err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	if _, err := c.Exec(t.Context(), `UPDATE goose_db_version SET version_id = 1 WHERE version_id > 0`); err != nil {
		t.Fatal(err)
	}
	before := spelled(t, c)
	_, err = Open(t.Context(), address)
	if !errors.Is(err, errTooOld) || !permanent(err) || !strings.Contains(err.Error(), "its schema is number 1, the first release begins with 100: name an empty database") {
		t.Errorf("Open() = %v", err)
	}
	if diff := cmp.Diff(before, spelled(t, c)); diff != "" {
		t.Errorf("the database was changed (-before +after):\n%s", diff)
	}
}

// spelled returns the columns of all tables, and the steps that the schema is made of.
func spelled(t *testing.T, c *pgx.Conn) (lines []string) {
	t.Helper()
	rows, err := c.Query(t.Context(), `
		SELECT format('%s.%s %s %s', table_name, column_name, data_type, is_nullable) FROM information_schema.columns WHERE table_schema = current_schema()
		UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = current_schema()
		UNION ALL SELECT format('step %s: %s %s %s', id, version_id, is_applied, tstamp) FROM goose_db_version
		ORDER BY 1`)
	if err == nil {
		lines, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil || len(lines) < 10 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	return lines
}

func TestN167AStepThatWasStoppedHalfwayIsRunAgain(t *testing.T) {
	t.Parallel()
	address := postgrestest.DSN(t, postgrestest.WithoutFsync())
	openAt(t, address)
	a := addressOf(t, address)
	halfway := later(t, expand+"\nSELECT pg_terminate_backend(pg_backend_pid());\nCREATE TABLE never (n bigint);")
	if err := migrateTo(t.Context(), a, halfway); err == nil {
		t.Fatal("the step was not stopped")
	}
	if n := asks(t, address, `SELECT count(*) FROM information_schema.columns WHERE column_name IN ('device', 'phone')`); n != 0 {
		t.Errorf("half of the step stayed: %d columns", n)
	}
	if err := migrateTo(t.Context(), a, later(t, expand)); err != nil {
		t.Errorf("the second time: %v", err)
	}
	if n := asks(t, address, `SELECT count(*) FROM information_schema.columns WHERE column_name IN ('device', 'phone')`); n != 2 {
		t.Errorf("%d columns were added, want 2", n)
	}
}

// A server that was killed while it changed the schema leaves its lock behind, until the lease ends.
func TestN167ALockOfAServerThatWasKilledEnds(t *testing.T) {
	t.Parallel()
	address := postgrestest.DSN(t, postgrestest.WithoutFsync())
	openAt(t, address)
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	if _, err := c.Exec(t.Context(), `UPDATE goose_lock SET locked = true, locked_by = 'killed', lease_expires_at = now() + interval '1 second'`); err != nil {
		t.Fatal(err)
	}
	if err := migrateTo(t.Context(), addressOf(t, address), later(t, expand)); err != nil {
		t.Fatal(err)
	}
}
