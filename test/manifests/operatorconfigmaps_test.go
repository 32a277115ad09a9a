// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func owned(apiVersion, kind, uid string, controller *bool) []metav1.OwnerReference {
	return []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: "shop", UID: types.UID(uid), Controller: controller}}
}

const (
	needsOwner = "must write no ConfigMap but those of released claims, and those with the label"
	notOurs    = "must not touch a ConfigMap that somebody else made"
)

// mapsGuarded is guarded, once the policy for ConfigMaps is in force, too.
func mapsGuarded(t *testing.T) (operator client.Client, everybody client.Client, namespace string) {
	t.Helper()
	env, operator := guarded(t)
	probe := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "probe"}}
	eventually(t, "the policy for ConfigMaps is in force", func(ctx context.Context) (bool, error) {
		err := operator.Create(ctx, probe.DeepCopy(), client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), needsOwner), nil
	})
	return operator, env.Client, env.Namespace(t)
}

// rowOfMaps is a ConfigMap, or a change of one, and what the policy says about it. An empty denial: it is allowed.
type rowOfMaps struct {
	name, denied string
	edit         func(cm *corev1.ConfigMap)
}

// noVersion is a version of our group that no API server serves: the garbage collector cannot look for such an owner, so it
// leaves the ConfigMap where it is while a test needs it.
const noVersion = "gatehouse.dev/v0"

// mapOfOurs is a ConfigMap as the operator makes it, but for the version of its owner.
func mapOfOurs(namespace, name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, Labels: map[string]string{v1alpha1.LabelOwnerUID: "2f1c"},
			Annotations:     map[string]string{v1alpha1.AnnotationContent: "5d41"},
			OwnerReferences: owned(noVersion, v1alpha1.KindOAuthClient, "2f1c", new(true)),
		},
		Data: map[string]string{v1alpha1.KeyClientID: "shop"},
	}
}

const (
	otherLabel      = "must not set the label grafana_dashboard of a ConfigMap"
	otherAnnotation = "must not set the annotation reflector.example/mirror of a ConfigMap"
	otherOwner      = "must not add an owner to a ConfigMap"
	otherFinalizer  = "must not add a finalizer to a ConfigMap"
	otherBinary     = "must not write binaryData of a ConfigMap"
)

// N388: the label and the owner go together, both are those of an object of ours, and nothing is beside them that another
// controller could obey.
func TestN388TheOperatorMakesNoConfigMapWithoutAnOwnerOfOurs(t *testing.T) {
	operator, _, namespace := mapsGuarded(t)
	const ours = "gatehouse.dev/v1alpha1"
	byUID := func(apiVersion, kind, uid string, controller *bool) func(*corev1.ConfigMap) {
		return func(cm *corev1.ConfigMap) { cm.OwnerReferences = owned(apiVersion, kind, uid, controller) }
	}
	for _, row := range []rowOfMaps{
		{"nothing", needsOwner, func(cm *corev1.ConfigMap) { cm.ObjectMeta = metav1.ObjectMeta{Namespace: cm.Namespace, Name: cm.Name} }},
		{"the label alone", needsOwner, func(cm *corev1.ConfigMap) { cm.OwnerReferences = nil }},
		{"the owner alone", needsOwner, func(cm *corev1.ConfigMap) { cm.Labels = nil }},
		{"a label with another UID", needsOwner, byUID(ours, "OAuthClient", "other", new(true))},
		{"an owner that does not control", needsOwner, byUID(ours, "OAuthClient", "2f1c", nil)},
		{"an owner of another group", needsOwner, byUID("gatehouse.dev.example/v1", "OAuthClient", "2f1c", new(true))},
		{"an owner of another kind", needsOwner, byUID(ours, "OAuthClientPolicy", "2f1c", new(true))},
		{"another label", otherLabel, func(cm *corev1.ConfigMap) { cm.Labels["grafana_dashboard"] = "1" }},
		{"another annotation", otherAnnotation, func(cm *corev1.ConfigMap) { cm.Annotations["reflector.example/mirror"] = "true" }},
		{"a second owner", otherOwner, func(cm *corev1.ConfigMap) { cm.OwnerReferences = append(cm.OwnerReferences, otherReference) }},
		{"a finalizer", otherFinalizer, func(cm *corev1.ConfigMap) { cm.Finalizers = []string{"example.com/stay"} }},
		{"binaryData", otherBinary, func(cm *corev1.ConfigMap) { cm.BinaryData = map[string][]byte{"a": []byte("b")} }},
		{"an OAuthClient", "", func(*corev1.ConfigMap) {}},
		{"a ResourceServer", "", byUID(ours, "ResourceServer", "2f1c", new(true))},
		{"no annotation", "", func(cm *corev1.ConfigMap) { cm.Annotations = nil }},
	} {
		for _, where := range []string{namespace, "kube-system", system} {
			cm := mapOfOurs(where, "made")
			row.edit(cm)
			wantMap(t, row.name+" in "+where, operator.Create(t.Context(), cm, client.DryRunAll), row.denied)
		}
	}
}

