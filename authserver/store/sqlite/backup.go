// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	driversqlite "modernc.org/sqlite"
)

// Progress is told how far a copy is, in pages of 4 KiB, and what is done now.
type Progress func(doing string, done, total int)

// copyPages is how many pages are copied before somebody is told and asked whether to go on.
const copyPages = 4096

// Backup copies the store in the file at path into a new file, from any process and while a server runs: one
// moment of it, complete. The copy is checked whole, synced and readable by its owner alone before it has its name.
func Backup(ctx context.Context, path, to string, progress Progress) error {
	path, err := existing(path)
	if err != nil {
		return err
	}
	if err := absent(to); err != nil {
		return err
	}
	if err := isOurs(ctx, path, reading()); err != nil {
		return err
	}
	return placeCopy(ctx, path, to, reading(), progress, func(copied string) error {
		if err := absent(to); err != nil {
			return err
		}
		return os.Rename(copied, to)
	})
}

// Restore puts a copy that Backup made at path, for the next server that starts. It refuses while a server uses the file
// there, and to replace one unless it is told to. The file at path is the old one or the new one,
// complete, whenever it is interrupted.
func Restore(ctx context.Context, from, path string, replace bool, progress Progress) (err error) {
	if from, err = existing(from); err != nil {
		return err
	}
	if path, err = prepareFile(path); err != nil {
		return err
	}
	if from == path {
		return fmt.Errorf("%s cannot be restored from itself", path)
	}
	source := atRest(from)
	if err := isOurs(ctx, from, source); err != nil {
		return err
	}
	lock, err := lockFile(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if !replace {
		for _, name := range []string{path, path + "-wal"} {
			if err := absent(name); err != nil {
				return fmt.Errorf("%w. To have the backup in its place, say --replace", err)
			}
		}
	}
	if err := placeCopy(ctx, from, path, source, progress, func(copied string) error { return replaceFile(ctx, copied, path) }); err != nil {
		return err
	}
	// The mark of a server that was killed is about the old file, whose log is gone. The new file has none.
	if err := lock.Truncate(0); err != nil {
		return fmt.Errorf("%s is restored, but the server will look for a log beside it: remove %s.lock: %w", path, path, err)
	}
	return nil
}

// replaceFile puts the copied file at path. The log of the old file must go first, or SQLite would take it for the new
// file's. So what is in the log goes into the old file before: if this is interrupted, the old file is complete.
func replaceFile(ctx context.Context, copied, path string) error {
	if isOurs(ctx, path, reading()) == nil {
		if c, err := connector(ctx, path, writing())(); err == nil {
			_, _ = c.query("PRAGMA wal_checkpoint(TRUNCATE)", func(*row) {}) // a damaged file is replaced all the same
			_ = c.close()
		}
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the old log: %w", err)
		}
	}
	if err := syncFolder(path); err != nil {
		return err
	}
	return os.Rename(copied, path)
}

// placeCopy copies the store at from, which it opens with the settings, beside to, checks and syncs the copy, and has place give it
// its name.
func placeCopy(ctx context.Context, from, to string, settings url.Values, progress Progress, place func(copied string) error) error {
	partial := to + ".partial"
	if err := removeCopy(partial); err != nil { // of an earlier try
		return err
	}
	f, err := os.OpenFile(partial, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make the copy: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("make the copy: %w", err)
	}
	err = copyStore(ctx, from, partial, settings, progress)
	if err == nil {
		err = checkWhole(ctx, partial, from, progress)
	}
	if err == nil {
		err = syncFile(partial)
	}
	if err == nil {
		err = place(partial)
	}
	if err != nil {
		return errors.Join(err, removeCopy(partial))
	}
	return syncFolder(to)
}

// copyStore copies page by page. The source holds a read transaction open all the while: so the copy is of one
// moment, and does not begin anew whenever a server has written.
func copyStore(ctx context.Context, from, to string, settings url.Values, progress Progress) (err error) {
	c, err := connector(ctx, from, settings)()
	if err != nil {
		return fmt.Errorf("open %s: %w", from, err)
	}
	defer func() { err = errors.Join(err, c.close()) }()
	for _, statement := range []string{"BEGIN", "SELECT count(*) FROM sqlite_schema"} {
		if _, err := c.exec(statement); err != nil {
			return fmt.Errorf("read %s: %w", from, err)
		}
	}
	source, ok := c.driver.(interface {
		NewBackup(string) (*driversqlite.Backup, error)
	})
	if !ok {
		return fmt.Errorf("the driver's %T makes no backups", c.driver)
	}
	b, err := source.NewBackup(dsn(to, nil))
	if err != nil {
		return fmt.Errorf("begin the copy: %w", err)
	}
	defer func() { err = errors.Join(err, b.Finish()) }()
	for more := true; more; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if more, err = b.Step(copyPages); err != nil {
			return fmt.Errorf("copy %s: %w", from, err)
		}
		progress("copying", b.PageCount()-b.Remaining(), b.PageCount())
	}
	return nil
}

// checkWhole has SQLite look at each page and each index of the copy. It ends in a sentence about the file that was copied.
func checkWhole(ctx context.Context, copied, from string, progress Progress) error {
	progress("checking", 0, 0)
	c, err := connector(ctx, copied, url.Values{"mode": {"rw"}, "_dqs": {"0"}})()
	if err != nil {
		return fmt.Errorf("open the copy: %w", err)
	}
	fault := ""
	_, err = c.query("PRAGMA integrity_check(1)", func(r *row) { fault = r.text() })
	if err = errors.Join(err, c.close()); err != nil {
		return fmt.Errorf("%s is damaged: use an older backup (%w)", from, err)
	}
	if fault != "ok" {
		return fmt.Errorf("%s is damaged: use an older backup (%s)", from, fault)
	}
	return nil
}

// atRest are the settings that read a backup. SQLite writes files beside one that it opens as it opens a store, which fails where the
// folder may only be read, as backups should be mounted; and what it leaves there stays. A backup has no log, so nobody writes to it.
// Where there is a log, the file is the store of a server: it is opened as such.
func atRest(path string) url.Values {
	settings := reading()
	if _, err := os.Lstat(path + "-wal"); errors.Is(err, fs.ErrNotExist) {
		settings.Set("immutable", "1") // https://sqlite.org/uri.html#uriimmutable
	}
	return settings
}

// existing returns the absolute name of a file that is there.
func existing(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find the working folder: %w", err)
	}
	resolved, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no file %s", path)
	}
	if err != nil {
		return "", fmt.Errorf("the file %s cannot be looked at: %w", path, err)
	}
	return resolved, nil
}

// absent refuses a name that is taken.
func absent(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s exists already: name another file, or remove that one", path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the file %s cannot be looked at: %w", path, err)
	}
	return nil
}

// removeCopy removes a copy that was not finished.
func removeCopy(partial string) error {
	for _, suffix := range []string{"", "-journal", "-wal", "-shm"} {
		if err := os.Remove(partial + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove an unfinished copy: %w", err)
		}
	}
	return nil
}

func syncFile(path string) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open the copy: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync the copy: %w", err)
	}
	return nil
}

// syncFolder makes the names in the folder of path survive a power failure.
func syncFolder(path string) (err error) {
	f, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("open the folder: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync the folder: %w", err)
	}
	return nil
}
