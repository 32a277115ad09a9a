// SPDX-License-Identifier: Apache-2.0

package resourceserver

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

// Guard stands in front of handlers. It is safe for concurrent use.
type Guard struct {
	config      Config
	client      *http.Client
	keys        *keySet // nil: no JWT is verified here
	metadataURL string
}

// New returns a guard, or says what is wrong with the configuration. It asks Gatehouse nothing
// yet.
func New(c Config) (*Guard, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c.ExternalURL = strings.TrimRight(c.ExternalURL, "/")
	if c.Realm == "" {
		c.Realm = c.ClientID
	}
	if c.Realm == "" {
		c.Realm = c.Identifiers[0]
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	g := &Guard{config: c, client: c.asking(), metadataURL: c.metadataURLOf()}
	if len(c.JWTAlgorithms) > 0 {
		g.keys = newKeySet(c, g.client)
	}
	return g, nil
}

// Caller is who called, as Gatehouse said while the request came in, or in the JWT.
type Caller struct {
	// Subject is the person who gave the client access: an opaque ID that never changes and is
	// never given to anybody else. What belongs to a person is found by it. Empty when the client
	// acts as itself (RFC 6749 §4.4).
	Subject string
	// Owner is that person's name, to show it. The name may be given to another person later. A JWT does not tell it.
	Owner string
	// ClientID is the client's.
	ClientID string
	// Scopes are those of the token that belong to this API.
	Scopes []string
	// ExpiresAt is when the token expires, unless it is revoked before. Zero: not told.
	ExpiresAt time.Time
}

// Has reports whether the token has the scope.
func (c Caller) Has(scope string) bool { return slices.Contains(c.Scopes, scope) }

// admission is the key of what a guard puts into a request's context.
type admission struct{}

type admitted struct {
	by     *Guard
	caller Caller
}

// CallerFrom returns who made the request that a guard let through, from the request's context.
func CallerFrom(ctx context.Context) (caller Caller, found bool) {
	a, found := ctx.Value(admission{}).(admitted)
	return a.caller, found
}

// scopeToken is RFC 6749 §3.3's scope-token.
var scopeToken = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]+$`)

// Require lets requests through to next that a person has allowed, with a token that has the
// scope; empty: any scope that belongs to this API. A client that acts as itself, with a token of
// its own credentials, is not let through: see RequireClient. CallerFrom tells next who called.
// Guards may be nested, for a scope here and another one there: Gatehouse is asked once, which is
// all that a signed request allows. Require panics when scope is not one scope.
//
// What is not let through is answered as RFC 6750 §3 says, with a challenge for each kind of
// token that is taken: 401 without a good token, 403 when it lacks the scope or is not of a person,
// 400 when the request is malformed, 413 when what was signed is too large to be handed on, and 503
// when Gatehouse cannot be asked.
//
// Next may read the body; nobody may have read it before. Of a signed request, only a form is
// covered by the signature (RFC 5849 §3.4.1.3.1): it is read here, up to 64 KiB or a bound of
// http.MaxBytesReader, and given back. All other bodies are protected by TLS alone. Next sees the
// protocol parameters too where they stand in the form or the query; their names begin with oauth_.
func (g *Guard) Require(scope string, next http.Handler) http.Handler {
	return g.require(scope, ofPerson, next)
}

// RequireClient is Require for machines: only a client that acts as itself is let through.
func (g *Guard) RequireClient(scope string, next http.Handler) http.Handler {
	return g.require(scope, ofClient, next)
}

// RequireAny is Require for persons and machines alike. Next must look at Caller.Subject: it is
// empty for a client that acts as itself.
func (g *Guard) RequireAny(scope string, next http.Handler) http.Handler {
	return g.require(scope, nil, next)
}

// ofPerson and ofClient return why a caller is not of their kind, or nil.
func ofPerson(r *http.Request, c Caller) error {
	if c.Subject == "" {
		return wrongKind(r, "the access token was not given by a person, and this is for persons")
	}
	return nil
}

func ofClient(r *http.Request, c Caller) error {
	if c.Subject != "" {
		return wrongKind(r, "the access token was given by a person, and this is for clients that act as themselves")
	}
	return nil
}

func (g *Guard) require(scope string, kind func(*http.Request, Caller) error, next http.Handler) http.Handler {
	if scope != "" && !scopeToken.MatchString(scope) {
		panic(fmt.Sprintf("resourceserver: %q is not one scope", scope))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, a, err := g.admit(r)
		if err == nil && scope != "" && !a.caller.Has(scope) {
			err = tooNarrow(r)
		}
		if err == nil && kind != nil {
			err = kind(r, a.caller)
		}
		if err != nil {
			g.refuse(w, r, scope, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// admit finds out who makes the request. The returned request has the caller in its context
// and a body that can be read.
func (g *Guard) admit(r *http.Request) (*http.Request, admitted, error) {
	if a, found := r.Context().Value(admission{}).(admitted); found && a.by == g {
		return r, a, nil
	}
	r = r.WithContext(r.Context()) // our own: a body that was read is put back into it
	caller, err := g.identify(r)
	if err != nil {
		return r, admitted{}, err
	}
	a := admitted{by: g, caller: caller}
	return r.WithContext(context.WithValue(r.Context(), admission{}, a)), a, nil
}

// identify asks Gatehouse about the request. An error is a *refusal, or why Gatehouse could
// not be asked.
func (g *Guard) identify(r *http.Request) (Caller, error) {
	headers := r.Header["Authorization"]
	if len(headers) > 1 {
		return Caller{}, malformed("", "there is more than one Authorization header")
	}
	scheme, rest := credentials(r)
	switch {
	case scheme == bearer && g.keys != nil && looksLikeJWT(rest):
		return g.verifyJWT(r, rest)
	case scheme == bearer && !g.config.asks():
		return Caller{}, invalidToken()
	case scheme == bearer:
		return g.introspect(r, rest)
	case g.config.VerificationEndpoint != "":
		return g.verify(r, scheme == signed)
	}
	return Caller{}, anonymous()
}

// The schemes that are taken.
const (
	bearer = "Bearer"
	signed = "OAuth"
)

// credentials splits the Authorization header. The scheme's case does not matter (RFC 9110
// §11.1); of an unknown scheme it is empty.
func credentials(r *http.Request) (scheme, rest string) {
	name, rest := httpsyntax.CutScheme(r.Header.Get("Authorization"))
	for _, scheme := range []string{bearer, signed} {
		if strings.EqualFold(name, scheme) {
			return scheme, rest
		}
	}
	return "", ""
}