// otherReference is an owner that exists for ever, so that no garbage collection comes.
var otherReference = metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "theirs", UID: "9e3b"}

func wantMap(t *testing.T, what string, err error, denied string) {
	t.Helper()
	if denied == "" && err != nil {
		t.Errorf("%s: %v", what, err)
	} else if denied != "" && (err == nil || !strings.Contains(err.Error(), "gatehouse-operator-configmaps") || !strings.Contains(err.Error(), denied)) {
		t.Errorf("%s: got %v, want it denied with %q", what, err, denied)
	}
}

// notMade are ConfigMaps that bear marks of ours, and that the operator did not make. None of them may it touch.
var notMade = []rowOfMaps{
	{"without-the-label", notOurs, func(cm *corev1.ConfigMap) { cm.Labels = nil }},
	{"without-anything", notOurs, func(cm *corev1.ConfigMap) { cm.Labels, cm.Annotations, cm.OwnerReferences = nil, nil, nil }},
	{"the-label-alone", notOurs, func(cm *corev1.ConfigMap) { cm.Annotations, cm.OwnerReferences = nil, nil }},
	{"the-label-and-the-annotation", notOurs, func(cm *corev1.ConfigMap) { cm.OwnerReferences = nil }},
	{"controlled-by-another-kind", notOurs, func(cm *corev1.ConfigMap) {
		cm.OwnerReferences = owned("apps/v0", "Deployment", "2f1c", new(true))
	}},
	{"owned-and-not-controlled", notOurs, func(cm *corev1.ConfigMap) { cm.OwnerReferences[0].Controller = nil }},
}

// managed is the field manager of the operator for the object of the UID that mapOfOurs names.
const managed = client.FieldOwner("gatehouse-2f1c")

// N388: a ConfigMap of somebody else is neither deleted nor turned into one of ours.
func TestN388TheOperatorTakesAndDeletesNoConfigMapOfAnybodyElse(t *testing.T) {
	operator, everybody, namespace := mapsGuarded(t)
	const takeOver = `{"metadata":{"labels":{"gatehouse.dev/owner-uid":"2f1c"},"ownerReferences":[` +
		`{"apiVersion":"` + noVersion + `","kind":"OAuthClient","name":"shop","uid":"2f1c","controller":true}]}}`
	for _, row := range notMade {
		cm := mapOfOurs(namespace, row.name)
		row.edit(cm)
		if err := everybody.Create(t.Context(), cm); err != nil {
			t.Fatal(err)
		}
		wantMap(t, row.name+" taken over", operator.Patch(t.Context(), cm.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(takeOver)), client.DryRunAll), row.denied)
		wantMap(t, row.name+" deleted", operator.Delete(t.Context(), cm), row.denied)
	}
	for _, row := range []rowOfMaps{
		{"as-made", "", func(*corev1.ConfigMap) {}},
		{"of-a-resource-server", "", func(cm *corev1.ConfigMap) { cm.OwnerReferences[0].Kind = "ResourceServer" }},
		{"of-an-object-that-is-gone", "", func(cm *corev1.ConfigMap) { cm.OwnerReferences[0].UID = "older" }},
		{"lost-its-owner", "", func(cm *corev1.ConfigMap) { cm.OwnerReferences = nil }},
		{"lost-owner-and-annotation", "", func(cm *corev1.ConfigMap) { cm.OwnerReferences, cm.Annotations = nil, nil }},
	} {
		cm := mapOfOurs(namespace, row.name)
		row.edit(cm)
		if err := everybody.Create(t.Context(), cm, managed); err != nil {
			t.Fatal(err)
		}
		wantMap(t, row.name+" put right", operator.Patch(t.Context(), cm.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(takeOver)), client.DryRunAll), row.denied)
		wantMap(t, row.name+" deleted", operator.Delete(t.Context(), cm), row.denied)
	}
}

