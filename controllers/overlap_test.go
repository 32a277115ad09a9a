// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// More client secrets that somebody else made.
const (
	givenThird  = "third-secret-of-the-vault-0123456789"
	givenFourth = "fourth-secret-of-the-vault-012345678"
	givenFifth  = "fifth-secret-of-the-vault-0123456789"
)

// away has the operator stop for the time.
func away(d time.Duration) func(*fixture) {
	return func(s *fixture) {
		s.clock.advance(d)
		s.restarted()
	}
}

// cannotWrite has the API server refuse the Secret for days, while the operator tries.
func cannotWrite(s *fixture) {
	usage, made := s.r.Usage, s.get("photoprint").Status.Credentials[1].IssuedAt
	s.r = s.reconciler(s.writes.watch(refusingSecrets(s.api, apierrors.NewForbidden(corev1.Resource("secrets"), "photoprint-oauth", nil))))
	s.r.Usage = usage
	for range 3 {
		s.clock.advance(day)
		if _, err := s.reconcile(s.r, "photoprint"); err == nil {
			s.t.Fatal("nobody will retry")
		}
		oc := s.get("photoprint")
		if held := s.valueOf("photoprint"); len(oc.Status.Credentials) != 2 || oc.Status.Credentials[0].ExpiresAt != nil || !oc.Status.Credentials[1].IssuedAt.Equal(&made) || !s.accepts(oc, held) {
			s.t.Errorf("while the Secret cannot be written the status has %+v", oc.Status.Credentials)
		}
	}
	s.restarted()
}

// N445: the operator stops between status and Secret, or cannot write the Secret, and the application rests meanwhile. The server counts all
// the time, so nobody has used the old client secret for days: and the application has no other one.
func TestN445AnOverlapThatWaitsForUseBeginsWhenTheSecretHoldsTheNewOne(t *testing.T) {
	rotation := func(oc *v1alpha1.OAuthClient) {
		waiting(oc)
		metav1.SetMetaDataAnnotation(&oc.ObjectMeta, v1alpha1.AnnotationRotateCredentials, "1")
	}
	plain := func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials.Rotation = &v1alpha1.RotationSpec{OverlapHours: 24}
		metav1.SetMetaDataAnnotation(&oc.ObjectMeta, v1alpha1.AnnotationRotateCredentials, "1")
	}
	longer := func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.Rotation.WaitForUse.LimitHours = 336 }
	type row struct {
		name    string
		profile v1alpha1.Profile
		asks    func(*v1alpha1.OAuthClient)
		between func(*fixture)
		after   func(*v1alpha1.OAuthClient) // a change of the spec in the overlap
	}
	rows := []row{
		{"the Secret is refused", v1alpha1.ProfileOAuth2, rotation, cannotWrite, nil},
		{"the limit is raised afterwards", v1alpha1.ProfileOAuth2, rotation, away(3 * day), longer},
		{"it waits for use only afterwards", v1alpha1.ProfileOAuth2, plain, away(3 * day), waiting},
	}
	for _, p := range profiles {
		rows = append(rows, row{"the operator is away, " + string(p.profile), p.profile, rotation, away(3 * day), nil})
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint", of(row.profile))
			before := s.valueOf("photoprint")
			use := s.uses()
			use.since = s.clock.Now().Add(-30 * day)
			s.r.Usage = use
			s.update("photoprint", row.asks)
			s.once("photoprint") // the status has the new one
			row.between(s)
			s.r.Usage = use
			s.once("photoprint")
			s.wantAccepts("photoprint", before, true, "the old one, when the operator is back")
			oc := s.settle("photoprint")
			if s.valueOf("photoprint") == before || len(oc.Status.Credentials) != 2 {
				t.Fatalf("the rotation did not go on: %+v", oc.Status.Credentials)
			}
			if row.after != nil {
				s.update("photoprint", row.after)
			}
			for _, hours := range []time.Duration{0, 1, 10, 12} {
				s.clock.advance(hours * time.Hour)
				s.settle("photoprint")
				s.wantAccepts("photoprint", before, true, "the old one in its overlap")
			}
			s.clock.advance(2*time.Hour + time.Second)
			s.settle("photoprint")
			s.wantAccepts("photoprint", before, false, "the old one, which nobody used in the overlap")
		})
	}
}

