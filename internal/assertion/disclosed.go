// SPDX-License-Identifier: Apache-2.0

package assertion

import (
	"encoding/json"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// Undisclosed returns the keys without those whose private half stands in text: a JWK Set (RFC 7517 §5), or one JWK. Whoever can read the
// text can sign with such a key, so it proves nothing any more. A pair is known by its thumbprint (RFC 7638). Text of another form
// discloses nothing.
func Undisclosed(keys []Key, text []byte) []Key {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if decodeOne(text, &set) != nil {
		return keys
	}
	disclosed := map[string]bool{}
	for _, raw := range append(set.Keys, text) {
		if id, private := privateID(raw); private {
			disclosed[id] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(keys), func(k Key) bool { return disclosed[k.ID] })
}

// privateID returns the ID of the public key of a pair, if raw is a JWK with its private half, whatever it says that it is for.
func privateID(raw json.RawMessage) (id string, private bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return "", false
	}
	public := map[string]json.RawMessage{}
	for _, name := range []string{"kty", "crv", "x", "y", "n", "e"} { // RFC 7638 §3.2, RFC 8037 §2, and y, which EC needs
		if value, there := members[name]; there {
			public[name] = value
		}
	}
	if _, private = members["d"]; !private {
		return "", false
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
