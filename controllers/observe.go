// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

// observation is what the cluster holds that a decision about an object depends on.
type observation struct {
	// secret is the Secret of the wanted name. Nil: there is none.
	secret *corev1.Secret
	// others are the Secrets of other names that belong to the object: an older spec
	// wanted them.
	others []corev1.Secret
	// public is the ConfigMap of the wanted name. Nil: there is none, or none is wanted.
	public *corev1.ConfigMap
	// otherPublic are the ConfigMaps of other names that belong to the object.
	otherPublic []corev1.ConfigMap
	// given is the Secret of somebody else that holds the client secret, or the public keys. Nil: there is none that may
	// be read.
	given *corev1.Secret
	// accounts are the ServiceAccounts that the object names and that are there.
	accounts []v1alpha1.ServiceAccountStatus
	// denials are what the policy of the namespace does not allow.
	denials []policy.Denial
	// notOpen are the scopes that the client asks for and nobody declares and opens to it.
	notOpen []v1alpha1.Scope
}

// observe reads everything a decision needs, from the cache where it can, and returns the subject with
// its identity. live has it ask the API server for the Secret and the ConfigMap.
func (i *Issuance) observe(ctx context.Context, of subject, env environment, keys keyPair, live bool) (s subject, seen observation, err error) {
	s = of
	seen.denials = s.denials(env.policy)
	if seen.notOpen, err = i.notOpen(ctx, s, env); err != nil {
		return s, seen, err
	}
	if seen.secret, err = i.secret(ctx, s, keys, live); err != nil {
		return s, seen, err
	}
	s = s.identified(keys, seen.secret)
	if seen.given, err = i.givenSecret(ctx, s); err != nil {
		return s, seen, err
	}
	if seen.accounts, err = i.accounts(ctx, s); err != nil {
		return s, seen, err
	}
	if len(seen.denials) == 0 { // nothing is written for what is denied
		if seen.public, seen.otherPublic, err = i.publicMaps(ctx, s, live); err != nil {
			return s, seen, err
		}
	}
	if owner := ownerOf(seen.secret, s, keys); owner == ownerStale || owner == ownerRetained || ownerOfMap(seen.public, s) == ownerStale {
		if err := i.stillThere(ctx, s); err != nil {
			return s, seen, err
		}
	}
	seen.others, err = i.otherSecrets(ctx, s, keys)
	return s, seen, err
}

// secret returns the Secret of the wanted name, or nil. The cache holds only Secrets with our
// label. Where there may be another one, and where the cache is behind our own writes or shows
// a Secret without an owner that should have one, the API server is asked. For a new object it is not: its Secret
// is created, and that fails if there is one.
func (i *Issuance) secret(ctx context.Context, s subject, keys keyPair, live bool) (*corev1.Secret, error) {
	key := client.ObjectKey{Namespace: s.namespace(), Name: s.secretName}
	if live {
		return i.liveSecret(ctx, key)
	}
	secret := &corev1.Secret{}
	err := i.Client.Get(ctx, key, secret)
	switch {
	case apierrors.IsNotFound(err) && !everIssued(s):
		return nil, nil
	case apierrors.IsNotFound(err), err == nil && i.mustAsk(secret, s, keys):
		return i.liveSecret(ctx, key)
	case err != nil:
		return nil, fmt.Errorf("read the Secret %s: %w", s.secretName, redact(err))
	}
	return withLabel(secret), nil
}

// mustAsk reports whether the Secret of the cache does not tell enough.
func (i *Issuance) mustAsk(secret *corev1.Secret, s subject, keys keyPair) bool {
	return isElsewhere(secret) || i.expected.stale(secret, i.Now()) > 0 || !hasController(secret) && !isOurRetained(secret, s, keys)
}

// isOurRetained reports whether the Secret rightly has no owner reference, and belongs to the object.
func isOurRetained(secret *corev1.Secret, s subject, keys keyPair) bool {
	return s.retain && ownerOf(secret, s.identified(keys, secret), keys) == ownerSelf
}

// everIssued reports whether the operator has decided about the object's Secret before.
func everIssued(s subject) bool {
	ready := meta.FindStatusCondition(s.status.Conditions, string(v1alpha1.ConditionReady))
	return s.status.SecretName != "" || ready != nil && ready.Reason != string(v1alpha1.ReadyReasonPending)
}

func (i *Issuance) liveSecret(ctx context.Context, key client.ObjectKey) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	err := i.Live.Get(ctx, key, secret)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the Secret %s: %w", key.Name, redact(err))
	}
	return secret, nil
}

// otherSecrets returns what belongs to the object under names it does not want. Secrets with
// other names exist only after a rename. Check each one at the API server.
func (i *Issuance) otherSecrets(ctx context.Context, s subject, keys keyPair) ([]corev1.Secret, error) {
	names, err := i.otherNames(ctx, s)
	if err != nil {
		return nil, err
	}
	var others []corev1.Secret
	for _, name := range names {
		secret, err := i.liveSecret(ctx, client.ObjectKey{Namespace: s.namespace(), Name: name})
		if err != nil {
			return nil, err
		}
		if o := ownerOf(secret, s, keys); (o == ownerSelf || o == ownerLost) && secret.DeletionTimestamp.IsZero() {
			others = append(others, *secret)
		}
	}
	return others, nil
}

// otherNames returns where an older Secret of the object may be: what the index knows, the
// default name if the cache knows it, and what the status names, should it have lost its label.
func (i *Issuance) otherNames(ctx context.Context, s subject) ([]string, error) {
	list := &corev1.SecretList{}
	err := i.Client.List(ctx, list, client.InNamespace(s.namespace()), client.MatchingFields{indexRenamed: string(s.uid())})
	if err != nil {
		return nil, fmt.Errorf("list the Secrets of the object: %w", redact(err))
	}
	names := []string{s.status.SecretName}
	for n := range list.Items {
		names = append(names, list.Items[n].Name)
	}
	if name := defaultSecretName(s.kind, s.name()); name != s.secretName {
		cached := &corev1.Secret{}
		err := i.Client.Get(ctx, client.ObjectKey{Namespace: s.namespace(), Name: name}, cached)
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("read the Secret %s: %w", name, redact(err))
		}
		if err == nil && withLabel(cached).Labels[v1alpha1.LabelOwnerUID] == string(s.uid()) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		return name == "" || name == s.secretName
	}), nil
}

// stillThere fails with a conflict unless the object is the one that has its name now.
// Without it, a stale read that is one re-creation behind would take the Secret of the new
// object for that of a dead one.
func (i *Issuance) stillThere(ctx context.Context, s subject) error {
	now := s.withStatus(s.status)
	if err := i.Live.Get(ctx, client.ObjectKeyFromObject(s.object), now); err != nil {
		return fmt.Errorf("read the object: %w", err)
	}
	if now.GetUID() != s.uid() {
		resource := schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: s.kind}
		return apierrors.NewConflict(resource, s.name(), fmt.Errorf("it was created anew"))
	}
	return nil
}
