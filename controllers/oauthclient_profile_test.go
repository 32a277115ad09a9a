// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// profiles are all there are, with the key their client secrets come from.
var profiles = []struct {
	profile v1alpha1.Profile
	root    func(keyPair) credential.Key
}{
	{v1alpha1.ProfileOAuth2, func(k keyPair) credential.Key { return k.root }},
	{v1alpha1.ProfileOAuth1, func(k keyPair) credential.Key { return credential.SignedRoot(k.shared) }},
	{v1alpha1.ProfileConnectionsCloudOAuth2, func(k keyPair) credential.Key { return k.root }},
	{v1alpha1.ProfileConnectionsCloudOAuth1, func(k keyPair) credential.Key { return credential.SignedRoot(k.shared) }},
	{v1alpha1.ProfileIntegrationCloud, func(k keyPair) credential.Key { return k.root }},
}

func of(profile v1alpha1.Profile) func(*v1alpha1.OAuthClient) {
	return func(oc *v1alpha1.OAuthClient) { oc.Spec.Profile = profile }
}

func TestInEveryProfileTheSecretIsDerivedFromItsKeyInTwoWrites(t *testing.T) {
	for _, row := range profiles {
		t.Run(string(row.profile), func(t *testing.T) {
			s := newFixture(t)
			s.client("photoprint", of(row.profile))
			oc := s.settle("photoprint")
			s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			s.wantWrites("create photoprint-oauth", "status photoprint")

			id := oc.Status.Credentials[0].ID
			want := credential.Derive(row.root(s.pair), string(oc.UID), id)
			if got := string(s.secret("photoprint-oauth").Data[v1alpha1.KeyClientSecret]); got != want {
				t.Error("the Secret holds another client secret")
			}
			if !credential.Verify(s.pair.shared, string(oc.UID), id, want, oc.Status.Credentials[0].Verifier) {
				t.Error("the verifier in the status does not prove it")
			}
			s.settle("photoprint")
			s.wantWrites()
		})
	}
}

func TestTheSecretOfASignedClientComesBackAsItWas(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint", of(v1alpha1.ProfileOAuth1))
	before := s.secret("photoprint-oauth")
	s.must(s.api.Delete(t.Context(), before.DeepCopy()))
	s.settle("photoprint")
	if diff := cmp.Diff(before.Data, s.secret("photoprint-oauth").Data); diff != "" {
		t.Error("deleted, it came back with other data")
	}
	s.edit("photoprint-oauth", func(secret *corev1.Secret) { secret.Data[v1alpha1.KeyClientSecret] = []byte("x") })
	s.settle("photoprint")
	if diff := cmp.Diff(before.Data, s.secret("photoprint-oauth").Data); diff != "" {
		t.Error("edited, it came back with other data")
	}
}

// The authorization server derives a signed client's secret itself. With another shared key it would derive another one.
func TestASignedClientIsReadyOnlyWithTheKeyItsSecretCameFrom(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint", of(v1alpha1.ProfileOAuth1))
	s.events.reasons()

	s.keys.use(keyPair{root: credential.NewKey(), shared: s.pair.shared})
	s.settle("photoprint")
	s.wantWrites() // the root key is nothing to it

	s.keys.use(keyPair{root: s.pair.root, shared: credential.NewKey()})
	s.wantReady(s.settle("photoprint"), metav1.ConditionFalse, string(v1alpha1.ReadyReasonKeyMismatch))
	s.wantWrites("status photoprint")
	s.settle("photoprint")
	s.wantWrites()

	s.update("photoprint", func(oc *v1alpha1.OAuthClient) {
		metav1.SetMetaDataAnnotation(&oc.ObjectMeta, v1alpha1.AnnotationResetCredentials, "1")
	})
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.wantWrites("dry-run apply photoprint-oauth", "status photoprint", "patch photoprint-oauth", "apply photoprint-oauth", "status photoprint")
}

// For a client that sends its secret, any secret that the verifier proves is accepted. A signed client's has to be the derived one.
func TestASecretThatIsOnlyProvenDoesNotMakeASignedClientReady(t *testing.T) {
	for _, row := range []struct {
		profile v1alpha1.Profile
		status  metav1.ConditionStatus
		reason  string
	}{
		{v1alpha1.ProfileOAuth2, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued)},
		{v1alpha1.ProfileOAuth1, metav1.ConditionFalse, string(v1alpha1.ReadyReasonKeyMismatch)},
		{v1alpha1.ProfileConnectionsCloudOAuth1, metav1.ConditionFalse, string(v1alpha1.ReadyReasonKeyMismatch)},
	} {
		t.Run(string(row.profile), func(t *testing.T) {
			oc := photoprint(of(row.profile), ready)
			oc.Status.Credentials[0].Verifier = credential.Verifier(fixed(2), string(uid), oldN, "chosen elsewhere")
			held := heldBy(oc, oldN, func(s *corev1.Secret) { s.Data[v1alpha1.KeyClientSecret] = []byte("chosen elsewhere") })
			got := decide(inputOf(oc, observation{secret: held}))
			if len(got.steps) != 1 || got.steps[0].status == nil {
				t.Fatalf("steps %v, want the status alone", linesOf(got))
			}
			if c := meta.FindStatusCondition(got.steps[0].status.Conditions, string(v1alpha1.ConditionReady)); c.Status != row.status || c.Reason != row.reason {
				t.Errorf("Ready=%s/%s, want %s/%s", c.Status, c.Reason, row.status, row.reason)
			}
		})
	}
}

