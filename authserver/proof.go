// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

// maxProof bounds what is hashed; a request token and its verifier are the longest proof.
const maxProof = 2 * MaxToken

// redeem exchanges a proof for its grant, once. What binds the proof is checked before
// it is taken, so that somebody else who got hold of one cannot burn it for its client. So is what the
// request asks for. RFC 6749 has no scope here: who sends one asks for some of what was approved.
func (s *Server) redeem(ctx context.Context, c *Client, r TokenRequest) (ownedGrant, error) {
	if r.Proof == "" || len(r.Proof) > maxProof {
		return ownedGrant{}, NewGrantError(GrantUnknown, "the code is unknown or expired")
	}
	if r.Callback != "" && !c.HasCallback(r.Callback) {
		return ownedGrant{}, wrongCallback()
	}
	hash := Hash(sha256.Sum256([]byte(r.Proof)))
	g, err := s.store.GrantByProof(ctx, hash)
	if errors.Is(err, ErrNotFound) {
		return ownedGrant{}, NewGrantError(GrantUnknown, "the code is unknown or expired")
	}
	if err != nil {
		return ownedGrant{}, fmt.Errorf("read proof: %w", err)
	}
	if refusal := checkBinding(g, c, r); refusal != nil {
		return ownedGrant{}, refusal
	}
	if _, refusal := s.targetOf(g, c, r); refusal != nil {
		return ownedGrant{}, refusal
	}
	owned, err := s.withPerson(ctx, g)
	if err != nil {
		return ownedGrant{}, err
	}
	if g.Generation > 0 {
		return ownedGrant{}, s.revokeReused(ctx, EventProofReused, owned, c)
	}
	now := s.now()
	if !now.Before(g.Proof.ExpiresAt) || !isLive(g, now) || !c.acceptsGrantFrom(g.ApprovedAt) {
		return ownedGrant{}, NewGrantError(GrantExpired, "the code is unknown or expired")
	}
	entitled, err := s.stillEntitled(ctx, owned, c, 0)
	if err != nil {
		return ownedGrant{}, err
	}
	if !entitled {
		return ownedGrant{}, NewGrantError(GrantNotEntitled, noLongerEntitled)
	}
	taken, err := s.store.Redeem(ctx, hash, now)
	if errors.Is(err, ErrNotFound) {
		return ownedGrant{}, s.explainLostRedemption(ctx, owned, c)
	}
	if err != nil {
		return ownedGrant{}, fmt.Errorf("redeem proof: %w", err)
	}
	s.audit(ctx, Event{Name: EventProofRedeemed, ClientID: c.ID, Owner: owned.person.Name, Grant: taken.ID.String(), Scopes: taken.Scopes})
	return ownedGrant{taken, owned.person}, nil
}

// checkBinding checks all that ties a proof to the one who brings it: the client, the callback
// (RFC 6749 §4.1.3) and the code verifier (RFC 7636 §4.6). Clients of OAuth 2.1 leave the callback out
// (§10.2 there): the code verifier ties the proof to them then.
func checkBinding(g Grant, c *Client, r TokenRequest) error {
	if g.ClientUID != c.UID {
		return NewGrantError(GrantUnknown, "the code is unknown or expired")
	}
	if r.Callback == "" && g.Proof.Callback != "" && g.Proof.CodeChallenge == "" {
		return NewGrantError(GrantWrongCallback, "redirect_uri is missing: the authorization request had one, and no code_challenge")
	}
	if r.Callback != "" && r.Callback != g.Proof.Callback {
		return wrongCallback()
	}
	if !matchesChallenge(r.CodeVerifier, g.Proof.CodeChallenge) {
		return NewGrantError(GrantWrongVerifier, "code_verifier does not fit the code_challenge")
	}
	return nil
}

func wrongCallback() error {
	return NewGrantError(GrantWrongCallback, "redirect_uri differs from the authorization request's")
}

// matchesChallenge compares with the S256 challenge (RFC 7636 §4.6). Without a challenge
// there must be no verifier either: a request that lost its challenge on the way is an
// attack (RFC 9700 §4.8.2).
func matchesChallenge(verifier, challenge string) bool {
	if challenge == "" {
		return verifier == ""
	}
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	got := base64.RawURLEncoding.EncodeToString(sum[:])
	return subtle.ConstantTimeCompare([]byte(got), []byte(challenge)) == 1
}

// withPerson returns the grant with the row of its owner. Without a row it is the zero Person, who may nothing.
func (s *Server) withPerson(ctx context.Context, g Grant) (ownedGrant, error) {
	p, err := s.store.Person(ctx, g.Owner)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return ownedGrant{}, fmt.Errorf("read the owner of a grant: %w", err)
	}
	return ownedGrant{g, p}, nil
}

// explainLostRedemption tells why a proof that was there could not be taken: another request took it
// first, or it ended in between.
func (s *Server) explainLostRedemption(ctx context.Context, before ownedGrant, c *Client) error {
	g, err := s.store.GrantByProof(ctx, before.Proof.Hash)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("read proof again: %w", err)
	}
	if err == nil && g.Generation > 0 {
		return s.revokeReused(ctx, EventProofReused, ownedGrant{g, before.person}, c)
	}
	return NewGrantError(GrantUnknown, "the code is unknown or expired")
}

// revokeReused ends a grant because something of it was used twice: two parties have it
// (RFC 6749 §4.1.2, RFC 9700 §4.14.2). Of any number of replays one ends it: the others find it ended and write nothing.
func (s *Server) revokeReused(ctx context.Context, what EventName, g ownedGrant, c *Client) error {
	s.audit(ctx, Event{Name: what, ClientID: c.ID, Owner: g.person.Name, Grant: g.ID.String()})
	// One that is over by this clock is revoked too: by the clock of another replica it may not be.
	if g.RevokedAt.IsZero() {
		if err := s.revokeGrant(ctx, g, "used twice"); err != nil {
			return err
		}
	}
	if what == EventRefreshReused {
		return NewRefreshTokenError(GrantUsedBefore, "the refresh token was used before; the grant is revoked")
	}
	return NewGrantError(GrantUsedBefore, "the code was used before; the grant is revoked")
}

// stillEntitled reports whether the owner is still in the directory and may still use the client.
// The grant stays: entitlement may come back before it ends.
func (s *Server) stillEntitled(ctx context.Context, g ownedGrant, c *Client, stale time.Duration) (bool, error) {
	if why := g.person.absence(s.now()); why != "" {
		s.audit(ctx, Event{Name: EventEntitlementRefused, ClientID: c.ID, Owner: g.person.Name, Grant: g.ID.String(), Reason: why})
		return false, nil
	}
	return s.mayUse(ctx, g.person.Owner, c, stale)
}

const noLongerEntitled = "the owner may not use this client any more"
