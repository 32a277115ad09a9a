// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

var spending = []check{
	{"a key is spent once until its time has come", func(t *testing.T, s authserver.Store) {
		key, until := newHash(), noon.Add(time.Minute)
		spent(t, s, key, noon, false)
		succeed(t, "Spend", s.Spend(t.Context(), key, noon, until))
		spent(t, s, key, noon, true)
		failWith(t, "Spend again", s.Spend(t.Context(), key, noon, until), authserver.ErrExists)
		failWith(t, "Spend at the last moment", s.Spend(t.Context(), key, until.Add(-tick), until.Add(time.Hour)), authserver.ErrExists)
		spent(t, s, key, until.Add(-tick), true)
	}},
	{"a key may be spent again from that time on", func(t *testing.T, s authserver.Store) {
		key, until := newHash(), noon.Add(time.Minute)
		succeed(t, "Spend", s.Spend(t.Context(), key, noon, until))
		spent(t, s, key, until, false)
		succeed(t, "Spend again", s.Spend(t.Context(), key, until, until.Add(time.Minute)))
		spent(t, s, key, until, true)
		failWith(t, "Spend a third time", s.Spend(t.Context(), key, until.Add(time.Second), until.Add(time.Hour)), authserver.ErrExists)
	}},
	{"a refused attempt does not extend the time", func(t *testing.T, s authserver.Store) {
		key, until := newHash(), noon.Add(time.Minute)
		succeed(t, "Spend", s.Spend(t.Context(), key, noon, until))
		failWith(t, "Spend", s.Spend(t.Context(), key, noon, until.Add(time.Hour)), authserver.ErrExists)
		succeed(t, "Spend after the first time", s.Spend(t.Context(), key, until, until.Add(time.Hour)))
	}},
	{"keys do not touch each other", func(t *testing.T, s authserver.Store) {
		succeed(t, "Spend", s.Spend(t.Context(), newHash(), noon, noon.Add(time.Minute)))
		other := newHash()
		spent(t, s, other, noon, false)
		succeed(t, "Spend another", s.Spend(t.Context(), other, noon, noon.Add(time.Minute)))
	}},
}

func spent(t *testing.T, s authserver.Store, key authserver.Hash, now time.Time, want bool) {
	t.Helper()
	got, err := s.Spent(t.Context(), key, now)
	succeed(t, "Spent", err)
	if got != want {
		t.Errorf("Spent at %s is %t, want %t", now.Format(time.TimeOnly), got, want)
	}
}

var sweeps = []check{
	{"what still means something stays", func(t *testing.T, s authserver.Store) {
		session := createSession(t, s)
		revoked, unredeemed := revoke(t, s, approveAndRedeem(t, s)), approve(t, s)
		c, key := consent(t, s, bob, photoPrint, noon), newHash()
		succeed(t, "Spend", s.Spend(t.Context(), key, noon, noon.Add(24*time.Hour)))

		now := unredeemed.Proof.ExpiresAt.Add(authserver.ProofMemory - tick)
		swept(t, s, now, 100, 0)
		_, _, err := s.Session(t.Context(), session.Hash)
		succeed(t, "Session", err)
		same(t, "the revoked grant", kept(t, s, revoked.ID), revoked)
		same(t, "the unredeemed grant", kept(t, s, unredeemed.ID), unredeemed)
		got, err := s.Consent(t.Context(), bob, photoPrint)
		succeed(t, "Consent", err)
		same(t, "consent", got, c)
		spent(t, s, key, now, true)
	}},
	{"an expired session goes", func(t *testing.T, s authserver.Store) {
		session := createSession(t, s)
		swept(t, s, session.ExpiresAt.Add(-tick), 100, 0)
		swept(t, s, session.ExpiresAt, 100, 1)
		_, _, err := s.Session(t.Context(), session.Hash)
		failWith(t, "Session", err, authserver.ErrNotFound)
	}},
	{"a key goes whose time has come", func(t *testing.T, s authserver.Store) {
		key := newHash()
		succeed(t, "Spend", s.Spend(t.Context(), key, noon, noon.Add(time.Minute)))
		swept(t, s, noon.Add(time.Minute-tick), 100, 0)
		swept(t, s, noon.Add(time.Minute), 100, 1)
	}},
	{"an ended grant goes, revoked or not", func(t *testing.T, s authserver.Store) {
		g, revoked := approveAndRedeem(t, s), revoke(t, s, approveAndRedeem(t, s))
		swept(t, s, g.EndsAt.Add(-tick), 100, 0)
		swept(t, s, g.EndsAt, 100, 2)
		for _, id := range []authserver.GrantID{g.ID, revoked.ID} {
			_, err := s.Grant(t.Context(), id)
			failWith(t, "Grant", err, authserver.ErrNotFound)
		}
	}},
	{"a refreshed grant stays until it ends", func(t *testing.T, s authserver.Store) {
		g := approveAndRedeem(t, s)
		g = rotate(t, s, g, 1, noon.Add(time.Hour))
		swept(t, s, g.EndsAt.Add(-tick), 100, 0)
		same(t, "grant", kept(t, s, g.ID), g)
	}},
	{"a grant that was never redeemed is remembered for a while", func(t *testing.T, s authserver.Store) {
		g := approve(t, s)
		end := g.Proof.ExpiresAt.Add(authserver.ProofMemory)
		swept(t, s, end.Add(-tick), 100, 0)
		failWith(t, "Approve again", s.Approve(t.Context(), g, nil), authserver.ErrExists)
		swept(t, s, end, 100, 1)
		_, err := s.GrantByProof(t.Context(), g.Proof.Hash)
		failWith(t, "GrantByProof", err, authserver.ErrNotFound)
	}},
	{"consents stay as long as their person and their client", func(t *testing.T, s authserver.Store) {
		want := consent(t, s, bob, photoPrint, noon)
		swept(t, s, noon.AddDate(10, 0, 0), 100, 1) // the grant
		got, err := s.Consent(t.Context(), bob, photoPrint)
		succeed(t, "Consent", err)
		same(t, "consent", got, want)
	}},
	{"at most as many rows go as the limit allows", func(t *testing.T, s authserver.Store) {
		for range 4 {
			createSession(t, s)
			approveAndRedeem(t, s)
			succeed(t, "Spend", s.Spend(t.Context(), newHash(), noon, noon.Add(time.Minute)))
		}
		later := noon.AddDate(10, 0, 0)
		swept(t, s, later, 0, 0)
		for _, want := range []int{5, 5, 2, 0} {
			swept(t, s, later, 5, want)
		}
	}},
	{"an empty store has nothing to sweep", func(t *testing.T, s authserver.Store) {
		swept(t, s, noon, 100, 0)
	}},
}

// swept checks how many rows a sweep removes.
func swept(t *testing.T, s authserver.Store, now time.Time, limit, want int) {
	t.Helper()
	got, err := s.Sweep(t.Context(), now, limit)
	succeed(t, "Sweep", err)
	if got != want {
		t.Errorf("Sweep removed %d rows, want %d", got, want)
	}
}
