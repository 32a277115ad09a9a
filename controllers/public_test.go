// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// withMap asks for a ConfigMap of the name.
func withMap(name v1alpha1.ConfigMapName) func(*v1alpha1.OAuthClient) {
	return func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.ConfigMapName = name }
}

func (s *fixture) configMap(name string) *corev1.ConfigMap {
	s.t.Helper()
	cm := &corev1.ConfigMap{}
	s.must(s.api.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: name}, cm))
	return cm
}

func (s *fixture) noConfigMap(name string) {
	s.t.Helper()
	err := s.api.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: name}, &corev1.ConfigMap{})
	if !apierrors.IsNotFound(err) {
		s.t.Errorf("the ConfigMap %s is there (%v)", name, err)
	}
}

// wantPublic checks that the ConfigMap holds the public part of the wanted values, is ours and is a part of no client secret.
func (s *fixture) wantPublic(oc client.Object, name string) *corev1.ConfigMap {
	s.t.Helper()
	cm := s.configMap(name)
	of, _ := subjectOf(oc)
	want := map[string]string{}
	for key, value := range of.endpoints(s.r.Issuer) {
		want[of.dataKey(key)] = value
	}
	want[of.dataKey(v1alpha1.KeyClientID)], want[of.dataKey(v1alpha1.KeyIssuer)] = of.clientID, s.r.Issuer
	if !maps.Equal(cm.Data, want) || len(cm.BinaryData) > 0 {
		s.t.Errorf("the ConfigMap %s holds %v %v, want %v", name, cm.Data, cm.BinaryData, want)
	}
	owner := metav1.GetControllerOf(cm)
	if owner == nil || owner.UID != oc.GetUID() || owner.Kind != of.kind || owner.Name != oc.GetName() || cm.Labels[v1alpha1.LabelOwnerUID] != string(oc.GetUID()) {
		s.t.Errorf("the ConfigMap %s has the owner %+v and the labels %v", name, owner, cm.Labels)
	}
	return cm
}

func TestPublicValuesAreInAConfigMapWhenAskedFor(t *testing.T) {
	public := func(oc *v1alpha1.OAuthClient) {
		oc.Spec.OAuth2 = &v1alpha1.OAuth2Spec{ClientType: v1alpha1.ClientTypePublic}
	}
	retained := func(oc *v1alpha1.OAuthClient) { oc.Spec.DeletionPolicy = v1alpha1.DeletionRetain }
	renamed := func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials.SecretTemplate.Keys = &v1alpha1.SecretKeys{ClientID: "OAUTH_ID", TokenEndpoint: "TOKEN_URL"}
	}
	for name, form := range map[string]func(*v1alpha1.OAuthClient){
		"OAuth2": of(v1alpha1.ProfileOAuth2), "OAuth1": of(v1alpha1.ProfileOAuth1), "IntegrationCloud": of(v1alpha1.ProfileIntegrationCloud),
		"Public": public, "Retain": retained, "renamed keys": renamed,
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			oc := s.client("photoprint", withMap("photoprint-public"), form)
			s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			s.wantWrites("create photoprint-oauth", "create photoprint-public", "status photoprint")
			s.wantPublic(oc, "photoprint-public")
			if text := message(s.get("photoprint")); !strings.Contains(text, `The ConfigMap "photoprint-public"`) {
				t.Errorf("Ready says %q", text)
			}
			s.settle("photoprint")
			s.wantWrites() // an unchanged one takes no write
		})
	}
}

