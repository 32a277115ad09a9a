// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// N390: what the cluster's Secret holds is asked, not what was sent.
func TestN390AClientWhoseStoredSecretIsAnotherIsNotReady(t *testing.T) {
	for key, change := range map[string]func(*v1alpha1.OAuthClient){
		"client-secret":       func(*v1alpha1.OAuthClient) {},
		"client-id":           func(*v1alpha1.OAuthClient) {},
		"OAUTH_CLIENT_SECRET": withPreset(v1alpha1.PresetEnvFrom),
	} {
		for how, hook := range map[string]func(string) *webhook{"changed": spoil, "removed": strip} {
			t.Run(key+" "+how, func(t *testing.T) {
				s := newFixture(t)
				s.client("photoprint", change)
				spoiled := s.reconciler(s.changing(hook(key)))
				for range 2 { // a create, then an apply
					if _, err := s.reconcile(spoiled, "photoprint"); err == nil {
						t.Fatal("nobody will retry")
					}
					s.wantReady(s.checked("photoprint"), metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretNotAccepted))
					s.wantAccepted("photoprint", metav1.ConditionTrue, string(v1alpha1.AcceptedReasonAccepted))
					s.clock.advance(longestRetry)
				}
				if got := s.events.reasons(); !slices.Equal(got, []string{"SecretNotAccepted"}) {
					t.Errorf("events %q", got)
				}
				s.restarted()
				oc := s.settle("photoprint")
				s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
				if key != "OAUTH_CLIENT_SECRET" && !s.accepts(oc, value(s.secret("photoprint-oauth"))) {
					t.Error("the client secret is not accepted")
				}
			})
		}
	}
}

// N390: whatever is written again, and an old client secret does not end meanwhile.
func TestN390AChangedSecretThatIsNotAcceptedSaysSo(t *testing.T) {
	for name, change := range map[string]func(*v1alpha1.OAuthClient){
		"a reset":    reset("1"),
		"a rotation": rotation("1"),
		"a label": func(oc *v1alpha1.OAuthClient) {
			oc.Spec.Credentials.SecretTemplate.Labels = map[string]v1alpha1.LabelValue{"team": "print"}
		},
		"another type": func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretTemplate.Type = "nginx.org/oidc" },
		"another name": func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretName = "elsewhere" },
	} {
		for how, hook := range map[string]*webhook{"changed": spoil("client-secret"), "removed": strip("client-secret")} {
			t.Run(name+" "+how, func(t *testing.T) {
				s := newFixture(t)
				s.issued("photoprint")
				old := s.valueOf("photoprint")
				s.update("photoprint", change)
				if name == "a rotation" {
					s.once("photoprint")
					s.clock.advance(publishLag)
				}
				hook.sparesDryRuns = true
				spoiled := s.reconciler(s.changing(hook))
				for _, look := range []string{"first", "second", "third"} { // the record in the Secret has the end from the first one on
					if result, err := s.reconcile(spoiled, "photoprint"); err == nil && result.RequeueAfter == 0 {
						t.Fatal("nobody will retry")
					}
					oc := s.checked("photoprint")
					s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretNotAccepted))
					if name != "a reset" {
						s.wantAccepts("photoprint", old, true, "the one that applications have")
					}
					if name == "a rotation" && oc.Status.Credentials[0].ExpiresAt != nil {
						t.Errorf("the old client secret has got its end by the %s look", look)
					}
				}
				s.restarted()
				s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			})
		}
	}
}

// N390: a client secret that is in use ends only where the API server would store the next one as it is sent.
func TestN390AWebhookThatSpoilsSecretsEndsNoGoodOne(t *testing.T) {
	for name, change := range map[string]func(*v1alpha1.OAuthClient){
		"a reset":      reset("1"),
		"a rotation":   rotation("1"),
		"another type": func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretTemplate.Type = "nginx.org/oidc" },
	} {
		for how, hook := range map[string]*webhook{"changed": spoil("client-secret"), "removed": strip("client-secret")} {
			t.Run(name+" "+how, func(t *testing.T) {
				s := newFixture(t)
				before := s.issued("photoprint")
				old, secret := s.valueOf("photoprint"), s.secret("photoprint-oauth")
				s.update("photoprint", change)
				spoiled := s.reconciler(s.changing(hook))
				for range 2 {
					if _, err := s.reconcile(spoiled, "photoprint"); err == nil {
						t.Fatal("nobody will retry")
					}
					oc := s.checked("photoprint")
					s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretNotAccepted))
					s.wantAccepts("photoprint", old, true, "the one that applications have")
					if !equality.Semantic.DeepEqual(oc.Status.Credentials, before.Status.Credentials) || oc.Status.LastHandledReset != "" || oc.Status.LastHandledRotation != "" {
						t.Errorf("the status is %+v", oc.Status.IssuedStatus)
					}
				}
				if now := s.secret("photoprint-oauth"); now.ResourceVersion != secret.ResourceVersion {
					t.Error("the Secret was written")
				}
				if n := hook.writes.Load(); n != 0 {
					t.Errorf("%d writes", n)
				}
				if got := s.events.reasons(); !slices.Equal(got, []string{"SecretNotAccepted"}) {
					t.Errorf("events %q", got)
				}
				s.restarted()
				oc := s.settle("photoprint")
				s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
				if name == "a reset" && oc.Status.LastHandledReset != "1" || name == "a rotation" && oc.Status.LastHandledRotation != "1" {
					t.Error("it was not made afterwards")
				}
			})
		}
	}
}

