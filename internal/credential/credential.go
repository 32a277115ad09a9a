// SPDX-License-Identifier: Apache-2.0

// Package credential makes, writes and proves client secrets, and knows the keys
// they come from. It is the one piece that both programs share:
//
//	operator    Derive (root key), DeriveSigned (shared key) -> the secret in the client's Secret
//	            Verifier (shared key) -> the line in the client's status
//	authserver  Verify (shared key): does the secret that was sent belong to that line?
//
// A secret is computed, never stored: the same root key, client UID and credential
// ID always give the same secret. There is no I/O here and nothing of Kubernetes;
// the Secrets that hold the keys are read and written by the callers.
package credential

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Domains keep what one key is used for apart: a value made for one of them is
// never a value of another.
const (
	domainSecret   = "gatehouse.dev/client-secret/v1"
	domainVerifier = "gatehouse.dev/client-secret-verifier/v1"
	domainSubKey   = "gatehouse.dev/sub-key/v1"
	domainFirstID  = "gatehouse.dev/first-credential-id/v1"
	domainGivenID  = "gatehouse.dev/given-credential-id/v1"
	domainValue    = "gatehouse.dev/generated-value/v1"
	domainRecord   = "gatehouse.dev/issue-record/v1"
	domainTakeover = "gatehouse.dev/identity-takeover/v1"

	// purposeSigned is the sub-key of the shared key for secrets that the authorization
	// server must know.
	purposeSigned = "gatehouse.dev/signed-client-secret/v1"
	// purposeVerifier is the sub-key of the shared key for verifiers.
	purposeVerifier = "gatehouse.dev/client-secret-verifier-key/v1"
	// purposeTakeover is the sub-key of the shared key for takeovers.
	purposeTakeover = "gatehouse.dev/identity-takeover-key/v1"
)

// idLength is the number of base32 characters of a credential ID: 65 random bits.
const idLength = 13

// NewID returns a random credential ID: 13 characters of lower-case base32.
func NewID() string {
	return strings.ToLower(rand.Text()[:idLength])
}

// Derive returns the client secret of a credential: HKDF-SHA256 (RFC 5869) of the
// root key over the client's UID and the credential's ID, in the form that
// WellFormed describes. The same input always gives the same secret.
func Derive(root Key, clientUID, credentialID string) string {
	return format(expand(root, domainSecret, clientUID, credentialID))
}

// FirstID returns the ID of the first credential of an object. It follows from the UID of the
// object and the value of its reset annotation, so whoever computes it computes the same one,
// also where the status was lost. It is public: without a key nothing follows from it.
func FirstID(uid, reset string) string {
	sum := sha256.Sum256(frame(domainFirstID, uid, reset))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:idLength]
}

// DeriveSigned returns the client secret of a credential of a client that signs its requests.
// The authorization server has to know that secret, so its root is a sub-key of the key that
// both programs have.
func DeriveSigned(shared Key, clientUID, credentialID string) string {
	return Derive(SignedRoot(shared), clientUID, credentialID)
}

// SignedRoot returns the root key of everything that is derived for clients that sign.
func SignedRoot(shared Key) Key { return shared.Sub(purposeSigned) }

// DeriveValue returns a random value of length letters and digits that belongs to the object
// and the name, for what stands beside a client secret. No reset changes it.
func DeriveValue(root Key, uid, name string, length int) string {
	var out strings.Builder
	for block := 0; out.Len() < length; block++ {
		raw := expand(root, domainValue, uid, name, strconv.Itoa(block))
		out.WriteString(encode(words(raw), bodyLength)[1:]) // the first character is not even
	}
	return out.String()[:length]
}

// Record returns what proves to the holder of the key that it wrote the parts itself, for the
// record that the operator keeps in each Secret.
func Record(root Key, parts ...string) string {
	mac := hmac.New(sha256.New, root.bytes())
	mac.Write(frame(append([]string{domainRecord}, parts...)...))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// VerifyRecord reports, in a time that does not depend on where they differ, whether mac is
// the Record of the parts.
func VerifyRecord(root Key, mac string, parts ...string) bool {
	return hmac.Equal([]byte(Record(root, parts...)), []byte(mac))
}

// Verifier returns what proves secret to anybody who has the shared key and to
// nobody else: HMAC-SHA256 (RFC 2104) under VerifierKey over the client's UID, the
// credential's ID and the secret, as 43 characters of unpadded base64url.
func Verifier(shared Key, clientUID, credentialID, secret string) string {
	return verifier(VerifierKey(shared), clientUID, credentialID, secret)
}

// VerifierKey returns the key of all verifiers, for VerifyWith: whoever verifies often derives
// it once.
func VerifierKey(shared Key) Key { return shared.Sub(purposeVerifier) }

func verifier(key Key, clientUID, credentialID, secret string) string {
	mac := hmac.New(sha256.New, key.bytes())
	mac.Write(frame(domainVerifier, clientUID, credentialID, secret))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Verify reports, in a time that does not depend on where they differ, whether
// verifier is the one of secret.
func Verify(shared Key, clientUID, credentialID, secret, verifier string) bool {
	return VerifyWith(VerifierKey(shared), clientUID, credentialID, secret, verifier)
}

// VerifyWith is Verify with the VerifierKey of the shared key.
func VerifyWith(key Key, clientUID, credentialID, secret, proof string) bool {
	want := verifier(key, clientUID, credentialID, secret)
	return hmac.Equal([]byte(want), []byte(proof))
}

// Takeover is that an OAuthClient goes on with the identity of an earlier one of its namespace and name.
type Takeover struct {
	Namespace, Name string
	// Identity is the UID of the earlier object, UID that of the one that goes on.
	Identity, UID string
}

// ProveTakeover returns what proves the takeover to anybody who has the shared key: HMAC-SHA256
// (RFC 2104), as 43 characters of unpadded base64url.
func ProveTakeover(shared Key, t Takeover) string {
	mac := hmac.New(sha256.New, shared.Sub(purposeTakeover).bytes())
	mac.Write(frame(domainTakeover, t.Namespace, t.Name, t.Identity, t.UID))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// VerifyTakeover reports, in a time that does not depend on where they differ, whether proof is the
// one of the takeover.
func VerifyTakeover(shared Key, t Takeover, proof string) bool {
	return hmac.Equal([]byte(ProveTakeover(shared, t)), []byte(proof))
}

// expand returns 32 bytes that belong to the key, the domain and the parts.
func expand(k Key, domain string, parts ...string) [KeySize]byte {
	info := frame(append([]string{domain}, parts...)...)
	out, err := hkdf.Key(sha256.New, k.bytes(), nil, string(info), KeySize)
	if err != nil {
		// RFC 5869 §2.3 limits the length to 255 hashes; this is one.
		panic(fmt.Sprintf("credential: hkdf: %v", err))
	}
	return [KeySize]byte(out)
}

// frame joins the parts so that no other parts give the same bytes: each one is
// preceded by its length. Without it a byte could move from the UID to the ID.
func frame(parts ...string) []byte {
	size := 0
	for _, part := range parts {
		size += 8 + len(part)
	}
	out := make([]byte, 0, size)
	for _, part := range parts {
		out = binary.BigEndian.AppendUint64(out, uint64(len(part)))
		out = append(out, part...)
	}
	return out
}
