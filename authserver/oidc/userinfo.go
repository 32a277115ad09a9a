// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/openid"
)

// userInfo is a signed answer of the UserInfo endpoint (OpenID Connect Core §5.3.2).
type userInfo struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	person
}

// TellsOf reports whether an access token with the scopes opens the UserInfo endpoint.
func TellsOf(scopes []string) bool { return slices.Contains(scopes, openid.ScopeOpenID) }

// WantsSigned reports whether the answer is to be a signed JWT: the request accepts nothing else.
func WantsSigned(r *http.Request) bool {
	for _, part := range strings.Split(strings.Join(r.Header["Accept"], ","), ",") {
		if kind, _, err := mime.ParseMediaType(part); err != nil || kind != "application/jwt" {
			return false
		}
	}
	return len(r.Header["Accept"]) > 0
}

// WriteUserInfo answers with what the scopes of a token release about its owner.
func WriteUserInfo(w http.ResponseWriter, o authserver.Owner, scopes []string) error {
	text, err := json.Marshal(claimsOf(o, scopes))
	if err != nil {
		return fmt.Errorf("marshal claims: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(text, '\n')) // an answer nobody waits for any more is no fault
	return nil
}

// WriteSignedUserInfo does so in a JWT for the client.
func WriteSignedUserInfo(w http.ResponseWriter, issuer string, key credential.SigningKey, c *authserver.Client, o authserver.Owner, scopes []string) error {
	text, err := signJWT(key, "JWT", userInfo{Issuer: issuer, Audience: c.ID, person: claimsOf(o, scopes)})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/jwt")
	_, _ = w.Write([]byte(text)) // as above
	return nil
}
