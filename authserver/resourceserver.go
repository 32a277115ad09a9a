// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// ResourceServer is what the server knows of an API that takes tokens. It is no client: it gets
// no tokens and begins no authorizations. It is shared between requests and never changed.
type ResourceServer struct {
	UID         string // identity; a re-created object is another resource server
	ID          string // public name, with which it introspects and verifies
	Namespace   string
	Name        string
	Identifiers []string // RFC 8707
	OwnedScopes []string // scopes that it declares and holds
	Credentials []Credential
	// GivenSecret: somebody else makes the client secret, so nobody knows when it comes.
	GivenSecret bool
	// Assertions is how it proves who it is without a client secret; nil: it has one.
	Assertions *Assertions
	// JWTAlgorithm is what access tokens for it are signed with, which are JWTs then (RFC 9068). Empty: they are opaque.
	JWTAlgorithm credential.SigningAlgorithm

	Accepted bool // otherwise it is refused, and its scopes are granted to nobody
}

// issuingRetry is what Retry-After says while a first secret is being issued.
const issuingRetry = 2 * time.Second

const reasonAPINotAccepted = "the resource server is suspended or not accepted: see its conditions"

// AuthenticateIntrospector checks the secret, or the assertion, of whoever asks what a token or a signed request is
// worth: a resource server, or a client of profile OAuth2. Whatever is wrong is one InvalidClient,
// as in AuthenticateClient.
func (s *Server) AuthenticateIntrospector(ctx context.Context, p ClientSecret) (Caller, error) {
	p.ID = clientIDOf(p)
	resource, known := s.clients.ResourceServerByID(p.ID)
	if !known {
		return s.AuthenticateClient(ctx, ProfileOAuth2, p)
	}
	keys, err := s.currentKeys()
	if err != nil {
		return Caller{}, err
	}
	if p.Assertion != "" {
		return s.authenticateAPI(ctx, resource, p)
	}
	credentialID, proven := s.findCredential(keys, resource.UID, resource.Credentials, p)
	switch {
	case resource.Accepted && proven && p.Place == SecretInBody:
		s.uses.note(resource.UID, credentialID, s.now())
		return Caller{ResourceServer: resource, CredentialID: credentialID}, nil
	case resource.Accepted && !resource.GivenSecret && resource.Assertions == nil && len(resource.Credentials) == 0:
		return Caller{}, s.notIssuedYet(ctx, resource.ID)
	}
	reason := reasonWrongSecret
	if !resource.Accepted {
		reason = reasonAPINotAccepted
	}
	s.audit(ctx, Event{Name: EventClientRefused, ClientID: resource.ID, Reason: reason})
	return Caller{}, Refuse(InvalidClient, "client authentication failed")
}

// notIssuedYet refuses somebody whose first secret is on its way: the Secret is written before
// the status, so an application can be faster than what the server knows.
func (s *Server) notIssuedYet(ctx context.Context, id string) error {
	s.audit(ctx, Event{Name: EventClientRefused, ClientID: id, Reason: "its first secret is being issued"})
	return NewWaitError(TemporarilyUnavailable, issuingRetry, "the client secret is being issued; try again in a few seconds")
}
