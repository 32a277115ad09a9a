// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// newClient is the smallest OAuthClient, in a namespace of its own.
func newClient(t *testing.T, env *testenv.Env) *v1alpha1.OAuthClient {
	t.Helper()
	return &v1alpha1.OAuthClient{
		ObjectMeta: metav1.ObjectMeta{Namespace: env.Namespace(t), Name: "photoprint"},
		Spec:       v1alpha1.OAuthClientSpec{CallbackURLs: []v1alpha1.CallbackURL{"https://photoprint.example/callback"}},
	}
}

// patch changes the object by a JSON merge patch, as `kubectl patch --type=merge` does.
func patch(t *testing.T, env *testenv.Env, oc *v1alpha1.OAuthClient, text string) error {
	t.Helper()
	return env.Client.Patch(t.Context(), oc, client.RawPatch(types.MergePatchType, []byte(text)))
}

const (
	// What it costs to create the object again under its name.
	costOfDelete = ". To delete this one and create it again ends its client secret, approvals and tokens: applications need the new Secret, and owners are asked again"
	costOfRetain = ". With deletionPolicy Retain, Secret, approvals and tokens are kept for a client of the same profile, client type and client ID only: " +
		"to change it under this name, delete the Secret too, which ends them"

	profileMessage   = "profile must stay as it was: create another OAuthClient for another profile" + costOfDelete
	typeMessage      = "clientType must stay as it was: create another OAuthClient for the other type" + costOfDelete
	clientIDMessage  = "clientID must stay as it was: create another OAuthClient for another client ID" + costOfDelete
	sectorMessage    = "the sector of Pairwise subjects must stay as it was, or everybody is somebody new for the application: write the host of before as oauth2.openID.sectorIdentifier, leave subjectType as it was, or create another OAuthClient"
	classMessage     = "className must stay as it was: create another OAuthClient for another class" + costOfDelete
	classMessageOfRS = "className must stay as it was: create another ResourceServer for another class"
)

