// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// typeLogoutToken is the header typ of a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4). Nothing else has it, so a
// logout token is taken for no ID token and for no access token.
const typeLogoutToken = "logout+jwt"

// eventLogout says in a logout token that it is one.
const eventLogout = "http://schemas.openid.net/event/backchannel-logout"

// logoutTokenLifetime is how long a logout token is good: for the way, and for clocks that differ (§4: two minutes at most).
const logoutTokenLifetime = 2 * time.Minute

// logoutToken are the claims of a logout token (§2.4). It has no nonce, which would make an ID token of it.
type logoutToken struct {
	Issuer    string              `json:"iss"`
	Subject   string              `json:"sub"`
	Audience  string              `json:"aud"`
	IssuedAt  int64               `json:"iat"`
	ExpiresAt int64               `json:"exp"`
	ID        string              `json:"jti"`
	SessionID string              `json:"sid"`
	Events    map[string]struct{} `json:"events"`
}

// LogoutToken returns what tells a client that a session has ended, signed with the key. Each one has another id, so that a client
// that remembers them takes a second attempt.
func LogoutToken(issuer string, key credential.SigningKey, l authserver.BackChannelLogout, id string, now time.Time) (string, error) {
	return signJWT(key, typeLogoutToken, logoutToken{
		Issuer: issuer, Subject: l.Subject, Audience: l.Client.ID, IssuedAt: now.Unix(), ExpiresAt: now.Add(logoutTokenLifetime).Unix(),
		ID: id, SessionID: l.SessionID, Events: map[string]struct{}{eventLogout: {}},
	})
}
