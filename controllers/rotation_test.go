// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// rotation asks for a rotation by the annotation.
func rotation(value string) func(*v1alpha1.OAuthClient) {
	return func(oc *v1alpha1.OAuthClient) {
		metav1.SetMetaDataAnnotation(&oc.ObjectMeta, v1alpha1.AnnotationRotateCredentials, value)
	}
}

// every has the client secret rotated by time, and keeps the previous one in the Secret.
func every(days, overlapHours int32) func(*v1alpha1.OAuthClient) {
	return func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials.Rotation = &v1alpha1.RotationSpec{IntervalDays: days, OverlapHours: overlapHours, KeepPrevious: true}
	}
}

// once reconciles once.
func (s *fixture) once(name string) {
	s.t.Helper()
	_, err := s.reconcile(s.r, name)
	s.must(err)
}

func (s *fixture) valueOf(name string) string {
	s.t.Helper()
	return value(s.secret(name + "-oauth"))
}

// wantAccepts checks which client secrets the authorization server takes.
func (s *fixture) wantAccepts(name, secret string, want bool, what string) {
	s.t.Helper()
	if got := s.accepts(s.get(name), secret); got != want {
		s.t.Errorf("%s: the client secret is accepted: %t, want %t", what, got, want)
	}
}

func TestARotationKeepsBothClientSecretsThroughTheOverlap(t *testing.T) {
	for _, row := range profiles {
		t.Run(string(row.profile), func(t *testing.T) {
			s := newFixture(t)
			s.issued("album", of(row.profile))
			before := s.valueOf("album")
			s.events.reasons()

			s.update("album", rotation("1"))
			result, err := s.reconcile(s.r, "album")
			s.must(err)
			oc := s.checked("album")
			s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			s.wantWrites("dry-run apply album-oauth", "status album")
			if result.RequeueAfter != publishLag || len(oc.Status.Credentials) != 2 || s.valueOf("album") != before {
				t.Errorf("before the Secret has it the status has %+v, and it is looked at after %s", oc.Status.Credentials, result.RequeueAfter)
			}
			if oc.Status.Credentials[0].ExpiresAt != nil {
				t.Error("the client secret that the Secret holds has an end")
			}

			oc = s.settle("album")
			s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			s.wantWrites("patch album-oauth", "apply album-oauth", "status album")
			after := s.valueOf("album")
			if after == before {
				t.Fatal("the Secret holds the old client secret")
			}
			if row.profile.Signed() && after != credential.DeriveSigned(s.pair.shared, string(oc.UID), oc.Status.Credentials[1].ID) {
				t.Error("the server would not derive what the Secret holds")
			}
			if _, kept := s.secret("album-oauth").Data[v1alpha1.KeyPreviousClientSecret]; kept {
				t.Error("nobody asked for the old one in the Secret")
			}
			if oc.Status.LastHandledRotation != "1" || !strings.Contains(message(oc), "2026-05-02T12:00:02Z") {
				t.Errorf("handled %q, message %q", oc.Status.LastHandledRotation, message(oc))
			}
			if got := s.events.reasons(); !slices.Equal(got, []string{"Rotated"}) {
				t.Errorf("events %q", got)
			}

			s.clock.advance(day - time.Second)
			s.once("album")
			s.wantWrites()
			s.wantAccepts("album", before, true, "the old one, a second before its end")
			s.wantAccepts("album", after, true, "the new one")

			s.clock.advance(2 * time.Second)
			oc = s.settle("album")
			s.wantWrites("apply album-oauth", "status album")
			s.wantAccepts("album", before, false, "the old one, after its end")
			if len(oc.Status.Credentials) != 1 || s.valueOf("album") != after || strings.Contains(message(oc), "old client secret") {
				t.Errorf("after the overlap the status has %+v", oc.Status)
			}
			if got := s.events.reasons(); len(got) != 0 {
				t.Errorf("the end of an overlap is told by the events %q", got)
			}
			s.settle("album")
			s.wantWrites()
		})
	}
}

