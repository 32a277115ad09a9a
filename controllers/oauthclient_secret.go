// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// The type of our Secrets is our own, and the API server never lets a type be
// changed. So an apply can not turn into a merge with the Secret of somebody else
// that appeared after we looked: it is refused.
const secretType = corev1.SecretType(v1alpha1.SecretTypeDefault)

// owner tells whose a Secret is, seen from one client.
type owner int

const (
	ownedByNobody      owner = iota // there is no such Secret
	ownedByClient                   // ours: to be kept as it should be
	ownedByPredecessor              // of a client of the same name that is gone: to be removed
	ownedByStranger                 // never touched
)

// ownership reads the controller reference and nothing else that anybody could have
// written by mistake: a label alone makes no Secret ours.
func ownership(secret *corev1.Secret, oc *v1alpha1.OAuthClient) owner {
	if secret == nil {
		return ownedByNobody
	}
	ref := metav1.GetControllerOf(secret)
	switch {
	case ref == nil || secret.Type != secretType || !isClient(ref) || ref.Name != oc.Name:
		return ownedByStranger
	case ref.UID == oc.UID:
		return ownedByClient
	case !secret.DeletionTimestamp.IsZero():
		return ownedByStranger // it was deleted, and whoever put a finalizer on it has to let it go
	default:
		return ownedByPredecessor
	}
}

func isClient(ref *metav1.OwnerReference) bool {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	return err == nil && gv.Group == v1alpha1.GroupVersion.Group && ref.Kind == kindOAuthClient
}

const kindOAuthClient = "OAuthClient"

func secretName(oc *v1alpha1.OAuthClient) string {
	return v1alpha1.SecretNameOf(oc)
}

// dataKey returns under which key of the Secret a standard value is.
func dataKey(oc *v1alpha1.OAuthClient, standard string) string {
	return oc.Spec.Credentials.SecretTemplate.Keys.NameOf(standard)
}

// managerOf is the field manager of one client's Secret. Each client has its own, so
// that two clients that want one Secret meet in a conflict and not in a merge.
func managerOf(oc *v1alpha1.OAuthClient) string { return managerPrefix + string(oc.UID) }

const managerPrefix = "gatehouse-"

// wanted is what the Secret of a client has to hold; it may hold more.
type wanted struct {
	name, namespace     string
	labels, annotations map[string]string
	data                map[string][]byte
	owner               *metav1ac.OwnerReferenceApplyConfiguration
	manager             string
}

// wantedSecret returns the Secret of the client. An empty secret is that of a Public
// client, which has none.
func wantedSecret(oc *v1alpha1.OAuthClient, issuer, secret string) wanted {
	values := v1alpha1.EndpointsOf(oc, issuer)
	values[v1alpha1.KeyClientID] = v1alpha1.ClientIDOf(oc)
	values[v1alpha1.KeyIssuer] = issuer
	if secret != "" {
		values[v1alpha1.KeyClientSecret] = secret
	}
	w := wanted{
		name: secretName(oc), namespace: oc.Namespace,
		labels:      map[string]string{},
		annotations: map[string]string{},
		data:        make(map[string][]byte, len(values)),
		manager:     managerOf(oc),
		owner: metav1ac.OwnerReference().WithAPIVersion(v1alpha1.GroupVersion.String()).WithKind(kindOAuthClient).
			WithName(oc.Name).WithUID(oc.UID).WithController(true),
	}
	for key, value := range oc.Spec.Credentials.SecretTemplate.Labels {
		w.labels[key] = string(value)
	}
	for key, value := range oc.Spec.Credentials.SecretTemplate.Annotations {
		w.annotations[key] = string(value)
	}
	w.labels[v1alpha1.LabelOwnerUID] = string(oc.UID)
	for standard, value := range values {
		w.data[dataKey(oc, standard)] = []byte(value)
	}
	return w
}

// in reports whether the Secret of the cluster holds all that is wanted, and nothing
// that this client once wanted and wants no more. What others added does not matter.
func (w wanted) in(secret *corev1.Secret) bool {
	for key, value := range w.data {
		if have, there := secret.Data[key]; !there || !bytes.Equal(have, value) {
			return false
		}
	}
	if !contains(secret.Labels, w.labels) || !contains(secret.Annotations, w.annotations) {
		return false
	}
	mine, known := fieldsOf(secret.ManagedFields, w.manager)
	return known && only(mine.Data, w.data) && only(mine.Metadata.Labels, w.labels) && only(mine.Metadata.Annotations, w.annotations)
}

// apply returns the Secret for a server-side apply. With the version it was seen at,
// check and write are one.
func (w wanted) apply(version string) *corev1ac.SecretApplyConfiguration {
	ac := corev1ac.Secret(w.name, w.namespace).WithType(secretType).
		WithLabels(w.labels).WithAnnotations(w.annotations).WithData(w.data).WithOwnerReferences(w.owner)
	if version != "" {
		ac.WithResourceVersion(version)
	}
	return ac
}

func contains(have, want map[string]string) bool {
	for key, value := range want {
		if got, there := have[key]; !there || got != value {
			return false
		}
	}
	return true
}