// N389: nothing but what is public, whatever the template puts into the Secret.
func TestN389AConfigMapNeverHoldsAClientSecret(t *testing.T) {
	for name, form := range map[string]func(*v1alpha1.OAuthClient){
		"data and generated values": func(oc *v1alpha1.OAuthClient) {
			oc.Spec.Credentials.SecretTemplate = v1alpha1.SecretTemplate{
				Data:     map[string]v1alpha1.DataValue{"config": "{{client-id}}:{{client-secret}}"},
				Generate: []v1alpha1.GeneratedValue{{Key: "cookie"}},
				Labels:   map[string]v1alpha1.LabelValue{"team": "a"},
			}
		},
		"exchanged keys": func(oc *v1alpha1.OAuthClient) {
			oc.Spec.Credentials.SecretTemplate.Keys = &v1alpha1.SecretKeys{ClientID: "client-secret", ClientSecret: "client-id"}
		},
		"a preset with a file": func(oc *v1alpha1.OAuthClient) {
			oc.Spec.Credentials.SecretTemplate.Preset = "Dotenv"
		},
		"a preset with names":         func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretTemplate.Preset = "EnvFrom" },
		"one that somebody else made": fromSecret,
		"the previous one": func(oc *v1alpha1.OAuthClient) {
			oc.Spec.Credentials.Rotation = &v1alpha1.RotationSpec{KeepPrevious: true}
			oc.Annotations = map[string]string{v1alpha1.AnnotationRotateCredentials: "1"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			s.give(s.vault(givenFirst))
			oc := s.client("photoprint", withMap("photoprint-public"), form)
			s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			s.update("photoprint", func(oc *v1alpha1.OAuthClient) {
				oc.Annotations = map[string]string{v1alpha1.AnnotationRotateCredentials: "2"}
			})
			s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			cm := s.wantPublic(oc, "photoprint-public")
			written, err := json.Marshal(cm)
			s.must(err)
			of, _ := subjectOf(s.get("photoprint"))
			public := standardValues(input{subject: of, issuer: issuer})
			for key, value := range s.secret("photoprint-oauth").Data {
				if standard := slices.Contains(slices.Collect(maps.Values(public)), string(value)); len(value) > 0 && !standard && strings.Contains(string(written), string(value)) {
					t.Errorf("it holds what the Secret has under %s", key)
				}
			}
			if strings.Contains(string(written), credential.Prefix) || strings.Contains(string(written), givenFirst) {
				t.Error("it holds a client secret")
			}
		})
	}
}

func TestAConfigMapThatWasTouchedIsPutRight(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*corev1.ConfigMap)
		writes []string
	}{
		{"a value", func(cm *corev1.ConfigMap) { cm.Data[v1alpha1.KeyIssuer] = "https://evil.example" }, []string{"patch photoprint-public", "apply photoprint-public"}},
		{"a key taken out", func(cm *corev1.ConfigMap) { delete(cm.Data, v1alpha1.KeyClientID) }, []string{"patch photoprint-public", "apply photoprint-public"}},
		{"the hash and a value", func(cm *corev1.ConfigMap) {
			cm.Data[v1alpha1.KeyIssuer] = "https://evil.example"
			cm.Annotations[v1alpha1.AnnotationContent] = digestOfMap(cm.Data)
		}, []string{"patch photoprint-public", "apply photoprint-public"}},
		{"the hash", func(cm *corev1.ConfigMap) { cm.Annotations = nil }, []string{"patch photoprint-public", "apply photoprint-public"}},
		{"the owner", func(cm *corev1.ConfigMap) { cm.OwnerReferences = nil }, []string{"apply photoprint-public", "patch photoprint-public", "apply photoprint-public"}},
		{"the value of the label", func(cm *corev1.ConfigMap) { cm.Labels[v1alpha1.LabelOwnerUID] = "other" },
			[]string{"apply photoprint-public", "patch photoprint-public", "apply photoprint-public"}},
		{"made immutable and then as it was", func(cm *corev1.ConfigMap) { cm.Immutable = new(true) }, nil},
		{"made immutable and changed", func(cm *corev1.ConfigMap) {
			cm.Immutable = new(true)
			cm.Data[v1alpha1.KeyIssuer] = "https://evil.example"
		}, []string{"delete photoprint-public", "create photoprint-public"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newFixture(t)
			oc := s.issued("photoprint", withMap("photoprint-public"))
			cm := s.configMap("photoprint-public")
			row.change(cm)
			s.must(s.api.Update(t.Context(), cm, client.FieldOwner("somebody")))
			s.settle("photoprint")
			s.wantWrites(row.writes...)
			s.wantPublic(oc, "photoprint-public")
			s.must(s.api.Delete(t.Context(), cm))
			s.settle("photoprint")
			s.wantWrites("create photoprint-public")
			s.wantPublic(oc, "photoprint-public")
		})
	}
}

