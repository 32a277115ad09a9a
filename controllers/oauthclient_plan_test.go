// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
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

func fixedInput() input {
	return input{
		keys: keyPair{root: fixed(1), shared: fixed(2)}, issuer: issuer, newID: freshN,
		now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC),
	}
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

func with(status metav1.ConditionStatus, reason string) func(*v1alpha1.OAuthClient) {
	return func(oc *v1alpha1.OAuthClient) {
		in := fixedInput()
		p := &planner{oc: oc, in: in}
		oc.Status = v1alpha1.OAuthClientStatus{IssuedStatus: v1alpha1.IssuedStatus{
			ObservedGeneration: 1, ClientID: v1alpha1.ClientIDOf(oc), SecretName: v1alpha1.SecretNameOf(oc)}}
		oc.Status.Credentials = []v1alpha1.CredentialStatus{{
			ID: oldN, IssuedAt: metav1.NewTime(in.now),
			Verifier: credential.Verifier(in.keys.shared, string(oc.UID), oldN, credential.Derive(in.keys.root, string(oc.UID), oldN)),
		}}
		message := "told before"
		if reason == string(v1alpha1.ReadyReasonIssued) {
			message = p.sayIssued()
		}
		meta.SetStatusCondition(&oc.Status.Conditions, p.condition(status, reason, message))
	}
}

func ready(oc *v1alpha1.OAuthClient) {
	with(metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))(oc)
}

func reset(value string) func(*v1alpha1.OAuthClient) {
	return func(oc *v1alpha1.OAuthClient) {
		metav1.SetMetaDataAnnotation(&oc.ObjectMeta, v1alpha1.AnnotationResetCredentials, value)
	}
}

// heldBy returns the Secret as it should be for the client with the credential.
func heldBy(oc *v1alpha1.OAuthClient, id string, change ...func(*corev1.Secret)) *corev1.Secret {
	in := fixedInput()
	w := wantedSecret(oc, in.issuer, credential.Derive(in.keys.root, string(oc.UID), id))
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: oc.Namespace, Name: w.name, UID: "the-secret", ResourceVersion: "7", Labels: w.labels,
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "gatehouse.dev/v1alpha1", Kind: "OAuthClient", Name: oc.Name, UID: oc.UID, Controller: new(true),
			}},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: w.manager, Operation: metav1.ManagedFieldsOperationApply,
				FieldsV1: appliedFields(`{"f:data":{".":{},"f:client-id":{}}}`)}},
		},
		Type: corev1.SecretType(v1alpha1.SecretTypeDefault), Data: w.data,
	}
	for _, c := range change {
		c(secret)
	}
	return secret
}

func appliedFields(text string) *metav1.FieldsV1 {
	f := &metav1.FieldsV1{}
	f.SetRawString(text)
	return f
}

// told writes the steps of a decision as lines.
func told(d decision) []string {
	var lines []string
	for _, s := range d.steps {
		switch {
		case s.status != nil:
			c := s.status.Conditions[0]
			line := fmt.Sprintf("status %s/%s", c.Status, c.Reason)
			for _, credential := range s.status.Credentials {
				line += " " + credential.ID
			}
			lines = append(lines, line+" "+s.status.SecretName)
		case s.remove != nil:
			lines = append(lines, fmt.Sprintf("remove %s at %s of %s", s.remove.name, s.remove.version, s.remove.uid))
		case s.apply != nil:
			lines = append(lines, fmt.Sprintf("apply %s at %q", s.apply.want.name, s.apply.version))
		}
		if s.told.reason != "" {
			lines = append(lines, "tell "+s.told.reason)
		}
	}
	if d.after > 0 {
		lines = append(lines, "again after "+d.after.String())
	}
	return lines
}

