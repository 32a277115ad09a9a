// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

// What the endpoints read. Who sends the request is among it everywhere.
var (
	clientParameters = []string{"client_id", "client_secret"}
	tokenParameters  = slices.Concat([]string{"grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope"}, clientParameters)
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
	req = tokenRequest(v, scopes)
	return secret, req, checkTokenRequest(req)
}

func tokenRequest(v url.Values, scopes []string) authserver.TokenRequest {
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
func ParseForm(r *http.Request, names ...string) (authserver.ClientSecret, url.Values, error) {
	v, err := parseForm(r, slices.Concat(names, clientParameters))
	if err != nil {
		return authserver.ClientSecret{}, nil, err
	}
	secret, err := parseClient(r, v)
	return secret, v, err
}

// parseClient reads who sends the request: client_secret_basic, client_secret_post or none
// (RFC 6749 §2.3). Two ways at once are refused. An empty Authorization header is none.
func parseClient(r *http.Request, v url.Values) (authserver.ClientSecret, error) {
	if strings.TrimSpace(strings.Join(r.Header["Authorization"], "")) == "" {
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

// tokenAnswer is RFC 6749 §5.1.
type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
}

// WriteToken answers a token request (RFC 6749 §5.1).
func WriteToken(w http.ResponseWriter, t *authserver.Tokens) {
	writeJSON(w, http.StatusOK, tokenAnswer{
		AccessToken: t.AccessToken, TokenType: "Bearer",
		ExpiresIn:    int64(t.ExpiresAt.Sub(t.IssuedAt).Seconds()),
		RefreshToken: t.RefreshToken, Scope: strings.Join(t.Scopes, " "),
	})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil { // only strings and numbers are marshalled
		status, text = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // an answer nobody waits for any more is no fault
}
