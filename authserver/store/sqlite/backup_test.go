// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

func quiet(string, int, int) {}

// N175: a copy that is made while a server writes is complete, and nobody else may read it.
func TestN175ABackupOfAServerThatWritesIsAStore(t *testing.T) {
	folder := t.TempDir()
	path, backup := filepath.Join(folder, "gatehouse.db"), filepath.Join(folder, "backup.db")
	s := openAt(t, path)
	fill(t, s, 200)
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	begun := make(chan struct{})
	writing.Go(func() {
		for i := uint32(1); ctx.Err() == nil; i++ {
			_, _, _ = s.Rotate(ctx, rotation(grantNumber(0), i), noon)
			if i == 1 {
				close(begun)
			}
		}
	})
	<-begun
	told := 0
	if err := Backup(t.Context(), path, backup, func(string, int, int) { told++ }); err != nil {
		t.Fatal(err)
	}
	stop()
	writing.Wait()
	if told < 2 {
		t.Errorf("progress was told %d times", told)
	}
	if info, err := os.Stat(backup); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the copy is %v, %v, want mode 600", info.Mode(), err)
	}
	if left, _ := filepath.Glob(backup + ".*"); len(left) > 0 {
		t.Errorf("left beside the copy: %v", left)
	}
	restored := openAt(t, backup)
	for i := range 200 {
		if g, err := restored.Grant(t.Context(), grantNumber(i).ID); err != nil || g.Generation < 1 {
			t.Errorf("grant %d in the backup is %+v, %v", i, g, err)
		}
	}
}

// N175: what was in the log alone is in the copy, also when the server was killed.
func TestN175ABackupHoldsTheLog(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "gatehouse.db")
	fill(t, openAt(t, path), 20)
	killed := filepath.Join(folder, "killed.db") // the files of a server that was killed
	copyFile(t, path, killed)
	copyFile(t, path+"-wal", killed+"-wal")
	backup := filepath.Join(folder, "backup.db")
	if err := Backup(t.Context(), killed, backup, quiet); err != nil {
		t.Fatal(err)
	}
	if _, err := openAt(t, backup).Grant(t.Context(), grantNumber(19).ID); err != nil {
		t.Errorf("Grant() = %v", err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// N175: a restore, and what it refuses.
func TestN175ARestoreReplacesNothingUnasked(t *testing.T) {
	folder := t.TempDir()
	path, backup := filepath.Join(folder, "gatehouse.db"), filepath.Join(folder, "backup.db")
	s := openAt(t, path)
	fill(t, s, 1)
	if err := Backup(t.Context(), path, backup, quiet); err != nil {
		t.Fatal(err)
	}
	refused := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want something with %q", err, want)
		}
	}
	refused(Backup(t.Context(), path, backup, quiet), "exists already")
	refused(Backup(t.Context(), filepath.Join(folder, "none.db"), filepath.Join(folder, "b"), quiet), "there is no file")
	refused(Restore(t.Context(), backup, path, true, quiet), "another server uses")
	if err := revoked(s.Revoke(t.Context(), grantNumber(0).ID, noon)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	refused(Restore(t.Context(), backup, path, false, quiet), "exists already")
	refused(Restore(t.Context(), backup, path, false, quiet), "--replace")
	refused(Restore(t.Context(), path, path, true, quiet), "from itself")
	refused(Restore(t.Context(), writeFile(t, folder, "text", strings.Repeat("text", 100)), path, true, quiet), "is not a SQLite database")
	refused(Restore(t.Context(), database(t, filepath.Join(folder, "theirs.db"), `CREATE TABLE theirs (a)`), path, true, quiet), "another program's")
	refused(Restore(t.Context(), writeFile(t, folder, "empty", ""), path, true, quiet), "is empty")

	s = openAt(t, path)
	if g, err := s.Grant(t.Context(), grantNumber(0).ID); err != nil || g.RevokedAt.IsZero() {
		t.Errorf("what was refused has changed something: %+v, %v", g, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{path, filepath.Join(folder, "new.db")} {
		if err := Restore(t.Context(), backup, to, to == path, quiet); err != nil {
			t.Fatal(err)
		}
		if g, err := openAt(t, to).Grant(t.Context(), grantNumber(0).ID); err != nil || !g.RevokedAt.IsZero() {
			t.Errorf("the grant that was restored is %+v, %v", g, err)
		}
	}
}

// N175: a backup is mounted so that it can only be read. A restore needs no file beside it, and leaves none, whoever runs it.
func TestN175ARestoreReadsABackupThatMayOnlyBeRead(t *testing.T) {
	path, kept := filepath.Join(t.TempDir(), "gatehouse.db"), t.TempDir()
	backup := filepath.Join(kept, "backup.db")
	s := openAt(t, path)
	fill(t, s, 1)
	if err := Backup(t.Context(), path, backup, quiet); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), os.Chmod(backup, 0o400), os.Chmod(kept, 0o500)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(kept, 0o700) })
	if err := Restore(t.Context(), backup, path, true, quiet); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(kept); err != nil || len(entries) != 1 {
		t.Errorf("beside the backup are %v, %v", entries, err)
	}
	if _, err := openAt(t, path).Grant(t.Context(), grantNumber(0).ID); err != nil {
		t.Errorf("Grant() = %v", err)
	}
}

