// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

func sharedKey(t testing.TB) credential.Key {
	t.Helper()
	key, err := credential.ParseKey(make([]byte, credential.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// takeover proves that photos/photoprint goes on with an identity.
func takeover(t testing.TB, identity, uid string) string {
	t.Helper()
	return credential.ProveTakeover(sharedKey(t), credential.Takeover{Namespace: "photos", Name: "photoprint", Identity: identity, UID: uid})
}

// created again: another object, which goes on with the identity of the first.
func createdAgain(t testing.TB, uid string) func(*v1alpha1.OAuthClient) {
	t.Helper()
	return func(oc *v1alpha1.OAuthClient) {
		oc.UID = types.UID(uid)
		oc.Status.IdentityUID, oc.Status.TakenOver = "u-1", &v1alpha1.TakenOverStatus{UID: uid, Proof: takeover(t, "u-1", uid)}
	}
}

func TestAnObjectGoesOnWithTheIdentityThatItTookOver(t *testing.T) {
	r := fill(t, photosAPI(), photoprint())
	key := "photos/photoprint"
	take(t, r, photoprint())
	if r.Knows("u-1") {
		t.Fatal("it is served while there is no object")
	}
	put(t, r, photoprint(createdAgain(t, "u-2")))
	if r.Knows("u-1") || r.clients.all[key].client != nil {
		t.Error("it is served before the proof can be looked at")
	}
	r.UseSharedKey(credential.NewKey())
	if r.Knows("u-1") {
		t.Error("it is served with a proof of another key")
	}
	r.UseSharedKey(sharedKey(t))
	c, ok := r.ByID("photos.photoprint")
	if !ok || c.UID != "u-1" || r.clients.all[key].client != c {
		t.Fatalf("the client is %+v", c)
	}
	if same, ok := r.ByUID("u-1"); !ok || same != c || r.Knows("u-2") {
		t.Error("it is another client by its UID")
	}

	// And again, without a moment in which nobody has the identity.
	put(t, r, photoprint(createdAgain(t, "u-3")))
	if c, ok := r.ByUID("u-1"); !ok || r.clients.all[key].client != c {
		t.Error("the third object does not go on")
	}
	take(t, r, photoprint(createdAgain(t, "u-3")))
	if r.Knows("u-1") {
		t.Error("it is served while there is no object")
	}
}
