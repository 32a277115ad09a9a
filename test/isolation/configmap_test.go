// SPDX-License-Identifier: Apache-2.0

package isolation

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// publicIn returns the ConfigMap; nil: there is none.
func (w *environment) publicIn(namespace, name string) *corev1.ConfigMap {
	w.t.Helper()
	cm := &corev1.ConfigMap{}
	err := w.Client.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, cm)
	if apierrors.IsNotFound(err) {
		return nil
	}
	w.must(err)
	return cm
}

// N388: all that the operator does with ConfigMaps of public values it does with the token of its account, under the admission policy
// for that account. With the same token nothing that is not its own can be written or deleted.
func TestN388TheOperatorKeepsItsConfigMapsAndTouchesNoOthers(t *testing.T) {
	w := start(t)
	x := w.tenant("owner", lax)
	named := func(name v1alpha1.ConfigMapName) func(*v1alpha1.OAuthClientSpec) {
		return func(s *v1alpha1.OAuthClientSpec) { s.Credentials.ConfigMapName = name }
	}
	oc := x.draft("shop", named("shop-public"))
	x.apply(oc)
	issued := w.app(oc)
	holds := func(cm *corev1.ConfigMap) bool {
		return cm != nil && cm.Data[v1alpha1.KeyClientID] == issued.id && cm.Data[v1alpha1.KeyIssuer] == w.issuer && cm.Labels[v1alpha1.LabelOwnerUID] == string(oc.UID)
	}
	before := w.publicIn(x.namespace, "shop-public")
	if !holds(before) {
		t.Fatalf("the ConfigMap of a client that is ready is %+v", before)
	}
	w.must(w.Client.Delete(t.Context(), before.DeepCopy()))
	w.eventually("a deleted one comes back", func() bool { now := w.publicIn(x.namespace, "shop-public"); return holds(now) && now.UID != before.UID })
	for what, edit := range map[string]string{
		"a value":                `{"data":{"issuer":"https://evil.example"}}`,
		"the owner":              `{"metadata":{"ownerReferences":null}}`,
		"the value of the label": `{"metadata":{"labels":{"gatehouse.dev/owner-uid":"other"}}}`,
	} {
		w.must(w.Client.Patch(t.Context(), w.publicIn(x.namespace, "shop-public"), client.RawPatch(types.MergePatchType, []byte(edit))))
		w.eventually("an edit is put right: "+what, func() bool {
			now := w.publicIn(x.namespace, "shop-public")
			return holds(now) && metav1.GetControllerOf(now) != nil
		})
	}
	w.must(w.Client.Get(t.Context(), client.ObjectKeyFromObject(oc), oc))
	x.patch(oc, func() { named("renamed")(&oc.Spec) })
	w.eventually("it moves", func() bool {
		return holds(w.publicIn(x.namespace, "renamed")) && w.publicIn(x.namespace, "shop-public") == nil
	})

	theirs := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: x.namespace, Name: "settings"}, Data: map[string]string{"issuer": "theirs"}}
	w.must(w.Client.Create(t.Context(), theirs))
	x.patch(oc, func() { named("settings")(&oc.Spec) })
	conflict := w.condition(oc, v1alpha1.ConditionReady, metav1.ConditionFalse, string(v1alpha1.ReadyReasonConfigMapConflict))
	if !strings.Contains(conflict.Message, `"settings"`) || !strings.Contains(conflict.Message, "spec.credentials.configMapName") {
		t.Errorf("the condition says %q", conflict.Message)
	}
	if !holds(w.publicIn(x.namespace, "renamed")) {
		t.Error("the old ConfigMap went before the new one was there")
	}
	w.withTokenOfTheOperator(theirs, oc)
	if now := w.publicIn(x.namespace, "settings"); now == nil || now.ResourceVersion != theirs.ResourceVersion {
		t.Errorf("the ConfigMap of somebody else was touched: %+v", now)
	}
	x.patch(oc, func() { named("")(&oc.Spec) })
	w.condition(oc, v1alpha1.ConditionReady, metav1.ConditionTrue)
	w.eventually("it goes when it is named no more", func() bool { return w.publicIn(x.namespace, "renamed") == nil })

	x.patch(oc, func() { named("again")(&oc.Spec) })
	w.eventually("it is there again", func() bool { return holds(w.publicIn(x.namespace, "again")) })
	w.must(x.api.Delete(t.Context(), oc))
	w.eventually("it goes with its object", func() bool { return w.publicIn(x.namespace, "again") == nil })
}

// withTokenOfTheOperator does what a thief of the operator's token would do with a ConfigMap that the operator did not make.
func (w *environment) withTokenOfTheOperator(theirs *corev1.ConfigMap, oc *v1alpha1.OAuthClient) {
	w.t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", w.file("gatehouse-operator.kubeconfig"))
	w.must(err)
	thief, err := client.New(config, client.Options{Scheme: w.Scheme})
	w.must(err)
	ours := metav1.OwnerReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.KindOAuthClient, Name: oc.Name, UID: oc.UID, Controller: new(true)}
	taken, without := theirs.DeepCopy(), theirs.DeepCopy()
	taken.Labels, taken.OwnerReferences = map[string]string{v1alpha1.LabelOwnerUID: string(oc.UID)}, []metav1.OwnerReference{ours}
	without.Name, without.ResourceVersion, without.UID = "made", "", ""
	settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "extension-apiserver-authentication"}}
	for what, err := range map[string]error{
		"change one":               thief.Patch(w.t.Context(), theirs.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(`{"data":{"issuer":"https://evil.example"}}`))),
		"take one over":            thief.Patch(w.t.Context(), taken, client.MergeFrom(theirs)),
		"delete one":               thief.Delete(w.t.Context(), theirs.DeepCopy()),
		"make one without owner":   thief.Create(w.t.Context(), without),
		"delete one of Kubernetes": thief.Delete(w.t.Context(), settings),
	} {
		if err == nil || !strings.Contains(err.Error(), "gatehouse-operator-configmaps") {
			w.t.Errorf("%s: %v, want it denied by the admission policy", what, err)
		}
	}
}
