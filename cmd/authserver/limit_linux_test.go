// SPDX-License-Identifier: Apache-2.0

package main

import (
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// limitFiles lets no file of the process grow, and returns what lifts the limit.
func limitFiles(t *testing.T, pid int) (restore func()) {
	t.Helper()
	var before unix.Rlimit
	limited := unix.Rlimit{Cur: 0}
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, nil, &before); err != nil {
		t.Fatal(err)
	}
	limited.Max = before.Max
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, &limited, nil); err != nil {
		t.Fatal(err)
	}
	restore = sync.OnceFunc(func() {
		if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, &before, nil); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(restore)
	return restore
}
