// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

const (
	uid    = types.UID("6f1f7c2e-0d0b-4a52-9d3a-0c8f0d9b7a11")
	freshN = "freshfreshfr2"
	oldN   = "oldoldoldold2"
)

// fixed returns a key whose bytes are all b.
func fixed(b byte) credential.Key {
	raw := make([]byte, credential.KeySize)
	for i := range raw {
		raw[i] = b
	}
	k, err := credential.ParseKey(raw)
	if err != nil {
		panic(err)
	}
	return k
}

// inputOf returns what a decision about the client depends on. Its claims are its own.
func inputOf(oc *v1alpha1.OAuthClient, seen observation) input {
	in := input{
		subject: clientSubject(oc), seen: seen, keys: keyPair{root: fixed(1), shared: fixed(2)}, issuer: issuer, newID: freshN,
		now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), clocksAgree: true,
	}
	for _, c := range in.subject.claims {
		in.claims = append(in.claims, claimResult{Claim: c, since: in.now})
	}
	return in
}

// conflicting returns the input with one claim that another namespace holds.
func (in input) conflicting(kind v1alpha1.ClaimKind, name string) input {
	in.claims = append(in.claims, claimResult{Claim: policy.Claim{Kind: kind, Name: name}, heldBy: "other", heldSince: in.now})
	return in
}

// photoprint is a client that was never seen; with a credential it was.
func photoprint(change ...func(*v1alpha1.OAuthClient)) *v1alpha1.OAuthClient {
	oc := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: "photos", Name: "photoprint", UID: uid, Generation: 1}}
	oc.Spec.Profile = v1alpha1.ProfileOAuth2
	for _, c := range change {
		c(oc)
	}
	return oc
}

// with gives the client the status of one that was issued the credential oldN, and says ready.
func with(says func(outcome) readiness) func(*v1alpha1.OAuthClient) {
	return func(oc *v1alpha1.OAuthClient) {
		in := inputOf(oc, observation{})
		uid := string(oc.UID)
		oc.Status = v1alpha1.OAuthClientStatus{IssuedStatus: v1alpha1.IssuedStatus{
			ObservedGeneration: 1, ClientID: v1alpha1.ClientIDOf(oc), SecretName: v1alpha1.SecretNameOf(oc), IdentityUID: uid,
			Binding: &v1alpha1.BindingStatus{Name: v1alpha1.SecretNameOf(oc)},
			Credentials: []v1alpha1.CredentialStatus{{
				ID: oldN, IssuedAt: second(in.now), Verifier: credential.Verifier(in.keys.shared, uid, oldN, derive(in, oldN)),
			}},
		}}
		in.subject = clientSubject(oc)
		o := outcome{input: in, status: startingStatus(in)}
		oc.Status = o.statusWith(says(o))
	}
}
func ready(oc *v1alpha1.OAuthClient) {
	with(outcome.summary)(oc)
}

func reset(value string) func(*v1alpha1.OAuthClient) {
	return func(oc *v1alpha1.OAuthClient) {
		metav1.SetMetaDataAnnotation(&oc.ObjectMeta, v1alpha1.AnnotationResetCredentials, value)
	}
}

// heldBy returns the Secret as it should be for the client with the credential.
func heldBy(oc *v1alpha1.OAuthClient, id string, change ...func(*corev1.Secret)) *corev1.Secret {
	in := inputOf(oc, observation{})
	secret := contentOf(in, issue{
		credentials: []v1alpha1.CredentialStatus{{ID: id, IssuedAt: second(in.now)}}, handled: oc.Status.LastHandledReset, secret: derive(in, id),
	}).object()
	secret.UID, secret.ResourceVersion = "the-secret", "7"
	for _, c := range change {
		c(secret)
	}
	return secret
}

