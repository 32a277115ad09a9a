// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// A PostgreSQL that stops or starts is slowed down by each connection that it must refuse.
func TestADatabaseThatIsAwayIsNotAskedByEverybody(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var came atomic.Int64
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			came.Add(1)
			_ = c.Close() // it refuses everybody
		}
	}()
	a, err := parseAddress("postgres://gatehouse:secret@" + listener.Addr().String() + "/gatehouse?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2030, 5, 4, 12, 0, 0, 0, time.UTC)
	p, err := openPool(t.Context(), a, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	for round := range int64(4) {
		for range 50 {
			if c, err := p.acquire(t.Context()); err == nil {
				c.Release()
				t.Fatal("there is a connection")
			}
		}
		if got := came.Load(); got > 2*(round+1) { // the driver tries an older protocol too
			t.Errorf("%d connections came in %d rounds", got, round+1)
		}
		now = now.Add(maxAbsence)
	}
}
