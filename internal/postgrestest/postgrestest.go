// SPDX-License-Identifier: Apache-2.0

package postgrestest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Variable names a server of which DSN gives databases, instead of a private one: the DSN of a user that may create them.
const Variable = "GATEHOUSE_TEST_POSTGRES"

// shared are the servers that the tests of this process share: one that flushes what is committed to the disk, and one that
// does not.
var shared struct {
	sync.Mutex
	servers map[bool]*Server
}

// DSN returns the DSN of a fresh, empty database, whose owner is the user of the DSN. It is dropped when the test ends. The
// server is shared: a test must not disturb it. The only options that count are those of WithoutFsync.
func DSN(tb testing.TB, options ...Option) string {
	tb.Helper()
	if dsn := os.Getenv(Variable); dsn != "" {
		return external(tb, dsn)
	}
	s, err := sharedServer(tb.Context(), options)
	if err != nil {
		tb.Fatal(err)
	}
	return s.Database(tb)
}

// sharedServer starts the server when the first test asks. It ends with the process: see keeper.
func sharedServer(ctx context.Context, options []Option) (*Server, error) {
	cheap := newSettings(options).values["fsync"] == "off"
	shared.Lock()
	defer shared.Unlock()
	if s := shared.servers[cheap]; s != nil {
		return s, nil
	}
	s, err := New(ctx, options...)
	if err != nil {
		return nil, err
	}
	if shared.servers == nil {
		shared.servers = map[bool]*Server{}
	}
	shared.servers[cheap] = s
	return s, nil
}

// Start starts a server of the test's own and stops it when the test ends. When the test has failed, it shows the server's log.
func Start(tb testing.TB, options ...Option) *Server {
	tb.Helper()
	s, err := New(tb.Context(), options...)
	if err != nil {
		tb.Fatal(err)
	}
	closeAfter(tb, s)
	return s
}

// closeAfter closes a server when the test ends.
func closeAfter(tb testing.TB, s *Server) {
	tb.Helper()
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("the end of PostgreSQL's log:\n%s", s.LogTail())
		}
		if err := s.Close(); err != nil {
			tb.Errorf("close PostgreSQL: %v", err)
		}
	})
}

// Database creates an empty database of the server and returns its DSN, as DSN does.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	name := databaseName()
	dsn, err := s.CreateDatabase(tb.Context(), name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if !s.stopped.Load() {
			dropDatabase(tb, s.Admin("postgres"), name)
		}
	})
	return dsn
}

// CreateDatabase creates an empty database of the server, for programs that are no tests, and returns its DSN.
func (s *Server) CreateDatabase(ctx context.Context, name string) (dsn string, err error) {
	return s.DSN(User, s.password, name), execute(ctx, s.Admin("postgres"), fmt.Sprintf(`CREATE DATABASE %s OWNER %s`, name, User))
}

// external creates a database on the server that Variable names.
func external(tb testing.TB, dsn string) string {
	tb.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		tb.Fatalf("%s is no URL", Variable) // the error would repeat a password
	}
	name := databaseName()
	run(tb, dsn, `CREATE DATABASE `+name)
	tb.Cleanup(func() { dropDatabase(tb, dsn, name) })
	u.Path = "/" + name
	return u.String()
}

// dropDatabase drops a database, whoever still uses it. The test's context has ended by now.
func dropDatabase(tb testing.TB, dsn, name string) {
	tb.Helper()
	if err := execute(context.WithoutCancel(tb.Context()), dsn, `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
		tb.Errorf("drop the database of the test: %v", err)
	}
}

func databaseName() string { return "gatehouse_test_" + strings.ToLower(rand.Text()) }

// run runs a statement, or ends the test.
func run(tb testing.TB, dsn, statement string) {
	tb.Helper()
	if err := execute(tb.Context(), dsn, statement); err != nil {
		tb.Fatal(err)
	}
}

// execute runs a statement in a connection of its own.
func execute(ctx context.Context, dsn, statement string) error {
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