// What is wanted no more goes, and what somebody else added stays.
func TestAConfigMapFollowsTheSpecAndTheIssuer(t *testing.T) {
	s := newFixture(t)
	oc := s.issued("photoprint", withMap("photoprint-public"))
	cm := s.configMap("photoprint-public")
	cm.Data["theme"] = "dark"
	s.must(s.api.Update(t.Context(), cm, client.FieldOwner("somebody")))
	s.settle("photoprint")
	s.wantWrites() // it is theirs

	s.update("photoprint", func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials.SecretTemplate.Keys = &v1alpha1.SecretKeys{ClientID: "OAUTH_ID"}
	})
	s.r.Issuer = "https://login.example.com"
	s.settle("photoprint")
	cm = s.configMap("photoprint-public")
	if cm.Data["theme"] != "dark" || cm.Data["OAUTH_ID"] != s.get("photoprint").Status.ClientID || cm.Data[v1alpha1.KeyIssuer] != s.r.Issuer {
		t.Errorf("the ConfigMap holds %v", cm.Data)
	}
	if _, old := cm.Data[v1alpha1.KeyClientID]; old {
		t.Error("the old key is still there")
	}
	if cm.Labels[v1alpha1.LabelOwnerUID] != string(oc.UID) {
		t.Errorf("labels %v", cm.Labels)
	}
}

func TestARenamedConfigMapMovesAndOneThatIsNamedNoMoreGoes(t *testing.T) {
	s := newFixture(t)
	oc := s.issued("photoprint", withMap("photoprint-public"))
	s.update("photoprint", withMap("photoprint-env"))
	s.settle("photoprint")
	s.wantWrites("create photoprint-env", "delete photoprint-public", "status photoprint")
	s.wantPublic(oc, "photoprint-env")
	s.noConfigMap("photoprint-public")

	bystander := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "bystander", Labels: map[string]string{v1alpha1.LabelOwnerUID: string(oc.UID)}}}
	s.must(s.api.Create(t.Context(), bystander))
	s.update("photoprint", withMap(""))
	s.settle("photoprint")
	s.wantWrites("delete photoprint-env", "status photoprint")
	s.noConfigMap("photoprint-env")
	if s.configMap("bystander").UID != bystander.UID {
		t.Error("a ConfigMap that only bears the label was taken away")
	}
}

