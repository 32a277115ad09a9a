// SPDX-License-Identifier: Apache-2.0

// Package npm provides npm packages for tests: those that the lock file of a folder pins, installed once per lock file and machine in
// the user's cache folder. It runs the command npm, which hack/require.sh provides.
package npm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
)

// Modules returns the folder node_modules with the packages of the lock file in folder. They are installed if they are missing.
func Modules(ctx context.Context, progress io.Writer, folder string) (string, error) {
	lock, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		return "", fmt.Errorf("read which packages are wanted: %w", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache folder (set XDG_CACHE_HOME or HOME): %w", err)
	}
	to := filepath.Join(cache, "gatehouse", "programs", fmt.Sprintf("npm-%.12x", sha256.Sum256(lock)))
	modules := filepath.Join(to, "node_modules")
	if _, err := os.Stat(modules); !errors.Is(err, fs.ErrNotExist) {
		return modules, err
	}
	return modules, install(ctx, progress, folder, to)
}

// install installs the packages into a folder that has its name once all are there.
func install(ctx context.Context, progress io.Writer, from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("make the folder of the programs: %w", err)
	}
	work, err := os.MkdirTemp(filepath.Dir(to), "npm-new-")
	if err != nil {
		return fmt.Errorf("make a folder to install in: %w", err)
	}
	defer os.RemoveAll(work) // best effort: nobody takes it for what is wanted
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(work, name), text, 0o600)
		}
		if err != nil {
			return fmt.Errorf("copy %s: %w", name, err)
		}
	}
	_, _ = fmt.Fprintln(progress, "programs: installing npm packages into", to)
	cmd := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	cmd.Dir, cmd.Stdout, cmd.Stderr = work, progress, progress
	npm, err := process.Start("npm", cmd)
	if err != nil {
		return err
	}
	if err := npm.Wait(ctx, 10*time.Second); err != nil {
		return fmt.Errorf("install the npm packages: %w", err)
	}
	if err := os.Rename(work, to); err != nil && !errors.Is(err, fs.ErrExist) { // somebody else has installed them meanwhile
		return fmt.Errorf("put the npm packages in their place: %w", err)
	}
	return nil
}
