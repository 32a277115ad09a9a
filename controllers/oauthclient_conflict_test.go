// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func message(oc *v1alpha1.OAuthClient) string {
	return meta.FindStatusCondition(oc.Status.Conditions, string(v1alpha1.ConditionReady)).Message
}

// N63: a Secret that is somebody else's, whatever it pretends to be.
func TestN63ASecretOfSomebodyElseIsNeverOverwritten(t *testing.T) {
	for _, row := range []struct {
		name string
		make func(oc *v1alpha1.OAuthClient, theirs *corev1.Secret)
	}{
		{name: "an Opaque one", make: func(_ *v1alpha1.OAuthClient, theirs *corev1.Secret) { theirs.Type = corev1.SecretTypeOpaque }},
		{name: "one of our type", make: func(*v1alpha1.OAuthClient, *corev1.Secret) {}},
		{name: "one with our label", make: func(oc *v1alpha1.OAuthClient, theirs *corev1.Secret) {
			theirs.Labels = map[string]string{v1alpha1.LabelOwnerUID: string(oc.UID)}
		}},
		{name: "one owned, but not controlled, by the client", make: func(oc *v1alpha1.OAuthClient, theirs *corev1.Secret) {
			theirs.OwnerReferences = []metav1.OwnerReference{{APIVersion: "gatehouse.dev/v1alpha1", Kind: "OAuthClient", Name: oc.Name, UID: oc.UID}}
		}},
		{name: "one controlled by a client of another name", make: func(_ *v1alpha1.OAuthClient, theirs *corev1.Secret) {
			theirs.OwnerReferences = []metav1.OwnerReference{{APIVersion: "gatehouse.dev/v1alpha1", Kind: "OAuthClient", Name: "photostorage", UID: "1", Controller: new(true)}}
		}},
		{name: "one controlled by another kind of the same name", make: func(oc *v1alpha1.OAuthClient, theirs *corev1.Secret) {
			theirs.OwnerReferences = []metav1.OwnerReference{{APIVersion: "example.com/v1", Kind: "OAuthClient", Name: oc.Name, UID: oc.UID, Controller: new(true)}}
		}},
		{name: "one of another type with our controller reference", make: func(oc *v1alpha1.OAuthClient, theirs *corev1.Secret) {
			theirs.Type = corev1.SecretTypeOpaque
			theirs.OwnerReferences = []metav1.OwnerReference{{APIVersion: "gatehouse.dev/v1alpha1", Kind: "OAuthClient", Name: oc.Name, UID: oc.UID, Controller: new(true)}}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newScene(t)
			theirs := &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "photoprint-oauth"}, Type: corev1.SecretType(v1alpha1.SecretTypeDefault),
				Data: map[string][]byte{"password": []byte("theirs")},
			}
			row.make(s.client("photoprint"), theirs)
			s.must(s.api.Create(t.Context(), theirs))
			s.wantReady(s.settle("photoprint"), metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretConflict))
			s.settle("photoprint")
			s.wantWrites("status photoprint")
			if got := s.secret("photoprint-oauth"); got.ResourceVersion != theirs.ResourceVersion {
				t.Error("the Secret was touched")
			}
			if result, err := s.reconcile(s.r, "photoprint"); err != nil || result.RequeueAfter != strangerEvery {
				t.Errorf("result %v, error %v: it would not heal", result, err)
			}

			s.must(s.api.Delete(t.Context(), theirs))
			s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			if got := s.events.reasons(); !slices.Equal(got, []string{"SecretConflict", "Issued"}) {
				t.Errorf("events %q", got)
			}
		})
	}
}

func TestN63OfTwoClientsThatWantOneSecretTheOtherIsToldSecretConflict(t *testing.T) {
	s := newScene(t)
	first := s.issued("photoprint")
	before := s.secret("photoprint-oauth")
	s.client("thief", func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretName = "photoprint-oauth" })
	s.wantReady(s.settle("thief"), metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretConflict))
	if s.secret("photoprint-oauth").ResourceVersion != before.ResourceVersion {
		t.Error("the Secret was touched")
	}
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if first.Status.SecretName != s.get("photoprint").Status.SecretName {
		t.Error("the first client lost its Secret")
	}
}

