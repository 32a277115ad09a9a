// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

var redemptions = []check{
	{"a proof moves its grant from generation 0 to 1 and nothing else", func(t *testing.T, s authserver.Store) {
		want, other := approve(t, s), approve(t, s)
		got, err := s.Redeem(t.Context(), want.Proof.Hash, noon.Add(3*time.Second))
		succeed(t, "Redeem", err)
		want.Generation, want.RotatedAt = 1, noon.Add(3*time.Second)
		same(t, "returned grant", got, want)
		same(t, "kept grant", kept(t, s, want.ID), want)
		same(t, "the other grant", kept(t, s, other.ID), other)
	}},
	{"a redeemed grant is still found by its proof", func(t *testing.T, s authserver.Store) {
		want := revoke(t, s, approveAndRedeem(t, s))
		got, err := s.GrantByProof(t.Context(), want.Proof.Hash)
		succeed(t, "GrantByProof", err)
		same(t, "grant", got, want)
	}},
	{"a proof is redeemed once", func(t *testing.T, s authserver.Store) {
		g := approveAndRedeem(t, s)
		_, err := s.Redeem(t.Context(), g.Proof.Hash, noon.Add(time.Second))
		failWith(t, "Redeem", err, authserver.ErrNotFound)
		same(t, "grant", kept(t, s, g.ID), g)
	}},
	{"a proof stays redeemed after refreshes", func(t *testing.T, s authserver.Store) {
		g := approveAndRedeem(t, s)
		g = rotate(t, s, g, 1, noon.Add(time.Second))
		_, err := s.Redeem(t.Context(), g.Proof.Hash, noon.Add(2*time.Second))
		failWith(t, "Redeem", err, authserver.ErrNotFound)
		same(t, "grant", kept(t, s, g.ID), g)
	}},
	{"an unknown proof is ErrNotFound", func(t *testing.T, s authserver.Store) {
		approve(t, s)
		_, err := s.Redeem(t.Context(), newHash(), noon)
		failWith(t, "Redeem", err, authserver.ErrNotFound)
	}},
	{"a proof can be redeemed until the moment it expires", func(t *testing.T, s authserver.Store) {
		g := approve(t, s)
		refusedToRedeem(t, s, g, g.Proof.ExpiresAt)
		_, err := s.Redeem(t.Context(), g.Proof.Hash, g.Proof.ExpiresAt.Add(-tick))
		succeed(t, "Redeem", err)
	}},
	{"the proof of a revoked grant is ErrNotFound", func(t *testing.T, s authserver.Store) {
		refusedToRedeem(t, s, revoke(t, s, approve(t, s)), noon.Add(time.Second))
	}},
	{"the proof of an ended grant is ErrNotFound", func(t *testing.T, s authserver.Store) {
		g := approve(t, s, endsAt(noon.Add(time.Second)))
		refusedToRedeem(t, s, g, g.EndsAt)
	}},
}

// refusedToRedeem checks that the proof is not redeemed at now and nothing changes.
func refusedToRedeem(t *testing.T, s authserver.Store, g authserver.Grant, now time.Time) {
	t.Helper()
	_, err := s.Redeem(t.Context(), g.Proof.Hash, now)
	failWith(t, "Redeem", err, authserver.ErrNotFound)
	same(t, "grant", kept(t, s, g.ID), g)
}

