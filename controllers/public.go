// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
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
// write it, and whoever took the label off keeps it. Label and owner do not make it ours either: whoever may edit
// ConfigMaps can put both on one of the cluster. One that is being deleted is not ours any more: whoever put a
// finalizer on it has to let it go.
func ownerOfMap(have *corev1.ConfigMap, s subject) secretOwner {
	if have == nil {
		return ownerNone
	}
	ref, uid := metav1.GetControllerOfNoCopy(have), have.Labels[v1alpha1.LabelOwnerUID]
	switch {
	case uid == "" || !have.DeletionTimestamp.IsZero() || !isOurWriting(have, s):
		return ownerForeign
	case ref == nil && uid == string(s.uid()) && writtenBy(have, managerOf(s)):
		return ownerLost
	case ref == nil || !refersTo(ref, s.kind) || ref.Name != s.name():
		return ownerForeign
	case ref.UID == s.uid():
		return ownerSelf
	default:
		return ownerStale
	}
}

// isOurWriting reports whether we wrote the ConfigMap: its annotation is the hash of what it holds, or the field manager of
// the object, or of the one that the label names, is among those that wrote it.
func isOurWriting(have *corev1.ConfigMap, s subject) bool {
	return isMapWithoutData(have) || isAsAnnotated(have) ||
		writtenBy(have, managerOf(s)) || writtenBy(have, managerPrefix+have.Labels[v1alpha1.LabelOwnerUID])
}

func isAsAnnotated(cm *corev1.ConfigMap) bool {
	return digestOfMap(cm.Data) == cm.Annotations[v1alpha1.AnnotationContent]
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

// configMap transforms a ConfigMap. Its data goes. Where it is what the annotation says, the annotation tells what it was;
// any other one is read from the API server. Anybody can put our label on a ConfigMap of theirs, so nothing
// stays whose size somebody else chooses.
func (t *transforms) configMap(o any) (any, error) {
	cm, ok := o.(*corev1.ConfigMap)
	if !ok || isMapWithoutData(cm) || isMapElsewhere(cm) { // client-go may transform an object twice
		return o, nil
	}
	small := corev1.ConfigMap{ObjectMeta: t.findable(&cm.ObjectMeta), Immutable: cm.Immutable, BinaryData: mapIsElsewhere}
	if isAsAnnotated(cm) {
		small.BinaryData = mapIsAsWritten
		small.Annotations = sharingKeys(t, map[string]string{v1alpha1.AnnotationContent: cm.Annotations[v1alpha1.AnnotationContent]})
	}
	*cm = small
	return cm, nil
}

// mapIsAsWritten and mapIsElsewhere stand in binaryData of a ConfigMap of the cache, whose data was taken: it is what the
// annotation says, or the API server has to be asked. No key is empty in the API server's answers.
var (
	mapIsAsWritten = map[string][]byte{"": nil}
	mapIsElsewhere = map[string][]byte{"": []byte("read it from the API server")}
)

func isMapWithoutData(cm *corev1.ConfigMap) bool {
	mark, marked := cm.BinaryData[""]
	return marked && len(mark) == 0
}

func isMapElsewhere(cm *corev1.ConfigMap) bool { return len(cm.BinaryData[""]) > 0 }

// mapIsOurs is the check of the ConfigMap.
func mapIsOurs(o outcome) (reason, message string, failed bool) {
	message = "The ConfigMap %q exists and does not belong to this object, so it is left alone. " +
		"Delete it, or set spec.credentials.configMapName to another name. It is looked at again every minute."
	if have := o.seen.public; have != nil && !have.DeletionTimestamp.IsZero() {
		message = "The ConfigMap %q is being deleted, and a finalizer keeps it, so it is left alone. " +
			"Whoever set the finalizer removes it. The ConfigMap is made anew as soon as it is gone."
	}
	return string(v1alpha1.ReadyReasonConfigMapConflict), fmt.Sprintf(message, o.subject.publicName),
		ownerOfMap(o.seen.public, o.subject) == ownerForeign
}

// mapMessage says where the public values are.
func (o outcome) mapMessage() string {
	if o.subject.publicName == "" {
		return ""
	}
	return fmt.Sprintf(" The ConfigMap %q holds the client ID, the issuer and the addresses.", o.subject.publicName)
}
