// SPDX-License-Identifier: Apache-2.0

package binaries

import (
	"context"
	"io"
	"path/filepath"
	"time"
)

// Program is a program of others that tests run. A module of this repository pins it.
type Program struct {
	Name    string // of the file
	Folder  string // with the module that pins it
	Package string // with its main
	Module  string // whose version it has
	Flags   string // for the linker
}

// EnsureProgram returns the path of the program in the user's cache folder. What is missing is built as Ensure does it.
func EnsureProgram(ctx context.Context, progress io.Writer, p Program) (string, error) {
	pinned, err := version(p.Folder, p.Module)
	if err != nil {
		return "", err
	}
	dir, err := cached("programs", p.Name+"-"+pinned)
	if err != nil {
		return "", err
	}
	b := &builder{
		what: "programs", dir: dir, names: []string{p.Name}, sources: map[string]source{p.Name: {folder: p.Folder, pkg: p.Package, flags: p.Flags}},
		progress: progress, interval: interval, now: time.Now,
	}
	return filepath.Join(dir, p.Name), b.ensure(ctx)
}
