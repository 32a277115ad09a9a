// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
	"github.com/gatehouse-dev/gatehouse/internal/jsonline"
)

// What the endpoints read. Who sends the request is among it everywhere.
var (
	clientParameters = []string{"client_id", "client_secret", "client_assertion", "client_assertion_type"}
	tokenParameters  = slices.Concat([]string{"grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", resourceParameter}, clientParameters)
)

// ParseToken reads a token request (RFC 6749 §4.1.3, §4.4.2, §6) and who sends it.
func ParseToken(r *http.Request) (authserver.ClientSecret, authserver.TokenRequest, error) {
	var req authserver.TokenRequest
	v, err := parseForm(r, tokenParameters)
	if err != nil {
		return authserver.ClientSecret{}, req, err
	}
	secret, err := parseClient(r, v)
	if err != nil {
		return secret, req, err
	}
	scopes, problem := parseScope(v.Get("scope"))
	if problem != nil {
		return secret, req, problem
	}
	resources, problem := parseResources(v)
	if problem != nil {
		return secret, req, problem
	}
	req = tokenRequest(v, scopes)
	req.Resources = resources
	return secret, req, checkTokenRequest(req)
}

// getter is what a request says, in the standard form or an older one.
type getter interface{ Get(name string) string }

func tokenRequest(v getter, scopes []string) authserver.TokenRequest {
	return authserver.TokenRequest{
		GrantType:    authserver.GrantType(v.Get("grant_type")),
		Proof:        v.Get("code"),
		Callback:     v.Get("redirect_uri"),
		CodeVerifier: v.Get("code_verifier"),
		RefreshToken: v.Get("refresh_token"),
		Scopes:       scopes,
	}
}

// checkTokenRequest names the parameter that a grant type misses.
func checkTokenRequest(r authserver.TokenRequest) error {
	switch {
	case r.GrantType == "":
		return invalid("grant_type is required")
	case r.GrantType == authserver.GrantAuthorizationCode && r.Proof == "":
		return invalid("code is required")
	case r.GrantType == authserver.GrantRefreshToken && r.RefreshToken == "":
		return invalid("refresh_token is required")
	}
	return nil
}

// ParseTokenParameter reads a request about one token: a revocation (RFC 7009 §2.1) or an
// introspection (RFC 7662 §2.1). token_type_hint is not needed: each kind is told by itself.
func ParseTokenParameter(r *http.Request) (secret authserver.ClientSecret, token string, err error) {
	secret, v, err := ParseForm(r, "token")
	if err != nil {
		return secret, "", err
	}
	if v.Get("token") == "" {
		return secret, "", invalid("token is required")
	}
	return secret, v.Get("token"), nil
}

// ParseForm reads the named parameters of a request to a back-channel endpoint, and who sends it.
// Only what is there once and has a value is in the result.
func ParseForm(r *http.Request, names ...string) (authserver.ClientSecret, *Given, error) {
	v, err := parseForm(r, slices.Concat(names, clientParameters))
	if err != nil {
		return authserver.ClientSecret{}, nil, err
	}
	secret, err := parseClient(r, v)
	return secret, v, err
}

// parseClient reads who sends the request: client_secret_basic, client_secret_post, an assertion or none
// (RFC 6749 §2.3). Two ways at once are refused. An empty Authorization header is none.
func parseClient(r *http.Request, v getter) (authserver.ClientSecret, error) {
	given := r.Header["Authorization"]
	if v.Get("client_assertion") != "" || v.Get("client_assertion_type") != "" {
		return parseAssertion(v, strings.TrimSpace(strings.Join(given, "")) != "")
	}
	if len(given) == 0 || strings.TrimSpace(strings.Join(given, "")) == "" {
		if v.Get("client_id") == "" {
			return authserver.ClientSecret{}, noClient("client authentication is required")
		}
		secret := v.Get("client_secret")
		return authserver.ClientSecret{ID: v.Get("client_id"), Secret: secret, None: secret == ""}, nil
	}
	id, secret, err := basic(r)
	if err != nil {
		return authserver.ClientSecret{}, err
	}
	if v.Get("client_secret") != "" {
		return authserver.ClientSecret{}, invalid("the client authenticates in two ways at once")
	}
	if other := v.Get("client_id"); other != "" && other != id {
		return authserver.ClientSecret{}, invalid("client_id differs from the Authorization header's")
	}
	return authserver.ClientSecret{ID: id, Secret: secret, None: secret == ""}, nil
}

// assertionType is the one kind of assertion there is (RFC 7523 §2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// parseAssertion reads an assertion (RFC 7521 §4.2). It says who the client is, so client_id may be missing.
func parseAssertion(v getter, hasHeader bool) (authserver.ClientSecret, error) {
	text, kind := v.Get("client_assertion"), v.Get("client_assertion_type")
	switch {
	case hasHeader || v.Get("client_secret") != "":
		return authserver.ClientSecret{}, invalid("the client authenticates in two ways at once")
	case text == "" || kind == "":
		return authserver.ClientSecret{}, invalid("client_assertion and client_assertion_type go together (RFC 7521 section 4.2)")
	case kind != assertionType:
		return authserver.ClientSecret{}, noClient("client_assertion_type must be " + assertionType)
	}
	return authserver.ClientSecret{ID: v.Get("client_id"), Assertion: text}, nil
}

// basic reads HTTP Basic credentials, whose two parts are form-encoded before they are
// joined (RFC 6749 §2.3.1).
func basic(r *http.Request) (id, secret string, err error) {
	user, password, ok := httpsyntax.ParseBasic(r.Header.Get("Authorization"))
	if !ok || len(r.Header["Authorization"]) != 1 {
		return "", "", noClient("the Authorization header must be HTTP Basic")
	}
	if id, err = url.QueryUnescape(user); err != nil {
		return "", "", noClient("the Authorization header is not form-encoded (RFC 6749 section 2.3.1)")
	}
	if secret, err = url.QueryUnescape(password); err != nil {
		return "", "", noClient("the Authorization header is not form-encoded (RFC 6749 section 2.3.1)")
	}
	return id, secret, nil
}

func noClient(description string) authserver.Refusal {
	return authserver.Refuse(authserver.InvalidClient, description)
}

// WriteToken answers a token request (RFC 6749 §5.1).
func WriteToken(w http.ResponseWriter, t *authserver.Tokens) {
	writeObject(w, http.StatusOK, func(o *jsonline.Object) {
		o.String("access_token", t.AccessToken)
		o.String("token_type", "Bearer")
		o.Int("expires_in", int64(t.ExpiresAt.Sub(t.IssuedAt).Seconds()))
		o.OptionalString("refresh_token", t.RefreshToken)
		o.OptionalWords("scope", t.Scopes)
		o.OptionalString("id_token", t.IDToken)
	})
}

// jsonType is the Content-Type of JSON. It is shared and never changed.
var jsonType = []string{"application/json"}

// writeObject answers with an object and a line break.
func writeObject(w http.ResponseWriter, status int, members func(o *jsonline.Object)) {
	jsonline.Use(func(b []byte) []byte {
		o := jsonline.Begin(b)
		members(&o)
		text := append(o.End(), '\n')
		w.Header()["Content-Type"] = jsonType
		w.WriteHeader(status)
		_, _ = w.Write(text) // an answer nobody waits for any more is no fault
		return text
	})
}
