// SPDX-License-Identifier: Apache-2.0

// Package testio is what tests give to programs to write to and to read from.
package testio

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Log may be read while it is written. The zero value is empty.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds to the log.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns what was written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Take returns the lines since the last call.
func (l *Log) Take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.String()
	l.text.Reset()
	return slices.Collect(strings.Lines(text))
}

// Endless makes a file that gives letters, more than any buffer holds. What it sends once says whether a reader took them all.
func Endless(t *testing.T) (path string, all <-chan bool) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "endless")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	took := make(chan bool, 1)
	go func() {
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		for n := 0; err == nil && n < 4<<20; n += 1 << 10 {
			_, err = file.Write(bytes.Repeat([]byte("a"), 1<<10))
		}
		_ = file.Close()
		took <- err == nil
	}()
	return path, took
}