func TestN445TheSameOfAResourceServer(t *testing.T) {
	s := newFixture(t)
	s.server("api", "photos."+s.ns)
	s.settleServer("api")
	use := s.uses()
	use.since = s.clock.Now().Add(-30 * day)
	once := func() *v1alpha1.ResourceServer {
		t.Helper()
		s.r.Usage = use
		_, err := (&ResourceServerReconciler{s.r.Issuance}).Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: s.ns, Name: "api"}})
		s.must(err)
		return s.getServer("api")
	}
	s.updateServer("api", func(rs *v1alpha1.ResourceServer) {
		rs.Spec.Credentials.Rotation = &v1alpha1.RotationSpec{OverlapHours: 24, WaitForUse: &v1alpha1.WaitForUseSpec{LimitHours: 168}}
		metav1.SetMetaDataAnnotation(&rs.ObjectMeta, v1alpha1.AnnotationRotateCredentials, "1")
	})
	once()
	away(3 * day)(s)
	for range 3 {
		if rs := once(); len(rs.Status.Credentials) != 2 {
			t.Errorf("the status has %+v", rs.Status.Credentials)
		}
	}
	s.clock.advance(26 * time.Hour)
	if rs := once(); len(rs.Status.Credentials) != 1 {
		t.Errorf("after the overlap the status has %+v", rs.Status.Credentials)
	}
}

// The operator stops after the Secret was written and before the status was. The overlap runs from then on.
func TestN445TheTimesThatTheSecretRecordsCount(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint", waiting)
	s.update("photoprint", rotation("1"))
	s.once("photoprint")
	between := s.get("photoprint").Status
	away(3 * day)(s)
	want := s.settle("photoprint").Status.Credentials
	secret := s.secret("photoprint-oauth")
	s.forge("photoprint", func(status *v1alpha1.OAuthClientStatus) { status.Credentials = between.Credentials })
	s.clock.advance(5 * time.Hour)
	s.restarted()
	if got := s.settle("photoprint").Status.Credentials; len(got) != 2 || !got[0].ExpiresAt.Equal(want[0].ExpiresAt) || !got[1].IssuedAt.Equal(&want[1].IssuedAt) {
		t.Errorf("the status has %+v, want %+v", got, want)
	}
	if s.secret("photoprint-oauth").ResourceVersion != secret.ResourceVersion {
		t.Error("the Secret was written")
	}
}

// changing has the client take its secret from the Secret "vault", with an overlap.
func changing(overlapHours int32) func(*v1alpha1.OAuthClient) {
	return func(oc *v1alpha1.OAuthClient) {
		fromSecret(oc)
		oc.Spec.Credentials.Rotation = &v1alpha1.RotationSpec{OverlapHours: overlapHours}
	}
}

// N446: somebody writes a wrong client secret and corrects it an hour later. Applications have the one before both.
func TestN446WhatApplicationsHaveOutlivesAChangeThatIsCorrected(t *testing.T) {
	s := newFixture(t)
	used := s.uses()
	s.r.Usage = used
	s.give(s.vault(givenFirst))
	id := s.issued("photoprint", changing(24)).Status.Credentials[0].ID
	s.events.reasons()
	s.give(s.vault(givenSecond))
	end := s.settle("photoprint").Status.Credentials[0].ExpiresAt
	s.clock.advance(time.Hour)
	s.give(s.vault(givenThird))
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	for _, secret := range []string{givenFirst, givenSecond, givenThird} {
		s.wantAccepts("photoprint", secret, true, "in the overlap")
	}
	if len(oc.Status.Credentials) != 3 || !oc.Status.Credentials[0].ExpiresAt.Equal(end) {
		t.Errorf("the first one had the end %s, and the status has %+v", end, oc.Status.Credentials)
	}
	if want := "2 old client secrets are accepted, until 2026-05-02T12:00:00Z and until 2026-05-02T13:00:02Z."; !strings.Contains(message(oc), want) {
		t.Errorf("message %q, want %q in it", message(oc), want)
	}

	// That it is still used is said, although it is not the one before the one in use.
	s.clock.advance(21 * time.Hour)
	used.add(id)
	s.clock.advance(time.Hour)
	said := meta.FindStatusCondition(s.settle("photoprint").Status.Conditions, string(v1alpha1.ConditionOldSecretInUse))
	if said == nil || !strings.Contains(said.Message, "2026-05-02T12:00:00Z") || !strings.Contains(said.Message, "the Secret vault") {
		t.Errorf("the condition is %+v", said)
	}
	if got := s.events.reasons(); !slices.Contains(got, "OldSecretInUse") {
		t.Errorf("events %q", got)
	}
	if result, err := s.reconcile(s.r, "photoprint"); err != nil || result.RequeueAfter > time.Hour {
		t.Errorf("it is looked at again after %s, %v", result.RequeueAfter, err)
	}

	s.clock.advance(59 * time.Minute)
	oc = s.settle("photoprint")
	s.wantAccepts("photoprint", givenFirst, false, "the first one, after its end")
	s.wantAccepts("photoprint", givenSecond, true, "the second one, before its end")
	if len(oc.Status.Credentials) != 2 || strings.Contains(message(oc), "12:00:00Z") {
		t.Errorf("after the end of the first one the status has %+v, message %q", oc.Status.Credentials, message(oc))
	}
	s.clock.advance(time.Hour)
	if oc = s.settle("photoprint"); len(oc.Status.Credentials) != 1 || !s.accepts(oc, givenThird) {
		t.Errorf("after the overlap the status has %+v", oc.Status.Credentials)
	}
}

