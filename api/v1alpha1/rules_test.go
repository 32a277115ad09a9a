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
	seen := map[string]bool{}
	for _, file := range files(t, "testdata/valid/*.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			object := read(t, file, env.Namespace(t))
			seen[object.GetKind()] = true
			if err := create(t, env, object); err != nil {
				t.Error(err)
			}
		})
	}
	for _, kind := range kinds {
		if !seen[kind] {
			t.Errorf("no file of testdata/valid is a %s", kind)
		}
	}
}

// N161: each file of testdata/invalid breaks one rule and says in a comment which message is expected: that one, and no other. Where a
// rule can be broken in several ways, each has a file and a sentence.
func TestEveryInvalidSampleIsRefusedWithItsMessage(t *testing.T) {
	env := testenv.Start(t)
	for _, file := range files(t, "testdata/invalid/*.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			wantOneCause(t, create(t, env, read(t, file, env.Namespace(t))), expectedMessage(t, file))
		})
	}
}

// A rule nobody tried may be one that refuses nothing.
func TestEveryRuleHasAnInvalidSample(t *testing.T) {
	type rule struct{ kind, message string }
	tried := map[rule]bool{}
	for _, test := range immutable { // by TestImmutableFieldsStay
		tried[rule{test.created.GetObjectKind().GroupVersionKind().Kind, test.message}] = true
	}
	for _, file := range files(t, "testdata/invalid/*.yaml") {
		tried[rule{read(t, file, "").GetKind(), expectedMessage(t, file)}] = true
	}
	for _, kind := range kinds {
		declared := messages(t, customResourceDefinition(t, kind).Spec.Versions[0].Schema.OpenAPIV3Schema)
		if len(declared) < 10 {
			t.Errorf("only %d rules of %s were found", len(declared), kind)
		}
		for message := range declared {
			if !tried[rule{kind, message}] {
				t.Errorf("no %s in testdata/invalid expects %q", kind, message)
			}
		}
	}
}

// create makes the object. One that has no namespace is removed with the test, because its name is taken otherwise.
func create(t *testing.T, env *testenv.Env, object *unstructured.Unstructured) error {
	t.Helper()
	err := env.Client.Create(t.Context(), object, strict)
	if err == nil && object.GetNamespace() == "" {
		if err := env.Client.Delete(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	return err
}

// boundsOfSchema is what the API server says of minimum, maximum and the shortest length, beside our rule.
var boundsOfSchema = regexp.MustCompile(`should be ((less|greater) than or equal to \d+|at least 1 chars long)$`)

// wantOneCause demands that err is the API server's refusal for one cause, which ends in message.
func wantOneCause(t *testing.T, err error, message string) {
	t.Helper()
	if strings.HasPrefix(message, "unknown field ") { // refused before it is read
		if !apierrors.IsBadRequest(err) || !strings.HasSuffix(err.Error(), "strict decoding error: "+message) {
			t.Fatalf("got %v\nwant the single cause %q", err, message)
		}
		return
	}
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

// read returns the object in file, put into namespace if its kind has one.
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
	if object.GetKind() != "OAuthClientPolicy" {
		object.SetNamespace(namespace)
	}
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
