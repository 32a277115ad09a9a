// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// rounds is how often a race is run: what goes wrong goes wrong now and then.
const rounds = 25

var races = []check{
	{"of fifty redemptions one succeeds", func(t *testing.T, s authserver.Store) {
		g := approve(t, s)
		oneSucceeds(t, together(repeat(50, func() error {
			_, err := s.Redeem(t.Context(), g.Proof.Hash, noon)
			return err
		})...), authserver.ErrNotFound)
	}},
	{"N27: of sixteen and of fifty refreshes one succeeds", func(t *testing.T, s authserver.Store) {
		for _, n := range []int{16, 50} {
			g := approveAndRedeem(t, s)
			oneSucceeds(t, together(repeat(n, func() error {
				_, _, err := s.Rotate(t.Context(), rotation(g, 1), noon.Add(time.Second))
				return err
			})...), authserver.ErrStale)
			g.Generation, g.PreviousRotatedAt, g.RotatedAt = 2, g.RotatedAt, noon.Add(time.Second)
			same(t, "grant", kept(t, s, g.ID), g)
		}
	}},
	{"N29: a refresh by another client beside it takes nothing from the client", func(t *testing.T, s authserver.Store) {
		for range rounds {
			g := approveAndRedeem(t, s)
			errs := together(
				func() error { _, _, err := s.Rotate(t.Context(), rotation(g, 1), noon); return err },
				func() error {
					_, _, err := s.Rotate(t.Context(), rotation(g, 1, func(r *authserver.Rotation) { r.ClientUID = photoAlbum }), noon)
					return err
				},
			)
			succeed(t, "Rotate", errs[0])
			failWith(t, "Rotate by another client", errs[1], authserver.ErrStale)
			same(t, "generation", kept(t, s, g.ID).Generation, uint32(2))
		}
	}},
	{"of twenty approvals of one ID one succeeds", func(t *testing.T, s authserver.Store) {
		id := newGrant().ID
		oneSucceeds(t, together(repeat(20, func() error {
			return s.Approve(t.Context(), newGrant(func(g *authserver.Grant) { g.ID = id }), nil)
		})...), authserver.ErrExists)
		same(t, "live grants", live(t, s, bob, noon), []authserver.GrantID{id})
	}},
	{"of twenty who spend a key one succeeds, and again when its time has come", func(t *testing.T, s authserver.Store) {
		key := newHash()
		for i := range time.Duration(3) {
			now := noon.Add(i * time.Minute)
			oneSucceeds(t, together(repeat(20, func() error {
				return s.Spend(t.Context(), key, now, now.Add(time.Minute))
			})...), authserver.ErrExists)
		}
	}},
	{"sixty approvals leave as many live grants as are allowed", func(t *testing.T, s authserver.Store) {
		for i, err := range together(repeat(authserver.MaxGrants+10, func() error { return s.Approve(t.Context(), newGrant(), nil) })...) {
			if err != nil {
				t.Errorf("approval %d: %v", i, err)
			}
		}
		if got := len(live(t, s, bob, noon)); got != authserver.MaxGrants {
			t.Errorf("%d grants are live, want %d", got, authserver.MaxGrants)
		}
	}},
	{"a grant is dead once its revocation and its redemption have returned", func(t *testing.T, s authserver.Store) {
		for range rounds {
			g := approve(t, s)
			errs := together(
				func() error { return revoked(s.Revoke(t.Context(), g.ID, noon)) },
				func() error { _, err := s.Redeem(t.Context(), g.Proof.Hash, noon); return err },
			)
			succeed(t, "Revoke", errs[0])
			dead(t, s, g.ID, errs[1], authserver.ErrNotFound)
		}
	}},
	{"a grant is dead once its revocation and its refresh have returned", func(t *testing.T, s authserver.Store) {
		for range rounds {
			g := approveAndRedeem(t, s)
			errs := together(
				func() error { return revoked(s.Revoke(t.Context(), g.ID, noon)) },
				func() error { _, _, err := s.Rotate(t.Context(), rotation(g, 1), noon); return err },
			)
			succeed(t, "Revoke", errs[0])
			dead(t, s, g.ID, errs[1], authserver.ErrStale)
		}
	}},
	{"forgetting and approving leave consent and grant together or neither", func(t *testing.T, s authserver.Store) {
		for range rounds {
			g := newGrant()
			c := authserver.Consent{Owner: bob, ClientUID: photoPrint, GivenAt: noon}
			errs := together(
				func() error { return s.Forget(t.Context(), bob, photoPrint, noon) },
				func() error { return s.Approve(t.Context(), g, &c) },
			)
			succeed(t, "Forget", errs[0])
			succeed(t, "Approve", errs[1])
			_, err := s.Consent(t.Context(), bob, photoPrint)
			consented, alive := err == nil, kept(t, s, g.ID).RevokedAt.IsZero()
			if consented != alive {
				t.Errorf("consent kept: %t, grant live: %t", consented, alive)
			}
		}
	}},
	{"a sweep never takes a grant that is being redeemed", func(t *testing.T, s authserver.Store) {
		for range rounds {
			g := approve(t, s)
			errs := together(
				func() error {
					_, err := s.Sweep(t.Context(), g.Proof.ExpiresAt.Add(authserver.ProofMemory), 10)
					return err
				},
				func() error { _, err := s.Redeem(t.Context(), g.Proof.Hash, noon); return err },
			)
			succeed(t, "Sweep", errs[0])
			_, err := s.Grant(t.Context(), g.ID)
			if redeemed, there := errs[1] == nil, err == nil; redeemed != there {
				t.Errorf("redeemed: %t (%v), still there: %t (%v)", redeemed, errs[1], there, err)
			}
		}
	}},
	{"a write that was answered is seen by every later read", func(t *testing.T, s authserver.Store) {
		for i, err := range together(repeat(40, func() error { return readBack(t.Context(), s) })...) {
			if err != nil {
				t.Errorf("caller %d: %v", i, err)
			}
		}
	}},
}

