// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// givenLabel is what a Secret of somebody else must bear so that it is read.
const givenLabel = "true"

// GivenCacheOptions returns what the operator keeps in memory of Secrets that others write: the names of
// those that bear the label, and nothing they hold. Their data is read when it is needed. Of ServiceAccounts it keeps the names, too,
// where the operator may see them: it may not in chosen namespaces.
func GivenCacheOptions(v View) cache.Options {
	o := cache.Options{ReaderFailOnMissingInformer: true, ByObject: map[client.Object]cache.ByObject{
		givenMetadata(): {Label: labels.SelectorFromSet(labels.Set{v1alpha1.LabelGivenSecret: givenLabel}), Transform: nameOnly},
	}}
	if !v.isChosen() {
		o.ByObject[accountMetadata()] = cache.ByObject{Transform: nameOnly}
	}
	v.restrict(&o)
	return o
}

func givenMetadata() *metav1.PartialObjectMetadata {
	secret := &metav1.PartialObjectMetadata{}
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	return secret
}

// nameOnly keeps what tells objects and their versions apart, and whether one is being deleted.
func nameOnly(o any) (any, error) {
	if m, ok := o.(*metav1.PartialObjectMetadata); ok {
		m.ObjectMeta = metav1.ObjectMeta{
			Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion, DeletionTimestamp: m.DeletionTimestamp,
		}
	}
	return o, nil
}

// givenSource is a source of requests for the objects that name a Secret which changed. list is a list of
// their kind.
func (i *Issuance) givenSource(list func() client.ObjectList) source.Source {
	of := func(ctx context.Context, secret *metav1.PartialObjectMetadata) []reconcile.Request {
		return i.requests(ctx, list(), client.InNamespace(secret.Namespace), client.MatchingFields{indexGiven: secret.Name})
	}
	return source.Kind(i.Given, givenMetadata(), handler.TypedEnqueueRequestsFromMapFunc(of))
}

// givenNames indexes objects by the Secret that they name.
func givenNames(o client.Object) []string {
	c := credentialsOf(o)
	if c == nil {
		return nil
	}
	if name := namedSecret(c); name != "" {
		return []string{name}
	}
	return nil
}

// credentialsOf returns the part of the spec that both kinds have. Nil: the object is of another kind.
func credentialsOf(o client.Object) *v1alpha1.CredentialsSpec {
	switch o := o.(type) {
	case *v1alpha1.OAuthClient:
		return &o.Spec.Credentials
	case *v1alpha1.ResourceServer:
		return &o.Spec.Credentials
	default:
		return nil
	}
}

// namedSecret returns the Secret of somebody else that the spec names for a client secret or for public keys. Empty: it names none.
func namedSecret(c *v1alpha1.CredentialsSpec) string {
	given, _ := c.GivenSecret()
	keys, _ := c.KeysSecret()
	return cmp.Or(given, keys)
}

// givenSecret reads the Secret that the object names. Nil: there is none that may be read.
func (i *Issuance) givenSecret(ctx context.Context, s subject) (*corev1.Secret, error) {
	name := namedSecret(s.credentials)
	if name == "" {
		return nil, nil
	}
	secret, err := i.liveSecret(ctx, client.ObjectKey{Namespace: s.namespace(), Name: name})
	if err != nil || secret == nil || secret.Labels[v1alpha1.LabelGivenSecret] != givenLabel {
		return nil, err
	}
	return secret, nil
}

// trouble is what is wrong with what somebody else makes: a client secret, public keys, ServiceAccounts. The zero one: nothing.
type trouble struct {
	reason  v1alpha1.ReadyReason
	message string
}

