// SPDX-License-Identifier: Apache-2.0

package isolation

import (
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// An honest client of the tenant is for nobody until somebody with the right says for whom.
func TestN112ATenantCannotEntitleAnybody(t *testing.T) {
	w := start(t)
	x := w.tenant("mallory", "")
	oc := x.draft("honest")
	x.apply(oc)
	w.app(oc)
	for _, object := range rolesFor(x.namespace, "alice") {
		if err := x.api.Create(t.Context(), object); !apierrors.IsForbidden(err) {
			t.Errorf("the tenant makes a %T: %v, want it forbidden", object, err)
		}
	}
	status, _, page := w.loggedIn("alice").follow(newRequest(v1alpha1.ClientIDOf(oc), x.callback(oc), "").address())
	if status != http.StatusForbidden {
		t.Errorf("Alice gets %d\n%s", status, text(page))
	}
}

func TestN121ATenantCannotChooseItsPolicy(t *testing.T) {
	w := start(t)
	x := w.tenant("mallory", "")
	w.tenant("owner", lax) // so that there is another policy
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: x.namespace}}
	policy := &v1alpha1.OAuthClientPolicy{ObjectMeta: metav1.ObjectMeta{Name: "mine"}}
	existing := &v1alpha1.OAuthClientPolicy{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.DefaultPolicy}}
	for what, err := range map[string]error{
		"label the namespace": x.api.Patch(t.Context(), ns, client.RawPatch(types.MergePatchType,
			[]byte(`{"metadata":{"labels":{"`+v1alpha1.LabelPolicy+`":"`+lax+`"}}}`))),
		"make a namespace":         x.api.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "mine-"}}),
		"make a policy":            x.api.Create(t.Context(), policy),
		"change the policy":        x.api.Patch(t.Context(), existing, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"clients":{"consentSkip":true}}}`))),
		"delete the policy":        x.api.Delete(t.Context(), existing),
		"write in a namespace":     x.api.Create(t.Context(), &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "mine"}}),
		"write beside the keys":    x.api.Create(t.Context(), &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: "mine"}}),
		"read the keys":            x.api.Get(t.Context(), client.ObjectKey{Namespace: system, Name: "gatehouse-shared-key"}, &corev1.Secret{}),
		"read clients of others":   x.api.List(t.Context(), &v1alpha1.OAuthClientList{}),
		"take over the operator":   x.api.Get(t.Context(), client.ObjectKey{Namespace: system, Name: "gatehouse-operator"}, &corev1.ServiceAccount{}),
		"read another's apis":      x.api.List(t.Context(), &v1alpha1.ResourceServerList{}),
		"act on another's clients": x.api.Delete(t.Context(), &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "any"}}),
	} {
		if !apierrors.IsForbidden(err) {
			t.Errorf("%s: %v, want it forbidden", what, err)
		}
	}
}
