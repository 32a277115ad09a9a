// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

const secretKey = v1alpha1.KeyClientSecret

func value(s *corev1.Secret) string { return string(s.Data[secretKey]) }

func TestANewClientTakesTwoWritesAndNoEvent(t *testing.T) {
	s := newFixture(t)
	s.client("photoprint")
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.wantWrites("create photoprint-oauth", "status photoprint")

	secret := s.secret("photoprint-oauth")
	if !credential.WellFormed(value(secret)) {
		t.Error("the client secret is not well formed")
	}
	if got, want := string(secret.Data[v1alpha1.KeyClientID]), s.ns+".photoprint"; got != want || oc.Status.ClientID != want {
		t.Errorf("client ID %q in the Secret, %q in the status, want %q", got, oc.Status.ClientID, want)
	}
	if secret.Type != corev1.SecretType(v1alpha1.SecretTypeDefault) || secret.Labels[v1alpha1.LabelOwnerUID] != string(oc.UID) || ownerOf(secret, clientSubject(oc).identified(s.pair, secret), s.pair) != ownerSelf {
		t.Errorf("the Secret does not say whose it is: %v %v %v", secret.Type, secret.Labels, secret.OwnerReferences)
	}
	if got := s.events.reasons(); len(got) != 0 {
		t.Errorf("events %q", got)
	}
}

// A crash between Secret and status makes no second credential, whoever goes on.
func TestAFirstCredentialIsTheSameHoweverOftenItIsMade(t *testing.T) {
	s := newFixture(t)
	s.client("photoprint")
	d := s.decide(s.subject("photoprint"), observation{})
	_, err := s.r.apply(t.Context(), s.subject("photoprint"), decision{steps: d.steps[:1]})
	s.must(err)
	before := s.secret("photoprint-oauth")
	s.wantReady(s.get("photoprint"), metav1.ConditionUnknown, string(v1alpha1.ReadyReasonPending))

	s.restarted()
	s.clock.advance(time.Hour)
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if s.secret("photoprint-oauth").ResourceVersion != before.ResourceVersion {
		t.Error("the Secret was written again")
	}
}

func TestAnUnchangedClientTakesNoWrite(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	s.issued("photoapp", func(oc *v1alpha1.OAuthClient) {
		oc.Spec.OAuth2 = &v1alpha1.OAuth2Spec{ClientType: v1alpha1.ClientTypePublic}
	})
	s.issued("photopause", func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials.SecretTemplate.Labels = map[string]v1alpha1.LabelValue{"team": "print"}
		oc.Spec.Credentials.SecretTemplate.Annotations = map[string]v1alpha1.AnnotationValue{"note": "x"}
		oc.Spec.Credentials.SecretTemplate.Keys = &v1alpha1.SecretKeys{ClientID: "ID"}
	})
	for _, name := range []string{"photoprint", "photoapp", "photopause"} {
		s.clock.advance(time.Hour)
		s.settle(name)
	}
	s.wantWrites()
}

func TestAPublicClientTakesTwoWritesAndHasNoSecret(t *testing.T) {
	s := newFixture(t)
	s.client("photoapp", func(oc *v1alpha1.OAuthClient) {
		oc.Spec.OAuth2 = &v1alpha1.OAuth2Spec{ClientType: v1alpha1.ClientTypePublic}
		oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{"http://127.0.0.1/callback"}
	})
	oc := s.settle("photoapp")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.wantWrites("create photoapp-oauth", "status photoapp")
	secret := s.secret("photoapp-oauth")
	if _, there := secret.Data[secretKey]; there || len(oc.Status.Credentials) > 0 {
		t.Error("a Public client has a client secret")
	}
	if string(secret.Data[v1alpha1.KeyClientID]) != oc.Status.ClientID || len(secret.Data) != 9 {
		t.Errorf("the Secret holds %v", slices.Collect(maps.Keys(secret.Data)))
	}
}

