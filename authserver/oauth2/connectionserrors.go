// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// line is a row of a table of legacy errors: what the engine calls an error, and how the old
// server did.
type line struct {
	is     error  // a Code or a cause, which errors.Is finds
	about  string // the parameter it is about; empty: any
	status int
	text   string
	lists  bool // the names of the parameters follow
	source string
}

type lines []line

// of returns status and text of an error; false if no row has it. The first row that matches counts.
func (ls lines) of(e authserver.Refusal) (status int, text string, ok bool) {
	parameters, _ := errors.AsType[authserver.ParameterError](e)
	names := parameters.Names()
	for _, l := range ls {
		switch {
		case !errors.Is(e, l.is):
		case l.about != "" && (len(names) == 0 || names[0] != l.about):
		case l.lists && len(names) == 0:
		case l.lists:
			return l.status, l.text + strings.Join(names, ","), true
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
	{is: authserver.ParameterAbsent, status: http.StatusBadRequest, text: absentParameters, lists: true, source: errorList},
	{is: authserver.ParameterRepeated, status: http.StatusBadRequest, text: duplicatedParameters, lists: true, source: errorList},
	// No blank after the colon, there and nowhere else.
	{is: authserver.ParameterMalformed, status: http.StatusBadRequest, text: "oauth_invalid_parameters:", lists: true, source: errorList},
	{is: authserver.UnsupportedResponseType, status: http.StatusUnauthorized, text: "oauth_invalid_responsetype", source: errorList},
	// Unknown, suspended, unready clients, those of another profile, and those that may not use the code grant.
	{is: authserver.UnknownClient, status: http.StatusUnauthorized, text: invalidClientID, source: errorList},
	{is: authserver.UnauthorizedClient, status: http.StatusUnauthorized, text: invalidClientID, source: ours},
	{is: authserver.InvalidCallback, status: http.StatusUnauthorized, text: otherCallback, source: errorList},
	{is: authserver.OwnerNotEntitled, status: http.StatusUnauthorized, text: missingSubscription, source: errorList},
	{is: authserver.ServerError, status: http.StatusInternalServerError, text: requestFailed, source: errorList},
	{is: authserver.TemporarilyUnavailable, status: http.StatusServiceUnavailable, text: requestFailed, source: ours},
}

// connectionsAnswers are the errors of the token endpoint and of getUserIdentity.
var connectionsAnswers = lines{
	{is: authserver.ParameterAbsent, status: http.StatusBadRequest, text: absentParameters, lists: true, source: errorList},
	{is: authserver.ParameterRepeated, status: http.StatusBadRequest, text: duplicatedParameters, lists: true, source: errorList},
	// What the endpoint does not know is ignored. This is for what it does not take in that place.
	{is: authserver.ParameterMisplaced, status: http.StatusBadRequest, text: unsupportedParameters, lists: true, source: ours},
	{is: authserver.ParameterMisplaced, status: http.StatusBadRequest, text: unsupportedParameters + "client_secret", source: ours},
	{is: authserver.ParameterMalformed, status: http.StatusBadRequest, text: "oauth_invalid_parameters: ", lists: true, source: errorList},
	{is: authserver.UnsupportedGrantType, status: http.StatusBadRequest, text: "oauth_unsupported_grant_type", source: errorList},
	{is: authserver.UnauthorizedClient, status: http.StatusBadRequest, text: "oauth_unsupported_grant_type", source: ours},
	// A parameter that is there, but empty: one that is not there is absent.
	{is: authserver.ParameterEmpty, about: "client_secret", status: http.StatusUnauthorized, text: "oauth_missing_clientsecret", source: errorList},
	{is: authserver.ParameterEmpty, about: "callback_uri", status: http.StatusUnauthorized, text: "oauth_missing_callbackurl", source: errorList},
	{is: authserver.ParameterEmpty, about: "code", status: http.StatusUnauthorized, text: "oauth_missing_authorizationcode", source: errorList},
	{is: authserver.ParameterEmpty, about: "client_id", status: http.StatusUnauthorized, text: invalidClientID, source: ours},
	{is: authserver.ParameterEmpty, about: "refresh_token", status: http.StatusUnauthorized, text: badRefreshToken, source: ours},
	{is: authserver.InvalidRequest, status: http.StatusBadRequest, text: requestFailed, source: ours},
	// There was no identifier for a wrong secret: it is told like an unknown client.
	{is: authserver.InvalidClient, status: http.StatusUnauthorized, text: invalidClientID, source: errorList},
	// Whatever is wrong with a refresh token: nothing is ever decrypted.
	{is: authserver.GrantOfRefreshToken, status: http.StatusUnauthorized, text: badRefreshToken, source: errorList},
	{is: authserver.GrantWrongCallback, status: http.StatusUnauthorized, text: otherCallback, source: errorList},
	{is: authserver.GrantExpired, status: http.StatusUnauthorized, text: "oauth_authorization_code_expired", source: errorList},
	{is: authserver.InvalidGrant, status: http.StatusUnauthorized, text: "oauth_invalid_authorizationcode", source: errorList},
	{is: authserver.TokenMissing, status: http.StatusUnauthorized, text: absentParameters + "access_token", source: ours},
	{is: authserver.TokenExpired, status: http.StatusUnauthorized, text: "oauth_access_token_expired", source: step5},
	{is: authserver.TemporarilyUnavailable, status: http.StatusServiceUnavailable, text: requestFailed, source: ours},
}

const badRefreshToken = "fail decrypt refresh token" //nolint:gosec // a line of the error list, no credential

// ConnectionsCloudPage returns how the authorization endpoint called an error, and its status;
// false for what it did not know.
func ConnectionsCloudPage(e authserver.Refusal) (status int, identifier string, ok bool) {
	return connectionsPages.of(e)
}

// WriteConnectionsCloudError answers a request of a client with one line of text.
func WriteConnectionsCloudError(w http.ResponseWriter, e authserver.Refusal) {
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
func connectionsChallenge(e authserver.Refusal) string {
	switch e.Code() {
	case authserver.TokenExpired:
		return `Bearer realm="gatehouse", error="invalid_token"`
	case authserver.TokenRejected, authserver.TokenMissing:
		return `Bearer realm="gatehouse"`
	default:
		return `OAuth realm="gatehouse"`
	}
}
