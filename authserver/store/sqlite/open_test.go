// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

func TestOpenSaysWhatIsWrong(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, folder string) (path string)
		want    string
	}{
		{"no path", func(*testing.T, string) string { return "" }, "the store needs the path of a file"},
		{"memory", func(*testing.T, string) string { return ":memory:" }, "the store needs the path of a file"},
		{"the folder is missing", func(_ *testing.T, folder string) string {
			return filepath.Join(folder, "missing", "gatehouse.db")
		}, "missing does not exist: create it, or mount the volume there"},
		{"the folder is a file", func(t *testing.T, folder string) string {
			return filepath.Join(writeFile(t, folder, "file", "text"), "gatehouse.db")
		}, "is not a folder"},
		{"the file is a folder", func(_ *testing.T, folder string) string { return folder }, "is a directory"},
		{"the file is a text", func(t *testing.T, folder string) string {
			return writeFile(t, folder, "gatehouse.db", "a text that is longer than the head of a database")
		}, "gatehouse.db is not a SQLite database: name another file, or restore"},
		{"the file is a short text", func(t *testing.T, folder string) string {
			return writeFile(t, folder, "gatehouse.db", "text")
		}, "gatehouse.db is not a SQLite database"},
		{"only the head of the file is a database", func(t *testing.T, folder string) string {
			return writeFile(t, folder, "gatehouse.db", magic+strings.Repeat("text", 2000))
		}, "gatehouse.db is not a SQLite database"},
		{"the database is another program's", func(t *testing.T, folder string) string {
			return database(t, filepath.Join(folder, "gatehouse.db"), `CREATE TABLE theirs (a)`)
		}, "is another program's SQLite database: name another file"},
		{"the empty database is marked as another program's", func(t *testing.T, folder string) string {
			return database(t, filepath.Join(folder, "gatehouse.db"), `PRAGMA application_id = 4711`)
		}, "is another program's SQLite database"},
		{"a newer version wrote the database", func(t *testing.T, folder string) string {
			path := filepath.Join(folder, "gatehouse.db")
			makeStore(t, path)
			return database(t, path, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`)
		}, "was written by a newer version (its schema is number 999, this version knows 100): run the newer version"},
		{"N395: a version before the first release wrote the database", func(t *testing.T, folder string) string {
			path := filepath.Join(folder, "gatehouse.db")
			makeStore(t, path)
			return database(t, path, `UPDATE goose_db_version SET version_id = 1 WHERE version_id > 0`)
		}, "was written by a version from before v0.1.0 (its schema is number 1, the first release begins with 100), which cannot be taken over: move the file away"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := test.prepare(t, t.TempDir())
			before, _ := os.ReadFile(path)
			s, err := Open(t.Context(), path)
			if err == nil {
				t.Fatalf("Open(%s) succeeded: %v", path, s.Close())
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("Open(%s) = %q, want something with %q", path, err, test.want)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

// writeFile writes a file and returns its path.
func writeFile(t *testing.T, folder, name, content string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// database runs a statement in the database at path and returns the path.
func database(t *testing.T, path, statement string) string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return path
}

// makeStore leaves a closed store at path with grant number 1 in it.
func makeStore(t *testing.T, path string) {
	t.Helper()
	s := openAt(t, path)
	if err := s.Approve(t.Context(), grantNumber(1), nil); err != nil {
		t.Fatalf("Approve() = %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("Close() = %v", err)
	}
}

func TestOpenNeedsAFolderAndAFileItMayWrite(t *testing.T) {
	folder := folderForOtherUser(t, 0o555)
	want := fmt.Sprintf("the folder %s is not writable for user", folder)
	if got := startChild(t, "other user", filepath.Join(folder, "gatehouse.db")).end(t); !strings.Contains(got, want) {
		t.Errorf("Open in a folder that is read-only = %q, want something with %q", got, want)
	}

	folder = folderForOtherUser(t, 0o777)
	path := writeFile(t, folder, "gatehouse.db", "")
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	want = fmt.Sprintf("the file %s is not writable for user", path)
	if got := startChild(t, "other user", path).end(t); !strings.Contains(got, want) {
		t.Errorf("Open of a file that is read-only = %q, want something with %q", got, want)
	}
}

// folderForOtherUser returns a folder with a mode that another user can find.
func folderForOtherUser(t *testing.T, mode os.FileMode) string {
	t.Helper()
	folder := t.TempDir()
	for name, mode := range map[string]os.FileMode{filepath.Dir(folder): 0o755, folder: mode} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// openAsOtherUser opens the store as a user to whom modes of files apply, which they do
// not to root.
func openAsOtherUser(ctx context.Context, path string) error {
	const nobody = 65534
	if os.Getuid() == 0 {
		if err := syscall.Setuid(nobody); err != nil {
			return err
		}
	}
	s, err := Open(ctx, path)
	if err != nil {
		return err
	}
	return s.Close()
}

func TestASecondServerOnTheFileIsRefused(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "gatehouse.db")
	link := filepath.Join(folder, "link.db")
	other := startChild(t, "hold", path)
	if !other.out.Scan() {
		t.Fatalf("the other server did not open the store: %s", other.end(t))
	}
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("another server uses %s: a SQLite store serves one process at a time", path)
	for _, name := range []string{path, link} {
		if _, err := Open(t.Context(), name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%s) beside another process = %v, want something with %q", name, err, want)
		}
	}
	if got := other.end(t); got != "" {
		t.Fatalf("the other server: %s", got)
	}

	s := openAt(t, path)
	if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Open(%s) twice in a process = %v, want something with %q", path, err, want)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
	openAt(t, path)
}

// holdStore opens the store, says so, and closes it at the end of its input.
func holdStore(ctx context.Context, path string) error {
	s, err := Open(ctx, path)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "open")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return s.Close()
}

func TestTheFilesAreReadableByTheirOwnerAlone(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "gatehouse.db")
	makeStore(t, path)
	if err := os.Chmod(path, 0o664); err != nil { // as a volume shared by a group does
		t.Fatal(err)
	}
	fill(t, openAt(t, path), 1)
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Errorf("the file beside the database: %v", err)
			continue
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s has mode %o, want 600", info.Name(), got)
		}
	}
}

func TestAnyFileNameWillDo(t *testing.T) {
	for _, name := range []string{"gatehouse", "gate house.db", "a?mode=memory&b#c%41.db", "zoë-李.db"} {
		path := filepath.Join(t.TempDir(), name)
		makeStore(t, path)
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("the store named %s is not there: %v, %v", name, info, err)
		}
		if _, err := openAt(t, path).Grant(t.Context(), grantNumber(1).ID); err != nil {
			t.Errorf("Grant() from the store named %s: %v", name, err)
		}
	}
}

func TestAStartThatWasCutShortIsTakenUpAgain(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, path string)
	}{
		{"before anything was written", func(t *testing.T, path string) { writeFile(t, filepath.Dir(path), filepath.Base(path), "") }},
		{"before the schema was made", func(t *testing.T, path string) {
			database(t, path, fmt.Sprintf(`PRAGMA application_id = %d`, applicationID))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "gatehouse.db")
			test.prepare(t, path)
			makeStore(t, path)
		})
	}
}

func TestOpenFromScratchAndAgainGivesOneSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	const schema = `SELECT count(*) FROM sqlite_schema WHERE name IN
		('sessions', 'sessions_by_end', 'grants', 'grants_by_id', 'grants_by_proof', 'grants_by_owner', 'grants_by_end',
		 'consents', 'spent', 'spent_by_end')`
	for range 2 {
		s := openAt(t, path)
		if got := number(t, s, schema); got != 10 {
			t.Errorf("%d of 10 tables and indexes are there", got)
		}
		if got := number(t, s, `SELECT max(version_id) FROM goose_db_version`); got != 100 {
			t.Errorf("the schema is number %d, want 100", got)
		}
		if got := number(t, s, `PRAGMA application_id`); got != applicationID {
			t.Errorf("the application ID is %d, want %d", got, applicationID)
		}
		if err := s.Close(); err != nil {
			t.Fatalf("Close() = %v", err)
		}
	}
}

func TestEveryCommitIsSynced(t *testing.T) {
	s := openNew(t)
	if got := number(t, s, `PRAGMA synchronous`); got != 2 {
		t.Errorf("synchronous is %d, want 2 (FULL)", got)
	}
	var journal string
	err := writeOnly(t.Context(), s.writer, func(c *transaction) error {
		_, err := c.query(`PRAGMA journal_mode`, func(r *row) { journal = r.text() })
		return err
	})
	if err != nil || journal != "wal" {
		t.Errorf("journal_mode is %q, %v, want wal", journal, err)
	}
}

func TestABackupMadeWhileTheServerRunsIsAStore(t *testing.T) {
	folder := t.TempDir()
	path, backup := filepath.Join(folder, "gatehouse.db"), filepath.Join(folder, "backup.db")
	s := openAt(t, path)
	fill(t, s, 20)
	database(t, path, fmt.Sprintf(`VACUUM INTO '%s'`, backup))
	if err := revoked(s.Revoke(t.Context(), grantNumber(1).ID, noon)); err != nil {
		t.Errorf("Revoke() beside a backup = %v", err)
	}

	restored := openAt(t, backup)
	for i := range 20 {
		g, err := restored.Grant(t.Context(), grantNumber(i).ID)
		if err != nil || g.Generation != 1 || !g.RevokedAt.IsZero() {
			t.Errorf("grant %d in the backup is %+v, %v", i, g, err)
		}
	}
}

func TestACleanStopLeavesOneFile(t *testing.T) {
	folder := t.TempDir()
	makeStore(t, filepath.Join(folder, "gatehouse.db"))
	for _, suffix := range []string{"-wal", "-shm"} {
		if _, err := os.Stat(filepath.Join(folder, "gatehouse.db"+suffix)); !os.IsNotExist(err) {
			t.Errorf("gatehouse.db%s is still there: %v", suffix, err)
		}
	}
}

func TestADamagedRowIsUnavailable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	makeStore(t, path)
	database(t, path, `PRAGMA ignore_check_constraints = 1; UPDATE grants SET proof_hash = x'01'`)
	if _, err := openAt(t, path).Grant(t.Context(), grantNumber(1).ID); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("Grant() of a damaged row: error is %v, want ErrUnavailable", err)
	}
}
