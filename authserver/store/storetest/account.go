// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

var lists = []check{
	{"live grants come oldest first, whenever they were kept", func(t *testing.T, s authserver.Store) {
		third := approveAndRedeem(t, s, approvedAt(noon.Add(3*time.Second)))
		first := approveAndRedeem(t, s, approvedAt(noon.Add(1*time.Second)), to(photoAlbum))
		second := approve(t, s, approvedAt(noon.Add(2*time.Second)))
		got, err := s.GrantsOf(t.Context(), bob, noon.Add(4*time.Second))
		succeed(t, "GrantsOf", err)
		same(t, "grants", got, []authserver.Grant{first, second, third})
	}},
	{"revoked grants are not listed", func(t *testing.T, s authserver.Store) {
		stays := approveAndRedeem(t, s)
		revoke(t, s, approveAndRedeem(t, s))
		revoke(t, s, approve(t, s))
		same(t, "live grants", live(t, s, bob, noon.Add(time.Second)), []authserver.GrantID{stays.ID})
	}},
	{"a grant is listed until the moment it ends", func(t *testing.T, s authserver.Store) {
		g := approveAndRedeem(t, s)
		same(t, "before", live(t, s, bob, g.EndsAt.Add(-tick)), []authserver.GrantID{g.ID})
		same(t, "after", live(t, s, bob, g.EndsAt), []authserver.GrantID{})
	}},
	{"an unredeemed grant is listed until the moment its proof expires", func(t *testing.T, s authserver.Store) {
		g := approve(t, s)
		same(t, "before", live(t, s, bob, g.Proof.ExpiresAt.Add(-tick)), []authserver.GrantID{g.ID})
		same(t, "after", live(t, s, bob, g.Proof.ExpiresAt), []authserver.GrantID{})
	}},
	{"names of owners are compared letter for letter", func(t *testing.T, s authserver.Store) {
		g := approveAndRedeem(t, s)
		for _, other := range []string{alice, "Bob", "BOB", "bob ", " bob", "bo", "bób", ""} {
			same(t, "grants of "+other, live(t, s, other, noon), []authserver.GrantID{})
			_, err := s.Consent(t.Context(), other, photoPrint)
			failWith(t, "Consent of "+other, err, authserver.ErrNotFound)
		}
		same(t, "grants of bob", live(t, s, bob, noon), []authserver.GrantID{g.ID})
	}},
}

var consents = []check{
	{"a consent is kept with the approval it was given with", func(t *testing.T, s authserver.Store) {
		want := consent(t, s, bob, photoPrint, noon, "photos.read", "photos.write")
		got, err := s.Consent(t.Context(), bob, photoPrint)
		succeed(t, "Consent", err)
		same(t, "consent", got, want)
	}},
	{"a new consent takes the place of the older one", func(t *testing.T, s authserver.Store) {
		consent(t, s, bob, photoPrint, noon, "photos.read", "photos.write")
		want := consent(t, s, bob, photoPrint, noon.Add(time.Hour), "photos.read")
		got, err := s.ConsentsOf(t.Context(), bob)
		succeed(t, "ConsentsOf", err)
		same(t, "consents", got, []authserver.Consent{want})
	}},
	{"an approval without a consent keeps none and removes none", func(t *testing.T, s authserver.Store) {
		approve(t, s, to(photoAlbum))
		_, err := s.Consent(t.Context(), bob, photoAlbum)
		failWith(t, "Consent", err, authserver.ErrNotFound)

		want := consent(t, s, bob, photoPrint, noon, "photos.read")
		approve(t, s)
		got, err := s.Consent(t.Context(), bob, photoPrint)
		succeed(t, "Consent", err)
		same(t, "consent", got, want)
	}},
	{"a consent may be for no scope", func(t *testing.T, s authserver.Store) {
		want := consent(t, s, bob, photoPrint, noon)
		got, err := s.Consent(t.Context(), bob, photoPrint)
		succeed(t, "Consent", err)
		same(t, "consent", got, want)
	}},
	{"a consent is one owner's for one client", func(t *testing.T, s authserver.Store) {
		consent(t, s, bob, photoPrint, noon)
		_, err := s.Consent(t.Context(), alice, photoPrint)
		failWith(t, "Alice's consent", err, authserver.ErrNotFound)
		_, err = s.Consent(t.Context(), bob, photoAlbum)
		failWith(t, "Bob's consent for another client", err, authserver.ErrNotFound)
	}},
	{"consents come oldest first", func(t *testing.T, s authserver.Store) {
		second := consent(t, s, bob, photoPrint, noon.Add(time.Second), "photos.read")
		first := consent(t, s, bob, photoAlbum, noon)
		consent(t, s, alice, photoAlbum, noon)
		got, err := s.ConsentsOf(t.Context(), bob)
		succeed(t, "ConsentsOf", err)
		same(t, "consents", got, []authserver.Consent{first, second})
	}},
	{"an owner without consents has an empty list", func(t *testing.T, s authserver.Store) {
		got, err := s.ConsentsOf(t.Context(), bob)
		succeed(t, "ConsentsOf", err)
		same(t, "consents", got, []authserver.Consent{})
	}},
}