func TestTheSecretHoldsThePreviousClientSecretWhereItIsAskedFor(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint", every(30, 24), func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials.SecretTemplate.Keys = &v1alpha1.SecretKeys{PreviousClientSecret: "OLD_SECRET"}
	})
	before := s.valueOf("photoprint")
	if _, there := s.secret("photoprint-oauth").Data["OLD_SECRET"]; there {
		t.Error("there was none before")
	}
	s.clock.advance(30 * day)
	s.settle("photoprint")
	if got := string(s.secret("photoprint-oauth").Data["OLD_SECRET"]); got != before {
		t.Errorf("the Secret holds the previous client secret %q", got)
	}
	s.clock.advance(day)
	s.settle("photoprint")
	if _, there := s.secret("photoprint-oauth").Data["OLD_SECRET"]; there {
		t.Error("it is still there after its end")
	}
}

func TestARotationByTimeComesOnceHoweverLongTheOperatorWasAway(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint", every(30, 24))
	first := s.valueOf("photoprint")
	s.clock.advance(30*day - time.Second)
	s.once("photoprint")
	s.wantWrites()

	s.clock.advance(7 * day)
	s.restarted()
	s.settle("photoprint")
	second := s.valueOf("photoprint")
	if second == first {
		t.Fatal("it was not rotated")
	}
	s.wantAccepts("photoprint", first, true, "the old one, which applications use until now")

	s.clock.advance(365 * day)
	s.restarted()
	oc := s.settle("photoprint")
	third := s.valueOf("photoprint")
	if third == second || len(oc.Status.Credentials) != 2 {
		t.Errorf("after a year there are the credentials %+v", oc.Status.Credentials)
	}
	s.wantAccepts("photoprint", first, false, "the first one, a year later")
	s.wantAccepts("photoprint", second, true, "the one that was in use")
	s.settle("photoprint")
	if s.valueOf("photoprint") != third {
		t.Error("it was rotated twice")
	}
}

// The operator stops between status and Secret, and nobody starts it for a month.
func TestN320AnOperatorThatStopsInARotationLeavesTheApplicationAtWork(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint", rotation("0"))
	before := s.valueOf("photoprint")
	s.update("photoprint", rotation("1"))
	_, err := s.reconcile(s.r, "photoprint")
	s.must(err)
	s.clock.advance(30 * day)
	s.wantAccepts("photoprint", before, true, "the one in the Secret")

	s.restarted()
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.wantAccepts("photoprint", before, true, "the old one, whose overlap begins now")
	if s.valueOf("photoprint") == before || len(oc.Status.Credentials) != 2 {
		t.Errorf("the rotation did not go on: %+v", oc.Status.Credentials)
	}
	s.clock.advance(day)
	s.settle("photoprint")
	s.wantAccepts("photoprint", before, false, "the old one, after its overlap")
}

func TestN318TheSameValueAndADueIntervalMakeOneRotation(t *testing.T) {
	s := newFixture(t)
	s.client("photoprint", rotation("0"), every(30, 24))
	if oc := s.settle("photoprint"); oc.Status.LastHandledRotation != "0" || len(oc.Status.Credentials) != 1 {
		t.Errorf("what is asked for at first counts as done: %+v", oc.Status)
	}
	first := s.valueOf("photoprint")
	for _, change := range []func(*v1alpha1.OAuthClient){
		rotation("0"), func(oc *v1alpha1.OAuthClient) { oc.Annotations = nil }, rotation("0"),
	} {
		s.update("photoprint", change)
		s.settle("photoprint")
	}
	if s.valueOf("photoprint") != first {
		t.Error("the same value rotated again")
	}

	s.clock.advance(30 * day)
	s.update("photoprint", rotation("1"))
	made := s.settle("photoprint")
	second := s.valueOf("photoprint")
	if second == first || made.Status.LastHandledRotation != "1" {
		t.Fatal("nothing was rotated")
	}
	s.clock.advance(2 * day)
	s.settle("photoprint")
	if s.valueOf("photoprint") != second {
		t.Error("annotation and interval made two rotations")
	}
}

// rotated issues a client secret and rotates it, and returns both. The first one is in its overlap.
func (s *fixture) rotated() (first, second string) {
	s.t.Helper()
	s.issued("photoprint")
	first = s.valueOf("photoprint")
	s.update("photoprint", rotation("1"))
	s.settle("photoprint")
	return first, s.valueOf("photoprint")
}

