// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

func TestAWrongConfigurationFailsAtOnce(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, postgrestest.WithoutFsync())
	address := server.Database(t)
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(t.Context(), server.Admin(config.Database))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	for _, statement := range []string{
		`CREATE ROLE reader LOGIN PASSWORD 'hunter2'`, `REVOKE CREATE ON SCHEMA public FROM PUBLIC`,
		`CREATE ROLE hasty LOGIN PASSWORD 'hunter2'`, `ALTER ROLE hasty SET synchronous_commit TO off`,
	} {
		if _, err := c.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	as := func(user, password string) string {
		return strings.Replace(address, config.User+":"+config.Password+"@", user+":"+password+"@", 1)
	}
	for name, test := range map[string]struct{ address, want string }{
		"password":   {as(config.User, "hunter2"), "it does not accept the user or the password"},
		"user":       {as("nobody", "hunter2"), "it does not accept the user or the password"},
		"database":   {strings.Replace(address, "/"+config.Database, "/absent", 1), "there is no database of that name"},
		"rights":     {as("reader", "hunter2"), "the user lacks a right"},
		"durability": {as("hasty", "hunter2"), "answers before a write is on disk"},
		"parameter":  {with(address, "search_path=public&statement_timeout=soon"), "does not take a parameter"},
	} {
		_, err := Open(t.Context(), test.address)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Open() = %v, want something with %q", name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error tells the password: %v", name, err)
		}
	}
}

func TestADatabaseThatIsAwayAtTheStartIsWaitedFor(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, postgrestest.WithoutFsync())
	address := server.Database(t)
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := &follower{waiting: make(chan error, 1), opened: make(chan struct{})}
	s, err := Open(t.Context(), address, f)
	if err != nil {
		t.Fatalf("Open() = %v", err)
	}
	defer s.Close()
	if err := <-f.waiting; err == nil {
		t.Error("the observer is not told what the store waits for")
	}
	grant := grantNumber(1)
	for name, call := range map[string]func() error{
		"Ping":    func() error { return s.Ping(t.Context()) },
		"Probe":   func() error { return s.Probe(t.Context()) },
		"Approve": func() error { return s.Approve(t.Context(), grant, nil) },
		"Session": func() error { _, _, err := s.Session(t.Context(), hashNumber(1)); return err },
	} {
		if err := call(); !errors.Is(err, authserver.ErrUnavailable) || !strings.Contains(err.Error(), "not open yet") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-f.opened
	if err := errors.Join(s.Approve(t.Context(), grant, nil), s.Ping(t.Context()), s.Probe(t.Context())); err != nil {
		t.Errorf("when the database is there: %v", err)
	}
}

// A closed store waits for nothing, also while its database is away.
func TestAStoreIsClosedWhileItsDatabaseIsAway(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, postgrestest.WithoutFsync())
	address := server.Database(t)
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	}
	if err := s.Ping(t.Context()); !errors.Is(err, errClosed) {
		t.Errorf("Ping() = %v", err)
	}
}

func TestAProbeWritesAndLeavesOneRow(t *testing.T) {
	t.Parallel()
	s := openAt(t, postgrestest.DSN(t, postgrestest.WithoutFsync()))
	now := noon
	s.health.now = func() time.Time { return now }
	for range 3 {
		now = now.Add(probeAfter)
		if err := s.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var rows int
	if err := s.pool.connections.QueryRow(t.Context(), `SELECT count(*) FROM spent`).Scan(&rows); err != nil || rows != 1 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// The clock of the store is the database's: here it is the same machine's.
func TestNowIsTheDatabasesTime(t *testing.T) {
	t.Parallel()
	s := openAt(t, postgrestest.DSN(t, postgrestest.WithoutFsync()))
	before, err := s.databaseTime(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now := s.Now()
	after, err := s.databaseTime(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if bound := s.clock.sample.bound; now.Before(before.Add(-bound)) || now.After(after.Add(bound)) {
		t.Errorf("Now() = %s, which is not from %s to %s give or take %s", now, before, after, bound)
	}
}
