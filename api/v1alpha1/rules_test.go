// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// strict makes the API server refuse fields it does not know.
var strict = client.FieldValidation(metav1.FieldValidationStrict)

func TestEveryValidSampleIsAccepted(t *testing.T) {
	env := testenv.Start(t)
	for _, file := range files(t, "testdata/valid/*.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			if err := env.Client.Create(t.Context(), read(t, file, env.Namespace(t)), strict); err != nil {
				t.Error(err)
			}
		})
	}
}

// Each file of testdata/invalid breaks one rule and says in a comment which message is expected: that one, and no other.
func TestEveryInvalidSampleIsRefusedWithItsMessage(t *testing.T) {
	env := testenv.Start(t)
	for _, file := range files(t, "testdata/invalid/*.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			err := env.Client.Create(t.Context(), read(t, file, env.Namespace(t)), strict)
			wantOneCause(t, err, expectedMessage(t, file))
		})
	}
}

// A rule nobody tried may be one that refuses nothing.
func TestEveryRuleHasAnInvalidSample(t *testing.T) {
	tried := map[string]bool{profileMessage: true, typeMessage: true, clientIDMessage: true} // by TestImmutableFieldsStay
	for _, file := range files(t, "testdata/invalid/*.yaml") {
		tried[expectedMessage(t, file)] = true
	}
	crd := customResourceDefinition(t)
	for message := range messages(crd.Spec.Versions[0].Schema.OpenAPIV3Schema) {
		if !tried[message] {
			t.Errorf("no file of testdata/invalid expects %q", message)
		}
	}
}

// sentence finds the messages in a messageExpression: they have blanks, and follow "? " or ": ".
var sentence = regexp.MustCompile(`(?:^|[?:] )'([a-zA-Z0-9]+ [^']*)'`)

// messages collects the message of each CEL rule in the schema.
func messages(s *apiextensionsv1.JSONSchemaProps) map[string]bool {
	found := map[string]bool{}
	for _, rule := range s.XValidations {
		if rule.Message != "" {
			found[rule.Message] = true
		}
		for _, quoted := range sentence.FindAllStringSubmatch(rule.MessageExpression, -1) {
			found[quoted[1]] = true
		}
	}
	below := []*apiextensionsv1.JSONSchemaProps{}
	for _, p := range s.Properties {
		below = append(below, &p)
	}
	if s.Items != nil {
		below = append(below, s.Items.Schema)
	}
	if s.AdditionalProperties != nil {
		below = append(below, s.AdditionalProperties.Schema)
	}
	for _, p := range below {
		for message := range messages(p) {
			found[message] = true
		}
	}
	return found
}

func customResourceDefinition(t *testing.T) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	text, err := os.ReadFile("../../config/crd/bases/gatehouse.dev_oauthclients.yaml")
	if err != nil {
		t.Fatal(err)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(text, crd); err != nil {
		t.Fatal(err)
	}
	return crd
}

// boundsOfSchema is what the API server says of minimum and maximum, beside our rule.
var boundsOfSchema = regexp.MustCompile(`should be (less|greater) than or equal to \d+$`)

// wantOneCause demands that err is the API server's refusal for one cause, which ends in message.
func wantOneCause(t *testing.T, err error, message string) {
	t.Helper()
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Reason != metav1.StatusReasonInvalid {
		t.Fatalf("got %v, want it refused as Invalid", err)
	}
	causes := slices.DeleteFunc(status.Status().Details.Causes, func(c metav1.StatusCause) bool {
		return strings.HasSuffix(c.Message, "some validation rules were not checked because the object was invalid; "+
			"correct the existing errors to complete validation") || // the API server's addition to faults of shape
			!boundsOfSchema.MatchString(message) && boundsOfSchema.MatchString(c.Message) // says the same as the rule does
	})
	if len(causes) != 1 || !strings.HasSuffix(causes[0].Message, message) {
		t.Fatalf("got %v\nwant the single cause %q", err, message)
	}
}

// expectedMessage reads the comment "# message: ..." in file.
func expectedMessage(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if message, found := strings.CutPrefix(line, "# message: "); found {
			return strings.TrimSuffix(message, "\n")
		}
	}
	t.Fatalf("%s has no line that begins with \"# message: \"", file)
	return ""
}

// read returns the object in file, put into namespace.
func read(t *testing.T, file, namespace string) *unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict(text, &object.Object); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	object.SetNamespace(namespace)
	return object
}

// files are the files that match pattern: at least one.
func files(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("no file matches %s (%v)", pattern, err)
	}
	return found
}
