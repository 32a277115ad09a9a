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
	// reset: the credentials are new ones in place of others. rotated: the last one is new, and the
	// one before it still counts.
	reset, rotated bool
	// revokes: somebody asked for the reset, and it ends grants and tokens, too.
	revokes bool
	// ends: the credential before the one in use has just got its end, and the one in use the time from which it counts. Both times count
	// once the Secret is written.
	ends bool
	// credentials has the one that is in use last.
	credentials []v1alpha1.CredentialStatus
	// handled and handledRotation are the values of the annotations that were acted upon last.
	handled, handledRotation string
	// waits tells why a rotation or a reset that was asked for is not made yet; may be empty.
	waits string
	// trouble is what is wrong with a client secret, keys or ServiceAccounts that somebody else makes.
	trouble trouble
	// authentication is what the status says of an object without a client secret; nil: it has one.
	authentication *v1alpha1.ClientAuthenticationStatus
	// secret is the client secret; empty for a Public client, and where somebody else makes it. previous is the one before it, if the
	// Secret holds that, too.
	secret, previous string
	verification     verification
	// validAfter is what the status says beside the credentials, for the record.
	validAfter *metav1.Time
}

// verification tells whether the credential in the status belongs to the keys.
type verification int

const (
	verified       verification = iota // the keys make the secret, and the verifier accepts it
	verifiedStored                     // they do not, but the Secret of the cluster is accepted
	unverified                         // they do not, and neither is the Secret
)

// decideCredentials makes the first credential, or a new one if a reset or a rotation is due, and
// asks whether the credential is the one of the status.
func decideCredentials(in input, status v1alpha1.OAuthClientStatus) issue {
	s := in.subject
	if s.public {
		return issue{handled: status.LastHandledReset, handledRotation: status.LastHandledRotation}
	}
	if s.credentials.FromGivenSecret() {
		return decideGiven(in, status)
	}
	if s.credentials.WithoutSecret() {
		return decideAssertions(in, status)
	}
	issued := knownCredentials(in, status)
	value, asked := s.reset()
	rotation, _ := s.rotation()
	switch {
	case isAnotherSource(issued): // the one that was given ends, and what it got stays
		issued.credentials, issued.reset = append(madeBefore(in, issued), newCredential(in, in.newID)...), true
		issued.revokes = asked && value != issued.handled && s.resetEndsGrants
		issued.handled, issued.handledRotation = value, rotation
	case len(issued.credentials) == 0 && hadNoSecret(status): // the first one may have been given up because it had leaked
		issued.credentials = newCredential(in, in.newID)
		issued.handled, issued.handledRotation = value, rotation
	case len(issued.credentials) == 0: // what is asked for already is part of the first one
		issued.credentials = newCredential(in, credential.FirstID(s.identityUID(), value))
		issued.handled, issued.handledRotation = value, rotation
	case asked && value != issued.handled: // and a rotation that is asked for is part of a reset
		issued.credentials, issued.reset, issued.revokes = newCredential(in, in.newID), true, s.resetEndsGrants
		issued.handled, issued.handledRotation = value, rotation
	default:
		return rotate(in, inUse(in, issued))
	}
	return withPrevious(in, verify(in, issued))
}

// madeBefore returns those of the credentials that the operator made before somebody else gave one: they have their ends. None if a
// reset is asked for.
func madeBefore(in input, issued issue) []v1alpha1.CredentialStatus {
	if value, asked := in.subject.reset(); asked && value != issued.handled {
		return nil
	}
	return slices.DeleteFunc(current(in, issued).credentials, func(c v1alpha1.CredentialStatus) bool { return credential.IsGiven(c.ID) })
}

// keepCredentials returns the credentials without the reset or the rotation that is due.
func keepCredentials(in input, status v1alpha1.OAuthClientStatus) issue {
	known := knownCredentials(in, status)
	if isAnotherSource(known) { // it still counts, and no key makes it
		return current(in, known)
	}
	return inUse(in, known)
}