// immutable are changes that are refused. The API server compares effective values: absent, empty and the default are one.
var immutable = []struct {
	name           string
	created        client.Object
	patch, message string
}{
	{"confidential to public", ofType("Confidential"), `{"oauth2":{"clientType":"Public"}}`, typeMessage},
	{"the default to public", ofType(""), `{"oauth2":{"clientType":"Public"}}`, typeMessage},
	{"public to confidential", ofType("Public"), `{"oauth2":{"clientType":"Confidential"}}`, typeMessage},
	{"public to the default by removal", ofType("Public"), `{"oauth2":null}`, typeMessage},
	{"public to the default by an empty string", ofType("Public"), `{"oauth2":{"clientType":""}}`, typeMessage},
	{"public to confidential, old profile", oauthClient(v1alpha1.OAuthClientSpec{Profile: "IntegrationCloud",
		IntegrationCloud: &v1alpha1.IntegrationCloudSpec{ClientType: "Public"}}), `{"integrationCloud":null}`, typeMessage},
	{"OAuth2 to OAuth1", ofProfile("OAuth2"), `{"profile":"OAuth1"}`, profileMessage},
	{"the default to OAuth1", ofProfile(""), `{"profile":"OAuth1"}`, profileMessage},
	{"OAuth1 to OAuth2", ofProfile("OAuth1"), `{"profile":"OAuth2"}`, profileMessage},
	{"OAuth1 to the default by removal", ofProfile("OAuth1"), `{"profile":null}`, profileMessage},
	{"OAuth1 to the default by an empty string", ofProfile("OAuth1"), `{"profile":""}`, profileMessage},
	{"one old profile to another", ofProfile("ConnectionsCloudOAuth2"), `{"profile":"IntegrationCloud"}`, profileMessage},
	{"one client ID to another", ofClientID("app_1"), `{"clientID":"app_2"}`, clientIDMessage},
	{"a client ID removed", ofClientID("app_1"), `{"clientID":null}`, clientIDMessage},
	{"a client ID emptied", ofClientID("app_1"), `{"clientID":""}`, clientIDMessage},
	{"a client ID added", ofClientID(""), `{"clientID":"app_1"}`, clientIDMessage},
	{"one class to another", oauthClient(v1alpha1.OAuthClientSpec{ClassName: "blue"}), `{"className":"green"}`, classMessage},
	{"a class removed", oauthClient(v1alpha1.OAuthClientSpec{ClassName: "blue"}), `{"className":null}`, classMessage},
	{"a class added", oauthClient(v1alpha1.OAuthClientSpec{}), `{"className":"blue"}`, classMessage},
	{"another client ID, with Retain", oauthClient(v1alpha1.OAuthClientSpec{ClientID: "app_1", DeletionPolicy: "Retain"}), `{"clientID":"app_2"}`,
		strings.Replace(clientIDMessage, costOfDelete, costOfRetain, 1)},
	{"another type, with Retain", oauthClient(v1alpha1.OAuthClientSpec{DeletionPolicy: "Retain"}), `{"oauth2":{"clientType":"Public"}}`,
		strings.Replace(typeMessage, costOfDelete, costOfRetain, 1)},
	{"another class, with Retain", oauthClient(v1alpha1.OAuthClientSpec{DeletionPolicy: "Retain"}), `{"className":"blue"}`,
		strings.Replace(classMessage, costOfDelete, costOfRetain, 1)},
	{"another profile, and Retain given up at once", oauthClient(v1alpha1.OAuthClientSpec{DeletionPolicy: "Retain"}), `{"profile":"OAuth1","deletionPolicy":"Delete"}`,
		strings.Replace(profileMessage, costOfDelete, costOfRetain, 1)},
	{"another profile, and Retain asked for at once", ofProfile(""), `{"profile":"OAuth1","deletionPolicy":"Retain"}`, profileMessage},
	{"N293 public subjects to pairwise", ofSector("", ""), `{"oauth2":{"openID":{"subjectType":"Pairwise"}}}`, sectorMessage},
	{"N293 pairwise subjects to public", ofSector("Pairwise", ""), `{"oauth2":{"openID":{"subjectType":"Public"}}}`, sectorMessage},
	{"N293 pairwise subjects to the default by removal", ofSector("Pairwise", ""), `{"oauth2":{"openID":null}}`, sectorMessage},
	{"N293 pairwise subjects and their sector removed", ofSector("Pairwise", "prints.example"), `{"oauth2":null}`, sectorMessage},
	{"N293 one sector to another", ofSector("Pairwise", "prints.example"), `{"oauth2":{"openID":{"sectorIdentifier":"photos.example"}}}`, sectorMessage},
	{"N293 a sector named that is another", ofSector("Pairwise", ""), `{"oauth2":{"openID":{"sectorIdentifier":"prints.example"}}}`, sectorMessage},
	{"N293 the callbacks moved to another host", ofSector("Pairwise", ""), `{"callbackURLs":["https://prints.example/callback"]}`, sectorMessage},
	{"one class to another, API", resourceServer("blue"), `{"className":"green"}`, classMessageOfRS},
	{"a class emptied, API", resourceServer("blue"), `{"className":""}`, classMessageOfRS},
	{"a class added, API", resourceServer(""), `{"className":"green"}`, classMessageOfRS},
}

