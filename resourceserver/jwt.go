// SPDX-License-Identifier: Apache-2.0

package resourceserver

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

const (
	// maxJWT bounds what is verified. Gatehouse issues no longer ones.
	maxJWT = 8 << 10
	// leeway is how far the clock of this machine may be from Gatehouse's.
	leeway = 30 * time.Second
)

// looksLikeJWT reports whether a token has the three parts of a JWS (RFC 7515 §7.1). Opaque tokens hold no dot.
func looksLikeJWT(token string) bool { return strings.Count(token, ".") == 2 }

// claims are those that are looked at (RFC 9068 §2.2).
type claims struct {
	Issuer    string   `json:"iss"`
	Audience  audience `json:"aud"`
	Subject   string   `json:"sub"`
	ClientID  string   `json:"client_id"`
	Scope     string   `json:"scope"`
	IssuedAt  int64    `json:"iat"`
	NotBefore int64    `json:"nbf"`
	ExpiresAt int64    `json:"exp"`
}

// audience is one name, alone or in a list (RFC 7519 §4.1.3). A token for several is none of Gatehouse's.
type audience string

// UnmarshalJSON is of json.Unmarshaler.
func (a *audience) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = audience(one)
		return nil
	}
	var list []string
	if err := json.Unmarshal(text, &list); err != nil || len(list) != 1 {
		return errors.New("aud is not one audience")
	}
	*a = audience(list[0])
	return nil
}

// verifyJWT verifies a JWT access token by the keys that Gatehouse publishes (RFC 9068 §4). The key says which algorithm
// it is for, and the header has to agree.
func (g *Guard) verifyJWT(r *http.Request, token string) (Caller, error) {
	if len(token) > maxJWT || !bearerToken.MatchString(token) {
		return Caller{}, malformed(bearer, "the access token is malformed")
	}
	signed, err := jose.ParseSignedCompact(token, g.config.algorithms())
	if err != nil {
		return Caller{}, invalidToken()
	}
	header := signed.Signatures[0].Protected
	if !isAccessToken(header) || header.KeyID == "" {
		return Caller{}, invalidToken()
	}
	key, found, err := g.keys.find(r.Context(), header.KeyID)
	if err != nil {
		return Caller{}, err
	}
	if !found || key.Algorithm != header.Algorithm {
		return Caller{}, invalidToken()
	}
	payload, err := signed.Verify(key.Key)
	if err != nil {
		return Caller{}, invalidToken()
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil || !c.areFor(g.config) { // this reader refuses a name that is there twice
		return Caller{}, invalidToken()
	}
	return c.caller(), nil
}

// isAccessToken looks at the type, so that no ID token passes for an access token (RFC 9068 §4).
func isAccessToken(h jose.Header) bool {
	kind, _ := h.ExtraHeaders[jose.HeaderType].(string)
	return strings.EqualFold(kind, "at+jwt") || strings.EqualFold(kind, "application/at+jwt")
}

// areFor reports whether the claims are of the issuer, for this API, and valid now.
func (c claims) areFor(config Config) bool {
	now := config.Now()
	return c.Issuer == config.Issuer && slices.Contains(config.Identifiers, string(c.Audience)) &&
		c.Scope != "" && c.Subject != "" && c.ClientID != "" && c.IssuedAt != 0 && c.ExpiresAt != 0 &&
		now.Before(time.Unix(c.ExpiresAt, 0).Add(leeway)) && !now.Add(leeway).Before(time.Unix(max(c.IssuedAt, c.NotBefore), 0))
}

func (c claims) caller() Caller {
	return answer{Scope: c.Scope, ClientID: c.ClientID, Subject: c.Subject, Expires: c.ExpiresAt}.caller()
}