// dead checks that the grant is revoked; the call that raced with the revocation may
// have been first, or refused.
func dead(t *testing.T, s authserver.Store, id authserver.GrantID, raced, refusal error) {
	t.Helper()
	if raced != nil && !errors.Is(raced, refusal) {
		t.Errorf("the call beside the revocation: %v", raced)
	}
	if kept(t, s, id).RevokedAt.IsZero() {
		t.Error("the grant is not revoked")
	}
	same(t, "live grants", live(t, s, bob, noon), []authserver.GrantID{})
}

// readBack walks a grant through its life and reads after each write.
func readBack(ctx context.Context, s authserver.Store) error {
	g := newGrant(by(newGrant().ID.String()))
	for want, write := range []func() error{
		func() error { return s.Approve(ctx, g, nil) },
		func() error { _, err := s.Redeem(ctx, g.Proof.Hash, noon); return err },
		func() error { _, _, err := s.Rotate(ctx, rotation(g, 1), noon); return err },
		func() error { _, _, err := s.Rotate(ctx, rotation(g, 2), noon); return err },
	} {
		if err := write(); err != nil {
			return err
		}
		got, err := s.Grant(ctx, g.ID)
		if err != nil {
			return err
		}
		if got.Generation != uint32(want) {
			return errors.New("a read after the write saw the generation before it")
		}
	}
	return nil
}

var contexts = []check{
	{"a call under a context that has ended fails as unavailable", func(t *testing.T, s authserver.Store) {
		g := approve(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for name, call := range map[string]func() error{
			"CreateSession":  func() error { return s.CreateSession(ctx, authserver.Session{Hash: newHash()}, confirmed(bob)) },
			"Session":        func() error { _, _, err := s.Session(ctx, newHash()); return err },
			"SessionsOf":     func() error { _, err := s.SessionsOf(ctx, bob, noon); return err },
			"DeleteSession":  func() error { return s.DeleteSession(ctx, bob, newHash()) },
			"DeleteSessions": func() error { return s.DeleteSessions(ctx, bob, newHash()) },
			"ClaimLogouts":   func() error { _, err := s.ClaimLogouts(ctx, noon, noon, nil, 1); return err },
			"PostponeLogout": func() error { return s.PostponeLogout(ctx, authserver.DueLogout{LeasedUntil: noon}, noon) },
			"FinishLogout":   func() error { return s.FinishLogout(ctx, newHash()) },
			"ConfirmPeople":  func() error { return s.ConfirmPeople(ctx, []authserver.Confirmation{confirmed(bob)}) },
			"Person":         func() error { _, err := s.Person(ctx, bob); return err },
			"People":         func() error { _, err := s.People(ctx, "", 1); return err },
			"Factors":        func() error { _, err := s.Factors(ctx, bob); return err },
			"Factor":         func() error { _, err := s.Factor(ctx, newHash()); return err },
			"ChangeFactors":  func() error { _, err := s.ChangeFactors(ctx, bob, nil, []authserver.Factor{factor(noon)}); return err },
			"UseFactor":      func() error { return s.UseFactor(ctx, bob, newHash(), 1, noon) },
			"Approve":        func() error { return s.Approve(ctx, newGrant(), nil) },
			"GrantByProof":   func() error { _, err := s.GrantByProof(ctx, g.Proof.Hash); return err },
			"Redeem":         func() error { _, err := s.Redeem(ctx, g.Proof.Hash, noon); return err },
			"Grant":          func() error { _, err := s.Grant(ctx, g.ID); return err },
			"OwnedGrant":     func() error { _, _, err := s.OwnedGrant(ctx, g.ID); return err },
			"Rotate":         func() error { _, _, err := s.Rotate(ctx, rotation(g, 1), noon); return err },
			"Revoke":         func() error { return revoked(s.Revoke(ctx, g.ID, noon)) },
			"GrantsOf":       func() error { _, err := s.GrantsOf(ctx, bob, noon); return err },
			"ConsentsOf":     func() error { _, err := s.ConsentsOf(ctx, bob); return err },
			"Consent":        func() error { _, err := s.Consent(ctx, bob, photoPrint); return err },
			"Forget":         func() error { return s.Forget(ctx, bob, photoPrint, noon) },
			"Spend":          func() error { return s.Spend(ctx, newHash(), noon, noon.Add(tick)) },
			"Spent":          func() error { _, err := s.Spent(ctx, newHash(), noon); return err },
			"KeptClients":    func() error { _, err := s.KeptClients(ctx, "", 1); return err },
			"NoteClients":    func() error { return s.NoteClients(ctx, nil, []string{photoPrint}, noon) },
			"Sweep":          func() error { _, err := s.Sweep(ctx, noon, 1); return err },
			"Ping":           func() error { return s.Ping(ctx) },
		} {
			failWith(t, name, call(), authserver.ErrUnavailable)
		}
		same(t, "grant", kept(t, s, g.ID), g)
	}},
}
