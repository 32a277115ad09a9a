// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/controlplane/binaries"
)

// admissionFiles hold the ValidatingAdmissionPolicies and their bindings.
var admissionFiles = []string{"oauthclients.yaml", "resourceservers.yaml", "warnings.yaml"}

// effective is how long the API server may take to obey what was just applied.
const effective = time.Minute

// AdmitByPolicy installs the ValidatingAdmissionPolicies of config/policy and waits until the API server obeys them. They stay
// for all tests of the binary. A policy that is made later is obeyed a moment later: see AwaitPolicy.
func (e *Env) AdmitByPolicy(tb testing.TB) {
	tb.Helper()
	root, err := binaries.RepositoryRoot()
	if err != nil {
		tb.Fatal(err)
	}
	for _, file := range admissionFiles {
		if err := e.applyFile(tb, filepath.Join(root, "config", "policy", file)); err != nil {
			tb.Fatalf("testenv: %v", err)
		}
	}
	const name = "testenv-allows-nothing"
	if err := e.Policy(tb.Context(), name, v1alpha1.OAuthClientPolicySpec{Description: "Allows nothing"}); err != nil {
		tb.Fatalf("testenv: %v", err)
	}
	namespace := e.NamespaceWithPolicy(tb, name)
	e.awaitRefusal(tb, namespace, probeClient(namespace))
	e.awaitRefusal(tb, namespace, probeAPI(namespace))
	e.awaitWarning(tb)
}

// NamespaceWithPolicy is Namespace for one that has the label of the policy.
func (e *Env) NamespaceWithPolicy(tb testing.TB, policy string) string {
	tb.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-", Labels: map[string]string{v1alpha1.LabelPolicy: policy}}}
	if err := e.Client.Create(tb.Context(), ns); err != nil {
		tb.Fatalf("testenv: make a namespace: %v", err)
	}
	return ns.Name
}

// AwaitPolicy waits until admission refuses object, which its namespace's policy must deny.
func (e *Env) AwaitPolicy(tb testing.TB, object client.Object) {
	tb.Helper()
	e.awaitRefusal(tb, object.GetNamespace(), object)
}

func (e *Env) awaitRefusal(tb testing.TB, namespace string, object client.Object) {
	tb.Helper()
	Eventually(tb, effective, fmt.Sprintf("admission refuses a %T in %s", object, namespace), func() bool {
		tried, ok := object.DeepCopyObject().(client.Object)
		return ok && apierrors.IsForbidden(e.Client.Create(tb.Context(), tried, client.DryRunAll))
	})
}

func (e *Env) awaitWarning(tb testing.TB) {
	tb.Helper()
	namespace := e.Namespace(tb)
	warnings := &Warnings{}
	warned := warnings.Client(tb, e)
	Eventually(tb, effective, "admission warns", func() bool {
		oc := probeClient(namespace)
		oc.Spec.Consent = v1alpha1.ConsentSkip
		if err := warned.Create(tb.Context(), oc, client.DryRunAll); err != nil {
			tb.Fatalf("testenv: %v", err)
		}
		return len(warnings.Take()) > 0
	})
}

func probeClient(namespace string) *v1alpha1.OAuthClient {
	return &v1alpha1.OAuthClient{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "probe"},
		Spec:       v1alpha1.OAuthClientSpec{CallbackURLs: []v1alpha1.CallbackURL{"https://probe.example/callback"}},
	}
}

func probeAPI(namespace string) *v1alpha1.ResourceServer {
	return &v1alpha1.ResourceServer{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "probe"},
		Spec:       v1alpha1.ResourceServerSpec{Scopes: []v1alpha1.ScopeDeclaration{{Name: "probe", Description: "Probe"}}},
	}
}

// applyFile applies each document of a file.
func (e *Env) applyFile(tb testing.TB, file string) error {
	tb.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read a manifest: %w", err)
	}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(&object.Object); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		applied := client.ApplyConfigurationFromUnstructured(object)
		if err := e.Client.Apply(tb.Context(), applied, client.FieldOwner("kubectl"), client.ForceOwnership); err != nil {
			return fmt.Errorf("apply %s: %w", file, err)
		}
	}
}