func TestARotationInAnOverlapWaitsSoThatTwoClientSecretsAreTheMost(t *testing.T) {
	s := newFixture(t)
	first, second := s.rotated()
	s.update("photoprint", rotation("2"))
	oc := s.settle("photoprint")
	if s.valueOf("photoprint") != second || oc.Status.LastHandledRotation != "1" || !strings.Contains(message(oc), "It waits until the old client secret has ended") {
		t.Errorf("handled %q, message %q", oc.Status.LastHandledRotation, message(oc))
	}
	s.wantAccepts("photoprint", first, true, "the old one in its overlap")
	s.clock.advance(day)
	s.settle("photoprint")
	if oc := s.settle("photoprint"); s.valueOf("photoprint") == second || oc.Status.LastHandledRotation != "2" {
		t.Error("the rotation that waited was not made")
	}
	s.wantAccepts("photoprint", second, true, "the one that is old now")
	s.wantAccepts("photoprint", first, false, "the first one")
}

func TestAResetInAnOverlapEndsBothClientSecrets(t *testing.T) {
	s := newFixture(t)
	first, second := s.rotated()
	s.update("photoprint", reset("1"), rotation("2"))
	oc := s.settle("photoprint")
	s.wantAccepts("photoprint", first, false, "the old one")
	s.wantAccepts("photoprint", second, false, "the one that was in use")
	if len(oc.Status.Credentials) != 1 || oc.Status.LastHandledReset != "1" || oc.Status.LastHandledRotation != "2" {
		t.Errorf("the status is %+v", oc.Status)
	}
}

func TestN315OfTwoOperatorsThatRotateAtOnceOneDoes(t *testing.T) {
	const operators, rounds = 4, 3
	s := newFixture(t)
	made := s.credentialsMade()
	s.issued("photoprint")
	for round := range rounds {
		before := s.valueOf("photoprint")
		s.update("photoprint", rotation(fmt.Sprint(round)))
		s.reconcileAtOnce(operators, "photoprint")
		s.settle("photoprint")
		s.wantAccepts("photoprint", before, true, "the old one")
		s.clock.advance(day)
		s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	}
	if got, want := made(), 1+rounds; got != want {
		t.Errorf("%d credentials were made, want %d", got, want)
	}
}

// Whichever way a clock is wrong, what the Secret holds and what it held before stay accepted.
func TestN316AClockThatIsWrongByAYearEndsNothingThatIsInUse(t *testing.T) {
	const year = 365 * day
	for _, row := range []struct {
		name  string
		jumps []time.Duration
	}{
		{"a year ahead, and right again", []time.Duration{year, -year}},
		{"a year behind, and right again", []time.Duration{-year, year}},
		{"ahead, far behind, and right again", []time.Duration{year, -2 * year, year}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint", every(30, 24))
			s.clock.advance(day)
			before := "" // what the Secret held before the last rotation
			for _, jump := range row.jumps {
				inUse := s.valueOf("photoprint")
				s.clock.advance(jump)
				s.restarted()
				oc := s.settle("photoprint")
				s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
				s.wantAccepts("photoprint", inUse, true, "the one that was in use")
				if s.valueOf("photoprint") != inUse {
					before = inUse
				}
				if before != "" {
					s.wantAccepts("photoprint", before, true, "the one before the last rotation")
				}
				for _, c := range oc.Status.Credentials {
					if c.IssuedAt.After(s.clock.Now()) || c.ExpiresAt != nil && c.ExpiresAt.After(s.clock.Now().Add(day)) {
						t.Errorf("the credential %s is of %s and ends at %s, and it is %s", c.ID, c.IssuedAt, c.ExpiresAt, s.clock.Now())
					}
				}
			}
			if before == "" {
				t.Error("nothing was rotated")
			}
			s.clock.advance(2 * day)
			if oc := s.settle("photoprint"); len(oc.Status.Credentials) != 1 {
				t.Errorf("two days later the status has %+v", oc.Status.Credentials)
			}
		})
	}
}

