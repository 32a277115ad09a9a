// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// CacheOptions returns what the operator keeps in memory: every OAuthClient, and of
// all Secrets of the cluster only those with our label, which the API server picks
// out. Anything else is refused, so that nobody widens it by accident.
func CacheOptions() cache.Options {
	slim := &slimmer{}
	return cache.Options{
		ReaderFailOnMissingInformer: true,
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Secret{}:        {Label: ourSecrets(), Transform: slim.secret},
			&v1alpha1.OAuthClient{}: {Transform: slim.client},
		},
	}
}

func ourSecrets() labels.Selector {
	has, err := labels.NewRequirement(v1alpha1.LabelOwnerUID, selection.Exists, nil)
	if err != nil {
		panic(err) // the label is a constant, and a valid one
	}
	return labels.NewSelector().Add(*has)
}

// slimmer takes from an object, before it is kept, what no decision needs, and has
// equal parts of different objects share their memory. Most of a client's Secret is
// the same for all of them: the names of the keys, the issuer, the endpoints.
type slimmer struct {
	texts  pool[string]
	values pool[[]byte]
	fields pool[[]metav1.ManagedFieldsEntry]
}

// client slims an OAuthClient. Patches are computed between two slim copies, so what
// is dropped here stays in the cluster.
func (s *slimmer) client(o any) (any, error) {
	oc, ok := o.(*v1alpha1.OAuthClient)
	if !ok {
		return o, nil
	}
	oc.ManagedFields = nil
	delete(oc.Annotations, corev1.LastAppliedConfigAnnotation)
	// A list that was decoded has room for four; nearly all of these have one.
	oc.Spec.CallbackURLs = fitting(oc.Spec.CallbackURLs)
	oc.Status.Conditions, oc.Status.Credentials = fitting(oc.Status.Conditions), fitting(oc.Status.Credentials)
	oc.Namespace = s.text(oc.Namespace)
	oc.Spec.Profile = v1alpha1.Profile(s.text(string(oc.Spec.Profile)))
	oc.Spec.Consent = v1alpha1.ConsentPolicy(s.text(string(oc.Spec.Consent)))
	oc.Spec.Entitlement = v1alpha1.EntitlementPolicy(s.text(string(oc.Spec.Entitlement)))
	for i, c := range oc.Status.Conditions {
		oc.Status.Conditions[i].Type, oc.Status.Conditions[i].Reason = s.text(c.Type), s.text(c.Reason)
		oc.Status.Conditions[i].Status = metav1.ConditionStatus(s.text(string(c.Status)))
	}
	return oc, nil
}

// fitting returns a copy without spare room.
func fitting[E any](list []E) []E {
	if list == nil {
		return nil
	}
	return append(make([]E, 0, len(list)), list...)
}

// secret slims a Secret. Of the managed fields it keeps the names of those that this
// client has applied, which tell what an older spec wanted.
func (s *slimmer) secret(o any) (any, error) {
	secret, ok := o.(*corev1.Secret)
	if !ok {
		return o, nil
	}
	uid := secret.Labels[v1alpha1.LabelOwnerUID]
	secret.Namespace = s.text(secret.Namespace)
	for i, ref := range secret.OwnerReferences {
		secret.OwnerReferences[i].APIVersion, secret.OwnerReferences[i].Kind = s.text(ref.APIVersion), s.text(ref.Kind)
		if string(ref.UID) == uid {
			secret.OwnerReferences[i].UID = types.UID(uid)
		}
	}
	secret.Labels = sharingKeys(s, secret.Labels)
	secret.Annotations = sharingKeys(s, secret.Annotations)
	data := make(map[string][]byte, len(secret.Data))
	for key, value := range secret.Data {
		data[s.text(key)] = s.value(value)
	}
	secret.Data = data
	secret.ManagedFields = s.applied(secret.ManagedFields, managerPrefix+uid)
	return secret, nil
}

func sharingKeys(s *slimmer, m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	for key, value := range m {
		out[s.text(key)] = value
	}
	return out
}

func (s *slimmer) text(text string) string {
	return s.texts.shared(text, func() string { return text })
}

// value shares URLs only: a client ID and a client secret are of one client.
func (s *slimmer) value(value []byte) []byte {
	if string(value[:min(len(value), len(urlPrefix))]) != urlPrefix {
		return value
	}
	return s.values.shared(string(value), func() []byte { return value })
}

const urlPrefix = "https://"

// applied returns the one entry of the manager, cut down to what fieldsOf reads.
func (s *slimmer) applied(entries []metav1.ManagedFieldsEntry, manager string) []metav1.ManagedFieldsEntry {
	owned, known := fieldsOf(entries, manager)
	if !known {
		return nil
	}
	text := owned.names()
	return s.fields.shared(text, func() []metav1.ManagedFieldsEntry {
		names := &metav1.FieldsV1{}
		names.SetRawString(text)
		return []metav1.ManagedFieldsEntry{{Manager: slimManager, Operation: metav1.ManagedFieldsOperationApply, FieldsV1: names}}
	})
}
