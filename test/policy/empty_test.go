// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// definitions are the files of all kinds.
var definitions = map[string]string{
	v1alpha1.KindOAuthClient: "oauthclients", v1alpha1.KindResourceServer: "resourceservers", "OAuthClientPolicy": "oauthclientpolicies",
}

// minimal is a spec of the kind that is valid without the field, which stands below the path.
var minimal = []struct{ kind, path, spec string }{
	{v1alpha1.KindOAuthClient, "oauth2", `{callbackURLs: ["https://h.example/cb"], oauth2: {openID: {}}}`},
	{v1alpha1.KindOAuthClient, "connectionsCloud", `{callbackURLs: ["https://h.example/cb"], profile: ConnectionsCloudOAuth2, connectionsCloud: {}}`},
	{v1alpha1.KindOAuthClient, "integrationCloud", `{callbackURLs: ["https://h.example/cb"], profile: IntegrationCloud, integrationCloud: {}}`},
	{v1alpha1.KindOAuthClient, "credentials.fromSecret", `{callbackURLs: ["https://h.example/cb"], credentials: {source: FromSecret, fromSecret: {name: s}}}`},
	{v1alpha1.KindOAuthClient, "credentials.privateKeyJWT.fromSecret", `{callbackURLs: ["https://h.example/cb"], credentials: {source: PrivateKeyJWT, privateKeyJWT: {fromSecret: {name: s}}}}`},
	{v1alpha1.KindOAuthClient, "credentials.privateKeyJWT", `{callbackURLs: ["https://h.example/cb"], credentials: {source: PrivateKeyJWT, privateKeyJWT: {fromSecret: {name: s}}}}`},
	{v1alpha1.KindOAuthClient, "credentials", `{callbackURLs: ["https://h.example/cb"], credentials: {secretTemplate: {keys: {}}}}`},
	{v1alpha1.KindOAuthClient, "", `{callbackURLs: ["https://h.example/cb"]}`},
	{v1alpha1.KindResourceServer, "credentials.fromSecret", `{scopes: [{name: a, description: A}], credentials: {source: FromSecret, fromSecret: {name: s}}}`},
	{v1alpha1.KindResourceServer, "credentials.privateKeyJWT.fromSecret", `{scopes: [{name: a, description: A}], credentials: {source: PrivateKeyJWT, privateKeyJWT: {fromSecret: {name: s}}}}`},
	{v1alpha1.KindResourceServer, "credentials.privateKeyJWT", `{scopes: [{name: a, description: A}], credentials: {source: PrivateKeyJWT, privateKeyJWT: {fromSecret: {name: s}}}}`},
	{v1alpha1.KindResourceServer, "credentials", `{scopes: [{name: a, description: A}], credentials: {secretTemplate: {keys: {}}}}`},
	{v1alpha1.KindResourceServer, "accessTokens", `{scopes: [{name: a, description: A}], accessTokens: {}}`},
	{v1alpha1.KindResourceServer, "", `{scopes: [{name: a, description: A}]}`},
	{"OAuthClientPolicy", "", `{}`},
}

// optionalStrings returns the paths of the optional string fields below a schema, as kubectl explain spells them; [0] is the first
// item of a list.
func optionalStrings(s *apiextensionsv1.JSONSchemaProps) [][]string {
	var found [][]string
	for name, field := range s.Properties {
		if field.Type == "string" && !slices.Contains(s.Required, name) {
			found = append(found, []string{name})
		}
		for _, below := range optionalStrings(&field) {
			found = append(found, append([]string{name}, below...))
		}
	}
	if s.Items != nil {
		for _, below := range optionalStrings(s.Items.Schema) {
			found = append(found, append([]string{"[0]"}, below...))
		}
	}
	return found
}

