// SPDX-License-Identifier: Apache-2.0

package oauth1

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Credentials are an identifier and its secret, and how long they live.
type Credentials struct {
	redacted
	Token     string
	Secret    string
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// WriteTemporary answers a request for temporary credentials (RFC 5849 §2.1).
func WriteTemporary(w http.ResponseWriter, rules Rules, c Credentials) {
	writeForm(w, http.StatusOK, rules.spell(c, Param{"oauth_callback_confirmed", "true"}))
}

// WriteToken answers a request for token credentials (RFC 5849 §2.3).
func WriteToken(w http.ResponseWriter, rules Rules, c Credentials) {
	writeForm(w, http.StatusOK, rules.spell(c))
}

func (r Rules) spell(c Credentials, more ...Param) []Param {
	params := append([]Param{{ParamToken, c.Token}, {paramSecret, c.Secret}}, more...)
	if r.Lifetimes {
		params = append(params,
			Param{"issued_on", strconv.FormatInt(c.IssuedAt.UnixMilli(), 10)},
			Param{"expires_in", strconv.FormatInt(c.ExpiresAt.Sub(c.IssuedAt).Milliseconds(), 10)})
	}
	return params
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
	join := "?"
	if strings.Contains(callback, "?") {
		join = "&"
	}
	return callback + join + encodeForm(params)
}

func writeForm(w http.ResponseWriter, status int, params []Param) {
	write(w, status, formType, encodeForm(params))
}

func write(w http.ResponseWriter, status int, media, body string) {
	w.Header().Set("Content-Type", media)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // an answer nobody waits for any more is no fault
}
