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
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

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
func TestN441WhatAFinalizerKeepsIsWaitedFor(t *testing.T) {
	edit := func(o client.Object) {
		o.(*corev1.Secret).Data[v1alpha1.KeyIssuer], o.(*corev1.Secret).Immutable = []byte("https://evil.example"), new(true)
	}
	for name, row := range map[string]struct {
		of     func(*fixture) client.Object
		form   func(*v1alpha1.OAuthClient)
		change func(client.Object)
		reason v1alpha1.ReadyReason
	}{
		"a ConfigMap": {(*fixture).publicMapOf, func(*v1alpha1.OAuthClient) {}, func(o client.Object) {
			o.(*corev1.ConfigMap).Data[v1alpha1.KeyIssuer], o.(*corev1.ConfigMap).Immutable = "https://evil.example", new(true)
		}, v1alpha1.ReadyReasonConfigMapConflict},
		"a Secret":          {(*fixture).secretOf, func(*v1alpha1.OAuthClient) {}, edit, v1alpha1.ReadyReasonSecretConflict},
		"a retained Secret": {(*fixture).secretOf, retain, edit, v1alpha1.ReadyReasonSecretConflict},
		"a Secret without its owner reference": {(*fixture).secretOf, func(*v1alpha1.OAuthClient) {}, func(o client.Object) {
			edit(o)
			o.SetOwnerReferences(nil)
		}, v1alpha1.ReadyReasonSecretConflict},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint", withMap("public"), row.form)
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

// N441: a reset ends no client secret while the Secret that holds it cannot be replaced.
func TestN441AResetWaitsForASecretThatAFinalizerKeeps(t *testing.T) {
	immutable := func(secret *corev1.Secret) { secret.Immutable = new(true) }
	otherType := func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretTemplate.Type = "nginx.org/oidc" }
	for name, row := range map[string]struct {
		form, next func(*v1alpha1.OAuthClient) // of the spec, and what changes with the reset
		change     func(*corev1.Secret)
	}{
		"owned":                      {change: immutable},
		"retained":                   {form: retain, change: immutable},
		"another type":               {next: otherType},
		"retained, and another type": {form: retain, next: otherType},
		"owner reference removed": {change: func(secret *corev1.Secret) {
			immutable(secret)
			secret.OwnerReferences = nil
		}},
	} {
		for when, leaving := range map[string]bool{"before it is deleted": false, "while it is being deleted": true} {
			t.Run(name+" "+when, func(t *testing.T) {
				s := newFixture(t)
				changes := []func(*v1alpha1.OAuthClient){reset("1")}
				if row.next != nil {
					changes = append(changes, row.next)
				}
				form := func(*v1alpha1.OAuthClient) {}
				if row.form != nil {
					form = row.form
				}
				s.issued("photoprint", form)
				old := s.valueOf("photoprint")
				s.edit("photoprint-oauth", func(secret *corev1.Secret) {
					secret.Finalizers = []string{"example.com/keep"}
					if row.change != nil {
						row.change(secret)
					}
				})
				if leaving {
					s.must(s.api.Delete(t.Context(), s.secret("photoprint-oauth")))
				}
				s.update("photoprint", changes...)
				for range 5 {
					s.once("photoprint")
					s.wantAccepts("photoprint", old, true, "the one that applications read")
				}
				oc := s.checked("photoprint")
				s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretConflict))
				if text := message(oc); !strings.Contains(text, "A reset waits until then") || oc.Status.LastHandledReset != "" {
					t.Errorf("handled %q, Ready says %q", oc.Status.LastHandledReset, text)
				}
				if s.secret("photoprint-oauth").DeletionTimestamp.IsZero() {
					t.Fatal("nobody deletes the Secret")
				}
				s.writes.take()
				s.once("photoprint")
				s.wantWrites()
				s.release(s.secretOf())
				oc = s.settle("photoprint")
				s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
				s.wantAccepts("photoprint", old, false, "the old one, after the reset")
				if oc.Status.LastHandledReset != "1" {
					t.Errorf("handled %q", oc.Status.LastHandledReset)
				}
			})
		}
	}
}