// N387: a ConfigMap that is somebody else's, whatever it pretends to be.
func TestN387AConfigMapOfSomebodyElseIsNeverOverwritten(t *testing.T) {
	owner := func(apiVersion, name string, oc *v1alpha1.OAuthClient) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: apiVersion, Kind: "OAuthClient", Name: name, UID: oc.UID, Controller: new(true)}}
	}
	for name, form := range map[string]func(oc *v1alpha1.OAuthClient, theirs *corev1.ConfigMap){
		"a plain one": func(*v1alpha1.OAuthClient, *corev1.ConfigMap) {},
		"one with our label": func(oc *v1alpha1.OAuthClient, theirs *corev1.ConfigMap) {
			theirs.Labels = map[string]string{v1alpha1.LabelOwnerUID: string(oc.UID)}
		},
		"one with our owner and no label": func(oc *v1alpha1.OAuthClient, theirs *corev1.ConfigMap) {
			theirs.OwnerReferences = owner("gatehouse.dev/v1alpha1", oc.Name, oc)
		},
		"one of a client of another name": func(oc *v1alpha1.OAuthClient, theirs *corev1.ConfigMap) {
			theirs.Labels = map[string]string{v1alpha1.LabelOwnerUID: "1"}
			theirs.OwnerReferences = owner("gatehouse.dev/v1alpha1", "photostorage", oc)
			theirs.OwnerReferences[0].UID = "1"
		},
		"one of another group": func(oc *v1alpha1.OAuthClient, theirs *corev1.ConfigMap) {
			theirs.Labels = map[string]string{v1alpha1.LabelOwnerUID: string(oc.UID)}
			theirs.OwnerReferences = owner("example.com/v1", oc.Name, oc)
		},
		"one with our label and our owner, which somebody else made": func(oc *v1alpha1.OAuthClient, theirs *corev1.ConfigMap) {
			theirs.Labels = map[string]string{v1alpha1.LabelOwnerUID: string(oc.UID)}
			theirs.OwnerReferences = owner("gatehouse.dev/v1alpha1", oc.Name, oc)
		},
		"the same with an annotation that tells of other content": func(oc *v1alpha1.OAuthClient, theirs *corev1.ConfigMap) {
			theirs.Labels = map[string]string{v1alpha1.LabelOwnerUID: string(oc.UID)}
			theirs.OwnerReferences = owner("gatehouse.dev/v1alpha1", oc.Name, oc)
			theirs.Annotations = publicContentOf(inputOf(oc, observation{})).annotations()
		},
		"one with the label and the owner of a client that is gone, which somebody else made": func(oc *v1alpha1.OAuthClient, theirs *corev1.ConfigMap) {
			theirs.Labels = map[string]string{v1alpha1.LabelOwnerUID: "1"}
			theirs.OwnerReferences = owner("gatehouse.dev/v1alpha1", oc.Name, oc)
			theirs.OwnerReferences[0].UID = "1"
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			theirs := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "settings"}, Data: map[string]string{"issuer": "theirs"}}
			form(s.client("photoprint", withMap("settings")), theirs)
			s.must(s.api.Create(t.Context(), theirs))
			oc := s.settle("photoprint")
			s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonConfigMapConflict))
			writes := []string{"create photoprint-oauth", "status photoprint"} // the Secret does not wait
			if len(theirs.Labels) == 0 {
				writes = slices.Insert(writes, 1, "create settings") // which the API server refuses
			}
			s.wantWrites(writes...)
			s.wantAccepted("photoprint", metav1.ConditionTrue, string(v1alpha1.AcceptedReasonAccepted))
			if got := s.configMap("settings"); got.ResourceVersion != theirs.ResourceVersion {
				t.Error("the ConfigMap was touched")
			}
			if result, err := s.reconcile(s.r, "photoprint"); err != nil || result.RequeueAfter != foreignEvery {
				t.Errorf("result %v, error %v: nobody looks again", result, err)
			}
			s.must(s.api.Delete(t.Context(), theirs))
			s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			s.wantPublic(oc, "settings")
			if got := s.events.reasons(); !slices.Equal(got, []string{"ConfigMapConflict"}) {
				t.Errorf("events %q", got)
			}
		})
	}
}

// N387: one whose name is taken keeps what it has until the new one can be written; and of two writers at once one is refused.
func TestN387AConfigMapMovesOnlyWhereTheNameIsFree(t *testing.T) {
	s := newFixture(t)
	oc := s.issued("photoprint", withMap("photoprint-public"))
	s.client("thief", withMap("photoprint-public"))
	thief := s.subject("thief")
	if _, err := s.r.apply(t.Context(), thief, s.decide(thief, observation{})); !apierrors.IsAlreadyExists(err) {
		t.Errorf("the second create: %v", err)
	}
	s.wantReady(s.settle("thief"), metav1.ConditionFalse, string(v1alpha1.ReadyReasonConfigMapConflict))
	s.wantPublic(oc, "photoprint-public")
	s.update("thief", withMap("thief-public"))
	s.wantReady(s.settle("thief"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))

	s.update("thief", withMap("photoprint-public"))
	s.wantReady(s.settle("thief"), metav1.ConditionFalse, string(v1alpha1.ReadyReasonConfigMapConflict))
	s.wantPublic(s.get("thief"), "thief-public")
	s.wantPublic(oc, "photoprint-public")
}

