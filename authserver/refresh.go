// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// refreshGrace is how long the generation just replaced still gets its successor: an
// answer that was lost on the way costs nothing, and parallel requests agree.
const refreshGrace = 30 * time.Second

// tokenByRefresh moves a grant to its next generation. A generation before the one just
// replaced, or that one after the grace, means that two parties hold the token: the
// grant is revoked (RFC 9700 §4.14.2).
func (s *Server) tokenByRefresh(ctx context.Context, caller Caller, r TokenRequest) (*Tokens, error) {
	g, generation, err := s.grantOfRefreshToken(ctx, caller.Client, r.RefreshToken)
	if err != nil {
		return nil, err
	}
	// RFC 6749 §6: the scope may shrink, never grow. Scopes the client lost are gone.
	scopes, refusal := restrictScopes(grantedScopes(g.Grant, caller.Client), r.Scopes)
	if refusal != nil {
		return nil, refusal
	}
	entitled, err := s.stillEntitled(ctx, g, caller.Client, refreshStale)
	if err != nil {
		return nil, err
	}
	if !entitled {
		return nil, NewRefreshTokenError(GrantNotEntitled, noLongerEntitled)
	}
	if g, err = s.rotate(ctx, g, generation, caller.Client); err != nil {
		return nil, err
	}
	s.audit(ctx, Event{Name: EventTokenRefreshed, ClientID: caller.Client.ID, Owner: g.person.Name, Grant: g.ID.String(), Scopes: scopes})
	return s.tokensOf(g.Grant, caller.Client, scopes)
}

// grantOfRefreshToken returns the live grant of a refresh token of this client, and the
// generation the token names.
func (s *Server) grantOfRefreshToken(ctx context.Context, c *Client, token string) (ownedGrant, uint32, error) {
	unknown := NewRefreshTokenError(GrantUnknown, "the refresh token is unknown, expired or revoked")
	keys, err := s.currentKeys()
	if err != nil {
		return ownedGrant{}, 0, err
	}
	t, err := keys.openRefresh(token)
	if err != nil {
		return ownedGrant{}, 0, unknown
	}
	g, found, err := s.grantOf(ctx, t.GrantID)
	if err != nil {
		return ownedGrant{}, 0, err
	}
	if !found || g.ClientUID != c.UID || !isLive(g.Grant, s.now()) || !c.acceptsGrantFrom(g.ApprovedAt) {
		return ownedGrant{}, 0, unknown
	}
	return g, t.Generation, nil
}

// rotate returns the grant in the generation whose refresh token the client gets.
func (s *Server) rotate(ctx context.Context, g ownedGrant, generation uint32, c *Client) (ownedGrant, error) {
	if generation == g.Generation {
		if !refreshable(g.Grant, c) {
			return ownedGrant{}, NewRefreshTokenError(GrantExpired, "the grant was refreshed as often as it may be")
		}
		next, err := s.store.Rotate(ctx, g.ID, generation, s.now())
		if !errors.Is(err, ErrStale) {
			return ownedGrant{next, g.person}, wrap("rotate grant", err)
		}
		var found bool
		if g, found, err = s.grantOf(ctx, g.ID); err != nil {
			return ownedGrant{}, err
		}
		if !found || !isLive(g.Grant, s.now()) {
			return ownedGrant{}, NewRefreshTokenError(GrantUnknown, "the refresh token is unknown, expired or revoked")
		}
	}
	switch {
	case generation+1 == g.Generation && s.now().Sub(g.RotatedAt) <= refreshGrace:
		return g, nil
	case generation < g.Generation:
		return ownedGrant{}, s.revokeReused(ctx, EventRefreshReused, g, c)
	default:
		// A generation that was never reached: the store was set back. Nothing is known
		// about who holds what, so the token is not honoured and the grant is left alone.
		return ownedGrant{}, NewRefreshTokenError(GrantUnknown, "the refresh token is unknown, expired or revoked")
	}
}

// refreshable reports whether the grant may be refreshed once more. The generation is the count:
// it is 1 before the first refresh.
func refreshable(g Grant, c *Client) bool {
	return c.May(GrantRefreshToken) && (c.RefreshLimit == nil || int64(g.Generation) <= int64(*c.RefreshLimit))
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
