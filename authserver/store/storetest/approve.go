// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

var approvals = []check{
	{"a grant comes back as it was approved, by its ID and by its proof", func(t *testing.T, s authserver.Store) {
		want := approve(t, s)
		same(t, "grant", kept(t, s, want.ID), want)
		got, err := s.GrantByProof(t.Context(), want.Proof.Hash)
		succeed(t, "GrantByProof", err)
		same(t, "grant by proof", got, want)
	}},
	{"a grant may have no scope, resource, callback and code challenge", func(t *testing.T, s authserver.Store) {
		want := approve(t, s, func(g *authserver.Grant) {
			g.Scopes, g.Resources, g.Proof.Callback, g.Proof.CodeChallenge = nil, nil, "", ""
		})
		same(t, "grant", kept(t, s, want.ID), want)
	}},
	{"what ID tokens say of the login comes back as it was", func(t *testing.T, s authserver.Store) {
		want := approve(t, s, func(g *authserver.Grant) {
			g.Authentication = authserver.Authentication{At: noon.Add(-time.Hour), Nonce: strings.Repeat("Zoë '\" %", 50), Methods: []string{"pwd", "otp", "mfa"}, SessionID: "sid-1"}
		})
		same(t, "grant", kept(t, s, want.ID), want)
		redeemed, err := s.Redeem(t.Context(), want.Proof.Hash, noon)
		succeed(t, "Redeem", err)
		same(t, "the login in what the redemption returns", redeemed.Authentication, want.Authentication)
	}},
	{"long and foreign words come back as they were", func(t *testing.T, s authserver.Store) {
		want := approve(t, s, func(g *authserver.Grant) {
			g.Owner = strings.Repeat("Zoë Ångström-李 ", 30)
			g.Scopes = strings.Fields(strings.Repeat("a:scope/of.Some-length ", 100))
			g.Proof.Callback = "https://photoprint.example/%20?q='\"" + strings.Repeat("x", 2000)
		})
		same(t, "grant", kept(t, s, want.ID), want)
		same(t, "live grants", live(t, s, want.Owner, noon), []authserver.GrantID{want.ID})
	}},
	{"times are kept to the millisecond", func(t *testing.T, s authserver.Store) {
		g := approve(t, s, approvedAt(noon.Add(7_654_321)))
		got := kept(t, s, g.ID)
		same(t, "approved at", got.ApprovedAt, noon.Add(7*tick))
		same(t, "ends at", got.EndsAt, g.EndsAt.Truncate(tick))
		same(t, "proof expires at", got.Proof.ExpiresAt, g.Proof.ExpiresAt.Truncate(tick))
	}},
	{"an absent grant is ErrNotFound", func(t *testing.T, s authserver.Store) {
		g, other := approve(t, s), newGrant()
		_, err := s.Grant(t.Context(), other.ID)
		failWith(t, "Grant", err, authserver.ErrNotFound)
		_, err = s.GrantByProof(t.Context(), other.Proof.Hash)
		failWith(t, "GrantByProof", err, authserver.ErrNotFound)
		_, err = s.GrantByProof(t.Context(), authserver.Hash{})
		failWith(t, "GrantByProof of no proof", err, authserver.ErrNotFound)
		same(t, "the one that is there", kept(t, s, g.ID), g)
	}},
	{"a redeemed proof is remembered although its grant was short", func(t *testing.T, s authserver.Store) {
		g := approveAndRedeem(t, s, endsAt(noon.Add(2*time.Minute)))
		until := g.Proof.ExpiresAt.Add(authserver.ProofMemory)
		swept(t, s, until.Add(-tick), 100, 0)
		failWith(t, "Approve", s.Approve(t.Context(), g, nil), authserver.ErrExists)
		swept(t, s, until, 100, 1)
	}},
	{"an ID is approved once, whatever became of the grant", func(t *testing.T, s authserver.Store) {
		for _, before := range []authserver.Grant{
			approve(t, s),
			approveAndRedeem(t, s),
			revoke(t, s, approveAndRedeem(t, s)),
			approve(t, s, endsAt(noon.Add(tick)), proofExpiresAt(noon.Add(tick))),
		} {
			again := newGrant(by(alice), approvedAt(noon.Add(time.Hour)))
			again.ID = before.ID
			err := s.Approve(t.Context(), again, &authserver.Consent{Owner: alice, ClientUID: photoPrint, GivenAt: noon})
			failWith(t, "Approve", err, authserver.ErrExists)
			same(t, "the grant that was there", kept(t, s, before.ID), before)
			_, err = s.GrantByProof(t.Context(), again.Proof.Hash)
			failWith(t, "GrantByProof", err, authserver.ErrNotFound)
		}
		_, err := s.Consent(t.Context(), alice, photoPrint)
		failWith(t, "Consent", err, authserver.ErrNotFound)
	}},
	{"a refused approval leaves an earlier consent as it was", func(t *testing.T, s authserver.Store) {
		g := newGrant()
		before := authserver.Consent{Owner: bob, ClientUID: photoPrint, Scopes: g.Scopes, GivenAt: noon}
		succeed(t, "Approve", s.Approve(t.Context(), g, &before))
		after := authserver.Consent{Owner: bob, ClientUID: photoPrint, Scopes: []string{"everything"}, GivenAt: noon.Add(time.Hour)}
		failWith(t, "Approve", s.Approve(t.Context(), g, &after), authserver.ErrExists)
		got, err := s.Consent(t.Context(), bob, photoPrint)
		succeed(t, "Consent", err)
		same(t, "consent", got, before)
	}},
	{"N189: a consent that was joined with one that the owner took back holds the scopes of the grant alone", func(t *testing.T, s authserver.Store) {
		early := authserver.Consent{Owner: bob, ClientUID: photoPrint, Scopes: []string{"photos.read"}, GivenAt: noon}
		joined := early
		joined.Scopes, joined.Before, joined.GivenAt = []string{"photos.read", "photos.write"}, early.Scopes, noon.Add(time.Hour)
		for promise, c := range map[string]struct {
			meanwhile func() error
			want      []string
		}{
			"it is there":  {func() error { return nil }, joined.Scopes},
			"it was taken": {func() error { return s.Forget(t.Context(), bob, photoPrint, noon) }, []string{"photos.write"}},
			"it is a new one": {func() error {
				return s.Approve(t.Context(), newGrant(), &authserver.Consent{Owner: bob, ClientUID: photoPrint, GivenAt: noon})
			}, []string{"photos.write"}},
		} {
			succeed(t, "Approve", s.Approve(t.Context(), newGrant(), &early))
			succeed(t, promise, c.meanwhile())
			succeed(t, "Approve", s.Approve(t.Context(), newGrant(func(g *authserver.Grant) { g.Scopes = []string{"photos.write"} }), &joined))
			got, err := s.Consent(t.Context(), bob, photoPrint)
			succeed(t, "Consent", err)
			same(t, promise, got, authserver.Consent{Owner: bob, ClientUID: photoPrint, Scopes: c.want, GivenAt: joined.GivenAt})
		}
	}},
	{"N197: an approval on the strength of a consent is kept while that is as it was read", func(t *testing.T, s authserver.Store) {
		read := authserver.Consent{Owner: bob, ClientUID: photoPrint, Scopes: []string{"photos.read", "photos.write"}, GivenAt: noon}
		other := read
		other.GivenAt = noon.Add(tick)
		narrower := read
		narrower.Scopes = read.Scopes[:1]
		foreign := read
		foreign.ClientUID = photoAlbum
		for promise, c := range map[string]struct {
			meanwhile func() error
			want      error
		}{
			"it is there":       {func() error { return nil }, nil},
			"it was taken":      {func() error { return s.Forget(t.Context(), bob, photoPrint, noon) }, authserver.ErrStale},
			"it is a later one": {func() error { return s.Approve(t.Context(), newGrant(), &other) }, authserver.ErrStale},
			"it is narrower":    {func() error { return s.Approve(t.Context(), newGrant(), &narrower) }, authserver.ErrStale},
			"another client's": {func() error {
				return errors.Join(s.Forget(t.Context(), bob, photoPrint, noon), s.Approve(t.Context(), newGrant(to(photoAlbum)), &foreign))
			}, authserver.ErrStale},
		} {
			succeed(t, "Approve", s.Approve(t.Context(), newGrant(), &read))
			succeed(t, promise, c.meanwhile())
			g := newGrant()
			if err := s.ApproveUnder(t.Context(), g, read); !errors.Is(err, c.want) {
				t.Errorf("%s: ApproveUnder() = %v, want %v", promise, err, c.want)
			}
			if c.want == nil {
				same(t, promise, kept(t, s, g.ID), g)
				failWith(t, promise+", once more", s.ApproveUnder(t.Context(), g, other), authserver.ErrExists)
				continue
			}
			_, err := s.Grant(t.Context(), g.ID)
			failWith(t, promise+": Grant", err, authserver.ErrNotFound)
			_, err = s.GrantByProof(t.Context(), g.Proof.Hash)
			failWith(t, promise+": GrantByProof", err, authserver.ErrNotFound)
		}
	}},
	{"an approval that is refused for its consent revokes no other grant", func(t *testing.T, s authserver.Store) {
		ids := approveMany(t, s, authserver.MaxGrants)
		at := noon.Add(time.Hour)
		g := newGrant(approvedAt(at), endsAt(at.Add(time.Hour)))
		failWith(t, "ApproveUnder", s.ApproveUnder(t.Context(), g, authserver.Consent{Owner: bob, ClientUID: photoPrint}), authserver.ErrStale)
		same(t, "live grants", live(t, s, bob, at), ids)
	}},
	{"what the caller changes afterwards is not kept", func(t *testing.T, s authserver.Store) {
		g := newGrant()
		scopes := slices.Clone(g.Scopes)
		succeed(t, "Approve", s.Approve(t.Context(), g, nil))
		g.Scopes[0] = "everything"
		same(t, "scopes", kept(t, s, g.ID).Scopes, scopes)
	}},
}