func TestN316WithTwoClocksThatDisagreeNothingIsRotatedAndNothingEnds(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	before := s.valueOf("photoprint")
	s.update("photoprint", rotation("1"))
	s.settle("photoprint")
	after := s.valueOf("photoprint")
	s.writes.reset()

	s.clock.advance(365 * day)
	s.r.Skew = func() (time.Duration, bool) { return 365 * day, true }
	s.update("photoprint", rotation("2"), func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials.Rotation = &v1alpha1.RotationSpec{IntervalDays: 1, OverlapHours: 1}
	})
	oc := s.settle("photoprint")
	s.wantWrites("status photoprint")
	if s.valueOf("photoprint") != after || len(oc.Status.Credentials) != 2 || !strings.Contains(message(oc), "clocks of the operator and of the API server agree") {
		t.Errorf("message %q", message(oc))
	}
	s.clock.advance(-365 * day)
	s.r.Skew = nil
	s.wantAccepts("photoprint", before, true, "the old one in its overlap")
}

func TestN317AStatusThatIsWipedInAnOverlapComesBackWithBothCredentials(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint", every(30, 24), rotation("0"))
	first := s.valueOf("photoprint")
	s.update("photoprint", rotation("1"))
	before := s.settle("photoprint")
	secret := s.secret("photoprint-oauth")
	s.clock.advance(time.Hour)
	s.forge("photoprint", func(status *v1alpha1.OAuthClientStatus) { *status = v1alpha1.OAuthClientStatus{} })
	s.restarted()
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if got, want := fmt.Sprint(oc.Status.Credentials), fmt.Sprint(before.Status.Credentials); got != want || oc.Status.LastHandledRotation != "1" {
		t.Errorf("the status has %s, handled %q, want %s", got, oc.Status.LastHandledRotation, want)
	}
	if s.secret("photoprint-oauth").ResourceVersion != secret.ResourceVersion {
		t.Error("the Secret was written")
	}
	s.wantAccepts("photoprint", first, true, "the old one in its overlap")
	s.clock.advance(23 * time.Hour)
	s.settle("photoprint")
	s.wantAccepts("photoprint", first, false, "the old one, at the end that it had before")
}

func TestN321ARotationThatCannotBeWrittenChangesNothing(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	before := s.valueOf("photoprint")
	forbidden := apierrors.NewForbidden(corev1.Resource("secrets"), "photoprint-oauth", nil)
	refuse := func() { s.r = s.reconciler(s.writes.watch(refusingSecrets(s.api, forbidden))) }
	s.update("photoprint", rotation("1"))

	refuse()
	if _, err := s.reconcile(s.r, "photoprint"); err == nil {
		t.Fatal("nobody will retry")
	}
	oc := s.checked("photoprint")
	s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretNotWritten))
	if len(oc.Status.Credentials) != 1 || oc.Status.LastHandledRotation != "" {
		t.Errorf("the status is %+v", oc.Status)
	}

	s.r = s.reconciler(s.writes.watch(s.api))
	_, err := s.reconcile(s.r, "photoprint") // the status has the new one
	s.must(err)
	refuse()
	s.clock.advance(publishLag)
	for range 2 {
		if _, err := s.reconcile(s.r, "photoprint"); err == nil {
			t.Fatal("nobody will retry")
		}
		s.clock.advance(30 * day)
	}
	s.wantAccepts("photoprint", before, true, "the one in the Secret, which could not be written")

	s.r = s.reconciler(s.writes.watch(s.api))
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.wantAccepts("photoprint", before, true, "the old one, whose overlap begins now")
	if s.valueOf("photoprint") == before {
		t.Error("the rotation did not go on")
	}
}

// slowed returns a client whose API server takes so long for a dry run, and for a write of a status.
func (s *fixture) slowed(dryRun, status time.Duration) client.WithWatch {
	return interceptor.NewClient(s.writes.watch(s.api), interceptor.Funcs{
		Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			if len((&client.ApplyOptions{}).ApplyOptions(opts).DryRun) > 0 {
				s.clock.advance(dryRun)
			}
			return c.Apply(ctx, obj, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			err := c.SubResource(sub).Patch(ctx, obj, patch, opts...)
			s.clock.advance(status)
			return err
		},
	})
}

