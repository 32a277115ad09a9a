// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/devenv/transcript"
)

func TestTheExitStatusTellsHowItEnded(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		status int
	}{
		{"every step did what it says", nil, 0},
		{"a step did not", errors.New("login: no form"), 1},
		{"Ctrl-C", interrupted{syscall.SIGINT}, 130},
		{"Ctrl-C, and something did not stop well", errors.Join(interrupted{syscall.SIGINT}, errors.New("killed")), 130},
		{"Ctrl-C in the middle of a step", fmt.Errorf("login: %w", interrupted{syscall.SIGINT}), 130},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &dev{script: transcript.New(io.Discard, false, time.Now)}
			if got := d.report(c.err); got != c.status {
				t.Errorf("exit status %d, want %d", got, c.status)
			}
		})
	}
}
