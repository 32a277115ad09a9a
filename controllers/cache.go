// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// CacheOptions returns what the operator keeps in memory: every OAuthClient, ResourceServer and
// policy, the labels of every namespace, and of all Secrets and ConfigMaps of the cluster only those with our
// label, which the API server picks out. Anything else is refused, so that nobody widens it
// by accident. With chosen namespaces it is what these hold, and no policies and namespaces.
func CacheOptions(v View) cache.Options {
	t := &transforms{}
	o := cache.Options{
		ReaderFailOnMissingInformer: true,
		DefaultTransform:            cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Secret{}:           {Label: ourSecrets(), Transform: t.secret},
			&corev1.ConfigMap{}:        {Label: ourSecrets(), Transform: t.configMap},
			&v1alpha1.OAuthClient{}:    {Transform: t.client},
			&v1alpha1.ResourceServer{}: {Transform: t.resourceServer},
			namespaceMetadata():        {Transform: t.namespace},
		},
	}
	v.restrict(&o)
	return o
}

func ourSecrets() labels.Selector {
	has, err := labels.NewRequirement(v1alpha1.LabelOwnerUID, selection.Exists, nil)
	if err != nil {
		panic(err) // the label is a constant, and a valid one
	}
	return labels.NewSelector().Add(*has)
}

// transforms take from an object, before it is kept, what no decision needs, and have equal
// parts of different objects share their memory. Most of a client's Secret is the same for all
// of them: the names of the keys, the issuer, the endpoints.
type transforms struct {
	texts  interner[string]
	values interner[[]byte]
}

// client transforms an OAuthClient. Patches are computed between two such copies, so what is
// dropped here stays in the cluster.
func (t *transforms) client(o any) (any, error) {
	oc, ok := o.(*v1alpha1.OAuthClient)
	if !ok {
		return o, nil
	}
	t.metadata(&oc.ObjectMeta)
	// A list that was decoded has room for four; nearly all of these have one.
	oc.Spec.CallbackURLs = withoutRoom(oc.Spec.CallbackURLs)
	oc.Spec.Profile = v1alpha1.Profile(t.text(string(oc.Spec.Profile)))
	oc.Spec.Consent = v1alpha1.ConsentPolicy(t.text(string(oc.Spec.Consent)))
	oc.Spec.Entitlement = v1alpha1.EntitlementPolicy(t.text(string(oc.Spec.Entitlement)))
	t.status(&oc.Status.IssuedStatus, oc.UID)
	for i, c := range oc.Status.Claims { // most callbacks are their own address
		if n := slices.Index(oc.Spec.CallbackURLs, v1alpha1.CallbackURL(c.Name)); n >= 0 {
			oc.Status.Claims[i].Name = string(oc.Spec.CallbackURLs[n])
		}
	}
	return oc, nil
}

func (t *transforms) resourceServer(o any) (any, error) {
	rs, ok := o.(*v1alpha1.ResourceServer)
	if !ok {
		return o, nil
	}
	t.metadata(&rs.ObjectMeta)
	t.status(&rs.Status.IssuedStatus, rs.UID)
	return rs, nil
}

// namespace keeps the labels alone.
func (t *transforms) namespace(o any) (any, error) {
	ns, ok := o.(*metav1.PartialObjectMetadata)
	if !ok {
		return o, nil
	}
	ns.ManagedFields, ns.Annotations, ns.OwnerReferences, ns.Finalizers = nil, nil, nil, nil
	return ns, nil
}

func (t *transforms) metadata(m *metav1.ObjectMeta) {
	m.ManagedFields = nil
	delete(m.Annotations, corev1.LastAppliedConfigAnnotation)
	m.Annotations = sharingKeys(t, m.Annotations)
	m.Namespace = t.text(m.Namespace)
}

func (t *transforms) status(status *v1alpha1.IssuedStatus, uid types.UID) {
	if status.IdentityUID == string(uid) {
		status.IdentityUID = string(uid)
	}
	if status.Binding != nil && status.Binding.Name == status.SecretName {
		status.Binding.Name = status.SecretName
	}
	status.Conditions, status.Credentials = withoutRoom(status.Conditions), withoutRoom(status.Credentials)
	status.Claims = withoutRoom(status.Claims)
	for i, c := range status.Conditions {
		status.Conditions[i].Type, status.Conditions[i].Reason = t.text(c.Type), t.text(c.Reason)
		status.Conditions[i].Status = metav1.ConditionStatus(t.text(string(c.Status)))
		if c.Type == string(v1alpha1.ConditionAccepted) {
			status.Conditions[i].Message = t.text(c.Message)
		}
	}
	for i, c := range status.Claims {
		status.Claims[i].Kind = v1alpha1.ClaimKind(t.text(string(c.Kind)))
	}
}

