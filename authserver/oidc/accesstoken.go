// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// accessTokenType is the header typ of an access token (RFC 9068 §2.1). An ID token has another one, so neither can
// stand in the other's place.
const accessTokenType = "at+jwt"

// maxAccessToken bounds what is read back. A token with the longest names and 32 scopes is shorter.
const maxAccessToken = 8 << 10

// accessToken are the claims of an access token (RFC 9068 §2.2).
type accessToken struct {
	Issuer          string   `json:"iss"`
	Audience        string   `json:"aud"`
	Subject         string   `json:"sub"`
	ClientID        string   `json:"client_id"`
	IssuedAt        int64    `json:"iat"`
	ExpiresAt       int64    `json:"exp"`
	ID              string   `json:"jti"`
	Scope           string   `json:"scope,omitempty"`
	AuthenticatedAt int64    `json:"auth_time,omitempty"`
	ACR             string   `json:"acr,omitempty"`
	AMR             []string `json:"amr,omitempty"`
}

// AccessToken spells a JWT access token, signed with the key.
func AccessToken(issuer string, key credential.SigningKey, j *authserver.JWT) (string, error) {
	t := accessToken{
		Issuer: issuer, Audience: j.Audience, Subject: j.Subject, ClientID: j.ClientID, ID: j.ID,
		IssuedAt: j.IssuedAt.Unix(), ExpiresAt: j.ExpiresAt.Unix(), Scope: strings.Join(j.Scopes, " "),
	}
	if login := j.Authentication; !login.At.IsZero() {
		t.AuthenticatedAt, t.ACR, t.AMR = login.At.Unix(), login.ACR(), login.Methods
	}
	return signJWT(key, accessTokenType, t)
}

// ReadAccessToken is the inverse of AccessToken. It takes what one of the keys has signed as an access token of the issuer,
// and nothing else; it does not look at the clock. The key says which algorithm it is, and the header has to agree.
func ReadAccessToken(issuer string, keys []credential.SigningKey, text string) (authserver.JWT, bool) {
	if len(text) > maxAccessToken || strings.ContainsAny(text, "\r\n") { // decoders skip line breaks: one token would have many spellings
		return authserver.JWT{}, false
	}
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil {
		return authserver.JWT{}, false
	}
	header := signed.Signatures[0].Protected
	if header.ExtraHeaders[jose.HeaderType] != accessTokenType {
		return authserver.JWT{}, false
	}
	for _, key := range keys {
		if key.ID != header.KeyID || string(key.Algorithm) != header.Algorithm {
			continue
		}
		payload, err := signed.Verify(key.Public())
		var t accessToken
		if err != nil || json.Unmarshal(payload, &t) != nil || t.Issuer != issuer {
			return authserver.JWT{}, false
		}
		return authserver.JWT{
			ID: t.ID, Audience: t.Audience, ClientID: t.ClientID, Subject: t.Subject, Scopes: strings.Fields(t.Scope),
			IssuedAt: time.Unix(t.IssuedAt, 0), ExpiresAt: time.Unix(t.ExpiresAt, 0),
		}, true
	}
	return authserver.JWT{}, false
}

// LooksLikeJWT reports whether a token has the three parts of a JWS in compact form (RFC 7515 §7.1). No token of another
// kind has a dot.
func LooksLikeJWT(token string) bool { return strings.Count(token, ".") == 2 }
