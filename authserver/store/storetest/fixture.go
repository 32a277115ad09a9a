// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// The fixture: Bob has photos, PhotoPrint asks for them, at noon.
const (
	bob        = "bob"
	alice      = "alice"
	photoPrint = "2c1d6a3e-6f0e-4b0f-9d59-6f2d1f7a1c11"
	photoAlbum = "8a5b1c07-52c3-4d3b-8f0e-0f6e5d4c3b2a"
)

var noon = time.Date(2030, 5, 4, 12, 0, 0, 0, time.UTC)

// tick is the smallest step between two times that a store tells apart.
const tick = time.Millisecond

func newHash() (h authserver.Hash) {
	_, _ = rand.Read(h[:]) // never fails (crypto/rand)
	return h
}

// newGrant returns Bob's grant to PhotoPrint, approved at noon and as edits change it.
func newGrant(edits ...func(*authserver.Grant)) authserver.Grant {
	g := authserver.Grant{
		ClientUID: photoPrint, Owner: bob, Scopes: []string{"photos.read", "photos.write"},
		Profile: authserver.ProfileOAuth2, ApprovedAt: noon, EndsAt: noon.Add(90 * 24 * time.Hour),
		Proof: authserver.Proof{
			Hash: newHash(), Callback: "https://photoprint.example/callback?a=b",
			CodeChallenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", ExpiresAt: noon.Add(time.Minute),
		},
		Resources: []string{"https://photos.example", "api://albums/2"},
	}
	_, _ = rand.Read(g.ID[:])
	for _, edit := range edits {
		edit(&g)
	}
	return g
}

func by(owner string) func(*authserver.Grant) {
	return func(g *authserver.Grant) { g.Owner = owner }
}

func to(clientUID string) func(*authserver.Grant) {
	return func(g *authserver.Grant) { g.ClientUID = clientUID }
}

// approvedAt moves the approval and everything that is counted from it.
func approvedAt(at time.Time) func(*authserver.Grant) {
	return func(g *authserver.Grant) {
		by := at.Sub(g.ApprovedAt)
		g.ApprovedAt, g.EndsAt, g.Proof.ExpiresAt = at, g.EndsAt.Add(by), g.Proof.ExpiresAt.Add(by)
	}
}

func endsAt(at time.Time) func(*authserver.Grant) {
	return func(g *authserver.Grant) { g.EndsAt = at }
}

func proofExpiresAt(at time.Time) func(*authserver.Grant) {
	return func(g *authserver.Grant) { g.Proof.ExpiresAt = at }
}

// approve keeps a new grant.
func approve(t *testing.T, s authserver.Store, edits ...func(*authserver.Grant)) authserver.Grant {
	t.Helper()
	g := newGrant(edits...)
	succeed(t, "Approve", s.Approve(t.Context(), g, nil))
	return g
}

// redeem takes the grant's proof when it was approved.
func redeem(t *testing.T, s authserver.Store, g authserver.Grant) authserver.Grant {
	t.Helper()
	redeemed, err := s.Redeem(t.Context(), g.Proof.Hash, g.ApprovedAt)
	succeed(t, "Redeem", err)
	return redeemed
}

// approveAndRedeem keeps a new grant that has been redeemed.
func approveAndRedeem(t *testing.T, s authserver.Store, edits ...func(*authserver.Grant)) authserver.Grant {
	t.Helper()
	return redeem(t, s, approve(t, s, edits...))
}

// rotation is a refresh of the grant by its own client, with a token of the generation.
func rotation(g authserver.Grant, generation uint32, edits ...func(*authserver.Rotation)) authserver.Rotation {
	r := authserver.Rotation{GrantID: g.ID, ClientUID: g.ClientUID, Profile: g.Profile, Generation: generation}
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

// rotate refreshes the grant, which is in the generation, and returns it as the store has it then.
func rotate(t *testing.T, s authserver.Store, g authserver.Grant, generation uint32, now time.Time) authserver.Grant {
	t.Helper()
	_, _, err := s.Rotate(t.Context(), rotation(g, generation), now)
	succeed(t, "Rotate", err)
	return kept(t, s, g.ID)
}

// inUse returns of a grant what OwnedGrant and Rotate do.
func inUse(g authserver.Grant) authserver.Grant {
	g.Profile, g.PreviousRotatedAt, g.Proof = "", time.Time{}, authserver.Proof{}
	return g
}

// ownerInUse returns of a confirmed person what OwnedGrant and Rotate do.
func ownerInUse(c authserver.Confirmation) authserver.Person {
	return authserver.Person{ConfirmedUntil: c.ConfirmedUntil, EndedAt: c.EndedAt,
		Owner: authserver.Owner{Subject: c.Subject, Name: c.Name, Groups: c.Groups}}
}

// kept returns the grant as the store has it.
func kept(t *testing.T, s authserver.Store, id authserver.GrantID) authserver.Grant {
	t.Helper()
	g, err := s.Grant(t.Context(), id)
	succeed(t, "Grant", err)
	return g
}

// live returns the IDs of the owner's live grants.
func live(t *testing.T, s authserver.Store, owner string, now time.Time) []authserver.GrantID {
	t.Helper()
	grants, err := s.GrantsOf(t.Context(), owner, now)
	succeed(t, "GrantsOf", err)
	ids := make([]authserver.GrantID, len(grants))
	for i, g := range grants {
		ids[i] = g.ID
	}
	return ids
}

func succeed(t *testing.T, call string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", call, err)
	}
}

func failWith(t *testing.T, call string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error is %v, want %v", call, err, want)
	}
}

// same compares values; no list and an empty list are the same.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// together starts all calls at once and returns their errors once all have returned.
func together(calls ...func() error) []error {
	errs := make([]error, len(calls))
	start := make(chan struct{})
	var all sync.WaitGroup
	for i, call := range calls {
		all.Go(func() {
			<-start
			errs[i] = call()
		})
	}
	close(start)
	all.Wait()
	return errs
}

// repeat returns n calls of the same.
func repeat(n int, call func() error) []func() error {
	calls := make([]func() error, n)
	for i := range calls {
		calls[i] = call
	}
	return calls
}

// oneSucceeds checks that one call succeeded and every other was refused.
func oneSucceeds(t *testing.T, errs []error, refusal error) {
	t.Helper()
	succeeded := 0
	for i, err := range errs {
		switch {
		case err == nil:
			succeeded++
		case !errors.Is(err, refusal):
			t.Errorf("call %d: error is %v, want %v", i, err, refusal)
		}
	}
	if succeeded != 1 {
		t.Errorf("%d of %d calls succeeded, want 1", succeeded, len(errs))
	}
}

// confirmed is what a directory that sees each change said of a person at noon.
func confirmed(subject string, edits ...func(*authserver.Confirmation)) authserver.Confirmation {
	c := authserver.Confirmation{Person: authserver.Person{ConfirmedAt: noon, Owner: authserver.Owner{
		Subject: subject, Source: "users", SourceID: "1001", Name: "bob", DisplayName: "Bob", Email: "bob@photos.example",
		Groups: []string{"family", "photo club"}, CredentialVersion: "first",
	}}}
	for _, edit := range edits {
		edit(&c)
	}
	return c
}
