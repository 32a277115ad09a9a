// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// count returns how many of the calls wrote the object of the name.
func count(calls []string, name string) int {
	n := 0
	for _, call := range calls {
		if verb, of, _ := strings.Cut(call, " "); of == name && (verb == "apply" || verb == "create") {
			n++
		}
	}
	return n
}

// A writer that changes or deletes what the operator wrote, each time, is answered seldom in the end, and people are told of it. N387, N390.
func TestAnotherWriterThatGoesOnForEverIsAnsweredSeldom(t *testing.T) {
	fight := func(s *fixture, o client.Object, change func(client.Object)) {
		err := s.api.Get(s.t.Context(), client.ObjectKeyFromObject(o), o)
		if err == nil && change == nil {
			err = s.api.Delete(s.t.Context(), o)
		} else if err == nil {
			change(o)
			err = s.api.Update(s.t.Context(), o, client.FieldOwner("somebody"))
		}
		s.must(client.IgnoreNotFound(err))
	}
	for name, row := range map[string]struct {
		object string
		of     func(*fixture) client.Object
		change func(client.Object)
		ready  metav1.ConditionStatus
		reason v1alpha1.ReadyReason
		words  string
	}{
		"the data of the ConfigMap": {"public", (*fixture).publicMapOf,
			func(o client.Object) { o.(*corev1.ConfigMap).Data = map[string]string{"ca.crt": "theirs"} },
			metav1.ConditionFalse, v1alpha1.ReadyReasonConfigMapNotWritten, `changing or deleting the ConfigMap "public"`},
		"an immutable ConfigMap": {"public", (*fixture).publicMapOf,
			func(o client.Object) {
				cm := o.(*corev1.ConfigMap)
				if cm.Immutable == nil {
					cm.Data, cm.Immutable = map[string]string{"ca.crt": "theirs"}, new(true)
				}
			},
			metav1.ConditionFalse, v1alpha1.ReadyReasonConfigMapNotWritten, `changing or deleting the ConfigMap "public"`},
		"the ConfigMap itself": {"public", (*fixture).publicMapOf, nil,
			metav1.ConditionFalse, v1alpha1.ReadyReasonConfigMapNotWritten, `changing or deleting the ConfigMap "public"`},
		"the client secret": {"photoprint-oauth", (*fixture).secretOf,
			func(o client.Object) { o.(*corev1.Secret).Data[v1alpha1.KeyClientSecret] = []byte("theirs") },
			metav1.ConditionFalse, v1alpha1.ReadyReasonSecretNotWritten, `changing or deleting the Secret "photoprint-oauth"`},
		"the Secret itself": {"photoprint-oauth", (*fixture).secretOf, nil,
			metav1.ConditionFalse, v1alpha1.ReadyReasonSecretNotWritten, `changing or deleting the Secret "photoprint-oauth"`},
		"another value of the Secret": {"photoprint-oauth", (*fixture).secretOf,
			func(o client.Object) { o.(*corev1.Secret).Data[v1alpha1.KeyIssuer] = []byte("theirs") },
			metav1.ConditionTrue, v1alpha1.ReadyReasonIssued, "holds"}, // an application can log in
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint", withMap("public"))
			s.writes.take()
			for range 2*quickWrites + 4 {
				fight(s, row.of(s), row.change)
				if _, err := s.reconcile(s.r, "photoprint"); err != nil && !errors.Is(err, errRewritten) {
					t.Fatal(err)
				}
			}
			if n := count(s.writes.take(), row.object); n < 3 || n > 2*quickWrites {
				t.Errorf("%d writes without a pause", n)
			}
			oc := s.checked("photoprint")
			s.wantReady(oc, row.ready, string(row.reason))
			if text := message(oc); !strings.Contains(text, row.words) {
				t.Errorf("Ready says %q", text)
			}
			writes := 0
			for range 20 { // ten minutes, of which the waits grow in the first four
				s.clock.advance(30 * time.Second)
				fight(s, row.of(s), row.change)
				if _, err := s.reconcile(s.r, "photoprint"); err != nil && !errors.Is(err, errRewritten) {
					t.Fatal(err)
				}
				writes += count(s.writes.take(), row.object)
			}
			if writes < 3 || writes > 12 {
				t.Errorf("%d writes in ten minutes", writes)
			}
			s.clock.advance(longestRetry)
			s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			if cm := s.configMap("public"); cm.Data[v1alpha1.KeyIssuer] != issuer {
				t.Errorf("the ConfigMap holds %v", cm.Data)
			}
			s.clock.advance(2 * longestRetry) // whoever changes it later has it put right at once
			s.writes.take()
			fight(s, row.of(s), row.change)
			s.settle("photoprint")
			if n := count(s.writes.take(), row.object); n != 1 {
				t.Errorf("%d writes after a quiet time", n)
			}
		})
	}
}

