// SPDX-License-Identifier: Apache-2.0

// Package crash kills processes that work on a store, and what the store depends on, at random points, and compares what is stored
// afterwards with what was answered. Every store runs it: in its test binary, which runs itself once more as the process that is killed
// and calls Work there.
package crash

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os/exec"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Store is a store that can be closed.
type Store interface {
	authserver.Store
	io.Closer
}

// Harness says how to reach a store.
type Harness struct {
	// Child returns this test binary, not started, as a process that opens the store and calls Work.
	Child func(t *testing.T) *exec.Cmd
	// Open opens the store, to be compared with what was answered.
	Open func(t *testing.T) Store
	// Sound checks what the store keeps its data in. It may be left out.
	Sound func(t *testing.T, s Store)
	// Outage kills what the store of a running child depends on, and starts it again. Every other child lives
	// through one, where it is not left out.
	Outage func(t *testing.T)
}

// remembered is how many grants of earlier lives are checked again after each kill.
const remembered = 300

// Run kills a child as often as there are lives, after at most twice as many answers as answersPerLife, and compares each time what
// is stored with what was answered.
func Run(t *testing.T, h Harness, lives, answersPerLife int) {
	t.Helper()
	l := newLedger()
	answered, outages := 0, 0
	for life := range lives {
		outage := h.Outage != nil && life%2 == 1
		if outage {
			outages++
		}
		answered += h.live(t, l, outage, answersPerLife)
		s := h.Open(t)
		l.check(t, s)
		if h.Sound != nil {
			h.Sound(t, s)
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
		if t.Failed() {
			t.Fatalf("after kill %d, of a child that lived through an outage: %t", life+1, outage)
		}
		l.forgetAbove(remembered)
		if (life+1)%100 == 0 {
			t.Logf("%d kills, %d outages, %d answers", life+1, outages, answered)
		}
	}
	t.Logf("%d kills, %d outages, %d answers, all of them true", lives, outages, answered)
}

// live starts a child, notes what it says, kills it, and returns how much it said.
func (h Harness) live(t *testing.T, l *ledger, outage bool, answersPerLife int) (answers int) {
	t.Helper()
	c := startChild(t, h.Child(t))
	for _, proof := range l.proofs {
		if _, err := fmt.Fprintln(c.in, proof); err != nil {
			t.Fatalf("tell the child of a proof: %v", err)
		}
	}
	if err := c.in.Close(); err != nil {
		t.Fatal(err)
	}
	disturbed, last := -1, below(2*answersPerLife)
	if outage {
		disturbed, last = last, last+1+below(2*answersPerLife)
	}
	for c.out.Scan() {
		l.note(t, c.out.Text())
		if answers == disturbed {
			h.Outage(t)
		}
		if answers == last {
			if err := c.Process.Kill(); err != nil {
				t.Fatalf("kill: %v", err)
			}
		}
		answers++
	}
	if err := c.Wait(); err == nil || c.stderr.Len() > 0 {
		t.Fatalf("the child was not killed but ended with %v: %s", err, c.stderr.String())
	}
	return answers
}

// below returns a random number from 0 to n-1.
func below(n int) int {
	chosen, _ := rand.Int(rand.Reader, big.NewInt(int64(n))) // never fails: it ends the program instead
	return int(chosen.Int64())
}

// child is a process that works on the store.
type child struct {
	*exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
	stderr strings.Builder
}

func startChild(t *testing.T, cmd *exec.Cmd) *child {
	t.Helper()
	c := &child{Cmd: cmd}
	c.Stderr = &c.stderr
	in, errIn := c.StdinPipe()
	out, errOut := c.StdoutPipe()
	if err := errors.Join(errIn, errOut, c.Start()); err != nil {
		t.Fatalf("start a child: %v", err)
	}
	c.in, c.out = in, bufio.NewScanner(out)
	return c
}
