// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"sync"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

// clients is how many clients refresh at a time, and as many write all else.
const clients = 4

// start starts the server that most tests break, one after the other, and leave well. It ends with the process.
var start = sync.OnceValues(func() (*postgrestest.Server, error) { return postgrestest.New(context.Background()) })

// ours returns that server. What GATEHOUSE_TEST_POSTGRES names must not be broken.
func ours(t *testing.T) *postgrestest.Server {
	t.Helper()
	s, err := start()
	check(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of PostgreSQL's log:\n%s", s.LogTail())
		}
	})
	return s
}

// cutOff ends the connections of the store.
const cutOff = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '` + postgrestest.User + `'`

func TestConnectionsThatAreLostLoseNothing(t *testing.T) {
	server := ours(t)
	l := startLoad(t, newSite(t, server.Database(t)), clients)
	for range 10 {
		admin(t, server, cutOff)
		l.goesOn(t)
	}
	l.check(t)
}

func TestARestartOfTheDatabaseLosesNothing(t *testing.T) {
	server := ours(t)
	l := startLoad(t, newSite(t, server.Database(t)), clients)
	check(t, server.Stop(t.Context()))
	l.isRefused(t)
	check(t, server.Start(t.Context()))
	l.goesOn(t)
	l.check(t)
}

func TestADatabaseThatIsKilledLosesNothing(t *testing.T) {
	server := ours(t)
	killAgainAndAgain(t, server, 2)
}

// killAgainAndAgain kills the database under load.
func killAgainAndAgain(t *testing.T, server *postgrestest.Server, times int) {
	t.Helper()
	l := startLoad(t, newSite(t, server.Database(t)), clients)
	for range times {
		check(t, server.Kill(t.Context()))
		check(t, server.Start(t.Context()))
		l.goesOn(t)
	}
	l.check(t)
}

func TestAFailOverLosesNothing(t *testing.T) {
	primary := postgrestest.Start(t)
	name := databaseOf(t, primary.Database(t))
	standby := primary.Standby(t)
	l := startLoad(t, newSite(t, primary.MultiHostDSN(name, standby)), clients)
	check(t, primary.Kill(t.Context()))
	l.isRefused(t) // only the standby is there, and takes no writes
	check(t, standby.Promote(t.Context()))
	l.goesOn(t)
	l.check(t)
}

func TestAFullDiskLosesNothing(t *testing.T) {
	server := postgrestest.Start(t, postgrestest.WithTablesOnSmallDisk())
	l := startLoad(t, newSite(t, server.Database(t)), clients)
	check(t, server.Fill())
	l.reaches(t, "new rows are refused", &l.withheld, 4*clients) // there is room in the pages for refreshes
	check(t, server.MakeRoom())
	l.goesOn(t)
	l.check(t)
}

// PostgreSQL ends itself when it cannot write its log.
func TestAFullDiskOfTheLogLosesNothing(t *testing.T) {
	server := postgrestest.Start(t, postgrestest.WithLogOnSmallDisk())
	l := startLoad(t, newSite(t, server.Database(t)), clients)
	check(t, server.Fill())
	l.isRefused(t)
	check(t, server.MakeRoom())
	_ = server.Kill(t.Context()) // it may have ended by itself, or recover, when it obeys no request to stop
	check(t, server.Start(t.Context()))
	l.goesOn(t)
	l.check(t)
}

func TestTooManyConnectionsLoseNothing(t *testing.T) {
	server := ours(t)
	l := startLoad(t, newSite(t, server.Database(t)), clients)
	admin(t, server, `ALTER ROLE `+postgrestest.User+` CONNECTION LIMIT 0`)
	admin(t, server, cutOff)
	l.isRefused(t)
	admin(t, server, `ALTER ROLE `+postgrestest.User+` CONNECTION LIMIT -1`)
	l.goesOn(t)
	l.check(t)
}

func TestAStatementThatTakesTooLongLosesNothing(t *testing.T) {
	server := ours(t)
	dsn := server.Database(t)
	l := startLoad(t, newSite(t, dsn+"&statement_timeout=2000"), clients)
	release := lockTable(t, dsn, "grants")
	l.isRefused(t)
	release()
	l.goesOn(t)
	l.check(t)
}

// What is slow has connections of its own: the refreshes go on while logins, approvals and lists wait.
func TestARefreshDoesNotWaitForWhatIsSlow(t *testing.T) {
	server := ours(t)
	dsn := server.Database(t)
	s := newSite(t, dsn)
	l := startLoad(t, s, clients)
	release := lockTable(t, dsn, "consents")
	ctx, stop := context.WithCancel(t.Context())
	for range 50 {
		go func() { _, _ = s.store.ConsentsOf(ctx, "bob") }() // it waits for the lock
	}
	l.reaches(t, "refreshes are answered", &l.acknowledged, 20*clients)
	stop()
	release()
	l.goesOn(t)
	l.check(t)
}

// lockTable locks a table against everybody, until release is called.
func lockTable(t *testing.T, dsn, table string) (release func()) {
	t.Helper()
	c := connect(t, dsn)
	for _, statement := range []string{`BEGIN`, `LOCK TABLE ` + table + ` IN ACCESS EXCLUSIVE MODE`} {
		if _, err := c.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return func() { check(t, c.Close(t.Context())) }
}

func databaseOf(t *testing.T, dsn string) string {
	t.Helper()
	c := connect(t, dsn)
	defer c.Close(t.Context())
	return c.Config().Database
}
