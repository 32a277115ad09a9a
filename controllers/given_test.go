// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// Client secrets that somebody else made.
const (
	givenFirst  = "first-secret-of-the-vault-0123456789"
	givenSecond = "second-secret-of-the-vault-012345678"
)

// fromSecret has the client take its secret from the Secret "vault".
func fromSecret(oc *v1alpha1.OAuthClient) {
	oc.Spec.Credentials.Source = v1alpha1.SourceFromSecret
	oc.Spec.Credentials.FromSecret = &v1alpha1.FromSecretSpec{Name: "vault"}
}

// vault returns a Secret that somebody else writes.
func (s *fixture) vault(value string, change ...func(*corev1.Secret)) *corev1.Secret {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "vault", Labels: map[string]string{v1alpha1.LabelGivenSecret: "true"}},
		Data:       map[string][]byte{v1alpha1.KeyClientSecret: []byte(value)},
	}
	for _, c := range change {
		c(secret)
	}
	return secret
}

// give applies the Secret in place of the one that is there.
func (s *fixture) give(secret *corev1.Secret) {
	s.t.Helper()
	s.must(client.IgnoreNotFound(s.api.Delete(s.t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: secret.Namespace, Name: secret.Name}})))
	s.must(s.api.Create(s.t.Context(), secret))
}

// keeps checks that nobody wrote the Secret since it was given.
func (s *fixture) keeps(given *corev1.Secret) {
	s.t.Helper()
	if now := s.secret("vault"); now.UID != given.UID || now.ResourceVersion != given.ResourceVersion || len(now.OwnerReferences) > 0 {
		s.t.Errorf("the Secret of somebody else was written: %+v", now.ObjectMeta)
	}
}

func TestAGivenClientSecretIsWaitedForAndFollowed(t *testing.T) {
	s := newFixture(t)
	s.client("photoprint", fromSecret)
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonWaitingForSecret))
	s.says(oc.Status.Conditions, v1alpha1.ConditionReconciling, metav1.ConditionTrue, string(v1alpha1.ReadyReasonWaitingForSecret))
	s.wantAccepted("photoprint", metav1.ConditionTrue, string(v1alpha1.AcceptedReasonAccepted))
	s.writes.reset()
	s.settle("photoprint")
	s.wantWrites()

	given := s.vault(givenFirst)
	s.give(given)
	oc = s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if !s.accepts(oc, givenFirst) || len(oc.Status.Credentials) != 1 {
		t.Errorf("it is not accepted: %+v", oc.Status.Credentials)
	}
	if data := s.secret("photoprint-oauth").Data; string(data[v1alpha1.KeyClientID]) != oc.Status.ClientID || data[v1alpha1.KeyClientSecret] != nil {
		t.Errorf("the Secret of the operator holds %q", data)
	}
	s.writes.reset()
	s.settle("photoprint")
	s.wantWrites()
	s.keeps(given)

	s.give(s.vault(givenSecond))
	oc = s.settle("photoprint")
	if s.accepts(oc, givenFirst) || !s.accepts(oc, givenSecond) {
		t.Errorf("the change was not followed: %+v", oc.Status.Credentials)
	}

	// The client goes, and what is somebody else's stays.
	given = s.secret("vault")
	s.must(s.api.Delete(t.Context(), s.get("photoprint")))
	_, err := s.reconcile(s.r, "photoprint")
	s.must(err)
	s.keeps(given)
}

func TestN323AGivenSecretThatCannotBeUsedIsSaidAndStopsNobody(t *testing.T) {
	const waiting, invalid = v1alpha1.ReadyReasonWaitingForSecret, v1alpha1.ReadyReasonInvalidSecret
	for _, row := range []struct {
		name   string
		change func(*fixture)
		reason v1alpha1.ReadyReason
		word   string
	}{
		{"deleted", func(s *fixture) { s.must(s.api.Delete(s.t.Context(), s.secret("vault"))) }, waiting, "no Secret of that name"},
		{"the key is missing", func(s *fixture) {
			s.give(s.vault("", func(o *corev1.Secret) { o.Data = map[string][]byte{"password": []byte(givenSecond)} }))
		}, waiting, `"client-secret"`},
		{"without the label", func(s *fixture) { s.give(s.vault(givenSecond, func(o *corev1.Secret) { o.Labels = nil })) }, waiting, "gatehouse.dev/given-secret=true"},
		{"with another value of the label", func(s *fixture) {
			s.give(s.vault(givenSecond, func(o *corev1.Secret) { o.Labels[v1alpha1.LabelGivenSecret] = "no" }))
		}, waiting, "gatehouse.dev/given-secret=true"},
		{"of another namespace", func(s *fixture) {
			s.must(s.api.Delete(s.t.Context(), s.secret("vault")))
			other := s.beside()
			other.give(other.vault(givenSecond))
		}, waiting, "no Secret of that name"},
		{"too short", func(s *fixture) { s.give(s.vault(givenSecond[:31])) }, invalid, "fewer than 32"},
		{"empty", func(s *fixture) { s.give(s.vault("")) }, invalid, "fewer than 32"},
		{"too long", func(s *fixture) { s.give(s.vault(strings.Repeat("x", 257))) }, invalid, "more than 256"},
		{"a line break at its end", func(s *fixture) { s.give(s.vault(givenSecond + "\n")) }, invalid, "line break"},
		{"not ASCII", func(s *fixture) { s.give(s.vault(givenSecond + "\u00e9")) }, invalid, "printable ASCII"},
		{"no text", func(s *fixture) { s.give(s.vault(givenSecond + "\x00x")) }, invalid, "printable ASCII"},
		{"one that the operator writes", func(s *fixture) {
			s.give(s.vault(givenSecond, func(o *corev1.Secret) { o.Labels[v1alpha1.LabelOwnerUID] = "some-uid" }))
		}, invalid, "the operator writes"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newFixture(t)
			s.give(s.vault(givenFirst))
			s.issued("photoprint", fromSecret)
			row.change(s)
			oc := s.settle("photoprint")
			s.wantReady(oc, metav1.ConditionFalse, string(row.reason))
			s.wantAccepted("photoprint", metav1.ConditionTrue, string(v1alpha1.AcceptedReasonAccepted))
			if !s.accepts(oc, givenFirst) || s.accepts(oc, givenSecond) {
				t.Error("what was accepted before is not, or what cannot be used is")
			}
			if !strings.Contains(message(oc), row.word) || strings.Contains(message(oc), givenSecond[:20]) {
				t.Errorf("message %q", message(oc))
			}
			s.give(s.vault(givenSecond))
			oc = s.settle("photoprint")
			s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			if s.accepts(oc, givenFirst) || !s.accepts(oc, givenSecond) {
				t.Error("the right one does not count")
			}
		})
	}
}