// given returns the client secret that the Secret of somebody else holds. What is wrong is said so that
// it tells nothing of a Secret that may not be read.
func given(in input) (string, trouble) {
	name, key := in.subject.credentials.GivenSecret()
	if in.seen.given == nil {
		return "", trouble{v1alpha1.ReadyReasonWaitingForSecret, fmt.Sprintf(
			"The client secret comes from the Secret %q, and no Secret of that name bears the label %s=%s. It is looked at as soon as there is one.",
			name, v1alpha1.LabelGivenSecret, givenLabel)}
	}
	secret, there := in.seen.given.Data[key]
	switch {
	case in.seen.given.Labels[v1alpha1.LabelOwnerUID] != "":
		return "", trouble{v1alpha1.ReadyReasonInvalidSecret, fmt.Sprintf(
			"The Secret %q is one that the operator writes for an object. Name a Secret that somebody else writes.", name)}
	case !there:
		return "", trouble{v1alpha1.ReadyReasonWaitingForSecret, fmt.Sprintf(
			"The Secret %q does not hold the key %q. It is looked at again when it changes.", name, key)}
	}
	if err := credential.CheckGiven(string(secret)); err != nil {
		return "", trouble{v1alpha1.ReadyReasonInvalidSecret, fmt.Sprintf(
			"What the Secret %q holds under the key %q cannot be a client secret: %s. A client secret that was taken before is still accepted.", name, key, err)}
	}
	return string(secret), trouble{}
}

// decideGiven returns the credentials of an object whose client secret somebody else makes. One that
// cannot be used leaves those that are accepted as they are: a trouble with a Secret stops nobody.
func decideGiven(in input, status v1alpha1.OAuthClientStatus) issue {
	known := issue{
		credentials: slices.Clone(status.Credentials), handled: status.LastHandledReset, handledRotation: status.LastHandledRotation,
	}
	secret, wrong := given(in)
	if wrong.reason != "" {
		if isAnotherSource(known) {
			endGiven(in, old(known))
			known = current(in, known)
		} else {
			known = inUse(in, known) // the Secret keeps the one that the operator made
		}
		known.trouble = wrong
		return known
	}
	endGiven(in, old(known)) // that changed while the clocks disagreed
	known = current(in, known)
	uid := in.subject.identityUID()
	id := credential.GivenID(in.keys.shared, uid, secret)
	next := v1alpha1.CredentialStatus{ID: id, IssuedAt: second(in.now), Verifier: credential.Verifier(in.keys.shared, uid, id, secret)}
	before := old(known)
	if last := len(known.credentials) - 1; last >= 0 && known.credentials[last].ID == id {
		next.IssuedAt = known.credentials[last].IssuedAt
	} else {
		before = overlapping(in, slices.DeleteFunc(known.credentials, func(c v1alpha1.CredentialStatus) bool { return c.ID == id }))
	}
	known.credentials = append(endGiven(in, before), next)
	return known
}

// overlapping returns those of the credentials before a change that are accepted beside the new one: none, or all if the spec asks for an
// overlap, because nobody knows which of them applications have. Where the status has no room, the one goes that was given first.
func overlapping(in input, before []v1alpha1.CredentialStatus) []v1alpha1.CredentialStatus {
	if in.subject.credentials.Rotation == nil {
		return nil
	}
	return before[max(0, len(before)-maxAccepted+1):]
}

// endGiven gives those credentials before the one in use their end that have none, after the overlap. One that has an end keeps it: no
// further change makes an overlap longer. While the clocks disagree none gets an end.
func endGiven(in input, before []v1alpha1.CredentialStatus) []v1alpha1.CredentialStatus {
	for n := range before {
		if before[n].ExpiresAt == nil && in.clocksAgree {
			before[n].ExpiresAt = endAfter(in.now, in.subject.credentials.RotationOverlap())
		}
	}
	return before
}

// isAnotherSource reports whether the credential in use was made by somebody else, and the operator shall
// make it now.
func isAnotherSource(issued issue) bool {
	last := len(issued.credentials) - 1
	return last >= 0 && credential.IsGiven(issued.credentials[last].ID)
}

func givenIsUsable(o outcome) (reason, message string, failed bool) {
	return string(o.issued.trouble.reason), o.issued.trouble.message, o.issued.trouble.reason != ""
}
