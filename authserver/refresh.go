// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A refresh token names a generation of its grant. These times are for those that name an older
// generation than the present one: see answerTo.
const (
	// repeatTime is how long an answer is repeated where nothing else ends that soon enough.
	repeatTime = 5 * time.Minute
	// overtakenTime is how long a request may be under way that a later one has overtaken.
	overtakenTime = 30 * time.Second
)

var errRefreshTokenUnknown = NewRefreshTokenError(GrantUnknown, "the refresh token is unknown, expired or revoked")

// tokenByRefresh moves a grant to its next generation, or repeats an answer that may have been lost.
// The statement that moves the grant decides alone whether it may move: no read comes before it.
// Entitlement and scope are checked after it, so a refusal may leave the grant in its next
// generation. The client has lost nothing then: its token gets the same successor later.
func (s *Server) tokenByRefresh(ctx context.Context, caller Caller, r TokenRequest) (*Tokens, error) {
	client := caller.Client
	t, err := s.openRefreshToken(r.RefreshToken)
	if err != nil {
		return nil, err
	}
	if client.repeatsForATime() {
		if err := s.checkBeforeMove(ctx, client, t, r); err != nil {
			return nil, err
		}
	}
	g, event, err := s.moveOrRepeat(ctx, client, t)
	if err != nil {
		return nil, err
	}
	s.uses.note(client.UID, caller.usedAs(), s.now())
	aimed, err := s.allowRefresh(ctx, g, client, r)
	if err != nil {
		return nil, err
	}
	s.audit(ctx, Event{Name: event, ClientID: client.ID, Owner: g.person.Name, Grant: g.ID.String(), Scopes: aimed.scopes})
	return s.tokensOf(ctx, g, client, aimed)
}

func (s *Server) openRefreshToken(token string) (refreshToken, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return refreshToken{}, err
	}
	t, err := keys.openRefresh(token)
	if err != nil {
		return refreshToken{}, errRefreshTokenUnknown
	}
	return t, nil
}

// checkBeforeMove refuses what would be refused after the grant has moved. It is asked where an answer
// is repeated for a time only: a refusal, or an API server that does not answer, must not begin that time.
func (s *Server) checkBeforeMove(ctx context.Context, c *Client, t refreshToken, r TokenRequest) error {
	g, found, err := s.grantOf(ctx, t.GrantID)
	if err != nil {
		return err
	}
	if !found || g.ClientUID != c.UID || g.Generation != t.Generation || !isLive(g.Grant, s.now()) {
		return nil // it does not move
	}
	_, err = s.allowRefresh(ctx, g, c, r)
	return err
}

// moveOrRepeat returns the grant in the generation whose refresh token the client gets, and which of
// the two it was.
func (s *Server) moveOrRepeat(ctx context.Context, c *Client, t refreshToken) (ownedGrant, EventName, error) {
	if c.mayRefresh(t.Generation) {
		g, owner, err := s.store.Rotate(ctx, Rotation{GrantID: t.GrantID, ClientUID: c.UID, Profile: c.Profile, Generation: t.Generation}, s.now())
		if err == nil {
			return ownedGrant{g, owner}, EventTokenRefreshed, nil
		}
		if !errors.Is(err, ErrStale) {
			return ownedGrant{}, "", fmt.Errorf("rotate grant: %w", err)
		}
	}
	g, err := s.repeat(ctx, c, t)
	return g, EventRefreshRepeated, err
}

// repeat returns the grant in the generation that the token was exchanged for before. A token that is
// too old for that is in the hands of two parties: the grant is revoked (RFC 9700 §4.14.2).
func (s *Server) repeat(ctx context.Context, c *Client, t refreshToken) (ownedGrant, error) {
	newest, err := s.store.Grant(ctx, t.GrantID)
	if errors.Is(err, ErrNotFound) {
		return ownedGrant{}, errRefreshTokenUnknown
	}
	if err != nil {
		return ownedGrant{}, fmt.Errorf("read grant: %w", err)
	}
	if newest.ClientUID != c.UID || newest.Profile != c.Profile || !isLive(newest, s.now()) {
		return ownedGrant{}, errRefreshTokenUnknown
	}
	g, answer := answerTo(newest, t.Generation, c, s.now())
	switch answer {
	case answerAgain:
		return s.withPerson(ctx, g)
	case answerUsedUp:
		return ownedGrant{}, NewRefreshTokenError(GrantExpired, "the grant was refreshed as often as it may be")
	case answerTooLate:
		return ownedGrant{}, NewRefreshTokenError(GrantExpired, "the answer to this refresh token is not repeated any more; the newer refresh token is valid")
	case answerReused:
		owned, err := s.withPerson(ctx, newest)
		if err != nil {
			return ownedGrant{}, err
		}
		return ownedGrant{}, s.revokeReused(ctx, EventRefreshReused, owned, c)
	default:
		// answerNext cannot be: a grant of the token's generation that is live has just not moved.
		return ownedGrant{}, errRefreshTokenUnknown
	}
}

