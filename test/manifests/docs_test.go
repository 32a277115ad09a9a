// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"os"
	"regexp"
	"slices"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// kindsPage documents the OAuthClient.
const kindsPage = root + "/docs/oauthclient.md"

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheExamplesOfThePagesAreAccepted(t *testing.T) {
	env := deployed(t)
	applySamples(t, env)
	for _, page := range []string{kindsPage, root + "/docs/migrate-connections-cloud.md", root + "/docs/migrate-integration-cloud.md"} {
		examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(read(t, page), -1)
		if len(examples) == 0 {
			t.Fatalf("%s has no example", page)
		}
		for _, example := range examples {
			applyRisky(t, env, []byte(example[1]), "--force-conflicts", "--dry-run=server")
		}
	}
}

func TestTheKindsPageNamesEveryFieldAndReason(t *testing.T) {
	page := read(t, kindsPage)
	crd := find[apiextensionsv1.CustomResourceDefinition](t, build(t, root+"/config/crd"), "CustomResourceDefinition", "oauthclients.")
	schema := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	words := append(fields(schema.Properties["spec"]), slices.DeleteFunc(fields(schema.Properties["status"]), func(field string) bool {
		return slices.Contains([]string{"lastTransitionTime", "message", "reason", "status", "type"}, field) // of every condition of Kubernetes
	})...)
	for _, constant := range regexp.MustCompile(`Reason\w+ += "(\w+)"`).FindAllStringSubmatch(read(t, root+"/api/v1alpha1/contract.go"), -1) {
		words = append(words, constant[1])
	}
	if len(words) < 30 {
		t.Fatalf("only %d fields and reasons were found: %v", len(words), words)
	}
	for _, word := range words {
		if !regexp.MustCompile("`[^`]*\\b" + word + "\\b[^`]*`").MatchString(page) {
			t.Errorf("the page does not name %s", word)
		}
	}
}

// fields are the names of all fields in the schema.
func fields(s apiextensionsv1.JSONSchemaProps) []string {
	var found []string
	for name, property := range s.Properties {
		found = append(append(found, name), fields(property)...)
	}
	if s.Items != nil {
		found = append(found, fields(*s.Items.Schema)...)
	}
	return found
}
