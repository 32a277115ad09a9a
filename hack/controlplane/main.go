// SPDX-License-Identifier: Apache-2.0

// Command controlplane builds etcd, kube-apiserver, kube-controller-manager and kubectl where they are missing and prints
// the folder that holds them, and nothing else, on standard output. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/binaries"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	go watchParent(cancel)

	dir, err := binaries.Ensure(ctx, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "controlplane:", err)
		os.Exit(1)
	}
	fmt.Println(dir)
}

// watchParent ends the build when the one who asked for it is gone: `go run` does not hand on a SIGTERM.
func watchParent(cancel context.CancelCauseFunc) {
	for parent := os.Getppid(); os.Getppid() == parent; {
		time.Sleep(time.Second)
	}
	cancel(errors.New("the calling process has ended"))
}
