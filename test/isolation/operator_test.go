// SPDX-License-Identifier: Apache-2.0

package isolation

import (
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// All that the operator does with Secrets it does with the token of its account, under the admission policy for that account: it made
// its keys before this test began.
func TestTheOperatorDoesItsWorkUnderThePolicyOfItsAccount(t *testing.T) {
	w := start(t)
	x := w.tenant("owner", lax)
	oc := x.draft("shop")
	x.apply(oc)
	issued := w.app(oc)
	secret := func(name string) *corev1.Secret {
		found := &corev1.Secret{}
		if err := w.Client.Get(t.Context(), client.ObjectKey{Namespace: x.namespace, Name: name}, found); client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
		return found
	}
	before := secret("shop-oauth")
	same := func(now *corev1.Secret) bool {
		return maps.EqualFunc(before.Data, now.Data, func(a, b []byte) bool { return string(a) == string(b) })
	}

	w.must(w.Client.Delete(t.Context(), before.DeepCopy()))
	w.eventually("a deleted Secret comes back", func() bool { now := secret("shop-oauth"); return now.UID != before.UID && same(now) })

	edited := secret("shop-oauth")
	delete(edited.Labels, v1alpha1.LabelOwnerUID)
	edited.Data[v1alpha1.KeyClientSecret] = []byte("edited")
	w.must(w.Client.Update(t.Context(), edited))
	w.eventually("an edited Secret without its label comes back", func() bool {
		now := secret("shop-oauth")
		return same(now) && now.Labels[v1alpha1.LabelOwnerUID] != ""
	})

	w.must(w.Client.Get(t.Context(), client.ObjectKeyFromObject(oc), oc))
	x.patch(oc, func() { oc.Spec.Credentials.SecretName = "renamed" })
	w.condition(oc, v1alpha1.ConditionReady, metav1.ConditionTrue)
	w.eventually("a renamed Secret is there, and the old one gone", func() bool {
		err := w.Client.Get(t.Context(), client.ObjectKey{Namespace: x.namespace, Name: "shop-oauth"}, &corev1.Secret{})
		return apierrors.IsNotFound(err) && same(secret("renamed"))
	})

	x.patch(oc, func() { oc.Annotations = map[string]string{v1alpha1.AnnotationResetCredentials: "1"} })
	w.eventually("a reset makes a new secret", func() bool {
		now := string(secret("renamed").Data[v1alpha1.KeyClientSecret])
		return now != "" && now != issued.secret
	})
	if again := w.app(oc); again.id != issued.id {
		t.Errorf("the client ID is %s, and was %s", again.id, issued.id)
	}
}
