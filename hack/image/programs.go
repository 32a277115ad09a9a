// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const module = "github.com/gatehouse-dev/gatehouse"

// programs are the packages of what the image holds, by the name of the file.
var programs = []string{"operator", "authserver"}

// buildPrograms builds both programs for a platform into a folder. Nothing of the machine, of the folder or of the
// state of the repository gets into them but the version.
func (o options) buildPrograms(ctx context.Context, p v1.Platform, folder string, stderr io.Writer) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	args := []string{
		"build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -buildid= -X " + module + "/internal/buildinfo.stamp=" + o.version, "-o", folder + "/",
	}
	for _, name := range programs {
		args = append(args, "./cmd/"+name)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // go ends its compilers
	cmd.WaitDelay = 10 * time.Second
	cmd.Dir, cmd.Stderr = o.root, stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.OS, "GOARCH="+p.Architecture, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=", "GOWORK=off")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build the programs for %s: %w", p, err)
	}
	return nil
}
