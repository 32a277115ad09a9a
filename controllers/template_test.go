// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// withPreset has a client whose Secret has the form.
func withPreset(name v1alpha1.SecretPreset) func(*v1alpha1.OAuthClient) {
	return func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretTemplate.Preset = name }
}

func TestAPresetShapesTheSecret(t *testing.T) {
	s := newFixture(t)
	own := func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Scopes = []v1alpha1.Scope{"photos.read", "photos.write"}
		oc.Spec.Credentials.SecretTemplate.Generate = []v1alpha1.GeneratedValue{{Key: "cookie-secret", Length: 32}}
	}
	oc := s.issued("photoprint", own)
	before := s.secret("photoprint-oauth")

	// A preset makes the same value as the words that it stands for, and takes back what is wanted no more.
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials.SecretTemplate = v1alpha1.SecretTemplate{Preset: v1alpha1.PresetOAuth2Proxy}
	})
	s.settle("photoprint")
	if got := s.secret("photoprint-oauth"); string(got.Data["cookie-secret"]) != string(before.Data["cookie-secret"]) || value(got) != value(before) {
		t.Error("the preset OAuth2Proxy has changed a value")
	}

	s.update("photoprint", withPreset(v1alpha1.PresetEnvFrom))
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	got := s.secret("photoprint-oauth")
	for key, want := range map[string]string{
		"OAUTH_CLIENT_ID": oc.Status.ClientID, "OAUTH_CLIENT_SECRET": value(before), "OAUTH_ISSUER": issuer, "OAUTH_TOKEN_ENDPOINT": issuer + "/oauth2/token",
		"OAUTH_SCOPES": "photos.read photos.write", "OAUTH_CALLBACK_URL": string(oc.Spec.CallbackURLs[0]),
	} {
		if string(got.Data[key]) != want {
			t.Errorf("%s is %q, want %q", key, got.Data[key], want)
		}
	}
	for key := range got.Data {
		if !strings.HasPrefix(key, "OAUTH_") {
			t.Errorf("the Secret still has the key %s", key)
		}
	}

	s.update("photoprint", withPreset(v1alpha1.PresetNginxIngressController))
	s.settle("photoprint")
	if got := s.secret("photoprint-oauth"); got.Type != "nginx.org/oidc" || value(got) != value(before) {
		t.Errorf("type %s", got.Type)
	}
	s.update("photoprint", withPreset(v1alpha1.PresetArgoCD))
	s.settle("photoprint")
	if got := s.secret("photoprint-oauth"); got.Labels["app.kubernetes.io/part-of"] != "argocd" {
		t.Errorf("labels %v", got.Labels)
	}
}

// N385: a Secret that cannot hold what belongs into it stays as it was, and nothing is rotated or reset meanwhile.
func TestN385ASecretThatThePresetCannotFillStays(t *testing.T) {
	for name, next := range map[string]func(*v1alpha1.OAuthClient){"nothing more": func(*v1alpha1.OAuthClient) {}, "a rotation": rotation("1"), "a reset": reset("1")} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint", withPreset(v1alpha1.PresetDotenv))
			before := s.secret("photoprint-oauth")
			s.update("photoprint", func(oc *v1alpha1.OAuthClient) {
				oc.Spec.Scopes = []v1alpha1.Scope{"it's", "$HOME"}
				next(oc)
			})
			oc := s.settle("photoprint")
			s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonInvalidTemplate))
			s.wantAccepted("photoprint", metav1.ConditionTrue, string(v1alpha1.AcceptedReasonAccepted))
			if waits := strings.TrimPrefix(name, "a "); name != "nothing more" && !strings.Contains(message(oc), "A "+waits+" waits until then") {
				t.Errorf("Ready does not say that %s waits: %s", name, message(oc))
			}
			if s.secret("photoprint-oauth").ResourceVersion != before.ResourceVersion || len(oc.Status.Credentials) != 1 || !s.accepts(oc, value(before)) {
				t.Error("the Secret was touched, or is no longer accepted")
			}
			s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Scopes = []v1alpha1.Scope{"it's"} })
			oc = s.settle("photoprint")
			s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			after := s.secret("photoprint-oauth")
			if !s.accepts(oc, value(after)) || !strings.Contains(string(after.Data[".env"]), `OAUTH_SCOPES="it's"`) || !strings.Contains(string(after.Data[".env"]), "'"+value(after)+"'") {
				t.Errorf("the Secret was not brought up to date")
			}
		})
	}
}

// N385: the Secret of a rotation that is being published when the preset can no longer be filled.
func TestN385ARotationWhoseSecretCannotBeFilledEndsNothing(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint", withPreset(v1alpha1.PresetDotenv))
	old := value(s.secret("photoprint-oauth"))
	s.update("photoprint", rotation("1"))
	s.once("photoprint")
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Scopes = []v1alpha1.Scope{"it's", "$HOME"} })
	oc := s.settle("photoprint")
	if len(oc.Status.Credentials) != 2 || oc.Status.Credentials[0].ExpiresAt != nil || !s.accepts(oc, old) || value(s.secret("photoprint-oauth")) != old {
		t.Fatalf("the credentials are %+v", oc.Status.Credentials)
	}
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Scopes = nil })
	oc = s.settle("photoprint")
	if oc.Status.Credentials[0].ExpiresAt == nil || value(s.secret("photoprint-oauth")) == old {
		t.Fatalf("the rotation was not finished: %+v", oc.Status.Credentials)
	}
}

func TestAResourceServerMayHaveAPreset(t *testing.T) {
	s := newFixture(t)
	s.server("photostorage", "photos.read")
	s.updateServer("photostorage", func(rs *v1alpha1.ResourceServer) {
		rs.Spec.Credentials.SecretTemplate.Preset = v1alpha1.PresetServiceBinding
	})
	s.settleServer("photostorage")
	secret := s.secret("photostorage-resource-server")
	if string(secret.Data["type"]) != "oauth2" || string(secret.Data["provider"]) != "gatehouse" || secret.Data["redirect-uri"] != nil || secret.Data["scope"] != nil {
		t.Errorf("the Secret holds %q", secret.Data)
	}
}
