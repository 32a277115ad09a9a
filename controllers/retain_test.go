// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

func retain(oc *v1alpha1.OAuthClient) { oc.Spec.DeletionPolicy = v1alpha1.DeletionRetain }

// prune deletes the object, as a GitOps tool does by accident. What the API server's garbage collector takes, goes.
func (s *fixture) prune(name string) {
	s.t.Helper()
	oc := s.get(name)
	s.must(s.api.Delete(s.t.Context(), oc))
	list := &corev1.SecretList{}
	s.must(s.api.List(s.t.Context(), list, client.InNamespace(s.ns)))
	for i := range list.Items {
		if ref := metav1.GetControllerOf(&list.Items[i]); ref != nil && ref.UID == oc.UID {
			s.must(s.api.Delete(s.t.Context(), &list.Items[i]))
		}
	}
	_, err := s.reconcile(s.r, name)
	s.must(err)
}

// wantIdentity checks whose identity the object has, and that the server has a proof where it is not its own.
func (s *fixture) wantIdentity(oc *v1alpha1.OAuthClient, want types.UID) {
	s.t.Helper()
	if oc.Status.IdentityUID != string(want) || oc.Identity() != string(want) {
		s.t.Errorf("the identity is %s (%s), want %s", oc.Status.IdentityUID, oc.Identity(), want)
	}
	t := oc.Status.TakenOver
	if own := want == oc.UID; own != (t == nil) {
		s.t.Fatalf("own identity: %t, taken over: %+v", own, t)
	}
	if t != nil && !credential.VerifyTakeover(s.pair.shared, clientSubject(oc).takeover(string(want)), t.Proof) {
		s.t.Error("the status proves nothing")
	}
}

// In each form that a client can have, applying the file again brings back what a prune took.
func TestAPruneIsUndoneByApplyingTheFileAgain(t *testing.T) {
	public := func(oc *v1alpha1.OAuthClient) {
		oc.Spec.OAuth2 = &v1alpha1.OAuth2Spec{ClientType: v1alpha1.ClientTypePublic}
	}
	for name, form := range map[string]func(*v1alpha1.OAuthClient){
		"OAuth2": of(v1alpha1.ProfileOAuth2), "OAuth1": of(v1alpha1.ProfileOAuth1), "ConnectionsCloudOAuth2": of(v1alpha1.ProfileConnectionsCloudOAuth2),
		"ConnectionsCloudOAuth1": of(v1alpha1.ProfileConnectionsCloudOAuth1), "IntegrationCloud": of(v1alpha1.ProfileIntegrationCloud), "Public": public,
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint", retain, form)
			if !clientSubject(s.get("photoprint")).public {
				s.update("photoprint", reset("1")) // so that the credential is not the one that follows from the UID
			}
			before := s.settle("photoprint")
			secret := s.secret("photoprint-oauth")
			for range 2 { // and again
				s.prune("photoprint")
				s.client("photoprint", retain, form, func(oc *v1alpha1.OAuthClient) { oc.Annotations = before.Annotations })
				s.restarted()
				s.events.reasons()
				oc := s.settle("photoprint")
				s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
				s.wantIdentity(oc, before.UID)
				after := s.secret("photoprint-oauth")
				if value(after) != value(secret) || after.UID != secret.UID || oc.Status.ClientID != before.Status.ClientID || oc.Status.LastHandledReset != before.Status.LastHandledReset {
					t.Errorf("client ID %s, handled %q: the credential is another one", oc.Status.ClientID, oc.Status.LastHandledReset)
				}
				if metav1.GetControllerOf(after) != nil || after.Labels[v1alpha1.LabelOwnerUID] != string(oc.UID) {
					t.Errorf("the Secret has the owners %v and the labels %v", after.OwnerReferences, after.Labels)
				}
				if all := s.events.reasons(); len(all) != 1 || all[0] != eventTakenOver {
					t.Errorf("the events are %q", all)
				}
				s.writes.take()
				s.settle("photoprint")
				s.wantWrites()
			}
			s.must(s.api.Delete(t.Context(), s.secret("photoprint-oauth"))) // the next test begins without it
		})
	}
}

