// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"crypto/sha256"
	"encoding/base64"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// idToken are the claims of an ID token (OpenID Connect Core §2, §3.1.3.6).
type idToken struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	person
	IssuedAt        int64 `json:"iat"`
	ExpiresAt       int64 `json:"exp"`
	AuthenticatedAt int64 `json:"auth_time"`
	// ACR is the level of the login, and AMR how it was done (RFC 8176). Without AMR its source did not say.
	ACR               string   `json:"acr"`
	AMR               []string `json:"amr,omitempty"`
	Nonce             string   `json:"nonce,omitempty"`
	SessionID         string   `json:"sid,omitempty"`
	AuthorizedParty   string   `json:"azp"`
	AccessTokenSHA256 string   `json:"at_hash"`
}

// IDToken returns the ID token that goes with an access token, signed with the key. misfit is told of each claim mapping that
// does not fit the person.
func IDToken(issuer string, key credential.SigningKey, i *authserver.Identity, accessToken string, misfit func(error)) (string, error) {
	settings := i.Client.OpenID
	t := idToken{
		Issuer: issuer, Audience: i.Client.ID, AuthorizedParty: i.Client.ID, person: claimsOf(i.Owner, i.Scopes),
		IssuedAt: i.IssuedAt.Unix(), ExpiresAt: i.IssuedAt.Add(settings.IDTokenLifetime).Unix(),
		AuthenticatedAt: i.Authentication.At.Unix(), ACR: i.Authentication.ACR(), AMR: i.Authentication.Methods, Nonce: i.Authentication.Nonce,
		SessionID: i.Authentication.SessionID, AccessTokenSHA256: leftHalf(accessToken),
	}
	whole := t.person // a mapping sees all groups, in the ID token as in the UserInfo answer
	t.Groups = included(t.Groups, settings.Groups)
	claims, err := withMappings(t, whole, i.Scopes, settings.Mappings, misfit)
	if err != nil {
		return "", err
	}
	return signJWT(key, typeIDToken, claims)
}

// leftHalf is how a token is bound to an ID token: the left half of its SHA-256 in base64url (OpenID Connect Core §3.1.3.6).
func leftHalf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
