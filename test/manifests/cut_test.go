// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// cutTree is a copy of what a cut reads and writes.
func cutTree(t *testing.T) string {
	t.Helper()
	copied := t.TempDir()
	for _, folder := range []string{"hack", "charts", "authserver/store/sqlite/migrations", "authserver/store/postgres/migrations"} {
		files, err := filepath.Glob(root + "/" + folder + "/*")
		if err != nil {
			t.Fatal(err)
		}
		if folder == "charts" {
			files, err = filepath.Glob(root + "/charts/*/Chart.yaml")
		}
		if err != nil || len(files) == 0 {
			t.Fatalf("%s holds %v (%v)", folder, files, err)
		}
		for _, file := range files {
			if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
				put(t, copied, strings.TrimPrefix(file, root+"/"), read(t, file), info.Mode())
			}
		}
	}
	put(t, copied, "test/upgrade/released.sha256", "# nothing yet\n", 0o600)
	put(t, copied, "CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n- One thing.\n", 0o600)
	return copied
}

func put(t *testing.T, folder, file, text string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(folder, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// script runs a script of a tree and returns all that it says.
func script(t *testing.T, tree, name string, arguments ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(tree, "hack", name), arguments...).CombinedOutput()
	return string(out), err
}

func TestACutFreezesTheSchemaAndSetsTheVersions(t *testing.T) {
	tree := cutTree(t)
	if said, err := script(t, tree, "cut.sh", "v1.2.3"); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	released := read(t, tree+"/test/upgrade/released.sha256")
	for _, step := range []string{"authserver/store/sqlite/migrations/00100_initial.sql", "authserver/store/postgres/migrations/00100_initial.sql"} {
		if !strings.Contains(released, "  "+step+"\n") {
			t.Errorf("%s is not frozen:\n%s", step, released)
		}
	}
	for _, chart := range []string{"gatehouse", "gatehouse-crds"} {
		text := read(t, tree+"/charts/"+chart+"/Chart.yaml")
		if !strings.Contains(text, "\nversion: 1.2.3\n") || !strings.Contains(text, "\nappVersion: \"1.2.3\"\n") {
			t.Errorf("the chart %s has another version:\n%s", chart, text)
		}
	}
	notes, err := script(t, tree, "release-notes.sh", "v1.2.3")
	if err != nil || !strings.Contains(notes, "- One thing.") || !strings.Contains(notes, "docs/upgrade.md") || !strings.Contains(notes, "| `kubectl-gatehouse_OS_ARCH.tar.gz`; `kubectl krew") {
		t.Errorf("%v: the notes are\n%s", err, notes)
	}
	if notes, err := script(t, tree, "release-notes.sh", "v1.2"); err == nil {
		t.Errorf("there are notes for a version that was not cut:\n%s", notes)
	}
}

func TestN397ACutIsRefusedWhereAReleasedStepDoesNotStay(t *testing.T) {
	const folder = "authserver/store/sqlite/migrations/"
	const step = folder + "00100_initial.sql"
	adds := func(name string) func(*testing.T, string) {
		return func(t *testing.T, tree string) {
			put(t, tree, folder+name, "-- +goose Up\nSELECT 1;\n", 0o600)
		}
	}
	for _, c := range []struct {
		name   string
		change func(t *testing.T, tree string)
		want   string // empty: it is cut
	}{
		{"a further step", adds("00101_x.sql"), ""},
		{"a further step without zeros", adds("101_x.sql"), ""},
		{"changed", func(t *testing.T, tree string) { put(t, tree, step, read(t, tree+"/"+step)+"-- more\n", 0o600) }, "A released step of the schema was changed: " + step},
		{"gone", func(t *testing.T, tree string) { removed(t, tree, step) }, "A released step of the schema is gone: " + step},
		{"gone, with another in its place", func(t *testing.T, tree string) {
			removed(t, tree, step)
			adds("00101_x.sql")(t, tree)
		}, "A released step of the schema is gone: " + step},
		{"put before", adds("00099_x.sql"), "The step " + folder + "00099_x.sql is new and does not come after the released step 100"},
		{"put before, without zeros", adds("99_x.sql"), "The step " + folder + "99_x.sql is new and does not come after"},
		{"put beside", adds("00100_x.sql"), "The step " + folder + "00100_x.sql is new and does not come after"},
		{"without a number", adds("x.sql"), folder + "x.sql does not begin with a number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := cutTree(t)
			if said, err := script(t, tree, "cut.sh", "v1.2.3"); err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			files := []string{"/test/upgrade/released.sha256", "/CHANGELOG.md", "/charts/gatehouse/Chart.yaml"}
			put(t, tree, "CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n- Another thing.\n", 0o600)
			var before []string
			for _, file := range files {
				before = append(before, read(t, tree+file))
			}
			c.change(t, tree)
			said, err := script(t, tree, "cut.sh", "v1.2.4")
			if refused := err != nil; refused != (c.want != "") || !strings.Contains(said, c.want) {
				t.Errorf("%v: %s", err, said)
			}
			for n, file := range files {
				if written := read(t, tree+file) != before[n]; written != (c.want == "") {
					t.Errorf("%s: written %v", file, written)
				}
			}
			if left, err := filepath.Glob(tree + "/test/upgrade/*"); err != nil || len(left) != 1 {
				t.Errorf("it leaves %v (%v)", left, err)
			}
		})
	}
}

func removed(t *testing.T, folder, file string) {
	t.Helper()
	if err := os.Remove(filepath.Join(folder, file)); err != nil {
		t.Fatal(err)
	}
}

func TestACutSaysWhatIsMissing(t *testing.T) {
	tree := cutTree(t)
	for _, c := range []struct{ version, want string }{{"", "usage"}, {"1.2.3", "usage"}, {"v1.2", "usage"}} {
		if said, err := script(t, tree, "cut.sh", c.version); err == nil || !strings.Contains(said, c.want) {
			t.Errorf("cut.sh %s: %v, %s", c.version, err, said)
		}
	}
	put(t, tree, "CHANGELOG.md", "# Changelog\n\n## v1.2.3 (2026-01-01)\n", 0o600)
	if said, err := script(t, tree, "cut.sh", "v1.2.4"); err == nil || !strings.Contains(said, `no section "## Unreleased"`) {
		t.Errorf("%v, %s", err, said)
	}
}
