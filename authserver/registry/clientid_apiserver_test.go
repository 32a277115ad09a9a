// SPDX-License-Identifier: Apache-2.0

package registry_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

func TestN63AYoungerObjectWithTheSameClientIDIsNotServedWhateverItsStatusSays(t *testing.T) {
	env := testenv.Start(t)
	r, logged := start(t, env.Config)
	const id = "app_20000001_1400000000000"
	var both []*v1alpha1.OAuthClient
	for range 2 {
		ns := env.Namespace(t)
		oc := &v1alpha1.OAuthClient{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "app"},
			Spec: v1alpha1.OAuthClientSpec{
				Profile: v1alpha1.ProfileConnectionsCloudOAuth2, ClientID: id, CallbackURLs: []v1alpha1.CallbackURL{v1alpha1.CallbackURL("https://" + ns + ".example/callback")},
			},
		}
		if err := env.Client.Create(t.Context(), oc); err != nil {
			t.Fatal(err)
		}
		both = append(both, oc)
	}
	owner, forger := both[0], both[1]
	if v1alpha1.Older(forger, owner) { // of one second, by UID
		owner, forger = forger, owner
	}

	report(t, env, forger, id)
	testenv.Eventually(t, limit, "the forged status is logged", func() bool { return strings.Contains(logged.String(), forger.Namespace) })
	if _, ok := r.ByID(id); ok {
		t.Error("it is served before its owner is")
	}
	report(t, env, owner, id)
	if got := eventually(t, r, id, "the owner is served", isThere); got.UID != string(owner.UID) {
		t.Error("the forger is served as the owner")
	}
	if _, ok := r.ByUID(string(forger.UID)); ok {
		t.Error("the forger is known by its UID")
	}

	if err := env.Client.Delete(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, limit, "the other one is served", func() bool {
		c, ok := r.ByID(id)
		return ok && c.UID == string(forger.UID)
	})
}
