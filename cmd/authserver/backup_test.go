// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/store"
)

// N175: the commands say what they did or why not, and a backup comes from a store that is open.
func TestN175BackupAndRestoreAsCommands(t *testing.T) {
	folder := t.TempDir()
	location, backup := "sqlite:"+filepath.Join(folder, "gatehouse.db"), filepath.Join(folder, "backup.db")
	s, err := store.Open(t.Context(), location)
	if err != nil {
		t.Fatal(err)
	}
	spend := func() error {
		return s.Spend(t.Context(), authserver.Hash{1}, time.Unix(0, 0), time.Unix(3600, 0))
	}
	command := func(want int, says string, args ...string) {
		t.Helper()
		var out, errors bytes.Buffer
		if got := run(t.Context(), args, system{stdin: os.Stdin, stdout: &out, stderr: &errors, env: os.Getenv}); got != want {
			t.Errorf("%v: status %d, want %d: %s", args, got, want, errors.String())
		}
		if !strings.Contains(errors.String(), says) {
			t.Errorf("%v says %q, want something with %q", args, errors.String(), says)
		}
	}
	command(exitStopped, "is complete and checked", "backup", "--store", location, "--to", backup)
	command(exitRefused, "exists already", "backup", "--store", location, "--to", backup)
	command(exitRefused, "another server uses", "restore", "--store", location, "--from", backup, "--replace")
	command(exitRefused, "name both: --store=sqlite:PATH --to=FILE", "backup", "--store", location)
	command(exitRefused, "pg_dump", "backup", "--store", "postgres://gatehouse:secret@db/gatehouse", "--to", backup+"2")
	command(exitRefused, "there is no store of the kind", "restore", "--store", "mysql:x", "--from", backup)
	command(exitRefused, "is not a flag", "backup", "everything")
	command(exitStopped, "the copy", "restore", "-h")
	if err := spend(); err != nil { // after the backup
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	command(exitRefused, "exists already", "restore", "--store", location, "--from", backup)
	command(exitStopped, "revoke them again", "restore", "--store", location, "--from", backup, "--replace")
	if s, err = store.Open(t.Context(), location); err != nil {
		t.Fatal(err)
	}
	if err := spend(); err != nil {
		t.Errorf("what was spent after the backup is spent still: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestProgressIsToldAtTimes(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	tell := tellProgress(&out, "backup", func() time.Time { return now })
	tell("copying", 256, 1024)
	tell("copying", 512, 1024)
	now = now.Add(progressInterval)
	tell("copying", 768, 1024)
	tell("checking", 0, 0)
	want := "authserver backup: copying, 25 % of 4 MiB\nauthserver backup: copying, 75 % of 4 MiB\n" +
		"authserver backup: checking; this takes about as long as the copying\n"
	if out.String() != want {
		t.Errorf("it says\n%s\nwant\n%s", out.String(), want)
	}
}