func TestPlanOfAClient(t *testing.T) {
	public := func(oc *v1alpha1.OAuthClient) {
		oc.Spec.OAuth2 = &v1alpha1.OAuth2Spec{ClientType: v1alpha1.ClientTypePublic}
	}
	suspended := func(oc *v1alpha1.OAuthClient) { oc.Spec.Suspend = true }
	renamed := func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretName, oc.Generation = "elsewhere", 2 }
	edited := func(s *corev1.Secret) { s.Data[v1alpha1.KeyClientSecret] = []byte("x") }
	orphaned := func(s *corev1.Secret) { s.OwnerReferences = nil }
	predecessors := func(s *corev1.Secret) { s.OwnerReferences[0].UID = "the-predecessor" }
	otherKeys := func(oc *v1alpha1.OAuthClient) { oc.Status.Credentials[0].Verifier = "of other keys" }
	scopeTaken := &rival{what: "photos.read"}

	const issuing, issued = "status Unknown/Issuing", "status True/Issued"
	for _, row := range []struct {
		name  string
		oc    *v1alpha1.OAuthClient
		seen  observation
		steps []string
	}{
		{
			name: "a new client: status, Secret, status", oc: photoprint(),
			steps: []string{issuing + " " + freshN + " ", `apply photoprint-oauth at ""`, "tell Issued", issued + " " + freshN + " photoprint-oauth"},
		},
		{name: "an unchanged client: nothing", oc: photoprint(ready), seen: observation{secret: heldBy(photoprint(), oldN)}},
		{
			name: "stopped after the first write: goes on with the same credential", oc: photoprint(with(metav1.ConditionUnknown, string(v1alpha1.ReadyReasonIssuing))),
			steps: []string{`apply photoprint-oauth at ""`, "tell Issued", issued + " " + oldN + " photoprint-oauth"},
		},
		{
			name: "stopped after the second write", oc: photoprint(with(metav1.ConditionUnknown, string(v1alpha1.ReadyReasonIssuing))),
			seen: observation{secret: heldBy(photoprint(), oldN)}, steps: []string{issued + " " + oldN + " photoprint-oauth"},
		},
		{
			name: "Secret deleted: written, nothing else", oc: photoprint(ready),
			steps: []string{`apply photoprint-oauth at ""`, "tell Healed"},
		},
		{
			name: "Secret edited: written at the version that was seen", oc: photoprint(ready),
			seen: observation{secret: heldBy(photoprint(), oldN, edited)}, steps: []string{`apply photoprint-oauth at "7"`, "tell Healed"},
		},
		{
			name: "our fields were never recorded: written", oc: photoprint(ready),
			seen:  observation{secret: heldBy(photoprint(), oldN, func(s *corev1.Secret) { s.ManagedFields = nil })},
			steps: []string{`apply photoprint-oauth at "7"`, "tell Healed"},
		},
		{
			name: "a field of ours that is wanted no more: written", oc: photoprint(ready),
			seen: observation{secret: heldBy(photoprint(), oldN, func(s *corev1.Secret) {
				s.ManagedFields[0].FieldsV1 = appliedFields(`{"f:metadata":{"f:labels":{"f:team":{}}}}`)
			})},
			steps: []string{`apply photoprint-oauth at "7"`, "tell Healed"},
		},
		{
			name: "renamed: the new Secret, then the old one away, then the status", oc: photoprint(ready, renamed),
			seen: observation{others: []corev1.Secret{*heldBy(photoprint(), oldN)}},
			steps: []string{`apply elsewhere at ""`, "tell Updated", "remove photoprint-oauth at 7 of the-secret",
				issued + " " + oldN + " elsewhere"},
		},
		{
			name: "renamed to a stranger's: the old Secret stays", oc: photoprint(ready, renamed),
			seen: observation{secret: heldBy(photoprint(renamed), oldN, orphaned), others: []corev1.Secret{*heldBy(photoprint(), oldN)}},
			steps: []string{"status False/SecretConflict " + oldN + " photoprint-oauth", "tell SecretConflict",
				"again after 1m0s"},
		},
		{
			name: "a Secret of the predecessor: away, then ours", oc: photoprint(),
			seen: observation{secret: heldBy(photoprint(), oldN, predecessors)},
			steps: []string{issuing + " " + freshN + " ", "remove photoprint-oauth at 7 of the-secret",
				`apply photoprint-oauth at ""`, "tell Issued", issued + " " + freshN + " photoprint-oauth"},
		},
		{
			name: "a stranger's Secret: a credential, but no Secret", oc: photoprint(),
			seen:  observation{secret: heldBy(photoprint(), oldN, orphaned)},
			steps: []string{"status False/SecretConflict " + freshN + " ", "tell SecretConflict", "again after 1m0s"},
		},
		{
			name: "our reference on a Secret of another type: a stranger's", oc: photoprint(ready),
			seen:  observation{secret: heldBy(photoprint(), oldN, func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque })},
			steps: []string{"status False/SecretConflict " + oldN + " photoprint-oauth", "tell SecretConflict", "again after 1m0s"},
		},
		{
			name: "reset: as new", oc: photoprint(ready, reset("1")), seen: observation{secret: heldBy(photoprint(), oldN)},
			steps: []string{issuing + " " + freshN + " photoprint-oauth", "tell Reset", `apply photoprint-oauth at "7"`, issued + " " + freshN + " photoprint-oauth"},
		},
		{
			name: "reset that was handled: nothing", seen: observation{secret: heldBy(photoprint(), oldN)},
			oc: photoprint(ready, reset("1"), func(oc *v1alpha1.OAuthClient) { oc.Status.LastHandledReset = "1" }),
		},
		{
			name: "reset removed: nothing", seen: observation{secret: heldBy(photoprint(), oldN)},
			oc: photoprint(ready, func(oc *v1alpha1.OAuthClient) { oc.Status.LastHandledReset = "1" }),
		},
		{
			name: "reset to the empty value: one more", seen: observation{secret: heldBy(photoprint(), oldN)},
			oc:    photoprint(ready, reset(""), func(oc *v1alpha1.OAuthClient) { oc.Status.LastHandledReset = "1" }),
			steps: []string{issuing + " " + freshN + " photoprint-oauth", "tell Reset", `apply photoprint-oauth at "7"`, issued + " " + freshN + " photoprint-oauth"},
		},
		{
			name: "reset while suspended: handled, and refused throughout", oc: photoprint(ready, suspended, reset("1")),
			seen:  observation{secret: heldBy(photoprint(), oldN)},
			steps: []string{"status False/Suspended " + freshN + " photoprint-oauth", "tell Reset", `apply photoprint-oauth at "7"`},
		},
		{
			name: "suspended: said, the Secret stays", oc: photoprint(ready, suspended), seen: observation{secret: heldBy(photoprint(), oldN)},
			steps: []string{"status False/Suspended " + oldN + " photoprint-oauth", "tell Suspended"},
		},
		{
			name: "suspended and Secret deleted: written", oc: photoprint(ready, suspended),
			steps: []string{`apply photoprint-oauth at ""`, "tell Healed", "status False/Suspended " + oldN + " photoprint-oauth", "tell Suspended"},
		},
		{
			name: "a new client whose scope is taken: never Issuing", oc: photoprint(), seen: observation{scope: scopeTaken},
			steps: []string{"status False/ScopeConflict " + freshN + " ", "tell ScopeConflict", `apply photoprint-oauth at ""`, "tell Issued",
				"status False/ScopeConflict " + freshN + " photoprint-oauth"},
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
			steps: []string{"status False/KeyMismatch " + oldN + " photoprint-oauth", "tell KeyMismatch"},
		},
		{
			name: "other keys and no Secret: refused, nothing written", oc: photoprint(ready, otherKeys),
			steps: []string{"status False/KeyMismatch " + oldN + " photoprint-oauth", "tell KeyMismatch"},
		},
		{
			name: "other keys and a reset: as new", oc: photoprint(ready, otherKeys, reset("1")), seen: observation{secret: heldBy(photoprint(), oldN)},
			steps: []string{issuing + " " + freshN + " photoprint-oauth", "tell Reset", `apply photoprint-oauth at "7"`, issued + " " + freshN + " photoprint-oauth"},
		},
		{
			name: "a client ID that is another's: refused, nothing written",
			oc:   photoprint(ready, func(oc *v1alpha1.OAuthClient) { oc.Status.ClientID = "photos.photostorage" }),
			steps: []string{"status False/ClientIDConflict " + oldN + " photoprint-oauth",
				"tell ClientIDConflict"},
		},
		{
			name: "a new Public client: Secret, status", oc: photoprint(public),
			steps: []string{`apply photoprint-oauth at ""`, "tell Issued", issued + " photoprint-oauth"},
		},
		{
			name: "a Public client with a reset: nothing to reset", oc: photoprint(public, reset("1")),
			steps: []string{`apply photoprint-oauth at ""`, "tell Issued", issued + " photoprint-oauth"},
		},
		{
			name: "another spec, the same Secret: the status", seen: observation{secret: heldBy(photoprint(), oldN)},
			oc:    photoprint(ready, func(oc *v1alpha1.OAuthClient) { oc.Generation = 2 }),
			steps: []string{issued + " " + oldN + " photoprint-oauth"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := plan(row.oc, row.seen, fixedInput())
			if diff := cmp.Diff(row.steps, told(got)); diff != "" {
				t.Errorf("steps (-want +got)\n%s", diff)
			}
		})
	}
}

func TestAPlanChangesNothingItWasGiven(t *testing.T) {
	oc := photoprint(ready, reset("1"), func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials.SecretTemplate.Labels = map[string]v1alpha1.LabelValue{"team": "print"}
	})
	seen := observation{secret: heldBy(oc, oldN), others: []corev1.Secret{*heldBy(photoprint(), oldN)}}
	before, secret := oc.DeepCopy(), seen.secret.DeepCopy()
	plan(oc, seen, fixedInput())
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
			},
		},
		{
			name: "a Public client has no client-secret, and keys can be renamed",
			oc: photoprint(func(oc *v1alpha1.OAuthClient) {
				oc.Spec.Credentials.SecretTemplate.Keys = v1alpha1.SecretKeys{ClientID: "ID", Issuer: "client-id"}
			}),
			want: map[string]string{
				"ID": "photos.photoprint", "client-id": issuer,
				"authorization-endpoint": issuer + "/oauth2/authorize", "token-endpoint": issuer + "/oauth2/token",
				"revocation-endpoint": issuer + "/oauth2/revoke", "introspection-endpoint": issuer + "/oauth2/introspect",
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := map[string]string{}
			for key, value := range wantedSecret(row.oc, issuer, row.secret).data {
				got[key] = string(value)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
