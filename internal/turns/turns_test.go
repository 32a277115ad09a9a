// SPDX-License-Identifier: Apache-2.0

package turns

import (
	"context"
	"errors"
	"testing"
)

// In all, there are no more than there are turns; who waits for one has it when another one is back.
func TestTurnsAreBoundedAndComeBack(t *testing.T) {
	turns := New(2, 2)
	take := func(name string) func() {
		leave, err := turns.Take(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return leave
	}
	first, second := take("a"), take("b")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := turns.Take(over, "c"); !errors.Is(err, ErrAll) || !errors.Is(err, context.Canceled) {
		t.Errorf("a third one: %v", err)
	}
	next := make(chan func(), 1)
	go func() { next <- take("a") }()
	second()
	third := <-next
	if _, err := turns.Take(over, "a"); !errors.Is(err, ErrShare) || !errors.Is(err, context.Canceled) {
		t.Errorf("a third one of a: %v", err)
	}
	if n := turns.Users("a"); n != 2 {
		t.Errorf("a has %d turns", n)
	}
	first()
	third()
	if len(turns.shares) != 0 || len(turns.all) != 0 || turns.Users("a") != 0 {
		t.Errorf("when all are back, %d names are remembered, and %d are away", len(turns.shares), len(turns.all))
	}
}

// However many one name wants, another one has a turn.
func TestAShareLeavesRoomForOthers(t *testing.T) {
	turns := New(4, 3)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for n := range 4 {
		if _, err := turns.Take(over, "flood"); (n == 3) != errors.Is(err, ErrShare) {
			t.Errorf("turn %d: %v", n, err)
		}
	}
	if _, err := turns.Take(over, "other"); err != nil {
		t.Errorf("another one: %v", err)
	}
}
