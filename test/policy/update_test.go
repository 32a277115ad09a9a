// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// changes are updates of an object that its policy has come to deny.
var changes = []struct {
	name, patch string
	admitted    bool
}{
	{"nothing", `{}`, true},
	{"a label", `{"metadata": {"labels": {"a": "b"}}}`, true},
	{"an annotation", `{"metadata": {"annotations": {"gatehouse.dev/reset-credentials": "now"}}}`, true},
	{"a finalizer", `{"metadata": {"finalizers": ["example.com/a"]}}`, true},
	{"what is there already", `{"spec": {"displayName": "Old"}}`, true},
	{"suspend alone", `{"spec": {"suspend": true}}`, true},
	{"suspend and a label", `{"spec": {"suspend": true}, "metadata": {"labels": {"a": "b"}}}`, true},
	{"suspend: false", `{"spec": {"suspend": false}}`, false},
	{"another field", `{"spec": {"displayName": "New"}}`, false},
	{"suspend and another field", `{"spec": {"suspend": true, "displayName": "New"}}`, false},
	{"suspend and a field less", `{"spec": {"suspend": true, "displayName": null}}`, false},
	{"suspend and a field more", `{"spec": {"suspend": true, "credentials": {"secretName": "other"}}}`, false},
}

// An object that no longer fits its policy can be looked after: admission asks about changes of spec only, and lets
// everybody suspend it.
func TestAnUpdateIsAskedAboutOnlyWhereSpecChanges(t *testing.T) {
	f := setUp(t)
	for _, object := range f.denied(t) {
		for _, change := range changes {
			t.Run(kindOf(object)+" "+change.name, func(t *testing.T) {
				tried := object.DeepCopyObject().(client.Object)
				got, err := refusal(f.Client.Patch(t.Context(), tried, client.RawPatch(types.MergePatchType, []byte(change.patch)), client.DryRunAll))
				if err != nil {
					t.Fatal(err)
				}
				if (got == "") != change.admitted {
					t.Errorf("admission says %q, want it admitted: %t", got, change.admitted)
				}
			})
		}
	}
}

func TestASuspendedObjectStaysUnderItsPolicy(t *testing.T) {
	f := setUp(t)
	for _, object := range f.denied(t) {
		suspend := client.RawPatch(types.MergePatchType, []byte(`{"spec": {"suspend": true}}`))
		if err := f.Client.Patch(t.Context(), object, suspend); err != nil {
			t.Fatal(err)
		}
		for patch, admitted := range map[string]bool{
			`{"spec": {"suspend": true}}`: true, `{"spec": {"suspend": false}}`: false, `{"spec": {"suspend": null}}`: false, `{"spec": {"displayName": "New"}}`: false,
		} {
			got, err := refusal(f.Client.Patch(t.Context(), object, client.RawPatch(types.MergePatchType, []byte(patch)), client.DryRunAll))
			if err != nil || (got == "") != admitted {
				t.Errorf("%s %s: admission says %q (%v), want it admitted: %t", kindOf(object), patch, got, err, admitted)
			}
		}
	}
}

func TestTheStatusIsNeverAskedAbout(t *testing.T) {
	f := setUp(t)
	for _, object := range f.denied(t) {
		status := client.RawPatch(types.MergePatchType, []byte(`{"status": {"secretName": "written"}}`))
		if err := f.Client.Status().Patch(t.Context(), object, status); err != nil {
			t.Errorf("%s: %v", kindOf(object), err)
		}
	}
}

// Whoever removes finalizers, a namespace controller for instance, must not be stopped.
func TestAnObjectThatGoesAwayIsNotAskedAbout(t *testing.T) {
	f := setUp(t)
	for _, object := range f.denied(t) {
		for _, patch := range []string{`{"metadata": {"finalizers": ["example.com/a"]}}`, "delete", `{"spec": {"displayName": "New"}}`, `{"metadata": {"finalizers": null}}`} {
			var err error
			if patch == "delete" {
				err = f.Client.Delete(t.Context(), object)
			} else {
				err = f.Client.Patch(t.Context(), object, client.RawPatch(types.MergePatchType, []byte(patch)))
			}
			if err != nil {
				t.Errorf("%s %s: %v", kindOf(object), patch, err)
			}
		}
	}
}

func kindOf(object client.Object) string {
	if _, ok := object.(*v1alpha1.OAuthClient); ok {
		return "OAuthClient"
	}
	return "ResourceServer"
}

// denied returns an object of each kind whose policy has changed and denies it now.
func (f *fixture) denied(t *testing.T) []client.Object {
	t.Helper()
	name := "changing-" + f.Namespace(t)
	if err := f.Policy(t.Context(), name, testenv.Permissive()); err != nil {
		t.Fatal(err)
	}
	meta := metav1.ObjectMeta{Namespace: f.NamespaceWithPolicy(t, name), Name: "changing"}
	objects := []client.Object{
		&v1alpha1.OAuthClient{ObjectMeta: meta, Spec: parse[v1alpha1.OAuthClientSpec](t, `{displayName: Old, callbackURLs: ["https://h.example/cb"]}`)},
		&v1alpha1.ResourceServer{ObjectMeta: meta, Spec: parse[v1alpha1.ResourceServerSpec](t, `{displayName: Old, scopes: [{name: a.b, description: Do it}]}`)},
	}
	for _, object := range objects {
		if err := f.Client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Policy(t.Context(), name, v1alpha1.OAuthClientPolicySpec{Description: "Allows nothing"}); err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		another := object.DeepCopyObject().(client.Object)
		another.SetResourceVersion("")
		another.SetUID("")
		another.SetName("another")
		f.AwaitPolicy(t, another)
	}
	return objects
}

// A label that changes gives the namespace another policy, in either direction.
func TestTheLabelOfTheNamespaceDecides(t *testing.T) {
	f := setUp(t)
	namespace := f.NamespaceWithPolicy(t, f.policies["everything"].Name)
	oc := &v1alpha1.OAuthClient{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "labelled"},
		Spec:       parse[v1alpha1.OAuthClientSpec](t, `{callbackURLs: ["https://h.example/cb"], consent: Skip}`),
	}
	create := func() string {
		got, err := refusal(f.Client.Create(t.Context(), oc.DeepCopy(), client.DryRunAll))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	label := func(policy string) {
		ns := parse[metav1.PartialObjectMetadata](t, `{apiVersion: v1, kind: Namespace, metadata: {name: `+namespace+`}}`)
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata": {"labels": {"gatehouse.dev/policy": `+policy+`}}}`))
		if err := f.Client.Patch(t.Context(), &ns, patch); err != nil {
			t.Fatal(err)
		}
	}
	if got := create(); got != "" {
		t.Fatalf("under a policy that allows everything: %q", got)
	}
	label(`"` + f.policies["nothing"].Name + `"`)
	f.AwaitPolicy(t, oc)
	label(`null`)
	testenv.Eventually(t, wait, "the default policy of the tests allows everything", func() bool { return create() == "" })
}
