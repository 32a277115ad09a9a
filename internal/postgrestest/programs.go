// SPDX-License-Identifier: Apache-2.0

package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// program returns the path of one of PostgreSQL's programs: the one in PATH, or the newest that Debian has, which keeps them
// out of PATH.
func program(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	newest, version := "", 0
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // the pattern is well formed
	for _, path := range found {
		v, err := strconv.Atoi(strings.Split(path, "/")[4])
		if err == nil && v > version {
			newest, version = path, v
		}
	}
	if newest == "" {
		return "", fmt.Errorf("PostgreSQL is not installed: %s is neither in PATH nor in /usr/lib/postgresql/VERSION/bin. "+
			"`make test` installs it as root on Debian; elsewhere install PostgreSQL's server (Debian's package postgresql)", name)
	}
	return newest, nil
}

// Installed returns an error that says what to install, where there is no PostgreSQL.
func Installed() error {
	_, err := program("initdb")
	return err
}

// bouncer returns the path of pgbouncer, which Debian keeps in a folder that is in root's PATH alone.
func bouncer() (string, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("PgBouncer is not installed: `make test` installs it as root on Debian; elsewhere install it so that pgbouncer is in PATH")
}

// account is who runs the servers: nil for the user of this process.
type account struct{ uid, gid uint32 }

// serverAccount is the user postgres for root, and otherwise nobody else.
func serverAccount() (*account, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("find the user that PostgreSQL runs as, because it refuses root: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the ID of the user postgres: %w", err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the group of the user postgres: %w", err)
	}
	return &account{uint32(uid), uint32(gid)}, nil
}

// own gives a file to the account.
func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}

// run runs a program as the account, in the folder dir, and returns an error that repeats what it said.
func (a *account) run(ctx context.Context, dir string, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "LC_ALL=C"), env...)
	// A group of its own, so that the terminal's Ctrl-C leaves the end of it to the keeper.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if a != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), args[0], err, out)
	}
	return nil
}
