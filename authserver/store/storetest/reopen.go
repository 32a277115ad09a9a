// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// restarts are promises about a store that was closed and opened again.
var restarts = []struct {
	promise string
	see     func(t *testing.T, s authserver.Store, reopen func(authserver.Store) authserver.Store)
}{
	{"sessions, grants and consents are there as they were", func(t *testing.T, s authserver.Store, reopen func(authserver.Store) authserver.Store) {
		session, c := createSession(t, s), consent(t, s, bob, photoPrint, noon, "photos.read")
		grants := []authserver.Grant{approve(t, s), approveAndRedeem(t, s), revoke(t, s, approveAndRedeem(t, s))}

		s = reopen(s)
		gotSession, _, err := s.Session(t.Context(), session.Hash)
		succeed(t, "Session", err)
		same(t, "session", gotSession, session)
		gotConsent, err := s.Consent(t.Context(), bob, photoPrint)
		succeed(t, "Consent", err)
		same(t, "consent", gotConsent, c)
		for _, want := range grants {
			same(t, "grant", kept(t, s, want.ID), want)
		}
	}},
	{"people are there as they were, and who ended has ended", func(t *testing.T, s authserver.Store, reopen func(authserver.Store) authserver.Store) {
		mine, hers := confirm(t, s, confirmed(bob, until(noon.Add(time.Hour)))), confirm(t, s, confirmed(alice, ended(noon)))
		consent(t, s, bob, photoPrint, noon)
		note(t, s, noon, nil, []string{photoPrint})
		s = reopen(s)
		same(t, "Bob", person(t, s, bob), mine.Person)
		same(t, "Alice", person(t, s, alice), hers.Person)
		swept(t, s, noon.Add(authserver.GoneMemory), 100, 4) // Alice, a grant, the consent and the note
	}},
	{"uses are there as they were", func(t *testing.T, s authserver.Store, reopen func(authserver.Store) authserver.Store) {
		want := []authserver.Use{use(challenges(1, 2, noon), idToken(3000, noon)), use(usedWith(photoAlbum, ""))}
		noteUses(t, s, want...)
		s = reopen(s)
		same(t, "uses", usesOf(t, s), want)
	}},
	{"a logout is there after a restart: due at once, or when the lease ends of the server that had it", func(t *testing.T, s authserver.Store, reopen func(authserver.Store) authserver.Store) {
		ends, lasts := createSession(t, s), createSession(t, s, func(s *authserver.Session) { s.First = newHash() })
		first, second, stays := tell(t, s, ends, photoPrint), tell(t, s, ends, photoAlbum), tell(t, s, lasts, photoPrint)
		succeed(t, "DeleteSession", s.DeleteSession(t.Context(), bob, ends.Hash))
		leased, err := s.ClaimLogouts(t.Context(), noon, noon.Add(lease), []string{photoAlbum}, 1)
		succeed(t, "ClaimLogouts", err)
		same(t, "leased", idsOf(leased), []authserver.Hash{first})

		s = reopen(s)
		same(t, "due", claim(t, s, noon, 24*time.Hour), []authserver.Hash{second})
		same(t, "when the lease ends", claim(t, s, noon.Add(lease), 24*time.Hour), []authserver.Hash{first})
		got, _, err := s.Session(t.Context(), lasts.Hash)
		succeed(t, "Session", err)
		same(t, "session", got, lasts)
		succeed(t, "DeleteSession", s.DeleteSession(t.Context(), bob, lasts.Hash))
		s = reopen(s)
		same(t, "due", claim(t, s, noon, lease), []authserver.Hash{stays})
	}},
	{"what was removed stays removed", func(t *testing.T, s authserver.Store, reopen func(authserver.Store) authserver.Store) {
		session := createSession(t, s)
		succeed(t, "DeleteSession", s.DeleteSession(t.Context(), bob, session.Hash))
		consent(t, s, bob, photoPrint, noon)
		succeed(t, "Forget", s.Forget(t.Context(), bob, photoPrint, noon))

		s = reopen(s)
		_, _, err := s.Session(t.Context(), session.Hash)
		failWith(t, "Session", err, authserver.ErrNotFound)
		_, err = s.Consent(t.Context(), bob, photoPrint)
		failWith(t, "Consent", err, authserver.ErrNotFound)
		same(t, "live grants", live(t, s, bob, noon), []authserver.GrantID{})
	}},
	{"a redeemed proof stays redeemed, an unredeemed one can be redeemed", func(t *testing.T, s authserver.Store, reopen func(authserver.Store) authserver.Store) {
		redeemed, open := approveAndRedeem(t, s), approve(t, s)
		s = reopen(s)
		refusedToRedeem(t, s, redeemed, noon)
		_, err := s.Redeem(t.Context(), open.Proof.Hash, noon)
		succeed(t, "Redeem", err)
	}},
	{"N28: a generation that was left stays refused", func(t *testing.T, s authserver.Store, reopen func(authserver.Store) authserver.Store) {
		g := approveAndRedeem(t, s)
		g = rotate(t, s, g, 1, noon.Add(time.Second))
		s = reopen(reopen(s))
		same(t, "grant", kept(t, s, g.ID), g)
		refusedToRotate(t, s, g, 1, noon.Add(time.Minute))
		rotate(t, s, g, 2, noon.Add(time.Minute))
		s = reopen(s)
		same(t, "times of the last two refreshes", []time.Time{kept(t, s, g.ID).PreviousRotatedAt, kept(t, s, g.ID).RotatedAt},
			[]time.Time{noon.Add(time.Second), noon.Add(time.Minute)})
	}},
	{"a revoked grant stays revoked", func(t *testing.T, s authserver.Store, reopen func(authserver.Store) authserver.Store) {
		g := revoke(t, s, approveAndRedeem(t, s))
		s = reopen(s)
		refusedToRotate(t, s, g, 1, noon.Add(time.Minute))
	}},
	{"a spent key stays spent", func(t *testing.T, s authserver.Store, reopen func(authserver.Store) authserver.Store) {
		key := newHash()
		succeed(t, "Spend", s.Spend(t.Context(), key, noon, noon.Add(time.Hour)))
		s = reopen(s)
		spent(t, s, key, noon.Add(time.Minute), true)
		failWith(t, "Spend", s.Spend(t.Context(), key, noon.Add(time.Minute), noon.Add(2*time.Hour)), authserver.ErrExists)
	}},
	{"an ID stays used", func(t *testing.T, s authserver.Store, reopen func(authserver.Store) authserver.Store) {
		g := approve(t, s)
		s = reopen(s)
		failWith(t, "Approve", s.Approve(t.Context(), g, nil), authserver.ErrExists)
	}},
}
