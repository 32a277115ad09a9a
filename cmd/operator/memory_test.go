// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestMemoryIsGivenBackOnlyAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // of now and given
		var now heap
		given := 0
		ctx, cancel := context.WithCancel(t.Context())
		read := func() heap {
			mu.Lock()
			defer mu.Unlock()
			return now
		}
		g := givingBack{read: read, giveBack: func() {
			mu.Lock()
			defer mu.Unlock()
			given++
			now = heap{collections: now.collections + 1}
		}}
		ended := make(chan error)
		go func() { ended <- g.Start(ctx) }()
		check := func(name string, next heap, want int) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			now = next
			mu.Unlock()
			pass(t, restsAfter+time.Second)
			mu.Lock()
			defer mu.Unlock()
			if given != want {
				t.Errorf("%s: given back %d times, want %d", name, given, want)
			}
		}
		check("it works", heap{collections: 1, unused: 10 * worthIt}, 0)
		check("it rests", heap{collections: 1, unused: 10 * worthIt}, 1)
		check("it goes on resting", read(), 1)
		check("some garbage", heap{collections: read().collections, unused: worthIt}, 1)
		check("more garbage", heap{collections: read().collections, unused: worthIt + 1}, 2)
		check("it works again", heap{collections: read().collections + 5, unused: 10 * worthIt}, 2)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if g.NeedLeaderElection() {
			t.Error("a replica that does not lead keeps its memory")
		}
	})
}

// pass lets time go by.
func pass(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	<-ctx.Done()
	synctest.Wait()
}

func TestUnusedMemoryIsSeenAndGivenBack(t *testing.T) {
	const size = 64 << 20
	kept := [][]byte{make([]byte, size)}
	for i := range kept[0] {
		kept[0][i] = 1 // the system gives memory when it is written
	}
	runtime.GC()
	used := readHeap()
	kept[0] = nil
	runtime.GC()
	freed := readHeap()
	debug.FreeOSMemory()
	given := readHeap()
	runtime.KeepAlive(kept)
	if freed.unused < used.unused+size/2 || given.unused > size/4 || freed.collections <= used.collections {
		t.Errorf("in use: %+v, free: %+v, given back: %+v", used, freed, given)
	}
}