func TestAChangedGivenSecretOverlapsWhereTheSpecSaysSo(t *testing.T) {
	s := newFixture(t)
	s.give(s.vault(givenFirst))
	s.issued("photoprint", fromSecret, func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials.Rotation = &v1alpha1.RotationSpec{OverlapHours: 2}
	})
	s.give(s.vault(givenSecond))
	oc := s.settle("photoprint")
	if !s.accepts(oc, givenFirst) || !s.accepts(oc, givenSecond) {
		t.Errorf("in the overlap both count: %+v", oc.Status.Credentials)
	}
	s.give(s.vault(givenFirst)) // taken back
	oc = s.settle("photoprint")
	if len(oc.Status.Credentials) != 2 || oc.Status.Credentials[1].ExpiresAt != nil || !s.accepts(oc, givenFirst) {
		t.Errorf("after it was taken back the status has %+v", oc.Status.Credentials)
	}
	s.clock.advance(2 * time.Hour)
	oc = s.settle("photoprint")
	if !s.accepts(oc, givenFirst) || s.accepts(oc, givenSecond) || len(oc.Status.Credentials) != 1 {
		t.Errorf("after the overlap the status has %+v", oc.Status.Credentials)
	}
}

func TestTheSourceOfAClientSecretCanBeChanged(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	generated := s.valueOf("photoprint")
	s.give(s.vault(givenFirst))
	s.update("photoprint", fromSecret)
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if s.accepts(oc, generated) || !s.accepts(oc, givenFirst) {
		t.Errorf("the given one does not count: %+v", oc.Status.Credentials)
	}
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials = v1alpha1.CredentialsSpec{} })
	oc = s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if again := s.valueOf("photoprint"); s.accepts(oc, givenFirst) || !s.accepts(oc, again) || again == generated {
		t.Errorf("the generated one does not count: %+v", oc.Status.Credentials)
	}
}

// N440: only a reset that somebody asks for ends grants, in whatever profile, and whatever annotation is left over from an earlier one.
func TestN440AnotherSourceEndsNoGrants(t *testing.T) {
	revokes := func(oc *v1alpha1.OAuthClient) {
		metav1.SetMetaDataAnnotation(&oc.ObjectMeta, v1alpha1.AnnotationResetRevokes, "true")
	}
	generate := func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials = v1alpha1.CredentialsSpec{} }
	for _, row := range []struct {
		name   string
		form   func(*v1alpha1.OAuthClient)
		change func(*v1alpha1.OAuthClient)
		ends   bool
	}{
		{"ConnectionsCloudOAuth2", of(v1alpha1.ProfileConnectionsCloudOAuth2), generate, false},
		{"IntegrationCloud", of(v1alpha1.ProfileIntegrationCloud), generate, false},
		{"OAuth2, the annotation of an earlier reset", revokes, generate, false},
		{"a reset is asked for at the same time", of(v1alpha1.ProfileConnectionsCloudOAuth2), func(oc *v1alpha1.OAuthClient) {
			generate(oc)
			reset("2")(oc)
		}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint", row.form, reset("1"))
			s.give(s.vault(givenFirst))
			s.update("photoprint", fromSecret)
			if oc := s.settle("photoprint"); oc.Status.ValidAfter != nil {
				t.Errorf("a given client secret ends what was given before %s", oc.Status.ValidAfter)
			}
			s.events.reasons()
			s.update("photoprint", row.change)
			oc := s.settle("photoprint")
			if ends := oc.Status.ValidAfter != nil; ends != row.ends || s.accepts(oc, givenFirst) {
				t.Errorf("grants end: %t, want %t; the given one is accepted: %t", ends, row.ends, s.accepts(oc, givenFirst))
			}
			if told := strings.Contains(strings.Join(s.events.all(), "\n"), "all grants and tokens"); told != row.ends {
				t.Errorf("it is told that grants ended: %t, in %q", told, s.events.all())
			}
		})
	}
}