// inUse returns what counts of the credentials now.
func inUse(in input, known issue) issue {
	return withPrevious(in, endPrevious(in, verify(in, current(in, known))))
}

// knownCredentials returns the credentials of the status. A status that was lost is rebuilt
// from the record in the Secret. One that says that there is no client secret is not lost, and
// a Secret that a finalizer keeps brings nothing back.
func knownCredentials(in input, status v1alpha1.OAuthClientStatus) issue {
	known := issue{
		credentials: slices.Clone(status.Credentials), handled: status.LastHandledReset, handledRotation: status.LastHandledRotation,
	}
	if len(known.credentials) > 0 || hadNoSecret(status) {
		return known
	}
	r, ok := lostRecord(in)
	if !ok || len(r.Credentials) == 0 {
		return known
	}
	rebuilt := issue{}
	for _, c := range r.Credentials {
		if credential.IsGiven(c.ID) {
			continue // what proves it cannot be made again
		}
		rebuilt.credentials = append(rebuilt.credentials, c.status(in))
	}
	if value, _ := in.subject.reset(); hashOf(value) == r.Reset {
		rebuilt.handled = value
	}
	if value, _ := in.subject.rotation(); hashOf(value) == r.Rotation {
		rebuilt.handledRotation = value
	}
	return rebuilt
}

// lostRecord returns the record in the Secret of the object, from which a lost status is rebuilt.
func lostRecord(in input) (record, bool) {
	switch in.secretOwner() {
	case ownerSelf, ownerLost, ownerRetained:
		return readRecord(in, in.seen.secret)
	default:
		return record{}, false
	}
}

// makes reports whether the client secret in use is one that the operator makes now.
func (o outcome) makes() bool {
	last := len(o.issued.credentials) - 1
	return o.subject.isGenerated() && last >= 0 && !slices.ContainsFunc(o.subject.status.Credentials, func(c v1alpha1.CredentialStatus) bool {
		return c.ID == o.issued.credentials[last].ID
	})
}

func newCredential(in input, id string) []v1alpha1.CredentialStatus {
	return []v1alpha1.CredentialStatus{credentialStatus(in, id, second(in.now))}
}

func credentialStatus(in input, id string, issuedAt metav1.Time) v1alpha1.CredentialStatus {
	verifier := credential.Verifier(in.keys.shared, in.subject.identityUID(), id, derive(in, id))
	return v1alpha1.CredentialStatus{ID: id, IssuedAt: issuedAt, Verifier: verifier}
}

// derive returns the client secret of a credential.
func derive(in input, id string) string {
	return credential.Derive(rootOf(in.subject, in.keys), in.subject.identityUID(), id)
}

// rootOf returns the key that everything in the object's Secret comes from. To check what a
// client has signed the authorization server has to know its secret, so that one comes from
// the key they share.
func rootOf(s subject, keys keyPair) credential.Key {
	if s.signed {
		return credential.SignedRoot(keys.shared)
	}
	return keys.root
}

// verify derives the client secret of the last credential and asks whether it is the one of
// the status.
func verify(in input, issued issue) issue {
	if len(issued.credentials) == 0 {
		return issued
	}
	c, uid := issued.credentials[len(issued.credentials)-1], in.subject.identityUID()
	issued.secret = derive(in, c.ID)
	if c.ExpiresAt == nil && credential.Verify(in.keys.shared, uid, c.ID, issued.secret, c.Verifier) {
		return issued
	}
	issued.verification = unverified
	// What a signed client's secret is, the authorization server derives too: no other one is accepted.
	owner := in.secretOwner()
	if c.ExpiresAt != nil || in.subject.signed || owner != ownerSelf && owner != ownerLost && owner != ownerRetained {
		return issued
	}
	held := string(in.seen.secret.Data[in.subject.dataKey(v1alpha1.KeyClientSecret)])
	if credential.Verify(in.keys.shared, uid, c.ID, held, c.Verifier) {
		issued.verification = verifiedStored
	}
	return issued
}
