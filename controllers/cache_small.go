// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// largestKept is how many bytes of a Secret the cache keeps, about as many as of the object that it belongs to. Anybody can put our
// label on Secrets of theirs, of up to a mebibyte each. A larger one is read from the API server when its object is looked at.
const largestKept = 4 << 10

// findable returns of the metadata what finds the object that it belongs to: name, label, the owner if it is one of
// ours, and the record of a retained Secret. The rest may be as large as somebody else likes.
func (t *transforms) findable(m *metav1.ObjectMeta) metav1.ObjectMeta {
	small := metav1.ObjectMeta{
		Namespace: t.text(m.Namespace), Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion, DeletionTimestamp: m.DeletionTimestamp,
		Labels: sharingKeys(t, map[string]string{v1alpha1.LabelOwnerUID: m.Labels[v1alpha1.LabelOwnerUID]}),
	}
	if text, there := m.Annotations[v1alpha1.AnnotationIssued]; there && len(text) <= largestRecord {
		small.Annotations = sharingKeys(t, map[string]string{v1alpha1.AnnotationIssued: text})
	}
	ref := metav1.GetControllerOfNoCopy(m)
	if ref == nil || !isOfUs(ref) {
		return small
	}
	owner := metav1.OwnerReference{
		APIVersion: t.text(ref.APIVersion), Kind: t.text(ref.Kind), Name: ref.Name, UID: ref.UID, Controller: ref.Controller,
	}
	small.OwnerReferences = []metav1.OwnerReference{owner}
	return small
}

// largestRecord is the longest record that is kept of a Secret that is not.
const largestRecord = 2 << 10

// isOfUs reports whether the owner may be an object of ours: its names are no longer than such an object can have.
func isOfUs(ref *metav1.OwnerReference) bool {
	const longestName, longestUID = 253, 63 // the UID is the value of our label
	return (refersTo(ref, v1alpha1.KindOAuthClient) || refersTo(ref, v1alpha1.KindResourceServer)) &&
		len(ref.APIVersion) <= longestName && len(ref.Name) <= longestName && len(ref.UID) <= longestUID
}