// Generate, then FromSecret without a Secret: applications that start again meanwhile read what they need.
func TestTheSecretKeepsTheGeneratedClientSecretUntilAnotherOneIsGiven(t *testing.T) {
	for _, row := range []struct {
		name string
		give func(*fixture)
	}{
		{"there is no Secret", func(*fixture) {}},
		{"the Secret cannot be used", func(s *fixture) { s.give(s.vault("short")) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint")
			generated := s.valueOf("photoprint")
			row.give(s)
			s.update("photoprint", fromSecret)
			s.settle("photoprint")
			if got := s.valueOf("photoprint"); got != generated {
				t.Errorf("the Secret holds the client secret %q", got)
			}
			s.must(s.api.Delete(t.Context(), s.secret("photoprint-oauth")))
			s.settle("photoprint")
			if got := s.valueOf("photoprint"); got != generated || !s.accepts(s.get("photoprint"), got) {
				t.Errorf("after it was deleted the Secret holds the client secret %q", got)
			}
			s.give(s.vault(givenFirst))
			oc := s.settle("photoprint")
			s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			if got := s.valueOf("photoprint"); got != "" || s.accepts(oc, generated) || !s.accepts(oc, givenFirst) {
				t.Errorf("after one was given the Secret holds the client secret %q", got)
			}
		})
	}
}

func TestASourceThatChangesBackSaysThatTheSecretIsTaken(t *testing.T) {
	oc := photoprint(with(outcome.summary))
	oc.Status.Credentials[0].ID = credential.GivenID(fixed(2), string(oc.UID), givenFirst)
	in := inputOf(oc, observation{})
	in.seen.secret = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "photos", Name: in.subject.secretName}}
	steps := decide(in).steps
	if len(steps) == 0 || steps[0].status == nil {
		t.Fatalf("the steps are %+v, want the status first", steps)
	}
	ready := meta.FindStatusCondition(steps[0].status.Conditions, string(v1alpha1.ConditionReady))
	if ready.Reason != string(v1alpha1.ReadyReasonSecretConflict) {
		t.Errorf("Ready says %s: %s", ready.Reason, ready.Message)
	}
}

func TestALostStatusOfAGivenClientSecretIsMadeAgain(t *testing.T) {
	s := newFixture(t)
	s.give(s.vault(givenFirst))
	before := s.issued("photoprint", fromSecret)
	s.forge("photoprint", func(status *v1alpha1.OAuthClientStatus) { *status = v1alpha1.OAuthClientStatus{} })
	s.restarted()
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if !s.accepts(oc, givenFirst) || oc.Status.Credentials[0].ID != before.Status.Credentials[0].ID {
		t.Errorf("the status has %+v", oc.Status.Credentials)
	}
}

// Each cluster has keys of its own: only the given secret is the same.
func TestTwoClustersTakeTheSameGivenClientSecretForTheSameClient(t *testing.T) {
	var ids []string
	for range 2 {
		s := newFixture(t)
		s.give(s.vault(givenFirst))
		oc := s.issued("photoprint", fromSecret, func(oc *v1alpha1.OAuthClient) { oc.Spec.ClientID = "app_of_both_clusters" })
		if !s.accepts(oc, givenFirst) {
			t.Error("it is not accepted")
		}
		ids = append(ids, oc.Status.ClientID)
		s.must(s.api.Delete(t.Context(), oc))
		_, err := s.reconcile(s.r, "photoprint")
		s.must(err)
	}
	if ids[0] != ids[1] {
		t.Errorf("the client IDs are %q", ids)
	}
}

func TestUnderAManagerAGivenClientSecretIsFollowedByItself(t *testing.T) {
	s := newFixture(t)
	s.start()
	s.client("photoprint", fromSecret)
	s.becomes("photoprint", metav1.ConditionFalse, string(v1alpha1.ReadyReasonWaitingForSecret))
	s.give(s.vault(givenFirst))
	s.becomes("photoprint", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.edit("vault", func(o *corev1.Secret) { o.Data[v1alpha1.KeyClientSecret] = []byte(givenSecond) })
	s.eventually("the change counts", func() bool { return s.accepts(s.get("photoprint"), givenSecond) })
	s.must(s.api.Delete(t.Context(), s.secret("vault")))
	s.becomes("photoprint", metav1.ConditionFalse, string(v1alpha1.ReadyReasonWaitingForSecret))
	s.wantAccepts("photoprint", givenSecond, true, "the one that was given before")
	if got := credential.IsGiven(s.get("photoprint").Status.Credentials[0].ID); !got {
		t.Error("the credential is not one that was given")
	}
}