// consent keeps a grant with a consent.
func consent(t *testing.T, s authserver.Store, owner, clientUID string, at time.Time, scopes ...string) authserver.Consent {
	t.Helper()
	c := authserver.Consent{Owner: owner, ClientUID: clientUID, Scopes: scopes, GivenAt: at}
	succeed(t, "Approve", s.Approve(t.Context(), newGrant(by(owner), to(clientUID), approvedAt(at)), &c))
	return c
}

var forgetting = []check{
	{"the consent is gone and every grant revoked, redeemed or not", func(t *testing.T, s authserver.Store) {
		consent(t, s, bob, photoPrint, noon)
		grants := []authserver.Grant{approve(t, s), approveAndRedeem(t, s)}
		at := noon.Add(time.Second)
		succeed(t, "Forget", s.Forget(t.Context(), bob, photoPrint, at))
		_, err := s.Consent(t.Context(), bob, photoPrint)
		failWith(t, "Consent", err, authserver.ErrNotFound)
		same(t, "live grants", live(t, s, bob, at), []authserver.GrantID{})
		for _, want := range grants {
			want.RevokedAt = at
			same(t, "grant", kept(t, s, want.ID), want)
		}
		refusedToRedeem(t, s, kept(t, s, grants[0].ID), at)
	}},
	{"other owners and other clients are left alone", func(t *testing.T, s authserver.Store) {
		hers, album := approveAndRedeem(t, s, by(alice)), approveAndRedeem(t, s, to(photoAlbum))
		consents := []authserver.Consent{consent(t, s, alice, photoPrint, noon), consent(t, s, bob, photoAlbum, noon)}
		succeed(t, "Forget", s.Forget(t.Context(), bob, photoPrint, noon))
		same(t, "Alice's grant", kept(t, s, hers.ID), hers)
		same(t, "Bob's grant to another client", kept(t, s, album.ID), album)
		for _, want := range consents {
			got, err := s.Consent(t.Context(), want.Owner, want.ClientUID)
			succeed(t, "Consent", err)
			same(t, "consent", got, want)
		}
	}},
	{"the time of an earlier revocation stays", func(t *testing.T, s authserver.Store) {
		g := revoke(t, s, approveAndRedeem(t, s))
		succeed(t, "Forget", s.Forget(t.Context(), bob, photoPrint, g.RevokedAt.Add(time.Hour)))
		same(t, "grant", kept(t, s, g.ID), g)
	}},
	{"to forget what is not there is no error", func(t *testing.T, s authserver.Store) {
		succeed(t, "Forget", s.Forget(t.Context(), bob, photoPrint, noon))
	}},
	{"a client can be consented to again", func(t *testing.T, s authserver.Store) {
		consent(t, s, bob, photoPrint, noon)
		succeed(t, "Forget", s.Forget(t.Context(), bob, photoPrint, noon))
		want := consent(t, s, bob, photoPrint, noon.Add(time.Second), "photos.read")
		got, err := s.Consent(t.Context(), bob, photoPrint)
		succeed(t, "Consent", err)
		same(t, "consent", got, want)
	}},
}
