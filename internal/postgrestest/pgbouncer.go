// SPDX-License-Identifier: Apache-2.0

package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// bouncerConfig is pgbouncer.ini. The pool is small, so that clients do share connections.
const bouncerConfig = `[databases]
* = host=127.0.0.1 port=%[1]d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %[2]d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %[3]s/users.txt
pool_mode = transaction
default_pool_size = 4
max_client_conn = 200
logfile = %[3]s/log
pidfile = %[3]s/bouncer.pid
`

// PgBouncer starts a PgBouncer in transaction mode in front of the server, with four connections to it, and returns a Server whose
// DSN goes through it. It ends with the test.
func (s *Server) PgBouncer(tb testing.TB) *Server {
	tb.Helper()
	front, err := prepare(nil)
	if err != nil {
		tb.Fatal(err)
	}
	front.password = s.password
	front.stopped.Store(true) // pg_ctl does not know it
	if err := front.startBouncer(tb.Context(), s.port); err != nil {
		tb.Fatal(errors.Join(err, front.Close()))
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("the end of PgBouncer's log:\n%s", front.LogTail())
		}
		if err := errors.Join(front.stopBouncer(), front.Close()); err != nil {
			tb.Errorf("end PgBouncer: %v", err)
		}
	})
	return front
}

// startBouncer starts PgBouncer in the server's folder and returns once it takes connections.
func (s *Server) startBouncer(ctx context.Context, behind int) error {
	path, err := bouncer()
	if err != nil {
		return err
	}
	users := fmt.Sprintf("%q %q\n%q %q\n", User, s.password, "postgres", s.password)
	config := filepath.Join(s.folder, "pgbouncer.ini")
	for file, text := range map[string]string{
		config:                               fmt.Sprintf(bouncerConfig, behind, s.port, s.folder),
		filepath.Join(s.folder, "users.txt"): users,
	} {
		if err := errors.Join(os.WriteFile(file, []byte(text), 0o600), s.account.own(file)); err != nil {
			return fmt.Errorf("configure PgBouncer: %w", err)
		}
	}
	if err := s.account.run(ctx, s.folder, nil, path, "--daemon", "--quiet", config); err != nil {
		return fmt.Errorf("start PgBouncer: %w", err)
	}
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp4", s.Address())
		if err == nil {
			return c.Close()
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("PgBouncer does not listen: %w", err)
		}
	}
}

// stopBouncer ends PgBouncer.
func (s *Server) stopBouncer() error {
	text, err := os.ReadFile(filepath.Join(s.folder, "bouncer.pid"))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(string(text[:len(text)-1]))
	if err != nil {
		return err
	}
	ctx, cancel := closing()
	defer cancel()
	return killFamily(ctx, pid)
}
