// SPDX-License-Identifier: Apache-2.0

package oauth1

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // HMAC-SHA1 is what RFC 5849 §3.4.2 says; as a MAC it is not broken
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"strings"
)

// Sign returns the oauth_signature of a base string (RFC 5849 §3.4.2, §3.4.4). It is what a
// client does. The signature of an unknown method is empty.
func Sign(method SignatureMethod, baseString, clientSecret, tokenSecret string) string {
	key := Encode(clientSecret) + "&" + Encode(tokenSecret)
	if method == Plaintext {
		return key
	}
	return base64.StdEncoding.EncodeToString(mac(method, key, baseString))
}

// Verify reports whether the request was signed with both secrets (RFC 5849 §3.2); the
// token's is empty where there is no token. An empty client secret signs nothing.
//
// Of an unknown client, verify with any other secret, and answer SignatureInvalid as for
// a wrong one: what is done and how long it takes does not depend on the secret.
func (r *Request) Verify(clientSecret, tokenSecret string) bool {
	if clientSecret == "" {
		return false
	}
	if r.SignatureMethod == Plaintext {
		return verifyPlaintext(r.signature, clientSecret, tokenSecret)
	}
	// Base64 has one correct spelling of each value: comparing spellings is decoding
	// strictly and comparing values.
	want := Sign(r.SignatureMethod, r.baseString, clientSecret, tokenSecret)
	return want != "" && equal(r.signature, want) == 1
}

// verifyPlaintext compares both halves, whatever the first comparison said.
func verifyPlaintext(signature, clientSecret, tokenSecret string) bool {
	left, right, found := strings.Cut(signature, "&")
	client, clientOK := decode(left, false)
	token, tokenOK := decode(right, false)
	same := equal(client, clientSecret) & equal(token, tokenSecret)
	return found && clientOK && tokenOK && same == 1
}

// equal compares in a time that tells neither where two texts differ nor how long the
// secret one is.
func equal(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:])
}

func mac(method SignatureMethod, key, text string) []byte {
	var h hash.Hash
	switch method {
	case HMACSHA1:
		h = hmac.New(sha1.New, []byte(key))
	case HMACSHA256:
		h = hmac.New(sha256.New, []byte(key))
	default:
		return nil
	}
	h.Write([]byte(text))
	return h.Sum(nil)
}