// Both have looked and seen no Secret; then both write. The second apply must meet
// the first in a conflict, not merge with it.
func TestN63TwoClientsThatWriteOneSecretAtOnceDoNotMerge(t *testing.T) {
	s := newScene(t)
	s.client("photoprint")
	s.client("thief", func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretName = "photoprint-oauth" })
	in := func() input {
		return input{keys: s.pair, issuer: issuer, now: s.clock.Now(), newID: s.r.NewID()}
	}
	thief := s.get("thief")
	late := plan(thief, observation{}, in())
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	before := s.secret("photoprint-oauth")

	if err := s.r.apply(t.Context(), thief, late); err == nil {
		t.Error("the second apply was taken")
	}
	if s.secret("photoprint-oauth").ResourceVersion != before.ResourceVersion {
		t.Error("the Secret was touched")
	}
	s.wantReady(s.settle("thief"), metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretConflict))
}

// The same race against a Secret that is not ours at all.
func TestN63ASecretThatAppearsBetweenLookAndWriteIsNotMergedInto(t *testing.T) {
	theirs := map[string][]byte{secretKey: []byte("theirs")}
	other := []metav1.OwnerReference{{APIVersion: "gatehouse.dev/v1alpha1", Kind: "OAuthClient", Name: "other", UID: "1", Controller: new(true)}}
	for _, row := range []struct {
		name   string
		kind   corev1.SecretType
		data   map[string][]byte
		owners []metav1.OwnerReference
	}{
		{name: "of another type", kind: corev1.SecretTypeOpaque, data: theirs},
		{name: "of our type", kind: corev1.SecretType(v1alpha1.SecretTypeDefault), data: theirs},
		{name: "of our type, empty, controlled by another client", kind: corev1.SecretType(v1alpha1.SecretTypeDefault), owners: other},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newScene(t)
			oc := s.client("photoprint")
			late := plan(oc, observation{}, input{keys: s.pair, issuer: issuer, now: s.clock.Now(), newID: s.r.NewID()})
			theirs := &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "photoprint-oauth", OwnerReferences: row.owners}, Type: row.kind, Data: row.data,
			}
			s.must(s.api.Create(t.Context(), theirs))
			if err := s.r.apply(t.Context(), oc, late); !apierrors.IsConflict(err) {
				t.Errorf("error %v, want a conflict", err)
			}
			s.wantReady(s.get("photoprint"), metav1.ConditionUnknown, string(v1alpha1.ReadyReasonIssuing)) // it was not our spec that was refused
			if s.secret("photoprint-oauth").ResourceVersion != theirs.ResourceVersion {
				t.Error("the Secret was touched")
			}
			s.wantReady(s.settle("photoprint"), metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretConflict))
		})
	}
}

// A Secret that was ours and became somebody else's between look and write.
func TestASecretThatChangesBetweenLookAndWriteIsLookedAtAgain(t *testing.T) {
	s := newScene(t)
	s.issued("photoprint")
	s.edit("photoprint-oauth", func(o *corev1.Secret) { o.Data[secretKey] = []byte("x") })
	oc := s.get("photoprint")
	seen, err := s.r.observe(t.Context(), oc)
	s.must(err)
	s.edit("photoprint-oauth", func(o *corev1.Secret) { o.OwnerReferences = nil })
	if err := s.r.apply(t.Context(), oc, plan(oc, seen, input{keys: s.pair, issuer: issuer, now: s.clock.Now()})); err == nil {
		t.Error("the apply was taken")
	}
	if value(s.secret("photoprint-oauth")) != "x" {
		t.Error("the Secret was overwritten")
	}
	s.wantReady(s.settle("photoprint"), metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretConflict))
}

// rivals makes two clients of one name and claim in two namespaces, and returns the
// scene of the one that wins by Older first.
func rivals(t *testing.T, claim func(*v1alpha1.OAuthClient)) (winner, loser *scene, name string) {
	t.Helper()
	a, b := newScene(t), newScene(t)
	b.keys, b.pair, b.events = a.keys, a.pair, a.events
	b.r = b.reconciler(b.writes.watch(b.api))
	one, other := a.client("photoprint", claim), b.client("photoprint", claim)
	if v1alpha1.Older(one, other) {
		return a, b, "photoprint"
	}
	return b, a, "photoprint"
}

