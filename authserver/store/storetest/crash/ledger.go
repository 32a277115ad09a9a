// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// ledger is what a server said it had done, as its clients remember it.
type ledger struct {
	proofs     map[string]string // of approved grants: ID to proof, in hexadecimal
	redeemed   map[string]bool
	generation map[string]uint32 // the newest that was answered
	revoked    map[string]bool
	spent      map[string]bool
	sessions   map[string]bool
}

func newLedger() *ledger {
	return &ledger{map[string]string{}, map[string]bool{}, map[string]uint32{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
}

// note takes down one line of a child: a verb, an ID, and for some verbs a value.
func (l *ledger) note(t *testing.T, line string) {
	t.Helper()
	var verb, id, value string
	if n, _ := fmt.Sscan(line, &verb, &id, &value); n < 2 {
		t.Fatalf("the child said %q", line)
	}
	switch verb {
	case "approved":
		l.proofs[id] = value
	case "redeemed":
		if l.redeemed[id] {
			t.Errorf("the proof of %s was redeemed twice", id)
		}
		l.redeemed[id] = true
		l.generation[id] = max(l.generation[id], 1)
	case "rotated":
		var generation uint32
		if _, err := fmt.Sscan(value, &generation); err != nil || generation <= l.generation[id] {
			t.Errorf("%q after generation %d", line, l.generation[id])
		}
		l.generation[id] = generation
	case "revoked":
		l.revoked[id] = true
	case "spent":
		l.spent[id] = true
	case "session":
		l.sessions[id] = true
	default:
		t.Fatalf("the child said %q", line)
	}
}

// forgetAbove keeps a random part of the ledger, so that a check after a thousand kills takes no longer than one before.
func (l *ledger) forgetAbove(limit int) {
	for id := range l.proofs {
		if len(l.proofs) <= limit {
			break
		}
		delete(l.proofs, id)
		delete(l.redeemed, id)
		delete(l.generation, id)
		delete(l.revoked, id)
	}
	for _, keys := range []map[string]bool{l.spent, l.sessions} {
		for key := range keys {
			if len(keys) <= limit {
				break
			}
			delete(keys, key)
		}
	}
}

// check compares the ledger with the store.
func (l *ledger) check(t *testing.T, s authserver.Store) {
	t.Helper()
	inParallel(slices.Collect(maps.Keys(l.proofs)), func(id string) {
		g, err := s.Grant(t.Context(), authserver.GrantID(unhex(t, id)))
		if err != nil {
			t.Errorf("an approved grant: %v", err)
			return
		}
		l.checkGrant(t, s, g)
	})
	inParallel(slices.Collect(maps.Keys(l.spent)), func(key string) {
		if err := s.Spend(t.Context(), authserver.Hash(unhex(t, key)), noon, noon.Add(time.Hour)); !errors.Is(err, authserver.ErrExists) {
			t.Errorf("a spent key can be spent again: %v", err)
		}
	})
	inParallel(slices.Collect(maps.Keys(l.sessions)), func(hash string) {
		if _, _, err := s.Session(t.Context(), authserver.Hash(unhex(t, hash))); err != nil {
			t.Errorf("a session: %v", err)
		}
	})
}

func (l *ledger) checkGrant(t *testing.T, s authserver.Store, g authserver.Grant) {
	t.Helper()
	id := g.ID.String()
	if g.Generation < l.generation[id] {
		t.Errorf("grant %s has generation %d, %d was answered", id, g.Generation, l.generation[id])
	}
	if l.revoked[id] && g.RevokedAt.IsZero() {
		t.Errorf("grant %s is not revoked", id)
	}
	if l.redeemed[id] {
		if _, err := s.Redeem(t.Context(), g.Proof.Hash, noon); !errors.Is(err, authserver.ErrNotFound) {
			t.Errorf("the proof of %s can be redeemed again: %v", id, err)
		}
	}
	for generation := range l.generation[id] {
		if _, _, err := s.Rotate(t.Context(), rotation(g, generation), noon); !errors.Is(err, authserver.ErrStale) {
			t.Errorf("grant %s can be refreshed with the old generation %d: %v", id, generation, err)
		}
	}
}

// inParallel calls check for each item, for many at a time: a store gathers what comes at once.
func inParallel(items []string, check func(string)) {
	left := make(chan string, len(items))
	for _, item := range items {
		left <- item
	}
	close(left)
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for item := range left {
				check(item)
			}
		})
	}
	all.Wait()
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Errorf("%q: %v", s, err)
	}
	return b
}