// What somebody does to the Secret of a client, and that the same value is back
// after one write, with what others had added.
func TestASecretThatWasTouchedIsPutRightWithTheSameValue(t *testing.T) {
	for _, row := range []struct {
		name  string
		touch func(*fixture)
		kept  bool // the foreign key, label and annotation are still there
	}{
		{name: "deleted", touch: func(s *fixture) { s.must(s.api.Delete(s.t.Context(), s.secret("photoprint-oauth"))) }},
		{name: "value edited", kept: true, touch: func(s *fixture) {
			s.edit("photoprint-oauth", func(o *corev1.Secret) { o.Data[secretKey] = []byte("mine") })
		}},
		{name: "keys removed", kept: true, touch: func(s *fixture) {
			s.edit("photoprint-oauth", func(o *corev1.Secret) {
				delete(o.Data, secretKey)
				delete(o.Data, v1alpha1.KeyIssuer)
			})
		}},
		{name: "endpoint edited", kept: true, touch: func(s *fixture) {
			s.edit("photoprint-oauth", func(o *corev1.Secret) {
				o.Data[v1alpha1.KeyTokenEndpoint] = []byte("https://thief.example/token")
			})
		}},
		{name: "label removed", kept: true, touch: func(s *fixture) {
			s.edit("photoprint-oauth", func(o *corev1.Secret) { delete(o.Labels, v1alpha1.LabelOwnerUID) })
		}},
		{name: "label changed", kept: true, touch: func(s *fixture) {
			s.edit("photoprint-oauth", func(o *corev1.Secret) { o.Labels[v1alpha1.LabelOwnerUID] = "x" })
		}},
		{name: "template label changed", kept: true, touch: func(s *fixture) {
			s.edit("photoprint-oauth", func(o *corev1.Secret) { o.Labels["team"] = "x" })
		}},
		{name: "template annotation removed", kept: true, touch: func(s *fixture) {
			s.edit("photoprint-oauth", func(o *corev1.Secret) { delete(o.Annotations, "note") })
		}},
		{name: "our record removed", kept: true, touch: func(s *fixture) {
			s.edit("photoprint-oauth", func(o *corev1.Secret) { delete(o.Annotations, v1alpha1.AnnotationIssued) })
		}},
		{name: "owner reference removed", kept: true, touch: func(s *fixture) {
			s.edit("photoprint-oauth", func(o *corev1.Secret) { o.OwnerReferences = nil })
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint", func(oc *v1alpha1.OAuthClient) {
				oc.Spec.Credentials.SecretTemplate.Labels = map[string]v1alpha1.LabelValue{"team": "print"}
				oc.Spec.Credentials.SecretTemplate.Annotations = map[string]v1alpha1.AnnotationValue{"note": "x"}
			})
			s.edit("photoprint-oauth", func(o *corev1.Secret) {
				o.Data["theirs"], o.Labels["theirs"], o.Annotations["theirs"] = []byte("t"), "t", "t"
			})
			before := s.secret("photoprint-oauth")
			row.touch(s)
			s.events.reasons()

			s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			want := []string{"create photoprint-oauth"}
			if row.kept { // the first change after the create adopts its fields
				want = []string{"patch photoprint-oauth", "apply photoprint-oauth"}
			}
			s.wantWrites(want...)
			after := s.secret("photoprint-oauth")
			if !row.kept {
				delete(before.Data, "theirs")
				delete(before.Labels, "theirs")
				delete(before.Annotations, "theirs")
			}
			if !maps.EqualFunc(before.Data, after.Data, slices.Equal) || !maps.Equal(before.Labels, after.Labels) || !maps.Equal(before.Annotations, after.Annotations) {
				t.Errorf("before %v %v, after %v %v", before.Labels, before.Annotations, after.Labels, after.Annotations)
			}
			if got := s.events.reasons(); !slices.Equal(got, []string{"Restored"}) {
				t.Errorf("events %q", got)
			}
			s.settle("photoprint")
			s.wantWrites()
		})
	}
}

