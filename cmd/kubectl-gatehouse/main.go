// SPDX-License-Identifier: Apache-2.0

// Command kubectl-gatehouse is the kubectl plugin "kubectl gatehouse". It reads flags and wires; package plugin does
// the work.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/gatehouse-dev/gatehouse/internal/plugin"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(plugin.Run(ctx, os.Args[1:], plugin.Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		InIsTerminal: term.IsTerminal(int(os.Stdin.Fd())), OutIsTerminal: term.IsTerminal(int(os.Stdout.Fd())), Now: time.Now,
	}))
}