// N439: however long the API server and its webhooks take, every server has time to learn of the new credential.
func TestN439TheSecretWaitsForTheStatusThatWasWritten(t *testing.T) {
	for _, row := range []struct {
		name           string
		dryRun, status time.Duration
		restarted      bool
	}{
		{name: "a slow dry run", dryRun: 3 * time.Second},
		{name: "a slow dry run, and another operator takes over", dryRun: 3 * time.Second, restarted: true},
		{name: "a slow write of the status", status: 3 * time.Second},
		{name: "a part of a second", dryRun: 1999 * time.Millisecond},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint")
			before := s.valueOf("photoprint")
			s.r.Client = s.indexed(s.slowed(row.dryRun, row.status))
			s.update("photoprint", rotation("1"))
			s.once("photoprint")
			if oc := s.get("photoprint"); len(oc.Status.Credentials) != 2 {
				t.Fatalf("the status has %+v", oc.Status.Credentials)
			}
			if row.restarted {
				s.restarted()
			}
			s.writes.reset()
			for _, passed := range []time.Duration{0, publishLag - time.Millisecond} { // the first one: its own status wakes it
				s.clock.advance(passed)
				if wait := s.step("photoprint"); wait <= 0 || wait > publishLag {
					t.Errorf("it looks again in %s", wait)
				}
				s.wantWrites()
			}
			s.clock.advance(time.Millisecond)
			oc := s.settle("photoprint")
			if s.valueOf("photoprint") == before || oc.Status.Credentials[0].ExpiresAt == nil {
				t.Errorf("the rotation did not go on: %+v", oc.Status.Credentials)
			}
			s.wantAccepts("photoprint", before, true, "the old one, in its overlap")
		})
	}
}

// N439: nor does a ConfigMap that is refused in between.
func TestN439ARefusedConfigMapTakesNothingFromTheLag(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint", withMap("public"))
	before := s.valueOf("photoprint")
	s.update("photoprint", rotation("1"))
	s.must(s.api.Delete(t.Context(), s.publicMapOf()))
	s.r.Client = s.indexed(failing[*corev1.ConfigMap, *appliedMap](s.slowed(3*time.Second, 0), func() error {
		return apierrors.NewForbidden(corev1.Resource("configmaps"), "public", nil)
	}))
	if _, err := s.reconcile(s.r, "photoprint"); err == nil {
		t.Fatal("the ConfigMap is not refused")
	}
	if oc := s.get("photoprint"); len(oc.Status.Credentials) != 2 {
		t.Fatalf("the status has %+v", oc.Status.Credentials)
	}
	_, _ = s.reconcile(s.r, "photoprint") // its own status wakes it
	if s.valueOf("photoprint") != before {
		t.Error("the Secret has the new client secret at once")
	}
}

func TestN439TheSecretOfAResourceServerWaitsToo(t *testing.T) {
	s := newFixture(t)
	s.server("api", "photos."+s.ns)
	s.settleServer("api")
	before := value(s.secret("api-resource-server"))
	s.r.Client = s.indexed(s.slowed(3*time.Second, 3*time.Second))
	s.updateServer("api", func(rs *v1alpha1.ResourceServer) {
		metav1.SetMetaDataAnnotation(&rs.ObjectMeta, v1alpha1.AnnotationRotateCredentials, "1")
	})
	r := &ResourceServerReconciler{s.r.Issuance}
	for range 2 {
		_, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: s.ns, Name: "api"}})
		s.must(err)
	}
	if rs := s.getServer("api"); len(rs.Status.Credentials) != 2 || value(s.secret("api-resource-server")) != before {
		t.Errorf("the Secret has the new one at once; the status has %+v", rs.Status.Credentials)
	}
	s.settleServer("api")
	if value(s.secret("api-resource-server")) == before {
		t.Error("the rotation did not go on")
	}
}