func TestASecretIsPutRightWhileSuspendedToo(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	before := value(s.secret("photoprint-oauth"))
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Suspend = true })
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonSuspended))
	s.wantAccepted("photoprint", metav1.ConditionFalse, string(v1alpha1.AcceptedReasonSuspended))
	if !s.accepts(oc, before) {
		t.Error("the credential of a suspended client is gone")
	}
	s.must(s.api.Delete(t.Context(), s.secret("photoprint-oauth")))
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonSuspended))
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Suspend = false })
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if value(s.secret("photoprint-oauth")) != before {
		t.Error("another client secret after the suspension")
	}
}

func TestAClientThatIsCreatedAnewHasAnotherSecret(t *testing.T) {
	s := newFixture(t)
	old := s.issued("photoprint")
	before := value(s.secret("photoprint-oauth"))
	s.must(s.api.Delete(t.Context(), old)) // nobody collects garbage here: the old Secret stays
	if _, err := s.reconcile(s.r, "photoprint"); err != nil {
		t.Fatal(err)
	}
	s.client("photoprint")
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.wantWrites("delete photoprint-oauth", "create photoprint-oauth", "status photoprint")
	secret := s.secret("photoprint-oauth")
	if value(secret) == before || s.accepts(oc, before) {
		t.Error("the new client has the secret of the old one")
	}
	if len(secret.OwnerReferences) != 1 || secret.OwnerReferences[0].UID != oc.UID {
		t.Errorf("the Secret belongs to %v", secret.OwnerReferences)
	}
}

// A cache that is one re-creation behind must not take the new object's Secret for
// that of a dead one.
func TestALateLookAtTheOldObjectLeavesTheSecretOfTheNewOneAlone(t *testing.T) {
	s := newFixture(t)
	old := s.issued("photoprint")
	s.must(s.api.Delete(t.Context(), old))
	s.client("photoprint")
	s.settle("photoprint")
	before := s.secret("photoprint-oauth")
	s.writes.reset()

	late := s.reconciler(s.writes.watch(s.api))
	late.Client = remembering(late.Client, old)
	result, err := s.reconcile(late, "photoprint")
	if err != nil || result.RequeueAfter != afterConflict {
		t.Errorf("result %v, error %v, want another look soon", result, err)
	}
	s.wantWrites()
	if s.secret("photoprint-oauth").ResourceVersion != before.ResourceVersion {
		t.Error("the Secret was touched")
	}
}

func TestAClientRenamedAwayFromASecretTakesTheOldOneAway(t *testing.T) {
	for _, row := range []struct {
		name  string
		touch func(*corev1.Secret)
	}{
		{name: "as it was written", touch: func(*corev1.Secret) {}},
		{name: "without our label", touch: func(o *corev1.Secret) { delete(o.Labels, v1alpha1.LabelOwnerUID) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint")
			before := value(s.secret("photoprint-oauth"))
			s.edit("photoprint-oauth", row.touch)
			s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretName = "elsewhere" })
			oc := s.settle("photoprint")
			s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			s.wantWrites("create elsewhere", "delete photoprint-oauth", "status photoprint")
			s.noSecret("photoprint-oauth")
			if value(s.secret("elsewhere")) != before || oc.Status.SecretName != "elsewhere" {
				t.Error("the new Secret holds another value")
			}
			s.settle("photoprint")
			s.wantWrites()
		})
	}
}

func TestARenamingTakesAwayNothingThatIsNotTheClients(t *testing.T) {
	s := newFixture(t)
	oc := s.issued("photoprint")
	s.edit("photoprint-oauth", giveAway)
	s.must(s.api.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: s.ns, Name: "lookalike", Labels: map[string]string{v1alpha1.LabelOwnerUID: string(oc.UID)},
	}}))
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretName = "elsewhere" })
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.secret("lookalike")
	s.secret("photoprint-oauth")
	s.wantWrites("create elsewhere", "status photoprint")
}

