// SPDX-License-Identifier: Apache-2.0

// Package assertion reads what a client without a client secret proves itself with: its public keys (RFC 7517), or those of a cluster
// whose ServiceAccounts are the client, and the JWT that one of them has signed (RFC 7523 §2.2). Both programs need it: the operator
// checks keys, the authorization server checks assertions by them. There is no I/O here, and no clock.
package assertion

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	josejson "github.com/go-jose/go-jose/v4/json"
)

const (
	// MaxSet bounds a set of keys, in bytes.
	MaxSet = 16 << 10
	// MaxKeys is how many keys a set has at most.
	MaxKeys = 8
	// minRSA and maxRSA bound an RSA key, in bits: RFC 7518 §3.3 demands the first, and a longer key takes longer to check.
	minRSA, maxRSA = 2048, 4096
	// maxKeyID bounds a kid, in bytes.
	maxKeyID = 256
)

// The algorithms that assertions are signed with (RFC 7518 §3.1, RFC 8037 §3.1).
var (
	rsaAlgorithms     = []jose.SignatureAlgorithm{jose.RS256, jose.PS256}
	ecdsaAlgorithms   = []jose.SignatureAlgorithm{jose.ES256}
	edwardsAlgorithms = []jose.SignatureAlgorithm{jose.EdDSA}
	allAlgorithms     = slices.Concat(rsaAlgorithms, ecdsaAlgorithms, edwardsAlgorithms)
)

// Algorithms returns the algorithms that assertions may be signed with, as RFC 8414 §2 spells them in
// token_endpoint_auth_signing_alg_values_supported.
func Algorithms() []string { return namesOf(allAlgorithms) }

func namesOf(algorithms []jose.SignatureAlgorithm) []string {
	names := make([]string, len(algorithms))
	for n, a := range algorithms {
		names[n] = string(a)
	}
	return names
}

// Key is a public key of a client, or of a cluster.
type Key struct {
	// ID names the key in tokens: k- and 132 bits of its thumbprint (RFC 7638).
	ID string
	// KeyID is its kid; empty: it has none.
	KeyID string

	algorithms []jose.SignatureAlgorithm
	public     any
	byKid      bool // it is used for what names its kid alone
}

// privateMembers are the members of a JWK that only a private or a symmetric key has (RFC 7518 §6.2.2, §6.3.2, §6.4).
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// ErrPrivate is the error of a set with a key that is nobody's but the client's.
var ErrPrivate = errors.New("it holds a private key: make a new key pair, because this one is known now, and write the public key alone")

// ErrNoKeys is the error of a JWK Set in which all is in order, but no key can be used.
var ErrNoKeys = errors.New("it holds no public key that can be used")

// ParseKeys reads a JWK Set (RFC 7517 §5) of 1 to MaxKeys public keys: RSA of 2048 to 4096 bits, EC on P-256, or Ed25519. Keys
// of other kinds, and those for encryption, are skipped. A set with a private key is refused. Errors quote nothing of the set but
// the place of a key in it, from 1.
func ParseKeys(text []byte) ([]Key, error) { return ofClients.parse(text) }

// parse reads a JWK Set that is for this.
func (u use) parse(text []byte) ([]Key, error) {
	if len(text) > MaxSet {
		return nil, fmt.Errorf("it is longer than %d bytes", MaxSet)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := decodeOne(text, &set); err != nil || set.Keys == nil {
		return nil, errors.New(`it is not a JWK Set: a JSON object with the member "keys" (RFC 7517 section 5)`)
	}
	var keys []Key
	for n, raw := range set.Keys {
		key, usable, err := u.parseKey(raw)
		switch {
		case errors.Is(err, ErrPrivate):
			return nil, err
		case err != nil:
			return nil, fmt.Errorf("key %d: %w", n+1, err)
		case !usable || u.repeats && slices.ContainsFunc(keys, func(k Key) bool { return k.ID == key.ID && k.KeyID == key.KeyID }):
			continue
		case key.KeyID != "" && slices.ContainsFunc(keys, func(k Key) bool { return k.KeyID == key.KeyID }):
			return nil, fmt.Errorf("key %d: another key has the same kid", n+1)
		case slices.ContainsFunc(keys, func(k Key) bool { return k.ID == key.ID }):
			return nil, fmt.Errorf("key %d: it is there twice", n+1)
		}
		keys = append(keys, key)
	}
	switch {
	case len(keys) == 0:
		return nil, fmt.Errorf("%w: %s", ErrNoKeys, u.kinds)
	case len(keys) > MaxKeys:
		return nil, fmt.Errorf("it holds %d keys, at most %d can be used", len(keys), MaxKeys)
	}
	return keys, nil
}

// decodeOne decodes text, which holds one JSON value and nothing else. As go-jose does, it takes a member for another one in no other
// spelling, and none twice (RFC 7517 §4): otherwise a key could be checked as one kind and used as another.
func decodeOne(text []byte, into any) error {
	d := josejson.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err == nil {
		return errors.New("there is more than one value")
	}
	return nil
}

// parseKey reads one key. One that is for something else is not usable.
func (u use) parseKey(raw json.RawMessage) (key Key, usable bool, err error) {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return Key{}, false, errors.New("it is not a JSON object")
	}
	for _, name := range privateMembers {
		if _, there := members[name]; there {
			return Key{}, false, ErrPrivate
		}
	}
	var about struct {
		Type  string   `json:"kty"`
		Curve string   `json:"crv"`
		Use   string   `json:"use"`
		Ops   []string `json:"key_ops"`
	}
	if decodeOne(raw, &about) != nil {
		return Key{}, false, errors.New("its members kty, crv and use must be texts, and key_ops a list of texts, each there once")
	}
	algorithms := u.algorithms[kindOf(about.Type, about.Curve)]
	if about.Use != "" && about.Use != "sig" || about.Ops != nil && !slices.Contains(about.Ops, "verify") || algorithms == nil {
		return Key{}, false, nil
	}
	var k jose.JSONWebKey
	if k.UnmarshalJSON(raw) != nil || !k.Valid() || !k.IsPublic() {
		return Key{}, false, errors.New("it is not a public key (RFC 7517)")
	}
	if u.byKid && k.KeyID == "" {
		return Key{}, false, nil
	}
	key, err = newKey(k, algorithms)
	key.byKid = u.byKid
	return key, err == nil, err
}