// What ends grants (a reset that revokes) and a rotation under way outlive a prune.
func TestARotationAndARevocationGoOnAfterAPrune(t *testing.T) {
	s := newFixture(t)
	rotating := func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials.Rotation = &v1alpha1.RotationSpec{OverlapHours: 24}
	}
	s.issued("photoprint", retain, rotating)
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) {
		oc.Annotations = map[string]string{v1alpha1.AnnotationResetRevokes: "true", v1alpha1.AnnotationResetCredentials: "1"}
	})
	s.settle("photoprint")
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Annotations[v1alpha1.AnnotationRotateCredentials] = "1" })
	before := s.settle("photoprint")
	if len(before.Status.Credentials) != 2 || before.Status.ValidAfter == nil {
		t.Fatalf("the status is %+v", before.Status)
	}
	s.prune("photoprint")
	s.client("photoprint", retain, rotating, func(oc *v1alpha1.OAuthClient) { oc.Annotations = before.Annotations })
	oc := s.settle("photoprint")
	if !oc.Status.ValidAfter.Equal(before.Status.ValidAfter) || len(oc.Status.Credentials) != 2 {
		t.Fatalf("valid after %v, want %v; %d credentials", oc.Status.ValidAfter, before.Status.ValidAfter, len(oc.Status.Credentials))
	}
	for n, c := range oc.Status.Credentials {
		if c.ID != before.Status.Credentials[n].ID || c.Verifier != before.Status.Credentials[n].Verifier || !c.ExpiresAt.Equal(before.Status.Credentials[n].ExpiresAt) {
			t.Errorf("credential %d is %+v, want %+v", n, c, before.Status.Credentials[n])
		}
	}
}

// What a suspension ended for good in IntegrationCloud stays ended: after a prune, and after the loss of the status.
func TestWhatASuspensionEndedDoesNotComeBack(t *testing.T) {
	cloud := of(v1alpha1.ProfileIntegrationCloud)
	for name, lose := range map[string]func(*fixture){
		"prune": func(s *fixture) {
			s.prune("photoprint")
			s.client("photoprint", retain, cloud)
		},
		"status": func(s *fixture) {
			s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Suspend = false })
			s.forge("photoprint", func(status *v1alpha1.OAuthClientStatus) { *status = v1alpha1.OAuthClientStatus{} })
			s.restarted()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint", retain, cloud)
			s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Suspend = true })
			before := s.settle("photoprint")
			if before.Status.ValidAfter == nil {
				t.Fatal("the suspension ends nothing")
			}
			lose(s)
			oc := s.settle("photoprint")
			s.wantIdentity(oc, types.UID(before.Status.IdentityUID))
			if !oc.Status.ValidAfter.Equal(before.Status.ValidAfter) {
				t.Errorf("valid after %v, want %v", oc.Status.ValidAfter, before.Status.ValidAfter)
			}
			s.writes.take()
			s.settle("photoprint")
			s.wantWrites()
		})
	}
}

// Where the Secret has to be replaced, the status names the identity before the Secret is away: what fails then loses nothing.
func TestATakeoverThatIsCutShortGoesOn(t *testing.T) {
	s := newFixture(t)
	first := s.issued("photoprint", retain)
	s.prune("photoprint")
	s.client("photoprint", retain, func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretTemplate.Type = "nginx.org/oidc" })
	cut := interceptor.NewClient(s.api, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, given ...client.CreateOption) error {
			if options := (&client.CreateOptions{}).ApplyOptions(given); len(options.DryRun) == 0 {
				return errors.New("the connection is lost")
			}
			return c.Create(ctx, object, given...)
		},
	})
	if _, err := s.reconcile(s.reconciler(cut), "photoprint"); err == nil {
		t.Fatal("nothing fails")
	}
	s.noSecret("photoprint-oauth")
	s.restarted()
	s.wantIdentity(s.settle("photoprint"), first.UID)
}

// An object without a client secret takes the identity up, too. What was left behind goes, and so the identity ends with it.
func TestAnObjectWithoutAClientSecretLeavesNothingBehind(t *testing.T) {
	s := newFixture(t)
	first := s.issued("photoprint", retain)
	s.prune("photoprint")
	s.client("photoprint", func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials = v1alpha1.CredentialsSpec{Source: v1alpha1.SourceServiceAccount,
			ServiceAccount: &v1alpha1.ServiceAccountSpec{Names: []v1alpha1.ServiceAccountName{"ghost"}}}
	})
	s.wantIdentity(s.settle("photoprint"), first.UID)
	s.noSecret("photoprint-oauth")
	s.prune("photoprint")
	s.client("photoprint")
	oc := s.settle("photoprint")
	s.wantIdentity(oc, oc.UID)
}

