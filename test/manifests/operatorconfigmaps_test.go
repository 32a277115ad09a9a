// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

func wantMapDenied(t *testing.T, err error, words string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "gatehouse-operator-configmaps") || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want it denied with %q", err, words)
	}
}

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

// N388: the label and the owner go together, and both are those of an object of ours.
func TestN388TheOperatorMakesNoConfigMapWithoutAnOwnerOfOurs(t *testing.T) {
	operator, _, namespace := mapsGuarded(t)
	const ours = "gatehouse.dev/v1alpha1"
	for _, row := range []struct {
		name    string
		labels  map[string]string
		owners  []metav1.OwnerReference
		allowed bool
	}{
		{name: "nothing"},
		{name: "the label alone", labels: ownerLabel},
		{name: "the owner alone", owners: owned(ours, "OAuthClient", "2f1c", new(true))},
		{name: "a label with another UID", labels: ownerLabel, owners: owned(ours, "OAuthClient", "other", new(true))},
		{name: "an owner that does not control", labels: ownerLabel, owners: owned(ours, "OAuthClient", "2f1c", nil)},
		{name: "an owner of another group", labels: ownerLabel, owners: owned("gatehouse.dev.example/v1", "OAuthClient", "2f1c", new(true))},
		{name: "an owner of another kind", labels: ownerLabel, owners: owned("gatehouse.dev/v1alpha1", "OAuthClientPolicy", "2f1c", new(true))},
		{name: "an OAuthClient", labels: ownerLabel, owners: owned(ours, "OAuthClient", "2f1c", new(true)), allowed: true},
		{name: "a ResourceServer", labels: ownerLabel, owners: owned(ours, "ResourceServer", "2f1c", new(true)), allowed: true},
	} {
		for _, where := range []string{namespace, "kube-system", system} {
			cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: where, Name: "made", Labels: row.labels, OwnerReferences: row.owners}}
			err := operator.Create(t.Context(), cm, client.DryRunAll)
			if row.allowed && err != nil {
				t.Errorf("%s in %s: %v", row.name, where, err)
			} else if !row.allowed {
				wantMapDenied(t, err, needsOwner)
			}
		}
	}
}

// N388: a ConfigMap of somebody else cannot be turned into one of ours, and one of ours cannot leave our hands.
func TestN388TheOperatorWritesNoConfigMapOfAnybodyElse(t *testing.T) {
	operator, everybody, namespace := mapsGuarded(t)
	byShop := owned("gatehouse.dev/v1alpha1", "OAuthClient", "2f1c", new(true))
	made := func(name string, labels map[string]string, owners []metav1.OwnerReference) *corev1.ConfigMap {
		cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels, OwnerReferences: owners}}
		if err := everybody.Create(t.Context(), cm); err != nil {
			t.Fatal(err)
		}
		return cm
	}
	const takeOver = `{"metadata":{"labels":{"gatehouse.dev/owner-uid":"2f1c"},"ownerReferences":[` +
		`{"apiVersion":"gatehouse.dev/v1alpha1","kind":"OAuthClient","name":"shop","uid":"2f1c","controller":true}]}}`
	for _, row := range []struct {
		name, patch, denied string
		labels              map[string]string
		owners              []metav1.OwnerReference
	}{
		{name: "data", patch: `{"data":{"a":"b"}}`, denied: needsOwner},
		{name: "label-and-owner", patch: takeOver, denied: notOurs},
		{name: "lost-its-label", patch: takeOver, denied: notOurs, owners: byShop},
		{name: "label-taken-off", patch: `{"metadata":{"labels":{"gatehouse.dev/owner-uid":null}}}`, denied: needsOwner, labels: ownerLabel, owners: byShop},
		{name: "owner-taken-off", patch: `{"metadata":{"ownerReferences":null}}`, denied: needsOwner, labels: ownerLabel, owners: byShop},
		{name: "ours", patch: `{"data":{"a":"b"}}`, labels: ownerLabel, owners: byShop},
		{name: "owner-put-back", patch: takeOver, labels: ownerLabel},
	} {
		err := operator.Patch(t.Context(), made(row.name, row.labels, row.owners), client.RawPatch(types.MergePatchType, []byte(row.patch)))
		if row.denied == "" && err != nil {
			t.Errorf("%s: %v", row.name, err)
		} else if row.denied != "" {
			wantMapDenied(t, err, row.denied)
		}
	}
	wantMapDenied(t, operator.Delete(t.Context(), made("theirs", nil, byShop)), notOurs)
	if err := operator.Delete(t.Context(), made("old", ownerLabel, byShop)); err != nil {
		t.Errorf("delete one of ours: %v", err)
	}
	released := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: "gatehouse-released-claims-6", Labels: ownerLabel}}
	if err := everybody.Create(t.Context(), released); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := everybody.Delete(context.WithoutCancel(t.Context()), released); err != nil {
			t.Error(err)
		}
	})
	wantMapDenied(t, operator.Delete(t.Context(), released.DeepCopy()), "must not delete a ConfigMap of released claims")
}

// Two lists of one thing: the policy names the label and the kinds as the code does.
func TestThePolicyForConfigMapsNamesWhatTheCodeNames(t *testing.T) {
	_, text, _ := strings.Cut(read(t, root+"/config/rbac/operator_secrets.yaml"), "# The same for the ConfigMaps")
	for _, word := range []string{v1alpha1.LabelOwnerUID, v1alpha1.KindOAuthClient, v1alpha1.KindResourceServer} {
		if !strings.Contains(text, "'"+word+"'") {
			t.Errorf("the policy for ConfigMaps does not name %s", word)
		}
	}
}
