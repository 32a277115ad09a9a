// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
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
			s := newFixture(t)
			theirs := &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "photoprint-oauth"}, Type: corev1.SecretType(v1alpha1.SecretTypeDefault),
				Data: map[string][]byte{"password": []byte("theirs")},
			}
			row.make(s.client("photoprint"), theirs)
			s.must(s.api.Create(t.Context(), theirs))
			s.wantReady(s.settle("photoprint"), metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretConflict))
			s.settle("photoprint")
			want := []string{"create photoprint-oauth", "status photoprint"} // the create is refused
			if theirs.Labels != nil {
				want = want[1:] // the cache shows what bears our label
			}
			s.wantWrites(want...)
			s.wantAccepted("photoprint", metav1.ConditionTrue, string(v1alpha1.AcceptedReasonAccepted))
			if got := s.secret("photoprint-oauth"); got.ResourceVersion != theirs.ResourceVersion {
				t.Error("the Secret was touched")
			}
			if result, err := s.reconcile(s.r, "photoprint"); err != nil || result.RequeueAfter != foreignEvery {
				t.Errorf("result %v, error %v: it would not heal", result, err)
			}

			s.must(s.api.Delete(t.Context(), theirs))
			s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			if got := s.events.reasons(); !slices.Equal(got, []string{"SecretConflict"}) {
				t.Errorf("events %q", got)
			}
		})
	}
}

func TestN63OfTwoClientsThatWantOneSecretTheOtherIsToldSecretConflict(t *testing.T) {
	s := newFixture(t)
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

// Both have looked and seen no Secret; then both write. The second create must be
// refused, not merge with the first.
func TestN63TwoClientsThatWriteOneSecretAtOnceDoNotMerge(t *testing.T) {
	s := newFixture(t)
	s.client("photoprint")
	s.client("thief", func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretName = "photoprint-oauth" })
	thief := s.subject("thief")
	late := s.decide(thief, observation{})
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	before := s.secret("photoprint-oauth")

	if _, err := s.r.apply(t.Context(), thief, late); !apierrors.IsAlreadyExists(err) {
		t.Errorf("the second create: %v", err)
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
		{name: "of our type, without a controller and with none of our keys", kind: corev1.SecretType(v1alpha1.SecretTypeDefault), data: map[string][]byte{"password": []byte("theirs")}},
		{name: "of our type, empty, controlled by another client", kind: corev1.SecretType(v1alpha1.SecretTypeDefault), owners: other},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newFixture(t)
			s.client("photoprint")
			late := s.decide(s.subject("photoprint"), observation{})
			theirs := &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "photoprint-oauth", OwnerReferences: row.owners}, Type: row.kind, Data: row.data,
			}
			s.must(s.api.Create(t.Context(), theirs))
			if _, err := s.r.apply(t.Context(), s.subject("photoprint"), late); !apierrors.IsAlreadyExists(err) {
				t.Errorf("error %v, want AlreadyExists", err)
			}
			s.wantReady(s.get("photoprint"), metav1.ConditionUnknown, string(v1alpha1.ReadyReasonPending)) // it was not our spec that was refused
			if s.secret("photoprint-oauth").ResourceVersion != theirs.ResourceVersion {
				t.Error("the Secret was touched")
			}
			s.wantReady(s.settle("photoprint"), metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretConflict))
		})
	}
}

// A Secret that was ours and became somebody else's between look and write.
func TestASecretThatChangesBetweenLookAndWriteIsLookedAtAgain(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	s.edit("photoprint-oauth", func(o *corev1.Secret) { o.Data[secretKey] = []byte("x") })
	seen := s.observed("photoprint")
	s.edit("photoprint-oauth", giveAway)
	if _, err := s.r.apply(t.Context(), s.subject("photoprint"), s.decide(s.subject("photoprint"), seen)); err == nil {
		t.Error("the apply was taken")
	}
	if value(s.secret("photoprint-oauth")) != "x" {
		t.Error("the Secret was overwritten")
	}
	s.wantReady(s.settle("photoprint"), metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretConflict))
}

// giveAway makes a Secret of ours that of nobody.
func giveAway(o *corev1.Secret) { o.OwnerReferences, o.Labels = nil, nil }

// H3: a Secret of ours whose owner reference somebody removed is taken back, and logins never stop.
func TestASecretThatLostItsOwnerReferenceIsTakenBack(t *testing.T) {
	s := newFixture(t)
	oc := s.issued("photoprint")
	before := value(s.secret("photoprint-oauth"))
	for range 2 { // once after the create, once after an apply
		s.edit("photoprint-oauth", func(o *corev1.Secret) { o.OwnerReferences = nil })
		s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
		after := s.secret("photoprint-oauth")
		if value(after) != before || !hasController(after) || after.OwnerReferences[0].UID != oc.UID {
			t.Errorf("the Secret belongs to %v", after.OwnerReferences)
		}
		if got := s.events.reasons(); !slices.Equal(got, []string{"Restored"}) {
			t.Errorf("events %q", got)
		}
	}
}

// H3: whatever is wrong with the Secret, the server may go on serving the client.
func TestATroubleWithTheSecretNeverChangesAccepted(t *testing.T) {
	for _, row := range []struct {
		name   string
		touch  func(*fixture)
		reason v1alpha1.ReadyReason
	}{
		{"a wrong name", func(s *fixture) {
			s.must(s.api.Create(s.t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "taken"}}))
			s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretName = "taken" })
		}, v1alpha1.ReadyReasonSecretConflict},
		{"deleted under a quota", func(s *fixture) {
			s.quota("0")
			s.awaitQuota()
			s.must(s.api.Delete(s.t.Context(), s.secret("photoprint-oauth")))
		}, v1alpha1.ReadyReasonSecretNotWritten},
		{"given away", func(s *fixture) { s.edit("photoprint-oauth", giveAway) }, v1alpha1.ReadyReasonSecretConflict},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint")
			row.touch(s)
			for range 2 {
				_, _ = s.reconcile(s.r, "photoprint") // a refusal comes back as an error too
			}
			oc := s.checked("photoprint")
			s.wantReady(oc, metav1.ConditionFalse, string(row.reason))
			s.wantAccepted("photoprint", metav1.ConditionTrue, string(v1alpha1.AcceptedReasonAccepted))
			if len(oc.Status.Credentials) != 1 {
				t.Errorf("%d credentials", len(oc.Status.Credentials))
			}
		})
	}
}
