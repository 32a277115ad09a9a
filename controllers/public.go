// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// publicContent is what the ConfigMap of an object has to hold; it may hold more. It always has the
// object as owner: it comes back by itself with an object that is created anew.
type publicContent struct {
	namespace, name string
	owner           metav1.OwnerReference
	data            map[string]string
	manager         string
}

// publicContentOf returns the ConfigMap of the object: the public values, under their keys in the Secret.
func publicContentOf(in input) publicContent {
	s, data := in.subject, map[string]string{}
	for standard, value := range standardValues(in) {
		data[s.dataKey(standard)] = value
	}
	return publicContent{namespace: s.namespace(), name: s.publicName, owner: ownerReference(s), data: data, manager: managerOf(s)}
}

func (c publicContent) labels() map[string]string {
	return map[string]string{v1alpha1.LabelOwnerUID: string(c.owner.UID)}
}

func (c publicContent) annotations() map[string]string {
	return map[string]string{v1alpha1.AnnotationContent: digestOfMap(c.data)}
}

// digestOfMap returns a hash of the data of a ConfigMap.
func digestOfMap(data map[string]string) string {
	h := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(data)) {
		fmt.Fprintf(h, "%d:%s%d:%s", len(key), key, len(data[key]), data[key])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// matches reports whether the ConfigMap of the cluster holds all that is wanted, and nothing that was wanted once and is
// wanted no more. The annotation has the hash of what was written last.
func (c publicContent) matches(have *corev1.ConfigMap) bool {
	return c.marks(have) && contains(have.Annotations, c.annotations()) && (isMapWithoutData(have) || contains(have.Data, c.data))
}

// marks reports whether label and owner of the ConfigMap are those of the object.
func (c publicContent) marks(have *corev1.ConfigMap) bool {
	owner := metav1.GetControllerOfNoCopy(have)
	return owner != nil && owner.UID == c.owner.UID && contains(have.Labels, c.labels())
}

// object returns the ConfigMap for a create.
func (c publicContent) object() *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: c.namespace, Name: c.name, Labels: c.labels(), Annotations: c.annotations(), OwnerReferences: []metav1.OwnerReference{c.owner},
		},
		Data: c.data,
	}
}

// applyConfiguration returns the ConfigMap for a server-side apply over the version that was seen.
func (c publicContent) applyConfiguration(version string) *corev1ac.ConfigMapApplyConfiguration {
	return corev1ac.ConfigMap(c.name, c.namespace).WithResourceVersion(version).
		WithLabels(c.labels()).WithAnnotations(c.annotations()).WithData(c.data).
		WithOwnerReferences(metav1ac.OwnerReference().WithAPIVersion(c.owner.APIVersion).WithKind(c.owner.Kind).
			WithName(c.owner.Name).WithUID(c.owner.UID).WithController(true))
}

// ownerOfMap returns whose the ConfigMap is. Without our label it is never ours: the operator's account must not
// write it, and whoever took the label off keeps it.
func ownerOfMap(have *corev1.ConfigMap, s subject) secretOwner {
	if have == nil {
		return ownerNone
	}
	ref, uid := metav1.GetControllerOfNoCopy(have), have.Labels[v1alpha1.LabelOwnerUID]
	switch {
	case uid == "":
		return ownerForeign
	case ref == nil && uid == string(s.uid()) && writtenBy(have, managerOf(s)):
		return ownerLost
	case ref == nil || !refersTo(ref, s.kind) || ref.Name != s.name():
		return ownerForeign
	case ref.UID == s.uid():
		return ownerSelf
	case !have.DeletionTimestamp.IsZero():
		return ownerForeign
	default:
		return ownerStale
	}
}

// publicOf indexes our ConfigMaps by UID of their object.
func publicOf(o client.Object) []string {
	uids := []string{o.GetLabels()[v1alpha1.LabelOwnerUID]}
	if ref := metav1.GetControllerOfNoCopy(o); ref != nil {
		uids = append(uids, string(ref.UID))
	}
	slices.Sort(uids)
	return slices.Compact(uids)
}

// configMap transforms a ConfigMap. Its data goes where it is what the annotation says.
func (t *transforms) configMap(o any) (any, error) {
	cm, ok := o.(*corev1.ConfigMap)
	if !ok || isMapWithoutData(cm) { // client-go may transform an object twice
		return o, nil
	}
	cm.ManagedFields = nil
	cm.BinaryData = nil // somebody else's
	if digestOfMap(cm.Data) == cm.Annotations[v1alpha1.AnnotationContent] {
		cm.Data, cm.BinaryData = nil, mapIsAsWritten
	}
	cm.Namespace = t.text(cm.Namespace)
	for i, ref := range cm.OwnerReferences {
		cm.OwnerReferences[i].APIVersion, cm.OwnerReferences[i].Kind = t.text(ref.APIVersion), t.text(ref.Kind)
	}
	cm.Labels, cm.Annotations = sharingKeys(t, cm.Labels), sharingKeys(t, cm.Annotations)
	return cm, nil
}

// mapIsAsWritten stands in binaryData of a ConfigMap of the cache whose data was taken. No key is empty in
// the API server's answers.
var mapIsAsWritten = map[string][]byte{"": nil}

func isMapWithoutData(cm *corev1.ConfigMap) bool {
	_, without := cm.BinaryData[""]
	return without
}

// mapIsOurs is the check of the ConfigMap.
func mapIsOurs(o outcome) (reason, message string, failed bool) {
	return string(v1alpha1.ReadyReasonConfigMapConflict), fmt.Sprintf(
			"The ConfigMap %q exists and does not belong to this object, so it is left alone. "+
				"Delete it, or set spec.credentials.configMapName to another name. It is looked at again every minute.", o.subject.publicName),
		ownerOfMap(o.seen.public, o.subject) == ownerForeign
}

// mapMessage says where the public values are.
func (o outcome) mapMessage() string {
	if o.subject.publicName == "" {
		return ""
	}
	return fmt.Sprintf(" The ConfigMap %q holds the client ID, the issuer and the addresses.", o.subject.publicName)
}

// mapRefusal says why the ConfigMap is not as it should be.
func mapRefusal(failed step, cause error) string {
	if failed.removeMap != nil {
		why := "The API server does not delete the old ConfigMap %q now: it failed, or an admission webhook that it asks. The log of the operator says more."
		if isPermanent(cause) {
			why = "The API server does not let the operator delete the old ConfigMap %q: look at the admission policies and webhooks of ConfigMaps and at the operator's roles."
		}
		return fmt.Sprintf(why, failed.removeMap.name) + " It is tried again."
	}
	why := "The API server does not write the ConfigMap %q now: it failed, or an admission webhook that it asks. The log of the operator says more."
	switch {
	case errors.Is(cause, errMapChanged):
		why = "The API server took the ConfigMap %q and stored other values than the operator sent. Look for an admission webhook or a MutatingAdmissionPolicy that changes ConfigMaps, " +
			"and leave out those with the label " + v1alpha1.LabelOwnerUID + "."
	case apierrors.IsForbidden(cause):
		why = "The API server does not let the operator write the ConfigMap %q: look at the quota of the namespace, its admission policies and the operator's roles."
	case isPermanent(cause):
		why = "The API server refuses the ConfigMap %q as invalid: look for an admission webhook that changes ConfigMaps, and for a key of ours in its binaryData. If you delete it, it is made anew."
	}
	return fmt.Sprintf(why, failed.writeMap.content.name) + " It is tried again."
}
