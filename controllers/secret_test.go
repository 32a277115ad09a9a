// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// templated has a client whose application wants a Secret of its own form.
func templated(oc *v1alpha1.OAuthClient) {
	oc.Spec.Scopes = []v1alpha1.Scope{"photos.read", "photos.write"}
	oc.Spec.Credentials.SecretTemplate = v1alpha1.SecretTemplate{
		Type: "nginx.org/oidc",
		Keys: &v1alpha1.SecretKeys{ClientSecret: "SECRET"},
		Data: map[string]v1alpha1.DataValue{
			"config.ini": "id={{client-id}}\nsecret={{client-secret}}\nissuer={{issuer}}\nscope={{scopes}}\nurl={{callback-url}}\ntoken={{token-endpoint}}\nnone={{request-token-endpoint}}\n",
			"plain":      "a { b } c",
		},
		Generate: []v1alpha1.GeneratedValue{{Key: "cookie-secret"}, {Key: "session-key", Length: 128}},
	}
}

func TestATemplateShapesTheSecret(t *testing.T) {
	s := newFixture(t)
	oc := s.issued("photoprint", templated)
	secret := s.secret("photoprint-oauth")
	if secret.Type != "nginx.org/oidc" {
		t.Errorf("type %s", secret.Type)
	}
	want := "id=" + oc.Status.ClientID + "\nsecret=" + string(secret.Data["SECRET"]) + "\nissuer=" + issuer +
		"\nscope=photos.read photos.write\nurl=" + string(oc.Spec.CallbackURLs[0]) + "\ntoken=" + issuer + "/oauth2/token\nnone=\n"
	if got := string(secret.Data["config.ini"]); got != want {
		t.Errorf("config.ini is %q, want %q", got, want)
	}
	if got := string(secret.Data["plain"]); got != "a { b } c" {
		t.Errorf("plain is %q", got)
	}
	cookie, session := string(secret.Data["cookie-secret"]), string(secret.Data["session-key"])
	if len(cookie) != 32 || len(session) != 128 || strings.HasPrefix(session, cookie) {
		t.Errorf("generated values of %d and %d characters", len(cookie), len(session))
	}

	// What is generated heals, and no reset changes it.
	s.edit("photoprint-oauth", func(o *corev1.Secret) { o.Data["cookie-secret"] = []byte("mine") })
	s.settle("photoprint")
	s.update("photoprint", reset("1"))
	s.settle("photoprint")
	s.must(s.api.Delete(t.Context(), s.secret("photoprint-oauth")))
	s.settle("photoprint")
	after := s.secret("photoprint-oauth")
	if string(after.Data["cookie-secret"]) != cookie || string(after.Data["session-key"]) != session {
		t.Error("the generated values have changed")
	}
	if slices.Equal(after.Data["SECRET"], secret.Data["SECRET"]) {
		t.Error("the client secret was not reset")
	}

	other := s.issued("photobook", templated)
	if got := string(s.secret(v1alpha1.SecretNameOf(other)).Data["cookie-secret"]); got == cookie {
		t.Error("two clients have the same generated value")
	}
}

// The type of a Secret cannot be changed: the Secret is replaced, with the same values.
func TestAnotherTypeReplacesTheSecret(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	before := s.secret("photoprint-oauth")
	s.events.reasons()
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretTemplate.Type = "nginx.org/oidc" })
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.wantWrites("dry-run create gatehouse-probe-"+string(oc.UID), "delete photoprint-oauth", "create photoprint-oauth", "status photoprint")
	after := s.secret("photoprint-oauth")
	if after.Type != "nginx.org/oidc" || value(after) != value(before) {
		t.Errorf("type %s", after.Type)
	}
	if got := s.events.reasons(); !slices.Equal(got, []string{"Updated"}) {
		t.Errorf("events %q", got)
	}
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretTemplate.Type = "" })
	s.settle("photoprint")
	if got := s.secret("photoprint-oauth"); got.Type != corev1.SecretType(v1alpha1.SecretTypeDefault) || value(got) != value(before) {
		t.Errorf("type %s", got.Type)
	}
}

