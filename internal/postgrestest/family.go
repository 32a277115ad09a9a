// SPDX-License-Identifier: Apache-2.0

package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// killFamily kills a process and its children, and returns when they are gone. The first is held meanwhile, so that it starts no
// more of them.
func killFamily(ctx context.Context, pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("hold process %d: %w", pid, err)
	}
	family := append(children(pid), pid)
	for _, member := range family {
		// Some have ended by themselves.
		if err := syscall.Kill(member, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("kill process %d: %w", member, err)
		}
	}
	for _, member := range family {
		if err := waitForEnd(ctx, member); err != nil {
			return err
		}
	}
	return nil
}

// children are the process IDs of the living children, as /proc has them.
func children(parent int) (found []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, path := range stats {
		if pid, ppid, _ := readStat(path); ppid == parent {
			found = append(found, pid)
		}
	}
	return found
}

// readStat reads the process ID, the parent's and the state; zeros when the process has ended.
func readStat(path string) (pid, parent int, state string) {
	stat, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, ""
	}
	// proc(5): pid (name) state ppid ...; the name may hold spaces and parentheses.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 2 {
		return 0, 0, ""
	}
	pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(path))) // the pattern allows digits alone to begin it
	parent, _ = strconv.Atoi(fields[1])
	return pid, parent, fields[0]
}

// waitForEnd waits until a process has ended. It may be nobody's child that we could wait for, so its state is looked at.
func waitForEnd(ctx context.Context, pid int) error {
	for {
		_, _, state := readStat(fmt.Sprintf("/proc/%d/stat", pid))
		if state == "" || state == "Z" {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("process %d does not end: %w", pid, context.Cause(ctx))
		}
	}
}
