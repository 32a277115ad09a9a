// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// machine describes what everything runs on, and what else it does now.
func machine(ctx context.Context) string {
	commit := "unknown"
	if out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output(); err == nil {
		commit = strings.TrimSpace(string(out))
	}
	return fmt.Sprintf("%s, %d cores of %s, %s, %s %s, commit %s; load average when it began: %s",
		time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), processor(), runtime.Version(),
		runtime.GOOS, fields("/proc/sys/kernel/osrelease", 1), commit, fields("/proc/loadavg", 3))
}

// processor is the name of the processor.
func processor() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer func() { _ = file.Close() }() // it was only read
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// fields returns the first n fields of a file, as far as there is one.
func fields(file string, n int) string {
	text, err := os.ReadFile(file) //nolint:gosec // the kernel's
	if err != nil {
		return "unknown"
	}
	words := strings.Fields(string(text))
	return strings.Join(words[:min(n, len(words))], " ")
}

// about says what a run was.
func (o options) about(began string) string {
	return fmt.Sprintf("%s. Measurements of %s, %d rounds, %d connections.", began, o.duration, o.rounds, o.connections)
}

// syncsPerSecond is how often the disk of a folder syncs a small write: what refreshing could reach with one commit
// for each.
func syncsPerSecond(ctx context.Context, dir string) (float64, error) {
	f, err := os.CreateTemp(dir, "sync")
	if err != nil {
		return 0, fmt.Errorf("measure the disk: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing of it is kept
	page := make([]byte, 4096)
	begin, n := time.Now(), 0
	for ; time.Since(begin) < time.Second && ctx.Err() == nil; n++ {
		if _, err := f.Write(page); err != nil {
			return 0, fmt.Errorf("measure the disk: %w", err)
		}
		if err := f.Sync(); err != nil {
			return 0, fmt.Errorf("measure the disk: %w", err)
		}
	}
	return float64(n) / time.Since(begin).Seconds(), ctx.Err()
}

// processorTime is what a process has used so far, all its threads together; 0 where the system does not tell.
func processorTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), ") ") // the program's name
	words := strings.Fields(after)
	const user, system, tick = 11, 12, 10 * time.Millisecond // proc(5): utime and stime, counted from the state
	if len(words) <= system {
		return 0
	}
	var ticks [2]int
	for n, word := range []string{words[user], words[system]} {
		if ticks[n], err = strconv.Atoi(word); err != nil {
			return 0
		}
	}
	return time.Duration(ticks[0]+ticks[1]) * tick
}
