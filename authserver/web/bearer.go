// SPDX-License-Identifier: Apache-2.0

package web

import (
	"io"
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
)

// standardOAuth2 is OAuth 2.x.
type standardOAuth2 struct{}

func (standardOAuth2) profile() authserver.Profile { return authserver.ProfileOAuth2 }

func (standardOAuth2) approval(issuer string, a *authserver.Approval) string {
	return oauth2.ApprovalURL(issuer, a)
}

func (standardOAuth2) failure(issuer string, e authserver.ReturnError) string {
	return oauth2.ErrorURL(issuer, e)
}

func (standardOAuth2) identify(authserver.Refusal) (int, string, bool) { return 0, "", false }

func (standardOAuth2) refuse(w http.ResponseWriter, e authserver.Refusal) { oauth2.WriteError(w, e) }

func (standardOAuth2) refuseUnserved(w http.ResponseWriter, e *unserved) {
	oauth2.WriteErrorWithStatus(w, e.status, e.code, e.text)
}

func (standardOAuth2) consentWords() consentWords { return ourWords }

func (standardOAuth2) parseAuthorize(r *http.Request) (authserver.AuthorizeRequest, error) {
	return oauth2.ParseAuthorize(r)
}

func (standardOAuth2) parseToken(r *http.Request) (authserver.ClientSecret, authserver.TokenRequest, error) {
	return oauth2.ParseToken(r)
}

func (standardOAuth2) writeToken(w http.ResponseWriter, t *authserver.Tokens) {
	oauth2.WriteToken(w, t)
}

// connectionsCloudOAuth2 is how IBM Connections Cloud spoke OAuth 2.0. No issuer goes with what
// travels back: it had none.
type connectionsCloudOAuth2 struct{}

func (connectionsCloudOAuth2) profile() authserver.Profile {
	return authserver.ProfileConnectionsCloudOAuth2
}

func (connectionsCloudOAuth2) approval(issuer string, a *authserver.Approval) string {
	return oauth2.ConnectionsCloudApprovalURL(issuer, a)
}

func (connectionsCloudOAuth2) failure(issuer string, e authserver.ReturnError) string {
	return oauth2.ConnectionsCloudErrorURL(issuer, e)
}

func (connectionsCloudOAuth2) identify(e authserver.Refusal) (int, string, bool) {
	return oauth2.ConnectionsCloudPage(e)
}

func (connectionsCloudOAuth2) refuse(w http.ResponseWriter, e authserver.Refusal) {
	oauth2.WriteConnectionsCloudError(w, e)
}

func (connectionsCloudOAuth2) refuseUnserved(w http.ResponseWriter, e *unserved) { writeText(w, e) }

func (connectionsCloudOAuth2) consentWords() consentWords { return connectionsCloudWords }

func (connectionsCloudOAuth2) parseAuthorize(r *http.Request) (authserver.AuthorizeRequest, error) {
	return oauth2.ParseConnectionsCloudAuthorize(r)
}

func (connectionsCloudOAuth2) parseToken(r *http.Request) (authserver.ClientSecret, authserver.TokenRequest, error) {
	return oauth2.ParseConnectionsCloudToken(r)
}

func (connectionsCloudOAuth2) writeToken(w http.ResponseWriter, t *authserver.Tokens) {
	oauth2.WriteConnectionsCloudToken(w, t)
}

var connectionsCloudWords = consentWords{
	Allow:  "Grant Access and Leave Site",                                      // a reader's report of the grant page
	Always: "Always grant", AlwaysAfter: "access and do not show this message", // IBM Connections Cloud, Step 2 page
	Learns: "your name and your mail address", // getUserIdentity tells them
}

// integrationCloud is how webMethods Integration Cloud spoke OAuth 2.0: in the words of RFC 6749,
// as far as they are known. Only its requests and its tokens are spelled otherwise.
type integrationCloud struct{ standardOAuth2 }

func (integrationCloud) profile() authserver.Profile { return authserver.ProfileIntegrationCloud }

func (integrationCloud) consentWords() consentWords { // Generating tokens page
	return consentWords{Allow: "Grant Access", Always: ourWords.Always}
}

func (integrationCloud) parseAuthorize(r *http.Request) (authserver.AuthorizeRequest, error) {
	return oauth2.ParseIntegrationCloudAuthorize(r)
}

func (integrationCloud) parseToken(r *http.Request) (authserver.ClientSecret, authserver.TokenRequest, error) {
	return oauth2.ParseIntegrationCloudToken(r)
}

func (integrationCloud) writeToken(w http.ResponseWriter, t *authserver.Tokens) {
	oauth2.WriteIntegrationCloudToken(w, t)
}

// writeText answers a client's request that reaches no endpoint with one line, as the old servers did.
func writeText(w http.ResponseWriter, e *unserved) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(e.status)
	_, _ = io.WriteString(w, e.text) // the client may have gone
}
