// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
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
				if _, err := s.reconcile(s.reconciler(s.changing(hook)), "photoprint"); err == nil {
					t.Fatal("nobody will retry")
				}
				oc := s.checked("photoprint")
				s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretNotAccepted))
				if name != "a reset" {
					s.wantAccepts("photoprint", old, true, "the one that applications have")
				}
				if name == "a rotation" && oc.Status.Credentials[0].ExpiresAt != nil {
					t.Error("the old client secret has got its end")
				}
				s.restarted()
				s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			})
		}
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
