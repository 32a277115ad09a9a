// SPDX-License-Identifier: Apache-2.0

package assertion

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

const (
	// maxPEM is how many blocks of PEM are looked at. Public keys and certificates count, too.
	maxPEM = 64
	// maxDepth is how deep the objects lie that are looked at: a set in something else.
	maxDepth = 16
)

// Undisclosed returns the keys without those whose private half stands in text: as a JWK (RFC 7517), in a JWK Set or anything else that
// is JSON, or in PEM (PKCS #8, PKCS #1, SEC 1). Whoever can read the text can sign with such a key, so it proves nothing any more. A
// pair is known by its thumbprint (RFC 7638). JSON is read up to where it is no JSON any more, so of a text that was cut the beginning
// counts. A pair that its private half alone names, without its public members, is not known.
func Undisclosed(keys []Key, text []byte) []Key {
	disclosed := map[string]bool{}
	for _, id := range append(idsInJSON(text), idsInPEM(text)...) {
		disclosed[id] = true
	}
	return slices.DeleteFunc(slices.Clone(keys), func(k Key) bool { return disclosed[k.ID] })
}

// idsInJSON returns the IDs of the pairs whose private half stands in an object of the text. It goes through the text once.
func idsInJSON(text []byte) (ids []string) {
	var open []members // of the objects and lists that are not closed yet
	end := func() {
		if id, private := open[len(open)-1].privateID(); private {
			ids = append(ids, id)
		}
		open = open[:len(open)-1]
	}
	d := json.NewDecoder(bytes.NewReader(text))
	for name, named := "", false; len(open) <= maxDepth; { // the member whose value comes next
		token, err := d.Token()
		if err != nil {
			break
		}
		if token == json.Delim('}') || token == json.Delim(']') {
			end()
			continue
		}
		if inObject := len(open) > 0 && open[len(open)-1] != nil; inObject && !named {
			name, named = token.(string), true
			continue
		} else if inObject {
			open[len(open)-1][name], named = token, false
		}
		switch token {
		case json.Delim('{'):
			open = append(open, members{})
		case json.Delim('['):
			open = append(open, nil)
		}
	}
	for len(open) > 0 {
		end()
	}
	return ids
}

// members are those of an object; nil: it is a list.
type members map[string]any

// privateID returns the ID of the public key of a pair, if this is a JWK with its private half, whatever it says that it is for.
func (m members) privateID() (id string, private bool) {
	if !slices.ContainsFunc(privateMembers, func(name string) bool { _, there := m[name]; return there }) {
		return "", false
	}
	public := members{}
	for _, name := range []string{"kty", "crv", "x", "y", "n", "e"} { // RFC 7638 §3.2, RFC 8037 §2, and y, which EC needs
		if value, there := m[name].(string); there {
			public[name] = value
		}
	}
	text, err := json.Marshal(public)
	if err != nil {
		return "", false
	}
	var k jose.JSONWebKey
	if k.UnmarshalJSON(text) != nil {
		return "", false
	}
	id, err = idOf(k)
	return id, err == nil
}

// idsInPEM returns the IDs of the pairs whose private half stands in a block of PEM (RFC 7468 §10, and the older forms of OpenSSL).
func idsInPEM(text []byte) (ids []string) {
	for range maxPEM {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		pair, ok := pairOf(block).(interface{ Public() crypto.PublicKey })
		if !ok {
			continue
		}
		if id, err := idOf(jose.JSONWebKey{Key: pair.Public()}); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// pairOf returns the private key in a block; nil: there is none that can be read.
func pairOf(block *pem.Block) (pair any) {
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		pair, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		pair, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		pair, err = x509.ParseECPrivateKey(block.Bytes)
	}
	if err != nil {
		return nil
	}
	return pair
}
