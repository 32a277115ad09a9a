// SPDX-License-Identifier: Apache-2.0

// Package memlimit has the Go runtime stay below the memory limit of its container: it
// collects garbage more often when it comes near, instead of growing until the kernel ends
// the program.
package memlimit

import (
	"io/fs"
	"math"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// The runtime gets this part of the container's limit. The rest is for what it does not
// count: the program's code, memory of libraries, what the kernel keeps for the container.
const numerator, denominator = 3, 4

// Apply sets the runtime's limit to three quarters of the container's, unless the
// environment variable GOMEMLIMIT asks for less. It returns the limit in force, or 0 if there
// is none. root is the root of the file system.
func Apply(root fs.FS) int64 {
	limit := debug.SetMemoryLimit(-1) // asks only
	if container, ok := Container(root); ok {
		limit = min(limit, container/denominator*numerator)
		debug.SetMemoryLimit(limit)
	}
	if limit == math.MaxInt64 {
		return 0
	}
	return limit
}

// Container returns the memory limit of the control group that the process is in, the
// smallest one on the way to it, for either version of control groups.
func Container(root fs.FS) (limit int64, ok bool) {
	for _, group := range groups(root) {
		for _, file := range []string{
			path.Join("sys/fs/cgroup", group, "memory.max"),
			path.Join("sys/fs/cgroup/memory", group, "memory.limit_in_bytes"),
		} {
			raw, err := fs.ReadFile(root, file)
			if err != nil {
				continue // another version, or hidden from the container
			}
			n, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
			if err != nil || n <= 0 || n >= unlimited { // "max"
				continue
			}
			if !ok || n < limit {
				limit, ok = n, true
			}
		}
	}
	return limit, ok
}

// unlimited is more than any machine has. Version 1 says it as a number a page below 2^63.
const unlimited = 1 << 60

// groups returns the paths of the process's control groups, each with those above it. Inside a
// container that is the root alone.
func groups(root fs.FS) []string {
	found := []string{"/"}
	raw, _ := fs.ReadFile(root, "proc/self/cgroup") // without it there is the root
	for line := range strings.Lines(string(raw)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 || parts[1] != "" && parts[1] != "memory" {
			continue
		}
		for group := path.Clean("/" + parts[2]); group != "/"; group = path.Dir(group) {
			found = append(found, group)
		}
	}
	return found
}
