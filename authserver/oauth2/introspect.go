// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"net/http"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// introspection is RFC 7662 §2.2.
type introspection struct {
	Active    bool   `json:"active"`
	Scope     string `json:"scope,omitempty"`
	ClientID  string `json:"client_id,omitempty"`
	Username  string `json:"username,omitempty"`
	TokenType string `json:"token_type,omitempty"`
	Expires   int64  `json:"exp,omitempty"`
	Issued    int64  `json:"iat,omitempty"`
	Subject   string `json:"sub,omitempty"`
	Issuer    string `json:"iss,omitempty"`
}

// WriteIntrospection answers an introspection request (RFC 7662 §2.2). The subject of a
// token without an owner is its client, in a form that no owner's subject has. About an inactive
// token nothing is said.
func WriteIntrospection(w http.ResponseWriter, issuer string, t authserver.TokenInfo) {
	if !t.Active {
		writeJSON(w, http.StatusOK, introspection{})
		return
	}
	answer := introspection{
		Active: true, Scope: strings.Join(t.Scopes, " "), ClientID: t.Client.ID, Username: t.Owner.Name,
		TokenType: "Bearer", Expires: t.ExpiresAt.Unix(), Subject: t.Owner.Subject, Issuer: issuer,
	}
	if t.Refresh || t.Client.Profile.Signed() {
		answer.TokenType = "" // Bearer is how access tokens are used that need no signature
	}
	if t.Owner.Subject == "" {
		answer.Subject = authserver.ClientSubject(t.Client.ID)
	}
	if !t.IssuedAt.IsZero() {
		answer.Issued = t.IssuedAt.Unix()
	}
	writeJSON(w, http.StatusOK, answer)
}
