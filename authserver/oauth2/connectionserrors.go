// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"io"
	"net/http"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// line is a row of a table of legacy errors: what the engine calls an error, and how the old
// server did.
type line struct {
	code   authserver.Code
	why    authserver.Why
	about  string // the parameter it is about; empty: any
	status int
	text   string
	lists  bool // the names of the parameters follow
	source string
}

type lines []line

// of returns status and text of an error; false if no row has it. The first row that fits counts.
func (ls lines) of(e *authserver.Error) (status int, text string, ok bool) {
	for _, l := range ls {
		switch {
		case l.code != e.Code || l.why != e.Why && l.why != authserver.WhyUnsaid:
		case l.about != "" && (len(e.Parameters) == 0 || e.Parameters[0] != l.about):
		case l.lists && len(e.Parameters) == 0:
		case l.lists:
			return l.status, l.text + strings.Join(e.Parameters, ","), true
		default:
			return l.status, l.text, true
		}
	}
	return 0, "", false
}

// Texts that stand in both tables.
const (
	absentParameters      = "oauth_absent_parameters: "
	duplicatedParameters  = "oauth_duplicated_parameters: "
	unsupportedParameters = "oauth_unsupported_parameters: "
	invalidClientID       = "oauth_invalid_clientid"
	otherCallback         = "Callback URI sent with the request is not the same as the one registered for this Company App"
	missingSubscription   = "oauth_consumer_missing_subscription"
	requestFailed         = "oauth_request_failed"
)

// connectionsPages are the errors of the authorization endpoint. All are shown.
var connectionsPages = lines{
	{code: authserver.InvalidRequest, why: authserver.WhyAbsent, status: http.StatusBadRequest, text: absentParameters, lists: true, source: errorList},
	{code: authserver.InvalidRequest, why: authserver.WhyRepeated, status: http.StatusBadRequest, text: duplicatedParameters, lists: true, source: errorList},
	// No blank after the colon, there and nowhere else.
	{code: authserver.InvalidRequest, why: authserver.WhyMalformed, status: http.StatusBadRequest, text: "oauth_invalid_parameters:", lists: true, source: errorList},
	{code: authserver.UnsupportedResponseType, status: http.StatusUnauthorized, text: "oauth_invalid_responsetype", source: errorList},
	// Unknown, suspended, unready clients, those of another profile, and those that may not use the code grant.
	{code: authserver.UnknownClient, status: http.StatusUnauthorized, text: invalidClientID, source: errorList},
	{code: authserver.UnauthorizedClient, status: http.StatusUnauthorized, text: invalidClientID, source: ours},
	{code: authserver.InvalidCallback, status: http.StatusUnauthorized, text: otherCallback, source: errorList},
	{code: authserver.AccessDenied, why: authserver.WhyNotEntitled, status: http.StatusUnauthorized, text: missingSubscription, source: errorList},
	{code: authserver.ServerError, status: http.StatusInternalServerError, text: requestFailed, source: errorList},
	{code: authserver.TemporarilyUnavailable, status: http.StatusServiceUnavailable, text: requestFailed, source: ours},
}