// withoutRoom returns a copy without spare room.
func withoutRoom[E any](list []E) []E {
	if list == nil {
		return nil
	}
	return append(make([]E, 0, len(list)), list...)
}

// secret transforms a Secret. Whoever needs its managed fields asks the API server. Its label goes
// where it repeats the owner reference: withLabel brings it back. Its data goes where it is what
// the record says.
func (t *transforms) secret(o any) (any, error) {
	secret, ok := o.(*corev1.Secret)
	if !ok || isWithoutData(secret) || isElsewhere(secret) { // client-go may transform an object twice
		return o, nil
	}
	secret.ManagedFields = nil
	if isAsRecorded(secret) { // has to see the label
		secret.Data, secret.StringData = nil, dataIsAsRecorded
	}
	if secret.Size() > largestKept {
		*secret = corev1.Secret{ObjectMeta: t.findable(&secret.ObjectMeta), StringData: dataIsElsewhere}
		return secret, nil
	}
	secret.Namespace = t.text(secret.Namespace)
	uid := secret.Labels[v1alpha1.LabelOwnerUID]
	for i, ref := range secret.OwnerReferences {
		secret.OwnerReferences[i].APIVersion, secret.OwnerReferences[i].Kind = t.text(ref.APIVersion), t.text(ref.Kind)
		if string(ref.UID) == uid {
			secret.OwnerReferences[i].UID = types.UID(uid)
		}
	}
	if owner := metav1.GetControllerOfNoCopy(secret); len(secret.Labels) == 1 && owner != nil && string(owner.UID) == uid {
		secret.Labels = nil
	}
	secret.Labels = sharingKeys(t, secret.Labels)
	secret.Annotations = sharingKeys(t, secret.Annotations)
	for key, value := range secret.Data {
		secret.Data[t.text(key)] = t.value(value) // in place, as in sharingKeys
	}
	return secret, nil
}

// dataIsAsRecorded stands in stringData of a Secret of the cache whose data was taken, because it
// is exactly what the record in its annotation says. dataIsElsewhere stands there where the API server has to be asked.
// The API server never answers with stringData, and has no empty key.
var (
	dataIsAsRecorded = map[string]string{}
	dataIsElsewhere  = map[string]string{"": "read it from the API server"}
)

func isWithoutData(secret *corev1.Secret) bool {
	return secret.StringData != nil && !isElsewhere(secret)
}

func isElsewhere(secret *corev1.Secret) bool { return secret.StringData[""] != "" }

// isAsRecorded reports whether the Secret holds what its record says and nothing else.
func isAsRecorded(secret *corev1.Secret) bool {
	r, ok := recordIn(secret)
	if !ok {
		return false
	}
	owner := metav1.GetControllerOfNoCopy(secret)
	switch {
	case owner == nil && r.Retain:
		owner = &metav1.OwnerReference{}
	case owner == nil:
		return false
	}
	annotations := maps.Clone(secret.Annotations)
	delete(annotations, v1alpha1.AnnotationIssued)
	held := secretContent{kind: secret.Type, owner: *owner, labels: secret.Labels, annotations: annotations, data: secret.Data}
	return held.digestOf() == r.Content
}

// withLabel gives a Secret of the cache the label back that the transform took. The cache holds no
// Secret that has it not.
func withLabel(secret *corev1.Secret) *corev1.Secret {
	if owner := metav1.GetControllerOfNoCopy(secret); secret.Labels == nil && owner != nil {
		secret.Labels = map[string]string{v1alpha1.LabelOwnerUID: string(owner.UID)}
	}
	return secret
}

func sharingKeys(t *transforms, m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil // an empty map has room for eight
	}
	for key, value := range m {
		m[t.text(key)] = value // the map keeps this key in place of its equal
	}
	return m
}

func (t *transforms) text(text string) string {
	return t.texts.shared(text, func() string { return text })
}

// value shares URLs only: a client ID and a client secret are of one client.
func (t *transforms) value(value []byte) []byte {
	if string(value[:min(len(value), len(urlPrefix))]) != urlPrefix {
		return value
	}
	return t.values.shared(string(value), func() []byte { return value })
}

const urlPrefix = "https://"
