// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// typeIDToken is the header typ of an ID token.
const typeIDToken = "JWT"

// signJWT returns the claims as a JWS in compact form (RFC 7515 §7.1), signed with the key, whose ID and
// algorithm are in its header. kind is the header typ (RFC 8725 §3.11).
func signJWT(key credential.SigningKey, kind jose.ContentType, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("marshal claims: %w", err)
	}
	algorithm := jose.SignatureAlgorithm(key.Algorithm)
	options := (&jose.SignerOptions{}).WithType(kind)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: named{cryptosigner.Opaque(key), key}}, options)
	if err != nil {
		return "", fmt.Errorf("prepare to sign: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return signed.CompactSerialize()
}

// named signs with a key whose ID stands in the header.
type named struct {
	jose.OpaqueSigner
	key credential.SigningKey
}

// Public is of jose.OpaqueSigner.
func (n named) Public() *jose.JSONWebKey { return publicKey(n.key) }

// publicKey returns the public half of a key as RFC 7517 spells it.
func publicKey(key credential.SigningKey) *jose.JSONWebKey {
	return &jose.JSONWebKey{Key: key.Public(), KeyID: key.ID, Algorithm: string(key.Algorithm), Use: "sig"}
}
