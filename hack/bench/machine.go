// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
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