// N446: an overlap never gets longer by a further change, and the status never holds more than the server compares with.
func TestN446AFurtherChangeMakesNoOverlapLonger(t *testing.T) {
	s := newFixture(t)
	s.give(s.vault(givenFirst))
	s.issued("photoprint", changing(24))
	all := []string{givenFirst, givenSecond, givenThird, givenFourth, givenFifth}
	ends := map[string]time.Time{}
	for n, secret := range all[1:] {
		s.clock.advance(time.Hour)
		s.give(s.vault(secret))
		oc := s.settle("photoprint")
		s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
		if got, want := len(oc.Status.Credentials), min(n+2, maxAccepted); got != want {
			t.Fatalf("after %d changes the status has %d credentials, want %d", n+1, got, want)
		}
		for _, c := range old(issue{credentials: oc.Status.Credentials}) {
			if was, known := ends[c.ID]; known && !was.Equal(c.ExpiresAt.Time) {
				t.Errorf("the end of %s was %s and is %s", c.ID, was, c.ExpiresAt)
			}
			ends[c.ID] = c.ExpiresAt.Time
		}
	}
	for n, secret := range all {
		s.wantAccepts("photoprint", secret, n > 0, "after four changes")
	}

	// The one that leaked ends with all others where the spec asks for no overlap.
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.Rotation = nil })
	s.give(s.vault(givenFirst))
	if oc := s.settle("photoprint"); len(oc.Status.Credentials) != 1 || !s.accepts(oc, givenFirst) {
		t.Errorf("without an overlap the status has %+v", oc.Status.Credentials)
	}
}

func TestN446TheSameOfAResourceServer(t *testing.T) {
	s := newFixture(t)
	s.server("api", "photos."+s.ns)
	s.updateServer("api", func(rs *v1alpha1.ResourceServer) {
		rs.Spec.Credentials = v1alpha1.CredentialsSpec{
			Source: v1alpha1.SourceFromSecret, FromSecret: &v1alpha1.FromSecretSpec{Name: "vault"}, Rotation: &v1alpha1.RotationSpec{OverlapHours: 24},
		}
	})
	for n, secret := range []string{givenFirst, givenSecond, givenThird} {
		s.give(s.vault(secret))
		if rs := s.settleServer("api"); len(rs.Status.Credentials) != n+1 {
			t.Errorf("after %d changes the status has %+v", n, rs.Status.Credentials)
		}
	}
}

// While the clocks disagree nothing ends: what a wrong clock says would refuse what applications have.
func TestN446WithTwoClocksThatDisagreeAChangedClientSecretEndsNone(t *testing.T) {
	s := newFixture(t)
	s.give(s.vault(givenFirst))
	s.issued("photoprint", changing(24))
	s.clock.advance(-30 * day)
	s.r.Skew = func() (time.Duration, bool) { return -30 * day, true }
	for _, secret := range []string{givenSecond, givenThird} {
		s.give(s.vault(secret))
		s.settle("photoprint")
	}
	s.clock.advance(30 * day)
	s.wantAccepts("photoprint", givenFirst, true, "the old one, by the clock of the server")
	s.r.Skew = nil
	for n, c := range s.settle("photoprint").Status.Credentials {
		if n < 2 && (c.ExpiresAt == nil || !c.ExpiresAt.Time.Equal(s.clock.Now().Add(day))) || n > 2 {
			t.Errorf("the credential %d ends at %v", n, c.ExpiresAt)
		}
	}
	for _, secret := range []string{givenFirst, givenSecond, givenThird} {
		s.wantAccepts("photoprint", secret, true, "when the clocks agree again")
	}
}

