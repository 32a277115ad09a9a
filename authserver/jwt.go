// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"encoding/base64"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// MaxJWTLifetime bounds how long a JWT access token is valid. An API that verifies it by the keys alone learns of no
// revocation, so this is how long one that was revoked may still be taken.
const MaxJWTLifetime = time.Hour

// JWT is what an access token says that an API reads and verifies by itself (RFC 9068 §2.2): before it is spelled, or
// after its signature was verified.
type JWT struct {
	// ID is the jti. It says, sealed, what the token hangs on: so nothing is stored for it.
	ID       string
	Audience string // the identifier of one API
	ClientID string
	Subject  string
	Scopes   []string
	IssuedAt time.Time
	// ExpiresAt is at most MaxJWTLifetime later.
	ExpiresAt time.Time
	// Authentication is what is known of the login; zero: nothing is.
	Authentication Authentication
	// Algorithm is what it is signed with. It is not read back.
	Algorithm credential.SigningAlgorithm
}

// takesJWTs reports whether access tokens for the API are JWTs.
func (r *ResourceServer) takesJWTs() bool { return r.JWTAlgorithm != "" && len(r.Identifiers) > 0 }

// maySignFor returns an error that wraps ErrUnavailable while a JWT for one of the client's APIs could not be signed: no
// code or refresh token is taken then.
func (s *Server) maySignFor(c *Client) error {
	if c.Profile != ProfileOAuth2 {
		return nil
	}
	for _, scope := range c.Scopes {
		if api, found := s.clients.ResourceServerOf(scope); found && api.takesJWTs() {
			if _, err := s.SigningKey(api.JWTAlgorithm); err != nil {
				return err
			}
		}
	}
	return nil
}

// expires returns until when an access token is valid that is issued now.
func (t target) expires(c *Client, now time.Time) time.Time {
	if t.audience != "" {
		end := now.Add(min(c.AccessTokenLifetime, MaxJWTLifetime))
		if !c.ExpiresAt.IsZero() && c.ExpiresAt.Before(end) { // an API that verifies it by itself asks nobody
			return c.ExpiresAt
		}
		return end
	}
	return now.Add(c.AccessTokenLifetime)
}

// issue makes the access token, or what is to be spelled as one.
func (k *Keys) issue(a accessToken, t target, c *Client, subject string) *Tokens {
	tokens := &Tokens{IssuedAt: a.IssuedAt, ExpiresAt: a.ExpiresAt, Scopes: t.scopes}
	if t.audience == "" {
		tokens.AccessToken = k.sealAccess(a)
		return tokens
	}
	tokens.JWT = &JWT{
		ID: k.sealJWTID(a), Audience: t.audience, ClientID: c.ID, Subject: subject, Scopes: t.scopes,
		IssuedAt: a.IssuedAt, ExpiresAt: a.ExpiresAt, Algorithm: t.api.JWTAlgorithm,
	}
	return tokens
}

// sealJWTID spells what a JWT hangs on. It is sealed for a purpose of its own: what an API reads in a JWT is no opaque
// access token, so it opens nothing elsewhere. Scopes stand in the JWT itself.
func (k *Keys) sealJWTID(a accessToken) string {
	a.Scopes = nil
	return base64.RawURLEncoding.EncodeToString(k.seal(forJWT, a.IssuedAt, a.appendTo(nil)))
}

func (k *Keys) openJWTID(id string) (accessToken, error) {
	if len(id) > MaxToken {
		return accessToken{}, errSeal
	}
	raw, ok := decode(id)
	if !ok {
		return accessToken{}, errSeal
	}
	b, err := k.open(forJWT, raw)
	if err != nil || len(b) < 9 {
		return accessToken{}, errSeal
	}
	return readAccess(b)
}

// openJWT returns what a JWT hangs on, with the scopes that it says.
func (s *Server) openJWT(j JWT) (accessToken, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return accessToken{}, err
	}
	t, err := keys.openJWTID(j.ID)
	t.Scopes = tagsOf(j.Scopes)
	return t, err
}

// IntrospectJWT is Introspect for a JWT access token whose signature was verified. A resource server learns
// about those that are for it.
func (s *Server) IntrospectJWT(ctx context.Context, caller Caller, j JWT) (TokenInfo, error) {
	if _, err := s.currentKeys(); err != nil {
		return TokenInfo{}, err
	}
	return s.tell(caller, func() (TokenInfo, error) {
		t, err := s.openJWT(j)
		if err != nil || caller.ResourceServer != nil && !slices.Contains(caller.ResourceServer.Identifiers, j.Audience) {
			return TokenInfo{}, nil // errSeal: it hangs on nothing that is known
		}
		info, err := s.inspectAccess(ctx, t, j.ID)
		if info.Active {
			info.Audiences = []string{j.Audience}
		}
		return info, err
	})
}

// RevokeJWT is Revoke for a JWT access token whose signature was verified. APIs that ask nobody take it until it expires.
func (s *Server) RevokeJWT(ctx context.Context, caller Caller, j JWT) error {
	if _, err := s.currentKeys(); err != nil {
		return err
	}
	t, err := s.openJWT(j)
	if err != nil {
		return nil // as Revoke
	}
	return s.revokeAccess(ctx, caller, t, j.ID)
}
