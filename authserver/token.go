// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ClientSecret is how a client says who it is at the back-channel endpoints.
type ClientSecret struct {
	// ID may be empty where there is an assertion, which says it too.
	ID     string
	Secret string
	// Assertion is a JWT in place of a secret (RFC 7523 §2.2); empty: there is none.
	Assertion string
	// None is set when the request brought no secret at all (RFC 7591 §2: none).
	None bool
	// Place is where the request carries what must stay secret: the client secret, a code, a
	// refresh token.
	Place SecretPlace
}

// SecretPlace is where a request carries secrets. Where OAuth 1.0a carries its parameters is oauth1.Place, which
// oauth1.Request.SecretPlace turns into one of these.
type SecretPlace int

// The places. The second and third are only for clients that may use them for a time.
const (
	SecretInBody   SecretPlace = iota // where secrets belong, or in HTTP Basic
	SecretInURL                       // RFC 6749 §2.3.1, RFC 9700 §4.3: where they end up in logs and histories
	SecretInHeader                    // in a header that nothing on the way knows to hold a secret
)

// Caller is who has proven who it is, and with which credential.
type Caller struct {
	Client         *Client         // nil: it is a resource server
	ResourceServer *ResourceServer // nil: it is a client
	// CredentialID is empty for a Public client, which proves nothing.
	CredentialID string
}

// usedAs returns the credential ID under which uses of the caller, a client, are noted.
func (c Caller) usedAs() string {
	if c.Client.Assertions != nil {
		return usedWithAssertion
	}
	return c.CredentialID
}

// TokenRequest is a token request after its dialect was parsed.
type TokenRequest struct {
	GrantType GrantType
	// Proof, Callback and CodeVerifier go with the authorization code grant.
	Proof        string
	Callback     string
	CodeVerifier string
	RefreshToken string
	// Scopes asked for; nil asks for what was approved.
	Scopes []string
	// Resources that the token is to be for (RFC 8707), at most MaxResources; nil: all that was approved.
	Resources []string
}

// Tokens is what a token request yields.
type Tokens struct {
	AccessToken  string // empty until JWT is spelled, where there is one
	TokenSecret  string // of the access token, in a Signed profile
	RefreshToken string // empty: none
	IssuedAt     time.Time
	ExpiresAt    time.Time // of the access token
	Scopes       []string
	// JWT is what the access token says, where its API takes JWTs; nil: it is opaque.
	JWT *JWT
	// Identity is what an ID token for the client says; nil: it gets none.
	Identity *Identity
	// IDToken is how Identity is spelled, once it is.
	IDToken string
}

// AuthenticateClient checks a client's secret, or its assertion, for one profile. Unknown clients, wrong secrets, other
// profiles and clients that are not served are one InvalidClient, for client secrets found with the same work: as
// many MACs, no read of the store, one audit event. Who has proven itself but sent secrets in a place
// that is not open to it learns that: ParameterMisplaced. A client whose first secret is on
// its way is told to try again.
func (s *Server) AuthenticateClient(ctx context.Context, profile Profile, p ClientSecret) (Caller, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return Caller{}, err
	}
	if p.Assertion != "" {
		return s.authenticateAssertion(ctx, profile, p)
	}
	client, known := s.clients.ByID(p.ID)
	if !known {
		client = &unknownClient
	}
	credentialID, proven := s.findCredential(keys, client.UID, client.Credentials, p)
	if client.Public {
		credentialID, proven = "", p.None
	}
	if known && client.Profile == profile && client.served() && proven {
		if !client.MayUse(p.Place, s.now()) {
			return Caller{}, s.misplaced(ctx, client)
		}
		if credentialID != "" { // a Public client has proven nothing yet
			s.uses.note(client.UID, credentialID, s.now())
		}
		return Caller{Client: client, CredentialID: credentialID}, nil
	}
	if client.Profile == profile && client.awaitsSecret() {
		return Caller{}, s.notIssuedYet(ctx, client.ID)
	}
	s.audit(ctx, Event{Name: EventClientRefused, ClientID: client.ID, Reason: whyRefused(client, known, profile)})
	return Caller{}, Refuse(InvalidClient, "client authentication failed")
}

// misplaced refuses a client that sent its secrets where it may not, or not any more.
func (s *Server) misplaced(ctx context.Context, c *Client) error {
	s.audit(ctx, Event{Name: EventClientRefused, ClientID: c.ID, Reason: "secrets were sent in a place that is not open to the client, or not any more"})
	return NewParameterError(ParameterMisplaced, "this client may not send secrets here; the form body is the place for them")
}

// unknownClient stands for a client ID that nobody has. The ID that was sent is not kept: it
// may be a secret in the wrong field. The UID is as long as a real one.
var unknownClient = Client{UID: "00000000-0000-0000-0000-000000000000"}

const (
	reasonWrongSecret = "the client secret is wrong, missing, expired or not expected"
	reasonExpired     = "the client has expired: see spec.expiresAt"
	reasonNotAccepted = "the client is not accepted: see its conditions"
)

func whyRefused(c *Client, known bool, profile Profile) string {
	switch {
	case !known:
		return "the client is not known"
	case c.Suspended:
		return "the client is suspended"
	case c.Expired:
		return reasonExpired
	case !c.Accepted:
		return reasonNotAccepted
	case c.Profile != profile:
		return "the client speaks another profile"
	default:
		return reasonWrongSecret
	}
}

