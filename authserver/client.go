// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/callback"
)

// GrantType is a way to obtain an access token, spelled as RFC 6749 does.
type GrantType string

// The grant types of the engine (RFC 6749 §1.3).
const (
	GrantAuthorizationCode GrantType = "authorization_code"
	GrantRefreshToken      GrantType = "refresh_token"
	GrantClientCredentials GrantType = "client_credentials"
)

// ConsentPolicy tells when an owner is asked.
type ConsentPolicy int

// The consent policies: the zero value asks each time.
const (
	ConsentPrompt ConsentPolicy = iota
	ConsentRemember
	ConsentSkip
)

// Profile is the spelling a client speaks.
type Profile string

// The profiles. The engine only asks a profile whether it is Signed; everything else about it
// is a matter of spelling.
const (
	// ProfileOAuth2 is OAuth 2.x under the rules of OAuth 2.1.
	ProfileOAuth2 Profile = "OAuth2"
	// ProfileOAuth1 is OAuth 1.0a (RFC 5849).
	ProfileOAuth1 Profile = "OAuth1"
	// ProfileConnectionsCloudOAuth2 is OAuth 2.0 as IBM Connections Cloud spelled it.
	ProfileConnectionsCloudOAuth2 Profile = "ConnectionsCloudOAuth2"
	// ProfileConnectionsCloudOAuth1 is OAuth 1.0a as IBM Connections Cloud spelled it.
	ProfileConnectionsCloudOAuth1 Profile = "ConnectionsCloudOAuth1"
	// ProfileIntegrationCloud is OAuth 2.0 as webMethods Integration Cloud spelled it.
	ProfileIntegrationCloud Profile = "IntegrationCloud"
)

// Profiles returns all profiles.
func Profiles() []Profile {
	return []Profile{ProfileOAuth2, ProfileOAuth1, ProfileConnectionsCloudOAuth2, ProfileConnectionsCloudOAuth1, ProfileIntegrationCloud}
}

// Signed reports whether clients of the profile sign their requests (OAuth 1.0a) instead of
// sending a secret. The server derives their secrets itself, and their tokens have secrets.
func (p Profile) Signed() bool { return p == ProfileOAuth1 || p == ProfileConnectionsCloudOAuth1 }

// Credential is one client secret: what proves it, never the secret itself.
type Credential struct {
	ID       string
	Verifier string
	// ExpiresAt is when it stops being valid; zero: never.
	ExpiresAt time.Time
}

// validAt reports whether the credential has not ended at now.
func (c Credential) validAt(now time.Time) bool {
	return c.ExpiresAt.IsZero() || now.Before(c.ExpiresAt)
}

// maxCredentials is how many credentials a client can have at a time: what
// status.credentials of an OAuthClient holds at most.
const maxCredentials = 4

// noCredential and noVerifier stand where a client has no further credential. They are as
// long as the real ones, so that a MAC over them takes as long, and can never be one.
var noCredential, noVerifier = strings.Repeat("-", 13), strings.Repeat("-", 43)

// noSecret is as long as a generated client secret, and is none.
var noSecret = strings.Repeat("-", 53)

// candidates returns the credentials to compare a secret with. There are always as many,
// so that the time of an answer does not tell how many credentials a client has, or whether
// there is such a client. Those called noCredential belong to nobody.
func candidates(credentials []Credential) (all [maxCredentials]Credential) {
	for n := copy(all[:], credentials); n < maxCredentials; n++ {
		all[n].ID, all[n].Verifier = noCredential, noVerifier
	}
	return all
}

// Client is what the server knows of an application. It is shared between
// requests and never changed.
type Client struct {
	UID         string // identity; a re-created object is another client
	ID          string // public name, the client ID of RFC 6749 §2.2
	Namespace   string
	Name        string
	DisplayName string
	Description string

	Profile      Profile
	Public       bool
	CallbackURLs []string
	// PKCEOptional lets a Confidential client leave the code challenge out (RFC 7636).
	PKCEOptional bool
	GrantTypes   []GrantType
	// Scopes are those that it may ask for and that are open to it.
	Scopes []string
	// ScopesWithoutOwner are those of Scopes that the client may have for no person.
	ScopesWithoutOwner  []string
	GrantDuration       time.Duration
	AccessTokenLifetime time.Duration
	Consent             ConsentPolicy
	EveryoneEntitled    bool
	// SecondFactor is whether a login for the client needs a second factor.
	SecondFactor bool

	Accepted  bool // policy allows it; otherwise everything is refused
	Suspended bool // everything is refused
	// ExpiresAt is when the client ends; zero: never. Expired: it has ended, and everything is refused.
	ExpiresAt   time.Time
	Expired     bool
	Credentials []Credential
	// GivenSecret: somebody else makes the client secret, so nobody knows when it comes.
	GivenSecret bool
	// Assertions is how a client without a client secret proves who it is. nil: it has a client secret, or is Public.
	Assertions *Assertions

	// SignatureMethods are those a Signed client may use (RFC 5849 §3.4).
	SignatureMethods []string
	// OutOfBand lets a Signed client have its verifiers shown to the owner (RFC 5849 §2.1: oob).
	OutOfBand bool
	// RefreshLimit is how often a grant may be refreshed; nil: until it ends.
	RefreshLimit *int
	// OwnerChooses lets the owner allow some of the scopes that are asked for.
	OwnerChooses bool
	// NotBefore, when set, ends everything that was given before it.
	NotBefore time.Time
	// OpenID is how ID tokens for the client are made. Only in profile OAuth2.
	OpenID OpenIDSettings
	// Until these times the client may send its secret where it should not be; zero: it may not.
	SecretInURLUntil, SecretInHeaderUntil time.Time
}

