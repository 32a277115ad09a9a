// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"path/filepath"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/internal/testenv/gitops"
)

// argoCD holds a folder for each kind, in the form of Argo CD's resource_customizations.
const argoCD = root + "/config/argocd/gatehouse.dev/"

// healthTests is a file health_test.yaml of Argo CD.
type healthTests struct {
	Tests []struct {
		HealthStatus gitops.Health `json:"healthStatus"`
		InputPath    string        `json:"inputPath"`
	} `json:"tests"`
}

func TestArgoCDSeesTheHealthThatKstatusSees(t *testing.T) {
	settings := find[corev1.ConfigMap](t, build(t, root+"/config/argocd"), "ConfigMap", "argocd-cm")
	for _, kind := range []string{"OAuthClient", "ResourceServer", "OAuthClientPolicy"} {
		script := settings.Data["resource.customizations.health.gatehouse.dev_"+kind]
		var file healthTests
		if err := yaml.UnmarshalStrict([]byte(read(t, argoCD+kind+"/health_test.yaml")), &file); err != nil {
			t.Fatal(err)
		}
		var tried []string
		for _, test := range file.Tests {
			tried = append(tried, test.InputPath)
			t.Run(kind+" "+filepath.Base(test.InputPath), func(t *testing.T) {
				text, err := yaml.YAMLToJSONStrict([]byte(read(t, argoCD+kind+"/"+test.InputPath)))
				if err != nil {
					t.Fatal(err)
				}
				object := &unstructured.Unstructured{}
				if err := object.UnmarshalJSON(text); err != nil { // numbers as the API server's clients have them
					t.Fatal(err)
				}
				if got, err := gitops.Run(script, object); err != nil || got != test.HealthStatus || object.GetKind() != kind {
					t.Errorf("%s: got %+v (%v), want %+v", object.GetKind(), got, err, test.HealthStatus)
				}
				if _, err := gitops.Status(object); err != nil { // they disagree
					t.Error(err)
				}
			})
		}
		inputs, err := filepath.Glob(argoCD + kind + "/testdata/*.yaml")
		if err != nil || len(inputs) != len(slices.Compact(slices.Sorted(slices.Values(tried)))) {
			t.Errorf("%s: testdata has %d files (%v), health_test.yaml names %d", kind, len(inputs), err, len(tried))
		}
	}
	if len(settings.Data) != 3 || settings.Namespace != "argocd" {
		t.Errorf("the ConfigMap in namespace %q has %d keys", settings.Namespace, len(settings.Data))
	}
}
