// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// acknowledged is what writes of one grant, its owner and one key have been answered. A read that begins later sees
// nothing older.
type acknowledged struct {
	grant      authserver.Grant
	key        authserver.Hash
	generation atomic.Uint32
	revoked    atomic.Bool
	swept      atomic.Bool
	name       atomic.Uint32 // of the owner: a number that counts up
	ended      atomic.Bool   // the owner
	spent      atomic.Bool
}

const (
	raceGrants  = 9
	raceWrites  = 8 // of each kind and grant
	raceReaders = 3
)

// N173, as a model check: readers against everything that changes what they read, in a memory that is too small, with
// commits that fail and with everything dropped now and then.
func TestN173NoReadIsOlderThanAnAnswer(t *testing.T) {
	s := openNew(t)
	grants := make([]*acknowledged, raceGrants)
	for i := range grants {
		g := grantNumber(10 * i) // an owner each
		g.EndsAt = noon.Add(time.Hour)
		grants[i] = &acknowledged{grant: g, key: hashNumber(1000 + i)}
		if err := errors.Join(s.Approve(t.Context(), g, nil), s.ConfirmPeople(t.Context(), []authserver.Confirmation{named(g.Owner, 0)})); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Redeem(t.Context(), g.Proof.Hash, noon); err != nil {
			t.Fatal(err)
		}
	}
	s.memory.grants.limit, s.memory.people.limit, s.memory.spent.limit = raceGrants*200, raceGrants*200, raceGrants*50
	var commits atomic.Int64
	onCommit(t, s, func() bool { return commits.Add(1)%7 != 0 })

	done := make(chan struct{})
	var readers, writers sync.WaitGroup
	for r := range raceReaders {
		readers.Go(func() {
			seen := map[int]uint32{}
			for i := r; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				n := i % raceGrants
				seen[n] = grants[n].read(t, s, seen[n])
			}
		})
	}
	for _, a := range grants {
		writers.Go(func() { a.refreshAndEnd(t, s) })
		writers.Go(func() { a.rename(t, s) })
		writers.Go(func() {
			mustWrite(t, func() error { return s.Spend(t.Context(), a.key, noon, noon.Add(time.Hour)) })
			a.spent.Store(true)
		})
	}
	writers.Go(func() {
		for range raceWrites {
			mustWrite(t, func() error { _, err := s.Sweep(t.Context(), noon, 10); return err })
			s.memory.forgetAll()
		}
	})
	writers.Wait()
	for _, a := range grants {
		a.read(t, s, 0)
	}
	close(done)
	readers.Wait()
	mustWrite(t, func() error { _, err := s.Sweep(t.Context(), noon.Add(2*time.Hour), 10*raceGrants); return err })
	for _, a := range grants {
		a.swept.Store(true)
		a.spent.Store(false)
		a.read(t, s, 0)
	}
}

// named is what the directory says of a person whose name is the number.
func named(subject string, name uint32) authserver.Confirmation {
	c := confirmed(subject)
	c.Name, c.EndGrants = fmt.Sprint(name), true
	return c
}

// mustWrite calls write until it is committed. A commit that fails has written nothing.
func mustWrite(t *testing.T, write func() error) {
	for err := write(); err != nil; err = write() {
		if !errors.Is(err, authserver.ErrUnavailable) {
			t.Error(err)
			return
		}
	}
}

// refreshAndEnd refreshes the grant, and ends it in one of four ways.
func (a *acknowledged) refreshAndEnd(t *testing.T, s *Store) {
	for generation := uint32(1); generation <= raceWrites; generation++ {
		mustWrite(t, func() error {
			g, p, err := s.Rotate(t.Context(), rotation(a.grant, generation), noon)
			if err == nil && (g.Generation != generation+1 || p.Subject != a.grant.Owner) {
				t.Errorf("Rotate() = %+v, %+v", g, p)
			}
			return err
		})
		a.generation.Store(generation + 1)
	}
	switch a.grant.ID[0] % 3 {
	case 0:
		mustWrite(t, func() error { return revoked(s.Revoke(t.Context(), a.grant.ID, noon)) })
	case 1:
		mustWrite(t, func() error { return s.Forget(t.Context(), a.grant.Owner, a.grant.ClientUID, noon) })
	default:
		for i := range authserver.MaxGrants {
			g := grantNumber(10_000 + i)
			g.ID, g.Proof.Hash = authserver.GrantID(append(a.grant.ID[:15:15], byte(i))), hashNumber(int(a.grant.ID[1])<<32+int(a.grant.ID[2])<<16+i)
			g.ID[0]++
			g.Owner, g.ApprovedAt, g.Generation = a.grant.Owner, noon.Add(time.Second), 1
			mustWrite(t, func() error { return s.Approve(t.Context(), g, nil) })
		}
	}
	a.revoked.Store(true)
}

// rename changes the owner's name, and in the end they leave.
func (a *acknowledged) rename(t *testing.T, s *Store) {
	for name := uint32(1); name <= raceWrites; name++ {
		c := named(a.grant.Owner, name)
		if name == raceWrites {
			c.EndedAt = noon
		}
		mustWrite(t, func() error { return s.ConfirmPeople(t.Context(), []authserver.Confirmation{c}) })
		a.name.Store(name)
	}
	a.ended.Store(true)
}

// read compares a read with what was acknowledged before it began, and with the generation that this reader has seen.
func (a *acknowledged) read(t *testing.T, s *Store, seen uint32) uint32 {
	generation, ended, name, gone, spent := max(seen, a.generation.Load()), a.revoked.Load(), a.name.Load(), a.ended.Load(), a.spent.Load()
	if a.swept.Load() {
		if _, _, err := s.OwnedGrant(t.Context(), a.grant.ID); !errors.Is(err, authserver.ErrNotFound) {
			t.Errorf("a grant that was swept: %v", err)
		}
	} else {
		g, p, err := s.OwnedGrant(t.Context(), a.grant.ID)
		if err != nil {
			t.Errorf("OwnedGrant() = %v", err)
		}
		var number uint32
		if _, err := fmt.Sscan(p.Name, &number); err != nil || number < name || gone && p.EndedAt.IsZero() {
			t.Errorf("the owner is %+v after number %d was acknowledged, gone: %t", p, name, gone)
		}
		if g.Generation < generation || ended && g.RevokedAt.IsZero() {
			t.Errorf("the grant is %+v after generation %d was acknowledged, revoked: %t", g, generation, ended)
		}
		generation = g.Generation
	}
	if got, err := s.Spent(t.Context(), a.key, noon.Add(time.Minute)); err != nil || spent && !got {
		t.Errorf("Spent() = %t, %v after it was spent", got, err)
	}
	return generation
}
