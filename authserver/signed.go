// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// clockWindow is how far a signed request's timestamp may be from now (RFC 5849 §3.3).
const clockWindow = 5 * time.Minute

// TokenKind is the kind of token that goes with a signed request.
type TokenKind int

// The kinds.
const (
	NoToken TokenKind = iota
	RequestTokenKind
	AccessTokenKind
)

// SignedRequest is what a request says about who made it (RFC 5849 §3.1), and how its
// signature is checked.
type SignedRequest struct {
	Profile  Profile
	ClientID string
	Method   string // signature method
	Kind     TokenKind
	Token    string // of that kind
	Nonce    string
	// Timestamp is in seconds since 1970.
	Timestamp int64
	// Place is SecretInURL if the signature is made of the secrets themselves and in the URL.
	Place SecretPlace
	// SkipNonce is set where nonce and timestamp mean nothing: PLAINTEXT, over TLS.
	SkipNonce bool
	// Matches reports whether the signature is the one made with these secrets, in a time that
	// does not depend on the answer.
	Matches func(clientSecret, tokenSecret string) bool
}

// AuthenticateSigned checks a signed request: its signature, then its time, then that it was
// not seen before. Unknown clients, unknown tokens and wrong signatures are one
// SignatureInvalid, found with the same work; for those nothing is stored.
func (s *Server) AuthenticateSigned(ctx context.Context, r SignedRequest) (Caller, error) {
	caller, err := s.authenticateSigned(ctx, r)
	if err != nil {
		return Caller{}, err
	}
	return caller, s.spendNonce(ctx, r)
}

// authenticateSigned does all of it but for what may happen only once. It writes nothing.
func (s *Server) authenticateSigned(ctx context.Context, r SignedRequest) (Caller, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return Caller{}, err
	}
	client, known := s.clients.ByID(r.ClientID)
	if !known {
		client = &unknownClient
	}
	tokenSecret, tokenKnown := keys.secretOf(r)
	credentialID, fits := s.findSigningCredential(keys, client, tokenSecret, r)
	if client.Profile == r.Profile && client.awaitsSecret() {
		return Caller{}, s.notIssuedYet(ctx, client.ID)
	}
	if !known || !tokenKnown || !fits || client.Profile != r.Profile || !client.served() {
		s.audit(ctx, Event{Name: EventClientRefused, ClientID: client.ID, Reason: whyNotSigned(client, known, r.Profile)})
		return Caller{}, Refuse(SignatureInvalid, "the signature is wrong")
	}
	if !slices.Contains(client.SignatureMethods, r.Method) {
		return Caller{}, Refuse(SignatureMethodRejected, "this client may use only "+strings.Join(client.SignatureMethods, ", "))
	}
	if !client.MayUse(r.Place, s.now()) {
		return Caller{}, s.misplaced(ctx, client)
	}
	s.uses.note(client.UID, credentialID, s.now())
	return Caller{Client: client, CredentialID: credentialID}, nil
}

func whyNotSigned(c *Client, known bool, profile Profile) string {
	if why := whyRefused(c, known, profile); why != reasonWrongSecret {
		return why
	}
	return "the signature, or the token it was made with, is wrong"
}

// secretOf returns the secret of the token that goes with the request; for a token that is
// not of its kind some other secret, so that the work stays the same.
func (k *Keys) secretOf(r SignedRequest) (secret string, known bool) {
	switch r.Kind {
	case NoToken:
		return "", r.Token == ""
	case RequestTokenKind:
		_, err := k.openRequest(r.Token)
		known = err == nil
	case AccessTokenKind:
		t, err := k.openAccess(r.Token)
		known = err == nil && t.Signed
	}
	secret, err := k.tokenSecret(r.Token)
	return secret, known && err == nil
}

// findSigningCredential finds the credential that the request was signed with. The client's secrets are
// derived from the shared key: HMAC needs them in clear. The secret of the last right signature is
// tried first. A refusal does the same work for every client, and for one that is not there.
func (s *Server) findSigningCredential(keys *Keys, c *Client, tokenSecret string, r SignedRequest) (credentialID string, ok bool) {
	now := s.now()
	last, credentialID, known := keys.proven.lastSigner(c, now)
	if r.Matches(last, tokenSecret) && known {
		return credentialID, true
	}
	credentialID = ""
	for _, cred := range candidates(c.Credentials) {
		secret := s.deriveSecret(keys.signedRoot, c.UID, cred.ID)
		genuine := s.verifySecret(keys.verifierKey, c.UID, cred.ID, secret, cred.Verifier)
		if r.Matches(secret, tokenSecret) && genuine && cred.ID != noCredential && cred.validAt(now) {
			credentialID, ok = cred.ID, true
			keys.proven.signers.put(c.UID, signer{cred.ID, cred.Verifier, secret})
		}
	}
	return credentialID, ok
}