// What keeps a client from being accepted, or its Secret from being written, neither keeps an identity alive that Delete ends, nor ends one
// that Retain keeps.
func TestThePolicyCountsWhileNothingElseIsWritten(t *testing.T) {
	for name, block := range map[string]func(*fixture){
		"the template is unfit": func(s *fixture) {
			s.update("photoprint", func(oc *v1alpha1.OAuthClient) {
				oc.Spec.Scopes = []v1alpha1.Scope{"${x}"}
				oc.Spec.Credentials.SecretTemplate.Preset = v1alpha1.PresetSpring
			})
		},
		"the policy denies it": func(s *fixture) {
			s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretTemplate.Type = "denied.example/oauth" })
		},
		"a rotation waits": func(s *fixture) {
			s.update("photoprint", func(oc *v1alpha1.OAuthClient) {
				oc.Annotations = map[string]string{v1alpha1.AnnotationRotateCredentials: "1"}
			})
			_, err := s.reconcile(s.r, "photoprint")
			s.must(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			first := s.issued("photoprint", retain)
			block(s)
			change := func(policy v1alpha1.DeletionPolicy) {
				s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.DeletionPolicy = policy })
				_, err := s.reconcile(s.r, "photoprint")
				s.must(err)
				if oc := s.get("photoprint"); oc.Status.ObservedGeneration != oc.Generation {
					t.Fatalf("generation %d was not seen", oc.Generation)
				}
			}
			change(v1alpha1.DeletionDelete)
			if ref := metav1.GetControllerOf(s.secret("photoprint-oauth")); ref == nil || ref.UID != first.UID {
				t.Fatalf("the Secret is owned by %v", ref)
			}
			change(v1alpha1.DeletionRetain)
			if ref := metav1.GetControllerOf(s.secret("photoprint-oauth")); ref != nil {
				t.Fatalf("the Secret is owned by %v", ref)
			}
			change(v1alpha1.DeletionDelete)
			s.writes.take()
			_, err := s.reconcile(s.r, "photoprint")
			s.must(err)
			s.wantWrites()
			s.prune("photoprint")
			s.client("photoprint")
			oc := s.settle("photoprint")
			s.wantIdentity(oc, oc.UID)
		})
	}
}

// N322: what a suspension ended stays so also where nothing but the record of the Secret could be written at that time.
func TestN322WhatEndedWhileNothingElseWasWrittenDoesNotComeBack(t *testing.T) {
	cloud := of(v1alpha1.ProfileIntegrationCloud)
	for name, block := range map[string]func(*fixture, *v1alpha1.OAuthClient){
		"the keys do not fit": func(s *fixture, _ *v1alpha1.OAuthClient) {
			s.keys.use(keyPair{root: s.pair.root, shared: credential.NewKey()})
		},
		"the policy denies it": func(_ *fixture, oc *v1alpha1.OAuthClient) {
			oc.Spec.Credentials.SecretTemplate.Type = "denied.example/oauth"
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint", retain, cloud)
			s.update("photoprint", func(oc *v1alpha1.OAuthClient) {
				oc.Spec.Suspend = true
				block(s, oc)
			})
			_, err := s.reconcile(s.r, "photoprint")
			s.must(err)
			want := s.validAfter("photoprint")
			if got := s.writes.take(); len(got) == 0 || got[0] != "status photoprint" {
				t.Errorf("the writes are %q, want the status first", got)
			}
			s.step("photoprint")
			s.wantWrites()
			s.keys.use(s.pair)
			s.prune("photoprint")
			s.client("photoprint", retain, cloud)
			s.settle("photoprint")
			if got := s.validAfter("photoprint"); !got.Equal(want) {
				t.Errorf("validAfter is %s, want %s", got, want)
			}
		})
	}
}

func TestAGivenClientSecretGoesOnAfterAPrune(t *testing.T) {
	s := newFixture(t)
	s.give(s.vault(strings.Repeat("a", 32)))
	before := s.issued("photoprint", retain, fromSecret)
	s.prune("photoprint")
	s.client("photoprint", retain, fromSecret)
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.wantIdentity(oc, before.UID)
	if got, want := oc.Status.Credentials[0].ID, before.Status.Credentials[0].ID; got != want {
		t.Errorf("the credential is %s, want %s: tokens that it was given die with it", got, want)
	}
}

