// SPDX-License-Identifier: Apache-2.0

package npm

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The packages are in the folder of the cache that is named by the lock file; an install that fails leaves no folder of that name.
func TestAnInstallThatFailsLeavesNothing(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "npm-1")
	if err := os.WriteFile(filepath.Join(from, "package.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := install(t.Context(), io.Discard, from, to); err == nil || !strings.Contains(err.Error(), "package-lock.json") {
		t.Errorf("without a lock file: %v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(to)); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