// Scope is a scope with the words that explain it to people.
type Scope struct {
	Name        string
	Description string
}

// Clients knows every client of the cluster. Its answers come from memory.
type Clients interface {
	// ByID returns the client with this client ID.
	ByID(id string) (*Client, bool)
	// ByUID returns the client with this UID.
	ByUID(uid string) (*Client, bool)
	// ResourceServerByID returns the resource server with this ID.
	ResourceServerByID(id string) (*ResourceServer, bool)
	// ResourceServerByIdentifier returns the resource server that has the identifier (RFC 8707).
	ResourceServerByIdentifier(identifier string) (*ResourceServer, bool)
	// ResourceServerOf returns the resource server that declared a scope.
	ResourceServerOf(scope string) (*ResourceServer, bool)
	// Scope returns a scope as its resource server declared it.
	Scope(name string) (Scope, bool)
	// PublicScopes returns the names of the scopes that are open to the clients of all namespaces, in
	// alphabetical order and no more than MaxPublicScopes. Nobody may change the list.
	PublicScopes() []string
}

// MaxPublicScopes bounds what the metadata say of scopes.
const MaxPublicScopes = 200

// served reports whether anything is answered to the client but a refusal.
func (c *Client) served() bool { return c.Accepted && !c.Suspended && !c.Expired }

// awaitsSecret reports whether the first secret of a client that is served is on its way: it is made
// by the operator.
func (c *Client) awaitsSecret() bool {
	return c.served() && !c.Public && !c.GivenSecret && c.Assertions == nil && len(c.Credentials) == 0
}

// May reports whether the client may use the grant type.
func (c *Client) May(g GrantType) bool { return slices.Contains(c.GrantTypes, g) }

// MayUse reports whether the client may send its secrets in the place now.
func (c *Client) MayUse(p SecretPlace, now time.Time) bool {
	switch p {
	case SecretInBody:
		return true
	case SecretInURL:
		return now.Before(c.SecretInURLUntil)
	case SecretInHeader:
		return now.Before(c.SecretInHeaderUntil)
	default:
		return false
	}
}

// acceptsGrantFrom reports whether what was given at t is still honoured.
func (c *Client) acceptsGrantFrom(t time.Time) bool { return !t.Before(c.NotBefore) }

// HasCallback reports whether a browser may be sent to uri: one of the client's callbacks,
// character for character (RFC 9700 §2.1), but that the port of a loopback callback is free
// (RFC 8252 §7.3).
func (c *Client) HasCallback(uri string) bool {
	_, ok := c.registered(uri)
	return ok
}

// registered returns the callback of the client that allows uri. The form is checked again
// here, because an object can come past the rules of the API.
func (c *Client) registered(uri string) (string, bool) {
	for _, registered := range c.CallbackURLs {
		if callback.Matches(registered, uri) && c.mayHave(registered) && c.mayHave(uri) {
			return registered, true
		}
	}
	return "", false
}

// mayHave reports whether a callback has a form that clients of this kind may use.
func (c *Client) mayHave(uri string) bool {
	switch callback.Classify(uri) {
	case callback.HTTPS:
		return true
	case callback.Loopback:
		return c.Profile == ProfileOAuth2 || c.Profile == ProfileOAuth1
	case callback.PrivateUse:
		return c.Profile == ProfileOAuth2 && c.Public
	default:
		return false
	}
}

// demandsChallenge reports whether a request for the callback must carry a code challenge.
// What receives a loopback or private-use callback is whatever runs on the person's machine,
// so PKCEOptional does not count there (RFC 8252 §8.1).
func (c *Client) demandsChallenge(uri string) bool {
	return c.Public || !c.PKCEOptional || callback.Classify(uri) != callback.HTTPS
}
