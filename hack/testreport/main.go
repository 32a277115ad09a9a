// SPDX-License-Identifier: Apache-2.0

// Command testreport reads the output of `go test -json`, prints what a person wants to see of it as it comes (a line for each
// package, everything for what failed), and fails when a test failed, was skipped, or did not end.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	// An interrupt is for go test: the report goes on to its end.
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	r := &report{out: os.Stdout, packages: map[string]*packageReport{}}
	err := r.read(os.Stdin, time.Tick(20*time.Second))
	r.finish()
	if err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
	}
	if err != nil || !r.good() {
		os.Exit(1)
	}
}