func TestASecretThatWasTouchedIsPutRightBeforeARotation(t *testing.T) {
	for _, row := range []struct {
		name  string
		touch func(*fixture)
	}{
		{"deleted", func(s *fixture) { s.must(s.api.Delete(s.t.Context(), s.secret("photoprint-oauth"))) }},
		{"edited", func(s *fixture) {
			s.edit("photoprint-oauth", func(o *corev1.Secret) { o.Data[v1alpha1.KeyClientSecret] = []byte("x") })
		}},
		{"deleted while the new one is published", func(s *fixture) {
			_, err := s.reconcile(s.r, "photoprint")
			s.must(err)
			s.must(s.api.Delete(s.t.Context(), s.secret("photoprint-oauth")))
		}},
		{"made immutable", func(s *fixture) {
			s.edit("photoprint-oauth", func(o *corev1.Secret) { o.Immutable = new(true) })
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint")
			before := s.valueOf("photoprint")
			s.update("photoprint", rotation("1"))
			row.touch(s)
			s.settle("photoprint")
			oc := s.settle("photoprint")
			s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			s.wantAccepts("photoprint", before, true, "the old one")
			if s.valueOf("photoprint") == before || len(oc.Status.Credentials) != 2 {
				t.Errorf("it was not rotated: %+v", oc.Status.Credentials)
			}
		})
	}
}

func TestAShorterOverlapCountsForTheOneThatRuns(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint", every(30, 720))
	before := s.valueOf("photoprint")
	s.clock.advance(30 * day)
	s.settle("photoprint")
	s.update("photoprint", every(30, 1))
	s.settle("photoprint")
	s.clock.advance(time.Hour)
	s.settle("photoprint")
	s.wantAccepts("photoprint", before, false, "the old one, an hour later")
}

func TestAResourceServerRotates(t *testing.T) {
	s := newFixture(t)
	s.server("api", "photos."+s.ns)
	s.settleServer("api")
	before := value(s.secret("api-resource-server"))
	s.updateServer("api", func(rs *v1alpha1.ResourceServer) {
		metav1.SetMetaDataAnnotation(&rs.ObjectMeta, v1alpha1.AnnotationRotateCredentials, "1")
	})
	rs := s.settleServer("api")
	if value(s.secret("api-resource-server")) == before || len(rs.Status.Credentials) != 2 || rs.Status.Credentials[0].ExpiresAt == nil || rs.Status.LastHandledRotation != "1" {
		t.Errorf("the status is %+v", rs.Status)
	}
}

func TestN322AResetRevokesWhereTheAnnotationSaysSo(t *testing.T) {
	revokes := func(value string) func(*v1alpha1.OAuthClient) {
		return func(oc *v1alpha1.OAuthClient) {
			metav1.SetMetaDataAnnotation(&oc.ObjectMeta, v1alpha1.AnnotationResetRevokes, value)
		}
	}
	s := newFixture(t)
	s.issued("photoprint", revokes("yes"))
	s.clock.advance(time.Hour)
	s.update("photoprint", reset("1"))
	if oc := s.settle("photoprint"); oc.Status.ValidAfter != nil {
		t.Errorf("only the value true revokes: %v", oc.Status.ValidAfter)
	}
	s.update("photoprint", revokes("true"))
	if oc := s.settle("photoprint"); oc.Status.ValidAfter != nil {
		t.Error("it revokes at a reset, and there is none")
	}
	s.update("photoprint", rotation("1"))
	if oc := s.settle("photoprint"); oc.Status.ValidAfter != nil {
		t.Error("a rotation revokes")
	}
	s.events.reasons()
	s.update("photoprint", reset("2"))
	oc := s.settle("photoprint")
	want := second(s.clock.Now().Add(time.Second))
	if oc.Status.ValidAfter == nil || !oc.Status.ValidAfter.Time.Equal(want.Time) {
		t.Fatalf("validAfter is %v, want %v", oc.Status.ValidAfter, want)
	}

	// What was revoked stays so when the status is lost.
	s.clock.advance(time.Hour)
	s.forge("photoprint", func(status *v1alpha1.OAuthClientStatus) { *status = v1alpha1.OAuthClientStatus{} })
	s.restarted()
	if oc := s.settle("photoprint"); oc.Status.ValidAfter == nil || !oc.Status.ValidAfter.Time.Equal(want.Time) {
		t.Errorf("after the loss of the status validAfter is %v, want %v", oc.Status.ValidAfter, want)
	}
}