// N388: one of ours cannot leave our hands, and gets nothing that another controller could obey. What others put there stays.
func TestN388TheOperatorWritesItsConfigMapsAndNothingBesideItsOwn(t *testing.T) {
	operator, everybody, namespace := mapsGuarded(t)
	for n, row := range []struct {
		name, patch, denied string
	}{
		{"data", `{"data":{"a":"b"}}`, ""},
		{"the annotation", `{"metadata":{"annotations":{"gatehouse.dev/content":"7f"}}}`, ""},
		{"the annotation taken off", `{"metadata":{"annotations":{"gatehouse.dev/content":null}}}`, ""},
		{"a label of somebody else taken off", `{"metadata":{"labels":{"team":null}}}`, ""},
		{"the label taken off", `{"metadata":{"labels":{"gatehouse.dev/owner-uid":null}}}`, needsOwner},
		{"the label of another UID", `{"metadata":{"labels":{"gatehouse.dev/owner-uid":"other"}}}`, needsOwner},
		{"the owner taken off", `{"metadata":{"ownerReferences":null}}`, needsOwner},
		{"a label more", `{"metadata":{"labels":{"grafana_dashboard":"1"}}}`, otherLabel},
		{"a label of somebody else changed", `{"metadata":{"labels":{"team":"evil"}}}`, "must not set the label team of a ConfigMap"},
		{"an annotation more", `{"metadata":{"annotations":{"reflector.example/mirror":"true"}}}`, otherAnnotation},
		{"an annotation of somebody else changed", `{"metadata":{"annotations":{"note":"evil"}}}`, "must not set the annotation note of a ConfigMap"},
		{"a finalizer more", `{"metadata":{"finalizers":["example.com/theirs","example.com/stay"]}}`, otherFinalizer},
		{"binaryData more", `{"binaryData":{"theirs":"eA==","a":"eA=="}}`, otherBinary},
		{"binaryData changed", `{"binaryData":{"theirs":"eQ=="}}`, otherBinary},
		{"an owner more", `{"metadata":{"ownerReferences":[` +
			`{"apiVersion":"` + noVersion + `","kind":"OAuthClient","name":"shop","uid":"2f1c","controller":true},` +
			`{"apiVersion":"v1","kind":"ConfigMap","name":"theirs","uid":"9e3b"}]}}`, otherOwner},
	} {
		cm := mapOfOurs(namespace, fmt.Sprintf("ours-%d", n))
		cm.Labels["team"], cm.Annotations["note"], cm.BinaryData = "print", "hello", map[string][]byte{"theirs": []byte("x")}
		cm.Finalizers = []string{"example.com/theirs"}
		if err := everybody.Create(t.Context(), cm, managed); err != nil {
			t.Fatal(err)
		}
		wantMap(t, row.name, operator.Patch(t.Context(), cm, client.RawPatch(types.MergePatchType, []byte(row.patch)), client.DryRunAll), row.denied)
	}
}

// N388: the ConfigMaps of released claims stay, whatever they bear.
func TestN388TheOperatorDeletesNoConfigMapOfReleasedClaims(t *testing.T) {
	operator, everybody, _ := mapsGuarded(t)
	released := mapOfOurs(system, "gatehouse-released-claims-6")
	if err := everybody.Create(t.Context(), released); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := everybody.Delete(context.WithoutCancel(t.Context()), released); client.IgnoreNotFound(err) != nil {
			t.Error(err)
		}
	})
	wantMap(t, "delete it", operator.Delete(t.Context(), released.DeepCopy()), "must not delete a ConfigMap of released claims")
}

// Lists of one thing: each expression of the policy names the label, the annotation and the kinds as the code does.
func TestThePolicyForConfigMapsNamesWhatTheCodeNames(t *testing.T) {
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{}
	for _, document := range documents(t, []byte(read(t, root+"/config/rbac/operator_secrets.yaml"))) {
		if document.GetKind() == "ValidatingAdmissionPolicy" && document.GetName() == "gatehouse-operator-configmaps" {
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(document.Object, policy); err != nil {
				t.Fatal(err)
			}
		}
	}
	expressions := map[string]string{}
	for _, v := range policy.Spec.Variables {
		expressions[v.Name] = v.Expression
	}
	label, kinds := "'"+v1alpha1.LabelOwnerUID+"'", "['"+v1alpha1.KindOAuthClient+"', '"+v1alpha1.KindResourceServer+"']"
	for variable, words := range map[string][]string{
		"labels":      {"[" + label + "]"},
		"annotations": {"['" + v1alpha1.AnnotationContent + "']"},
		"kinds":       {kinds},
		"hasOwner":    {label + " in object.metadata.labels", "object.metadata.labels[" + label + "]", "'" + v1alpha1.GroupVersion.Group + "/'"},
		"wasOurs":     {label + " in oldObject.metadata.labels", "'" + v1alpha1.GroupVersion.Group + "/'"},
	} {
		for _, word := range words {
			if !strings.Contains(expressions[variable], word) {
				t.Errorf("the variable %s of the policy for ConfigMaps does not hold %s: %s", variable, word, expressions[variable])
			}
		}
		named := regexp.MustCompile(`'gatehouse\.dev/[a-z-]+'`).FindAllString(expressions[variable], -1)
		for _, name := range named {
			if name != label && name != "'"+v1alpha1.AnnotationContent+"'" {
				t.Errorf("the variable %s names %s, which the code does not", variable, name)
			}
		}
	}
}
