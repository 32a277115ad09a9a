// SPDX-License-Identifier: Apache-2.0

package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Standby starts a streaming replica of the server, which takes reads alone until Promote, and closes it when the test ends. The
// server waits for it with each commit from then on (synchronous replication), so that no commit is lost by a fail-over.
func (s *Server) Standby(tb testing.TB) *Server {
	tb.Helper()
	standby, err := s.NewStandby(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	closeAfter(tb, standby)
	return standby
}

// NewStandby is Standby for programs that are no tests.
func (s *Server) NewStandby(ctx context.Context) (*Server, error) {
	standby, err := prepare(nil)
	if err != nil {
		return nil, err
	}
	standby.settings, standby.password = s.settings, s.password
	standby.settings.small = nothing
	if err := standby.follow(ctx, s); err != nil {
		return nil, errors.Join(fmt.Errorf("make a standby: %w", err), standby.Close())
	}
	return standby, nil
}

// follow copies a primary, starts as its standby, and has it wait for us.
func (s *Server) follow(ctx context.Context, primary *Server) error {
	s.stopped.Store(true)
	basebackup, err := program("pg_basebackup")
	if err != nil {
		return err
	}
	name := fmt.Sprintf("standby_%d", s.port)
	source := url.URL{Scheme: "postgres", User: url.User("postgres"), Host: primary.Address(), RawQuery: "application_name=" + name}
	err = s.account.run(ctx, s.folder, []string{"PGPASSWORD=" + s.password}, basebackup, "--dbname="+source.String(), "--pgdata="+s.data,
		"--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync", "--no-password")
	if err != nil {
		return err
	}
	values := map[string]string{}
	for key, value := range s.settings.values {
		values[key] = value
	}
	values["port"] = strconv.Itoa(s.port)
	s.settings.values = values
	if err := s.write("postgresql.conf", s.settings.text()); err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return err
	}
	return primary.waitFor(ctx, name)
}

// waitFor has the server wait for the standby with each commit, and returns when it does.
func (s *Server) waitFor(ctx context.Context, standby string) error {
	c, err := pgx.Connect(ctx, s.Admin("postgres"))
	if err != nil {
		return fmt.Errorf("connect to the primary: %w", err)
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, `ALTER SYSTEM SET synchronous_standby_names = '`+standby+`'`); err != nil {
		return err
	}
	if _, err := c.Exec(ctx, `SELECT pg_reload_conf()`); err != nil {
		return err
	}
	for {
		var synchronous bool
		err := c.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_stat_replication WHERE application_name = $1 AND sync_state = 'sync')`, standby).Scan(&synchronous)
		if err != nil || synchronous {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("wait for the standby to follow: %w", context.Cause(ctx))
		}
	}
}

// Promote makes a primary of a standby.
func (s *Server) Promote(ctx context.Context) error {
	if err := s.pgctl(ctx, "promote"); err != nil {
		return fmt.Errorf("promote the standby: %w", err)
	}
	return nil
}

// MultiHostDSN returns a DSN of User that names the server and others of the same data, as a program writes it that looks for
// the primary among them.
func (s *Server) MultiHostDSN(database string, others ...*Server) string {
	hosts := s.Address()
	for _, other := range others {
		hosts += "," + other.Address()
	}
	return "postgres://" + url.UserPassword(User, s.password).String() + "@" + hosts + filepath.Join("/", database) +
		"?sslmode=disable&target_session_attrs=read-write"
}
