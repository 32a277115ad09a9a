// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
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

// tokenBuffers is the room that tokens are spelled and read in.
type tokenBuffers struct {
	plain, raw [MaxToken]byte
	text       [2 * MaxToken]byte
}

var tokenRoom = sync.Pool{New: func() any { return new(tokenBuffers) }}

// sealAccess spells an access token: gha_, then key ID, nonce and ciphertext of
// kind, times, grant ID or client UID and credential ID, scope tags.
func (k *Keys) sealAccess(t accessToken) string {
	room, _ := tokenRoom.Get().(*tokenBuffers)
	defer tokenRoom.Put(room)
	raw, _ := k.appendSealed(room.raw[:0], k.activeID(t.IssuedAt), forAccess, t.appendTo(room.plain[:0])) // the active key is there
	return string(base64.RawURLEncoding.AppendEncode(append(room.text[:0], accessPrefix...), raw))
}

func (t accessToken) appendTo(b []byte) []byte {
	b = append(b, t.kind())
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
	return b
}

// openAccess is the inverse of sealAccess. It does not look at the clock. Its error is
// errSeal whatever is wrong.
func (k *Keys) openAccess(token string) (accessToken, error) {
	room, _ := tokenRoom.Get().(*tokenBuffers)
	defer tokenRoom.Put(room)
	raw, ok := decodeToken(room.raw[:0], token, accessPrefix)
	if !ok {
		return accessToken{}, errSeal
	}
	b, err := k.appendOpened(room.plain[:0], forAccess, raw)
	if err != nil || len(b) < 9 {
		return accessToken{}, errSeal
	}
	return readAccess(b)
}

// readAccess is the inverse of appendTo.
func readAccess(b []byte) (accessToken, error) {
	t := accessToken{
		IssuedAt:  time.Unix(int64(binary.BigEndian.Uint32(b[1:])), 0),
		ExpiresAt: time.Unix(int64(binary.BigEndian.Uint32(b[5:])), 0),
	}
	kind, rest := b[0], b[9:]
	switch kind {
	case kindGrant, kindSigned:
		t.Signed = kind == kindSigned
		rest = rest[copy(t.GrantID[:], rest):]
	case kindCredential:
		t.ClientUID, rest = nextString(rest)
		t.CredentialID, rest = nextString(rest)
	default:
		return accessToken{}, errSeal
	}
	const size = len(scopeTag{})
	if n := len(rest) / size; n > 0 {
		t.Scopes = make([]scopeTag, n)
		for i := range t.Scopes {
			t.Scopes[i] = scopeTag(rest[i*size:])
		}
	}
	return t, nil
}

func appendString(b []byte, s string) []byte {
	b = append(b, byte(len(s))) //nolint:gosec // UIDs and credential IDs are short; MaxToken is tested
	return append(b, s...)
}

func nextString(b []byte) (text string, rest []byte) {
	if len(b) == 0 {
		return "", nil
	}
	end := min(1+int(b[0]), len(b))
	return string(b[1:end]), b[end:]
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
	var room [refreshBody + refreshMAC]byte
	b := append(room[:0], id[:]...)
	b = append(b, g.ID[:]...)
	b = binary.BigEndian.AppendUint32(b, g.Generation)
	mac, err := k.sign(forRefresh, id, b)
	if err != nil {
		return "", err
	}
	b = append(b, mac[:refreshMAC]...)
	return string(base64.RawURLEncoding.AppendEncode(append(make([]byte, 0, MaxToken), refreshPrefix...), b)), nil
}

// openRefresh is the inverse of signRefresh. Its error is errSeal whatever is wrong.
func (k *Keys) openRefresh(token string) (refreshToken, error) {
	var t refreshToken
	var room [MaxToken]byte
	b, ok := decodeToken(room[:0], token, refreshPrefix)
	if !ok || len(b) != refreshBody+refreshMAC {
		return t, errSeal
	}
	mac, err := k.sign(forRefresh, keyID(b), b[:refreshBody])
	if err != nil || !hmac.Equal(mac[:refreshMAC], b[refreshBody:]) {
		return t, errSeal
	}
	copy(t.GrantID[:], b[keyIDSize:])
	t.Generation = binary.BigEndian.Uint32(b[refreshBody-4:])
	return t, nil
}

// decodeToken appends what a token spells to out, which has room for it.
func decodeToken(out []byte, token, prefix string) ([]byte, bool) {
	text, ok := strings.CutPrefix(token, prefix)
	if !ok || len(token) > MaxToken {
		return nil, false
	}
	return appendDecoded(out, text)
}

// decode reads unpadded base64url in its one spelling. The decoder of the standard library
// skips line breaks even when it is strict; what was revoked or used would then be good
// once more, spelled another way.
func decode(text string) ([]byte, bool) { return appendDecoded(nil, text) }

var strictBase64 = base64.RawURLEncoding.Strict()

func appendDecoded(out []byte, text string) ([]byte, bool) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	raw, err := strictBase64.AppendDecode(out, []byte(text))
	return raw, err == nil
}