// Whatever the spec wants of the Secret, the old one stays while the new one cannot be written.
func TestN72ASecretThatCannotBeReplacedStays(t *testing.T) {
	for name, change := range map[string]func(*v1alpha1.OAuthClient){
		"another name": func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretName = "elsewhere" },
		"another type": func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretTemplate.Type = "nginx.org/oidc" },
		"another label": func(oc *v1alpha1.OAuthClient) {
			oc.Spec.Credentials.SecretTemplate.Labels = map[string]v1alpha1.LabelValue{"team": "print"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint")
			before := s.secret("photoprint-oauth")
			denied := apierrors.NewForbidden(corev1.Resource("secrets"), "photoprint-oauth", nil)
			r := s.reconciler(refusingSecrets(s.api, denied))
			s.update("photoprint", change)
			if _, err := s.reconcile(r, "photoprint"); err == nil {
				t.Fatal("nobody will retry")
			}
			oc := s.checked("photoprint")
			s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretNotWritten))
			s.wantAccepted("photoprint", metav1.ConditionTrue, string(v1alpha1.AcceptedReasonAccepted))
			if s.secret("photoprint-oauth").ResourceVersion != before.ResourceVersion || !s.accepts(oc, value(before)) {
				t.Error("the old Secret was touched, or is no longer accepted")
			}
			s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
		})
	}
}

func TestAnImmutableSecretOfOursIsReplaced(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	s.edit("photoprint-oauth", func(o *corev1.Secret) { o.Immutable = new(true) })
	before := value(s.secret("photoprint-oauth"))
	s.settle("photoprint")
	s.wantWrites() // it holds what it should
	s.update("photoprint", reset("1"))
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	after := s.secret("photoprint-oauth")
	if value(after) == before || s.accepts(oc, before) || !s.accepts(oc, value(after)) {
		t.Error("it was not reset")
	}
}

// A backup brings an object back under another UID, with the status of the old one.
func TestARestoredStatusOfAnotherUIDIsBegunAnew(t *testing.T) {
	s := newFixture(t)
	old := s.issued("photoprint", reset("1"))
	before := value(s.secret("photoprint-oauth"))
	s.must(s.api.Delete(t.Context(), old))
	if _, err := s.reconcile(s.r, "photoprint"); err != nil {
		t.Fatal(err)
	}
	s.client("photoprint", reset("1"))
	s.forge("photoprint", func(status *v1alpha1.OAuthClientStatus) { *status = old.Status })
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if oc.Status.IdentityUID != string(oc.UID) || s.accepts(oc, before) || value(s.secret("photoprint-oauth")) == before {
		t.Error("the old credential lives on")
	}
	if got := oc.Status.Claims; len(got) != 1 || got[0].Since == nil || !got[0].Since.Equal(old.Status.Claims[0].Since) {
		t.Errorf("claims %+v, want the restored time", got)
	}
}

// A status that was lost is rebuilt from the Secret: no application notices.
func TestALostStatusIsRebuiltFromTheSecret(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	s.update("photoprint", reset("1"))
	before := s.settle("photoprint")
	secret := s.secret("photoprint-oauth")
	s.forge("photoprint", func(status *v1alpha1.OAuthClientStatus) { *status = v1alpha1.OAuthClientStatus{} })
	s.restarted()
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if oc.Status.Credentials[0].ID != before.Status.Credentials[0].ID || oc.Status.LastHandledReset != "1" || !s.accepts(oc, value(secret)) {
		t.Errorf("the status is %+v", oc.Status)
	}
	if s.secret("photoprint-oauth").ResourceVersion != secret.ResourceVersion {
		t.Error("the Secret was written")
	}

	// With the Secret lost too, what the reset ended stays ended.
	first := s.issued("photobook")
	old := value(s.secret("photobook-oauth"))
	s.update("photobook", reset("1"))
	s.settle("photobook")
	s.must(s.api.Delete(t.Context(), s.secret("photobook-oauth")))
	s.forge("photobook", func(status *v1alpha1.OAuthClientStatus) { *status = v1alpha1.OAuthClientStatus{} })
	s.restarted()
	if oc := s.settle("photobook"); s.accepts(oc, old) || oc.Status.Credentials[0].ID == first.Status.Credentials[0].ID {
		t.Error("the reset was undone")
	}
}
