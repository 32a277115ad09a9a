// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func TestN341TheOperatorDeletesNoClientThatNeverExpires(t *testing.T) {
	env, operator := guarded(t)
	for name, row := range map[string]struct {
		expiresAt v1alpha1.Instant
		deleted   bool
	}{"never": {"", false}, "expires": {"2026-01-01T00:00:00Z", true}} {
		oc := &v1alpha1.OAuthClient{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
			Spec:       v1alpha1.OAuthClientSpec{CallbackURLs: []v1alpha1.CallbackURL{"http://127.0.0.1/callback"}, ExpiresAt: row.expiresAt},
		}
		if err := env.Client.Create(t.Context(), oc); err != nil {
			t.Fatal(err)
		}
		err := operator.Delete(t.Context(), oc.DeepCopy())
		if row.deleted != (err == nil) || err != nil && !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) {
			t.Errorf("%s: the deletion answers %v", name, err)
		}
		if !row.deleted {
			if err := env.Client.Delete(t.Context(), oc); err != nil {
				t.Error(err)
			}
		}
	}
}
