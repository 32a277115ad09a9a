// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/callback"
)

const (
	requestPrefix        = "ght_"
	requestTokenLifetime = 10 * time.Minute
)

// TemporaryCredentials are a request token and its secret (RFC 5849 §2.1).
type TemporaryCredentials struct {
	Token     string
	Secret    string
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// requestToken is what a request token says. It is a pushed authorization request that is
// kept by the client instead of the server: sealed, so that nothing of it can be changed.
type requestToken struct {
	ClientUID string
	Callback  callbackTag
	// Port is the port of a loopback callback, which the registered one leaves open. 0: none.
	Port     uint16
	IssuedAt time.Time
	ID       [12]byte

	key keyID // that sealed it, of a token that was opened
}

// callbackTag stands for a callback inside a request token. It is only ever looked up among
// the callbacks of the token's own client.
type callbackTag [8]byte

func tagOfCallback(uri string) callbackTag {
	sum := sha256.Sum256([]byte(uri))
	return callbackTag(sum[:])
}

// RequestToken begins a flow of a client that signed its request (RFC 5849 §2.1). The callback
// must be one of the client's, or OutOfBand where it may have that. Nothing is stored.
func (s *Server) RequestToken(ctx context.Context, caller Caller, uri string) (*TemporaryCredentials, error) {
	if err := s.mayBegin(); err != nil {
		return nil, err
	}
	c := caller.Client
	tag, port, ok := c.tagOf(uri)
	if !ok {
		s.audit(ctx, Event{Name: EventRequestRefused, ClientID: c.ID, Reason: "the callback is not registered for this client"})
		return nil, callbackDiffers(NewParameterError(CallbackNotRegistered, "the callback is not registered for this client"), c, uri)
	}
	keys, err := s.currentKeys()
	if err != nil {
		return nil, err
	}
	t := requestToken{ClientUID: c.UID, Callback: tag, Port: port, IssuedAt: s.now()}
	name := sha256.Sum256([]byte(s.newID()))
	copy(t.ID[:], name[:])
	token := keys.sealRequest(t)
	secret, err := keys.tokenSecret(token)
	if err != nil {
		return nil, wrap("derive token secret", err)
	}
	return &TemporaryCredentials{Token: token, Secret: secret, IssuedAt: t.IssuedAt, ExpiresAt: t.IssuedAt.Add(requestTokenLifetime)}, nil
}

// BeginSigned begins the interaction of a link with a request token (RFC 5849 §2.2). The
// token is looked at when the owner has logged in, not before.
func (s *Server) BeginSigned(profile Profile, token string) (Interaction, error) {
	if token == "" || len(token) > MaxToken {
		return Interaction{}, Refuse(RequestTokenUnknown, "the request token is missing or malformed")
	}
	keys, err := s.currentKeys()
	if err != nil {
		return Interaction{}, err
	}
	now := s.now()
	return Interaction{ID: s.newInteractionID(), Profile: profile, RequestToken: token, StartedAt: now, key: keys.activeID(now)}, nil
}

// resolveRequestToken finds what the interaction's request token asks for.
func (s *Server) resolveRequestToken(keys *Keys, i Interaction) (resolved, error) {
	t, err := keys.openRequest(i.RequestToken)
	if err != nil {
		return resolved{}, Refuse(RequestTokenUnknown, "the request token is unknown")
	}
	client, uri, err := s.targetOfRequestToken(t, i.Profile)
	if err != nil {
		return resolved{}, err
	}
	to := i.Return()
	to.ClientID, to.Callback = client.ID, uri
	return resolved{
		Interaction: i, keys: keys, client: client, scopes: client.Scopes, to: to,
		name: []string{"request token", i.RequestToken}, key: t.key, expired: s.now().Sub(t.IssuedAt) >= requestTokenLifetime,
	}, nil
}

// targetOfRequestToken returns the client and the callback that a request token was made for.
func (s *Server) targetOfRequestToken(t requestToken, profile Profile) (*Client, string, error) {
	client, ok := s.clients.ByUID(t.ClientUID)
	if !ok || !client.served() || client.Profile != profile {
		return nil, "", Refuse(UnknownClient, "no such client")
	}
	uri, ok := client.callbackOf(t.Callback, t.Port)
	if !ok {
		return nil, "", Refuse(InvalidCallback, "the callback is not registered for this client")
	}
	return client, uri, nil
}

// tagOf returns what a request token keeps of a callback that the client may use.
func (c *Client) tagOf(uri string) (tag callbackTag, port uint16, ok bool) {
	if uri == OutOfBand {
		return tagOfCallback(uri), 0, c.OutOfBand
	}
	registered, ok := c.registered(uri)
	return tagOfCallback(registered), callback.LoopbackPort(uri), ok
}

// callbackOf returns the callback that a request token was made for.
func (c *Client) callbackOf(tag callbackTag, port uint16) (string, bool) {
	if c.OutOfBand && tag == tagOfCallback(OutOfBand) {
		return OutOfBand, true
	}
	for _, registered := range c.CallbackURLs {
		if tag == tagOfCallback(registered) {
			uri := callback.WithLoopbackPort(registered, port)
			return uri, c.HasCallback(uri)
		}
	}
	return "", false
}

// verifierProof joins a verifier to the request token it belongs to: one without the other is
// worth nothing, which is what RFC 5849 mends in OAuth 1.0.
func verifierProof(token, verifier string) string { return token + " " + verifier }

// normalizeVerifier undoes what happens to a displayed verifier on its way through eyes, ears and hands.
// Verifiers are made of A to Z and 2 to 7 only, so no two of them become one.
func normalizeVerifier(verifier string) string {
	return strings.NewReplacer(" ", "", "-", "", "0", "O", "1", "I", "8", "B").Replace(strings.ToUpper(verifier))
}

// Exchange redeems a verifier for token credentials (RFC 5849 §2.3). The caller signed the
// request with the request token's secret.
func (s *Server) Exchange(ctx context.Context, caller Caller, token, verifier string) (*Tokens, error) {
	if verifier == "" {
		return nil, Refuse(TokenRejected, "the verifier is missing")
	}
	return s.tokenByProof(ctx, caller, TokenRequest{GrantType: GrantAuthorizationCode, Proof: verifierProof(token, normalizeVerifier(verifier))})
}

// sealRequest spells a request token: ght_, then key ID, nonce and ciphertext of time,
// callback tag, port, ID and client UID.
func (k *Keys) sealRequest(t requestToken) string {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 64), uint32(t.IssuedAt.Unix())) //nolint:gosec // seconds until 2106
	b = append(b, t.Callback[:]...)
	b = binary.BigEndian.AppendUint16(b, t.Port)
	b = append(b, t.ID[:]...)
	b = appendString(b, t.ClientUID)
	return requestPrefix + base64.RawURLEncoding.EncodeToString(k.seal(forRequest, t.IssuedAt, b))
}

