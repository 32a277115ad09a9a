// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"net/http"
	"strconv"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/jsonline"
)

// The paths of webMethods Integration Cloud. Mind the A.
const (
	PathIntegrationCloudAuthorize = "/integration/rest/oAuth/authorize"
	PathIntegrationCloudToken     = "/integration/rest/oAuth/getToken"
)

// Where the rows of the table come from.
const (
	generatingTokens = "Integration Cloud, Generating Tokens"
	refreshingTokens = "Integration Cloud, Refreshing Access Tokens"
	getTokenService  = "Integration Server, built-in service pub.oauth:getToken"
	rfc6749          = "RFC 6749"
	rfc7636          = "RFC 7636"
)

// integrationToken is what getToken reads, from the query of a POST without a body, or from the
// body as RFC 6749 says. The client secret is never in the address.
var integrationToken = parameters{
	{name: "grant_type", source: refreshingTokens},
	{name: "code", secret: true, source: getTokenService},
	{name: "redirect_uri", source: getTokenService},
	{name: "client_id", source: getTokenService},
	{name: "client_secret", secret: true, source: rfc6749},
	{name: "refresh_token", secret: true, source: refreshingTokens},
	{name: "scope", source: generatingTokens},
	{name: "code_verifier", secret: true, source: rfc7636},
}

var integrationPlaces = []reader{
	omittingEmpty(reader{authserver.SecretInBody, legacyBody}), omittingEmpty(reader{authserver.SecretInURL, legacyQuery}),
}

// ParseIntegrationCloudAuthorize reads an authorization request, spelled as RFC 6749 does.
// A client that is older than PKCE may leave it out; a Public one may not, which the
// engine knows. What OpenID Connect added later means nothing here. An error is for the
// person to see.
func ParseIntegrationCloudAuthorize(r *http.Request) (authserver.AuthorizeRequest, error) {
	v, err := parseQueryAndForm(r, authorizeParameters)
	if err != nil {
		return authserver.AuthorizeRequest{}, err
	}
	return authorizeRequest(authserver.ProfileIntegrationCloud, v), nil
}

// ParseIntegrationCloudToken reads a token request. What carries a code or a refresh token in
// the address is said to be InURL; a client credentials request holds no secret there.
func ParseIntegrationCloudToken(r *http.Request) (authserver.ClientSecret, authserver.TokenRequest, error) {
	var req authserver.TokenRequest
	v, err := integrationToken.gather(r, integrationPlaces...)
	if err != nil {
		return authserver.ClientSecret{}, req, err
	}
	if v.place == authserver.SecretInURL && v.Has("client_secret") {
		return authserver.ClientSecret{}, req, invalid("the client secret belongs in the Authorization header, not in the URL")
	}
	secret, err := parseClient(r, v.Values)
	if err != nil {
		return secret, req, err
	}
	if v.place == authserver.SecretInURL && integrationToken.secrets(v.Values) {
		secret.Place = authserver.SecretInURL
	}
	scopes, problem := parseScope(v.Get("scope"))
	if problem != nil {
		return secret, req, problem
	}
	req = tokenRequest(v.Values, scopes)
	return secret, req, checkTokenRequest(req)
}

// WriteIntegrationCloudToken answers a token request: expires_in is in seconds, and a string.
func WriteIntegrationCloudToken(w http.ResponseWriter, t *authserver.Tokens) {
	writeObject(w, http.StatusOK, func(o *jsonline.Object) {
		o.String("access_token", t.AccessToken)
		o.String("token_type", "Bearer")
		o.String("expires_in", strconv.FormatInt(int64(t.ExpiresAt.Sub(t.IssuedAt).Seconds()), 10))
		o.OptionalString("refresh_token", t.RefreshToken)
		o.OptionalWords("scope", t.Scopes)
	})
}