// linesOf writes the steps of a decision as lines.
func linesOf(d decision) []string {
	var lines []string
	for _, s := range d.steps {
		dry := ""
		if s.dryRun {
			dry = "dry-run "
		}
		switch {
		case s.status != nil:
			lines = append(lines, "status "+statusLine(*s.status))
		case s.remove != nil:
			lines = append(lines, fmt.Sprintf("%sremove %s at %s of %s", dry, s.remove.name, s.remove.version, s.remove.uid))
		case s.create != nil:
			lines = append(lines, dry+"create "+s.create.name)
		case s.apply != nil:
			lines = append(lines, fmt.Sprintf("%sapply %s at %s", dry, s.apply.content.name, s.apply.version))
		}
		if s.refused != nil && s.dryRun {
			lines = append(lines, "refused: "+statusLine(s.refused("why")))
		}
		if s.event.reason != "" {
			lines = append(lines, "event "+s.event.reason)
		}
	}
	if d.after > 0 {
		lines = append(lines, "again after "+d.after.String())
	}
	return lines
}

func statusLine(status v1alpha1.OAuthClientStatus) string {
	c := meta.FindStatusCondition(status.Conditions, string(v1alpha1.ConditionReady))
	line := fmt.Sprintf("%s/%s", c.Status, c.Reason)
	if a := meta.FindStatusCondition(status.Conditions, string(v1alpha1.ConditionAccepted)); a.Status == metav1.ConditionTrue {
		line = "accepted " + line
	}
	for _, credential := range status.Credentials {
		line += " " + credential.ID
	}
	return line + " " + status.SecretName
}

