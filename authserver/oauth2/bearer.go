// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"net/http"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

// ParseBearer reads the access token of a request to a resource (RFC 6750 §2.1): from the header
// and from nowhere else. The scheme may be in any case. Without a token the error is TokenMissing,
// with one that is malformed TokenExpired.
func ParseBearer(r *http.Request) (string, error) {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return "", authserver.Refuse(authserver.TokenMissing, "an access token is required")
	}
	scheme, token := httpsyntax.CutScheme(values[0])
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", authserver.Refuse(authserver.TokenExpired, "the Authorization header must be a bearer token")
	}
	return token, nil
}

// ParseBearerOrForm is ParseBearer for a resource that also takes the token in the form of a POST (RFC 6750 §2.2), in one of the two
// places. One in the URL is not looked at (OAuth 2.1 §5.1).
func ParseBearerOrForm(r *http.Request) (string, error) {
	if r.Method != http.MethodPost || !httpsyntax.IsForm(r.Header.Get("Content-Type")) {
		return ParseBearer(r)
	}
	text, err := readForm(r)
	if err != nil {
		return "", err
	}
	form := parseGiven([]string{"access_token"}, text)
	if problem := form.check(); problem != nil {
		return "", problem
	}
	token := form.Get("access_token")
	if token == "" {
		return ParseBearer(r)
	}
	if len(r.Header["Authorization"]) > 0 {
		return "", invalid("the access token is sent in two ways at once")
	}
	return token, nil
}

// writeBearerError answers a request to a resource that its token does not open (RFC 6750 §3), and reports whether the
// error is such a one.
func writeBearerError(w http.ResponseWriter, e authserver.Refusal) bool {
	status, challenge, code := http.StatusUnauthorized, `Bearer realm="gatehouse"`, authserver.Code("invalid_token")
	switch e.Code() {
	case authserver.TokenMissing: // who brings none is told of no error
	case authserver.TokenExpired:
		challenge += `, error="invalid_token"`
	case authserver.InsufficientScope:
		status, code = http.StatusForbidden, authserver.InsufficientScope
		challenge += `, error="insufficient_scope", scope="openid"`
	default:
		return false
	}
	w.Header().Set("WWW-Authenticate", challenge)
	WriteErrorWithStatus(w, status, code, e.Description())
	return true
}
