// SPDX-License-Identifier: Apache-2.0

// Package programs provides what the acceptance tests walk: programs of others in the versions that the modules in this folder
// and ../javascript/package-lock.json pin. Each is built or installed once per version and machine, in the user's cache folder.
package programs

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/binaries"
	"github.com/gatehouse-dev/gatehouse/internal/npm"
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
	return npm.Modules(ctx, progress, filepath.Join(root, "test", "acceptance", "javascript"))
}
