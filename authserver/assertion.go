// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/assertion"
)

// Assertions is how a client without a client secret proves who it is: by a JWT (RFC 7523 §2.2). Keys, KeySetURI, or one or both of
// the others are set.
type Assertions struct {
	// Keys are the public keys of the client: private_key_jwt of OpenID Connect Core §9.
	Keys []assertion.Key
	// KeySetURI is where its public keys are read.
	KeySetURI string
	// ServiceAccounts are those of the client's namespace whose tokens are its assertions.
	ServiceAccounts []ServiceAccount
	// Elsewhere are ServiceAccounts of other clusters whose tokens are its assertions, too; nil: there are none.
	Elsewhere *Elsewhere
}

// ServiceAccount is one of Kubernetes. Another one of the same name has another UID.
type ServiceAccount struct{ Name, UID string }

// KeySets reads the public keys that clients keep at an address (RFC 7591 §2: jwks_uri).
type KeySets interface {
	// Keys returns the keys at the address. Those that are known are used for some time; when none of them is wanted, the address is
	// asked again, but not often. Without an answer, and without keys that are still known, the error wraps ErrUnavailable. The namespace
	// is that of the client: what is asked for one holds up those of no other.
	Keys(ctx context.Context, namespace, uri string, wanted func(assertion.Key) bool) ([]assertion.Key, error)
}

const (
	// maxAssertionLifetime is how far ahead an assertion of a client's own key may end. Until then its jti is remembered.
	maxAssertionLifetime = 10 * time.Minute
	// assertionSkew is how far a client's clock may be ahead of the server's.
	assertionSkew = time.Minute
)

// Reasons for the audit log why an assertion is refused.
const (
	reasonNoAssertions  = "the client does not prove itself with assertions: see spec.credentials.source"
	reasonNames         = "iss and sub of the assertion are not both the client ID"
	reasonAudience      = "aud of the assertion is not the issuer of this server, alone and character for character"
	reasonNoEnd         = "the assertion has no exp"
	reasonOver          = "the assertion has expired: exp is not later than the server's time"
	reasonEndsLate      = "the assertion ends too late: exp must be at most 10 minutes ahead"
	reasonNotYet        = "the assertion is not valid yet: nbf or iat is later than the server's time, or the client's clock is wrong"
	reasonNoID          = "the assertion has no jti"
	reasonSignature     = "the assertion is not signed with a key of the client that its kid and alg name"
	reasonReplay        = "the assertion was used before: each one needs a jti of its own"
	reasonNoAddressKeys = "this server does not read keys from addresses"
)

// refusedAssertion is why an assertion proves nothing, for the audit log.
type refusedAssertion string

func (r refusedAssertion) Error() string { return string(r) }

// prover is who is to prove itself: a client or a resource server.
type prover struct {
	kind, uid, id, namespace string
	assertions               *Assertions
}

func (c *Client) prover() prover { return prover{"client", c.UID, c.ID, c.Namespace, c.Assertions} }
func (r *ResourceServer) prover() prover {
	return prover{"resource server", r.UID, r.ID, r.Namespace, r.Assertions}
}

// clientIDOf returns who a request says that it is of. An assertion says it too, so client_id may be missing beside it (RFC 7521
// §4.2). Empty: nothing says it.
func clientIDOf(p ClientSecret) string {
	if p.ID != "" || p.Assertion == "" {
		return p.ID
	}
	a, err := assertion.Parse(p.Assertion)
	if err != nil {
		return ""
	}
	return a.Subject
}

// authenticateAssertion is AuthenticateClient for a client that sent an assertion. Nothing is stored before it has been verified.
func (s *Server) authenticateAssertion(ctx context.Context, profile Profile, p ClientSecret) (Caller, error) {
	client, known := s.clients.ByID(clientIDOf(p))
	if !known {
		client = &unknownClient
	}
	why := whyRefused(client, known, profile)
	if why == reasonWrongSecret && client.Public {
		why = reasonNoAssertions
	}
	if why != reasonWrongSecret {
		return Caller{}, s.refuseAssertion(ctx, client.ID, why)
	}
	credentialID, err := s.prove(ctx, client.prover(), p.Assertion)
	return Caller{Client: client, CredentialID: credentialID}, err
}

// authenticateAPI is AuthenticateIntrospector for a resource server that sent an assertion.
func (s *Server) authenticateAPI(ctx context.Context, r *ResourceServer, p ClientSecret) (Caller, error) {
	if !r.Accepted {
		return Caller{}, s.refuseAssertion(ctx, r.ID, reasonAPINotAccepted)
	}
	credentialID, err := s.prove(ctx, r.prover(), p.Assertion)
	return Caller{ResourceServer: r, CredentialID: credentialID}, err
}

