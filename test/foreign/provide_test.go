// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// python is Debian's: other Pythons of a machine do not see its packages.
const python = "/usr/bin/python3"

// built holds the drivers that have to be compiled. TestMain removes it.
var built = temporaryFolder()

func temporaryFolder() string {
	folder, err := os.MkdirTemp("", "foreign-")
	if err != nil {
		panic(err)
	}
	return folder
}

func inPython(driver string) []string { return []string{python, "python/" + driver} }
func inRuby(driver string) []string   { return []string{"/usr/bin/ruby", "ruby/" + driver} }
func inPerl(driver string) []string   { return []string{"/usr/bin/perl", "perl/" + driver} }
func inPHP(driver string) []string    { return []string{"/usr/bin/php", "php/" + driver} }
func inNode(driver string) []string   { return []string{"node", "javascript/" + driver} }
func inC(driver string) []string      { return []string{filepath.Join(built, "c-"+driver)} }
func inGo(driver string) []string     { return []string{filepath.Join(built, driver)} }

// debian are the packages that hold libraries.
var debian = []string{
	"python3-requests-oauthlib", "python3-authlib", "python3-flask-dance",
	"ruby", "ruby-oauth", "ruby-oauth2",
	"libnet-oauth-perl", "libnet-oauth2-perl", "libmojolicious-plugin-oauth2-perl", "liblwp-protocol-https-perl",
	"php-cli", "php-oauth",
	"gcc", "libc6-dev", "liboauth-dev", "libiddawc-dev",
}

func TestMain(m *testing.M) {
	status := m.Run()
	if err := os.RemoveAll(built); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// provide installs libraries and builds drivers, once.
func provide(t *testing.T) {
	t.Helper()
	if err := provided(); err != nil {
		t.Fatalf("provide the libraries: %v", err)
	}
}

var provided = sync.OnceValue(func() error {
	if err := run(".", append([]string{"../../hack/require.sh", "--libraries"}, debian...)...); err != nil {
		return err
	}
	if err := run(".", "../../hack/require.sh", "npm", "nodejs", "npm"); err != nil {
		return err
	}
	if err := provideNode(); err != nil {
		return err
	}
	for driver, libraries := range map[string][]string{"liboauth": {"-loauth"}, "iddawc": {"-liddawc", "-lulfius"}} {
		compile := append([]string{"gcc", "-Wall", "-o", filepath.Join(built, "c-"+driver), driver + ".c"}, append(libraries, "-ljansson")...)
		if err := run("c", compile...); err != nil {
			return err
		}
	}
	return run("go", "go", "build", "-o", built, "./...")
})

// provideNode installs the npm packages where those of the lock file are not there.
func provideNode() error {
	lock, err := os.ReadFile("javascript/package-lock.json")
	if err != nil {
		return err
	}
	const stamp = "javascript/node_modules/.installed" // a copy of the lock file, written last
	switch done, err := os.ReadFile(stamp); {
	case err == nil && bytes.Equal(done, lock):
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := run("javascript", "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"); err != nil {
		return err
	}
	return os.WriteFile(stamp, lock, 0o600)
}

// run runs a command in a folder.
func run(folder string, command ...string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out)
	}
	return nil
}
