// SPDX-License-Identifier: Apache-2.0

package binaries

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
)

// interval is the time between two lines of progress.
const interval = 5 * time.Second

// source is what a program is built from.
type source struct {
	folder string // with the module that pins it
	pkg    string
	flags  string // for the linker, besides those that every program gets
}

// builder builds the programs into dir.
type builder struct {
	what     string // begins each line of progress
	dir      string // where the programs go; named by their versions
	names    []string
	sources  map[string]source // by name
	progress io.Writer
	interval time.Duration
	now      func() time.Time
}

// ensure builds what is missing, if anything is.
func (b *builder) ensure(ctx context.Context) error {
	if len(missing(b.dir, b.names)) == 0 {
		return nil
	}
	return b.buildMissing(ctx)
}

// buildMissing builds what is missing, one caller at a time.
func (b *builder) buildMissing(ctx context.Context) error {
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return fmt.Errorf("make the folder for %s: %w", b.what, err)
	}
	unlock, err := b.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	lacks := missing(b.dir, b.names) // anew: another caller may have built some while we waited
	if len(lacks) == 0 {
		return nil
	}
	b.say("building %s into %s: needed once per version and machine, some minutes", strings.Join(lacks, ", "), b.dir)
	for i, name := range lacks {
		if err := b.build(ctx, name, fmt.Sprintf("%d of %d", i+1, len(lacks))); err != nil {
			return err
		}
	}
	return nil
}

// build builds one program under a temporary name and renames it: whoever sees it sees it whole.
func (b *builder) build(ctx context.Context, name, position string) (err error) {
	work := filepath.Join(b.dir, ".building")
	// A build that was killed may have left its folder; nobody else uses it, for we hold the lock.
	if err := os.RemoveAll(work); err != nil {
		return fmt.Errorf("remove what an earlier build left: %w", err)
	}
	if err := os.Mkdir(work, 0o755); err != nil {
		return fmt.Errorf("make a folder to build in: %w", err)
	}
	defer os.RemoveAll(work) // best effort: the next build removes it too

	out := filepath.Join(work, name)
	start := b.now()
	if err := b.goBuild(ctx, b.command(name, out), name+" ("+position+")"); err != nil {
		return fmt.Errorf("build %s: %w", name, err)
	}
	if err := os.Rename(out, filepath.Join(b.dir, name)); err != nil {
		return fmt.Errorf("put %s in its place: %w", name, err)
	}
	b.say("%s (%s) built in %s", name, position, b.since(start))
	return nil
}

// command is the go command that builds name into out. The user's settings for cross compilation and flags are
// overridden: the programs run here, and the module files are exact.
func (b *builder) command(name, out string) *exec.Cmd {
	from := b.sources[name]
	cmd := exec.Command("go", "build", "-v", "-mod=readonly", "-trimpath", "-buildvcs=false",
		"-ldflags", strings.TrimSpace("-s -w "+from.flags), "-o", out, from.pkg)
	cmd.Dir = from.folder
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOTMPDIR="+filepath.Dir(out),
		"GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	return cmd
}

// stamps are the linker flags that give a Kubernetes program its version, as release builds do. Without them clients
// would see v0.0.0 and compare versions wrongly.
func stamps(version string) string {
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	var flags []string
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags = append(flags,
			"-X "+pkg+".gitVersion="+version, "-X "+pkg+".gitMajor="+major, "-X "+pkg+".gitMinor="+minor,
			"-X "+pkg+".gitCommit=", "-X "+pkg+".gitTreeState=clean")
	}
	return strings.Join(flags, " ")
}

// goBuild runs cmd and says regularly how far it is. When it fails, the error holds the end of its output.
func (b *builder) goBuild(ctx context.Context, cmd *exec.Cmd, what string) error {
	var out output
	cmd.Stdout, cmd.Stderr = &out, &out
	start := b.now()
	p, err := process.Start("go build", cmd)
	if err != nil {
		return err
	}
	ticker := time.NewTicker(b.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			b.say("%s, %s: %s", what, b.since(start), out.summary())
			continue
		case <-p.Done():
		case <-ctx.Done():
		}
		break
	}
	err = p.Wait(ctx, 10*time.Second)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w\n%s", err, out.tail())
	}
	return err
}

func (b *builder) say(format string, args ...any) {
	// Progress is a courtesy: a closed pipe must not end the build.
	_, _ = fmt.Fprintf(b.progress, b.what+": "+format+"\n", args...)
}

func (b *builder) since(start time.Time) time.Duration {
	return b.now().Sub(start).Round(time.Second)
}