// N441: for a ResourceServer, too.
func TestN441AResetOfAResourceServerWaitsForASecretThatAFinalizerKeeps(t *testing.T) {
	s := newFixture(t)
	s.server("api", "photos."+s.ns)
	before := s.settleServer("api")
	s.edit("api-resource-server", func(secret *corev1.Secret) {
		secret.Finalizers, secret.Immutable = []string{"example.com/keep"}, new(true)
	})
	s.updateServer("api", func(rs *v1alpha1.ResourceServer) {
		metav1.SetMetaDataAnnotation(&rs.ObjectMeta, v1alpha1.AnnotationResetCredentials, "1")
	})
	for range 3 {
		rs := s.settleServer("api")
		if rs.Status.Credentials[0].ID != before.Status.Credentials[0].ID || rs.Status.LastHandledReset != "" {
			t.Errorf("the status is %+v", rs.Status.IssuedStatus)
		}
	}
	s.release(s.secret("api-resource-server"))
	if rs := s.settleServer("api"); rs.Status.LastHandledReset != "1" || rs.Status.Credentials[0].ID == before.Status.Credentials[0].ID {
		t.Errorf("the reset was not made: %+v", rs.Status.IssuedStatus)
	}
}

// N441: nor where the API server would not let the old Secret go.
func TestN441AResetEndsNothingWhereTheOldSecretMayNotBeDeleted(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	old := s.valueOf("photoprint")
	s.edit("photoprint-oauth", func(secret *corev1.Secret) { secret.Immutable = new(true) })
	for name, change := range map[string]func(*v1alpha1.OAuthClient){
		"a reset": reset("1"),
		"a label": func(oc *v1alpha1.OAuthClient) {
			oc.Annotations = nil
			oc.Spec.Credentials.SecretTemplate.Labels = map[string]v1alpha1.LabelValue{"team": "print"}
		},
	} {
		s.update("photoprint", change)
		s.r = s.reconciler(interceptor.NewClient(s.api, interceptor.Funcs{
			Delete: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.DeleteOption) error {
				return apierrors.NewForbidden(corev1.Resource("secrets"), o.GetName(), nil)
			},
		}))
		if _, err := s.reconcile(s.r, "photoprint"); !apierrors.IsForbidden(err) {
			t.Errorf("%s: error %v", name, err)
		}
		oc := s.checked("photoprint")
		s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretNotWritten))
		s.wantAccepts("photoprint", old, true, "after "+name+", the one in the Secret")
		if text := message(oc); !strings.Contains(text, "does not let the operator delete the old one") || oc.Status.LastHandledReset != "" {
			t.Errorf("%s: handled %q, Ready says %q", name, oc.Status.LastHandledReset, text)
		}
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

