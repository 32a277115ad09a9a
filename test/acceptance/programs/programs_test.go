// SPDX-License-Identifier: Apache-2.0

package programs

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What nobody builds is pinned in vain, and what is not pinned cannot be built.
func TestEachProgramIsPinnedByTheModuleOfItsName(t *testing.T) {
	for _, p := range all {
		mod, err := os.ReadFile(filepath.Join(p.name, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(mod), "\ntool "+p.pkg+"\n") || !strings.Contains(string(mod), p.module+" v") {
			t.Errorf("programs/%s/go.mod does not pin %s by a tool line", p.name, p.pkg)
		}
	}
	folders, err := filepath.Glob("*/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	const driven = 1 // mcp-go is our own program with a library
	if len(folders) != len(all)+driven {
		t.Errorf("%d modules, but %d programs", len(folders), len(all))
	}
}

func TestWhatIsUnknownIsRefused(t *testing.T) {
	if err := Provide(t.Context(), io.Discard, "everything"); err == nil {
		t.Error("an unknown suite is provided")
	}
	if _, err := Path(t.Context(), io.Discard, "telnet"); err == nil {
		t.Error("an unknown program is built")
	}
}

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
