// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// magic is how every SQLite file of some content begins (https://sqlite.org/fileformat2.html).
const magic = "SQLite format 3\x00"

// prepareFile checks that there can be a database at path and returns its absolute name
// without symbolic links, so that one file has one lock.
func prepareFile(path string) (string, error) {
	if path == "" || path == ":memory:" {
		return "", errors.New("the store needs the path of a file: sqlite:PATH")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find the working folder: %w", err)
	}
	folder := filepath.Dir(path)
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("the folder %s does not exist: create it, or mount the volume there", folder)
	case err != nil:
		return "", fmt.Errorf("the folder %s cannot be looked at: %w", folder, err)
	case !info.IsDir():
		return "", fmt.Errorf("%s is not a folder: the store's file needs one", folder)
	}
	resolved, err := filepath.EvalSymlinks(path)
	switch {
	case err == nil:
		return resolved, nil
	case errors.Is(err, fs.ErrNotExist):
		folder, err = filepath.EvalSymlinks(folder)
		return filepath.Join(folder, filepath.Base(path)), err
	default:
		return "", fmt.Errorf("the file %s cannot be looked at: %w", path, err)
	}
}

// lockFile takes the lock that keeps a second server off the file at path. The lock
// ends with the process, however that ends. It is on a file of its own because closing
// any handle of the database would drop SQLite's locks on it.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if readOnly(err) {
		return nil, fmt.Errorf("the folder %s is not writable for user %d: the store needs to create files there", filepath.Dir(path), os.Getuid())
	}
	if err != nil {
		return nil, fmt.Errorf("the lock file of the store cannot be opened: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("another server uses %s: a SQLite store serves one process at a time, so stop the other one first", path)
	} else {
		err = fmt.Errorf("the lock file of the store cannot be locked: %w", err)
	}
	return nil, errors.Join(err, f.Close())
}

// createFile makes the file if there is none, readable by its owner alone, and refuses
// one that is no SQLite database. SQLite gives the files beside it the same mode. No
// connection may be open yet.
func createFile(path string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if readOnly(err) {
		return fmt.Errorf("the file %s is not writable for user %d", path, os.Getuid())
	}
	if err != nil {
		return fmt.Errorf("the store's file cannot be opened: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := closeToOthers(f); err != nil {
		return err
	}
	head := make([]byte, len(magic))
	n, err := io.ReadFull(f, head)
	switch {
	case errors.Is(err, io.EOF): // empty: new
		return nil
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the store's file cannot be read: %w", err)
	case string(head[:n]) != magic:
		return notDatabase(path)
	}
	return nil
}

// closeToOthers takes the file's permissions from everybody but its owner. Where
// another user owns the file (a volume shared by a group) they stay as they are.
func closeToOthers(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("the store's file cannot be looked at: %w", err)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := f.Chmod(0o600); err != nil && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("the store's file cannot be closed to other users: %w", err)
	}
	return nil
}

// readOnly reports whether err says that this user, or anybody, may only read.
func readOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

func notDatabase(path string) error {
	return fmt.Errorf("%s is not a SQLite database: name another file, or restore this one from a backup", path)
}
