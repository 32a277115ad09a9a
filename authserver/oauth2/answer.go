// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
	"github.com/gatehouse-dev/gatehouse/internal/jsonline"
)

// ApprovalURL is where the browser goes when the owner approved: the callback with code,
// state (RFC 6749 §4.1.2) and iss (RFC 9207 §2).
func ApprovalURL(issuer string, a *authserver.Approval) string {
	return back(issuer, a.Return, url.Values{"code": {a.Proof}})
}

// ErrorURL is where the browser goes with an error whose callback is proven (RFC 6749
// §4.1.2.1, RFC 9207 §2).
func ErrorURL(issuer string, e authserver.ReturnError) string {
	v := url.Values{"error": {string(e.Code())}}
	if e.Description() != "" {
		v.Set("error_description", e.Description())
	}
	return back(issuer, e.Return(), v)
}

// back adds parameters to a callback, whose own query stays (RFC 6749 §3.1.2).
func back(issuer string, r authserver.Return, v url.Values) string {
	v.Set("iss", issuer)
	if r.State != "" {
		v.Set("state", r.State)
	}
	return httpsyntax.AddQuery(r.Callback, v.Encode())
}

// WriteError answers a request of a client with an error (RFC 6749 §5.2).
func WriteError(w http.ResponseWriter, e authserver.Refusal) {
	if writeBearerError(w, e) {
		return
	}
	status := StatusOf(e.Code())
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="gatehouse", charset="UTF-8"`)
	}
	SetRetryAfter(w, e)
	WriteErrorWithStatus(w, status, e.Code(), e.Description())
}

// NotFound is the code of an address where nothing is. RFC 6749 has no word for it.
const NotFound authserver.Code = "not_found"

// WriteErrorWithStatus answers a request that no endpoint reads.
func WriteErrorWithStatus(w http.ResponseWriter, status int, code authserver.Code, description string) {
	writeObject(w, status, func(o *jsonline.Object) {
		o.String("error", string(code))
		o.OptionalString("error_description", description)
	})
}

// WriteRevoked answers a revocation (RFC 7009 §2.2). The RFC asks for no body, but some clients take
// only JSON for success.
func WriteRevoked(w http.ResponseWriter) { writeObject(w, http.StatusOK, func(*jsonline.Object) {}) }

// SetRetryAfter says how long to wait, in whole seconds (RFC 9110 §10.2.3).
func SetRetryAfter(w http.ResponseWriter, e authserver.Refusal) {
	if wait, ok := errors.AsType[authserver.WaitError](e); ok && wait.After() > 0 {
		w.Header().Set("Retry-After", httpsyntax.RetryAfter(wait.After()))
	}
}

// StatusOf returns the HTTP status that goes with a code at the back-channel endpoints.
func StatusOf(c authserver.Code) int {
	switch c {
	case authserver.InvalidClient:
		return http.StatusUnauthorized
	case authserver.ServerError:
		return http.StatusInternalServerError
	case authserver.TemporarilyUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusBadRequest
	}
}