// What is older than the one before the one in use gets no end any more, so it counts only where it has one.
func TestOfThreeCredentialsTheFirstCountsToItsEndAlone(t *testing.T) {
	in := inputOf(photoprint(), observation{})
	for want, end := range map[int]*metav1.Time{
		2: nil,
		3: endAfter(in.now, time.Minute),
	} {
		issued := issue{credentials: []v1alpha1.CredentialStatus{{ID: "1", ExpiresAt: end}, {ID: "2"}, {ID: "3"}}}
		if got := current(in, issued).credentials; len(got) != want || got[len(got)-2].ID != "2" {
			t.Errorf("of %+v there are left %+v", issued.credentials, got)
		}
	}
}

// N447: a switch of the source in the middle of a rotation. The Secret holds the old client secret, and the new one nobody has.
func TestN447ASwitchOfTheSourceInARotationLeavesTheApplicationAtWork(t *testing.T) {
	for _, row := range []struct {
		name    string
		between func(*fixture)
	}{
		{"the new one is published", func(*fixture) {}},
		{"the Secret is refused for days", cannotWrite},
		{"the operator is away", away(3 * day)},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint")
			held := s.valueOf("photoprint")
			s.update("photoprint", rotation("1"))
			s.once("photoprint")
			row.between(s)
			s.give(s.vault(givenFirst))
			s.update("photoprint", changing(24))
			oc := s.settle("photoprint")
			s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			s.wantAccepts("photoprint", held, true, "the one that applications have")
			s.wantAccepts("photoprint", givenFirst, true, "the given one")
			for _, c := range old(issue{credentials: oc.Status.Credentials}) {
				if c.ExpiresAt == nil || !c.ExpiresAt.Time.Equal(s.clock.Now().Add(day).Truncate(time.Second)) {
					t.Errorf("an old credential has the end %v", c.ExpiresAt)
				}
			}
			s.clock.advance(day)
			if oc := s.settle("photoprint"); len(oc.Status.Credentials) != 1 || s.accepts(oc, held) {
				t.Errorf("after the overlap the status has %+v", oc.Status.Credentials)
			}
		})
	}
}

// N447: back to a generated one, the given one ends at once. The generated one of before has its overlap still.
func TestN447ASwitchOfTheSourceThatIsTakenBackLeavesTheApplicationAtWork(t *testing.T) {
	generate := func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials = v1alpha1.CredentialsSpec{Rotation: &v1alpha1.RotationSpec{OverlapHours: 24, KeepPrevious: true}}
	}
	for _, row := range []struct {
		name    string
		back    []func(*v1alpha1.OAuthClient)
		accepts bool
	}{
		{"back", []func(*v1alpha1.OAuthClient){generate}, true},
		{"back, and reset", []func(*v1alpha1.OAuthClient){generate, reset("1")}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newFixture(t)
			first := s.issued("photoprint").Status.Credentials[0].ID
			held := s.valueOf("photoprint")
			s.give(s.vault(givenFirst))
			s.update("photoprint", changing(24))
			s.settle("photoprint")
			s.clock.advance(time.Hour)
			s.update("photoprint", row.back...)
			oc := s.settle("photoprint")
			s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			s.wantAccepts("photoprint", held, row.accepts, "the one of before")
			s.wantAccepts("photoprint", givenFirst, false, "the given one")
			s.wantAccepts("photoprint", s.valueOf("photoprint"), true, "the new one")
			if previous := string(s.secret("photoprint-oauth").Data[v1alpha1.KeyPreviousClientSecret]); row.accepts && previous != held {
				t.Errorf("the Secret holds the previous client secret %q", previous)
			}
			s.writes.reset()
			s.settle("photoprint")
			s.wantWrites()
			s.clock.advance(23 * time.Hour)
			if oc := s.settle("photoprint"); len(oc.Status.Credentials) != 1 || oc.Status.Credentials[0].ID == first || credential.IsGiven(oc.Status.Credentials[0].ID) {
				t.Errorf("after the end that it had the status has %+v", oc.Status.Credentials)
			}
		})
	}
}