func TestImmutableFieldsStay(t *testing.T) {
	env := testenv.Start(t)
	for _, test := range immutable {
		t.Run(test.name, func(t *testing.T) {
			object := test.created.DeepCopyObject().(client.Object)
			object.SetNamespace(env.Namespace(t))
			if err := env.Client.Create(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			wantOneCause(t, patchSpec(t, env, object, test.patch), test.message)
		})
	}
}

// Absent, empty and the default mean the same, so none of them is a change.
func TestSpellingAnEffectiveValueOtherwiseIsNoChange(t *testing.T) {
	env := testenv.Start(t)
	for _, test := range []struct {
		name    string
		created client.Object
		patches []string
	}{
		{"profile", ofProfile(""), []string{`{"profile":"OAuth2"}`, `{"profile":null}`, `{"profile":""}`}},
		{"client type", ofType(""), []string{`{"oauth2":{"clientType":"Confidential"}}`, `{"oauth2":{"clientType":""}}`, `{"oauth2":null}`}},
		{"client ID and class", ofClientID(""), []string{`{"clientID":"","className":""}`, `{"clientID":null,"className":null}`}},
		{"subject type", ofSector("", ""), []string{`{"oauth2":{"openID":{"subjectType":"Public"}}}`, `{"oauth2":{"openID":{"subjectType":""}}}`, `{"oauth2":null}`}},
		{"sector", ofSector("Pairwise", ""), []string{
			`{"callbackURLs":["https://photoprint.example:8443/other","https://photoprint.example/callback"]}`,
			`{"oauth2":{"openID":{"sectorIdentifier":""}}}`, `{"oauth2":{"openID":{"sectorIdentifier":"photoprint.example"}}}`,
			`{"callbackURLs":["https://prints.example/callback","http://localhost/callback"]}`,
		}},
		{"class, API", resourceServer(""), []string{`{"className":""}`, `{"className":null}`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			object := test.created.DeepCopyObject().(client.Object)
			object.SetNamespace(env.Namespace(t))
			if err := env.Client.Create(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			for _, patch := range test.patches {
				if err := patchSpec(t, env, object, patch); err != nil {
					t.Errorf("%s: %v", patch, err)
				}
			}
		})
	}
}

// oauthClient is an OAuthClient of this spec with a callback URL.
func oauthClient(spec v1alpha1.OAuthClientSpec) *v1alpha1.OAuthClient {
	spec.CallbackURLs = []v1alpha1.CallbackURL{"https://photoprint.example/callback"}
	return &v1alpha1.OAuthClient{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "OAuthClient"},
		ObjectMeta: metav1.ObjectMeta{Name: "photoprint"}, Spec: spec,
	}
}

func ofType(clientType v1alpha1.ClientType) *v1alpha1.OAuthClient {
	return oauthClient(v1alpha1.OAuthClientSpec{OAuth2: &v1alpha1.OAuth2Spec{ClientType: clientType}})
}

func ofProfile(profile v1alpha1.Profile) *v1alpha1.OAuthClient {
	return oauthClient(v1alpha1.OAuthClientSpec{Profile: profile})
}

func ofClientID(id v1alpha1.ClientID) *v1alpha1.OAuthClient {
	return oauthClient(v1alpha1.OAuthClientSpec{ClientID: id})
}

func ofSector(kind v1alpha1.SubjectType, sector v1alpha1.SectorIdentifier) *v1alpha1.OAuthClient {
	return oauthClient(v1alpha1.OAuthClientSpec{OAuth2: &v1alpha1.OAuth2Spec{OpenID: &v1alpha1.OpenIDSpec{SubjectType: kind, SectorIdentifier: sector}}})
}

func resourceServer(class v1alpha1.ClassName) *v1alpha1.ResourceServer {
	return &v1alpha1.ResourceServer{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ResourceServer"},
		ObjectMeta: metav1.ObjectMeta{Name: "photostorage"},
		Spec: v1alpha1.ResourceServerSpec{ClassName: class, Scopes: []v1alpha1.ScopeDeclaration{
			{Name: "photos.read", Description: "See your photos"},
		}},
	}
}

// patchSpec changes the spec of the object by a JSON merge patch.
func patchSpec(t *testing.T, env *testenv.Env, object client.Object, text string) error {
	t.Helper()
	return env.Client.Patch(t.Context(), object, client.RawPatch(types.MergePatchType, []byte(`{"spec":`+text+`}`)))
}

func TestAClientOfAnOldServerMayChangeWhatMayChange(t *testing.T) {
	env := testenv.Start(t)
	for _, test := range []struct {
		name    string
		profile v1alpha1.Profile
		patch   string
	}{
		{"signature methods", v1alpha1.ProfileOAuth1, `{"spec":{"oauth1":{"signatureMethods":["PLAINTEXT"]}}}`},
		{"out of band", v1alpha1.ProfileConnectionsCloudOAuth1, `{"spec":{"connectionsCloud":{"outOfBand":true},"callbackURLs":null}}`},
		{"secrets in the URL", v1alpha1.ProfileConnectionsCloudOAuth1, `{"spec":{"connectionsCloud":{"allowSecretInURLUntil":"2027-06-30T00:00:00Z"}}}`},
		{"secrets in the header", v1alpha1.ProfileConnectionsCloudOAuth2,
			`{"spec":{"connectionsCloud":{"allowSecretInAuthorizationHeaderUntil":"2027-06-30T00:00:00Z"}}}`},
		{"the refresh limit", v1alpha1.ProfileIntegrationCloud, `{"spec":{"integrationCloud":{"refreshLimit":0}}}`},
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
			oc.Spec.IntegrationCloud = &v1alpha1.IntegrationCloudSpec{AllowSecretInURLUntil: v1alpha1.Instant(text)}
			if err := env.Client.Create(t.Context(), oc); err != nil {
				t.Fatal(err)
			}
			if oc.Spec.SecretInURLUntil().Time().IsZero() {
				t.Error("it cannot be read")
			}
		})
	}
}

