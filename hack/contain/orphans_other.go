// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package main

import (
	"syscall"
	"time"
)

func adopt() error { return nil }

func reap(main int) (int, error) {
	var status syscall.WaitStatus
	_, err := syscall.Wait4(main, &status, 0, nil)
	return exitStatus(status), err
}

func endOrphans(time.Duration) error { return nil }
