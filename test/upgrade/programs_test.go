// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/gobuild"
)

// root is the repository.
const root = "../.."

// version is a version of both programs, and of the objects that install it.
type version struct {
	name   string // as messages call it
	bin    string // the folder of the programs
	config string // the folder config
	schema int    // the number of the last step of its stores
}

// git returns what a command of git says in the repository.
func git(t *testing.T, arguments ...string) string {
	t.Helper()
	return gitIn(t, root, arguments...)
}

func gitIn(t *testing.T, repository string, arguments ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", arguments...)
	cmd.Dir = repository
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(arguments, " "), err, said.String())
	}
	return strings.TrimSpace(string(out))
}

// earlier returns the version to upgrade from, and whether it is a release.
func earlier(t *testing.T) (v version, released bool) {
	t.Helper()
	if git(t, "rev-parse", "--is-shallow-repository") == "true" {
		t.Fatal("the clone is shallow, so the commit to upgrade from is not there: run `git fetch --unshallow`, or clone without --depth (actions/checkout: fetch-depth: 0)")
	}
	if commit := lastRelease(t, root); commit != "" {
		return ofCommit(t, commit), true
	}
	base, err := os.ReadFile("base")
	must(t, err)
	return ofCommit(t, strings.TrimSpace(string(base))), false
}

// lastRelease returns the commit that cut the last release, empty if there was none. A release that is cut in the working tree and
// not yet committed is none.
func lastRelease(t *testing.T, repository string) string {
	t.Helper()
	const file = "test/upgrade/" + releasedFile
	commit := gitIn(t, repository, "log", "-1", "--format=%H", "--", file)
	if commit == "" {
		return ""
	}
	steps, err := parseReleased([]byte(gitIn(t, repository, "show", commit+":"+file)))
	must(t, err)
	if len(steps) == 0 {
		return ""
	}
	return commit
}

// ofCommit provides the programs of a commit, once for each machine.
func ofCommit(t *testing.T, commit string) version {
	t.Helper()
	cache, err := os.UserCacheDir()
	must(t, err)
	folder := filepath.Join(cache, "gatehouse", "programs", strings.Join([]string{commit, runtime.GOOS, runtime.GOARCH}, "_"))
	v := version{name: "commit " + commit[:min(12, len(commit))], bin: folder, config: filepath.Join(folder, "config"), schema: stepsOf(t, commit)}
	if _, err := os.Stat(folder); err == nil {
		return v
	}
	must(t, os.MkdirAll(filepath.Dir(folder), 0o700))
	made, err := os.MkdirTemp(filepath.Dir(folder), "new-") //nolint:usetesting // beside the folder that it becomes
	must(t, err)
	defer func() { must(t, os.RemoveAll(made)) }()
	source := t.TempDir()
	git(t, "archive", "--output="+filepath.Join(source, "source.tar"), commit)
	tree := filepath.Join(source, "tree")
	must(t, os.Mkdir(tree, 0o700))
	if out, err := exec.CommandContext(t.Context(), "tar", "-xf", filepath.Join(source, "source.tar"), "-C", tree).CombinedOutput(); err != nil {
		t.Fatalf("unpack %s: %v\n%s", v.name, err, out)
	}
	build(t, tree, made+"/")
	must(t, os.CopyFS(filepath.Join(made, "config"), os.DirFS(filepath.Join(tree, "config"))))
	if err := os.Rename(made, folder); err != nil && !errors.Is(err, fs.ErrExist) { // another process was faster
		t.Fatal(err)
	}
	return v
}

// ofTree builds the programs as they are in the tree.
func ofTree(t *testing.T) version {
	t.Helper()
	v := version{name: "the tree", bin: t.TempDir(), config: absolute(t, filepath.Join(root, "config"))}
	steps, err := filepath.Glob(filepath.Join(root, migrations, "*.sql"))
	must(t, err)
	v.schema = newest(t, steps)
	build(t, root, v.bin+"/")
	return v
}

// migrations is the folder of the steps of one store. The other has as many.
const migrations = "authserver/store/sqlite/migrations"

// stepsOf is the number of the last step of a commit.
func stepsOf(t *testing.T, commit string) int {
	t.Helper()
	return newest(t, strings.Fields(git(t, "ls-tree", "--name-only", commit, migrations+"/")))
}

// newest is the highest number of steps, such as 100 of 00100_initial.sql.
func newest(t *testing.T, steps []string) (highest int) {
	t.Helper()
	for _, step := range steps {
		digits, _, _ := strings.Cut(filepath.Base(step), "_")
		number, err := strconv.Atoi(digits)
		must(t, err)
		highest = max(highest, number)
	}
	if highest == 0 {
		t.Fatalf("%v are no steps of a schema", steps)
	}
	return highest
}

// withOneMoreStep builds the authorization server of the tree as the next version would be whose schema has one more column.
func withOneMoreStep(t *testing.T, tree version) version {
	t.Helper()
	v := version{name: "the tree with a further step of the schema", bin: t.TempDir(), config: tree.config, schema: 99999}
	replaced := map[string]string{}
	for store, kind := range map[string]string{"sqlite": "TEXT", "postgres": "text"} {
		step := filepath.Join(v.bin, store+".sql")
		must(t, os.WriteFile(step, fmt.Appendf(nil, "-- +goose Up\nALTER TABLE grants ADD COLUMN upgraded %s;\n", kind), 0o600))
		replaced[absolute(t, filepath.Join(root, "authserver/store", store, "migrations/99999_upgraded.sql"))] = step
	}
	text, err := json.Marshal(map[string]any{"Replace": replaced})
	must(t, err)
	overlay := filepath.Join(v.bin, "overlay.json")
	must(t, os.WriteFile(overlay, text, 0o600))
	must(t, os.Symlink(filepath.Join(tree.bin, "operator"), filepath.Join(v.bin, "operator")))
	run(t, root, gobuild.Command(v.bin+"/", "-overlay="+overlay, "./cmd/authserver"))
	return v
}

func build(t *testing.T, source, to string) {
	t.Helper()
	run(t, source, gobuild.Command(to, "./cmd/operator", "./cmd/authserver"))
}

func run(t *testing.T, folder string, cmd *exec.Cmd) {
	t.Helper()
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	must(t, err)
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