// newKey returns the key, which is used with one of the algorithms.
func newKey(k jose.JSONWebKey, algorithms []jose.SignatureAlgorithm) (Key, error) {
	key := Key{KeyID: k.KeyID, public: k.Key, algorithms: algorithms}
	if public, ok := k.Key.(*rsa.PublicKey); ok {
		if bits := public.N.BitLen(); bits < minRSA || bits > maxRSA {
			return Key{}, fmt.Errorf("an RSA key must have from %d to %d bits, this one has %d", minRSA, maxRSA, bits)
		}
	}
	if len(k.KeyID) > maxKeyID {
		return Key{}, fmt.Errorf("its kid is longer than %d bytes", maxKeyID)
	}
	if k.Algorithm != "" {
		if !slices.Contains(key.algorithms, jose.SignatureAlgorithm(k.Algorithm)) {
			return Key{}, errors.New("its alg is not one that such a key can be used with here: " + strings.Join(namesOf(key.algorithms), ", "))
		}
		key.algorithms = []jose.SignatureAlgorithm{jose.SignatureAlgorithm(k.Algorithm)}
	}
	var err error
	key.ID, err = idOf(k)
	return key, err
}

func idOf(k jose.JSONWebKey) (string, error) {
	thumbprint, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", errors.New("it has no thumbprint (RFC 7638)")
	}
	return "k-" + base64.RawURLEncoding.EncodeToString(thumbprint)[:idLength], nil
}

// idLength is how much of a hash names a credential: 132 bits, so that tokens keep their length.
const idLength = 22

// ServiceAccountID names a ServiceAccount in tokens: s- and 132 bits of a hash of its UID. One that is created again has another UID.
func ServiceAccountID(uid string) string {
	sum := sha256.Sum256([]byte("gatehouse.dev/service-account-id/v1 " + uid))
	return "s-" + base64.RawURLEncoding.EncodeToString(sum[:])[:idLength]
}

// OtherClusterAccountID names a ServiceAccount of another cluster in tokens, as ServiceAccountID does. Its UID is not known here, so
// the name of the cluster, the issuer of its tokens, the namespace and the name are in its place.
func OtherClusterAccountID(cluster, issuer, namespace, name string) string {
	hash := sha256.New()
	hash.Write([]byte("gatehouse.dev/other-cluster-account-id/v1 "))
	for _, part := range []string{cluster, issuer, namespace, name} {
		hash.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		hash.Write([]byte(part))
	}
	return "s-" + base64.RawURLEncoding.EncodeToString(hash.Sum(nil))[:idLength]
}

// unescape undoes what the encoder does to characters of HTML: a kid of them would take six times its length, and the set be longer than
// MaxSet. An escaped backslash is passed over.
var unescape = strings.NewReplacer(`\\`, `\\`, `\u003c`, "<", `\u003e`, ">", `\u0026`, "&")

// PublicSet returns the set in its shortest form and without members that no verification needs, for a place with little room.
// The text is one that ParseKeys has read.
func PublicSet(keys []Key) (string, error) {
	set := jose.JSONWebKeySet{}
	for _, k := range keys {
		jwk := jose.JSONWebKey{Key: k.public, KeyID: k.KeyID}
		if len(k.algorithms) == 1 {
			jwk.Algorithm = string(k.algorithms[0])
		}
		set.Keys = append(set.Keys, jwk)
	}
	text, err := json.Marshal(set)
	if err != nil {
		return "", fmt.Errorf("spell a JWK Set: %w", err)
	}
	return unescape.Replace(string(text)), nil
}