func (s *fixture) publicMapOf() client.Object {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "public"}}
}

func (s *fixture) secretOf() client.Object {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "photoprint-oauth"}}
}

// What the operator remembers of its writes goes by itself.
func TestWhatWasWrittenLastIsForgotten(t *testing.T) {
	var h holdoffs
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for n := range 100 {
		h.stored(objectRef{name: fmt.Sprint(n)}, "x", true, true, now)
	}
	now = now.Add(2 * longestRetry)
	h.stored(objectRef{name: "last"}, "x", true, true, now)
	if len(h.of) != 1 {
		t.Errorf("%d are remembered", len(h.of))
	}
}

// One that cannot be changed, and that a finalizer keeps, is not deleted again and again.
func TestWhatAFinalizerKeepsIsWaitedFor(t *testing.T) {
	for name, row := range map[string]struct {
		of     func(*fixture) client.Object
		change func(client.Object)
		reason v1alpha1.ReadyReason
	}{
		"a ConfigMap": {(*fixture).publicMapOf, func(o client.Object) {
			o.(*corev1.ConfigMap).Data[v1alpha1.KeyIssuer], o.(*corev1.ConfigMap).Immutable = "https://evil.example", new(true)
		}, v1alpha1.ReadyReasonConfigMapConflict},
		"a Secret": {(*fixture).secretOf, func(o client.Object) {
			o.(*corev1.Secret).Data[v1alpha1.KeyIssuer], o.(*corev1.Secret).Immutable = []byte("https://evil.example"), new(true)
		}, v1alpha1.ReadyReasonSecretConflict},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint", withMap("public"))
			o := row.of(s)
			s.must(s.api.Get(t.Context(), client.ObjectKeyFromObject(o), o))
			row.change(o)
			o.SetFinalizers([]string{"example.com/keep"})
			s.must(s.api.Update(t.Context(), o, client.FieldOwner("somebody")))
			s.writes.take()
			for range 3 {
				if _, err := s.reconcile(s.r, "photoprint"); err != nil {
					t.Fatal(err)
				}
			}
			deletes := 0
			for _, call := range s.writes.take() {
				if strings.HasPrefix(call, "delete ") {
					deletes++
				}
			}
			if deletes != 1 {
				t.Errorf("it was deleted %d times", deletes)
			}
			oc := s.get("photoprint")
			s.wantReady(oc, metav1.ConditionFalse, string(row.reason))
			if text := message(oc); !strings.Contains(text, "is being deleted, and a finalizer keeps it") {
				t.Errorf("Ready says %q", text)
			}
			if result, err := s.reconcile(s.r, "photoprint"); err != nil || result.RequeueAfter != foreignEvery {
				t.Errorf("result %v, error %v", result, err)
			}
			s.release(o)
			s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			s.wantPublic(s.get("photoprint"), "public")
		})
	}
}

// release takes the finalizers away.
func (s *fixture) release(o client.Object) {
	s.t.Helper()
	s.must(s.api.Get(s.t.Context(), client.ObjectKeyFromObject(o), o))
	o.SetFinalizers(nil)
	s.must(s.api.Update(s.t.Context(), o))
}

// An old one that a finalizer keeps is deleted once.
func TestAnOldOneThatAFinalizerKeepsIsDeletedOnce(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint", withMap("public"))
	kept := []client.Object{s.publicMapOf(), s.secretOf()}
	for _, o := range kept {
		s.must(s.api.Get(t.Context(), client.ObjectKeyFromObject(o), o))
		o.SetFinalizers([]string{"example.com/keep"})
		s.must(s.api.Update(t.Context(), o, client.FieldOwner("somebody")))
	}
	s.update("photoprint", withMap("elsewhere"), func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretName = "photoprint-other" })
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.writes.take()
	s.settle("photoprint")
	s.wantWrites()
	for _, o := range kept {
		s.release(o)
	}
	s.noConfigMap("public")
	s.noSecret("photoprint-oauth")
}