// uses is a Usage for tests: when each credential was used. It tells of the time between since and so long ago as it is behind.
type uses struct {
	clock  *clock
	times  map[string][]time.Time
	since  time.Time
	behind time.Duration
}

func (s *fixture) uses() *uses { return &uses{clock: s.clock, times: map[string][]time.Time{}} }

// add notes a use, now.
func (u *uses) add(id string) { u.times[id] = append(u.times[id], u.clock.Now()) }

// LastUsed is part of Usage.
func (u *uses) LastUsed(_ types.UID, id string) (LastUse, bool) {
	now := u.clock.Now().Add(-u.behind)
	last := LastUse{Since: u.since.Truncate(time.Hour), Until: now.Truncate(time.Hour)}
	for _, at := range u.times[id] {
		if !at.Before(u.since) && !at.After(now) {
			last.At = at.Truncate(time.Hour)
		}
	}
	return last, true
}

// waiting has the old client secret wait for use, for a week at most.
func waiting(oc *v1alpha1.OAuthClient) {
	oc.Spec.Credentials.Rotation = &v1alpha1.RotationSpec{OverlapHours: 24, WaitForUse: &v1alpha1.WaitForUseSpec{LimitHours: 168}}
}

func TestARotationThatWaitsKeepsTheOldClientSecretWhileItIsUsed(t *testing.T) {
	const never = -1
	for _, row := range []struct {
		name          string
		first, last   time.Duration // the old one is used between these
		behind, since time.Duration // how far the server is behind, and since when it counts
		lasts         time.Duration
	}{
		{"never used again", never, never, 0, -24 * time.Hour, 25 * time.Hour},
		{"used for two days", 0, 48 * time.Hour, 0, -24 * time.Hour, 73 * time.Hour},
		{"used for ever", 0, 1000 * time.Hour, 0, -24 * time.Hour, 168 * time.Hour},
		{"nobody knows", never, never, never, 0, 168 * time.Hour},
		{"never used again, as is known hours later", never, never, 5 * time.Hour, -24 * time.Hour, 30 * time.Hour},
		{"used at the end of the overlap, as is known hours later", 22 * time.Hour, 22 * time.Hour, 5 * time.Hour, -24 * time.Hour, 52 * time.Hour},
		{"used before a new store counts", 0, 9 * time.Hour, 0, 10 * time.Hour, 35 * time.Hour},
		{"used after a new store counts", 0, 20 * time.Hour, 0, 10 * time.Hour, 45 * time.Hour},
		{"the store is replaced after the overlap", 0, 2 * time.Hour, 0, 26 * time.Hour, 51 * time.Hour},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newFixture(t)
			old := s.issued("photoprint", waiting)
			before, id := s.valueOf("photoprint"), old.Status.Credentials[0].ID
			use := s.uses()
			use.behind, use.since = row.behind, s.clock.Now().Add(min(row.since, 0))
			s.r.Usage = use
			if row.behind == never {
				s.r.Usage = UsageUnknown{}
			}
			s.update("photoprint", rotation("1"))
			oc := s.settle("photoprint")
			began := s.clock.Now()
			if end := oc.Status.Credentials[0].ExpiresAt; end == nil || !end.Time.Equal(began.Add(168*time.Hour)) {
				t.Fatalf("the hard end is %v", end)
			}
			s.writes.reset()
			for passed := time.Duration(0); passed < row.lasts-time.Hour; passed += time.Hour {
				if passed >= row.first && passed <= row.last && row.last != never {
					use.add(id)
				}
				if passed == row.since {
					use.since = s.clock.Now()
				}
				s.clock.advance(time.Hour)
				s.settle("photoprint")
				s.wantAccepts("photoprint", before, true, fmt.Sprintf("the old one after %s", passed+time.Hour))
			}
			if wrote := s.writes.take(); row.last < 168*time.Hour && len(wrote) > 0 {
				t.Errorf("meanwhile there are the writes %q", wrote)
			}
			s.clock.advance(time.Hour + time.Second)
			s.settle("photoprint")
			s.wantAccepts("photoprint", before, false, "the old one after "+row.lasts.String())
		})
	}
}

