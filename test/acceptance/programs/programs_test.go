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
