// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// signJWT returns the claims as a JWS in compact form (RFC 7515 §7.1), signed with the key, whose ID and
// algorithm are in its header. kind is the header typ (RFC 8725 §3.11).
func signJWT(key credential.SigningKey, kind jose.ContentType, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("marshal claims: %w", err)
	}
	algorithm := jose.SignatureAlgorithm(key.Algorithm)
	options := (&jose.SignerOptions{}).WithType(kind)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: signer{key}}, options)
	if err != nil {
		return "", fmt.Errorf("prepare to sign: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return signed.CompactSerialize()
}

// signer lets package jose sign without the private key. The one that comes with jose salts RSASSA-PSS otherwise than
// RFC 7518 §3.5 says: as long as the hash.
type signer struct{ key credential.SigningKey }

// Public is of jose.OpaqueSigner.
func (s signer) Public() *jose.JSONWebKey { return publicKey(s.key) }

// Algs is of jose.OpaqueSigner.
func (s signer) Algs() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.SignatureAlgorithm(s.key.Algorithm)}
}

// SignPayload is of jose.OpaqueSigner.
func (s signer) SignPayload(payload []byte, algorithm jose.SignatureAlgorithm) ([]byte, error) {
	sum := sha256.Sum256(payload)
	switch algorithm {
	case jose.RS256:
		return s.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	case jose.PS256:
		return s.key.Sign(rand.Reader, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	case jose.ES256:
		der, err := s.key.Sign(rand.Reader, sum[:], crypto.SHA256)
		if err != nil {
			return nil, err
		}
		return rawSignature(der)
	default:
		return nil, jose.ErrUnsupportedAlgorithm
	}
}

// rawSignature returns r and s of an ECDSA signature on P-256 side by side (RFC 7518 §3.4).
func rawSignature(der []byte) ([]byte, error) {
	const size = 32
	var signature struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &signature); err != nil || len(rest) > 0 {
		return nil, errors.New("the signature is malformed")
	}
	out := make([]byte, 2*size)
	signature.R.FillBytes(out[:size])
	signature.S.FillBytes(out[size:])
	return out, nil
}

// publicKey returns the public half of a key as RFC 7517 spells it.
func publicKey(key credential.SigningKey) *jose.JSONWebKey {
	return &jose.JSONWebKey{Key: key.Public(), KeyID: key.ID, Algorithm: string(key.Algorithm), Use: "sig"}
}
