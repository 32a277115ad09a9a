// SPDX-License-Identifier: Apache-2.0

// Package programs provides what the acceptance tests walk: programs of others in the versions that the modules in this folder
// and ../javascript/package-lock.json pin. Each is built or installed once per version and machine, in the user's cache folder.
package programs

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
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/binaries"
	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
)

// Suite is what one target of the Makefile runs.
type Suite string

// The suites. Nightly is all of them.
const (
	Acceptance Suite = "acceptance"
	Nightly    Suite = "nightly"
	ArgoCD     Suite = "argocd"
)

// program is one that is built from the module of its name in this folder.
type program struct {
	name, pkg, module string
	suite             Suite // the first that needs it
}

var all = []program{
	{"oauth2-proxy", "github.com/oauth2-proxy/oauth2-proxy/v7", "github.com/oauth2-proxy/oauth2-proxy/v7", Acceptance},
	{"miniflux", "miniflux.app/v2", "miniflux.app/v2", Acceptance},
	{"caddy", "github.com/caddyserver/caddy/v2/cmd/caddy", "github.com/caddyserver/caddy/v2", Nightly},
	{"argocd", "github.com/argoproj/argo-cd/v3/cmd", "github.com/argoproj/argo-cd/v3", ArgoCD},
}

// folder is this one, from the repository's root.
var folder = filepath.Join("test", "acceptance", "programs")

// Provide builds and installs what the suite needs.
func Provide(ctx context.Context, progress io.Writer, suite Suite) error {
	if suite != Acceptance && suite != Nightly && suite != ArgoCD {
		return fmt.Errorf("there is no suite %q", suite)
	}
	for _, p := range all {
		if suite != Nightly && p.suite != suite {
			continue
		}
		if _, err := Path(ctx, progress, p.name); err != nil {
			return err
		}
	}
	if suite == ArgoCD {
		return nil
	}
	_, err := Node(ctx, progress)
	return err
}

// Path is the path of the program. It is built if it is missing.
func Path(ctx context.Context, progress io.Writer, name string) (string, error) {
	at := slices.IndexFunc(all, func(p program) bool { return p.name == name })
	if at < 0 {
		return "", fmt.Errorf("there is no program %q", name)
	}
	root, err := binaries.RepositoryRoot()
	if err != nil {
		return "", err
	}
	return binaries.EnsureProgram(ctx, progress, binaries.Program{
		Name: name, Folder: filepath.Join(root, folder, name), Package: all[at].pkg, Module: all[at].module,
	})
}

// Node is the folder node_modules with the packages of the lock file. They are installed if they are missing.
func Node(ctx context.Context, progress io.Writer) (string, error) {
	root, err := binaries.RepositoryRoot()
	if err != nil {
		return "", err
	}
	from := filepath.Join(root, "test", "acceptance", "javascript")
	lock, err := os.ReadFile(filepath.Join(from, "package-lock.json"))
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
	return modules, install(ctx, progress, from, to)
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
