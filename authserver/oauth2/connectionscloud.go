// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

// The paths of IBM Connections Cloud.
const (
	PathConnectionsCloudAuthorize = "/manage/oauth2/authorize"
	PathConnectionsCloudToken     = "/manage/oauth2/token"
	PathConnectionsCloudIdentity  = "/manage/oauth/getUserIdentity"
)

// Where the rows of the tables come from. Pages of the OAuth 2.0 part of IBM's Connections Cloud
// documentation are named by their step.
const (
	step2 = "IBM Connections Cloud, Step 2: Obtain authorization code"
	step3 = "IBM Connections Cloud, Step 3: Exchange authorization code for access and refresh tokens"
	step5 = "IBM Connections Cloud, Step 5: Get a new access token after the access token has expired"
	// errorList is a copy of the error lists of steps 2 and 3.
	errorList = "error lists of steps 2 and 3, kept as a comment in passport-ibm-connections-cloud"
	// ours is a row that closes a gap of the pages, or keeps a rule of today.
	ours = "our choice: docs/decisions/0007-connections-cloud.md"
)

// maxLegacyValue is the longest code, token or secret (steps 1, 3 and 5).
const maxLegacyValue = 256

// connectionsAuthorize is what the authorization endpoint reads. There is no scope: an
// application has all that it was registered for.
var connectionsAuthorize = parameters{
	{name: "response_type", illegal: ", ", source: step2},
	{name: "client_id", illegal: ", ", max: maxLegacyValue, source: step2},
	{name: "callback_uri", alias: "redirect_uri", source: step2},
	{name: "state", optional: true, opaque: true, max: authserver.MaxState, source: ours}, // newer clients send it
	{name: "code_challenge", optional: true, source: ours},                                // enforced when it is sent
	{name: "code_challenge_method", optional: true, source: ours},
}

// connectionsToken is what the token endpoint reads.
var connectionsToken = parameters{
	{name: "grant_type", illegal: ", ", source: step3},
	{name: "code", grant: authserver.GrantAuthorizationCode, illegal: ", ", max: maxLegacyValue, secret: true, source: step3},
	{name: "client_id", illegal: ", ", max: maxLegacyValue, source: step3},
	{name: "client_secret", max: maxLegacyValue, secret: true, source: step3},
	{name: "callback_uri", alias: "redirect_uri", grant: authserver.GrantAuthorizationCode, source: step3},
	{name: "refresh_token", grant: authserver.GrantRefreshToken, illegal: ", ", max: maxLegacyValue, secret: true, source: step5},
	{name: "code_verifier", optional: true, max: 128, secret: true, source: ours},
}

// connectionsPlaces are the three ways to send a token request (steps 3 and 5).
var connectionsPlaces = []reader{
	{authserver.SecretInBody, legacyBody}, {authserver.SecretInURL, legacyQuery}, {authserver.SecretInHeader, legacyHeader},
}

// ParseConnectionsCloudAuthorize reads an authorization request of an application of
// Connections Cloud. Each error is for the person to see.
func ParseConnectionsCloudAuthorize(r *http.Request) (authserver.AuthorizeRequest, error) {
	v, err := connectionsAuthorize.gather(r, reader{authserver.SecretInURL, legacyQuery})
	if err != nil {
		return authserver.AuthorizeRequest{}, err
	}
	if names := connectionsAuthorize.absent(v.Values, ""); len(names) > 0 {
		return authserver.AuthorizeRequest{}, fault(authserver.ParameterAbsent, names...)
	}
	if names := connectionsAuthorize.invalid(v.Values); len(names) > 0 {
		return authserver.AuthorizeRequest{}, fault(authserver.ParameterMalformed, withValue(v.Values, names)...)
	}
	if v.Get("response_type") != "code" {
		return authserver.AuthorizeRequest{}, authserver.Refuse(authserver.UnsupportedResponseType, "response_type must be code")
	}
	callback, ok := callbackOf(v.Values)
	if !ok || callback == "" {
		return authserver.AuthorizeRequest{}, authserver.Refuse(authserver.InvalidCallback, "callback_uri is empty, or redirect_uri says something else")
	}
	req := authserver.AuthorizeRequest{
		Profile: authserver.ProfileConnectionsCloudOAuth2, ClientID: v.Get("client_id"), Callback: callback,
		State: v.Get("state"), CodeChallenge: v.Get("code_challenge"),
	}
	if problem := checkChallenge(v.Values); problem != nil {
		return req, fault(authserver.ParameterMalformed, "code_challenge")
	}
	return req, nil
}

