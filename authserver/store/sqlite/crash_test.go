// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
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

// N28, N177, for the store: what was answered survives kill -9 at random points, and nothing that happens once
// happens twice.
func TestN177WhatWasAnsweredSurvivesAKill(t *testing.T) { killAgainAndAgain(t, 20, 60) }

// remembered is how many grants of earlier lives are checked again after each kill.
const remembered = 300

// killAgainAndAgain kills a process that works on the store, as often as there are lives, after at most twice as many answers
// as answersPerLife, and compares each time what is stored with what was answered.
func killAgainAndAgain(t *testing.T, lives, answersPerLife int) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	l := newLedger()
	answered := 0
	for life := range lives {
		c := startChild(t, "work", path)
		for _, proof := range l.proofs {
			if _, err := fmt.Fprintln(c.in, proof); err != nil {
				t.Fatalf("tell the child of a proof: %v", err)
			}
		}
		if err := c.in.Close(); err != nil {
			t.Fatal(err)
		}
		last := mathrand.IntN(2 * answersPerLife)
		for answers := 0; c.out.Scan(); answers++ {
			l.note(t, c.out.Text())
			answered++
			if answers == last {
				if err := c.Process.Kill(); err != nil {
					t.Fatalf("kill: %v", err)
				}
			}
		}
		if err := c.Wait(); err == nil || c.stderr.Len() > 0 {
			t.Fatalf("life %d: the child was not killed but ended with %v: %s", life, err, c.stderr.String())
		}
		if l.check(t, openAt(t, path)); t.Failed() {
			t.Fatalf("after kill %d", life+1)
		}
		l.forgetAbove(remembered)
		if (life+1)%100 == 0 {
			t.Logf("%d kills, %d answers", life+1, answered)
		}
	}
	t.Logf("%d kills, %d answers, all of them true", lives, answered)
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

// check compares the ledger with the store, which it closes.
func (l *ledger) check(t *testing.T, s *Store) {
	t.Helper()
	for id := range l.proofs {
		g, err := s.Grant(t.Context(), authserver.GrantID(unhex(t, id)))
		if err != nil {
			t.Errorf("an approved grant: %v", err)
			continue
		}
		l.checkGrant(t, s, g)
	}
	for key := range l.spent {
		if err := s.Spend(t.Context(), authserver.Hash(unhex(t, key)), noon, noon.Add(time.Hour)); !errors.Is(err, authserver.ErrExists) {
			t.Errorf("a spent key can be spent again: %v", err)
		}
	}
	for hash := range l.sessions {
		if _, _, err := s.Session(t.Context(), authserver.Hash(unhex(t, hash))); err != nil {
			t.Errorf("a session: %v", err)
		}
	}
	if got := number(t, s, `SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'`); got != 0 {
		t.Errorf("the file has %d faults", got)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
}

func (l *ledger) checkGrant(t *testing.T, s *Store, g authserver.Grant) {
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

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// workUntilKilled tries the proofs that it reads, then works in parallel, and says each
// thing it has done once that was answered.
func workUntilKilled(ctx context.Context, path string) error {
	s, err := Open(ctx, path)
	if err != nil {
		return err
	}
	if err := tryProofs(ctx, s); err != nil {
		return err
	}
	failed := make(chan error)
	for range 16 {
		go func() {
			for {
				if err := liveOnce(ctx, s); err != nil {
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

// say prints one line in one write, so that no kill can cut it.
func say(words ...any) {
	fmt.Fprintln(os.Stdout, words...)
}

// tryProofs redeems each proof from four goroutines at once.
func tryProofs(ctx context.Context, s *Store) error {
	var all sync.WaitGroup
	var mu sync.Mutex
	var failures error
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		proof, err := hex.DecodeString(lines.Text())
		if err != nil {
			return err
		}
		for range 4 {
			all.Go(func() {
				g, err := s.Redeem(ctx, authserver.Hash(proof), noon)
				if err == nil {
					say("redeemed", g.ID)
				} else if !errors.Is(err, authserver.ErrNotFound) {
					mu.Lock()
					failures = errors.Join(failures, err)
					mu.Unlock()
				}
			})
		}
	}
	all.Wait()
	return failures
}

// liveOnce walks a new grant through its life, and keeps a session and a key.
func liveOnce(ctx context.Context, s *Store) error {
	var random [48]byte
	_, _ = rand.Read(random[:])
	g := grantNumber(0)
	g.ID, g.Proof.Hash, g.Owner = authserver.GrantID(random[:16]), authserver.Hash(random[16:]), rand.Text()
	key := g.Proof.Hash
	for _, step := range []struct {
		call func() error
		said []any
	}{
		{func() error {
			return s.CreateSession(ctx, authserver.Session{Hash: key, Owner: g.Owner, ExpiresAt: noon}, confirmed(g.Owner))
		}, []any{"session", hex.EncodeToString(key[:])}},
		{func() error { return s.Approve(ctx, g, nil) }, []any{"approved", g.ID, hex.EncodeToString(key[:])}},
		{func() error { return s.Spend(ctx, key, noon, noon.Add(time.Hour)) }, []any{"spent", hex.EncodeToString(key[:])}},
		{func() error { _, err := s.Redeem(ctx, key, noon); return err }, []any{"redeemed", g.ID}},
		{func() error { _, _, err := s.Rotate(ctx, rotation(g, 1), noon); return err }, []any{"rotated", g.ID, 2}},
		{func() error { _, _, err := s.Rotate(ctx, rotation(g, 2), noon); return err }, []any{"rotated", g.ID, 3}},
		{func() error { return inGeneration(ctx, s, g.ID, 3) }, nil},
		{func() error { return revoked(s.Revoke(ctx, g.ID, noon)) }, []any{"revoked", g.ID}},
		{func() error { return isRevoked(ctx, s, g.ID) }, nil},
	} {
		if err := step.call(); err != nil {
			return err
		}
		if step.said != nil {
			say(step.said...)
		}
	}
	return nil
}

// inGeneration checks what an introspection sees of a grant that was refreshed.
func inGeneration(ctx context.Context, s *Store, id authserver.GrantID, generation uint32) error {
	g, p, err := s.OwnedGrant(ctx, id)
	if err == nil && (g.Generation != generation || !g.RevokedAt.IsZero() || p.Subject != g.Owner) {
		return fmt.Errorf("after a refresh to generation %d: %+v of %+v", generation, g, p)
	}
	return err
}

// isRevoked checks the same of one that was revoked.
func isRevoked(ctx context.Context, s *Store, id authserver.GrantID) error {
	g, _, err := s.OwnedGrant(ctx, id)
	if err == nil && g.RevokedAt.IsZero() {
		return fmt.Errorf("after a revocation: %+v", g)
	}
	return err
}
