// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// clockSlack is how long the revocation of a token is remembered after the token's end: by the clock of
// another replica the token may not have ended yet.
const clockSlack = time.Minute

// Revoke ends what a token of the caller stands for (RFC 7009): a grant with everything
// that came from it, or a single access token of the client credentials grant. Tokens
// of others, and unknown ones, are no error and have no effect.
func (s *Server) Revoke(ctx context.Context, caller Caller, token string) error {
	keys, err := s.currentKeys()
	if err != nil {
		return err
	}
	if t, err := keys.openRefresh(token); err == nil {
		return s.revokeOwn(ctx, caller, t.GrantID)
	}
	t, err := keys.openAccess(token)
	if err != nil {
		return nil // RFC 7009 §2.2: an invalid token is as good as revoked
	}
	return s.revokeAccess(ctx, caller, t, token)
}

// revokeAccess ends what an access token of the caller stands for. Name is what it is remembered by.
func (s *Server) revokeAccess(ctx context.Context, caller Caller, t accessToken, name string) error {
	if t.ClientUID == "" {
		return s.revokeOwn(ctx, caller, t.GrantID)
	}
	now, until := s.now(), t.ExpiresAt.Add(clockSlack)
	if t.ClientUID != caller.Client.UID || !now.Before(until) {
		return nil
	}
	err := s.store.Spend(ctx, revocationKey(name), now, until)
	if err != nil && !errors.Is(err, ErrExists) {
		return fmt.Errorf("revoke token: %w", err)
	}
	s.audit(ctx, Event{Name: EventTokenRevoked, ClientID: caller.Client.ID})
	return nil
}

// revokeOwn ends a grant if it is the caller's. RFC 7009 §2.1: one of another client is
// refused; without a hint that it exists.
func (s *Server) revokeOwn(ctx context.Context, caller Caller, id GrantID) error {
	g, found, err := s.grantOf(ctx, id)
	if err != nil {
		return err
	}
	if !found || g.ClientUID != caller.Client.UID {
		return nil
	}
	return s.revokeGrant(ctx, g, "revoked by the client")
}

// revokeGrant ends a grant with everything that came from it. It is the one way. Of several
// that end one grant, one writes the audit event.
func (s *Server) revokeGrant(ctx context.Context, g ownedGrant, reason string) error {
	_, err := s.endGrant(ctx, g, Event{Reason: reason})
	return err
}

// endGrant is revokeGrant with an event that says who did it and why. It reports whether it was this call that ended it.
func (s *Server) endGrant(ctx context.Context, g ownedGrant, e Event) (ended bool, err error) {
	ended, err = s.store.Revoke(ctx, g.ID, s.now())
	if err != nil {
		return false, fmt.Errorf("revoke grant: %w", err)
	}
	if !ended {
		return false, nil
	}
	e.Name, e.Owner, e.Grant = EventGrantRevoked, g.person.Name, g.ID.String()
	if client, ok := s.clients.ByUID(g.ClientUID); ok {
		e.ClientID = client.ID
	}
	s.audit(ctx, e)
	return true, nil
}
