// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
	"time"
)

// Tokens are opaque to everybody else. MaxToken is the length of the longest one.
const (
	MaxToken      = 256
	accessPrefix  = "gha_"
	refreshPrefix = "ghr_"
)

// accessToken is what an access token says. It hangs either on a grant, or on a
// client's credential (client credentials grant).
type accessToken struct {
	GrantID      GrantID
	ClientUID    string
	CredentialID string
	Scopes       []scopeTag
	IssuedAt     time.Time
	ExpiresAt    time.Time
	// Signed tokens have a secret and go with a signature (RFC 5849 §3.1).
	Signed bool
}

// scopeTag stands for a scope inside a token: 32 bits of its hash, so that twenty scopes
// fit. It is only ever looked up among the scopes of the token's own grant or client,
// so that a tag can select what its bearer was given and nothing else.
type scopeTag [4]byte

func tagOf(scope string) scopeTag {
	sum := sha256.Sum256([]byte(scope))
	return scopeTag(sum[:])
}

func tagsOf(scopes []string) []scopeTag {
	tags := make([]scopeTag, len(scopes))
	for n, scope := range scopes {
		tags[n] = tagOf(scope)
	}
	return tags
}

// tagged returns the scopes of base that have one of the tags.
func tagged(base []string, tags []scopeTag) []string {
	out := make([]string, 0, len(tags))
	for _, scope := range base {
		if slices.Contains(tags, tagOf(scope)) {
			out = append(out, scope)
		}
	}
	return out
}

const (
	kindGrant      = 1
	kindCredential = 2
	kindSigned     = 3
)

func (t accessToken) kind() byte {
	switch {
	case t.ClientUID != "":
		return kindCredential
	case t.Signed:
		return kindSigned
	default:
		return kindGrant
	}
}

// sealAccess spells an access token: gha_, then key ID, nonce and ciphertext of
// kind, times, grant ID or client UID and credential ID, scope tags.
func (k *Keys) sealAccess(t accessToken) string {
	b := append(make([]byte, 0, 128), t.kind())
	b = binary.BigEndian.AppendUint32(b, uint32(t.IssuedAt.Unix()))  //nolint:gosec // seconds until 2106
	b = binary.BigEndian.AppendUint32(b, uint32(t.ExpiresAt.Unix())) //nolint:gosec // seconds until 2106
	if t.ClientUID == "" {
		b = append(b, t.GrantID[:]...)
	} else {
		b = appendString(appendString(b, t.ClientUID), t.CredentialID)
	}
	for _, tag := range t.Scopes {
		b = append(b, tag[:]...)
	}
	return accessPrefix + base64.RawURLEncoding.EncodeToString(k.seal(forAccess, t.IssuedAt, b))
}

// openAccess is the inverse of sealAccess. It does not look at the clock. Its error is
// errSeal whatever is wrong.
func (k *Keys) openAccess(token string) (accessToken, error) {
	var t accessToken
	raw, ok := decodeToken(token, accessPrefix)
	if !ok {
		return t, errSeal
	}
	b, err := k.open(forAccess, raw)
	if err != nil || len(b) < 9 {
		return t, errSeal
	}
	t.IssuedAt = time.Unix(int64(binary.BigEndian.Uint32(b[1:])), 0)
	t.ExpiresAt = time.Unix(int64(binary.BigEndian.Uint32(b[5:])), 0)
	kind, r := b[0], bytes.NewBuffer(b[9:])
	switch kind {
	case kindGrant, kindSigned:
		t.Signed = kind == kindSigned
		copy(t.GrantID[:], r.Next(len(t.GrantID)))
	case kindCredential:
		t.ClientUID, t.CredentialID = nextString(r), nextString(r)
	default:
		return t, errSeal
	}
	for r.Len() >= len(scopeTag{}) {
		t.Scopes = append(t.Scopes, scopeTag(r.Next(len(scopeTag{}))))
	}
	return t, nil
}

func appendString(b []byte, s string) []byte {
	b = append(b, byte(len(s))) //nolint:gosec // UIDs and credential IDs are short; MaxToken is tested
	return append(b, s...)
}

func nextString(r *bytes.Buffer) string {
	n, err := r.ReadByte()
	if err != nil {
		return ""
	}
	return string(r.Next(int(n)))
}

// refreshToken is what a refresh token says.
type refreshToken struct {
	GrantID    GrantID
	Generation uint32
}

const (
	refreshBody = keyIDSize + len(GrantID{}) + 4
	refreshMAC  = 16
)

// signRefresh spells the refresh token of the grant's generation: ghr_, then key ID,
// grant ID, generation and MAC. The key is the one that was active when the generation
// began, so that all who are given this generation are given the same token.
func (k *Keys) signRefresh(g Grant) (string, error) {
	id, _ := parseKeyID(k.set.ActiveAt(g.RotatedAt).ID) // NewKeys has checked each ID
	b := append(make([]byte, 0, refreshBody+refreshMAC), id[:]...)
	b = append(b, g.ID[:]...)
	b = binary.BigEndian.AppendUint32(b, g.Generation)
	mac, err := k.sign(forRefresh, id, b)
	if err != nil {
		return "", err
	}
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(append(b, mac[:refreshMAC]...)), nil
}

// openRefresh is the inverse of signRefresh. Its error is errSeal whatever is wrong.
func (k *Keys) openRefresh(token string) (refreshToken, error) {
	var t refreshToken
	b, ok := decodeToken(token, refreshPrefix)
	if !ok || len(b) != refreshBody+refreshMAC {
		return t, errSeal
	}
	mac, err := k.sign(forRefresh, [keyIDSize]byte(b), b[:refreshBody])
	if err != nil || !hmac.Equal(mac[:refreshMAC], b[refreshBody:]) {
		return t, errSeal
	}
	copy(t.GrantID[:], b[keyIDSize:])
	t.Generation = binary.BigEndian.Uint32(b[refreshBody-4:])
	return t, nil
}

func decodeToken(token, prefix string) ([]byte, bool) {
	text, ok := strings.CutPrefix(token, prefix)
	if !ok || len(token) > MaxToken {
		return nil, false
	}
	return decode(text)
}

// decode reads unpadded base64url in its one spelling. The decoder of the standard library
// skips line breaks even when it is strict; what was revoked or used would then be good
// once more, spelled another way.
func decode(text string) ([]byte, bool) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return raw, err == nil
}