// An old Secret that was given to somebody else, or made anew by somebody else,
// between look and write.
func TestAnOldSecretThatChangesBetweenLookAndDeletionStays(t *testing.T) {
	for _, row := range []struct {
		name  string
		touch func(*fixture)
	}{
		{name: "given away", touch: func(s *fixture) {
			s.edit("photoprint-oauth", giveAway)
		}},
		{name: "made anew", touch: func(s *fixture) {
			s.must(s.api.Delete(s.t.Context(), s.secret("photoprint-oauth")))
			s.must(s.api.Create(s.t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "photoprint-oauth"}}))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint")
			s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretName = "elsewhere" })
			of, seen := s.subject("photoprint"), s.observed("photoprint")
			row.touch(s)
			if _, err := s.r.apply(t.Context(), of, s.decide(of, seen)); err == nil {
				t.Error("the deletion was taken")
			}
			s.secret("photoprint-oauth")
			s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			s.secret("photoprint-oauth")
		})
	}
}

func TestWhatTheTemplateNoLongerWantsGoesFromTheSecret(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint", func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials.SecretTemplate = v1alpha1.SecretTemplate{
			Labels:      map[string]v1alpha1.LabelValue{"team": "print", "tier": "web"},
			Annotations: map[string]v1alpha1.AnnotationValue{"note": "x", "reload": "yes"},
			Keys:        &v1alpha1.SecretKeys{ClientID: "OAUTH_ID", ClientSecret: "OAUTH_SECRET"},
		}
	})
	before := string(s.secret("photoprint-oauth").Data["OAUTH_SECRET"])
	s.edit("photoprint-oauth", func(o *corev1.Secret) { o.Data["theirs"] = []byte("t") })

	s.update("photoprint", func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials.SecretTemplate = v1alpha1.SecretTemplate{
			Labels: map[string]v1alpha1.LabelValue{"team": "print"}, Keys: &v1alpha1.SecretKeys{ClientSecret: "SECRET"},
		}
	})
	s.settle("photoprint")
	s.wantWrites("patch photoprint-oauth", "apply photoprint-oauth", "status photoprint")
	got := s.secret("photoprint-oauth")
	keys := slices.Sorted(maps.Keys(got.Data))
	want := []string{"SECRET", "authorization-endpoint", "client-id", "end-session-endpoint", "introspection-endpoint", "issuer", "jwks-uri",
		"revocation-endpoint", "theirs", "token-endpoint", "userinfo-endpoint"}
	if !slices.Equal(keys, want) || string(got.Data["SECRET"]) != before {
		t.Errorf("keys %q, want %q", keys, want)
	}
	if got.Labels["tier"] != "" || got.Labels["team"] != "print" || len(got.Annotations) != 1 {
		t.Errorf("labels %v, annotations %v", got.Labels, got.Annotations)
	}
}

func TestAnotherIssuerGoesIntoEverySecret(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	s.r.Issuer = "https://login.example.com"
	s.settle("photoprint")
	s.wantWrites("patch photoprint-oauth", "apply photoprint-oauth")
	if got := s.events.reasons(); !slices.Equal(got, []string{"Updated"}) {
		t.Errorf("M7: events %q: nobody else changed the Secret", got)
	}
	if got := string(s.secret("photoprint-oauth").Data[v1alpha1.KeyTokenEndpoint]); got != "https://login.example.com/oauth2/token" {
		t.Errorf("token endpoint %q", got)
	}
}

