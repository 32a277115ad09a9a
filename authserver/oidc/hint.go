// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// maxHint is the longest ID token that is read as a hint.
const maxHint = 16 << 10

// FindKey returns the signing key with the kid, and whether there is one.
type FindKey func(kid string) (credential.SigningKey, bool, error)

// ParseHint returns what an ID token of the issuer says that comes back as a hint (OpenID Connect Core §3.1.2.1). It may have
// expired, and its key may be published no longer. Whatever else it is yields the zero IDTokenHint: another
// issuer's, changed, a token of another kind. An error means that it cannot be told now.
func ParseHint(issuer, text string, find FindKey) (authserver.IDTokenHint, error) {
	none := authserver.IDTokenHint{}
	if len(text) > maxHint {
		return none, nil
	}
	var algorithms []jose.SignatureAlgorithm
	for _, a := range credential.SigningAlgorithms() {
		algorithms = append(algorithms, jose.SignatureAlgorithm(a))
	}
	signed, err := jose.ParseSignedCompact(text, algorithms)
	if err != nil {
		return none, nil //nolint:nilerr // it is none of ours
	}
	header := signed.Signatures[0].Protected
	key, found, err := find(header.KeyID)
	if err != nil {
		return none, err
	}
	if !found || string(key.Algorithm) != header.Algorithm || header.ExtraHeaders[jose.HeaderType] != typeIDToken {
		return none, nil
	}
	payload, err := signed.Verify(key.Public())
	if err != nil {
		return none, nil //nolint:nilerr // as above
	}
	var t idToken
	// A signed answer of the UserInfo endpoint has the same header and no end.
	if json.Unmarshal(payload, &t) != nil || t.Issuer != issuer || t.Audience == "" || t.Subject == "" || t.ExpiresAt == 0 || t.AuthenticatedAt == 0 {
		return none, nil
	}
	return authserver.IDTokenHint{ClientID: t.Audience, Subject: t.Subject, SessionID: t.SessionID}, nil
}