// connectionsAnswers are the errors of the token endpoint and of getUserIdentity.
var connectionsAnswers = lines{
	{code: authserver.InvalidRequest, why: authserver.WhyAbsent, status: http.StatusBadRequest, text: absentParameters, lists: true, source: errorList},
	{code: authserver.InvalidRequest, why: authserver.WhyRepeated, status: http.StatusBadRequest, text: duplicatedParameters, lists: true, source: errorList},
	// What the endpoint does not know is ignored. This is for what it does not take in that place.
	{code: authserver.InvalidRequest, why: authserver.WhyMisplaced, status: http.StatusBadRequest, text: unsupportedParameters, lists: true, source: ours},
	{code: authserver.InvalidRequest, why: authserver.WhyMisplaced, status: http.StatusBadRequest, text: unsupportedParameters + "client_secret", source: ours},
	{code: authserver.InvalidRequest, why: authserver.WhyMalformed, status: http.StatusBadRequest, text: "oauth_invalid_parameters: ", lists: true, source: errorList},
	{code: authserver.UnsupportedGrantType, status: http.StatusBadRequest, text: "oauth_unsupported_grant_type", source: errorList},
	{code: authserver.UnauthorizedClient, status: http.StatusBadRequest, text: "oauth_unsupported_grant_type", source: ours},
	// A parameter that is there, but empty: one that is not there is absent.
	{code: authserver.InvalidRequest, why: authserver.WhyEmpty, about: "client_secret", status: http.StatusUnauthorized, text: "oauth_missing_clientsecret", source: errorList},
	{code: authserver.InvalidRequest, why: authserver.WhyEmpty, about: "callback_uri", status: http.StatusUnauthorized, text: "oauth_missing_callbackurl", source: errorList},
	{code: authserver.InvalidRequest, why: authserver.WhyEmpty, about: "code", status: http.StatusUnauthorized, text: "oauth_missing_authorizationcode", source: errorList},
	{code: authserver.InvalidRequest, why: authserver.WhyEmpty, about: "client_id", status: http.StatusUnauthorized, text: invalidClientID, source: ours},
	{code: authserver.InvalidRequest, why: authserver.WhyEmpty, about: "refresh_token", status: http.StatusUnauthorized, text: badRefreshToken, source: ours},
	{code: authserver.InvalidRequest, status: http.StatusBadRequest, text: requestFailed, source: ours},
	// There was no identifier for a wrong secret: it is told like an unknown client.
	{code: authserver.InvalidClient, status: http.StatusUnauthorized, text: invalidClientID, source: errorList},
	{code: authserver.InvalidGrant, why: authserver.WhyWrongCallback, status: http.StatusUnauthorized, text: otherCallback, source: errorList},
	{code: authserver.InvalidGrant, why: authserver.WhyExpired, status: http.StatusUnauthorized, text: "oauth_authorization_code_expired", source: errorList},
	// Whatever is wrong with a refresh token: nothing is ever decrypted.
	{code: authserver.InvalidGrant, why: authserver.WhyRefreshToken, status: http.StatusUnauthorized, text: badRefreshToken, source: errorList},
	{code: authserver.InvalidGrant, status: http.StatusUnauthorized, text: "oauth_invalid_authorizationcode", source: errorList},
	{code: authserver.TokenRejected, why: authserver.WhyAbsent, status: http.StatusUnauthorized, text: absentParameters, lists: true, source: ours},
	{code: authserver.TokenExpired, status: http.StatusUnauthorized, text: "oauth_access_token_expired", source: step5},
	{code: authserver.TemporarilyUnavailable, status: http.StatusServiceUnavailable, text: requestFailed, source: ours},
}

const badRefreshToken = "fail decrypt refresh token" //nolint:gosec // a line of the error list, no credential

// ConnectionsCloudPage returns how the authorization endpoint called an error, and its status;
// false for what it did not know.
func ConnectionsCloudPage(e *authserver.Error) (status int, identifier string, ok bool) {
	return connectionsPages.of(e)
}

// WriteConnectionsCloudError answers a request of a client with one line of text.
func WriteConnectionsCloudError(w http.ResponseWriter, e *authserver.Error) {
	status, text, ok := connectionsAnswers.of(e)
	if !ok {
		status, text = http.StatusInternalServerError, requestFailed
	}
	if status == http.StatusUnauthorized { // RFC 9110 §15.5.2, which the old server did not keep
		w.Header().Set("WWW-Authenticate", connectionsChallenge(e))
	}
	SetRetryAfter(w, e)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// connectionsChallenge is RFC 6750 §3 for those who bring a token, and for clients a scheme
// that no browser asks a person about.
func connectionsChallenge(e *authserver.Error) string {
	switch e.Code {
	case authserver.TokenExpired:
		return `Bearer realm="gatehouse", error="invalid_token"`
	case authserver.TokenRejected:
		return `Bearer realm="gatehouse"`
	default:
		return `OAuth realm="gatehouse"`
	}
}
