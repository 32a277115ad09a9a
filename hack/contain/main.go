// SPDX-License-Identifier: Apache-2.0

// Command contain runs a command and fails, by their names, when processes that it started outlive it:
//
//	contain go test ./...
//
// Its exit status is the command's, or 1 when something was left behind, which it then kills. SIGINT and SIGTERM are handed on.
// Only Linux can tell what was left; elsewhere the command is only run.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// grace is how long what was left may take to end: a program that has just been told to is not left behind.
const grace = 5 * time.Second

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: contain COMMAND [ARGUMENT]...")
		os.Exit(2)
	}
	status, err := contain(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "contain:", err)
		status = max(status, 1)
	}
	os.Exit(status)
}

// contain runs the command and returns its exit status.
func contain(command []string) (int, error) {
	path, err := exec.LookPath(command[0])
	if err != nil {
		return 0, fmt.Errorf("find the command: %w", err)
	}
	if err := adopt(); err != nil {
		return 0, fmt.Errorf("become the parent of orphans: %w", err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	process, err := os.StartProcess(path, command, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		return 0, fmt.Errorf("start the command: %w", err)
	}
	go func() {
		for s := range signals {
			_ = process.Signal(s) // it may have ended, which the main goroutine notices
		}
	}()
	status, err := reap(process.Pid)
	if err != nil {
		return 0, fmt.Errorf("wait for the command: %w", err)
	}
	return status, endOrphans(grace)
}

// exitStatus is what a shell would say.
func exitStatus(s syscall.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}