func (s *Server) refuseAssertion(ctx context.Context, id, why string) error {
	s.audit(ctx, Event{Name: EventClientRefused, ClientID: id, Reason: why})
	return Refuse(InvalidClient, "client authentication failed")
}

// prove returns what tokens for the assertion are bound to, and notes that it was used.
func (s *Server) prove(ctx context.Context, who prover, text string) (credentialID string, err error) {
	if who.assertions == nil {
		return "", s.refuseAssertion(ctx, who.id, reasonNoAssertions)
	}
	parse := assertion.Parse
	if who.assertions.ofAccounts() {
		parse = assertion.ParseServiceAccountToken
	}
	a, err := parse(text)
	if err != nil {
		return "", s.refuseAssertion(ctx, who.id, err.Error())
	}
	credentialID, err = s.proveAssertion(ctx, who, a, text)
	if refused, ok := errors.AsType[refusedAssertion](err); ok {
		return "", s.refuseAssertion(ctx, who.id, refused.Error())
	}
	if err != nil {
		return "", err
	}
	s.uses.note(who.uid, usedWithAssertion, s.now())
	return credentialID, nil
}

// proveAssertion checks what all assertions have in common, and then the kind that it is.
func (s *Server) proveAssertion(ctx context.Context, who prover, a *assertion.Assertion, text string) (credentialID string, err error) {
	switch now := s.now(); {
	case s.issuer == "" || len(a.Audience) != 1 || a.Audience[0] != s.issuer:
		return "", refusedAssertion(reasonAudience)
	case a.ExpiresAt.IsZero():
		return "", refusedAssertion(reasonNoEnd)
	case !now.Before(a.ExpiresAt):
		return "", refusedAssertion(reasonOver)
	case a.NotBefore.After(now.Add(assertionSkew)) || a.IssuedAt.After(now.Add(assertionSkew)):
		return "", refusedAssertion(reasonNotYet)
	}
	if who.assertions.ofAccounts() {
		return s.proveAccount(ctx, who, a, text)
	}
	return s.proveKey(ctx, who, a)
}

// proveKey checks an assertion of the client's own key, and spends its jti.
func (s *Server) proveKey(ctx context.Context, who prover, a *assertion.Assertion) (credentialID string, err error) {
	now := s.now()
	switch {
	case a.Issuer != who.id || a.Subject != who.id:
		return "", refusedAssertion(reasonNames)
	case a.ExpiresAt.After(now.Add(maxAssertionLifetime + assertionSkew)):
		return "", refusedAssertion(reasonEndsLate)
	case a.ID == "":
		return "", refusedAssertion(reasonNoID)
	}
	keys, err := s.keysOf(ctx, who, a.Asks)
	if err != nil {
		return "", err
	}
	key, ok := a.SignedBy(keys)
	if !ok {
		return "", refusedAssertion(reasonSignature)
	}
	err = s.store.Spend(ctx, assertionKey(who, a.ID), now, a.ExpiresAt.Add(clockSlack))
	if errors.Is(err, ErrExists) {
		return "", refusedAssertion(reasonReplay)
	}
	return key.ID, wrap("remember an assertion", err)
}

// keysOf returns the client's keys, of which one is wanted.
func (s *Server) keysOf(ctx context.Context, who prover, wanted func(assertion.Key) bool) ([]assertion.Key, error) {
	switch {
	case who.assertions.KeySetURI == "":
		return who.assertions.Keys, nil
	case s.keySets == nil:
		return nil, refusedAssertion(reasonNoAddressKeys)
	}
	keys, err := s.keySets.Keys(ctx, who.namespace, who.assertions.KeySetURI, wanted)
	if err != nil {
		return nil, fmt.Errorf("read the keys of %s: %w", who.id, err)
	}
	return keys, nil
}

// assertionKey marks a jti as used. Assertions name an ID, not a UID: one that was used stays used when the object of the ID is
// created again.
func assertionKey(who prover, id string) Hash {
	return sha256.Sum256(framed("gatehouse assertion", who.kind, who.id, id))
}

// stillProves reports whether a token that was bound to a key or a ServiceAccount of the client still is worth something.
func (s *Server) stillProves(ctx context.Context, c *Client, credentialID string) (bool, error) {
	if slices.ContainsFunc(c.Assertions.ServiceAccounts, func(sa ServiceAccount) bool {
		return sa.UID != "" && assertion.ServiceAccountID(sa.UID) == credentialID
	}) || s.stillElsewhere(c, credentialID) {
		return true, nil
	}
	bound := func(k assertion.Key) bool { return k.ID == credentialID }
	keys, err := s.keysOf(ctx, c.prover(), bound)
	if _, refused := errors.AsType[refusedAssertion](err); refused {
		return false, nil
	}
	return slices.ContainsFunc(keys, bound), err
}