// spendNonce refuses a request whose time is off, and one that was seen before (RFC 5849 §3.3).
// It is asked last, so that only a client with its secret can write.
func (s *Server) spendNonce(ctx context.Context, r SignedRequest) error {
	if r.SkipNonce {
		return nil
	}
	now := s.now()
	made, earliest, latest := time.Unix(r.Timestamp, 0), now.Add(-clockWindow), now.Add(clockWindow)
	if made.Before(earliest) || made.After(latest) {
		return NewTimestampError(earliest, latest, "the timestamp is too far from the server's time")
	}
	err := s.store.Spend(ctx, nonceKey(r), now, made.Add(clockWindow+time.Second))
	if errors.Is(err, ErrExists) {
		return Refuse(NonceUsed, "the nonce was used before")
	}
	if err != nil {
		return fmt.Errorf("remember nonce: %w", err)
	}
	return nil
}

// nonceKey is unique for client, token, timestamp and nonce.
func nonceKey(r SignedRequest) Hash {
	b := framed("gatehouse nonce", r.ClientID, r.Token, r.Nonce)
	return sha256.Sum256(binary.BigEndian.AppendUint64(b, uint64(r.Timestamp))) //nolint:gosec // any 64 bits will do
}

// SignedToken tells what the access token of a signed request is worth, after
// AuthenticateSigned has let the request in. One that has ended is a TokenExpired, one
// that is worth nothing for another reason TokenRejected.
func (s *Server) SignedToken(ctx context.Context, caller Caller, token string) (TokenInfo, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return TokenInfo{}, err
	}
	t, err := keys.openAccess(token)
	if err != nil || !t.Signed {
		return TokenInfo{}, Refuse(TokenRejected, "the token is not an access token")
	}
	if !s.now().Before(t.ExpiresAt) {
		return TokenInfo{}, Refuse(TokenExpired, "the token has expired")
	}
	info, err := s.inspectAccess(ctx, t, token)
	if err != nil {
		return TokenInfo{}, err
	}
	if !info.Active || info.Client.UID != caller.Client.UID {
		return TokenInfo{}, Refuse(TokenRejected, "the token is not valid")
	}
	return info, nil
}

// Verify tells a resource server what a signed request that reached it is worth: what
// Introspect tells about a bearer token. Whatever is wrong with the request is an inactive
// token; the audit log knows more.
func (s *Server) Verify(ctx context.Context, caller Caller, r SignedRequest) (TokenInfo, error) {
	if caller.CredentialID == "" {
		return TokenInfo{}, Refuse(InvalidClient, "client authentication is required")
	}
	if caller.ResourceServer == nil { // a client has no requests to verify
		return TokenInfo{}, nil
	}
	info, err := s.verify(ctx, caller.ResourceServer, r)
	if _, refused := errors.AsType[Refusal](err); refused {
		return TokenInfo{}, nil
	}
	return info, err
}

// verify spends the nonce last: whoever may not see the token cannot use up the request, and
// the API that it was meant for still can.
func (s *Server) verify(ctx context.Context, resource *ResourceServer, r SignedRequest) (TokenInfo, error) {
	caller, err := s.authenticateSigned(ctx, r)
	if err != nil {
		return TokenInfo{}, err
	}
	info, err := s.SignedToken(ctx, caller, r.Token)
	if err != nil {
		return TokenInfo{}, err
	}
	if info = info.seenBy(resource); !info.Active {
		return info, nil
	}
	if err := s.spendNonce(ctx, r); err != nil {
		return TokenInfo{}, err
	}
	return info, nil
}

// RevokeSigned ends the grant of a token that the caller signed its request with.
func (s *Server) RevokeSigned(ctx context.Context, caller Caller, token string) error {
	keys, err := s.currentKeys()
	if err != nil {
		return err
	}
	t, err := keys.openAccess(token)
	if err != nil || !t.Signed {
		return nil //nolint:nilerr // an invalid token is as good as revoked
	}
	return s.revokeOwn(ctx, caller, t.GrantID)
}

// Bearer tells what a bearer token of one profile is worth at a resource of this server's own.
func (s *Server) Bearer(ctx context.Context, profile Profile, token string) (TokenInfo, error) {
	info, err := s.inspect(ctx, token)
	if err != nil || !info.Active || info.Refresh || info.Client.Profile != profile {
		return TokenInfo{}, err
	}
	return info, nil
}
