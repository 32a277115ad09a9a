// SPDX-License-Identifier: Apache-2.0

package process

import "syscall"

// attributes put the program into a process group of its own, so that an orderly stop can come before Ctrl-C reaches it,
// and have the kernel kill it when its parent dies.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// signal reaches the program and what it started.
func (p *Process) signal(sig syscall.Signal) {
	// The only error is that the group is gone already, which is what the caller waits for.
	_ = syscall.Kill(-p.cmd.Process.Pid, sig)
}
