// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// releasedFile lists the steps of the schema that were released, as sha256sum prints them. hack/cut.sh writes it.
const releasedFile = "released.sha256"

// releasedSteps are the checksums of the released steps by their paths in the repository.
func releasedSteps(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(releasedFile)
	must(t, err)
	steps, err := parseReleased(text)
	must(t, err)
	return steps
}

func parseReleased(text []byte) (map[string]string, error) {
	steps := map[string]string{}
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) == 0 || line[0] == '#' {
			continue
		}
		sum, file, found := strings.Cut(string(line), "  ")
		if !found || len(sum) != 2*sha256.Size || steps[file] != "" {
			return nil, fmt.Errorf("%s: cannot read the line %q: write the file with hack/cut.sh", releasedFile, line)
		}
		steps[file] = sum
	}
	return steps, nil
}

// changed says what of the released steps is not as it was released, and which unreleased steps come before released ones.
func changed(repository fs.FS, released map[string]string) error {
	var errs []error
	last := map[string]string{} // the last released step of each folder
	number := func(file string) int {
		digits, _, _ := strings.Cut(path.Base(file), "_")
		n, err := strconv.Atoi(digits)
		if err != nil {
			errs = append(errs, fmt.Errorf("the name of the step %s does not begin with a number and an underscore", file))
		}
		return n
	}
	for _, file := range slices.Sorted(maps.Keys(released)) {
		text, err := fs.ReadFile(repository, file)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("the released step %s is gone: databases have run it, so bring it back and add a further step", file))
		case fmt.Sprintf("%x", sha256.Sum256(text)) != released[file]:
			errs = append(errs, fmt.Errorf("the released step %s was changed: databases that have run it do not run it again, so bring it back and add a further step", file))
		}
		if before := last[path.Dir(file)]; before == "" || number(file) > number(before) {
			last[path.Dir(file)] = file
		}
	}
	for folder, newest := range last {
		files, err := fs.Glob(repository, folder+"/*.sql")
		errs = append(errs, err)
		for _, file := range files {
			if released[file] == "" && number(file) <= number(newest) {
				errs = append(errs, fmt.Errorf("the step %s is new and does not come after the released step %s: give it a higher number", file, newest))
			}
		}
	}
	return errors.Join(errs...)
}

// N397: a database that has run a step never runs it again, so two databases of one number would differ.
func TestN397AReleasedStepOfTheSchemaIsNeverChanged(t *testing.T) {
	if err := changed(os.DirFS(root), releasedSteps(t)); err != nil {
		t.Error(err)
	}
}

func TestN397AChangeOfAReleasedStepIsSeen(t *testing.T) {
	const folder = "authserver/store/sqlite/migrations/"
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	released := map[string]string{
		folder + "00100_initial.sql": fmt.Sprintf("%x", sha256.Sum256([]byte("one"))),
		folder + "00102_more.sql":    fmt.Sprintf("%x", sha256.Sum256([]byte("two"))),
	}
	for _, c := range []struct {
		name  string
		files fstest.MapFS
		want  string
	}{
		{"as released", fstest.MapFS{folder + "00100_initial.sql": file("one"), folder + "00102_more.sql": file("two")}, ""},
		{"and a further step", fstest.MapFS{folder + "00100_initial.sql": file("one"), folder + "00102_more.sql": file("two"), folder + "00103_x.sql": file("x")}, ""},
		{"changed", fstest.MapFS{folder + "00100_initial.sql": file("one "), folder + "00102_more.sql": file("two")}, "00100_initial.sql was changed"},
		{"gone", fstest.MapFS{folder + "00102_more.sql": file("two")}, "00100_initial.sql is gone"},
		{"put between", fstest.MapFS{folder + "00100_initial.sql": file("one"), folder + "00101_x.sql": file("x"), folder + "00102_more.sql": file("two")}, "00101_x.sql is new and does not come after"},
		{"put before, without zeros", fstest.MapFS{folder + "00100_initial.sql": file("one"), folder + "00102_more.sql": file("two"), folder + "99_x.sql": file("x")}, "99_x.sql is new and does not come after"},
		{"put beside", fstest.MapFS{folder + "00100_initial.sql": file("one"), folder + "00102_more.sql": file("two"), folder + "00102_x.sql": file("x")}, "00102_x.sql is new and does not come after"},
		{"without a number", fstest.MapFS{folder + "00100_initial.sql": file("one"), folder + "00102_more.sql": file("two"), folder + "x.sql": file("x")}, "x.sql does not begin with a number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := changed(c.files, released)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if _, err := parseReleased([]byte("# v0.1.0\nno checksum  file\n")); err == nil {
		t.Error("a line without a checksum is taken")
	}
}

func TestAReleaseIsTheCommitThatCutIt(t *testing.T) {
	repository := t.TempDir()
	write := func(text string) {
		must(t, os.MkdirAll(filepath.Join(repository, "test/upgrade"), 0o700))
		must(t, os.WriteFile(filepath.Join(repository, "test/upgrade", releasedFile), []byte(text), 0o600))
	}
	commit := func() string {
		gitIn(t, repository, "add", ".")
		gitIn(t, repository, "-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false", "commit", "--quiet", "--message=x")
		return gitIn(t, repository, "rev-parse", "HEAD")
	}
	is := func(when, want string) {
		t.Helper()
		if got := lastRelease(t, repository); got != want {
			t.Errorf("%s: the last release is %q, want %q", when, got, want)
		}
	}
	steps := strings.Repeat("0", 2*sha256.Size) + "  authserver/store/sqlite/migrations/00100_initial.sql\n"
	gitIn(t, repository, "init", "--quiet")
	must(t, os.WriteFile(filepath.Join(repository, "x"), nil, 0o600))
	commit()
	is("without the file", "")
	write("# Nothing was released yet.\n")
	commit()
	is("with an empty list", "")
	write("# The last release is v0.1.0.\n" + steps)
	is("cut, and not committed", "")
	first := commit()
	is("cut", first)
	write("# The last release is v0.2.0.\n" + steps)
	is("cut again, and not committed", first)
	is("cut again", commit())
}