// The garbage collector may be late: what the object before this one left is replaced.
func TestAClientThatIsCreatedAnewHasAConfigMapOfItsOwn(t *testing.T) {
	for name, policy := range map[string]v1alpha1.DeletionPolicy{"Delete": "", "Retain": v1alpha1.DeletionRetain} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			form := func(oc *v1alpha1.OAuthClient) { oc.Spec.DeletionPolicy = policy }
			old := s.issued("photoprint", withMap("photoprint-public"), form)
			s.must(s.api.Delete(t.Context(), old))
			_, err := s.reconcile(s.r, "photoprint")
			s.must(err)
			oc := s.client("photoprint", withMap("photoprint-public"), form)
			s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			if oc.UID == old.UID {
				t.Fatal("it is the same object")
			}
			s.wantPublic(oc, "photoprint-public")
		})
	}
}

func TestAConfigMapThatTheAPIServerRefusesIsSaid(t *testing.T) {
	s := newFixture(t)
	refuse := true
	s.r = s.reconciler(s.writes.watch(interceptor.NewClient(s.api, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if _, is := obj.(*corev1.ConfigMap); is && refuse {
				return apierrors.NewForbidden(corev1.Resource("configmaps"), obj.GetName(), nil)
			}
			return c.Create(ctx, obj, opts...)
		},
	})))
	s.client("photoprint", withMap("photoprint-public"))
	for range 2 {
		if _, err := s.reconcile(s.r, "photoprint"); !apierrors.IsForbidden(err) {
			t.Errorf("the error is %v", err)
		}
		oc := s.checked("photoprint")
		s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonConfigMapNotWritten))
		if !s.accepted(oc) {
			t.Error("what the Secret holds is not accepted")
		}
	}
	refuse = false
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
}

// A client without a Secret has nothing else to read its client ID from.
func TestAClientWithoutASecretHasAConfigMap(t *testing.T) {
	s := newFixture(t)
	oc := s.client("photoprint", withMap("photoprint-public"), func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials.Source = v1alpha1.SourcePrivateKeyJWT
		oc.Spec.Credentials.PrivateKeyJWT = &v1alpha1.PrivateKeyJWTSpec{JWKSURI: "https://photoprint.example/jwks"}
	})
	s.settle("photoprint")
	s.wantWrites("create photoprint-public", "status photoprint")
	s.wantPublic(oc, "photoprint-public")
	s.noSecret("photoprint-oauth")

	rs := s.server("photostorage", "photos.read")
	s.updateServer("photostorage", func(rs *v1alpha1.ResourceServer) { rs.Spec.Credentials.ConfigMapName = "photostorage-public" })
	s.settleServer("photostorage")
	s.wantPublic(rs, "photostorage-public")
}

// A watch tells of each change, and the cache holds no ConfigMap of others and no data of ours.
func TestAManagerKeepsConfigMapsAndCachesNoOthers(t *testing.T) {
	s := newFixture(t)
	for _, name := range []string{"a", "b"} {
		s.must(s.api.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: name}, Data: map[string]string{"x": "y"}}))
	}
	oc := s.client("photoprint", withMap("photoprint-public"))
	mgr, _ := s.start()
	cached := func() []corev1.ConfigMap {
		list := &corev1.ConfigMapList{}
		s.must(mgr.GetCache().List(t.Context(), list, client.InNamespace(s.ns)))
		return list.Items
	}
	s.eventually("the ConfigMap is in the cache", func() bool { return len(cached()) == 1 })
	for _, cm := range cached() {
		if cm.Name != "photoprint-public" || len(cm.ManagedFields) > 0 || len(cm.Data) > 0 {
			t.Errorf("the cache holds %s with %v", cm.Name, cm.Data)
		}
	}
	cm := s.configMap("photoprint-public")
	cm.Data[v1alpha1.KeyIssuer] = "https://evil.example"
	s.must(s.api.Update(t.Context(), cm, client.FieldOwner("somebody")))
	s.eventually("an edit is put right", func() bool { return s.configMap("photoprint-public").Data[v1alpha1.KeyIssuer] == issuer })
	s.must(s.api.Delete(t.Context(), cm))
	s.eventually("a deleted one comes back", func() bool {
		found := &corev1.ConfigMap{}
		err := s.api.Get(t.Context(), client.ObjectKeyFromObject(cm), found)
		return err == nil && found.UID != cm.UID
	})
	s.wantPublic(oc, "photoprint-public")
}

