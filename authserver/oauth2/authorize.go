// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// maxScopes is how many scopes a request may name; no client has more.
const maxScopes = 64

// authorizeParameters are those that each authorization endpoint reads.
var (
	authorizeParameters = []string{
		"client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "code_challenge_method",
	}
	standardAuthorizeParameters = slices.Concat(authorizeParameters, []string{
		"response_mode", "prompt", "nonce", "max_age", "login_hint", "id_token_hint", "claims", "acr_values", "request", "request_uri", resourceParameter,
	})
)

// ParseAuthorize reads an authorization request from the query or, on POST, the form
// (RFC 6749 §3.1). An error means that not even client and callback can be told, and
// is for the person to see; any other fault is the request's Problem.
func ParseAuthorize(r *http.Request) (authserver.AuthorizeRequest, error) {
	v, err := parseQueryAndForm(r, standardAuthorizeParameters)
	if err != nil {
		return authserver.AuthorizeRequest{}, err
	}
	prompt, promptProblem := parsePrompt(v.Get("prompt"))
	openID, openIDProblem := parseOpenID(v)
	resources, resourceProblem := parseResources(v)
	claims, claimsProblem := parseClaims(v.Get("claims"))
	req := authorizeRequest(authserver.ProfileOAuth2, v, checkRequestObject(v), checkMode(v), promptProblem, openIDProblem, claimsProblem, resourceProblem)
	req.Resources = resources
	req.Prompt, req.OpenID, req.Claims, req.IDTokenHint = prompt, openID, claims, v.Get("id_token_hint")
	req.FormPost = v.Get("response_mode") == modeFormPost
	return req, nil
}

// authorizeRequest returns the request as RFC 6749 §4.1.1 spells it, with the first of its problems:
// those that a profile found besides come last.
func authorizeRequest(profile authserver.Profile, v *Given, others ...authserver.Refusal) authserver.AuthorizeRequest {
	scopes, scopeProblem := parseScope(v.Get("scope"))
	req := authserver.AuthorizeRequest{
		Profile:       profile,
		ClientID:      v.Get("client_id"),
		Callback:      v.Get("redirect_uri"),
		State:         v.Get("state"),
		Scopes:        scopes,
		CodeChallenge: v.Get("code_challenge"),
	}
	problems := append([]authserver.Refusal{v.check(), checkResponse(v), scopeProblem, checkChallenge(v)}, others...)
	if n := slices.IndexFunc(problems, func(e authserver.Refusal) bool { return e != nil }); n >= 0 {
		req.Problem = problems[n]
	}
	return req
}

// parseQueryAndForm reads the query and, on POST, the form: one name in both is a repetition. Whoever
// gives the client or the callback twice proves neither.
func parseQueryAndForm(r *http.Request, known []string) (*Given, error) {
	texts := []string{r.URL.RawQuery}
	if r.Method == http.MethodPost && r.ContentLength != 0 {
		text, err := readForm(r)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	v := parseGiven(known, texts...)
	if problem := v.check("client_id", "redirect_uri"); problem != nil {
		return nil, problem
	}
	return v, nil
}

// checkResponse refuses everything but the code flow.
func checkResponse(v *Given) authserver.Refusal {
	if v.Get("response_type") == "" {
		return invalid("response_type is required")
	}
	if v.Get("response_type") != "code" {
		return authserver.Refuse(authserver.UnsupportedResponseType, "response_type must be code")
	}
	return nil
}

// modeFormPost is the response mode in which the browser posts the answer (OAuth 2.0 Form Post Response Mode §2).
const modeFormPost = "form_post"

// checkMode refuses every answer but those in the query or in a form.
func checkMode(v *Given) authserver.Refusal {
	if mode := v.Get("response_mode"); mode != "" && mode != "query" && mode != modeFormPost {
		return invalid("response_mode must be query or form_post")
	}
	return nil
}

// checkChallenge lets nobody use PKCE badly (RFC 7636 §4.3, RFC 9700 §2.1.1): the method's
// default would be plain, so it must be named. Whether the client may leave PKCE out is the
// engine's to say.
func checkChallenge(v getter) authserver.Refusal {
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

// parseScope reads a scope parameter: scope tokens with blanks between (RFC 6749 §3.3). More than
// one blank, blanks at the ends and tabs separate nothing more. Without a scope token the answer
// is nil: whatever the client may have.
func parseScope(text string) ([]string, authserver.Refusal) {
	names := strings.FieldsFunc(text, func(c rune) bool { return c == ' ' || c == '\t' })
	if len(names) == 0 {
		return nil, nil
	}
	if len(names) > maxScopes {
		return nil, authserver.Refuse(authserver.InvalidScope, "too many scopes")
	}
	for _, name := range names {
		if strings.ContainsFunc(name, notScopeChar) {
			return nil, authserver.Refuse(authserver.InvalidScope, "the scope is malformed")
		}
	}
	return names, nil
}

// notScopeChar is the complement of RFC 6749's NQCHAR without the space.
func notScopeChar(r rune) bool {
	return r < 0x21 || r > 0x7e || r == '"' || r == '\\'
}

// parsePrompt reads OpenID Connect's prompt parameter. To select an account, an owner logs in again.
func parsePrompt(text string) (authserver.Prompt, authserver.Refusal) {
	var p authserver.Prompt
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
			return p, invalid("prompt must be none, login, consent or select_account")
		}
	}
	if p.None && len(values) > 1 {
		return p, invalid("prompt=none cannot be combined with another value")
	}
	return p, nil
}
