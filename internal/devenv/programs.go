// SPDX-License-Identifier: Apache-2.0

package devenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
)

// Names of the programs of an environment, which are also those of their logs.
const (
	programCluster      = "cluster"
	programOperator     = "operator"
	programAuthserver   = "authserver"
	programPhotoPrint   = "photoprint"
	programPhotoStorage = "photostorage"
)

// packages are the programs' packages, in the order in which they are built.
var packages = []string{"./hack/dev/cluster", "./cmd/operator", "./cmd/authserver", "./hack/demo/photoprint", "./hack/demo/photostorage"}

// programs are what runs in an environment. They end when this process ends, however it does (package process).
type programs struct {
	folder *Folder
	// failed is told of the first program that ends without having been asked to.
	failed  func(error)
	mu      sync.Mutex // the programs end at any time
	running []*process.Process
}

// stopGrace is how long a program may take to end when asked to.
const stopGrace = 30 * time.Second

// run runs a program to its end and returns what it printed, also when it failed. stdin may be nil. What it printed on
// standard error is in the error.
func run(ctx context.Context, stdin io.Reader, environment []string, name string, arguments ...string) (string, error) {
	cmd := exec.Command(name, arguments...)
	cmd.Stdin, cmd.Env = stdin, append(os.Environ(), environment...)
	return output(ctx, cmd)
}

// output does what run does, with a command that is made already.
func output(ctx context.Context, cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	p, err := process.Start(filepath.Base(cmd.Path), cmd)
	if err != nil {
		return "", err
	}
	if err := p.Wait(ctx, stopGrace); err != nil {
		if said := strings.TrimSpace(stderr.String()); said != "" {
			err = fmt.Errorf("%w\n%s", err, said)
		}
		return stdout.String(), err
	}
	return stdout.String(), nil
}

// start starts a program that the environment has built: see launch.
func (p *programs) start(name string, ready *os.File, arguments ...string) error {
	return p.launch(name, ready, exec.Command(p.folder.Path("bin", name), arguments...))
}

// launch starts a program that runs until the environment stops, with its output in logs/NAME.log. When ready is not nil, the
// program's standard output goes there instead.
func (p *programs) launch(name string, ready *os.File, cmd *exec.Cmd) error {
	log, err := os.OpenFile(p.folder.Path("logs", name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of %s: %w", name, err)
	}
	defer log.Close() // the program has a descriptor of its own
	cmd.Stdout, cmd.Stderr = log, log
	if ready != nil {
		cmd.Stdout = ready
	}
	started, err := process.Start(name, cmd)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = append(p.running, started)
	go p.watch(name, started)
	return nil
}

// watch tells of a program that ends by itself.
func (p *programs) watch(name string, started *process.Process) {
	<-started.Done()
	if !started.Asked() {
		p.failed(fmt.Errorf("%s has ended by itself", name))
	}
}

// stop ends all programs, the latest first, and returns when they are gone.
func (p *programs) stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for len(p.running) > 0 {
		last := p.running[len(p.running)-1]
		p.running = p.running[:len(p.running)-1]
		select {
		case <-last.Done(): // watch has told of it
		default:
			errs = append(errs, last.Stop(stopGrace))
		}
	}
	return errors.Join(errs...)
}

// tail is the end of the log of a program, and where the log is; empty when there is none.
func (p *programs) tail(name string) string {
	text, err := os.ReadFile(p.folder.Path("logs", name+".log"))
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	lines = lines[max(0, len(lines)-8):]
	for i, line := range lines {
		lines[i] = line[:min(len(line), 240)] // a screen is not endless
	}
	return "The end of " + p.folder.Shown("logs", name+".log") + ":\n    " + strings.Join(lines, "\n    ")
}
