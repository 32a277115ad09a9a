// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// gone are promises about people and clients that are there no more.
var gone = []check{
	{"N97: a person who ended goes after a while, with everything of theirs", func(t *testing.T, s authserver.Store) {
		confirm(t, s, confirmed(bob))
		confirm(t, s, confirmed(alice))
		long := endsAt(noon.AddDate(5, 0, 0))
		mine, hers := approveAndRedeem(t, s, long), approveAndRedeem(t, s, long, by(alice))
		c := authserver.Consent{Owner: bob, ClientUID: photoPrint, GivenAt: noon}
		succeed(t, "Approve", s.Approve(t.Context(), newGrant(long), &c))
		her := authserver.Consent{Owner: alice, ClientUID: photoPrint, GivenAt: noon}
		succeed(t, "Approve", s.Approve(t.Context(), newGrant(long, by(alice)), &her))
		later := noon.Add(2 * authserver.ProofMemory)
		swept(t, s, later, 100, 2) // the unredeemed grants
		confirm(t, s, confirmed(bob, ended(later)))

		swept(t, s, later.Add(authserver.GoneMemory-tick), 100, 0)
		same(t, "Bob's grant", kept(t, s, mine.ID), mine)
		swept(t, s, later.Add(authserver.GoneMemory), 100, 3) // grant, consent, person
		_, err := s.Grant(t.Context(), mine.ID)
		failWith(t, "Grant", err, authserver.ErrNotFound)
		_, err = s.Consent(t.Context(), bob, photoPrint)
		failWith(t, "Consent", err, authserver.ErrNotFound)
		_, err = s.Person(t.Context(), bob)
		failWith(t, "Person", err, authserver.ErrNotFound)
		same(t, "Alice's grant", kept(t, s, hers.ID), hers)
		_, err = s.Consent(t.Context(), alice, photoPrint)
		succeed(t, "Alice's consent", err)
		same(t, "Alice", person(t, s, alice), confirmed(alice).Person)
	}},
	{"a person who came back in time does not go", func(t *testing.T, s authserver.Store) {
		confirm(t, s, confirmed(bob, ended(noon)))
		confirm(t, s, confirmed(bob, at(noon.Add(time.Hour))))
		swept(t, s, noon.AddDate(10, 0, 0), 100, 0)
		person(t, s, bob)
	}},
	{"a person goes after everything of theirs, however small the batches", func(t *testing.T, s authserver.Store) {
		for range 5 {
			approveAndRedeem(t, s, endsAt(noon.AddDate(5, 0, 0)))
		}
		confirm(t, s, confirmed(bob, ended(noon)))
		later := noon.Add(authserver.GoneMemory)
		for _, want := range []int{2, 2, 2, 0} {
			person(t, s, bob)
			swept(t, s, later, 2, want)
			if want == 2 && len(live(t, s, bob, noon)) == 0 {
				break
			}
		}
		same(t, "grants", live(t, s, bob, noon), []authserver.GrantID{})
		swept(t, s, later, 2, 0)
		_, err := s.Person(t.Context(), bob)
		failWith(t, "Person", err, authserver.ErrNotFound)
	}},
	{"N97: consents for a client that nobody knows go after a while", func(t *testing.T, s authserver.Store) {
		consent(t, s, bob, photoPrint, noon)
		consent(t, s, alice, photoPrint, noon)
		stays := consent(t, s, bob, photoAlbum, noon)
		swept(t, s, noon.Add(2*authserver.ProofMemory), 100, 3) // the grants
		note(t, s, noon, []string{photoAlbum}, []string{photoPrint})
		note(t, s, noon.Add(time.Hour), []string{photoAlbum}, []string{photoPrint}) // the first time stays
		swept(t, s, noon.Add(authserver.GoneMemory-tick), 100, 0)
		swept(t, s, noon.Add(authserver.GoneMemory), 100, 3) // two consents and the note
		_, err := s.Consent(t.Context(), bob, photoPrint)
		failWith(t, "Consent", err, authserver.ErrNotFound)
		got, err := s.ConsentsOf(t.Context(), bob)
		succeed(t, "ConsentsOf", err)
		same(t, "consents", got, []authserver.Consent{stays})
	}},
	{"a client that is known again has not been absent", func(t *testing.T, s authserver.Store) {
		want := consent(t, s, bob, photoPrint, noon)
		swept(t, s, noon.Add(2*authserver.ProofMemory), 100, 1) // the grant
		note(t, s, noon, nil, []string{photoPrint})
		note(t, s, noon.Add(24*time.Hour), []string{photoPrint}, nil)
		note(t, s, noon.Add(48*time.Hour), nil, []string{photoPrint})
		swept(t, s, noon.Add(authserver.GoneMemory+24*time.Hour), 100, 0)
		got, err := s.Consent(t.Context(), bob, photoPrint)
		succeed(t, "Consent", err)
		same(t, "consent", got, want)
	}},
	{"a client that somebody consents to is not absent", func(t *testing.T, s authserver.Store) {
		note(t, s, noon, nil, []string{photoPrint})
		want := consent(t, s, bob, photoPrint, noon.Add(authserver.GoneMemory-time.Minute), "photos.read")
		swept(t, s, noon.Add(authserver.GoneMemory), 100, 0)
		got, err := s.Consent(t.Context(), bob, photoPrint)
		succeed(t, "Consent", err)
		same(t, "consent", got, want)
	}},
	{"clients that there are consents for come once each, page by page", func(t *testing.T, s authserver.Store) {
		for _, uid := range []string{"c", "a", "e", "b", "d"} {
			consent(t, s, bob, uid, noon)
			consent(t, s, alice, uid, noon)
		}
		approve(t, s, to("without a consent"))
		for after, want := range map[string][]string{"": {"a", "b"}, "b": {"c", "d"}, "d": {"e"}, "e": {}, "bb": {"c", "d"}} {
			got, err := s.KeptClients(t.Context(), after, 2)
			succeed(t, "KeptClients", err)
			same(t, "clients after "+after, got, want)
		}
	}},
}

func note(t *testing.T, s authserver.Store, now time.Time, present, absent []string) {
	t.Helper()
	succeed(t, "NoteClients", s.NoteClients(t.Context(), present, absent, now))
}
