// SPDX-License-Identifier: Apache-2.0

package oauth1

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

// WriteTemporary answers a request for temporary credentials (RFC 5849 §2.1).
func WriteTemporary(w http.ResponseWriter, rules Rules, t *authserver.TemporaryCredentials) {
	params := []Param{{ParamToken, t.Token}, {paramSecret, t.Secret}, {"oauth_callback_confirmed", "true"}}
	writeForm(w, http.StatusOK, append(params, rules.lifetime(t.IssuedAt, t.ExpiresAt)...))
}

// WriteToken answers a request for token credentials (RFC 5849 §2.3).
func WriteToken(w http.ResponseWriter, rules Rules, t *authserver.Tokens) {
	params := []Param{{ParamToken, t.AccessToken}, {paramSecret, t.TokenSecret}}
	writeForm(w, http.StatusOK, append(params, rules.lifetime(t.IssuedAt, t.ExpiresAt)...))
}

// WriteRevoked answers a revocation. There is nothing to say, and an empty form is one.
func WriteRevoked(w http.ResponseWriter) { writeForm(w, http.StatusOK, nil) }

func (r Rules) lifetime(from, to time.Time) []Param {
	if !r.Lifetimes {
		return nil
	}
	return []Param{
		{"issued_on", strconv.FormatInt(from.UnixMilli(), 10)},
		{"expires_in", strconv.FormatInt(to.Sub(from).Milliseconds(), 10)},
	}
}

// ApprovalURL is where the browser goes when the owner approved (RFC 5849 §2.2).
func ApprovalURL(callback, token, verifier string) string {
	return back(callback, []Param{{ParamToken, token}, {ParamVerifier, verifier}})
}

// DeniedURL is where the browser goes when the owner did not.
func DeniedURL(rules Rules, callback, token string) string {
	return back(callback, append([]Param{{ParamToken, token}}, rules.Denied...))
}

// back adds parameters at the end of a callback's own query (RFC 5849 §2.2).
func back(callback string, params []Param) string {
	return httpsyntax.AddQuery(callback, encodeForm(params))
}

func writeForm(w http.ResponseWriter, status int, params []Param) {
	write(w, status, httpsyntax.FormType, encodeForm(params))
}

func write(w http.ResponseWriter, status int, media, body string) {
	w.Header().Set("Content-Type", media)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // an answer nobody waits for any more is no fault
}
