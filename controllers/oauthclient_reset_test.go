// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

func TestResetMakesANewCredentialAndEndsTheOldOneAtOnce(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	before := value(s.secret("photoprint-oauth"))
	s.events.reasons()

	s.update("photoprint", reset("2026-05-01"))
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.wantWrites("dry-run apply photoprint-oauth", "status photoprint", "patch photoprint-oauth", "apply photoprint-oauth", "status photoprint")
	after := value(s.secret("photoprint-oauth"))
	if after == before || s.accepts(oc, before) || !s.accepts(oc, after) {
		t.Error("the old secret is still the one, or still accepted")
	}
	if oc.Status.LastHandledReset != "2026-05-01" {
		t.Errorf("lastHandledReset %q", oc.Status.LastHandledReset)
	}
	if got := s.events.reasons(); !slices.Equal(got, []string{"Reset"}) {
		t.Errorf("events %q", got)
	}

	s.settle("photoprint") // the same value again
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Annotations = nil })
	s.settle("photoprint") // its removal
	s.update("photoprint", reset("2026-05-01"))
	s.settle("photoprint") // and the same value put back
	s.wantWrites()
	if value(s.secret("photoprint-oauth")) != after {
		t.Error("reset once more")
	}

	s.update("photoprint", reset("again"))
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if third := value(s.secret("photoprint-oauth")); third == after || third == before {
		t.Error("another value did not reset")
	}
}

func TestAResetThatIsThereAtTheFirstCredentialCountsAsHandled(t *testing.T) {
	s := newFixture(t)
	s.client("photoprint", reset("1"))
	oc := s.settle("photoprint")
	s.wantWrites("create photoprint-oauth", "status photoprint")
	if oc.Status.LastHandledReset != "1" {
		t.Errorf("lastHandledReset %q", oc.Status.LastHandledReset)
	}
}

func TestDuringAResetReadyIsUnknownAndTheOldSecretIsDead(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	before := value(s.secret("photoprint-oauth"))
	s.update("photoprint", reset("1"))
	of := s.subject("photoprint")
	d := s.decide(of, s.observed("photoprint"))
	_, err := s.r.apply(t.Context(), of, decision{steps: d.steps[:2]})
	s.must(err)
	s.wantReady(s.get("photoprint"), metav1.ConditionUnknown, string(v1alpha1.ReadyReasonIssuing))
	if s.accepts(s.get("photoprint"), before) {
		t.Error("the old secret is still accepted")
	}
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
}

func TestAResetValueAsLongAsAnAnnotationMayBeIsHandled(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	long := strings.Repeat("x", 200<<10)
	s.update("photoprint", reset(long))
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if oc.Status.LastHandledReset != long {
		t.Error("the value was not kept")
	}
}

// otherKeys has the operator run with other keys, as after a restore gone wrong.
func (s *fixture) otherKeys(root, shared bool) {
	pair := s.pair
	if root {
		pair.root = credential.NewKey()
	}
	if shared {
		pair.shared = credential.NewKey()
	}
	s.keys.use(pair)
}

func TestWithAnotherRootKeyASecretThatIsAcceptedIsLeftAlone(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	before := s.secret("photoprint-oauth")
	s.otherKeys(true, false)
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if !strings.Contains(message(oc), credential.OperatorKeySecret) {
		t.Errorf("message %q does not tell of the key", message(oc))
	}
	s.settle("photoprint")
	s.wantWrites("status photoprint")
	if s.secret("photoprint-oauth").ResourceVersion != before.ResourceVersion {
		t.Error("the Secret was touched")
	}

	s.keys.use(s.pair)
	if oc := s.settle("photoprint"); strings.Contains(message(oc), credential.OperatorKeySecret) {
		t.Errorf("message %q although the key is back", message(oc))
	}
}

func TestOtherKeysAreSaidAndNeverRepairedSilently(t *testing.T) {
	for _, row := range []struct {
		name         string
		root, shared bool
		touch        func(*fixture)
	}{
		{name: "another shared key", shared: true, touch: func(*fixture) {}},
		{name: "two other keys", root: true, shared: true, touch: func(*fixture) {}},
		{name: "another root key and the Secret deleted", root: true, touch: func(s *fixture) {
			s.must(s.api.Delete(s.t.Context(), s.secret("photoprint-oauth")))
		}},
		{name: "another root key and the Secret edited", root: true, touch: func(s *fixture) {
			s.edit("photoprint-oauth", func(o *corev1.Secret) { o.Data[secretKey] = []byte("x") })
		}},
		{name: "a forged verifier", touch: func(s *fixture) {
			s.forge("photoprint", func(status *v1alpha1.OAuthClientStatus) { status.Credentials[0].Verifier = "forged" })
		}},
		{name: "another credential ID", touch: func(s *fixture) {
			s.forge("photoprint", func(status *v1alpha1.OAuthClientStatus) { status.Credentials[0].ID = credential.NewID() })
		}},
		{name: "an end that the operator did not set", touch: func(s *fixture) {
			s.forge("photoprint", func(status *v1alpha1.OAuthClientStatus) {
				status.Credentials[0].ExpiresAt = new(metav1.NewTime(s.clock.Now()))
			})
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint")
			s.otherKeys(row.root, row.shared)
			row.touch(s)
			credentials := s.get("photoprint").Status.Credentials
			oc := s.settle("photoprint")
			s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonKeyMismatch))
			s.settle("photoprint")
			s.wantWrites("status photoprint")
			if len(oc.Status.Credentials) != 1 || oc.Status.Credentials[0].Verifier != credentials[0].Verifier {
				t.Error("the credential was changed")
			}
			for _, word := range []string{credential.OperatorKeySecret, credential.SharedKeySecret, v1alpha1.AnnotationResetCredentials} {
				if !strings.Contains(message(oc), word) {
					t.Errorf("message %q does not tell of %s", message(oc), word)
				}
			}

			s.update("photoprint", reset("after the loss"))
			s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
		})
	}
}

func TestWithTheKeysBackAClientIsReadyAgainWithTheSameSecret(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	before := value(s.secret("photoprint-oauth"))
	s.otherKeys(true, true)
	s.must(s.api.Delete(t.Context(), s.secret("photoprint-oauth")))
	s.wantReady(s.settle("photoprint"), metav1.ConditionFalse, string(v1alpha1.ReadyReasonKeyMismatch))
	s.keys.use(s.pair)
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if value(s.secret("photoprint-oauth")) != before {
		t.Error("another value")
	}
}

func TestWithoutKeysNothingIsChanged(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	s.client("photoapp")
	s.must(s.api.Delete(t.Context(), s.secret("photoprint-oauth")))
	s.keys.withdraw()
	for _, name := range []string{"photoprint", "photoapp"} {
		if _, err := s.reconcile(s.r, name); err != nil {
			t.Fatal(err)
		}
	}
	s.wantWrites()
}