// What is not ready for longer than a retry takes is said to be.
func TestAReadyClientIsReadyNoMoreWhenAWriteFailsForLong(t *testing.T) {
	for name, row := range map[string]struct {
		failing func(client.WithWatch, func() error) client.WithWatch
		object  func(*fixture) client.Object
		reason  v1alpha1.ReadyReason
	}{
		"ConfigMap": {failing[*corev1.ConfigMap, *appliedMap], func(s *fixture) client.Object { return s.configMap("public") }, v1alpha1.ReadyReasonConfigMapNotWritten},
		"Secret":    {failing[*corev1.Secret, *appliedSecret], func(s *fixture) client.Object { return s.secret("photoprint-oauth") }, v1alpha1.ReadyReasonSecretNotWritten},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			failure := apierrors.NewInternalError(errors.New("failed calling webhook"))
			var answer error
			s.r = s.reconciler(row.failing(s.api, func() error { return answer }))
			s.issued("photoprint", withMap("public"))
			isReady := func() bool {
				t.Helper()
				_, err := s.reconcile(s.r, "photoprint")
				if !errors.Is(err, failure) {
					t.Fatalf("the error is %v", err)
				}
				return meta.IsStatusConditionTrue(s.get("photoprint").Status.Conditions, string(v1alpha1.ConditionReady))
			}
			for range 2 { // the time counts from the first failure, each time
				answer = failure
				s.must(s.api.Delete(t.Context(), row.object(s)))
				if !isReady() {
					t.Error("what may pass at once is said")
				}
				s.clock.advance(longestRetry - time.Second)
				if !isReady() {
					t.Error("it is said too early")
				}
				s.clock.advance(time.Second)
				if isReady() {
					t.Errorf("Ready stays True without the %s", name)
				}
				s.wantReady(s.checked("photoprint"), metav1.ConditionFalse, string(row.reason))
				if !meta.IsStatusConditionTrue(s.get("photoprint").Status.Conditions, string(v1alpha1.ConditionReconciling)) {
					t.Error("it is not Reconciling")
				}
				answer = nil
				s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			}
			s.must(s.api.Delete(t.Context(), s.get("photoprint")))
			if _, err := s.reconcile(s.r, "photoprint"); err != nil || len(s.r.delayed.since) != 0 {
				t.Errorf("of an object that is gone is remembered %v (%v)", s.r.delayed.since, err)
			}
		})
	}
}

// A new client says why it waits, too, once the API server has failed for long.
func TestANewClientSaysThatItsSecretCannotBeWritten(t *testing.T) {
	s := newFixture(t)
	answer := error(apierrors.NewInternalError(errors.New("failed calling webhook")))
	s.r = s.reconciler(failing[*corev1.Secret, *appliedSecret](s.api, func() error { return answer }))
	s.client("photoprint")
	for _, wait := range []time.Duration{0, longestRetry - time.Second, time.Second} {
		s.clock.advance(wait)
		if len(s.get("photoprint").Status.Credentials) != 0 {
			t.Error("a credential is told of before there is a Secret")
		}
		if _, err := s.reconcile(s.r, "photoprint"); !errors.Is(err, answer) {
			t.Fatalf("the error is %v", err)
		}
	}
	s.wantReady(s.get("photoprint"), metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretNotWritten))
	answer = nil
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
}

// counted counts the reads of ConfigMaps.
type counted struct {
	client.Reader
	reads int
}

func (c *counted) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	if _, is := o.(*corev1.ConfigMap); is {
		c.reads++
	}
	return c.Reader.Get(ctx, key, o, opts...)
}

// The cache holds no ConfigMap without our label: only where one may be written is the API server asked for it.
func TestAConfigMapThatIsNotWantedIsNotAskedFor(t *testing.T) {
	s := newFixture(t)
	live := &counted{Reader: s.api}
	s.r.Live = live
	s.issued("photoprint", withMap("public"))
	s.settle("photoprint")
	if live.reads != 0 {
		t.Errorf("%d reads for a new client", live.reads)
	}
	s.label(s.policy(noSkip))
	s.client("denied", withMap("denied-public"), skip)
	for range 3 {
		s.wantReady(s.settle("denied"), metav1.ConditionFalse, string(v1alpha1.AcceptedReasonPolicyDenied))
	}
	if live.reads != 0 {
		t.Errorf("%d reads for a client that is denied", live.reads)
	}
	theirs := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "settings"}}
	s.must(s.api.Create(t.Context(), theirs))
	s.client("late", withMap("settings"))
	s.wantReady(s.settle("late"), metav1.ConditionFalse, string(v1alpha1.ReadyReasonConfigMapConflict))
}
