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

// UserInfo is what an access token tells at the UserInfo endpoint.
type UserInfo struct {
	Client *authserver.Client
	Owner  authserver.Owner
	Scopes []string
	// Misfit is told of each claim mapping that does not fit the person.
	Misfit func(error)
}

// Write answers with what the scopes of the token release about its owner.
func (u UserInfo) Write(w http.ResponseWriter) error {
	p := claimsOf(u.Owner, u.Scopes)
	claims, err := withMappings(p, p, u.Scopes, u.Client.OpenID.Mappings, u.Misfit)
	if err != nil {
		return err
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return fmt.Errorf("marshal claims: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(text, '\n')) // an answer nobody waits for any more is no fault
	return nil
}

// WriteSigned does so in a JWT for the client.
func (u UserInfo) WriteSigned(w http.ResponseWriter, issuer string, key credential.SigningKey) error {
	p := claimsOf(u.Owner, u.Scopes)
	claims, err := withMappings(userInfo{Issuer: issuer, Audience: u.Client.ID, person: p}, p, u.Scopes, u.Client.OpenID.Mappings, u.Misfit)
	if err != nil {
		return err
	}
	text, err := signJWT(key, "JWT", claims)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/jwt")
	_, _ = w.Write([]byte(text)) // as above
	return nil
}