func TestTheSecretHoldsTheEndpointsOfItsProfile(t *testing.T) {
	for _, row := range []struct {
		name   string
		change []func(*v1alpha1.OAuthClient)
		want   map[string]string
	}{
		{"OAuth1", []func(*v1alpha1.OAuthClient){of(v1alpha1.ProfileOAuth1)}, map[string]string{
			"request-token-endpoint": issuer + "/oauth1/request-token", "authorization-endpoint": issuer + "/oauth1/authorize",
			"access-token-endpoint": issuer + "/oauth1/access-token", "revocation-endpoint": issuer + "/oauth1/revoke",
		}},
		{"ConnectionsCloudOAuth2", []func(*v1alpha1.OAuthClient){of(v1alpha1.ProfileConnectionsCloudOAuth2)}, map[string]string{
			"authorization-endpoint": issuer + "/manage/oauth2/authorize", "token-endpoint": issuer + "/manage/oauth2/token",
			"identity-endpoint": issuer + "/manage/oauth/getUserIdentity",
		}},
		{"ConnectionsCloudOAuth1", []func(*v1alpha1.OAuthClient){of(v1alpha1.ProfileConnectionsCloudOAuth1)}, map[string]string{
			"request-token-endpoint": issuer + "/manage/oauth/getRequestToken", "authorization-endpoint": issuer + "/manage/oauth/authorizeToken",
			"access-token-endpoint": issuer + "/manage/oauth/getAccessToken", "identity-endpoint": issuer + "/manage/oauth/getUserIdentity",
		}},
		{"IntegrationCloud", []func(*v1alpha1.OAuthClient){of(v1alpha1.ProfileIntegrationCloud)}, map[string]string{
			"authorization-endpoint": issuer + "/integration/rest/oAuth/authorize", "token-endpoint": issuer + "/integration/rest/oAuth/getToken",
		}},
		{"OAuth2", nil, map[string]string{
			"authorization-endpoint": issuer + "/oauth2/authorize", "token-endpoint": issuer + "/oauth2/token",
			"revocation-endpoint": issuer + "/oauth2/revoke", "introspection-endpoint": issuer + "/oauth2/introspect",
			"userinfo-endpoint": issuer + "/oauth2/userinfo", "jwks-uri": issuer + "/oauth2/keys", "end-session-endpoint": issuer + "/oauth2/logout",
		}},
		{"with a key renamed", []func(*v1alpha1.OAuthClient){of(v1alpha1.ProfileIntegrationCloud), func(oc *v1alpha1.OAuthClient) {
			oc.Spec.Credentials.SecretTemplate.Keys = &v1alpha1.SecretKeys{TokenEndpoint: "TOKEN", IdentityEndpoint: "IDENTITY"}
		}}, map[string]string{
			"authorization-endpoint": issuer + "/integration/rest/oAuth/authorize", "TOKEN": issuer + "/integration/rest/oAuth/getToken",
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.want["client-id"], row.want["client-secret"], row.want["issuer"] = "photos.photoprint", "s", issuer
			got := map[string]string{}
			for key, value := range dataOf(inputOf(photoprint(row.change...), observation{}), "s", "") {
				got[key] = string(value)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestSuspendingAClientOfIntegrationCloudEndsWhatItHas(t *testing.T) {
	s := newFixture(t)
	suspend := func(to bool) func(*v1alpha1.OAuthClient) {
		return func(oc *v1alpha1.OAuthClient) { oc.Spec.Suspend = to }
	}
	oc := s.issued("integrator", of(v1alpha1.ProfileIntegrationCloud))
	if oc.Status.ValidAfter != nil {
		t.Fatalf("a client that works has validAfter %s", oc.Status.ValidAfter)
	}
	wantValidAfter := func(want time.Time) {
		t.Helper()
		if got := s.get("integrator").Status.ValidAfter; got == nil || !got.Time.Equal(want) {
			t.Fatalf("validAfter %v, want %v", got, want)
		}
	}

	// The moment is in the middle of a second; a token of the same second shall not outlive it.
	s.clock.advance(time.Hour + 300*time.Millisecond)
	first := s.clock.Now().Truncate(time.Second).Add(time.Second)
	s.update("integrator", suspend(true))
	s.wantReady(s.settle("integrator"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonSuspended))
	s.wantWrites("status integrator", "patch integrator-oauth", "apply integrator-oauth") // the record in the Secret follows
	wantValidAfter(first)

	s.clock.advance(time.Hour)
	s.settle("integrator")
	s.wantWrites() // it was suspended once
	s.update("integrator", suspend(false))
	s.wantReady(s.settle("integrator"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	wantValidAfter(first) // what was dead stays dead

	s.clock.advance(time.Hour)
	second := s.clock.Now().Truncate(time.Second).Add(time.Second)
	s.update("integrator", suspend(true))
	s.settle("integrator")
	wantValidAfter(second)

	s.clock.advance(-24 * time.Hour)
	s.update("integrator", suspend(false))
	s.update("integrator", suspend(true))
	s.settle("integrator")
	wantValidAfter(second) // a clock that was set back revives nothing
}

// N320: a suspension that ends grants comes before the Secret of a rotation, and the end of the old client secret does not.
func TestN320ASuspensionInARotationGivesNoEndBeforeTheSecretIsWritten(t *testing.T) {
	s := newFixture(t)
	s.issued("integrator", of(v1alpha1.ProfileIntegrationCloud))
	old := s.valueOf("integrator")
	s.update("integrator", rotation("1"))
	s.once("integrator")
	s.clock.advance(publishLag)
	s.update("integrator", func(oc *v1alpha1.OAuthClient) { oc.Spec.Suspend = true })
	away := s.reconciler(failing[*corev1.Secret, *appliedSecret](s.api, func() error { return apierrors.NewTimeoutError("etcd is slow", 1) }))
	if _, err := s.reconcile(away, "integrator"); err == nil {
		t.Fatal("the Secret was written")
	}
	oc := s.get("integrator")
	if oc.Status.ValidAfter == nil || len(oc.Status.Credentials) != 2 || oc.Status.Credentials[0].ExpiresAt != nil {
		t.Errorf("validAfter %v, credentials %+v", oc.Status.ValidAfter, oc.Status.Credentials)
	}
	if s.valueOf("integrator") != old {
		t.Error("the Secret has the new client secret")
	}
	s.restarted()
	if oc = s.settle("integrator"); oc.Status.Credentials[0].ExpiresAt == nil || s.valueOf("integrator") == old {
		t.Errorf("the rotation did not go on: %+v", oc.Status.Credentials)
	}
}

func TestAResetEndsWhatAClientOfConnectionsCloudHas(t *testing.T) {
	for _, row := range profiles {
		s := newFixture(t)
		before := s.issued("album", of(row.profile))
		s.clock.advance(time.Hour + 300*time.Millisecond)
		s.update("album", func(oc *v1alpha1.OAuthClient) {
			oc.Annotations = map[string]string{v1alpha1.AnnotationResetCredentials: "again"}
		})
		oc := s.settle("album")
		s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
		if oc.Status.Credentials[0].ID == before.Status.Credentials[0].ID {
			t.Errorf("%s: nothing was reset", row.profile)
		}
		got, want := oc.Status.ValidAfter, s.clock.Now().Truncate(time.Second).Add(time.Second)
		if ends := row.profile.ResetEndsGrants(); ends != (got != nil) || ends && !got.Time.Equal(want) {
			t.Errorf("%s: validAfter is %v, grants end: %t", row.profile, got, ends)
		}
	}
}

func TestASuspensionIsNotedWhateverElseIsWrong(t *testing.T) {
	s := newFixture(t)
	s.issued("integrator", of(v1alpha1.ProfileIntegrationCloud))
	s.keys.use(keyPair{root: s.pair.root, shared: credential.NewKey()})
	s.update("integrator", func(oc *v1alpha1.OAuthClient) { oc.Spec.Suspend = true })
	oc := s.settle("integrator")
	s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonKeyMismatch))
	if oc.Status.ValidAfter == nil {
		t.Error("its tokens are good once it is resumed")
	}
	s.writes.reset()
	s.clock.advance(time.Minute)
	s.settle("integrator")
	s.wantWrites()
}

func TestSuspendingAClientOfAnotherProfileKeepsItsGrants(t *testing.T) {
	for _, row := range profiles {
		oc := photoprint(of(row.profile), ready, func(oc *v1alpha1.OAuthClient) { oc.Spec.Suspend, oc.Generation = true, 2 })
		written := 0
		for _, step := range decide(inputOf(oc, observation{})).steps {
			if step.status == nil {
				continue
			}
			written++
			ends := row.profile == v1alpha1.ProfileIntegrationCloud
			if got := step.status.ValidAfter != nil; got != ends {
				t.Errorf("%s: grants end: %t, want %t", row.profile, got, ends)
			}
			c := meta.FindStatusCondition(step.status.Conditions, string(v1alpha1.ConditionReady))
			if said := strings.Contains(c.Message, "have ended"); c.Reason != string(v1alpha1.ReadyReasonSuspended) || said != ends {
				t.Errorf("%s: says %s %q", row.profile, c.Reason, c.Message)
			}
		}
		if written != 1 {
			t.Errorf("%s: the status is written %d times", row.profile, written)
		}
	}
}
