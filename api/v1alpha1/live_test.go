// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// Who applies a list owns all of it: what somebody adds by hand would stay for good otherwise.
func TestServerSideApplyTakesBackWhatWasAddedByHand(t *testing.T) {
	env := testenv.Start(t)
	for _, test := range []struct{ name, applied, byHand string }{
		{"client", `{"kind":"OAuthClient","spec":{"callbackURLs":["https://photoprint.example/cb"],"scopes":["photos.read"],
			"oauth2":{"grantTypes":["AuthorizationCode"]}}}`,
			`{"callbackURLs":["https://photoprint.example/cb","https://evil.example/cb"],"scopes":["photos.read","photos.admin"],
			"oauth2":{"grantTypes":["AuthorizationCode","ClientCredentials"]}}`},
		{"signed client", `{"kind":"OAuthClient","spec":{"profile":"OAuth1","callbackURLs":["https://photoprint.example/cb"],
			"oauth1":{"signatureMethods":["HMAC-SHA256"]}}}`,
			`{"oauth1":{"signatureMethods":["HMAC-SHA256","PLAINTEXT"]}}`},
		{"old client", `{"kind":"OAuthClient","spec":{"profile":"IntegrationCloud","callbackURLs":["https://photoprint.example/cb"],
			"integrationCloud":{"grantTypes":["AuthorizationCode"]}}}`,
			`{"integrationCloud":{"grantTypes":["AuthorizationCode","ClientCredentials"]}}`},
		{"API", `{"kind":"ResourceServer","spec":{"identifiers":["api://photos"],"scopes":[{"name":"photos.read","description":"See your photos"}]}}`,
			`{"identifiers":["api://photos","api://other"],"scopes":[{"name":"photos.read","description":"See your photos","from":"All","withoutOwner":true},
			{"name":"photos.admin","description":"All","from":"All"}]}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			apply := func() *unstructured.Unstructured {
				object := decode(t, test.applied)
				object.SetNamespace(env.Namespace(t))
				return object
			}
			object := apply()
			namespace := object.GetNamespace()
			applyAs(t, env, object, "gitops")
			want := object.Object["spec"]
			if err := patchSpec(t, env, object, test.byHand); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, object.Object["spec"]); diff == "" {
				t.Fatal("nothing was added by hand")
			}
			again := apply()
			again.SetNamespace(namespace)
			applyAs(t, env, again, "gitops")
			if diff := cmp.Diff(want, again.Object["spec"]); diff != "" {
				t.Errorf("after the second apply (-want +got):\n%s", diff)
			}
		})
	}
}

// applyAs applies the object as a GitOps tool does.
func applyAs(t *testing.T, env *testenv.Env, object *unstructured.Unstructured, owner string) {
	t.Helper()
	err := env.Client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(owner), client.ForceOwnership)
	if err != nil {
		t.Fatal(err)
	}
}

// decode reads an object of this package, which gets a name.
func decode(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(text), &object.Object); err != nil {
		t.Fatal(err)
	}
	object.SetAPIVersion(v1alpha1.GroupVersion.String())
	object.SetName("photoprint")
	return object
}

// The test above shows what atomic does; this one finds the list that is not.
func TestEveryListOfASpecIsAtomic(t *testing.T) {
	for _, kind := range kinds {
		lists := 0
		spec := customResourceDefinition(t, kind).Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
		var walk func(path string, s *apiextensionsv1.JSONSchemaProps)
		walk = func(path string, s *apiextensionsv1.JSONSchemaProps) {
			if s.Type == "array" {
				lists++
				if s.XListType == nil || *s.XListType != "atomic" {
					t.Errorf("%s: %s has the list type %v", kind, path, s.XListType)
				}
			}
			for name, below := range s.Properties {
				walk(path+"."+name, &below)
			}
			if s.Items != nil {
				walk(path+"[]", s.Items.Schema)
			}
		}
		walk("spec", &spec)
		if lists < 3 {
			t.Errorf("%s: only %d lists were found", kind, lists)
		}
	}
}

// A tool that sees an object before the operator did must not take it for done.
func TestANewObjectIsInProgress(t *testing.T) {
	env := testenv.Start(t)
	for _, created := range []client.Object{oauthClient(v1alpha1.OAuthClientSpec{}), resourceServer("")} {
		kind := created.GetObjectKind().GroupVersionKind().Kind
		t.Run(kind, func(t *testing.T) {
			created.SetNamespace(env.Namespace(t))
			if err := env.Client.Create(t.Context(), created); err != nil {
				t.Fatal(err)
			}
			object := get(t, env, kind, client.ObjectKeyFromObject(created))
			if got, _, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration"); got != -1 {
				t.Errorf("observedGeneration is %d", got)
			}
			result, err := status.Compute(object)
			if err != nil || result.Status != status.InProgressStatus {
				t.Errorf("kstatus says %v (%v)", result, err)
			}
			wantPending(t, env, kind, client.ObjectKeyFromObject(created))
		})
	}
}

// wantPending demands the one condition that stands before the operator came.
func wantPending(t *testing.T, env *testenv.Env, kind string, key client.ObjectKey) {
	t.Helper()
	issued := issuedStatus(t, env, kind, key)
	ready := meta.FindStatusCondition(issued.Conditions, string(v1alpha1.ConditionReady))
	if len(issued.Conditions) != 1 || ready == nil || ready.Status != "Unknown" || ready.Reason != string(v1alpha1.ReadyReasonPending) {
		t.Errorf("conditions are %+v", issued.Conditions)
	}
}

func issuedStatus(t *testing.T, env *testenv.Env, kind string, key client.ObjectKey) v1alpha1.IssuedStatus {
	t.Helper()
	if kind == v1alpha1.KindResourceServer {
		rs := &v1alpha1.ResourceServer{}
		if err := env.Client.Get(t.Context(), key, rs); err != nil {
			t.Fatal(err)
		}
		return rs.Status.IssuedStatus
	}
	oc := &v1alpha1.OAuthClient{}
	if err := env.Client.Get(t.Context(), key, oc); err != nil {
		t.Fatal(err)
	}
	return oc.Status.IssuedStatus
}

func get(t *testing.T, env *testenv.Env, kind string, key client.ObjectKey) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	if err := env.Client.Get(t.Context(), key, object); err != nil {
		t.Fatal(err)
	}
	return object
}

// The API server picks the objects itself, so that nobody has to read all of them.
func TestObjectsAreListedByProfileAndByClientID(t *testing.T) {
	env := testenv.Start(t)
	namespace := env.Namespace(t)
	for name, profile := range map[string]v1alpha1.Profile{"one": "OAuth1", "two": "OAuth2", "three": "OAuth1", "four": ""} {
		oc := ofProfile(profile)
		oc.Namespace, oc.Name = namespace, name
		rs := resourceServer("")
		rs.Namespace, rs.Name = namespace, name
		for _, object := range []client.Object{oc, rs} {
			if err := env.Client.Create(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			patch := client.RawPatch(types.MergePatchType, []byte(`{"status":{"clientID":"id-of-`+name+`"}}`))
			if err := env.Client.Status().Patch(t.Context(), object, patch); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		kind, field, value string
		want               []string
	}{
		{v1alpha1.KindOAuthClient, "spec.profile", "OAuth1", []string{"one", "three"}},
		{v1alpha1.KindOAuthClient, "status.clientID", "id-of-two", []string{"two"}},
		{v1alpha1.KindOAuthClient, "status.clientID", "id-of-nobody", nil},
		{v1alpha1.KindResourceServer, "status.clientID", "id-of-four", []string{"four"}},
	} {
		t.Run(test.kind+" "+test.field+" "+test.value, func(t *testing.T) {
			list := &unstructured.UnstructuredList{}
			list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(test.kind + "List"))
			if err := env.Client.List(t.Context(), list, client.InNamespace(namespace), client.MatchingFields{test.field: test.value}); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, item := range list.Items {
				got = append(got, item.GetName())
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The API server bounds what the rules may cost at run time too. These have as much of everything as the schema allows.
func TestTheLargestResourceServerAndPolicyAreWithinTheCostLimit(t *testing.T) {
	env := testenv.Start(t)
	selector := &v1alpha1.NamespaceSelector{
		MatchLabels: map[string]v1alpha1.LabelValue{},
		MatchExpressions: many(16, func(id string) v1alpha1.NamespaceRequirement {
			return v1alpha1.NamespaceRequirement{Key: pad(longPrefix+id, len(longPrefix)+63), Operator: "In", Values: many(16, longLabel)}
		}),
	}
	for _, name := range many(16, func(id string) string { return pad(longPrefix+id, len(longPrefix)+63) }) {
		selector.MatchLabels[name] = longLabel("V")
	}
	rs := resourceServer(v1alpha1.ClassName(pad("a", 63)))
	rs.Namespace, rs.Name = env.Namespace(t), strings.Repeat("n", 185)
	rs.Spec.DisplayName = v1alpha1.Text(strings.Repeat("写", 64))
	rs.Spec.Identifiers = many(8, func(id string) v1alpha1.Identifier { return v1alpha1.Identifier(pad("https://a/"+id, 255)) })
	rs.Spec.Scopes = many(32, func(id string) v1alpha1.ScopeDeclaration {
		return v1alpha1.ScopeDeclaration{Name: v1alpha1.Scope(pad(id, 64)), Description: v1alpha1.Text(strings.Repeat("写", 128)), From: "Selector", Selector: selector}
	})
	names := func(id string) v1alpha1.NamePattern { return v1alpha1.NamePattern(pad("{namespace}"+id, 254) + "*") }
	policy := &v1alpha1.OAuthClientPolicy{}
	policy.Name = strings.Repeat("p", 63)
	policy.Spec = v1alpha1.OAuthClientPolicySpec{
		Description: v1alpha1.Text(strings.Repeat("写", 256)),
		Clients: v1alpha1.ClientRules{
			CallbackHosts: many(64, func(id string) v1alpha1.HostPattern {
				return v1alpha1.HostPattern("*.{namespace}." + pad(strings.ToLower(id), 236) + ":8443")
			}),
			PrivateUseSchemes: many(64, func(id string) v1alpha1.SchemePattern {
				return v1alpha1.SchemePattern(pad("com.{namespace}."+strings.ToLower(id), 126) + ".*")
			}),
			ClientIDs: many(64, names),
		},
		ResourceServers: v1alpha1.ResourceServerRules{Scopes: many(64, names), Identifiers: many(64, names)},
		Secrets: v1alpha1.SecretRules{
			Types:  many(16, func(id string) v1alpha1.SecretType { return v1alpha1.SecretType(pad("nginx.org/"+id, 253)) }),
			Labels: many(64, names), Annotations: many(64, names),
		},
	}
	for _, object := range []client.Object{rs, policy} {
		if err := env.Client.Create(t.Context(), object, strict, client.DryRunAll); err != nil {
			t.Error(err)
		}
	}
}

func longLabel(id string) v1alpha1.LabelValue { return v1alpha1.LabelValue(pad(id, 63)) }

func TestASelectorOfNamespacesMatchesAsTheOneOfKubernetes(t *testing.T) {
	all := &v1alpha1.NamespaceSelector{}
	prints := &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{"team": "prints"}}
	on := func(operator string, values ...v1alpha1.LabelValue) *v1alpha1.NamespaceSelector {
		return &v1alpha1.NamespaceSelector{MatchExpressions: []v1alpha1.NamespaceRequirement{
			{Key: "team", Operator: "Exists"}, {Key: "stage", Operator: "NotIn", Values: []v1alpha1.LabelValue{"test"}},
			{Key: "area", Operator: metav1.LabelSelectorOperator(operator), Values: values},
		}}
	}
	for _, test := range []struct {
		name     string
		selector *v1alpha1.NamespaceSelector
		labels   map[string]string
		want     bool
	}{
		{"none", nil, map[string]string{"team": "prints"}, false},
		{"empty", all, nil, true},
		{"label there", prints, map[string]string{"team": "prints", "a": "b"}, true},
		{"other value", prints, map[string]string{"team": "books"}, false},
		{"no label", prints, nil, false},
		{"all conditions", on("In", "x", "y"), map[string]string{"team": "", "area": "y"}, true},
		{"one of NotIn", on("In", "x", "y"), map[string]string{"team": "", "area": "y", "stage": "test"}, false},
		{"none of In", on("In", "x", "y"), map[string]string{"team": "", "area": "z"}, false},
		{"forbidden label", on("DoesNotExist"), map[string]string{"team": "", "area": "z"}, false},
		{"cannot be read", on("Is", "x"), map[string]string{"team": "", "area": "x"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			selector, err := test.selector.AsSelector()
			if got := err == nil && selector.Matches(labels.Set(test.labels)); got != test.want {
				t.Errorf("got %t (%v), want %t", got, err, test.want)
			}
		})
	}
}
