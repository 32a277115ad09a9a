// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// adopt makes this process the parent of what its descendants leave.
func adopt() error {
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

// reap takes the ends of all children, adopted ones too, up to that of main, and returns main's exit status.
func reap(main int) (int, error) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, err
		case pid == main:
			return exitStatus(status), nil
		}
	}
}

// endOrphans waits until no child is left. What is left after grace is killed and named in the error.
func endOrphans(grace time.Duration) error {
	var left []string
	for deadline := time.Now().Add(grace); ; time.Sleep(50 * time.Millisecond) {
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != nil || pid == 0 {
				break
			}
		}
		orphans := children()
		if len(orphans) == 0 {
			break
		}
		if time.Now().Before(deadline) {
			continue
		}
		// The killed ones' own children come to us next, so this may need some rounds.
		for pid, name := range orphans {
			left = append(left, fmt.Sprintf("%d (%s)", pid, name))
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended meanwhile
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("left behind, and killed now: %s", strings.Join(left, ", "))
	}
	return nil
}

// children maps the process IDs of the living children to their command lines.
func children() map[int]string {
	found := map[int]string{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // ended meanwhile
		}
		// proc(5): pid (name) state ppid ...; the name may hold spaces and parentheses.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) < 2 || fields[0] == "Z" || fields[1] != strconv.Itoa(os.Getpid()) {
			continue
		}
		dir := filepath.Dir(path)
		pid, _ := strconv.Atoi(filepath.Base(dir)) // the pattern starts with a digit
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		found[pid] = string(bytes.TrimSpace(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
	}
	return found
}