func TestTheOperatorNeverEditsSpecLabelsOrAnnotations(t *testing.T) {
	s := newFixture(t)
	made := s.client("photoprint", func(oc *v1alpha1.OAuthClient) {
		oc.Labels = map[string]string{"argocd.argoproj.io/instance": "photos"}
		metav1.SetMetaDataAnnotation(&oc.ObjectMeta, v1alpha1.AnnotationResetCredentials, "1")
	})
	s.settle("photoprint")
	s.update("photoprint", reset("2"))
	oc := s.settle("photoprint")
	if oc.Generation != made.Generation || !maps.Equal(oc.Labels, made.Labels) || len(oc.Annotations) != 1 || oc.Annotations[v1alpha1.AnnotationResetCredentials] != "2" {
		t.Errorf("generation %d, labels %v, annotations %v", oc.Generation, oc.Labels, oc.Annotations)
	}
	if labels := s.secret("photoprint-oauth").Labels; len(labels) != 1 {
		t.Errorf("labels %v of the client were copied", labels)
	}
}

// N157: an object that waits for a finalizer says so, and not that it is ready.
func TestN157AClientThatIsBeingDeletedSaysSo(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Finalizers = []string{"example.com/keep"} })
	secret := s.secret("photoprint-oauth")
	s.must(s.api.Delete(t.Context(), s.get("photoprint")))
	oc := s.settle("photoprint")
	s.wantWrites("status photoprint")
	s.wantDeleting(oc, &oc.Status.IssuedStatus)
	if s.secret("photoprint-oauth").ResourceVersion != secret.ResourceVersion {
		t.Error("the Secret was written")
	}
	s.settle("photoprint")
	s.wantWrites()
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Finalizers = nil })
	if _, err := s.reconcile(s.r, "photoprint"); err != nil {
		t.Errorf("a client that is gone: %v", err)
	}
}

func TestN157AResourceServerThatIsBeingDeletedSaysSo(t *testing.T) {
	s := newFixture(t)
	s.server("photostorage", s.ns+".read")
	s.settleServer("photostorage")
	s.updateServer("photostorage", func(rs *v1alpha1.ResourceServer) { rs.Finalizers = []string{"example.com/keep"} })
	s.must(s.api.Delete(t.Context(), s.getServer("photostorage")))
	rs := s.settleServer("photostorage")
	s.wantDeleting(rs, &rs.Status.IssuedStatus)
	s.updateServer("photostorage", func(rs *v1alpha1.ResourceServer) { rs.Finalizers = nil })
}

// N157: an object that was never issued anything, and one that no key is left for, say so too.
func TestN157AClientThatIsDeletedBeforeItWasIssuedSaysSo(t *testing.T) {
	s := newFixture(t)
	s.keys.withdraw()
	s.client("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Finalizers = []string{"example.com/keep"} })
	s.must(s.api.Delete(t.Context(), s.get("photoprint")))
	oc := s.settle("photoprint")
	s.wantDeleting(oc, &oc.Status.IssuedStatus)
	s.noSecret("photoprint-oauth")
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Finalizers = nil })
}

// wantDeleting checks the status of an object that waits for the finalizer example.com/keep.
func (s *fixture) wantDeleting(object client.Object, status *v1alpha1.IssuedStatus) {
	s.t.Helper()
	reason := string(v1alpha1.AcceptedReasonDeleting)
	s.says(status.Conditions, v1alpha1.ConditionAccepted, metav1.ConditionFalse, reason)
	message := s.says(status.Conditions, v1alpha1.ConditionReady, metav1.ConditionFalse, reason)
	if !strings.Contains(message, "example.com/keep") {
		s.t.Errorf("the message does not name the finalizer: %s", message)
	}
	if status.ObservedGeneration != object.GetGeneration() || len(status.Claims) > 0 {
		s.t.Errorf("the status is %+v", status)
	}
}

func TestAStatusWithAnotherClientIDIsNotServedAndNotOverwritten(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	s.forge("photoprint", func(status *v1alpha1.OAuthClientStatus) { status.ClientID = s.ns + ".photostorage" })
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.AcceptedReasonClientIDConflict))
	if oc.Status.ClientID != s.ns+".photostorage" {
		t.Error("the client ID was changed")
	}
	s.forge("photoprint", func(status *v1alpha1.OAuthClientStatus) { status.ClientID = "" })
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
}
