// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// issue is what is decided about the credentials of an object.
type issue struct {
	// reset: the credentials are new ones in place of others.
	reset       bool
	credentials []v1alpha1.CredentialStatus
	// handled is the value of the reset annotation that was acted upon last.
	handled string
	// secret is the client secret; empty for a Public client.
	secret       string
	verification verification
}

// verification tells whether the credential in the status belongs to the keys.
type verification int

const (
	verified       verification = iota // the keys make the secret, and the verifier accepts it
	verifiedStored                     // they do not, but the Secret of the cluster is accepted
	unverified                         // they do not, and neither is the Secret
)

// decideCredentials makes the first credential, or a new one if a reset is asked for, and
// asks whether the credential is the one of the status.
func decideCredentials(in input, status v1alpha1.OAuthClientStatus) issue {
	s := in.subject
	if s.public {
		return issue{handled: status.LastHandledReset}
	}
	issued := knownCredentials(in, status)
	value, asked := s.reset()
	switch {
	case len(issued.credentials) == 0: // a reset that is asked for already is part of its ID
		issued.credentials, issued.handled = newCredential(in, credential.FirstID(string(s.uid()), value)), value
	case asked && value != issued.handled:
		issued.credentials, issued.handled, issued.reset = newCredential(in, in.newID), value, true
	}
	return verify(in, issued)
}

// keepCredentials returns the credentials without the reset that is asked for.
func keepCredentials(in input, status v1alpha1.OAuthClientStatus) issue {
	return verify(in, knownCredentials(in, status))
}

// knownCredentials returns the credentials of the status. A status that was lost is rebuilt
// from the record in the Secret.
func knownCredentials(in input, status v1alpha1.OAuthClientStatus) issue {
	if len(status.Credentials) > 0 {
		return issue{credentials: slices.Clone(status.Credentials), handled: status.LastHandledReset}
	}
	r, ok := readRecord(in, in.seen.secret)
	owner := ownerOf(in.seen.secret, in.subject)
	if !ok || len(r.Credentials) == 0 || owner != ownerSelf && owner != ownerLost {
		return issue{handled: status.LastHandledReset}
	}
	var issued issue
	for _, id := range r.Credentials {
		issued.credentials = append(issued.credentials, credentialStatus(in, id, in.seen.secret.CreationTimestamp))
	}
	if value, _ := in.subject.reset(); hashOf(value) == r.Reset {
		issued.handled = value
	}
	return issued
}

func newCredential(in input, id string) []v1alpha1.CredentialStatus {
	return []v1alpha1.CredentialStatus{credentialStatus(in, id, second(in.now))}
}

func credentialStatus(in input, id string, issuedAt metav1.Time) v1alpha1.CredentialStatus {
	verifier := credential.Verifier(in.keys.shared, string(in.subject.uid()), id, derive(in, id))
	return v1alpha1.CredentialStatus{ID: id, IssuedAt: issuedAt, Verifier: verifier}
}

// derive returns the client secret of a credential.
func derive(in input, id string) string {
	return credential.Derive(rootOf(in), string(in.subject.uid()), id)
}

// rootOf returns the key that everything in the object's Secret comes from. To check what a
// client has signed the authorization server has to know its secret, so that one comes from
// the key they share.
func rootOf(in input) credential.Key {
	if in.subject.signed {
		return credential.SignedRoot(in.keys.shared)
	}
	return in.keys.root
}

// verify derives the client secret of the last credential and asks whether it is the one of
// the status.
func verify(in input, issued issue) issue {
	if len(issued.credentials) == 0 {
		return issued
	}
	c, uid := issued.credentials[len(issued.credentials)-1], string(in.subject.uid())
	issued.secret = derive(in, c.ID)
	if c.ExpiresAt == nil && credential.Verify(in.keys.shared, uid, c.ID, issued.secret, c.Verifier) {
		return issued
	}
	issued.verification = unverified
	// What a signed client's secret is, the authorization server derives too: no other one is accepted.
	owner := ownerOf(in.seen.secret, in.subject)
	if c.ExpiresAt != nil || in.subject.signed || owner != ownerSelf && owner != ownerLost {
		return issued
	}
	held := string(in.seen.secret.Data[in.subject.dataKey(v1alpha1.KeyClientSecret)])
	if credential.Verify(in.keys.shared, uid, c.ID, held, c.Verifier) {
		issued.verification = verifiedStored
	}
	return issued
}