// The owner reference comes and goes with the policy of a live object, and nothing else changes.
func TestThePolicyOfALiveObjectCanBeChanged(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	before := value(s.secret("photoprint-oauth"))
	for _, change := range []struct {
		policy v1alpha1.DeletionPolicy
		owned  bool
	}{{"Retain", false}, {"Delete", true}, {"Retain", false}, {"", true}} {
		s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.DeletionPolicy = change.policy })
		oc := s.settle("photoprint")
		s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
		secret := s.secret("photoprint-oauth")
		if owned := metav1.GetControllerOf(secret) != nil; owned != change.owned || value(secret) != before {
			t.Errorf("%q: owned %t, want %t", change.policy, owned, change.owned)
		}
		s.writes.take()
		s.settle("photoprint")
		s.wantWrites()
	}
	s.prune("photoprint")
	s.noSecret("photoprint-oauth")
}

func TestAnObjectThatTookOverCanGiveUpRetain(t *testing.T) {
	s := newFixture(t)
	first := s.issued("photoprint", retain)
	s.prune("photoprint")
	s.client("photoprint")
	oc := s.settle("photoprint")
	s.wantIdentity(oc, first.UID)
	if ref := metav1.GetControllerOf(s.secret("photoprint-oauth")); ref == nil || ref.UID != oc.UID {
		t.Errorf("the Secret is owned by %v", ref)
	}

	// The identity outlives the loss of the status, too.
	before := value(s.secret("photoprint-oauth"))
	s.forge("photoprint", func(status *v1alpha1.OAuthClientStatus) { *status = v1alpha1.OAuthClientStatus{} })
	s.restarted()
	s.wantIdentity(s.settle("photoprint"), first.UID)
	if value(s.secret("photoprint-oauth")) != before {
		t.Error("the client secret is another one")
	}

	s.prune("photoprint")
	s.noSecret("photoprint-oauth")
	s.client("photoprint")
	oc = s.settle("photoprint")
	s.wantIdentity(oc, oc.UID)
}

func TestARetainedSecretThatIsTouchedIsPutRight(t *testing.T) {
	for name, touch := range map[string]func(*corev1.Secret){
		"value":          func(o *corev1.Secret) { o.Data[secretKey] = []byte("x") },
		"label":          func(o *corev1.Secret) { o.Labels = nil },
		"record":         func(o *corev1.Secret) { delete(o.Annotations, v1alpha1.AnnotationIssued) },
		"owned by us":    func(o *corev1.Secret) { o.Finalizers = nil; o.Labels["more"] = "x" },
		"immutable made": func(o *corev1.Secret) { o.Immutable = new(true) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint", retain)
			before := value(s.secret("photoprint-oauth"))
			s.edit("photoprint-oauth", touch)
			oc := s.settle("photoprint")
			s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			s.wantIdentity(oc, oc.UID)
			if value(s.secret("photoprint-oauth")) != before {
				t.Error("the client secret is another one")
			}
			s.must(s.api.Delete(t.Context(), s.secret("photoprint-oauth")))
			s.settle("photoprint")
			if value(s.secret("photoprint-oauth")) != before {
				t.Error("the client secret does not come back")
			}
		})
	}
}

func TestARetainedSecretFollowsItsName(t *testing.T) {
	s := newFixture(t)
	first := s.issued("photoprint", retain)
	named := func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretName = "other" }
	s.update("photoprint", named)
	s.settle("photoprint")
	s.noSecret("photoprint-oauth")
	s.prune("photoprint")
	s.client("photoprint", retain, named)
	s.wantIdentity(s.settle("photoprint"), first.UID)
}

// app7 gives the client an ID that does not come of its namespace and name.
func app7(oc *v1alpha1.OAuthClient) { oc.Spec.ClientID = "app_7" }