// With a preset the ConfigMap has the keys that the program reads, for those that are public, and none of its files.
func TestAConfigMapHasThePublicKeysOfAPreset(t *testing.T) {
	for name, want := range map[v1alpha1.SecretPreset]map[string]string{
		v1alpha1.PresetEnvFrom: {"OAUTH_CLIENT_ID": "", "OAUTH_ISSUER": issuer, "OAUTH_TOKEN_ENDPOINT": issuer + "/oauth2/token"},
		v1alpha1.PresetDotenv:  {"client-id": "", "issuer": issuer}, v1alpha1.PresetSpring: {"client-id": "", "issuer": issuer},
		v1alpha1.PresetServiceBinding: {"client-id": ""}, v1alpha1.PresetOAuth2Proxy: {"client-id": ""},
		v1alpha1.PresetArgoCD: {}, v1alpha1.PresetArgoWorkflows: {}, v1alpha1.PresetEnvoyGateway: {}, v1alpha1.PresetGitLab: {}, v1alpha1.PresetHeadlamp: {},
		v1alpha1.PresetKiali: {}, v1alpha1.PresetNginxIngressController: {},
	} {
		t.Run(string(name), func(t *testing.T) {
			s := newFixture(t)
			oc := s.issued("photoprint", withMap("public"), withPreset(name))
			cm, secret := s.wantPublic(oc, "public"), s.secret("photoprint-oauth")
			for key, value := range want {
				if value == "" {
					value = s.get("photoprint").Status.ClientID
				}
				if cm.Data[key] != value {
					t.Errorf("%s is %q, want %q", key, cm.Data[key], value)
				}
			}
			for key, value := range cm.Data {
				if string(secret.Data[key]) != value {
					t.Errorf("%s is %q, and %q in the Secret", key, value, secret.Data[key])
				}
			}
		})
	}
}

// A client that gives up its client secret keeps its ConfigMap, and gets no Secret for it.
func TestAClientThatGivesUpItsSecretKeepsItsConfigMap(t *testing.T) {
	s := newFixture(t)
	s.must(s.api.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "printer"}}))
	oc := s.issued("photoprint", withMap("public"))
	before := s.configMap("public")
	s.update("photoprint", accountsOf("printer"), withMap("public"))
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.wantWrites("delete photoprint-oauth", "status photoprint")
	s.hasNoSecret(s.get("photoprint"))
	if cm := s.wantPublic(oc, "public"); cm.ResourceVersion != before.ResourceVersion {
		t.Error("the ConfigMap was written")
	}
	if text := message(s.get("photoprint")); !strings.Contains(text, `The ConfigMap "public" holds the client ID`) {
		t.Errorf("Ready says %q", text)
	}
	s.update("photoprint", accountsOf("nobody"), withMap("elsewhere")) // it waits, and what is public is there
	s.wantReady(s.settle("photoprint"), metav1.ConditionFalse, string(v1alpha1.ReadyReasonWaitingForServiceAccount))
	s.wantPublic(oc, "elsewhere")
	s.noConfigMap("public")
}

// A prune takes the ConfigMap, and the file that is applied again brings it back.
func TestARetainedClientHasItsConfigMapAgain(t *testing.T) {
	s := newFixture(t)
	old := s.issued("photoprint", retain, withMap("public"))
	secret := s.secret("photoprint-oauth")
	s.must(s.api.Delete(t.Context(), s.configMap("public"))) // as the garbage collector does
	s.prune("photoprint")
	s.restarted()
	oc := s.client("photoprint", retain, withMap("public"))
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.wantIdentity(s.get("photoprint"), old.UID)
	s.wantPublic(oc, "public")
	if value(s.secret("photoprint-oauth")) != value(secret) {
		t.Error("the client secret is another one")
	}
	s.writes.take()
	s.settle("photoprint")
	s.wantWrites()
}