func schemaOf(t *testing.T, kind string) *apiextensionsv1.JSONSchemaProps {
	t.Helper()
	text, err := os.ReadFile("../../config/crd/bases/gatehouse.dev_" + definitions[kind] + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	spec := parse[apiextensionsv1.CustomResourceDefinition](t, string(text)).Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	return &spec
}

// setEmpty sets the field at the path to an empty string. What leads there must exist.
func setEmpty(t *testing.T, spec map[string]any, path []string) {
	t.Helper()
	var at any = spec
	for _, step := range path[:len(path)-1] {
		switch below := at.(type) {
		case map[string]any:
			at = below[step]
		case []any:
			at = below[0]
		}
	}
	parent, ok := at.(map[string]any)
	if !ok {
		t.Fatalf("no spec of minimal has what leads to %s: add one", strings.Join(path, "."))
	}
	parent[path[len(path)-1]] = ""
}

// spelled returns a minimal object of the kind that has what leads to the path, with an empty string there or without one.
func (f *fixture) spelled(t *testing.T, kind, policyName string, path []string, empty bool) *unstructured.Unstructured {
	t.Helper()
	spec := map[string]any{}
	for _, m := range minimal {
		if m.kind == kind && (m.path == "" || m.path == path[0] || strings.HasPrefix(strings.Join(path, "."), m.path+".")) {
			spec = parse[map[string]any](t, m.spec)
			break
		}
	}
	if empty {
		setEmpty(t, spec, path)
	}
	object := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	object.SetGenerateName("spelled-")
	if kind != "OAuthClientPolicy" {
		object.SetNamespace(f.policies[policyName].Namespace)
	}
	return object
}

// answer is what the API server says of an object: a refusal, warnings, and the effective spec.
func (f *fixture) answer(t *testing.T, object *unstructured.Unstructured) (refused string, warnings []string, effective any) {
	t.Helper()
	f.warnings.Take()
	refused, err := refusal(f.warned.Create(t.Context(), object, client.DryRunAll, client.FieldValidation("Strict")))
	if err != nil {
		t.Fatal(err)
	}
	return refused, f.warnings.Take(), effectiveSpec(t, object)
}

// effectiveSpec returns the spec as both programs read it. The fields with a default in the schema have it, however they are spelled.
func effectiveSpec(t *testing.T, object *unstructured.Unstructured) any {
	t.Helper()
	into := func(typed any) {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, typed, true); err != nil {
			t.Fatal(err)
		}
	}
	switch object.GetKind() {
	case v1alpha1.KindOAuthClient:
		oc := &v1alpha1.OAuthClient{}
		into(oc)
		oc.Spec.Profile, oc.Spec.Consent = oc.Spec.EffectiveProfile(), oc.Spec.EffectiveConsent()
		oc.Spec.Entitlement = cmp.Or(oc.Spec.Entitlement, v1alpha1.EntitlementBound)
		return oc.Spec
	case v1alpha1.KindResourceServer:
		rs := &v1alpha1.ResourceServer{}
		into(rs)
		return rs.Spec
	default:
		p := &v1alpha1.OAuthClientPolicy{}
		into(p)
		return p.Spec
	}
}

// N160: templates write empty strings. An empty optional string is an absent one, for the schema, for admission and for both programs,
// in every field that there is.
func TestN160AnEmptyStringIsAnAbsentOne(t *testing.T) {
	f := setUp(t)
	for kind, atLeast := range map[string]int{v1alpha1.KindOAuthClient: 20, v1alpha1.KindResourceServer: 14, "OAuthClientPolicy": 1} {
		paths := optionalStrings(schemaOf(t, kind))
		if len(paths) < atLeast {
			t.Fatalf("only %d optional strings of %s were found: %v", len(paths), kind, paths)
		}
		for _, path := range paths {
			for _, policyName := range []string{"everything", "default", "nothing"} {
				t.Run(fmt.Sprintf("%s %s under %s", kind, strings.Join(path, "."), policyName), func(t *testing.T) {
					refusedAbsent, warnedAbsent, absent := f.answer(t, f.spelled(t, kind, policyName, path, false))
					refusedEmpty, warnedEmpty, empty := f.answer(t, f.spelled(t, kind, policyName, path, true))
					if refusedEmpty != refusedAbsent || policyName == "everything" && refusedEmpty != "" {
						t.Errorf("empty: %q\nabsent: %q", refusedEmpty, refusedAbsent)
					}
					if !slices.Equal(warnedEmpty, warnedAbsent) {
						t.Errorf("empty warns %q\nabsent warns %q", warnedEmpty, warnedAbsent)
					}
					if diff := gocmp.Diff(absent, empty); diff != "" {
						t.Errorf("the programs see a difference (-absent +empty):\n%s", diff)
					}
				})
			}
		}
	}
}

// N160: to change one spelling into the other is no change of what may not change.
func TestN160AnEmptyStringMayComeAndGo(t *testing.T) {
	f := setUp(t)
	for _, kind := range []string{v1alpha1.KindOAuthClient, v1alpha1.KindResourceServer} {
		for _, path := range optionalStrings(schemaOf(t, kind)) {
			t.Run(kind+" "+strings.Join(path, "."), func(t *testing.T) {
				object := f.spelled(t, kind, "everything", path, false)
				if err := f.Client.Create(t.Context(), object); err != nil {
					t.Fatal(err)
				}
				for _, empty := range []bool{true, false} {
					object.Object["spec"] = f.spelled(t, kind, "everything", path, empty).Object["spec"]
					if err := f.Client.Update(t.Context(), object); err != nil {
						t.Errorf("empty %t: %v", empty, err)
					}
				}
			})
		}
	}
}
