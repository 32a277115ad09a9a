// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// kinds are all kinds of the group.
var kinds = []string{"OAuthClient", "ResourceServer", "OAuthClientPolicy"}

// schemaOf returns the schema of a kind as config/crd defines it.
func schemaOf(t *testing.T, kind string) *apiextensionsv1.JSONSchemaProps {
	t.Helper()
	prefix := map[string]string{"OAuthClientPolicy": "oauthclientpolicies."}[kind]
	if prefix == "" {
		prefix = strings.ToLower(kind) + "s."
	}
	crd := find[apiextensionsv1.CustomResourceDefinition](t, build(t, root+"/config/crd"), "CustomResourceDefinition", prefix)
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// privateWords are words that only people who wrote this code would know.
var privateWords = regexp.MustCompile(`(?i)\b(stranger|predecessor|rival|loser|verdict|objection|interim|tale|told|healed|slimmer|thrift|` +
	`tidy|quiet|narrow|keeps|neighbour|world|scene|presenter|spoken|shylogin|asmade)s?\b`)

// faultOf says what is wrong with a description; nothing if it helps whoever runs kubectl explain.
func faultOf(description string) string {
	switch {
	case description == "":
		return "has no description"
	case len(strings.Fields(description)) < 4:
		return "is explained by less than a sentence"
	case !strings.HasSuffix(description, "."):
		return "is explained by a text that does not end as a sentence"
	case privateWords.MatchString(description):
		return "is explained with the private word " + privateWords.FindString(description)
	}
	return ""
}

func TestEveryFieldExplainsItself(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			schema := schemaOf(t, kind)
			seen := explained(t, kind, schema)
			for _, field := range []string{"apiVersion", "kind", "metadata"} { // of Kubernetes
				delete(schema.Properties, field)
			}
			for name, property := range schema.Properties {
				seen += explained(t, kind+"."+name, &property)
			}
			if seen < 20 {
				t.Errorf("only %d descriptions were found", seen)
			}
		})
	}
}

// explained checks the description of a field and of all below it, and counts them. Fields of a condition are Kubernetes' own.
func explained(t *testing.T, path string, s *apiextensionsv1.JSONSchemaProps) int {
	t.Helper()
	if fault := faultOf(s.Description); fault != "" {
		t.Errorf("%s %s: %q", path, fault, s.Description)
	}
	seen := 1
	if !strings.Contains(path, ".") || strings.HasSuffix(path, ".conditions") {
		return seen
	}
	for name, property := range s.Properties {
		seen += explained(t, path+"."+name, &property)
	}
	if s.Items != nil && s.Items.Schema.Type == "object" {
		seen += explained(t, path+"[]", s.Items.Schema)
	}
	return seen
}

func TestADescriptionThatHelpsNobodyIsFound(t *testing.T) {
	for description, fault := range map[string]bool{
		"Scopes are the scopes that the client may ask for.":   false,
		"The world around it, which the object keeps in mind.": true,
		"Another object is told that there is a rival for it.": true,
		"Scopes are the scopes that the client may ask for":    true,
		"The scopes.": true,
		"":            true,
		"A Secret of somebody else stays as it is; it is worldwide.": false,
	} {
		if got := faultOf(description); (got != "") != fault {
			t.Errorf("%q: %q", description, got)
		}
	}
}

// The columns are what an operator reads first.
func TestEveryKindHasColumns(t *testing.T) {
	for kind, want := range map[string][]string{
		"oauthclients.":        {"Client ID", "Secret", "Accepted", "Ready", "Reason", "Age", "Profile", "Message"},
		"resourceservers.":     {"Client ID", "Secret", "Accepted", "Ready", "Reason", "Age", "Message"},
		"oauthclientpolicies.": {"Description", "Age"},
	} {
		crd := find[apiextensionsv1.CustomResourceDefinition](t, build(t, root+"/config/crd"), "CustomResourceDefinition", kind)
		var got []string
		for _, column := range crd.Spec.Versions[0].AdditionalPrinterColumns {
			got = append(got, column.Name)
			if wide := column.Name == "Profile" || column.Name == "Message"; wide != (column.Priority == 1) {
				t.Errorf("%s: column %s has the priority %d", kind, column.Name, column.Priority)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has the columns %q, want %q", kind, got, want)
		}
	}
}

// PROJECT is what kubebuilder and those who read it know of the kinds.
func TestProjectNamesEveryKind(t *testing.T) {
	text := read(t, root+"/PROJECT")
	for _, kind := range kinds {
		if !strings.Contains(text, "  kind: "+kind+"\n") {
			t.Errorf("PROJECT does not name %s", kind)
		}
	}
}
