// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"errors"
	"io/fs"
	"os"
	"testing"
)

func TestAnAbandonedFolderIsRemovedByTheNextOwner(t *testing.T) {
	parent := t.TempDir()
	abandoned := newTestFolder(t, parent)
	if err := abandoned.lock.Close(); err != nil { // as the kernel does when the owner dies
		t.Fatal(err)
	}
	held := newTestFolder(t, parent)
	newTestFolder(t, parent)
	if _, err := os.Stat(abandoned.path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the abandoned folder is there: %v", err)
	}
	if _, err := os.Stat(held.path); err != nil {
		t.Errorf("the folder that is held is gone: %v", err)
	}
}

func TestARemovedFolderIsGone(t *testing.T) {
	f := newTestFolder(t, t.TempDir())
	if err := f.remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}
}

func newTestFolder(t *testing.T, parent string) *folder {
	t.Helper()
	f, err := newFolder(parent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.lock.Close() }) // most have removed it
	return f
}
