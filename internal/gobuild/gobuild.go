// SPDX-License-Identifier: Apache-2.0

// Package gobuild builds programs of this repository as the image holds them: without cgo and without the race detector.
// Whatever builds so shares one cache, so that tests, the demo and the image compile each package once.
package gobuild

import (
	"os"
	"os/exec"
)

// Command returns the command that builds packages, such as ./cmd/operator, into a folder that is made where it is missing, or,
// for a single package, into a file. A flag such as -tags=clockoffset may stand among the packages, before them. The caller says
// where it runs (Dir) and starts it.
func Command(to string, packages ...string) *exec.Cmd {
	cmd := exec.Command("go", append([]string{"build", "-trimpath", "-o", to}, packages...)...) //nolint:gosec // our own arguments
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	return cmd
}