// Nothing but the Secret that the operator left behind, where it left it, gives an identity.
func TestN335AnIdentityIsTakenUpFromItsOwnRecordOnly(t *testing.T) {
	other := func(profile v1alpha1.Profile) []func(*v1alpha1.OAuthClient) {
		return []func(*v1alpha1.OAuthClient){retain, of(profile)}
	}
	for _, test := range []struct {
		name    string
		made    []func(*v1alpha1.OAuthClient) // what the first object is, too
		change  func(*corev1.Secret)          // what somebody does to the Secret while there is no object
		object  string                        // what is applied then
		changes []func(*v1alpha1.OAuthClient)
	}{
		{name: "another object of the namespace names the Secret", object: "photobook", changes: []func(*v1alpha1.OAuthClient){
			retain, func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretName = "photoprint-oauth" }}},
		{name: "another object with the client ID names the Secret", made: []func(*v1alpha1.OAuthClient){app7}, object: "photobook", changes: []func(*v1alpha1.OAuthClient){
			retain, app7, func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretName = "photoprint-oauth" }}},
		{name: "another identity is written into the record", change: replaced(`"uid":"`, `"uid":"f`)},
		{name: "another credential is written into the record", change: replaced(`"credentials":["`, `"credentials":["a`)},
		{name: "the MAC is taken away", change: replaced(`"mac":"`, `"mac":"","x":"`)},
		{name: "the record is taken away", change: func(o *corev1.Secret) { delete(o.Annotations, v1alpha1.AnnotationIssued) }},
		{name: "the record is no JSON", change: func(o *corev1.Secret) { o.Annotations[v1alpha1.AnnotationIssued] = "{" }},
		{name: "the Secret was given to another object", change: func(o *corev1.Secret) {
			o.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "x", Controller: new(true)}}
		}},
		{name: "the object has another profile", changes: other(v1alpha1.ProfileIntegrationCloud)},
		{name: "the object has another root key, too", changes: other(v1alpha1.ProfileOAuth1)},
		{name: "the object has another client type", changes: []func(*v1alpha1.OAuthClient){retain, func(oc *v1alpha1.OAuthClient) {
			oc.Spec.OAuth2 = &v1alpha1.OAuth2Spec{ClientType: v1alpha1.ClientTypePublic}
		}}},
		{name: "the object has another client ID", changes: []func(*v1alpha1.OAuthClient){retain, app7}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint", append(test.made, retain)...)
			s.prune("photoprint")
			if test.change != nil {
				s.edit("photoprint-oauth", test.change)
			}
			if test.object == "" {
				test.object = "photoprint"
			}
			if test.changes == nil {
				test.changes = []func(*v1alpha1.OAuthClient){retain}
			}
			before := s.secret("photoprint-oauth")
			s.client(test.object, test.changes...)
			oc := s.settle(test.object)
			s.wantIdentity(oc, oc.UID)
			s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretConflict))
			if s.secret("photoprint-oauth").ResourceVersion != before.ResourceVersion {
				t.Error("the Secret was written")
			}
			if hint := strings.Contains(message(oc), "deletionPolicy Retain"); hint != (retainedHint(before) != "") {
				t.Errorf("the message is %q", message(oc))
			}
		})
	}
}

func replaced(old, by string) func(*corev1.Secret) {
	return func(o *corev1.Secret) {
		o.Annotations[v1alpha1.AnnotationIssued] = strings.Replace(o.Annotations[v1alpha1.AnnotationIssued], old, by, 1)
	}
}

func TestN336AMovedSecretGivesNoIdentity(t *testing.T) {
	for name, id := range map[string]func(*v1alpha1.OAuthClient){
		"with the client ID of its name": func(*v1alpha1.OAuthClient) {}, "with a client ID of its own": app7,
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			other := s.beside()
			s.issued("photoprint", retain, id)
			s.prune("photoprint")
			left := s.secret("photoprint-oauth")
			copied := func(namespace, name string) {
				s.must(s.api.Create(t.Context(), &corev1.Secret{
					ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: left.Labels, Annotations: left.Annotations}, Type: left.Type, Data: left.Data,
				}))
			}
			copied(other.ns, "photoprint-oauth")
			copied(s.ns, "moved")
			s.clock.advance(day) // an ID is kept for its namespace so long
			other.client("photoprint", retain, id)
			elsewhere := other.settle("photoprint")
			other.wantIdentity(elsewhere, elsewhere.UID)
			other.wantReady(elsewhere, metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretConflict))
			other.prune("photoprint")
			s.clock.advance(day)
			s.client("photoprint", retain, id, func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretName = "moved" })
			oc := s.settle("photoprint")
			s.wantIdentity(oc, oc.UID)
			s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretConflict))
		})
	}
}

