// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// prefix starts the names of the folders in the system's temporary folder.
const prefix = "gatehouse-testenv-"

// folder is a temporary folder whose owner holds a lock on it, so that others can tell when it is abandoned: a killed test
// binary cannot clean up.
type folder struct {
	path string
	lock *os.File
}

// newFolder makes a folder in parent, and removes abandoned ones there.
func newFolder(parent string) (*folder, error) {
	sweep(parent)
	// It gets its name once it is locked; before that a sweep does not know it.
	made, err := os.MkdirTemp(parent, "new-"+prefix)
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	lock, err := takeLock(made, os.O_CREATE)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(made))
	}
	f := &folder{path: filepath.Join(parent, strings.TrimPrefix(filepath.Base(made), "new-")), lock: lock}
	if err := os.Rename(made, f.path); err != nil {
		return nil, errors.Join(err, lock.Close(), os.RemoveAll(made))
	}
	return f, nil
}

// remove removes the folder.
func (f *folder) remove() error {
	return errors.Join(os.RemoveAll(f.path), f.lock.Close())
}

// sweep removes the folders that nobody holds. It is a courtesy: what it cannot do is no error.
func sweep(parent string) {
	found, _ := filepath.Glob(filepath.Join(parent, prefix+"*"))
	for _, path := range found {
		if lock, err := takeLock(path, 0); err == nil {
			_ = (&folder{path: path, lock: lock}).remove()
		}
	}
}

// takeLock takes the lock of a folder, or fails when somebody holds it. The kernel releases it when its holder dies; the
// programs of a control plane do not inherit it.
func takeLock(path string, flag int) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|flag, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of a folder: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock a folder: %w", err), lock.Close())
	}
	return lock, nil
}