var surplus = []check{
	{"the newest live grants stay, older ones are revoked", func(t *testing.T, s authserver.Store) {
		ids := approveMany(t, s, authserver.MaxGrants+3)
		now := noon.Add(time.Hour)
		same(t, "live grants", live(t, s, bob, now), ids[3:])
		for _, id := range ids[:3] {
			if kept(t, s, id).RevokedAt.IsZero() {
				t.Errorf("the surplus grant %s is not revoked", id)
			}
		}
	}},
	{"approvals that nobody redeems push no redeemed grant out", func(t *testing.T, s authserver.Store) {
		redeemed := approveAndRedeem(t, s, approvedAt(noon)).ID
		for n := range authserver.MaxGrants + 10 {
			approve(t, s, approvedAt(noon.Add(time.Duration(n)*time.Second)))
		}
		if !kept(t, s, redeemed).RevokedAt.IsZero() {
			t.Error("the redeemed grant is revoked")
		}
	}},
	{"other owners and other clients are not counted", func(t *testing.T, s authserver.Store) {
		hers := approveAndRedeem(t, s, by(alice)).ID
		album := approveAndRedeem(t, s, to(photoAlbum)).ID
		ids := approveMany(t, s, authserver.MaxGrants)
		same(t, "Bob's live grants", live(t, s, bob, noon.Add(time.Hour)), append([]authserver.GrantID{album}, ids...))
		same(t, "Alice's live grants", live(t, s, alice, noon.Add(time.Hour)), []authserver.GrantID{hers})
	}},
	{"a grant that is revoked when it is kept ends no other", func(t *testing.T, s authserver.Store) {
		ids := approveMany(t, s, authserver.MaxGrants)
		at := noon.Add(time.Hour)
		denial := approve(t, s, approvedAt(at), endsAt(at), proofExpiresAt(at), func(g *authserver.Grant) { g.RevokedAt = at })
		same(t, "live grants", live(t, s, bob, at), ids)
		same(t, "the revoked one", kept(t, s, denial.ID), denial)
		again := newGrant()
		again.ID = denial.ID
		failWith(t, "Approve under its ID", s.Approve(t.Context(), again, nil), authserver.ErrExists)
		refusedToRedeem(t, s, denial, at)
	}},
	{"dead grants are not counted", func(t *testing.T, s authserver.Store) {
		revoke(t, s, approveAndRedeem(t, s))
		ended := approveAndRedeem(t, s, endsAt(noon.Add(tick)))
		expired := approve(t, s, proofExpiresAt(noon.Add(tick)))
		ids := approveMany(t, s, authserver.MaxGrants)
		same(t, "live grants", live(t, s, bob, noon.Add(time.Hour)), ids)
		same(t, "the ended one", kept(t, s, ended.ID), ended)
		same(t, "the expired one", kept(t, s, expired.ID), expired)
	}},
}

// approveMany keeps redeemed grants of Bob to PhotoPrint, one a second after noon, and
// returns their IDs in this order.
func approveMany(t *testing.T, s authserver.Store, n int) []authserver.GrantID {
	t.Helper()
	ids := make([]authserver.GrantID, n)
	for i := range ids {
		ids[i] = approveAndRedeem(t, s, approvedAt(noon.Add(time.Duration(i+1)*time.Second))).ID
	}
	return ids
}