func TestAnOldClientSecretThatIsUsedAnHourBeforeItsEndIsSaidOnce(t *testing.T) {
	s := newFixture(t)
	old := s.issued("photoprint")
	id, used := old.Status.Credentials[0].ID, s.uses()
	s.r.Usage = used
	said := func(want bool) {
		t.Helper()
		c := meta.FindStatusCondition(s.settle("photoprint").Status.Conditions, string(v1alpha1.ConditionOldSecretInUse))
		if (c != nil) != want {
			t.Errorf("at %s the condition is %+v", s.clock.Now(), c)
		}
	}
	s.update("photoprint", rotation("1"))
	said(false)
	s.events.reasons()
	s.clock.advance(22 * time.Hour)
	used.add(id)
	said(false)
	s.writes.reset()
	s.clock.advance(time.Hour + time.Second)
	said(true)
	said(true)
	s.wantWrites("status photoprint")
	used.add(id)
	s.clock.advance(30 * time.Minute)
	said(true)
	s.wantWrites()
	if got := s.events.reasons(); !slices.Equal(got, []string{"OldSecretInUse"}) {
		t.Errorf("events %q", got)
	}
	s.clock.advance(time.Hour)
	said(false)

	// What was used only right after the rotation is in use no more.
	used.add(s.get("photoprint").Status.Credentials[0].ID)
	s.update("photoprint", rotation("2"))
	said(false)
	s.clock.advance(23*time.Hour + time.Minute)
	said(false)
}

// An operator that was just started knows of no use until the server has answered.
func TestAnOldClientSecretInUseIsSaidOnceAcrossARestart(t *testing.T) {
	s := newFixture(t)
	old := s.issued("photoprint")
	used := s.uses()
	s.r.Usage = used
	s.update("photoprint", rotation("1"))
	s.settle("photoprint")
	s.clock.advance(22 * time.Hour)
	used.add(old.Status.Credentials[0].ID)
	s.clock.advance(time.Hour + time.Second)
	s.settle("photoprint")
	s.events.reasons()
	s.writes.reset()
	for _, usage := range []Usage{UsageUnknown{}, used} {
		s.restarted()
		s.r.Usage = usage
		oc := s.settle("photoprint")
		if meta.FindStatusCondition(oc.Status.Conditions, string(v1alpha1.ConditionOldSecretInUse)) == nil {
			t.Errorf("with %T it is taken back", usage)
		}
	}
	if got := s.events.reasons(); len(got) > 0 {
		t.Errorf("it is said again: %q", got)
	}
	s.r.Usage = UsageUnknown{}
	s.clock.advance(time.Hour)
	if oc := s.settle("photoprint"); meta.FindStatusCondition(oc.Status.Conditions, string(v1alpha1.ConditionOldSecretInUse)) != nil {
		t.Error("it is said after the end")
	}
}

func TestWhatToDoAboutAnOldClientSecretFitsTheSpec(t *testing.T) {
	end := metav1.NewTime(time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC))
	for name, row := range map[string]struct {
		edit      func(*v1alpha1.CredentialsSpec)
		want, not string
	}{
		"generated": {func(*v1alpha1.CredentialsSpec) {}, "waitForUse keeps", "limitHours"},
		"waits for use": {func(c *v1alpha1.CredentialsSpec) {
			c.Rotation = &v1alpha1.RotationSpec{WaitForUse: &v1alpha1.WaitForUseSpec{LimitHours: 48}}
		}, "waitForUse.limitHours", "waitForUse keeps"},
		"given": {func(c *v1alpha1.CredentialsSpec) {
			c.Source, c.FromSecret = v1alpha1.SourceFromSecret, &v1alpha1.FromSecretSpec{Name: "vault"}
		}, "the Secret vault again", "waitForUse"},
	} {
		oc := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: "photos", Name: "photoprint"}}
		row.edit(&oc.Spec.Credentials)
		o := outcome{input: input{subject: clientSubject(oc)}, issued: issue{credentials: []v1alpha1.CredentialStatus{{ID: "1", ExpiresAt: &end}, {ID: "2"}}}}
		if got := o.stillUsedMessage(&end); !strings.Contains(got, row.want) || strings.Contains(got, row.not) {
			t.Errorf("%s: %s", name, got)
		}
	}
}
