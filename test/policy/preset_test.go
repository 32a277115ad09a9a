// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/preset"
)

// The API knows the presets of the table and no other, and lets nobody else make a key that one of them makes.
func TestTheAPIKnowsEachPresetAndItsKeys(t *testing.T) {
	f := setUp(t)
	template := schemaOf(t, v1alpha1.KindOAuthClient).Properties["credentials"].Properties["secretTemplate"]
	names := template.Properties["preset"].Enum
	if len(names) < 12 {
		t.Fatalf("the API has the presets %q", names)
	}
	for _, quoted := range names {
		name := parse[v1alpha1.SecretPreset](t, string(quoted.Raw))
		p, ok := preset.Of(name)
		if ok != (name != "") {
			t.Errorf("the table has the preset %q: %t", name, ok)
		}
		var keys []string
		for _, key := range p.Keys {
			keys = append(keys, key)
		}
		for _, file := range p.Files {
			keys = append(keys, file.Key)
		}
		for _, g := range p.Generate {
			keys = append(keys, string(g.Key))
		}
		for _, key := range append(keys, "of-my-own") {
			err := f.Client.Create(t.Context(), f.withData(name, key), client.DryRunAll)
			if err != nil && !apierrors.IsInvalid(err) || (err != nil) != slices.Contains(keys, key) {
				t.Errorf("preset %q with the key %s in data: %v", name, key, err)
			}
		}
	}
	if only := len(preset.Names()) + 1; len(names) != only {
		t.Errorf("the API has %d presets, the table %d", len(names), only)
	}
}

// withData is a client of the preset whose Secret has a key more.
func (f *fixture) withData(name v1alpha1.SecretPreset, key string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"callbackURLs": []any{"https://h.example/cb"},
		"credentials":  map[string]any{"secretTemplate": map[string]any{"preset": string(name), "data": map[string]any{key: "a"}}},
	}}}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.KindOAuthClient))
	object.SetGenerateName("preset-")
	object.SetNamespace(f.policies["everything"].Namespace)
	return object
}