// What is not to be served keeps what it has, and gets nothing.
func TestAConfigMapFollowsWhatMayBeIssued(t *testing.T) {
	s := newFixture(t)
	s.client("other", withMap("theirs"), func(oc *v1alpha1.OAuthClient) { oc.Spec.ClassName = "second" })
	if _, err := s.reconcile(s.r, "other"); err != nil {
		t.Fatal(err)
	}
	s.noConfigMap("theirs")

	s.label(s.policy(noSkip))
	denied := s.client("denied", withMap("denied-public"), skip)
	s.wantReady(s.settle("denied"), metav1.ConditionFalse, string(v1alpha1.AcceptedReasonPolicyDenied))
	s.noConfigMap("denied-public")
	s.update("denied", func(oc *v1alpha1.OAuthClient) { oc.Spec.Consent = "" })
	s.settle("denied")
	before := s.wantPublic(denied, "denied-public")
	s.update("denied", skip, withMap("elsewhere"))
	s.wantReady(s.settle("denied"), metav1.ConditionFalse, string(v1alpha1.AcceptedReasonPolicyDenied))
	s.noConfigMap("elsewhere")
	if now := s.configMap("denied-public"); now.ResourceVersion != before.ResourceVersion {
		t.Error("the ConfigMap of a client that is denied was touched")
	}

	s.issued("photoprint", withMap("public"), func(oc *v1alpha1.OAuthClient) { oc.Finalizers = []string{"example.com/keep"} })
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Suspend = true }, withMap("suspended"))
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonSuspended))
	s.wantPublic(s.get("photoprint"), "suspended")
	s.must(s.api.Delete(t.Context(), s.get("photoprint")))
	s.must(s.api.Delete(t.Context(), s.configMap("suspended")))
	s.settle("photoprint")
	s.noConfigMap("suspended") // an object that is being deleted gets nothing any more
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Finalizers = nil })
}

// What the cache keeps of a ConfigMap that is as it was written is small, and decides the same.
func TestAConfigMapTakesLessThanAKilobyteAndAHalf(t *testing.T) {
	const clients, limit = 2000, 1500
	var small transforms
	kept := make([]*corev1.ConfigMap, 0, clients)
	before := heap()
	for n := range clients {
		oc := photoprint(withMap("public"), func(oc *v1alpha1.OAuthClient) {
			oc.Name, oc.UID = fmt.Sprintf("client-%d", n), types.UID(fmt.Sprintf("6f1f7c2e-0d0b-4a52-9d3a-%012d", n))
		})
		cm := publicContentOf(inputOf(oc, observation{})).object()
		cm.UID, cm.ResourceVersion = types.UID(fmt.Sprintf("7f1f7c2e-0d0b-4a52-9d3a-%012d", n)), fmt.Sprint(n)
		cm.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "gatehouse-" + string(oc.UID), FieldsV1: appliedFields(fmt.Sprintf(`{"f:x":"%01000d"}`, n))}}
		cm = reread(t, cm)
		for range 2 { // client-go may transform an object twice
			if _, err := small.configMap(cm); err != nil {
				t.Fatal(err)
			}
		}
		kept = append(kept, cm)
	}
	each := (heap() - before) / clients
	t.Logf("%d bytes a ConfigMap", each)
	if each > limit {
		t.Errorf("%d bytes a ConfigMap, want at most %d", each, limit)
	}
	for n, cm := range kept {
		oc := photoprint(withMap("public"), func(oc *v1alpha1.OAuthClient) {
			oc.Name, oc.UID = fmt.Sprintf("client-%d", n), types.UID(fmt.Sprintf("6f1f7c2e-0d0b-4a52-9d3a-%012d", n))
		})
		in := inputOf(oc, observation{public: cm})
		if steps := (outcome{input: in}).mapSteps(); !isMapWithoutData(cm) || len(steps) > 0 {
			t.Fatalf("an unchanged ConfigMap takes %d steps, its data is %v", len(steps), cm.Data)
		}
		in.issuer = "https://elsewhere.example"
		if steps := (outcome{input: in}).mapSteps(); len(steps) != 1 {
			t.Fatalf("one that is to be changed takes %d steps", len(steps))
		}
	}
	runtime.KeepAlive(&small)
}
