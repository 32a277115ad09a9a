// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// TokenInfo is what a token is worth now. The zero value is an inactive token, about
// which nothing is said (RFC 7662 §2.2).
type TokenInfo struct {
	Active    bool
	Refresh   bool // it is a refresh token
	Client    *Client
	Owner     Owner // Subject, Name and Groups; the zero Owner for client credentials
	Scopes    []string
	IssuedAt  time.Time // zero for refresh tokens
	ExpiresAt time.Time
	// Audiences are the identifiers of the API that the token is for, as far as the one who asks has to know.
	Audiences []string
}

// Introspect tells an authenticated caller what a token is worth. A client learns about its own
// tokens, and a resource server about access tokens with scopes it owns, of which it sees only
// those. Everybody else learns that the token is inactive.
func (s *Server) Introspect(ctx context.Context, caller Caller, token string) (TokenInfo, error) {
	return s.tell(caller, func() (TokenInfo, error) { return s.inspect(ctx, token) })
}

// tell returns what a caller may know of what inspect finds.
func (s *Server) tell(caller Caller, inspect func() (TokenInfo, error)) (TokenInfo, error) {
	if caller.CredentialID == "" {
		return TokenInfo{}, Refuse(InvalidClient, "client authentication is required")
	}
	info, err := inspect()
	switch {
	case err != nil || !info.Active:
		return TokenInfo{}, err
	case caller.Client != nil && info.Client.UID == caller.Client.UID:
		keys, err := s.currentKeys()
		if err != nil {
			return TokenInfo{}, err
		}
		return info.seenByClient(keys), nil
	case caller.ResourceServer != nil && !info.Refresh:
		return info.seenBy(caller.ResourceServer), nil
	default:
		return TokenInfo{}, nil
	}
}

// seenBy returns what a resource server sees of a token: the scopes it owns, or nothing.
func (t TokenInfo) seenBy(r *ResourceServer) TokenInfo {
	t.Scopes = intersect(t.Scopes, r.OwnedScopes)
	if len(t.Scopes) == 0 {
		return TokenInfo{}
	}
	if len(t.Audiences) == 0 { // an opaque one: its scopes say which APIs it is for
		t.Audiences = r.Identifiers
	}
	return t
}

// inspect returns what the token is worth to somebody who may know everything.
func (s *Server) inspect(ctx context.Context, token string) (TokenInfo, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return TokenInfo{}, err
	}
	if t, err := keys.openAccess(token); err == nil {
		if t.Signed { // worth something only with a signature
			return TokenInfo{}, nil
		}
		return s.inspectAccess(ctx, t, token)
	}
	if t, err := keys.openRefresh(token); err == nil {
		return s.inspectRefresh(ctx, t)
	}
	return TokenInfo{}, nil
}

func (s *Server) inspectAccess(ctx context.Context, t accessToken, token string) (TokenInfo, error) {
	if !s.now().Before(t.ExpiresAt) {
		return TokenInfo{}, nil
	}
	if t.ClientUID != "" {
		return s.inspectCredential(ctx, t, token)
	}
	info, err := s.inspectGrant(ctx, t.GrantID)
	if err != nil || !info.Active {
		return TokenInfo{}, err
	}
	info.Scopes = tagged(info.Scopes, t.Scopes)
	info.IssuedAt, info.ExpiresAt = t.IssuedAt, t.ExpiresAt
	return info, nil
}

// inspectCredential is about a token of the client credentials grant: it dies with its
// client, with its credential, and by revocation.
func (s *Server) inspectCredential(ctx context.Context, t accessToken, token string) (TokenInfo, error) {
	client, ok := s.clients.ByUID(t.ClientUID)
	if !ok || !client.served() || !client.acceptsGrantFrom(t.IssuedAt) || !client.May(GrantClientCredentials) {
		return TokenInfo{}, nil
	}
	accepted, err := s.acceptsCredential(ctx, client, t.CredentialID)
	if err != nil || !accepted {
		return TokenInfo{}, err
	}
	spent, err := s.store.Spent(ctx, revocationKey(token), s.now())
	if err != nil {
		return TokenInfo{}, wrap("read revocation", err)
	}
	if spent {
		return TokenInfo{}, nil
	}
	s.uses.note(client.UID, "", s.now())
	return TokenInfo{
		Active: true, Client: client, Scopes: tagged(client.ScopesWithoutOwner, t.Scopes),
		IssuedAt: t.IssuedAt, ExpiresAt: t.ExpiresAt,
	}, nil
}

// inspectGrant returns what a grant is worth: its scopes as far as its client still has
// them, and its end. A grant is worth nothing while its owner is gone or may not use the client. Of
// that the audit log learns at the next refresh or login, not at each introspection.
func (s *Server) inspectGrant(ctx context.Context, id GrantID) (TokenInfo, error) {
	g, found, err := s.grantOf(ctx, id)
	now := s.now()
	if err != nil || !found || g.Generation == 0 || !isLive(g.Grant, now) || g.person.absence(now) != "" {
		return TokenInfo{}, err
	}
	client, ok := s.clients.ByUID(g.ClientUID)
	if !ok || !client.served() || !client.acceptsGrantFrom(g.ApprovedAt) {
		return TokenInfo{}, nil
	}
	entitled, err := s.entitled(ctx, g.person.Owner, client, refreshStale)
	if err != nil || !entitled {
		return TokenInfo{}, err
	}
	s.uses.note(client.UID, "", now)
	return TokenInfo{
		Active: true, Client: client, Owner: g.person.Owner, ExpiresAt: g.EndsAt,
		Scopes: grantedScopes(g.Grant, client),
	}, nil
}

// inspectRefresh is about a refresh token: it is active as long as a refresh with it
// would be answered.
func (s *Server) inspectRefresh(ctx context.Context, t refreshToken) (TokenInfo, error) {
	info, err := s.inspectGrant(ctx, t.GrantID)
	if err != nil || !info.Active || !info.Client.May(GrantRefreshToken) {
		return TokenInfo{}, err
	}
	g, err := s.store.Grant(ctx, t.GrantID)
	if errors.Is(err, ErrNotFound) {
		return TokenInfo{}, nil
	}
	if err != nil {
		return TokenInfo{}, fmt.Errorf("read grant: %w", err)
	}
	_, answer := answerTo(g, t.Generation, info.Client, s.now())
	if g.Profile != info.Client.Profile || !info.Client.stillRefreshes(g) || answer != answerNext && answer != answerAgain {
		return TokenInfo{}, nil
	}
	info.Refresh = true
	return info, nil
}

// acceptsCredential reports whether tokens of a credential of the client are worth something now: a client secret, or what an
// assertion was bound to.
func (s *Server) acceptsCredential(ctx context.Context, c *Client, credentialID string) (bool, error) {
	if c.Assertions != nil {
		return s.stillProves(ctx, c, credentialID)
	}
	return c.accepts(credentialID, s.now()), nil
}

// accepts reports whether the credential is one of the client's at now.
func (c *Client) accepts(credentialID string, now time.Time) bool {
	for _, cred := range c.Credentials {
		if cred.ID == credentialID {
			return cred.validAt(now)
		}
	}
	return false
}

// revocationKey marks a revoked access token that hangs on no grant.
func revocationKey(token string) Hash {
	return sha256.Sum256([]byte("revoked token " + token))
}