func TestN63AScopeBelongsToTheOlderClient(t *testing.T) {
	scope := "scope-" + newScene(t).ns
	claim := func(oc *v1alpha1.OAuthClient) {
		oc.Spec.ResourceServer = &v1alpha1.InlineResourceServer{Scopes: []v1alpha1.InlineScope{{Name: v1alpha1.Scope(scope), Description: "See your photos"}}}
	}
	winner, loser, name := rivals(t, claim)
	loser.wantReady(loser.settle(name), metav1.ConditionFalse, string(v1alpha1.AcceptedReasonScopeConflict))
	winner.wantReady(winner.settle(name), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if m := message(loser.get(name)); !strings.Contains(m, scope) || !strings.Contains(m, "in another namespace") || strings.Contains(m, winner.ns) {
		t.Errorf("message %q: want the scope, and nothing of who has it", m)
	}
	loser.writes.reset()
	loser.settle(name)
	loser.wantWrites()

	winner.update(name, func(oc *v1alpha1.OAuthClient) { oc.Spec.ResourceServer = nil })
	loser.wantReady(loser.settle(name), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
}

func TestN63ACallbackBelongsToTheNamespaceThatHadItFirst(t *testing.T) {
	url := "https://" + newScene(t).ns + ".example/callback"
	claim := func(oc *v1alpha1.OAuthClient) {
		oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{v1alpha1.CallbackURL(url)}
	}
	winner, loser, name := rivals(t, claim)
	loser.wantReady(loser.settle(name), metav1.ConditionFalse, string(v1alpha1.AcceptedReasonCallbackConflict))
	winner.wantReady(winner.settle(name), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if m := message(loser.get(name)); !strings.Contains(m, url) || strings.Contains(m, winner.ns+".") {
		t.Errorf("message %q", m)
	}
	winner.client("photoapp", claim)
	winner.wantReady(winner.settle("photoapp"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))

	winner.must(winner.api.Delete(t.Context(), winner.get("photoapp")))
	loser.wantReady(loser.settle(name), metav1.ConditionFalse, string(v1alpha1.AcceptedReasonCallbackConflict))
	winner.must(winner.api.Delete(t.Context(), winner.get(name)))
	loser.wantReady(loser.settle(name), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
}

func TestAClientThatIsBeingDeletedHoldsNothing(t *testing.T) {
	url := "https://" + newScene(t).ns + ".example/callback"
	winner, loser, name := rivals(t, func(oc *v1alpha1.OAuthClient) {
		oc.Spec.CallbackURLs, oc.Finalizers = []v1alpha1.CallbackURL{v1alpha1.CallbackURL(url)}, []string{"example.com/keep"}
	})
	loser.wantReady(loser.settle(name), metav1.ConditionFalse, string(v1alpha1.AcceptedReasonCallbackConflict))
	winner.must(winner.api.Delete(t.Context(), winner.get(name)))
	loser.wantReady(loser.settle(name), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	for _, s := range []*scene{winner, loser} {
		s.update(name, func(oc *v1alpha1.OAuthClient) { oc.Finalizers = nil })
	}
}

func TestALoopbackCallbackBelongsToNobody(t *testing.T) {
	winner, loser, name := rivals(t, func(oc *v1alpha1.OAuthClient) {
		oc.Spec.OAuth2 = &v1alpha1.OAuth2Spec{ClientType: v1alpha1.ClientTypePublic}
		oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{"http://127.0.0.1/callback", "http://[::1]/callback"}
	})
	winner.wantReady(winner.settle(name), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	loser.wantReady(loser.settle(name), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
}

func TestN63ALoserIsNeverIssuingSoThatItIsNeverServed(t *testing.T) {
	url := "https://" + newScene(t).ns + ".example/callback"
	_, loser, name := rivals(t, func(oc *v1alpha1.OAuthClient) {
		oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{v1alpha1.CallbackURL(url)}
	})
	oc := loser.get(name)
	seen, err := loser.r.observe(t.Context(), oc)
	loser.must(err)
	d := plan(oc, seen, input{keys: loser.pair, issuer: issuer, now: loser.clock.Now(), newID: loser.r.NewID()})
	for _, s := range d.steps {
		if s.status != nil && s.status.Conditions[0].Status != metav1.ConditionFalse {
			t.Errorf("a step says %s", s.status.Conditions[0].Reason)
		}
	}
}

func TestAChangeOfAClientWakesWhoeverClaimsTheSame(t *testing.T) {
	url := "https://" + newScene(t).ns + ".example/callback"
	winner, loser, name := rivals(t, func(oc *v1alpha1.OAuthClient) {
		oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{v1alpha1.CallbackURL(url)}
	})
	woken := winner.r.rivals(t.Context(), winner.get(name))
	if len(woken) != 1 || woken[0].Namespace != loser.ns || woken[0].Name != name {
		t.Errorf("woken %v", woken)
	}
}