// withValue adds the value to response_type, which the error list tells that way.
func withValue(v url.Values, names []string) []string {
	for n, name := range names {
		if value := v.Get(name); name == "response_type" && len(value) <= 32 && !strings.ContainsFunc(value, func(c rune) bool { return !httpsyntax.IsPrintableASCII(c) }) {
			names[n] = name + "=" + value
		}
	}
	return names
}

// callbackOf returns the callback under its old or its new name; false if they differ.
func callbackOf(v url.Values) (string, bool) {
	if v.Has("callback_uri") && v.Has("redirect_uri") && v.Get("callback_uri") != v.Get("redirect_uri") {
		return "", false
	}
	if v.Has("callback_uri") {
		return v.Get("callback_uri"), true
	}
	return v.Get("redirect_uri"), true
}

// ParseConnectionsCloudToken reads a token request in one of its three ways. The checks come
// in a fixed order: twice, absent, invalid, grant type, empty; the engine goes on with client,
// secret, callback and code.
func ParseConnectionsCloudToken(r *http.Request) (authserver.ClientSecret, authserver.TokenRequest, error) {
	var secret authserver.ClientSecret
	var req authserver.TokenRequest
	v, err := connectionsToken.gather(r, connectionsPlaces...)
	if err != nil {
		return secret, req, err
	}
	if v.place != authserver.SecretInHeader && r.Header.Get("Authorization") != "" {
		return secret, req, fault(authserver.ParameterMisplaced, "Authorization")
	}
	if err := checkConnectionsToken(v.Values); err != nil {
		return secret, req, err
	}
	callback, ok := callbackOf(v.Values)
	if !ok {
		return secret, req, authserver.NewGrantError(authserver.GrantWrongCallback, "callback_uri and redirect_uri differ")
	}
	secret = authserver.ClientSecret{ID: v.Get("client_id"), Secret: v.Get("client_secret"), Place: v.place}
	req = authserver.TokenRequest{
		GrantType: authserver.GrantType(v.Get("grant_type")), Proof: v.Get("code"), Callback: callback,
		CodeVerifier: v.Get("code_verifier"), RefreshToken: v.Get("refresh_token"),
	}
	return secret, req, nil
}

func checkConnectionsToken(v url.Values) error {
	grant := authserver.GrantType(v.Get("grant_type"))
	if names := connectionsToken.absent(v, grant); len(names) > 0 {
		return fault(authserver.ParameterAbsent, names...)
	}
	if names := connectionsToken.invalid(v); len(names) > 0 {
		return fault(authserver.ParameterMalformed, names...)
	}
	if grant != authserver.GrantAuthorizationCode && grant != authserver.GrantRefreshToken {
		return authserver.Refuse(authserver.UnsupportedGrantType, "grant_type must be authorization_code or refresh_token")
	}
	for _, p := range connectionsToken {
		needed := p.grant == grant || p.grant == "" && !p.optional
		given := func(name string) bool { return v.Get(name) != "" }
		if needed && !slices.ContainsFunc(p.names(), given) {
			return fault(authserver.ParameterEmpty, p.name)
		}
	}
	return nil
}

// ConnectionsCloudApprovalURL is where the browser goes when the owner approved: the callback
// with the code (step 2), and with state if there was one.
func ConnectionsCloudApprovalURL(_ string, a *authserver.Approval) string {
	return connectionsBack(a.Return, "code="+url.QueryEscape(a.Proof))
}

// ConnectionsCloudErrorURL is where the browser goes when the owner denied (step 2). It is empty
// for any other error: they are shown, and never travel.
func ConnectionsCloudErrorURL(_ string, e authserver.ReturnError) string {
	if e.Code() != authserver.AccessDenied {
		return ""
	}
	return connectionsBack(e.Return(), "oauth_error=oauth_denied&error=access_denied")
}

func connectionsBack(r authserver.Return, query string) string {
	if r.State != "" {
		query += "&state=" + url.QueryEscape(r.State)
	}
	return httpsyntax.AddQuery(r.Callback, query)
}

// WriteConnectionsCloudToken answers a token request with one line: the fields and their order
// are those of step 3, times are in milliseconds.
func WriteConnectionsCloudToken(w http.ResponseWriter, t *authserver.Tokens) {
	fields := []string{"access_token=" + url.QueryEscape(t.AccessToken)}
	if t.RefreshToken != "" {
		fields = append(fields, "refresh_token="+url.QueryEscape(t.RefreshToken))
	}
	fields = append(fields,
		"issued_on="+strconv.FormatInt(t.IssuedAt.UnixMilli(), 10),
		"expires_in="+strconv.FormatInt(t.ExpiresAt.Sub(t.IssuedAt).Milliseconds(), 10),
		"token_type=Bearer")
	w.Header().Set("Content-Type", httpsyntax.FormType)
	_, _ = w.Write([]byte(strings.Join(fields, "&"))) // an answer nobody waits for any more is no fault
}
