// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/claimmap"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/openid"
)

// OpenIDSettings is how ID tokens for a client are made.
type OpenIDSettings struct {
	// SigningAlgorithm is RS256, PS256 or ES256 (RFC 7518 §3.1).
	SigningAlgorithm string
	// IDTokenLifetime is how long an ID token is valid.
	IDTokenLifetime time.Duration
	// Groups are patterns of the groups that ID tokens name: a whole name, or the beginning of names with a * at
	// the end. Nil: all groups.
	Groups []string
	// PostLogoutRedirectURIs are where a browser may be sent after a logout, character for character.
	PostLogoutRedirectURIs []string
	// BackChannelLogoutURI is where the client is told that a session has ended (Back-Channel Logout 1.0 §2.2); empty: it is not.
	BackChannelLogoutURI string
	// Mappings are claims of the client's own.
	Mappings []claimmap.Mapping
	// Sector is set where subjects are pairwise: clients with the same one know a person by the same subject. Empty: the client
	// knows the public subject.
	Sector string
}

// OpenIDRequest is what an authorization request asks in the words of OpenID Connect Core §3.1.2.1. All of it is
// optional. The short names are for the sealed form.
type OpenIDRequest struct {
	Nonce string `json:"n,omitempty"`
	// MaxAge is how old the login may be; nil: it does not matter. 0 asks for a new one.
	MaxAge *Seconds `json:"m,omitempty"`
	// LoginHint is a name that the login form begins with.
	LoginHint string `json:"l,omitempty"`
	// Subject is the only person whom the request is about (id_token_hint, claims), as the client knows them; empty: anybody.
	Subject string `json:"s,omitempty"`
	// Level is what acr_values ask of the login.
	Level LevelRequest `json:"a,omitzero"`
}

// LevelRequest is what a request asks of the level of a login (OpenID Connect Core §3.1.2.1, acr_values).
type LevelRequest struct {
	// TwoFactors is set where nothing less is good enough, and Prefer where two are better than one.
	TwoFactors bool `json:"t,omitempty"`
	Prefer     bool `json:"p,omitempty"`
}

// Seconds is a number of seconds that is not negative.
type Seconds uint32

// MaxNonce is the length of the longest nonce in bytes.
const MaxNonce = 512

// Authentication is what an ID token says of the login behind a grant (OpenID Connect Core §2).
type Authentication struct {
	At    time.Time // auth_time, to the second
	Nonce string    // as the request had it; empty: it had none
	// Methods are those of the session (RFC 8176).
	Methods []string
	// SessionID is what the client calls the session (sid, OpenID Connect Back-Channel Logout §2.1); empty: not known.
	SessionID string
}

// Identity is what an ID token says (OpenID Connect Core §2), before it is spelled.
type Identity struct {
	Client         *Client
	Owner          Owner
	Scopes         []string
	Authentication Authentication
	// Refreshed is set where a refresh token yielded it: then it has no nonce (§12.2).
	Refreshed bool
	IssuedAt  time.Time
}

// speaksOpenID reports whether scopes of the client are those of OpenID Connect.
func (c *Client) speaksOpenID(scopes []string) bool {
	return c.Profile == ProfileOAuth2 && slices.Contains(scopes, openid.ScopeOpenID)
}

// maySign returns an error that wraps ErrUnavailable while an ID token for the client could not be signed: no code or
// refresh token is taken then.
func (s *Server) maySign(c *Client) error {
	if !c.speaksOpenID(c.Scopes) {
		return nil
	}
	_, err := s.SigningKey(credential.SigningAlgorithm(c.OpenID.SigningAlgorithm))
	return err
}

// refreshes reports whether a grant of the scopes to the client has refresh tokens. With openid, the owner must have
// agreed to offline_access as well (OpenID Connect Core §11).
func (c *Client) refreshes(scopes []string) bool {
	return c.May(GrantRefreshToken) && (!c.speaksOpenID(scopes) || slices.Contains(scopes, openid.ScopeOfflineAccess))
}

// stillRefreshes reports whether a grant to the client has refresh tokens as things are now. offline_access that the client
// has lost is gone from its grants, as every scope is.
func (c *Client) stillRefreshes(g Grant) bool {
	return c.refreshes(g.Scopes) && (!c.speaksOpenID(g.Scopes) || slices.Contains(c.Scopes, openid.ScopeOfflineAccess))
}

// withoutUselessScopes leaves out offline_access where no refresh token can come of it: OpenID Connect Core §11 has it
// ignored then.
func withoutUselessScopes(c *Client, scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool {
		return scope == openid.ScopeOfflineAccess && (!c.May(GrantRefreshToken) || !c.speaksOpenID(scopes))
	})
}

// nobody is no person's subject.
const nobody = "-"

// hintedSubject returns whom the request is about. A hint that is no ID token of this client proves nobody: where nothing
// may be shown, nobody will do, and elsewhere the request counts as one without a hint.
func (r AuthorizeRequest) hintedSubject() string {
	switch {
	case r.Hint == nil:
		return ""
	case r.Hint.ClientID == r.ClientID && r.Hint.Subject != "":
		return r.Hint.Subject
	case r.Prompt.None:
		return nobody
	default:
		return ""
	}
}

// isAbout reports whether the request is about the person, whom it names as the client knows them.
func (r resolved) isAbout(o Owner) bool {
	return r.OpenID.Subject == "" || r.OpenID.Subject == r.keys.subjectFor(r.client, o.Subject)
}

// demandsLogin reports whether the request wants a newer login than that of v, or one of somebody else.
func (r resolved) demandsLogin(v *Visitor) bool {
	authenticatedAt := v.Session.AuthenticatedAt
	if !authenticatedAt.Before(r.StartedAt) {
		return false
	}
	if !r.isAbout(v.Owner) {
		return true
	}
	age := r.OpenID.MaxAge
	return r.Prompt.Login || age != nil && r.StartedAt.Sub(authenticatedAt) > time.Duration(*age)*time.Second
}

// authentication returns what ID tokens of an approval of the scopes say of the login.
func (p Position) authentication(scopes []string) Authentication {
	if !p.asked.client.speaksOpenID(scopes) {
		return Authentication{}
	}
	session := p.visitor.Session
	return Authentication{At: session.AuthenticatedAt.Truncate(time.Second), Nonce: p.asked.OpenID.Nonce,
		Methods: session.Methods, SessionID: session.idFor(p.asked.client.UID)}
}

// identityOf returns what an ID token of the grant says; nil: the scopes ask for none. The use of a refresh token reads
// neither the login nor all of the person, so they are read here.
func (s *Server) identityOf(ctx context.Context, g ownedGrant, c *Client, scopes []string) (*Identity, error) {
	if !c.speaksOpenID(scopes) {
		return nil, nil
	}
	i := Identity{Client: c, Owner: g.person.Owner, Scopes: scopes, Authentication: g.Authentication, IssuedAt: s.now(), Refreshed: g.Generation > 1}
	if i.Refreshed {
		row, err := s.store.Grant(ctx, g.ID)
		if err != nil {
			return nil, fmt.Errorf("read the login behind a grant: %w", err)
		}
		owned, err := s.withPerson(ctx, row)
		if err != nil {
			return nil, err
		}
		if owned.person.Subject == "" { // swept in this moment
			return nil, errRefreshTokenUnknown
		}
		i.Authentication, i.Owner = row.Authentication, owned.person.Owner
		i.Authentication.Nonce = ""
	}
	keys, err := s.currentKeys()
	if err != nil {
		return nil, err
	}
	i.Owner = i.Owner.asKnownBy(c, keys)
	return &i, nil
}
