// SPDX-License-Identifier: Apache-2.0

package postgrestest_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

// starterVariable makes the test binary start a server, say which, and stay.
const starterVariable = "POSTGRESTEST_STARTER"

func TestMain(m *testing.M) {
	if os.Getenv(starterVariable) == "" {
		os.Exit(m.Run())
	}
	s, err := postgrestest.New(context.Background())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(s.Admin("postgres"))
	select {}
}

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	first, second := connect(t, postgrestest.DSN(t)), connect(t, postgrestest.DSN(t))
	do(t, first, `CREATE TABLE things (id int)`)
	do(t, second, `CREATE TABLE things (id int)`)
	if got := ask(t, first, `SHOW fsync`); got != "on" {
		t.Errorf("fsync is %s", got)
	}
	if got := ask(t, first, `SELECT rolsuper::text FROM pg_roles WHERE rolname = current_user`); got != "false" {
		t.Errorf("the user of the tests is an administrator: %s", got)
	}
}

func TestASuiteMayDoWithoutFsync(t *testing.T) {
	if got := ask(t, connect(t, postgrestest.DSN(t, postgrestest.WithoutFsync())), `SHOW fsync`); got != "off" {
		t.Errorf("fsync is %s", got)
	}
}

func TestANamedServerIsUsed(t *testing.T) {
	s := postgrestest.Start(t)
	do(t, connect(t, s.Admin("postgres")), `ALTER ROLE gatehouse CREATEDB`)
	t.Setenv(postgrestest.Variable, s.DSN(postgrestest.User, s.Password(), "postgres"))
	c := connect(t, postgrestest.DSN(t))
	if got := ask(t, c, `SHOW port`); !strings.HasSuffix(s.Address(), ":"+got) {
		t.Errorf("the database is at port %s, not at %s", got, s.Address())
	}
	if got := ask(t, c, `SELECT current_database()::text`); !strings.HasPrefix(got, "gatehouse_test_") {
		t.Errorf("the database is %s", got)
	}
}

func TestAServerKeepsWhatWasCommitted(t *testing.T) {
	s := postgrestest.Start(t)
	dsn := s.Database(t)
	do(t, connect(t, dsn), `CREATE TABLE things (id int)`)
	for i, end := range []func(context.Context) error{s.Stop, s.Kill} {
		do(t, connect(t, dsn), fmt.Sprintf(`INSERT INTO things VALUES (%d)`, i))
		must(t, end(t.Context()))
		if c, err := pgx.Connect(t.Context(), dsn); err == nil {
			t.Fatalf("it still serves: %v", c.Close(t.Context()))
		}
		must(t, s.Start(t.Context()))
		if got := ask(t, connect(t, dsn), `SELECT count(*)::text FROM things`); got != fmt.Sprint(i+1) {
			t.Errorf("%s rows are left, want %d", got, i+1)
		}
	}
}

func TestAStandbyTakesOver(t *testing.T) {
	primary := postgrestest.Start(t)
	do(t, connect(t, primary.Database(t)), `CREATE TABLE before_standby (id int)`)
	standby := primary.Standby(t)
	do(t, connect(t, primary.Admin("postgres")), `CREATE TABLE things (id int)`)
	must(t, primary.Kill(t.Context()))
	c := connect(t, standby.Admin("postgres"))
	if _, err := c.Exec(t.Context(), `INSERT INTO things VALUES (1)`); err == nil {
		t.Fatal("a standby took a write")
	}
	must(t, standby.Promote(t.Context()))
	dsn := primary.MultiHostDSN("template1", standby)
	if got := ask(t, connect(t, dsn), `SHOW port`); !strings.HasSuffix(standby.Address(), ":"+got) {
		t.Errorf("the primary is at port %s, not at %s", got, standby.Address())
	}
	do(t, c, `INSERT INTO things VALUES (1)`)
}

func TestASmallDiskFills(t *testing.T) {
	for name, option := range map[string]postgrestest.Option{
		"tables": postgrestest.WithTablesOnSmallDisk(), "log": postgrestest.WithLogOnSmallDisk(),
	} {
		t.Run(name, func(t *testing.T) {
			s := postgrestest.Start(t, option)
			dsn := s.Database(t)
			do(t, connect(t, dsn), `CREATE TABLE things (text text)`)
			must(t, s.Fill())
			if err := fill(t.Context(), dsn); err == nil {
				t.Fatal("it stored 20 MB on a full disk")
			}
			must(t, s.MakeRoom())
			if name == "log" { // which ends the server
				_ = s.Kill(t.Context()) // it may have ended already, or recover, when it obeys no request to stop
				must(t, s.Start(t.Context()))
			}
			do(t, connect(t, dsn), `INSERT INTO things VALUES ('room')`)
		})
	}
}

// fill stores 20 MB.
func fill(ctx context.Context, dsn string) error {
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	for range 20 {
		if _, err := c.Exec(ctx, `INSERT INTO things SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 31000)`); err != nil {
			return err
		}
	}
	return nil
}

func TestPgBouncerStandsBefore(t *testing.T) {
	s := postgrestest.Start(t)
	front := s.PgBouncer(t)
	c, err := pgx.Connect(t.Context(), front.DSN(postgrestest.User, s.Password(), "postgres")+"&default_query_exec_mode=simple_protocol")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if got := ask(t, c, `SHOW port`); !strings.HasSuffix(s.Address(), ":"+got) {
		t.Errorf("the server is at port %s, not at %s", got, s.Address())
	}
}

func TestAKilledProcessLeavesNothing(t *testing.T) {
	temporary := t.TempDir()
	must(t, os.Chmod(filepath.Dir(temporary), 0o755)) // the user postgres passes through
	must(t, os.Chmod(temporary, 0o777))
	starter := exec.Command(os.Args[0])
	starter.Env = append(os.Environ(), starterVariable+"=1", "TMPDIR="+temporary)
	pipe, err := starter.StdoutPipe()
	must(t, err)
	must(t, starter.Start())
	said, err := bufio.NewReader(pipe).ReadString('\n')
	must(t, err)
	dsn := strings.TrimSpace(said)
	if got := ask(t, connect(t, dsn), `SELECT 'alive'`); got != "alive" {
		t.Fatalf("the starter said %q", said)
	}
	must(t, starter.Process.Kill())
	if starter.Wait() == nil {
		t.Fatal("the starter was not killed")
	}
	waitUntil(t, "the server and its folder are gone", func() bool {
		left, err := filepath.Glob(temporary + "/gatehouse-postgres-*")
		must(t, err)
		return len(left) == 0
	})
	if _, err := pgx.Connect(t.Context(), dsn); err == nil {
		t.Error("the server still serves")
	}
}

// waitUntil looks again and again; the test's own deadline ends it.
func waitUntil(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(time.Minute); !done(); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited a minute until %s", what)
		}
	}
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) }) // the server may be gone
	return c
}

func do(t *testing.T, c *pgx.Conn, statement string) {
	t.Helper()
	if _, err := c.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func ask(t *testing.T, c *pgx.Conn, query string) (answer string) {
	t.Helper()
	if err := c.QueryRow(t.Context(), query).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return answer
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
