// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"errors"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
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
	p, err := openPool(t.Context(), a, &absence{now: func() time.Time { return now }})
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

// What one connection learns of the database holds for all of the store: no caller is refused because its own connection
// has not been tried again yet.
func TestADatabaseThatIsBackIsBackForAll(t *testing.T) {
	server := postgrestest.Start(t, postgrestest.WithoutFsync())
	a, err := parseAddress(server.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	now := noon
	s := &Store{address: a, health: &health{observer: noObserver{}, now: func() time.Time { return now }}}
	if err := s.makeConnections(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.gatherer.close()
	defer s.pool.close()
	calls := map[string]func() error{
		"a read": func() error { return s.Ping(t.Context()) },
		"the pool": func() error {
			_, err := s.Consent(t.Context(), "bob", "")
			return err
		},
	}
	for n := range writePipelines {
		calls["a write "+strconv.Itoa(n)] = func() error {
			return s.Spend(t.Context(), authserver.Hash{byte(n)}, noon, noon)
		}
	}
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for what, call := range calls { // the first one finds out
		if err := call(); !errors.Is(err, authserver.ErrUnavailable) {
			t.Errorf("%s without a database: %v", what, err)
		}
		now = now.Add(firstAbsence / 10)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	now = noon.Add(firstAbsence)
	if err := migrate(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	for what, call := range calls {
		if err := call(); errors.Is(err, authserver.ErrUnavailable) {
			t.Errorf("%s when the database is back: %v", what, err)
		}
	}
}

func TestAnAttemptThatAnotherHasOvertakenSaysNothing(t *testing.T) {
	a := &absence{now: func() time.Time { return noon }}
	begun := a.begin()
	a.ended()
	if a.failed(begun, errors.New("the database starts")); a.lasts() != nil {
		t.Errorf("the database is away: %v", a.lasts())
	}
	if a.failed(a.begin(), errors.New("the database stops")); a.lasts() == nil {
		t.Error("the database is not away")
	}
}
