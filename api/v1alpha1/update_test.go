// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

const (
	profileMessage  = "profile must stay as it was: create another OAuthClient for another profile"
	typeMessage     = "type must stay as it was: create another OAuthClient for the other type"
	clientIDMessage = "clientID must stay as it was: create another OAuthClient for another client ID"
)

// newClient is the smallest OAuthClient, in a namespace of its own.
func newClient(t *testing.T, env *testenv.Env) *v1alpha1.OAuthClient {
	t.Helper()
	return &v1alpha1.OAuthClient{
		ObjectMeta: metav1.ObjectMeta{Namespace: env.Namespace(t), Name: "photoprint"},
		Spec:       v1alpha1.OAuthClientSpec{CallbackURLs: []string{"https://photoprint.example/callback"}},
	}
}

// patch changes the object by a JSON merge patch, as `kubectl patch --type=merge` does.
func patch(t *testing.T, env *testenv.Env, oc *v1alpha1.OAuthClient, text string) error {
	t.Helper()
	return env.Client.Patch(t.Context(), oc, client.RawPatch(types.MergePatchType, []byte(text)))
}

func TestImmutableFieldsStay(t *testing.T) {
	env := testenv.Start(t)
	type spec = v1alpha1.OAuthClientSpec
	for _, test := range []struct {
		name           string
		created        spec
		patch, message string
	}{
		{"confidential to public", spec{Type: "Confidential"}, `{"spec":{"type":"Public"}}`, typeMessage},
		{"public to confidential", spec{Type: "Public"}, `{"spec":{"type":"Confidential"}}`, typeMessage},
		{"public to the default by removal", spec{Type: "Public"}, `{"spec":{"type":null}}`, typeMessage},
		{"OAuth2 to OAuth1", spec{Profile: "OAuth2"}, `{"spec":{"profile":"OAuth1"}}`, profileMessage},
		{"OAuth1 to OAuth2", spec{Profile: "OAuth1"}, `{"spec":{"profile":"OAuth2"}}`, profileMessage},
		{"OAuth1 to the default by removal", spec{Profile: "OAuth1"}, `{"spec":{"profile":null}}`, profileMessage},
		{"one old profile to another", spec{Profile: "ConnectionsCloudOAuth2"}, `{"spec":{"profile":"IntegrationCloud"}}`, profileMessage},
		{"one client ID to another", spec{ClientID: "app_1"}, `{"spec":{"clientID":"app_2"}}`, clientIDMessage},
		{"a client ID removed", spec{ClientID: "app_1"}, `{"spec":{"clientID":null}}`, clientIDMessage},
		{"a client ID added", spec{}, `{"spec":{"clientID":"app_1"}}`, clientIDMessage},
	} {
		t.Run(test.name, func(t *testing.T) {
			oc := newClient(t, env)
			test.created.CallbackURLs = oc.Spec.CallbackURLs
			oc.Spec = test.created
			if err := env.Client.Create(t.Context(), oc); err != nil {
				t.Fatal(err)
			}
			wantOneCause(t, patch(t, env, oc, test.patch), test.message)
		})
	}
}

