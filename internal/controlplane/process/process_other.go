// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package process

import "syscall"

// attributes leave the program in our process group: there is no signal at the parent's death here, and so at least
// the terminal's Ctrl-C ends both.
func attributes() *syscall.SysProcAttr { return nil }

// signal reaches the program.
func (p *Process) signal(sig syscall.Signal) {
	// The only error is that the program is gone already, which is what the caller waits for.
	_ = p.cmd.Process.Signal(sig)
}
