// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/preset"
)

// secretOwner tells whose a Secret or a ConfigMap is, seen from one object.
type secretOwner int

const (
	ownerNone     secretOwner = iota // there is no such Secret
	ownerSelf                        // ours: to be kept as it should be
	ownerLost                        // ours, but somebody removed the owner reference: to be taken back
	ownerStale                       // of an object of the same name that is gone: to be removed
	ownerRetained                    // left behind by an object of the same name, for this one: to be taken up
	ownerForeign                     // never touched
)

// ownerOf reads the controller reference. A label alone makes no Secret ours: without a
// reference it must have our label, our type and be written by our field manager. A Secret that shall
// outlive its object never has a reference: there our record proves whose it is.
func ownerOf(secret *corev1.Secret, s subject, keys keyPair) secretOwner {
	if secret == nil {
		return ownerNone
	}
	ref := metav1.GetControllerOf(secret)
	switch {
	case !isOurType(secret.Type) || isLeaving(secret, s):
		return ownerForeign
	case ref == nil && secret.Labels[v1alpha1.LabelOwnerUID] == string(s.uid()) && s.retain && isRecorded(secret, s, keys):
		return ownerSelf
	case ref == nil && secret.Labels[v1alpha1.LabelOwnerUID] == string(s.uid()) && writtenBy(secret, managerOf(s)):
		return ownerLost
	case ref == nil && isRecorded(secret, s, keys):
		return ownerRetained
	case ref == nil || !refersTo(ref, s.kind) || ref.Name != s.name():
		return ownerForeign
	case ref.UID == s.uid():
		return ownerSelf
	case !secret.DeletionTimestamp.IsZero():
		return ownerForeign // it was deleted, and whoever put a finalizer on it has to let it go
	default:
		return ownerStale
	}
}

// isLeaving reports whether the Secret cannot be written, and cannot be replaced before a finalizer lets it go.
func isLeaving(secret *corev1.Secret, s subject) bool {
	return !secret.DeletionTimestamp.IsZero() && mustBeReplaced(secret, s)
}

// mustBeReplaced reports whether the Secret cannot be written as it is.
func mustBeReplaced(secret *corev1.Secret, s subject) bool {
	return secret.Type != typeOf(s) || secret.Immutable != nil && *secret.Immutable
}

// isRecorded reports whether the record in the Secret is of the identity of the object, for the object
// itself or for one whose identity it may take up.
func isRecorded(secret *corev1.Secret, s subject, keys keyPair) bool {
	r, ok := recordFor(s, keys, secret)
	return ok && r.Retain && r.UID == s.identityUID()
}

// isOurType reports whether the operator writes Secrets of the type: a name of a domain, and
// none that Kubernetes or Helm obeys. The rule on v1alpha1.SecretType says the same.
func isOurType(t corev1.SecretType) bool {
	domain, name, found := strings.Cut(string(t), "/")
	if !found || domain == "" || name == "" {
		return false
	}
	for _, reserved := range []string{"kubernetes.io", "k8s.io", "helm.sh"} {
		if domain == reserved || strings.HasSuffix(domain, "."+reserved) {
			return false
		}
	}
	return true
}

func hasController(secret *corev1.Secret) bool { return metav1.GetControllerOf(secret) != nil }

func refersTo(ref *metav1.OwnerReference, kind string) bool {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	return err == nil && gv.Group == v1alpha1.GroupVersion.Group && ref.Kind == kind
}

func writtenBy(object client.Object, manager string) bool {
	for _, entry := range object.GetManagedFields() {
		if entry.Manager == manager {
			return true
		}
	}
	return false
}

// managerOf is the field manager of one identity's Secret. Each has its own, so that two
// objects that want one Secret meet in a conflict and not in a merge.
func managerOf(s subject) string { return managerPrefix + s.identityUID() }

const managerPrefix = "gatehouse-"

// defaultSecretName is the name of the Secret of an object that names none.
func defaultSecretName(kind, name string) string {
	if kind == v1alpha1.KindResourceServer {
		rs := &v1alpha1.ResourceServer{}
		rs.Name = name
		return v1alpha1.ResourceServerSecretNameOf(rs)
	}
	oc := &v1alpha1.OAuthClient{}
	oc.Name = name
	return v1alpha1.SecretNameOf(oc)
}

// typeOf returns the type that the Secret of the object has to have.
func typeOf(s subject) corev1.SecretType {
	return corev1.SecretType(preset.TypeOf(s.template()))
}