// N442: a write that is a race each time is tried seldom in the end, and people are told of it.
func TestN442ARaceWithoutEndIsTriedSeldomAndSaid(t *testing.T) {
	conflict := apierrors.NewConflict(corev1.Resource("anything"), "x", errors.New("it was changed"))
	exists := apierrors.NewAlreadyExists(corev1.Resource("anything"), "x")
	for name, row := range map[string]struct {
		answer error
		of     func(client.WithWatch, func() error) client.WithWatch
		start  func(*fixture)
		reason v1alpha1.ReadyReason // empty: nothing can be said
	}{
		"a Secret that is changed":      {conflict, failing[*corev1.Secret, *appliedSecret], func(*fixture) {}, v1alpha1.ReadyReasonSecretNotWritten},
		"a Secret that comes and goes":  {exists, failing[*corev1.Secret, *appliedSecret], func(s *fixture) { s.must(s.api.Delete(t.Context(), s.secretOf())) }, v1alpha1.ReadyReasonSecretNotWritten},
		"a ConfigMap that is changed":   {conflict, failing[*corev1.ConfigMap, *appliedMap], func(*fixture) {}, v1alpha1.ReadyReasonConfigMapNotWritten},
		"an object whose status is new": {conflict, failingStatus, func(*fixture) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint", withMap("public"))
			s.update("photoprint", func(oc *v1alpha1.OAuthClient) {
				oc.Spec.Credentials.SecretTemplate.Keys = &v1alpha1.SecretKeys{ClientID: "id"}
			})
			row.start(s)
			answer := row.answer
			s.r = s.reconciler(row.of(s.api, func() error { return answer }))
			began, looks := s.clock.Now(), 0
			var last time.Duration
			for ; s.clock.Now().Sub(began) < 20*time.Minute; looks++ {
				result, err := s.reconcile(s.r, "photoprint")
				s.must(err)
				if last = result.RequeueAfter; looks == 0 && last != afterConflict || last <= 0 {
					t.Fatalf("it is looked at again after %s", last)
				}
				s.clock.advance(last)
			}
			if looks > 25 || last != longestRetry {
				t.Errorf("%d looks in twenty minutes, the last one after %s", looks, last)
			}
			if row.reason != "" {
				oc := s.checked("photoprint")
				s.wantReady(oc, metav1.ConditionFalse, string(row.reason))
				if text := message(oc); !strings.Contains(text, "Somebody else keeps changing or deleting") {
					t.Errorf("Ready says %q", text)
				}
			}
			answer = nil
			s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			answer = row.answer // the next race is one of its own
			s.update("photoprint", withMap("public"), func(oc *v1alpha1.OAuthClient) {
				oc.Spec.Credentials.SecretTemplate.Keys = &v1alpha1.SecretKeys{ClientID: "other"}
			})
			row.start(s)
			if result, err := s.reconcile(s.r, "photoprint"); err != nil || result.RequeueAfter != afterConflict {
				t.Errorf("result %v, error %v", result, err)
			}
			if text := message(s.get("photoprint")); strings.Contains(text, "Somebody else") {
				t.Errorf("Ready says %q", text)
			}
		})
	}
}

// failingStatus returns a client whose API server answers writes of a status so, while fails says so.
func failingStatus(c client.WithWatch, fails func() error) client.WithWatch {
	return interceptor.NewClient(c, interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			if err := fails(); err != nil {
				return err
			}
			return c.SubResource(sub).Patch(ctx, obj, patch, opts...)
		},
	})
}

// A race long ago is none of the one that is now.
func TestARaceThatComesLongAfterTheLastBeginsAnew(t *testing.T) {
	var r streaks
	now, of := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), objectRef{name: "photoprint"}
	for _, row := range []struct{ later, want time.Duration }{
		{0, 0}, {time.Second, time.Second}, {longestRetry, time.Second + longestRetry}, {time.Hour, 0}, {-time.Hour, 0},
	} {
		now = now.Add(row.later)
		if got := r.goesOn(of, now, raceOver); got != row.want || r.lasted(of, now) != row.want {
			t.Errorf("%s later it lasts %s, want %s", row.later, got, row.want)
		}
	}
	if r.over(of); r.lasted(of, now) != 0 || len(r.of) != 0 {
		t.Errorf("%v is remembered", r.of)
	}
}

// N443: a writer that changes each time what lets no application in keeps no old client secret in use.
func TestN443ASecretThatAnotherWriterKeepsChangingIsRotated(t *testing.T) {
	labelled := func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials.SecretTemplate.Labels = map[string]v1alpha1.LabelValue{"team": "print"}
	}
	for what, change := range map[string]func(*corev1.Secret){
		"another value":       func(secret *corev1.Secret) { secret.Data[v1alpha1.KeyIssuer] = []byte("theirs") },
		"a label":             func(secret *corev1.Secret) { secret.Labels["team"] = "theirs" },
		"the owner reference": func(secret *corev1.Secret) { secret.OwnerReferences = nil },
		"immutable": func(secret *corev1.Secret) {
			if secret.Immutable == nil {
				secret.Labels["team"], secret.Immutable = "theirs", new(true)
			}
		},
	} {
		for why, ask := range map[string]func(*fixture){
			"asked for": func(s *fixture) { s.update("photoprint", rotation("1")) },
			"due":       func(s *fixture) { s.clock.advance(30 * day) },
		} {
			t.Run(what+", "+why, func(t *testing.T) {
				s := newFixture(t)
				s.issued("photoprint", labelled, every(30, 24))
				before := s.valueOf("photoprint")
				ask(s)
				for range 3 {
					s.edit("photoprint-oauth", change)
					s.once("photoprint")
					s.wantAccepts("photoprint", before, true, "the old one")
					s.clock.advance(publishLag)
				}
				oc := s.checked("photoprint")
				s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
				if len(oc.Status.Credentials) != 2 || oc.Status.Credentials[0].ExpiresAt == nil || s.valueOf("photoprint") == before {
					t.Fatalf("it was not rotated: %+v", oc.Status.IssuedStatus)
				}
				s.clock.advance(day)
				s.once("photoprint")
				s.wantAccepts("photoprint", before, false, "the old one, after its end")
				s.wantAccepts("photoprint", s.valueOf("photoprint"), true, "the one in the Secret")
			})
		}
	}
}

