// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// gcPercent has the garbage collector run twice as often as usual: what the operator keeps is
	// large next to what it works on. GOMEMLIMIT bounds the rest; the manifests set it.
	gcPercent = 50
	// restsAfter is how long no garbage was collected in an operator that has nothing to do.
	restsAfter = 15 * time.Second
	// worthIt is how much unused memory, in bytes, an operator keeps that has nothing to do.
	worthIt = 8 << 20
)

// tuneMemory sets what the environment does not: GOGC wins.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// givingBack gives memory back to the system when the operator has nothing to do. Reading many
// objects at the start, or issuing many, takes two or three times what is kept of them. The Go
// runtime would keep half as much again as is in use for what may come.
type givingBack struct {
	read     func() heap
	giveBack func()
}

// NeedLeaderElection has it run in every replica: each one has read the objects.
func (givingBack) NeedLeaderElection() bool { return false }

// Start runs until ctx ends.
func (g givingBack) Start(ctx context.Context) error {
	tick := time.NewTicker(restsAfter)
	defer tick.Stop()
	last := g.read()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		now := g.read()
		if now.collections == last.collections && now.unused > worthIt {
			g.giveBack()
			now = g.read()
		}
		last = now
	}
}

// heap is what the runtime says of its heap.
type heap struct {
	collections uint64
	unused      uint64 // bytes: free and not given back, or garbage
}

func readHeap() heap {
	samples := []metrics.Sample{
		{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"},
	}
	metrics.Read(samples)
	free, objects, live := samples[1].Value.Uint64(), samples[2].Value.Uint64(), samples[3].Value.Uint64()
	return heap{collections: samples[0].Value.Uint64(), unused: free + max(objects, live) - live}
}