var rotations = []check{
	{"a refresh moves the grant to the next generation and nothing else", func(t *testing.T, s authserver.Store) {
		want, other := approveAndRedeem(t, s), approveAndRedeem(t, s)
		for generation := range uint32(3) {
			at := noon.Add(time.Duration(generation) * time.Hour)
			got, _, err := s.Rotate(t.Context(), rotation(want, generation+1), at)
			succeed(t, "Rotate", err)
			want.Generation, want.PreviousRotatedAt, want.RotatedAt = generation+2, want.RotatedAt, at
			same(t, "returned grant", got, inUse(want))
			same(t, "kept grant", kept(t, s, want.ID), want)
		}
		same(t, "the other grant", kept(t, s, other.ID), other)
	}},
	{"a refresh returns the owner, whatever became of them", func(t *testing.T, s authserver.Store) {
		g := approveAndRedeem(t, s)
		_, p, err := s.Rotate(t.Context(), rotation(g, 1), noon)
		succeed(t, "Rotate of nobody's grant", err)
		same(t, "nobody", p, authserver.Person{})
		for i, c := range []authserver.Confirmation{confirmed(bob), confirmed(bob, until(noon.Add(time.Hour))), confirmed(bob, ended(noon))} {
			confirm(t, s, c)
			_, p, err := s.Rotate(t.Context(), rotation(g, uint32(i)+2), noon)
			succeed(t, "Rotate", err)
			same(t, "owner", p, ownerInUse(c))
		}
	}},
	{"another generation than the present one is ErrStale", func(t *testing.T, s authserver.Store) {
		g := approveAndRedeem(t, s)
		g = rotate(t, s, g, 1, noon)
		refusedToRotate(t, s, g, 0, noon)
		refusedToRotate(t, s, g, 1, noon)
		refusedToRotate(t, s, g, 3, noon)
		refusedToRotate(t, s, g, 1<<32-1, noon)
	}},
	{"a revoked grant is ErrStale", func(t *testing.T, s authserver.Store) {
		refusedToRotate(t, s, revoke(t, s, approveAndRedeem(t, s)), 1, noon.Add(time.Second))
	}},
	{"a grant is refreshed until the moment it ends", func(t *testing.T, s authserver.Store) {
		g := approveAndRedeem(t, s)
		refusedToRotate(t, s, g, 1, g.EndsAt)
		got, _, err := s.Rotate(t.Context(), rotation(g, 1), g.EndsAt.Add(-tick))
		succeed(t, "Rotate", err)
		same(t, "end", got.EndsAt, g.EndsAt)
	}},
	{"only its proof moves a grant from generation 0", func(t *testing.T, s authserver.Store) {
		refusedToRotate(t, s, approve(t, s), 0, noon)
	}},
	{"N149: another client and another profile are ErrStale", func(t *testing.T, s authserver.Store) {
		want := approveAndRedeem(t, s)
		for name, edit := range map[string]func(*authserver.Rotation){
			"client":    func(r *authserver.Rotation) { r.ClientUID = photoAlbum },
			"no client": func(r *authserver.Rotation) { r.ClientUID = "" },
			"profile":   func(r *authserver.Rotation) { r.Profile = authserver.ProfileIntegrationCloud },
		} {
			_, _, err := s.Rotate(t.Context(), rotation(want, 1, edit), noon.Add(time.Second))
			failWith(t, "Rotate with another "+name, err, authserver.ErrStale)
		}
		same(t, "grant", kept(t, s, want.ID), want)
	}},
	{"a clock that was set back moves the grant all the same", func(t *testing.T, s authserver.Store) {
		want := approveAndRedeem(t, s)
		at := want.RotatedAt.Add(-time.Hour)
		got, _, err := s.Rotate(t.Context(), rotation(want, 1), at)
		succeed(t, "Rotate", err)
		want.Generation, want.PreviousRotatedAt, want.RotatedAt = 2, want.RotatedAt, at
		same(t, "returned grant", got, inUse(want))
		same(t, "kept grant", kept(t, s, want.ID), want)
	}},
	{"an unknown grant is ErrStale", func(t *testing.T, s authserver.Store) {
		approveAndRedeem(t, s)
		_, _, err := s.Rotate(t.Context(), rotation(newGrant(), 1), noon)
		failWith(t, "Rotate", err, authserver.ErrStale)
	}},
}

// refusedToRotate checks that the grant is not refreshed and nothing changes.
func refusedToRotate(t *testing.T, s authserver.Store, g authserver.Grant, generation uint32, now time.Time) {
	t.Helper()
	_, _, err := s.Rotate(t.Context(), rotation(g, generation), now)
	failWith(t, "Rotate", err, authserver.ErrStale)
	same(t, "grant", kept(t, s, g.ID), g)
}

var revocations = []check{
	{"a grant is revoked, redeemed or not, and nothing else", func(t *testing.T, s authserver.Store) {
		other := approveAndRedeem(t, s)
		for _, want := range []authserver.Grant{approve(t, s), approveAndRedeem(t, s)} {
			succeed(t, "Revoke", revoked(s.Revoke(t.Context(), want.ID, noon.Add(time.Minute))))
			want.RevokedAt = noon.Add(time.Minute)
			same(t, "grant", kept(t, s, want.ID), want)
		}
		same(t, "the other grant", kept(t, s, other.ID), other)
	}},
	{"of twenty revocations one ends the grant", func(t *testing.T, s authserver.Store) {
		g := approveAndRedeem(t, s)
		var all sync.WaitGroup
		var ended atomic.Int32
		for range 20 {
			all.Go(func() {
				first, err := s.Revoke(t.Context(), g.ID, noon)
				if err != nil {
					t.Errorf("Revoke: %v", err)
				}
				if first {
					ended.Add(1)
				}
			})
		}
		all.Wait()
		if got := ended.Load(); got != 1 {
			t.Errorf("%d calls say that they ended the grant, want 1", got)
		}
	}},
	{"the time of the first revocation stays", func(t *testing.T, s authserver.Store) {
		g := revoke(t, s, approveAndRedeem(t, s))
		succeed(t, "Revoke", revoked(s.Revoke(t.Context(), g.ID, g.RevokedAt.Add(time.Hour))))
		succeed(t, "Revoke", revoked(s.Revoke(t.Context(), g.ID, g.RevokedAt.Add(-time.Hour))))
		same(t, "grant", kept(t, s, g.ID), g)
	}},
	{"to revoke an unknown grant is no error", func(t *testing.T, s authserver.Store) {
		id := newGrant().ID
		succeed(t, "Revoke", revoked(s.Revoke(t.Context(), id, noon)))
		_, err := s.Grant(t.Context(), id)
		failWith(t, "Grant", err, authserver.ErrNotFound)
	}},
}

// revoked is for where only the error of Store.Revoke matters.
func revoked(_ bool, err error) error { return err }

// revoke revokes the grant half a minute after its approval and returns it so.
func revoke(t *testing.T, s authserver.Store, g authserver.Grant) authserver.Grant {
	t.Helper()
	g.RevokedAt = g.ApprovedAt.Add(30 * time.Second)
	succeed(t, "Revoke", revoked(s.Revoke(t.Context(), g.ID, g.RevokedAt)))
	return g
}
