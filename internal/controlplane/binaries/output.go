// SPDX-License-Identifier: Apache-2.0

package binaries

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
)

// tailLines bounds how much of a failed build's output is kept.
const tailLines = 30

// output reads what `go build -v` prints: one line for each package it compiles or module it downloads. It is written by the
// process's goroutine while another asks for a summary.
type output struct {
	mu      sync.Mutex
	partial []byte // the line that has not ended yet
	last    []string
	lines   int
}

// Write takes part of the output; it never fails.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.partial = append(o.partial, p...)
	for {
		line, rest, found := bytes.Cut(o.partial, []byte("\n"))
		if !found {
			return len(p), nil
		}
		o.lines++
		o.last = append(o.last, string(line))
		o.last = o.last[max(0, len(o.last)-tailLines):]
		o.partial = rest
	}
}

// summary says how far the build is.
func (o *output) summary() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lines == 0 {
		return "starting or linking"
	}
	return fmt.Sprintf("%d packages so far, now %s", o.lines, o.last[len(o.last)-1])
}

// tail is the end of the output.
func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(append(o.last[:len(o.last):len(o.last)], string(o.partial)), "\n")
}
