// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/credential/credentialtest"
)

// A verifier may hold a signer to the salt of RFC 7518 §3.5, which is as long as the hash.
func TestTheSaltOfPS256IsAsLongAsTheHash(t *testing.T) {
	key := (&credentialtest.SigningKeys{}).New(credential.PS256)
	text, err := signJWT(key, "JWT", map[string]string{"sub": "bob"})
	if err != nil {
		t.Fatal(err)
	}
	cut := strings.LastIndexByte(text, '.')
	signature, err := base64.RawURLEncoding.DecodeString(text[cut+1:])
	if err != nil {
		t.Fatal(err)
	}
	public, ok := key.Public().(*rsa.PublicKey)
	if !ok {
		t.Fatalf("the public key is a %T", key.Public())
	}
	sum := sha256.Sum256([]byte(text[:cut]))
	exact := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	if err := rsa.VerifyPSS(public, crypto.SHA256, sum[:], signature, exact); err != nil {
		t.Errorf("the signature does not verify: %v", err)
	}
}

func TestTheHeaderNamesKeyAlgorithmAndType(t *testing.T) {
	keys := &credentialtest.SigningKeys{}
	for _, algorithm := range credential.SigningAlgorithms() {
		key := keys.New(algorithm)
		text, err := signJWT(key, "JWT", map[string]string{})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[0])
		if err != nil {
			t.Fatal(err)
		}
		var header map[string]string
		if err := json.Unmarshal(raw, &header); err != nil {
			t.Fatal(err)
		}
		if header["alg"] != string(algorithm) || header["kid"] != key.ID || header["typ"] != "JWT" || len(header) != 3 {
			t.Errorf("the header is %s", raw)
		}
	}
}
