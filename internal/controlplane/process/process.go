// SPDX-License-Identifier: Apache-2.0

// Package process starts programs that must not outlive the program that started them: they die with it, however it
// ends, on Linux; elsewhere they share its process group and so its Ctrl-C.
//
// It knows nothing of what it runs. Its users: controlplane and controlplane/binaries, and devenv.
package process

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// Process is a running program. Its methods may be called from any goroutine.
type Process struct {
	name  string
	cmd   *exec.Cmd
	asked atomic.Bool // to end, by us
	done  chan struct{}
	err   error // readable once done is closed
}

// Start starts cmd, called name in errors. It sets cmd.SysProcAttr; everything else is the caller's.
func Start(name string, cmd *exec.Cmd) (*Process, error) {
	cmd.SysProcAttr = attributes()
	p := &Process{name: name, cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// run keeps one thread from the start of the program to its end: Linux sends the signal of attributes when the thread
// that started the program ends, not when the whole process does.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	close(p.done)
}

// PID is the process ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Asked tells whether the program was asked to end, by Wait or Stop: if not, its end is a surprise.
func (p *Process) Asked() bool { return p.asked.Load() }

// Wait waits for the program's end and returns how it ended: nil for exit status 0. When ctx ends first, the program
// is interrupted, killed when it has not ended after grace, and the cause of ctx is returned.
func (p *Process) Wait(ctx context.Context, grace time.Duration) error {
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("%s: %w", p.name, p.err)
		}
		return nil
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), p.stop(syscall.SIGINT, grace))
	}
}

// Stop asks the program to end, kills it when it has not ended after grace, and returns once it is gone. A program that had
// ended by itself is an error that says how; one that had to be killed is an error too.
func (p *Process) Stop(grace time.Duration) error {
	select {
	case <-p.done:
		return fmt.Errorf("%s had ended by itself: %w", p.name, exitError(p.err))
	default:
		return p.stop(syscall.SIGTERM, grace)
	}
}

func (p *Process) stop(sig syscall.Signal, grace time.Duration) error {
	p.asked.Store(true)
	p.signal(sig)
	select {
	case <-p.done:
		return nil
	case <-time.After(grace):
	}
	p.signal(syscall.SIGKILL)
	<-p.done
	return fmt.Errorf("%s did not end within %s and was killed", p.name, grace)
}

// exitError gives a program that ended by itself with status 0 an error too: nobody had asked it to.
func exitError(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}