// N443: of an OAuthClient and of a ResourceServer.
func TestN443ASecretThatIsStoredOtherwiseIsRotated(t *testing.T) {
	for kind, name := range map[string]string{"OAuthClient": "photoprint-oauth", "ResourceServer": "api-resource-server"} {
		t.Run(kind, func(t *testing.T) {
			s := newFixture(t)
			spoiled := s.reconciler(s.changing(sealing("issuer")))
			s.client("photoprint")
			s.server("api", "photos."+s.ns)
			ref := objectRef{kind, s.ns, "photoprint"}
			look := func() *v1alpha1.IssuedStatus {
				t.Helper()
				if kind == v1alpha1.KindOAuthClient {
					s.must2(spoiled.reconcile(t.Context(), ref, &v1alpha1.OAuthClient{}))
					return &s.get("photoprint").Status.IssuedStatus
				}
				ref.name = "api"
				s.must2(spoiled.reconcile(t.Context(), ref, &v1alpha1.ResourceServer{}))
				return &s.getServer("api").Status.IssuedStatus
			}
			for range 20 { // each write waits for longer
				look()
				s.clock.advance(time.Minute)
			}
			before := value(s.secret(name))
			s.update("photoprint", rotation("1"))
			s.updateServer("api", func(rs *v1alpha1.ResourceServer) {
				metav1.SetMetaDataAnnotation(&rs.ObjectMeta, v1alpha1.AnnotationRotateCredentials, "1")
			})
			look()
			s.clock.advance(publishLag)
			if status := look(); status.LastHandledRotation != "1" || len(status.Credentials) != 2 || value(s.secret(name)) == before {
				t.Errorf("it was not rotated: %+v", status)
			}
		})
	}
}

// must2 fails the test if what was answered is an error.
func (s *fixture) must2(_ ctrl.Result, err error) {
	s.t.Helper()
	s.must(err)
}

// N443: where nothing tells which client secret the Secret holds, the rotation waits, and that is said.
func TestN443ARotationSaysThatItWaitsForASecretThatAnotherWriterKeepsChanging(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	before := s.valueOf("photoprint")
	s.update("photoprint", rotation("1"))
	for range quickWrites + 3 {
		s.edit("photoprint-oauth", func(secret *corev1.Secret) { delete(secret.Annotations, v1alpha1.AnnotationIssued) })
		s.once("photoprint")
	}
	oc := s.checked("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if text := message(oc); !strings.Contains(text, "A rotation waits until the Secret is put right") || oc.Status.LastHandledRotation != "" {
		t.Errorf("handled %q, Ready says %q", oc.Status.LastHandledRotation, text)
	}
	s.writes.take()
	if result, err := s.reconcile(s.r, "photoprint"); err != nil || result.RequeueAfter < firstHoldoff || result.RequeueAfter == publishLag {
		t.Errorf("result %v, error %v", result, err)
	}
	s.wantWrites()
	s.clock.advance(2 * longestRetry)
	if oc = s.settle("photoprint"); oc.Status.LastHandledRotation != "1" || s.valueOf("photoprint") == before {
		t.Errorf("it was not rotated afterwards: %+v", oc.Status.IssuedStatus)
	}
	if text := message(oc); strings.Contains(text, "waits") {
		t.Errorf("Ready says %q", text)
	}
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
			if _, err := s.reconcile(s.r, "photoprint"); err != nil || len(s.r.delayed.of) != 0 {
				t.Errorf("of an object that is gone is remembered %v (%v)", s.r.delayed.of, err)
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