// findCredential reports whether the secret is one of those that the object with the UID has. A secret
// that was right before is found by its hash. A refusal does the same work whatever credentials there
// are, and for an object that is not there.
func (s *Server) findCredential(keys *Keys, uid string, credentials []Credential, p ClientSecret) (credentialID string, ok bool) {
	now, hash, all := s.now(), keys.proven.hash(p.Secret), candidates(credentials)
	if credentialID, ok = keys.proven.find(uid, &all, hash, now); ok && !p.None {
		return credentialID, true
	}
	credentialID, ok = "", false
	for _, cred := range all {
		matches := s.verifySecret(keys.verifierKey, uid, cred.ID, p.Secret, cred.Verifier)
		if matches && cred.ID != noCredential && cred.validAt(now) && !p.None {
			credentialID, ok = cred.ID, true
			keys.proven.secrets.put(provenKey{uid, cred.ID, cred.Verifier}, hash)
		}
	}
	return credentialID, ok
}

// Token answers a token request of an authenticated client.
func (s *Server) Token(ctx context.Context, caller Caller, r TokenRequest) (*Tokens, error) {
	switch r.GrantType {
	case GrantAuthorizationCode, GrantRefreshToken, GrantClientCredentials:
	default:
		return nil, Refuse(UnsupportedGrantType, "the grant type is not supported")
	}
	// RFC 6749 §4.4: client credentials are for clients that have some.
	if !caller.Client.May(r.GrantType) || r.GrantType == GrantClientCredentials && caller.CredentialID == "" {
		return nil, Refuse(UnauthorizedClient, "the client may not use this grant type")
	}
	if r.GrantType != GrantClientCredentials {
		if err := errors.Join(s.maySign(caller.Client), s.maySignFor(caller.Client)); err != nil { // before anything is taken
			return nil, err
		}
	}
	switch r.GrantType {
	case GrantAuthorizationCode:
		return s.tokenByProof(ctx, caller, r)
	case GrantRefreshToken:
		return s.tokenByRefresh(ctx, caller, r)
	default:
		return s.tokenByCredential(ctx, caller, r)
	}
}

func (s *Server) tokenByProof(ctx context.Context, caller Caller, r TokenRequest) (*Tokens, error) {
	g, err := s.redeem(ctx, caller.Client, r)
	if err != nil {
		return nil, err
	}
	now := s.now()
	used := s.uses.note(caller.Client.UID, caller.usedAs(), now)
	if caller.Client.Profile == ProfileOAuth2 {
		used.redeemed(g.Proof.CodeChallenge != "", now)
	}
	t, refusal := s.targetOf(g.Grant, caller.Client, r)
	if refusal != nil {
		return nil, refusal
	}
	return s.tokensOf(ctx, g, caller.Client, t)
}

func (s *Server) tokenByCredential(ctx context.Context, caller Caller, r TokenRequest) (*Tokens, error) {
	client := caller.Client
	scopes, refusal := restrictScopes(client.ScopesWithoutOwner, r.Scopes)
	if refusal != nil {
		return nil, refusal
	}
	t, refusal := s.aim(client, scopes, nil, r.Resources)
	if refusal != nil {
		return nil, refusal
	}
	keys, err := s.currentKeys()
	if err != nil {
		return nil, err
	}
	now := s.now()
	a := accessToken{ClientUID: client.UID, CredentialID: caller.CredentialID, Scopes: tagsOf(t.scopes),
		IssuedAt: now, ExpiresAt: t.expires(client, now)}
	s.audit(ctx, Event{Name: EventTokenIssued, ClientID: client.ID, Scopes: t.scopes})
	return keys.issue(a, t, client, ClientSubject(client.ID)), nil
}

// tokensOf makes the tokens of a grant's generation. The refresh token is always
// the same for one generation; the access token is new each time.
func (s *Server) tokensOf(ctx context.Context, g ownedGrant, c *Client, t target) (*Tokens, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return nil, err
	}
	now := s.now()
	a := accessToken{GrantID: g.ID, Scopes: tagsOf(t.scopes), IssuedAt: now, ExpiresAt: t.expires(c, now), Signed: c.Profile.Signed()}
	if a.ExpiresAt.After(g.EndsAt) {
		a.ExpiresAt = g.EndsAt
	}
	tokens := keys.issue(a, t, c, g.Owner)
	if a.Signed {
		tokens.TokenSecret, err = keys.tokenSecret(tokens.AccessToken)
		return tokens, wrap("derive token secret", err)
	}
	if tokens.Identity, err = s.identityOf(ctx, g, c, t.granted); err != nil {
		return nil, err
	}
	if tokens.JWT != nil && tokens.Identity != nil {
		tokens.JWT.Authentication = tokens.Identity.Authentication
	}
	if !c.mayRefresh(g.Generation) || !c.stillRefreshes(g.Grant) {
		return tokens, nil
	}
	if tokens.RefreshToken, err = keys.signRefresh(g.Grant); err != nil {
		return nil, fmt.Errorf("sign refresh token: %w", err)
	}
	return tokens, nil
}

// grantedScopes returns the scopes of a grant as far as its client still has them.
func grantedScopes(g Grant, c *Client) []string { return intersect(g.Scopes, c.Scopes) }

// isLive reports whether a grant is neither revoked nor over.
func isLive(g Grant, now time.Time) bool { return g.RevokedAt.IsZero() && now.Before(g.EndsAt) }

// ownedGrant is a grant and the person who gave it.
type ownedGrant struct {
	Grant
	person Person
}

// grantOf reads a grant; one that is not there is not found.
func (s *Server) grantOf(ctx context.Context, id GrantID) (g ownedGrant, found bool, err error) {
	g.Grant, g.person, err = s.store.OwnedGrant(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return ownedGrant{}, false, nil
	}
	if err != nil {
		return ownedGrant{}, false, fmt.Errorf("read grant: %w", err)
	}
	return g, true, nil
}