// N175: the log of the old file is not taken for the new one's.
func TestN175ARestoreLeavesNoLogOfTheOldFile(t *testing.T) {
	folder := t.TempDir()
	path, backup, killed := filepath.Join(folder, "gatehouse.db"), filepath.Join(folder, "backup.db"), filepath.Join(folder, "killed.db")
	s := openAt(t, path)
	fill(t, s, 1)
	if err := Backup(t.Context(), path, backup, quiet); err != nil {
		t.Fatal(err)
	}
	fill2 := grantNumber(50)
	if err := s.Approve(t.Context(), fill2, nil); err != nil {
		t.Fatal(err)
	}
	copyFile(t, path, killed)
	copyFile(t, path+"-wal", killed+"-wal")
	if err := Restore(t.Context(), backup, killed, false, quiet); err == nil {
		t.Error("a store that was killed was replaced unasked")
	}
	if err := Restore(t.Context(), backup, killed, true, quiet); err != nil {
		t.Fatal(err)
	}
	restored := openAt(t, killed)
	if _, err := restored.Grant(t.Context(), grantNumber(0).ID); err != nil {
		t.Errorf("Grant() = %v", err)
	}
	if _, err := restored.Grant(t.Context(), fill2.ID); !errors.Is(err, authserver.ErrNotFound) {
		t.Errorf("what the old file had: %v, want ErrNotFound", err)
	}
}

// N175: a copy that is interrupted leaves no file that looks like one.
func TestN175ACopyThatIsInterruptedIsNotThere(t *testing.T) {
	folder := t.TempDir()
	path, backup := filepath.Join(folder, "gatehouse.db"), filepath.Join(folder, "backup.db")
	makeStore(t, path)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := Backup(ctx, path, backup, quiet); !errors.Is(err, context.Canceled) {
		t.Errorf("Backup() = %v", err)
	}
	if left, _ := filepath.Glob(backup + "*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	writeFile(t, folder, "backup.db.partial", "what a copy left that was killed")
	if err := Backup(t.Context(), path, backup, quiet); err != nil {
		t.Errorf("Backup() after one that was killed = %v", err)
	}
}

// N176: a damaged file is refused with what to do, and not changed; a copy of it too.
func TestN176ADamagedFileIsRefused(t *testing.T) {
	folder := t.TempDir()
	whole := filepath.Join(folder, "whole.db")
	s := openAt(t, whole)
	fill(t, s, 200)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	for _, row := range []struct {
		name   string
		damage func([]byte) []byte
		open   string // what the start-up says; empty: it does not see it
	}{
		{"cut off in a page", func(b []byte) []byte { return b[:len(b)-100] }, "is damaged (it has"},
		{"the last page is missing", func(b []byte) []byte { return b[:len(b)-page] }, "is damaged (it has"},
		{"half of it is missing", func(b []byte) []byte { return b[:len(b)/2/page*page] }, "is damaged (it has"},
		{"only a part of the head is there", func(b []byte) []byte { return b[:50] }, "is not a SQLite database"},
		{"the head was overwritten", func(b []byte) []byte { clear(b[:100]); return b }, "is not a SQLite database"},
		{"the schema was overwritten", func(b []byte) []byte { fillBytes(b[100:page], 0x55); return b }, "is damaged ("},
		{"the root of a table was overwritten", func(b []byte) []byte { overwrite(b, rootOf(t, whole, "grants")); return b }, "is damaged ("},
		{"the root of an index was overwritten", func(b []byte) []byte { overwrite(b, rootOf(t, whole, "grants_by_end")); return b }, "is damaged ("},
		{"a page in the middle was overwritten", func(b []byte) []byte { overwrite(b, middleOf(t, whole)); return b }, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			folder := t.TempDir()
			path := filepath.Join(folder, "gatehouse.db")
			damaged := row.damage(append([]byte(nil), content...))
			writeFile(t, folder, "gatehouse.db", string(damaged))
			err := Backup(t.Context(), path, filepath.Join(folder, "backup.db"), quiet)
			if err == nil || !strings.Contains(err.Error(), "damaged") && !strings.Contains(err.Error(), "not a SQLite database") {
				t.Errorf("Backup() = %v", err)
			}
			err = Restore(t.Context(), path, filepath.Join(folder, "restored.db"), false, quiet)
			if err == nil || !strings.Contains(err.Error(), "damaged") && !strings.Contains(err.Error(), "not a SQLite database") {
				t.Errorf("Restore() = %v", err)
			}
			for _, name := range []string{"backup.db", "restored.db"} {
				if left, _ := filepath.Glob(filepath.Join(folder, name)); len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
			}
			if row.open == "" {
				return
			}
			s, err := Open(t.Context(), path)
			if err == nil {
				t.Fatalf("Open() succeeded: %v", s.Close())
			}
			if !strings.Contains(err.Error(), row.open) || !strings.Contains(err.Error(), "restore") {
				t.Errorf("Open() = %v, want something with %q", err, row.open)
			}
			if after, _ := os.ReadFile(path); string(after) != string(damaged) {
				t.Error("the file was changed")
			}
		})
	}
}

