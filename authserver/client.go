// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
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

// noVerifier stands where a client has no further credential. It has the length of a
// verifier and is none.
var noVerifier = strings.Repeat("-", 43)

// candidates returns the credentials to compare a secret with. There are always as many,
// so that the time of an answer does not tell how many credentials a client has, or whether
// there is such a client. Those without an ID belong to nobody.
func (c *Client) candidates() (all [maxCredentials]Credential) {
	for n := copy(all[:], c.Credentials); n < maxCredentials; n++ {
		all[n].Verifier = noVerifier
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

	Profile             Profile
	Public              bool
	CallbackURLs        []string
	GrantTypes          []GrantType
	Scopes              []string
	OwnedScopes         []string // scopes it enforces as a resource server
	GrantDuration       time.Duration
	AccessTokenLifetime time.Duration
	Consent             ConsentPolicy
	EveryoneEntitled    bool

	Ready       bool // may begin new authorizations
	Suspended   bool // everything is refused
	Credentials []Credential

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
	// Scope returns a scope as its resource server declared it.
	Scope(name string) (Scope, bool)
}

// May reports whether the client may use the grant type.
func (c *Client) May(g GrantType) bool { return slices.Contains(c.GrantTypes, g) }

// MayUse reports whether the client may send its secrets in the place now.
func (c *Client) MayUse(p Place, now time.Time) bool {
	switch p {
	case InBody:
		return true
	case InURL:
		return now.Before(c.SecretInURLUntil)
	case InHeader:
		return now.Before(c.SecretInHeaderUntil)
	default:
		return false
	}
}

// keeps reports whether what was given at t is still honoured.
func (c *Client) keeps(t time.Time) bool { return !t.Before(c.NotBefore) }

// HasCallback reports whether a browser may be sent to uri. Registered callbacks
// are compared character for character (RFC 9700 §2.1); only for a Public client's
// http callback on a loopback IP the port is free (RFC 8252 §7.3).
func (c *Client) HasCallback(uri string) bool {
	for _, registered := range c.CallbackURLs {
		if uri == registered || c.Public && sameLoopback(registered, uri) {
			return true
		}
	}
	return false
}

// sameLoopback reports whether two http URLs on one loopback IP differ in nothing
// but the port.
func sameLoopback(registered, uri string) bool {
	r, rhost, ok := cutLoopbackPort(registered)
	if !ok {
		return false
	}
	u, uhost, ok := cutLoopbackPort(uri)
	return ok && r == u && rhost == uhost
}

// cutLoopbackPort splits an http URL on a loopback IP literal into what follows the
// authority and the host. The authority is cut by hand, and must be nothing but the
// literal and a decimal port, so that no leniency of a URL parser is part of the rule.
func cutLoopbackPort(raw string) (rest, host string, ok bool) {
	after, found := strings.CutPrefix(raw, "http://")
	if !found {
		return "", "", false
	}
	end := strings.IndexAny(after, "/?#\\")
	if end < 0 {
		end = len(after)
	}
	authority, rest := after[:end], after[end:]
	for _, literal := range []string{"127.0.0.1", "[::1]"} {
		port, found := strings.CutPrefix(authority, literal)
		if found && (port == "" || isPort(port)) {
			return rest, literal, true
		}
	}
	return "", "", false
}

// isPort reports whether s is a colon and a port number from 1 to 65535 without
// leading zeros.
func isPort(s string) bool {
	digits, found := strings.CutPrefix(s, ":")
	if !found || digits == "" || len(digits) > 5 || digits[0] == '0' {
		return false
	}
	_, err := netip.ParseAddrPort("127.0.0.1:" + digits)
	return err == nil
}

// CallbackHost returns the host a person would recognise in a callback, for pages.
func CallbackHost(callback string) string {
	u, err := url.Parse(callback)
	if err != nil {
		return ""
	}
	return u.Host
}