func TestADecisionAboutAClient(t *testing.T) {
	public := func(oc *v1alpha1.OAuthClient) {
		oc.Spec.OAuth2 = &v1alpha1.OAuth2Spec{ClientType: v1alpha1.ClientTypePublic}
	}
	suspended := func(oc *v1alpha1.OAuthClient) { oc.Spec.Suspend = true }
	renamed := func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretName, oc.Generation = "elsewhere", 2 }
	retyped := func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials.SecretTemplate.Type, oc.Generation = "nginx.org/oidc", 2
	}
	edited := func(s *corev1.Secret) { s.Data[v1alpha1.KeyClientSecret] = []byte("x") }
	orphaned := func(s *corev1.Secret) { s.OwnerReferences = nil }
	immutable := func(s *corev1.Secret) { s.Immutable = new(true) }
	stale := func(s *corev1.Secret) { s.OwnerReferences[0].UID = "of-an-older-object" }
	otherKeys := func(oc *v1alpha1.OAuthClient) { oc.Status.Credentials[0].Verifier = "of other keys" }
	handled := func(oc *v1alpha1.OAuthClient) { oc.Status.LastHandledReset = "1" }
	restored := func(oc *v1alpha1.OAuthClient) { oc.Status.IdentityUID = "of-an-older-object" }
	denied := []policy.Denial{{Policy: "default", Field: "spec.consent", Message: "must not be Skip"}}
	first := credential.FirstID(string(uid), "")
	afterReset := credential.FirstID(string(uid), "1")

	const issued = "status accepted True/Issued"
	const probe = "dry-run create gatehouse-probe-" + string(uid)
	const kept = "refused: accepted False/SecretNotWritten " + oldN + " photoprint-oauth"
	for _, row := range []struct {
		name   string
		oc     *v1alpha1.OAuthClient
		seen   observation
		change func(input) input
		steps  []string
	}{
		{name: "a new client: Secret, status, no Event", oc: photoprint(), steps: []string{"create photoprint-oauth", issued + " " + first + " photoprint-oauth"}},
		{name: "an unchanged client: nothing", oc: photoprint(ready), seen: observation{secret: heldBy(photoprint(), oldN)}},
		{
			name: "stopped after the Secret: the same credential", oc: photoprint(), seen: observation{secret: heldBy(photoprint(), first)},
			steps: []string{issued + " " + first + " photoprint-oauth"},
		},
		{
			name: "a reset, stopped after the status: goes on with the same credential", oc: photoprint(with(outcome.issuing)),
			seen:  observation{secret: heldBy(photoprint(), "anotheranoth2")},
			steps: []string{"apply photoprint-oauth at 7", "event Updated", issued + " " + oldN + " photoprint-oauth"},
		},
		{name: "Secret deleted: created, nothing else", oc: photoprint(ready), steps: []string{"create photoprint-oauth", "event Restored"}},
		{
			name: "Secret edited: written at the version that was seen", oc: photoprint(ready),
			seen: observation{secret: heldBy(photoprint(), oldN, edited)}, steps: []string{"apply photoprint-oauth at 7", "event Restored"},
		},
		{
			name: "the record removed: written", oc: photoprint(ready),
			seen:  observation{secret: heldBy(photoprint(), oldN, func(s *corev1.Secret) { s.Annotations = nil })},
			steps: []string{"apply photoprint-oauth at 7", "event Restored"},
		},
		{
			name: "another content was written last: brought up to date", oc: photoprint(ready),
			seen: observation{secret: heldBy(photoprint(func(oc *v1alpha1.OAuthClient) {
				oc.Spec.Credentials.SecretTemplate.Labels = map[string]v1alpha1.LabelValue{"team": "print"}
			}), oldN)},
			steps: []string{"apply photoprint-oauth at 7", "event Updated"},
		},
		{
			name: "M7: another issuer: brought up to date, not changed by somebody else", oc: photoprint(ready),
			seen:   observation{secret: heldBy(photoprint(), oldN)},
			change: func(in input) input { in.issuer = "https://login.example.com"; return in },
			steps:  []string{"apply photoprint-oauth at 7", "event Updated"},
		},
		{
			name: "the owner reference removed, written by our manager: taken back", oc: photoprint(ready),
			seen: observation{secret: heldBy(photoprint(), oldN, orphaned, func(s *corev1.Secret) {
				s.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "gatehouse-" + string(uid)}}
			})},
			steps: []string{"apply photoprint-oauth at 7", "event Restored"},
		},
		{
			name: "renamed: the new Secret, then the old one away, then the status", oc: photoprint(ready, renamed),
			seen: observation{others: []corev1.Secret{*heldBy(photoprint(), oldN)}},
			steps: []string{"create elsewhere", "event Updated", "remove photoprint-oauth at 7 of the-secret",
				issued + " " + oldN + " elsewhere"},
		},
		{
			name: "renamed to a foreign one: the old Secret stays, and the client is accepted", oc: photoprint(ready, renamed),
			seen: observation{secret: heldBy(photoprint(renamed), oldN, orphaned), others: []corev1.Secret{*heldBy(photoprint(), oldN)}},
			steps: []string{"status accepted False/SecretConflict " + oldN + " photoprint-oauth", "event SecretConflict",
				"again after 1m0s"},
		},
		{
			name: "another type: asked first, then replaced", oc: photoprint(ready, retyped), seen: observation{secret: heldBy(photoprint(), oldN)},
			steps: []string{probe, kept, "remove photoprint-oauth at 7 of the-secret", "create photoprint-oauth", "event Updated",
				issued + " " + oldN + " photoprint-oauth"},
		},
		{
			name: "immutable and another issuer: asked first, then replaced", oc: photoprint(ready), seen: observation{secret: heldBy(photoprint(), oldN, immutable)},
			change: func(in input) input { in.issuer = "https://login.example.com"; return in },
			steps:  []string{probe, kept, "remove photoprint-oauth at 7 of the-secret", "create photoprint-oauth", "event Updated"},
		},
		{name: "immutable and as it should be: nothing", oc: photoprint(ready), seen: observation{secret: heldBy(photoprint(), oldN, immutable)}},
		{
			name: "a stale Secret: away, then ours", oc: photoprint(), seen: observation{secret: heldBy(photoprint(), oldN, stale)},
			steps: []string{"remove photoprint-oauth at 7 of the-secret", "create photoprint-oauth", issued + " " + first + " photoprint-oauth"},
		},
		{
			name: "a foreign Secret: a credential, but no Secret", oc: photoprint(),
			seen:  observation{secret: heldBy(photoprint(), oldN, orphaned)},
			steps: []string{"status accepted False/SecretConflict " + first + " ", "event SecretConflict", "again after 1m0s"},
		},
		{
			name: "our reference on an Opaque Secret: foreign", oc: photoprint(ready),
			seen:  observation{secret: heldBy(photoprint(), oldN, func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque })},
			steps: []string{"status accepted False/SecretConflict " + oldN + " photoprint-oauth", "event SecretConflict", "again after 1m0s"},
		},
		{
			name: "reset: asked first; status before Secret", oc: photoprint(ready, reset("1")), seen: observation{secret: heldBy(photoprint(), oldN)},
			steps: []string{"dry-run apply photoprint-oauth at 7", kept, "status accepted Unknown/Issuing " + freshN + " photoprint-oauth", "event Reset",
				"apply photoprint-oauth at 7", issued + " " + freshN + " photoprint-oauth"},
		},
		{
			name: "reset of an immutable one: asked under another name", oc: photoprint(ready, reset("1")), seen: observation{secret: heldBy(photoprint(), oldN, immutable)},
			steps: []string{probe, kept, "dry-run remove photoprint-oauth at 7 of the-secret", kept, "status accepted Unknown/Issuing " + freshN + " photoprint-oauth", "event Reset",
				"remove photoprint-oauth at 7 of the-secret", "create photoprint-oauth", issued + " " + freshN + " photoprint-oauth"},
		},
		{
			name: "reset of an immutable one that a finalizer will keep: it goes first", oc: photoprint(ready, reset("1")),
			seen:  observation{secret: heldBy(photoprint(), oldN, immutable, func(s *corev1.Secret) { s.Finalizers = []string{"example.com/keep"} })},
			steps: []string{probe, kept, "remove photoprint-oauth at 7 of the-secret", issued + " " + oldN + " photoprint-oauth"},
		},
		{
			name: "reset and the Secret is gone", oc: photoprint(ready, reset("1")),
			steps: []string{probe, kept, "status accepted Unknown/Issuing " + freshN + " photoprint-oauth", "event Reset",
				"create photoprint-oauth", issued + " " + freshN + " photoprint-oauth"},
		},
		{
			name: "reset while the name is a foreign one's: it waits", oc: photoprint(ready, reset("1")),
			seen:  observation{secret: heldBy(photoprint(), oldN, orphaned)},
			steps: []string{"status accepted False/SecretConflict " + oldN + " photoprint-oauth", "event SecretConflict", "again after 1m0s"},
		},
		{
			name: "reset that was handled: nothing", seen: observation{secret: heldBy(photoprint(ready, handled), oldN)},
			oc: photoprint(ready, reset("1"), handled),
		},
		{
			name: "reset removed: nothing", seen: observation{secret: heldBy(photoprint(ready, handled), oldN)},
			oc: photoprint(ready, handled),
		},
		{
			name: "reset to the empty value: one more", seen: observation{secret: heldBy(photoprint(ready, handled), oldN)},
			oc: photoprint(ready, reset(""), handled),
			steps: []string{"dry-run apply photoprint-oauth at 7", kept, "status accepted Unknown/Issuing " + freshN + " photoprint-oauth", "event Reset",
				"apply photoprint-oauth at 7", issued + " " + freshN + " photoprint-oauth"},
		},
		{
			name: "reset while suspended: handled, and refused throughout", oc: photoprint(ready, suspended, reset("1")),
			seen: observation{secret: heldBy(photoprint(), oldN)},
			steps: []string{"dry-run apply photoprint-oauth at 7", "refused: True/Suspended " + oldN + " photoprint-oauth",
				"status True/Suspended " + freshN + " photoprint-oauth", "event Reset", "apply photoprint-oauth at 7"},
		},
		{
			name: "a reset that is there at first is part of the first credential", oc: photoprint(reset("1")),
			steps: []string{"create photoprint-oauth", issued + " " + afterReset + " photoprint-oauth"},
		},
		{
			name: "rotation: asked first; the status has both, the Secret later", oc: photoprint(ready, rotation("1")),
			seen:  observation{secret: heldBy(photoprint(), oldN)},
			steps: []string{"dry-run apply photoprint-oauth at 7", kept, issued + " " + oldN + " " + freshN + " photoprint-oauth", "again after 2s"},
		},
		{
			name: "rotation while the Secret is deleted: first put right", oc: photoprint(ready, rotation("1")),
			steps: []string{"create photoprint-oauth", "event Restored", issued + " " + oldN + " photoprint-oauth", "again after 2s"}, // that it waits
		},
		{
			name: "rotation while the name is a foreign one's: it waits", oc: photoprint(ready, rotation("1")),
			seen:  observation{secret: heldBy(photoprint(), oldN, orphaned)},
			steps: []string{"status accepted False/SecretConflict " + oldN + " photoprint-oauth", "event SecretConflict", "again after 1m0s"},
		},
		{
			name: "rotation with other keys: it does not repair them", oc: photoprint(ready, otherKeys, rotation("1")),
			seen:  observation{secret: heldBy(photoprint(), oldN)},
			steps: []string{"status accepted False/KeyMismatch " + oldN + " photoprint-oauth", "event KeyMismatch"},
		},
		{
			name: "rotation of a Public client: there is nothing to rotate", oc: photoprint(public, rotation("1")),
			steps: []string{"create photoprint-oauth", issued + " photoprint-oauth"},
		},
		{
			name: "suspended: said, the Secret stays", oc: photoprint(ready, suspended), seen: observation{secret: heldBy(photoprint(), oldN)},
			steps: []string{"status True/Suspended " + oldN + " photoprint-oauth", "event Suspended"},
		},
		{
			name: "suspended and Secret deleted: written", oc: photoprint(ready, suspended),
			steps: []string{"create photoprint-oauth", "event Restored", "status True/Suspended " + oldN + " photoprint-oauth", "event Suspended"},
		},
		{
			name: "a new client whose callback is taken: issued, but not accepted", oc: photoprint(),
			change: func(in input) input { return in.conflicting(v1alpha1.ClaimCallback, "https://photoprint.example/") },
			steps:  []string{"create photoprint-oauth", "status False/CallbackConflict " + first + " photoprint-oauth", "event CallbackConflict"},
		},
		{
			name: "denied by policy: said, and nothing is written", oc: photoprint(), seen: observation{denials: denied},
			steps: []string{"status False/PolicyDenied ", "event PolicyDenied"},
		},
		{
			name: "denied and the Secret deleted: it stays away", oc: photoprint(ready), seen: observation{denials: denied},
			steps: []string{"status False/PolicyDenied " + oldN + " photoprint-oauth", "event PolicyDenied"},
		},
		{
			name: "other keys, but the Secret is accepted: left alone, and said", oc: photoprint(ready, func(oc *v1alpha1.OAuthClient) {
				oc.Status.Credentials[0].Verifier = credential.Verifier(fixed(2), string(uid), oldN, "made with another root key")
			}),
			seen: observation{secret: heldBy(photoprint(), oldN, func(s *corev1.Secret) {
				s.Data[v1alpha1.KeyClientSecret] = []byte("made with another root key")
			})},
			steps: []string{issued + " " + oldN + " photoprint-oauth"},
		},
		{
			name: "other keys and an edited Secret: refused, nothing written", oc: photoprint(ready, otherKeys),
			seen:  observation{secret: heldBy(photoprint(), oldN, edited)},
			steps: []string{"status accepted False/KeyMismatch " + oldN + " photoprint-oauth", "event KeyMismatch"},
		},
		{
			name: "other keys and no Secret: refused, nothing written", oc: photoprint(ready, otherKeys),
			steps: []string{"status accepted False/KeyMismatch " + oldN + " photoprint-oauth", "event KeyMismatch"},
		},
		{
			name: "other keys and a reset: as any reset", oc: photoprint(ready, otherKeys, reset("1")), seen: observation{secret: heldBy(photoprint(), oldN)},
			steps: []string{"dry-run apply photoprint-oauth at 7", "refused: accepted False/KeyMismatch " + oldN + " photoprint-oauth",
				"status accepted Unknown/Issuing " + freshN + " photoprint-oauth", "event Reset", "apply photoprint-oauth at 7", issued + " " + freshN + " photoprint-oauth"},
		},
		{
			name:  "a client ID that is another's: refused, nothing written",
			oc:    photoprint(ready, func(oc *v1alpha1.OAuthClient) { oc.Status.ClientID = "photos.photostorage" }),
			steps: []string{"status False/ClientIDConflict " + oldN + " photoprint-oauth", "event ClientIDConflict"},
		},
		{
			name: "the status was restored onto a new object: begun anew", oc: photoprint(ready, restored, otherKeys),
			seen:  observation{secret: heldBy(photoprint(), oldN, stale)},
			steps: []string{"remove photoprint-oauth at 7 of the-secret", "create photoprint-oauth", issued + " " + first + " photoprint-oauth"},
		},
		{
			name: "the status was lost: rebuilt from the record in the Secret", oc: photoprint(), seen: observation{secret: heldBy(photoprint(), oldN)},
			steps: []string{issued + " " + oldN + " photoprint-oauth"},
		},
		{
			name: "the status was lost, and the record is of other keys: begun anew", oc: photoprint(),
			seen: observation{secret: heldBy(photoprint(), oldN, func(s *corev1.Secret) {
				s.Annotations[v1alpha1.AnnotationIssued] = `{"uid":"` + string(uid) + `","credentials":["` + oldN + `"],"content":"","mac":"forged"}`
			})},
			steps: []string{"apply photoprint-oauth at 7", issued + " " + first + " photoprint-oauth"},
		},
		{
			name: "a new Public client: Secret, status", oc: photoprint(public),
			steps: []string{"create photoprint-oauth", issued + " photoprint-oauth"},
		},
		{
			name: "a Public client with a reset: nothing to reset", oc: photoprint(public, reset("1")),
			steps: []string{"create photoprint-oauth", issued + " photoprint-oauth"},
		},
		{
			name: "another spec, the same Secret: the status", seen: observation{secret: heldBy(photoprint(), oldN)},
			oc:    photoprint(ready, func(oc *v1alpha1.OAuthClient) { oc.Generation = 2 }),
			steps: []string{issued + " " + oldN + " photoprint-oauth"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			in := inputOf(row.oc, row.seen)
			if row.change != nil {
				in = row.change(in)
			}
			if diff := cmp.Diff(row.steps, linesOf(decide(in))); diff != "" {
				t.Errorf("steps (-want +got)\n%s", diff)
			}
		})
	}
}