// openRequest is the inverse of sealRequest. It does not look at the clock. Its error is
// errSeal whatever is wrong.
func (k *Keys) openRequest(token string) (requestToken, error) {
	var t requestToken
	raw, ok := decodeToken(nil, token, requestPrefix)
	if !ok {
		return t, errSeal
	}
	b, err := k.open(forRequest, raw)
	if err != nil || len(b) < 4+len(t.Callback)+2+len(t.ID) {
		return t, errSeal
	}
	t.key = keyID(raw)
	t.IssuedAt = time.Unix(int64(binary.BigEndian.Uint32(b)), 0)
	rest := b[4:]
	rest = rest[copy(t.Callback[:], rest):]
	t.Port, rest = binary.BigEndian.Uint16(rest), rest[2:]
	rest = rest[copy(t.ID[:], rest):]
	t.ClientUID, _ = nextString(rest)
	return t, nil
}

// tokenSecret derives the secret of a request or access token from the token: it is not
// stored. The key is the one the token was sealed with.
func (k *Keys) tokenSecret(token string) (string, error) {
	var room [MaxToken]byte
	raw, ok := appendDecoded(room[:0], token[min(len(token), len(requestPrefix)):])
	if !ok || len(raw) < keyIDSize {
		return "", errSeal
	}
	mac, err := k.sign(forTokenSecret, keyID(raw), []byte(token))
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(mac[:]), nil
}
