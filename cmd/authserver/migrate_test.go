// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/store"
	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

// migrate runs migrate-store and returns how it ended.
func migrate(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := program(append([]string{"migrate-store"}, args...)...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	_ = cmd.Run() // its status is looked at
	return cmd.ProcessState.ExitCode(), out.String(), said.String()
}

func TestMigrateStoreCopiesAndSaysSo(t *testing.T) {
	from, to := "sqlite:"+filepath.Join(t.TempDir(), "gatehouse.db"), postgrestest.DSN(t)
	session := authserver.Session{Hash: authserver.Hash{1}, Owner: "bob", AuthenticatedAt: time.Unix(1, 0).UTC(), ExpiresAt: time.Unix(2, 0).UTC()}
	s, err := store.Open(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	person := authserver.Person{Owner: authserver.Owner{Subject: "bob", Name: "bob"}, ConfirmedAt: time.Unix(1, 0)}
	if err := s.CreateSession(t.Context(), session, authserver.Confirmation{Person: person}); err != nil {
		t.Fatal(err)
	}

	if code, _, stderr := migrate(t, "--from="+from, "--to="+to); code != exitRefused || !strings.Contains(stderr, "--from: another server uses") {
		t.Errorf("N171: while a server runs: exit status %d, %q", code, stderr)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := migrate(t, "--from="+from, "--to="+to)
	if code != exitStopped || !strings.HasPrefix(stdout, "2 rows were copied and compared") || !strings.Contains(stderr, "compared sessions: 2 of 2 rows") {
		t.Errorf("exit status %d, said %q and %q", code, stdout, stderr)
	}
	if code, _, stderr := migrate(t, "--from="+from, "--to="+to); code != exitFailed || !strings.Contains(stderr, "holds data already") {
		t.Errorf("N170: a second time: exit status %d, %q", code, stderr)
	}

	s, err = store.Open(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Session(t.Context(), session.Hash); err != nil {
		t.Errorf("the session is not in the new store: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestMigrateStoreRefusesWhatItCannotDo(t *testing.T) {
	file := "sqlite:" + filepath.Join(t.TempDir(), "gatehouse.db")
	for _, row := range []struct {
		name string
		args []string
		want string
	}{
		{"no flags", nil, "name both stores"},
		{"one store", []string{"--from=" + file}, "name both stores"},
		{"one store twice", []string{"--from=" + file, "--to=" + file}, "the same store"},
		{"an argument", []string{"--from=" + file, "--to=postgres://db/gatehouse", "now"}, `"now" is not a flag`},
		{"nothing to copy", []string{"--from=" + file, "--to=" + file + ".new"}, "--from: there is no file"},
		{"another kind of store", []string{"--from=mysql:x", "--to=" + file}, "--from: the store must be named as"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if code, stdout, stderr := migrate(t, row.args...); code != exitRefused || stdout != "" || !strings.Contains(stderr, row.want) {
				t.Errorf("exit status %d, said %q and %q", code, stdout, stderr)
			}
		})
	}
	if code, _, stderr := migrate(t, "--help"); code != exitStopped || !strings.Contains(stderr, "row by row") {
		t.Errorf("--help: exit status %d, %q", code, stderr)
	}
}