func TestADecisionChangesNothingItWasGiven(t *testing.T) {
	oc := photoprint(ready, reset("1"), func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials.SecretTemplate.Labels = map[string]v1alpha1.LabelValue{"team": "print"}
	})
	seen := observation{secret: heldBy(oc, oldN), others: []corev1.Secret{*heldBy(photoprint(), oldN)}}
	before, secret := oc.DeepCopy(), seen.secret.DeepCopy()
	decide(inputOf(oc, seen))
	if diff := cmp.Diff(before, oc); diff != "" {
		t.Errorf("the client (-before +after)\n%s", diff)
	}
	if !cmp.Equal(secret.Data, seen.secret.Data) || !cmp.Equal(secret.Labels, seen.secret.Labels) {
		t.Error("the Secret was changed")
	}
}

func TestTheSecretHoldsWhatAnAppNeedsToStart(t *testing.T) {
	for _, row := range []struct {
		name   string
		oc     *v1alpha1.OAuthClient
		secret string
		want   map[string]string
	}{
		{
			name: "standard keys", oc: photoprint(), secret: "s",
			want: map[string]string{
				"client-id": "photos.photoprint", "client-secret": "s", "issuer": issuer,
				"authorization-endpoint": issuer + "/oauth2/authorize", "token-endpoint": issuer + "/oauth2/token",
				"revocation-endpoint": issuer + "/oauth2/revoke", "introspection-endpoint": issuer + "/oauth2/introspect",
				"userinfo-endpoint": issuer + "/oauth2/userinfo", "jwks-uri": issuer + "/oauth2/keys", "end-session-endpoint": issuer + "/oauth2/logout",
			},
		},
		{
			name: "a Public client has no client-secret, and keys can be renamed",
			oc: photoprint(func(oc *v1alpha1.OAuthClient) {
				oc.Spec.Credentials.SecretTemplate.Keys = &v1alpha1.SecretKeys{ClientID: "ID", Issuer: "client-id"}
			}),
			want: map[string]string{
				"ID": "photos.photoprint", "client-id": issuer,
				"authorization-endpoint": issuer + "/oauth2/authorize", "token-endpoint": issuer + "/oauth2/token",
				"revocation-endpoint": issuer + "/oauth2/revoke", "introspection-endpoint": issuer + "/oauth2/introspect",
				"userinfo-endpoint": issuer + "/oauth2/userinfo", "jwks-uri": issuer + "/oauth2/keys", "end-session-endpoint": issuer + "/oauth2/logout",
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := map[string]string{}
			for key, value := range dataOf(inputOf(row.oc, observation{}), row.secret, "") {
				got[key] = string(value)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// With waitForUse the time in the status is a limit: whoever took it for the end would leave an application alone for a week.
func TestTheLimitOfAnOverlapIsNotSaidToBeItsEnd(t *testing.T) {
	for want, rotation := range map[string]*v1alpha1.RotationSpec{
		"is accepted until 2036-01-01T00:00:00Z.":                                 {OverlapHours: 24},
		"is accepted while it is used, until 2036-01-01T00:00:00Z at the latest.": {OverlapHours: 24, WaitForUse: &v1alpha1.WaitForUseSpec{LimitHours: 168}},
	} {
		oc := photoprint(func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.Rotation = rotation }, with(outcome.summary))
		in := inputOf(oc, observation{})
		before := in.subject.status.Credentials[0]
		before.ID, before.ExpiresAt = freshN, &metav1.Time{Time: time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)}
		o := outcome{input: in, issued: issue{credentials: []v1alpha1.CredentialStatus{before, in.subject.status.Credentials[0]}}}
		if got := o.overlapMessage(); !strings.HasSuffix(got, want) {
			t.Errorf("%q, want %q at its end", got, want)
		}
	}
}

// An object whose rotation is due and cannot be made is looked at again, and not once a second.
func TestARotationThatIsDueAndCannotBeMadeIsLookedAtSeldom(t *testing.T) {
	due := func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials.Rotation = &v1alpha1.RotationSpec{IntervalDays: 1, OverlapHours: 24, WaitForUse: &v1alpha1.WaitForUseSpec{LimitHours: 168}}
	}
	inOverlap := func(in *input) {
		before := in.subject.status.Credentials[0]
		before.ID, before.ExpiresAt = freshN, endAfter(in.now, 30*time.Minute)
		in.subject.status.Credentials = []v1alpha1.CredentialStatus{before, in.subject.status.Credentials[0]}
	}
	for _, row := range []struct {
		name   string
		change func(*input)
		after  time.Duration
	}{
		{"keys that do not match", func(in *input) { in.keys.shared = fixed(9) }, foreignEvery},
		{"a Secret of somebody else", func(in *input) {
			in.seen.secret = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "photos", Name: in.subject.secretName}}
		}, foreignEvery},
		{"a Secret that is put right first", func(in *input) { in.seen.secret = nil }, publishLag},
		{"an overlap that runs", inOverlap, 30 * time.Minute},
		{"an overlap that runs, unused as far as is known", func(in *input) {
			inOverlap(in)
			in.oldUses = map[string]use{freshN: {LastUse: LastUse{Until: in.now.Add(-6 * day)}, known: true}}
		}, pollInterval},
		{"nothing", func(*input) {}, publishLag},
	} {
		t.Run(row.name, func(t *testing.T) {
			oc := photoprint(due, with(outcome.summary))
			in := inputOf(oc, observation{})
			secret := contentOf(in, keepCredentials(in, oc.Status)).object()
			in.seen.secret = secret
			in.now = in.now.Add(5 * day)
			row.change(&in)
			if got := decide(in).after; got != row.after {
				t.Errorf("it is looked at again after %s, want %s", got, row.after)
			}
		})
	}
}