// refreshAnswer is what a refresh token is worth.
type refreshAnswer int

const (
	// answerUnknown: the generation was never reached, because the store was set back. Nobody knows
	// who holds what, so the token is refused and the grant stays as it is.
	answerUnknown refreshAnswer = iota
	answerNext                  // the grant moves
	answerAgain                 // the answer is repeated
	answerUsedUp                // the client's limit of refreshes is reached
	answerTooLate               // the answer is not repeated any more, and nobody has used it
	answerReused                // two parties have the token
)

// answerTo returns what a token of the generation is worth, and the grant in the generation whose token
// its holder gets where the answer is repeated. Newest is the grant as the store has it: nobody has used
// its generation yet, or there would be a newer one.
//
//   - The generation before gets the newest again, until that is used. Where a thief needs the refresh
//     token alone (Public clients), or refreshes are limited, for repeatTime.
//   - The one before that gets its own successor again, for overtakenTime: of two requests with one token
//     the later one was answered and its answer used before the earlier one arrived.
//   - Everything older was used twice.
//
// A clock that was set back makes these times longer, and never ends a grant.
func answerTo(newest Grant, generation uint32, c *Client, now time.Time) (Grant, refreshAnswer) {
	if generation > newest.Generation {
		return Grant{}, answerUnknown
	}
	usedUp := !c.mayRefresh(newest.Generation)
	switch newest.Generation - generation {
	case 0:
		if usedUp {
			return Grant{}, answerUsedUp
		}
		return Grant{}, answerNext
	case 1:
		if !c.repeatsForATime() || now.Sub(newest.RotatedAt) <= repeatTime {
			return newest, answerAgain
		}
		if usedUp { // a client that was given no newer token sends the last one it has
			return Grant{}, answerUsedUp
		}
		if !c.Public {
			return Grant{}, answerTooLate
		}
	case 2:
		if now.Sub(newest.PreviousRotatedAt) <= overtakenTime {
			before := newest
			before.Generation, before.RotatedAt = newest.Generation-1, newest.PreviousRotatedAt
			return before, answerAgain
		}
	}
	return Grant{}, answerReused
}

// allowRefresh returns what the client gets a token for, if the owner may still use it.
func (s *Server) allowRefresh(ctx context.Context, g ownedGrant, c *Client, r TokenRequest) (target, error) {
	if !c.acceptsGrantFrom(g.ApprovedAt) || !c.stillRefreshes(g.Grant) {
		return target{}, errRefreshTokenUnknown
	}
	// RFC 6749 §6: the scope may shrink, never grow. Scopes the client lost are gone.
	t, refusal := s.targetOf(g.Grant, c, r)
	if refusal != nil {
		return target{}, refusal
	}
	entitled, err := s.stillEntitled(ctx, g, c, refreshStale)
	if err != nil {
		return target{}, err
	}
	if !entitled {
		return target{}, NewRefreshTokenError(GrantNotEntitled, noLongerEntitled)
	}
	return t, nil
}

// mayRefresh reports whether a grant to the client may leave the generation by a refresh. The
// generation is the count: it is 1 before the first refresh.
func (c *Client) mayRefresh(generation uint32) bool {
	return c.May(GrantRefreshToken) && (c.RefreshLimit == nil || int64(generation) <= int64(*c.RefreshLimit))
}

// repeatsForATime reports whether an answer is repeated for repeatTime only, and not until its
// generation is used: where a thief needs the refresh token alone, and where refreshes are limited,
// because a repeat is not counted.
func (c *Client) repeatsForATime() bool { return c.Public || c.RefreshLimit != nil }

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