func TestAClientOfAnOldServerMayChangeWhatMayChange(t *testing.T) {
	env := testenv.Start(t)
	for _, test := range []struct {
		name    string
		profile v1alpha1.Profile
		patch   string
	}{
		{"signature methods", v1alpha1.ProfileOAuth1, `{"spec":{"oauth1":{"signatureMethods":["PLAINTEXT"]}}}`},
		{"out of band", v1alpha1.ProfileConnectionsCloudOAuth1, `{"spec":{"oauth1":{"outOfBand":true},"callbackURLs":null}}`},
		{"secrets in the URL", v1alpha1.ProfileConnectionsCloudOAuth1, `{"spec":{"legacy":{"allowSecretInURLUntil":"2027-06-30T00:00:00Z"}}}`},
		{"secrets in the header", v1alpha1.ProfileConnectionsCloudOAuth2,
			`{"spec":{"legacy":{"allowSecretInAuthorizationHeaderUntil":"2027-06-30T00:00:00Z"}}}`},
		{"the refresh limit", v1alpha1.ProfileIntegrationCloud, `{"spec":{"refreshLimit":0}}`},
		{"profile and client ID named as they are", v1alpha1.ProfileIntegrationCloud, `{"spec":{"profile":"IntegrationCloud","clientID":"app_1"}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			oc := newClient(t, env)
			oc.Spec.Profile, oc.Spec.ClientID = test.profile, "app_1"
			if err := env.Client.Create(t.Context(), oc); err != nil {
				t.Fatal(err)
			}
			if err := patch(t, env, oc, test.patch); err != nil {
				t.Error(err)
			}
		})
	}
}

// What the API server accepts must be readable: one object that is not would hide all others from the operator.
func TestEveryAcceptedTimeCanBeRead(t *testing.T) {
	env := testenv.Start(t)
	for _, text := range []string{"2027-06-30T00:00:00Z", "2027-06-30T23:59:59+14:00", "2028-02-29T00:00:00-00:00", "9999-12-31T23:59:59Z"} {
		t.Run(text, func(t *testing.T) {
			oc := newClient(t, env)
			oc.Spec.Profile = v1alpha1.ProfileIntegrationCloud
			oc.Spec.Legacy.AllowSecretInURLUntil = text
			if err := env.Client.Create(t.Context(), oc); err != nil {
				t.Fatal(err)
			}
			if _, err := time.Parse(time.RFC3339, oc.Spec.Legacy.AllowSecretInURLUntil); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFieldsThatMayChange(t *testing.T) {
	env := testenv.Start(t)
	for _, test := range []struct{ name, patch string }{
		{"type and profile named as they are by default", `{"spec":{"type":"Confidential","profile":"OAuth2"}}`},
		{"callbackURLs", `{"spec":{"callbackURLs":["https://photoprint.example/other"]}}`},
		{"grantTypes", `{"spec":{"grantTypes":["ClientCredentials"]}}`},
		{"secretName", `{"spec":{"credentials":{"secretName":"other"}}}`},
		{"suspend", `{"spec":{"suspend":true}}`},
		{"resourceServer", `{"spec":{"resourceServer":{"scopes":[{"name":"photos.read","description":"See your photos"}]}}}`},
		{"grantDurationDays", `{"spec":{"grantDurationDays":1}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			oc := newClient(t, env)
			if err := env.Client.Create(t.Context(), oc); err != nil {
				t.Fatal(err)
			}
			if err := patch(t, env, oc, test.patch); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDefaultsAreFilledIn(t *testing.T) {
	env := testenv.Start(t)
	oc := newClient(t, env)
	if err := env.Client.Create(t.Context(), oc); err != nil {
		t.Fatal(err)
	}
	want := v1alpha1.OAuthClientSpec{
		CallbackURLs:      []string{"https://photoprint.example/callback"},
		GrantDurationDays: 90,
		Profile:           v1alpha1.ProfileOAuth2,
		Type:              v1alpha1.ClientTypeConfidential,
		GrantTypes:        []v1alpha1.GrantType{v1alpha1.GrantTypeAuthorizationCode, v1alpha1.GrantTypeRefreshToken},
		Consent:           v1alpha1.ConsentRemember,
		Entitlement:       v1alpha1.EntitlementBound,
	}
	if diff := cmp.Diff(want, oc.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
}

// The API server bounds what the rules may cost at run time too. The object has as much of everything as the schema allows.
func TestTheLargestObjectIsWithinTheCostLimit(t *testing.T) {
	env := testenv.Start(t)
	oc := newClient(t, env)
	oc.Name = strings.Repeat("n", 189)
	oc.Spec = v1alpha1.OAuthClientSpec{
		DisplayName:  strings.Repeat("写", 64),
		Description:  strings.Repeat("写", 256),
		CallbackURLs: many(16, func(id string) string { return pad("https://photoprint.example/"+id, 512) }),
		Scopes:       many(20, func(id string) v1alpha1.Scope { return v1alpha1.Scope(pad(id, 64)) }),
		ResourceServer: &v1alpha1.ResourceServer{Scopes: many(32, func(id string) v1alpha1.ScopeDeclaration {
			return v1alpha1.ScopeDeclaration{Name: v1alpha1.Scope(pad(id, 64)), Description: strings.Repeat("写", 128)}
		})},
		Credentials: v1alpha1.CredentialsSpec{SecretName: strings.Repeat("s", 253), SecretTemplate: v1alpha1.SecretTemplate{
			Labels: map[string]string{}, Annotations: map[string]string{}, Keys: map[string]string{},
		}},
		ClientID: strings.Repeat("c", 128),
	}
	for _, name := range many(32, func(id string) string { return pad(longPrefix+id, len(longPrefix)+63) }) {
		oc.Spec.Credentials.SecretTemplate.Labels[name] = strings.Repeat("v", 63)
		oc.Spec.Credentials.SecretTemplate.Annotations[name] = strings.Repeat("v", 4096)
	}
	for _, key := range standardKeys() {
		oc.Spec.Credentials.SecretTemplate.Keys[key] = pad(key, 253)
	}
	if err := env.Client.Create(t.Context(), oc, strict); err != nil {
		t.Error(err)
	}
}

// The old profiles have rules of their own, one of which compares each scope with each other.
func TestTheLargestObjectOfAnOldProfileIsWithinTheCostLimit(t *testing.T) {
	env := testenv.Start(t)
	oc := newClient(t, env)
	oc.Spec.Profile = v1alpha1.ProfileIntegrationCloud
	oc.Spec.Scopes = many(20, func(id string) v1alpha1.Scope { return v1alpha1.Scope(pad(id, 64)) })
	oc.Spec.Legacy.AllowSecretInURLUntil = "2027-06-30T00:00:00+00:00"
	if err := env.Client.Create(t.Context(), oc, strict); err != nil {
		t.Error(err)
	}
}

// longPrefix is the longest prefix of a label's name.
var longPrefix = pad("example.", 253) + "/"

// many makes n values of different IDs.
func many[T any](n int, of func(id string) T) []T {
	values := make([]T, 0, n)
	for i := range n {
		values = append(values, of(string(rune('A'+i/26))+string(rune('a'+i%26))))
	}
	return values
}

// pad fills s up to n bytes.
func pad(s string, n int) string { return s + strings.Repeat("a", n-len(s)) }