func TestN337WithoutRetainNothingIsTakenUp(t *testing.T) {
	s := newFixture(t)
	before := s.issued("photoprint")
	s.must(s.api.Delete(t.Context(), before))                                      // kubectl delete --cascade=orphan
	s.edit("photoprint-oauth", func(o *corev1.Secret) { o.OwnerReferences = nil }) // as the garbage collector does
	_, err := s.reconcile(s.r, "photoprint")
	s.must(err)
	for _, forged := range []func(*corev1.Secret){
		func(*corev1.Secret) {},
		replaced(`"mac"`, `"retain":true,"mac"`),
		replaced(`"mac"`, `"retain":true,"name":"photoprint","mac"`),
		replaced(`"mac"`, `"object":"x","mac"`),
	} {
		s.edit("photoprint-oauth", forged)
		s.client("photoprint", retain)
		oc := s.settle("photoprint")
		s.wantIdentity(oc, oc.UID)
		s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretConflict))
		s.prune("photoprint")
	}
}

// A status is no way to somebody else's identity.
func TestN338AForgedTakeoverIsBegunAnew(t *testing.T) {
	s := newFixture(t)
	victim, before := s.issued("victim"), s.issued("photoprint")
	for name, proof := range map[string]*credential.Takeover{
		"none":                 nil,
		"of the victim":        {Name: "victim", UID: string(victim.UID)},
		"of another UID":       {Name: "photoprint", UID: string(victim.UID)},
		"of another name":      {Name: "victim", UID: string(before.UID)},
		"of another namespace": {Namespace: "elsewhere", Name: "photoprint", UID: string(before.UID)},
		"of another identity":  {Name: "photoprint", UID: string(before.UID), Identity: string(before.UID)},
	} {
		text := "x"
		if proof != nil {
			proof.Namespace, proof.Identity = cmp.Or(proof.Namespace, s.ns), cmp.Or(proof.Identity, string(victim.UID))
			text = credential.ProveTakeover(s.pair.shared, *proof)
		}
		s.forge("photoprint", func(status *v1alpha1.OAuthClientStatus) {
			status.IdentityUID, status.TakenOver = string(victim.UID), &v1alpha1.TakenOverStatus{UID: string(before.UID), Proof: text}
		})
		oc := s.settle("photoprint")
		if oc.Status.IdentityUID == string(victim.UID) {
			t.Errorf("the proof %s gives the identity", name)
		}
		s.wantIdentity(oc, before.UID)
		s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	}
}

// A backup brings an object back under another UID, with its status and its Secret.
func TestARestoredObjectTakesUpItsRetainedIdentity(t *testing.T) {
	s := newFixture(t)
	old := s.issued("photoprint", retain)
	before := value(s.secret("photoprint-oauth"))
	s.prune("photoprint")
	s.client("photoprint", retain)
	s.forge("photoprint", func(status *v1alpha1.OAuthClientStatus) { *status = old.Status })
	oc := s.settle("photoprint")
	s.wantIdentity(oc, old.UID)
	if value(s.secret("photoprint-oauth")) != before || !s.accepts(oc, before) {
		t.Error("the credential is another one")
	}
}

func TestUnderAManagerARetainedSecretIsWatchedAndTakenUp(t *testing.T) {
	s := newFixture(t)
	s.start()
	first := s.client("photoprint", retain)
	s.becomes("photoprint", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	before := value(s.secret("photoprint-oauth"))
	s.must(s.api.Delete(t.Context(), s.secret("photoprint-oauth")))
	s.eventuallyValue(before)
	s.must(s.api.Delete(t.Context(), s.get("photoprint")))
	s.client("photoprint", retain)
	oc := s.becomes("photoprint", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.wantIdentity(oc, first.UID)
	if value(s.secret("photoprint-oauth")) != before {
		t.Error("the client secret is another one")
	}
}

// Without a read of each Secret that rightly has no owner: the cache holds enough.
func TestACachedRetainedSecretNeedsNoOtherLook(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint", retain)
	var small transforms
	kept, err := small.secret(s.secret("photoprint-oauth"))
	s.must(err)
	secret := withLabel(kept.(*corev1.Secret))
	if !isOurRetained(secret, s.subject("photoprint"), s.pair) || !isWithoutData(secret) {
		t.Errorf("the Secret in the cache does not tell: %+v", secret)
	}
}
