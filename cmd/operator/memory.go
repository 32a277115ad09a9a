// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"runtime/debug"
	"time"
)

const (
	// gcPercent has the garbage collector run twice as often as usual: what the
	// operator keeps is large next to what it works on.
	gcPercent = 50
	// tidyEvery is how often memory goes back to the system. At rest nothing would
	// make the collector run, and what a burst of new clients took would stay taken.
	tidyEvery = time.Minute
)

// thrift keeps the memory of the process near what is in use. The environment
// variable GOGC wins.
type thrift struct{}

// Start runs until ctx ends. It is part of manager.Runnable.
func (thrift) Start(ctx context.Context) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			debug.FreeOSMemory()
		case <-ctx.Done():
			return nil
		}
	}
}

// NeedLeaderElection has a replica that waits to be the leader be thrifty too.
func (thrift) NeedLeaderElection() bool { return false }