// sealing is a webhook that stores another value for the key each time.
func sealing(key string) *webhook {
	var n atomic.Int64
	return &webhook{change: func(data map[string][]byte) {
		if _, there := data[key]; there {
			data[key] = fmt.Append(nil, "sealed ", n.Add(1))
		}
	}}
}

// N390: each write gives an event of the Secret, and the object is looked at again at once.
func TestN390ASecretThatIsStoredOtherwiseIsWrittenSeldom(t *testing.T) {
	for key, want := range map[string]struct {
		status metav1.ConditionStatus
		reason v1alpha1.ReadyReason
	}{
		"client-secret": {metav1.ConditionFalse, v1alpha1.ReadyReasonSecretNotAccepted},
		"issuer":        {metav1.ConditionTrue, v1alpha1.ReadyReasonIssued}, // an application can log in
	} {
		t.Run(key, func(t *testing.T) {
			s := newFixture(t)
			hook := sealing(key)
			s.client("photoprint")
			spoiled := s.reconciler(s.changing(hook))
			look := func() time.Duration {
				result, err := s.reconcile(spoiled, "photoprint")
				if err != nil && key != "client-secret" {
					t.Fatal(err)
				}
				s.wantReady(s.checked("photoprint"), want.status, string(want.reason))
				return result.RequeueAfter
			}
			look()
			var waits []time.Duration
			for n := range int64(10) {
				wait := look() // as after the event of the Secret
				if again := look(); wait <= 0 || again != wait {
					t.Fatalf("it is looked at again after %s and %s", wait, again)
				}
				if got := hook.writes.Load(); got != n+1 {
					t.Fatalf("%d writes, want %d", got, n+1)
				}
				waits = append(waits, wait)
				s.clock.advance(wait)
				look()
			}
			if waits[0] != time.Second || waits[1] != 2*time.Second || waits[9] != longestRetry {
				t.Errorf("waits %s", waits)
			}
			s.update("photoprint", func(oc *v1alpha1.OAuthClient) { // what is wanted now was not tried yet
				oc.Spec.Credentials.SecretTemplate.Labels = map[string]v1alpha1.LabelValue{"team": "print"}
			})
			if look(); hook.writes.Load() != 12 {
				t.Errorf("%d writes after a change", hook.writes.Load())
			}
			s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Suspend = true })
			before := hook.writes.Load()
			if _, err := s.reconcile(spoiled, "photoprint"); err != nil {
				t.Fatal(err)
			}
			s.wantAccepted("photoprint", metav1.ConditionFalse, string(v1alpha1.AcceptedReasonSuspended))
			if hook.writes.Load() != before {
				t.Error("a suspension writes the Secret")
			}
			s.must(s.api.Delete(t.Context(), s.get("photoprint")))
			if _, err := s.reconcile(spoiled, "photoprint"); err != nil || len(spoiled.held.of) != 0 {
				t.Errorf("of an object that is gone is remembered %v (%v)", spoiled.held.of, err)
			}
		})
	}
}

// A program of the Service Binding specification finds the Secret by the status.
func TestTheStatusNamesTheSecretForServiceBinding(t *testing.T) {
	s := newFixture(t)
	oc := s.issued("photoprint", withPreset(v1alpha1.PresetServiceBinding))
	if oc.Status.Binding == nil || oc.Status.Binding.Name != "photoprint-oauth" {
		t.Fatalf("status.binding is %+v", oc.Status.Binding)
	}
	secret := s.secret(oc.Status.Binding.Name)
	if string(secret.Data["type"]) != "oauth2" || string(secret.Data["provider"]) != "gatehouse" || string(secret.Data["issuer-uri"]) != issuer {
		t.Errorf("the Secret holds the keys %q", secret.Data)
	}
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretName = "elsewhere" })
	if oc := s.settle("photoprint"); oc.Status.Binding.Name != "elsewhere" {
		t.Errorf("status.binding is %+v", oc.Status.Binding)
	}
	s.client("photobook", func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretName = "taken" })
	s.must(s.api.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "taken"}}))
	if oc := s.settle("photobook"); oc.Status.Binding != nil {
		t.Errorf("status.binding is %+v without a Secret", oc.Status.Binding)
	}
	s.server("photostorage", "photos.read")
	if rs := s.settleServer("photostorage"); rs.Status.Binding == nil || rs.Status.Binding.Name != "photostorage-resource-server" {
		t.Errorf("status.binding of a ResourceServer is %+v", rs.Status.Binding)
	}
}