func TestFieldsThatMayChange(t *testing.T) {
	env := testenv.Start(t)
	for _, test := range []struct{ name, patch string }{
		{"type and profile named as they are by default", `{"spec":{"oauth2":{"clientType":"Confidential"},"profile":"OAuth2"}}`},
		{"callbackURLs", `{"spec":{"callbackURLs":["https://photoprint.example/other"]}}`},
		{"grantTypes", `{"spec":{"oauth2":{"grantTypes":["ClientCredentials"]}}}`},
		{"secretName", `{"spec":{"credentials":{"secretName":"other"}}}`},
		{"suspend", `{"spec":{"suspend":true}}`},
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
		CallbackURLs:      []v1alpha1.CallbackURL{"https://photoprint.example/callback"},
		GrantDurationDays: 90,
		Profile:           v1alpha1.ProfileOAuth2,
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
		DisplayName: v1alpha1.Text(strings.Repeat("写", 64)),
		Description: v1alpha1.Text(strings.Repeat("写", 256)),
		CallbackURLs: many(16, func(id string) v1alpha1.CallbackURL {
			return v1alpha1.CallbackURL(pad("https://photoprint.example/"+id, 512))
		}),
		Scopes: many(20, func(id string) v1alpha1.Scope { return v1alpha1.Scope(pad(id, 64)) }),
		Credentials: v1alpha1.CredentialsSpec{SecretName: v1alpha1.SecretName(strings.Repeat("s", 253)), SecretTemplate: v1alpha1.SecretTemplate{
			Labels: map[string]v1alpha1.LabelValue{}, Annotations: map[string]v1alpha1.AnnotationValue{},
			Keys: &v1alpha1.SecretKeys{
				ClientID: longKey("a"), ClientSecret: longKey("b"), Issuer: longKey("c"), RequestTokenEndpoint: longKey("d"),
				AuthorizationEndpoint: longKey("e"), TokenEndpoint: longKey("f"), AccessTokenEndpoint: longKey("g"), RevocationEndpoint: longKey("h"),
				IntrospectionEndpoint: longKey("i"), VerificationEndpoint: longKey("j"), IdentityEndpoint: longKey("k"),
				UserInfoEndpoint: longKey("l"), KeysURI: longKey("m"), EndSessionEndpoint: longKey("n"),
			},
			Data: map[string]v1alpha1.DataValue{},
			Generate: many(8, func(id string) v1alpha1.GeneratedValue {
				return v1alpha1.GeneratedValue{Key: longKey("gen" + id), Length: 128}
			}),
		}},
		ClientID: v1alpha1.ClientID(strings.Repeat("c", 128)),
	}
	for _, name := range many(32, func(id string) string { return pad(longPrefix+id, len(longPrefix)+63) }) {
		oc.Spec.Credentials.SecretTemplate.Labels[name] = v1alpha1.LabelValue(strings.Repeat("v", 63))
		oc.Spec.Credentials.SecretTemplate.Annotations[name] = v1alpha1.AnnotationValue(strings.Repeat("v", 4096))
	}
	for _, key := range many(16, func(id string) string { return pad(id, 253) }) {
		oc.Spec.Credentials.SecretTemplate.Data[key] = v1alpha1.DataValue(pad("{{client-id}}", 4096))
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
	oc.Spec.IntegrationCloud = &v1alpha1.IntegrationCloudSpec{AllowSecretInURLUntil: "2027-06-30T00:00:00+00:00"}
	if err := env.Client.Create(t.Context(), oc, strict); err != nil {
		t.Error(err)
	}
}

// longPrefix is the longest prefix of a label's name.
var longPrefix = pad("example.", 253) + "/"

// longKey is a key of a Secret that is as long as a key may be.
func longKey(s string) v1alpha1.SecretKey { return v1alpha1.SecretKey(pad(s, 253)) }

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
