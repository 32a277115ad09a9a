// SPDX-License-Identifier: Apache-2.0

// Command acceptance builds and installs the programs that the acceptance tests of a suite walk, where they are missing:
//
//	acceptance SUITE
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/gatehouse-dev/gatehouse/test/acceptance/programs"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: acceptance SUITE")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := programs.Provide(ctx, os.Stderr, programs.Suite(os.Args[1])); err != nil {
		fmt.Fprintln(os.Stderr, "acceptance:", err)
		os.Exit(1)
	}
}
