// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// An identity is the UID that credentials are derived from and grants are given to. It is the UID of the
// object, unless an earlier object of its namespace and name was deleted with the deletionPolicy Retain:
// the Secret of that one stayed, and the record in it says what the identity is.

// identityUID returns the UID that the credentials and the grants of the object hang on.
func (s subject) identityUID() string { return cmp.Or(s.identity, string(s.uid())) }

// identified returns the subject with its identity. A status that the operator made for the object says it; a
// new object, and one whose status was lost or restored, has the one of the record in its Secret.
func (s subject) identified(keys keyPair, secret *corev1.Secret) subject {
	s.identity = string(s.uid())
	t := s.status.TakenOver
	switch {
	case s.status.IdentityUID == string(s.uid()):
		return s
	case t != nil && t.UID == string(s.uid()) && credential.VerifyTakeover(keys.shared, s.takeover(s.status.IdentityUID), t.Proof):
		s.identity = s.status.IdentityUID
		return s
	}
	s.disproved = t != nil
	if r, ok := recordFor(s, keys, secret); ok {
		s.identity = r.UID
	}
	return s
}

// takeover is that the object goes on with the identity.
func (s subject) takeover(identity string) credential.Takeover {
	return credential.Takeover{Namespace: s.namespace(), Name: s.name(), Identity: identity, UID: string(s.uid())}
}

// takenOver returns what the status says of the identity. Nil: it is the object's own.
func takenOver(in input) *v1alpha1.TakenOverStatus {
	s := in.subject
	if s.identityUID() == string(s.uid()) {
		return nil
	}
	return &v1alpha1.TakenOverStatus{UID: string(s.uid()), Proof: credential.ProveTakeover(in.keys.shared, s.takeover(s.identityUID()))}
}

// takenOverEvent tells that an object goes on where an earlier one ended.
func takenOverEvent(s subject) eventText {
	return eventText{reason: eventTakenOver, message: fmt.Sprintf("An earlier object of this name was deleted with the deletionPolicy Retain. This one goes on in its place: "+
		"the client secret in the Secret %s, approvals and tokens are the same.", s.secretName)}
}

// recordFor returns the record of the Secret, if the operator wrote it for this object, or for an earlier
// one of its namespace and name that shall be taken up.
func recordFor(s subject, keys keyPair, secret *corev1.Secret) (record, bool) {
	r, ok := provenRecord(s, keys, secret)
	return r, ok && (r.objectUID() == string(s.uid()) || r.Retain && isRetained(secret))
}

// isRetained reports whether the Secret was left behind on purpose: it is nobody's, and not about to go.
func isRetained(secret *corev1.Secret) bool {
	return !hasController(secret) && secret.DeletionTimestamp.IsZero()
}

// provenRecord returns the record of the Secret, if the operator wrote it for an object of this namespace,
// name and form into a Secret of this name.
func provenRecord(s subject, keys keyPair, secret *corev1.Secret) (record, bool) {
	if secret == nil {
		return record{}, false
	}
	r, ok := recordIn(secret)
	if !ok {
		return record{}, false
	}
	return r, credential.VerifyRecord(rootOf(s, keys), r.MAC, r.parts(s, secret.Name)...)
}

// retainedOwner names the object that a Secret without an owner reference says it is for. Whether that is
// true, a look at the object tells.
func retainedOwner(_ context.Context, o client.Object) []reconcile.Request {
	if metav1.GetControllerOfNoCopy(o) != nil {
		return nil
	}
	r, ok := recordIn(o)
	if !ok || r.Name == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: o.GetNamespace(), Name: r.Name}}}
}

// retainedHint says what to do about a Secret that was left behind for an object of another form; may be empty.
func retainedHint(secret *corev1.Secret) string {
	if r, ok := recordIn(secret); !ok || !r.Retain || !isRetained(secret) {
		return ""
	}
	return " An earlier object left it behind (deletionPolicy Retain). Only one of its namespace, name, Secret name, profile, client type and client ID takes it up: " +
		"create the object as it was, or delete the Secret, which ends what it kept."
}