func fillBytes(b []byte, with byte) {
	for i := range b {
		b[i] = with
	}
}

// overwrite fills a page, which are counted from 1.
func overwrite(b []byte, page int) { fillBytes(b[(page-1)*4096:page*4096], 0x55) }

// rootOf returns the first page of a table or an index.
func rootOf(t *testing.T, path, name string) int {
	t.Helper()
	return oneNumber(t, path, fmt.Sprintf(`SELECT rootpage FROM sqlite_schema WHERE name = '%s'`, name))
}

// middleOf returns a page of the grants that is at neither end.
func middleOf(t *testing.T, path string) int {
	t.Helper()
	return oneNumber(t, path, `SELECT pageno FROM dbstat WHERE name = 'grants' AND pagetype = 'leaf' ORDER BY path LIMIT 1 OFFSET 3`)
}

func oneNumber(t *testing.T, path, query string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// N176: the log of a server that was killed is part of the store.
func TestN176AMissingLogIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	other := startChild(t, "hold", path)
	if !other.out.Scan() {
		t.Fatalf("the other server did not open the store: %s", other.end(t))
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait()
	if err := os.Rename(path+"-wal", path+"-aside"); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(t.Context(), path); err == nil {
		t.Errorf("Open() without the log succeeded: %v", s.Close())
	} else if !strings.Contains(err.Error(), "-wal is missing") || !strings.Contains(err.Error(), "restore a backup") {
		t.Errorf("Open() = %v", err)
	}
	if err := os.Rename(path+"-aside", path+"-wal"); err != nil {
		t.Fatal(err)
	}
	openAt(t, path)
}

// N175, N176: "restore a backup" is what the server says then, so it has to start afterwards. So it has after a kill that lost nothing.
func TestN176AServerStartsOnARestoredFileAfterAKill(t *testing.T) {
	for _, lost := range []bool{true, false} {
		path, backup := filepath.Join(t.TempDir(), "gatehouse.db"), filepath.Join(t.TempDir(), "backup.db")
		other := startChild(t, "hold", path)
		if !other.out.Scan() {
			t.Fatalf("the other server did not open the store: %s", other.end(t))
		}
		quiet := func(string, int, int) {}
		if err := Backup(t.Context(), path, backup, quiet); err != nil {
			t.Fatal(err)
		}
		if err := other.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = other.Wait()
		if lost {
			if err := os.Remove(path + "-wal"); err != nil {
				t.Fatal(err)
			}
		}
		if err := Restore(t.Context(), backup, path, true, quiet); err != nil {
			t.Fatal(err)
		}
		openAt(t, path)
	}
}
