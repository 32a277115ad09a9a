// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// maxScopes is how many scopes a request may name; no client has more.
const maxScopes = 64

// ParseAuthorize reads an authorization request from the query or, on POST, the form
// (RFC 6749 §3.1). An error means that not even client and callback can be told, and
// is for the person to see; any other fault is the request's Problem.
func ParseAuthorize(r *http.Request) (authserver.AuthorizeRequest, error) {
	var prompt authserver.Prompt
	req, err := parseAuthorize(r, authserver.ProfileOAuth2, checkMode, func(v url.Values) authserver.Refusal {
		return parsePrompt(v.Get("prompt"), &prompt)
	})
	req.Prompt = prompt
	return req, err
}

// parseAuthorize reads an authorization request as RFC 6749 §4.1.1 spells it, with what a
// profile checks besides.
func parseAuthorize(r *http.Request, profile authserver.Profile, checks ...func(url.Values) authserver.Refusal) (authserver.AuthorizeRequest, error) {
	v, err := authorizeValues(r)
	if err != nil {
		return authserver.AuthorizeRequest{}, err
	}
	if len(v["client_id"]) > 1 || len(v["redirect_uri"]) > 1 {
		return authserver.AuthorizeRequest{}, invalid("client_id or redirect_uri is given twice")
	}
	req := authserver.AuthorizeRequest{
		Profile:       profile,
		ClientID:      v.Get("client_id"),
		Callback:      v.Get("redirect_uri"),
		CodeChallenge: v.Get("code_challenge"),
	}
	if len(v["state"]) == 1 {
		req.State = v.Get("state")
	}
	var scopeProblem authserver.Refusal
	req.Scopes, scopeProblem = parseScope(v.Get("scope"))
	problems := []authserver.Refusal{checkRepeated(v), checkResponse(v), scopeProblem, checkChallenge(v)}
	for _, check := range checks {
		problems = append(problems, check(v))
	}
	if n := slices.IndexFunc(problems, func(e authserver.Refusal) bool { return e != nil }); n >= 0 {
		req.Problem = problems[n]
	}
	return req, nil
}

func authorizeValues(r *http.Request) (url.Values, error) {
	if r.Method != http.MethodPost {
		v, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return nil, invalid("the query is not well-formed")
		}
		return v, nil
	}
	if err := r.ParseForm(); err != nil {
		return nil, invalid("the form is not well-formed or too large")
	}
	return r.Form, nil // body and query together, so that one name in both is a repetition
}

// authorizeParameters are those that an authorization endpoint reads.
var authorizeParameters = []string{
	"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "code_challenge", "code_challenge_method", "prompt",
}

func checkRepeated(v url.Values) authserver.Refusal {
	if repeated(v, authorizeParameters) {
		return invalid("a parameter is given twice")
	}
	return nil
}

// checkResponse refuses everything but the code flow.
func checkResponse(v url.Values) authserver.Refusal {
	if v.Get("response_type") == "" {
		return invalid("response_type is required")
	}
	if v.Get("response_type") != "code" {
		return authserver.Refuse(authserver.UnsupportedResponseType, "response_type must be code")
	}
	return nil
}

// checkMode refuses every answer but the one in the query.
func checkMode(v url.Values) authserver.Refusal {
	if mode := v.Get("response_mode"); mode != "" && mode != "query" {
		return invalid("response_mode must be query")
	}
	return nil
}

// checkChallenge lets nobody use PKCE badly (RFC 7636 §4.3, RFC 9700 §2.1.1): the method's
// default would be plain, so it must be named. Whether the client may leave PKCE out is the
// engine's to say.
func checkChallenge(v url.Values) authserver.Refusal {
	if v.Get("code_challenge") == "" && v.Get("code_challenge_method") == "" {
		return nil
	}
	if v.Get("code_challenge") == "" {
		return invalid("code_challenge is missing (PKCE, RFC 7636)")
	}
	if v.Get("code_challenge_method") != "S256" {
		return invalid("code_challenge_method must be S256")
	}
	sum, err := base64.RawURLEncoding.Strict().DecodeString(v.Get("code_challenge"))
	if err != nil || len(sum) != 32 {
		return invalid("code_challenge must be the 43 characters of a SHA-256 in unpadded base64url")
	}
	return nil
}

// parseScope reads a scope parameter: scope tokens with single spaces between (RFC 6749
// §3.3). Without one the answer is nil: whatever the client may have.
func parseScope(text string) ([]string, authserver.Refusal) {
	if text == "" {
		return nil, nil
	}
	names := strings.Split(text, " ")
	if len(names) > maxScopes {
		return nil, authserver.Refuse(authserver.InvalidScope, "too many scopes")
	}
	for _, name := range names {
		if name == "" || strings.ContainsFunc(name, notScopeChar) {
			return nil, authserver.Refuse(authserver.InvalidScope, "the scope is malformed")
		}
	}
	return names, nil
}

// notScopeChar is the complement of RFC 6749's NQCHAR without the space.
func notScopeChar(r rune) bool {
	return r < 0x21 || r > 0x7e || r == '"' || r == '\\'
}

// parsePrompt reads OpenID Connect's prompt parameter into p. To select an account, an
// owner logs in again.
func parsePrompt(text string, p *authserver.Prompt) authserver.Refusal {
	values := strings.Fields(text)
	for _, value := range values {
		switch value {
		case "none":
			p.None = true
		case "login", "select_account":
			p.Login = true
		case "consent":
			p.Consent = true
		default:
			return invalid("prompt must be none, login, consent or select_account")
		}
	}
	if p.None && len(values) > 1 {
		return invalid("prompt=none cannot be combined with another value")
	}
	return nil
}
