// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// root is the repository's folder.
const root = "../.."

// system is the namespace config/default deploys into.
const system = "gatehouse-system"

// build is what kustomize makes of a folder.
func build(t *testing.T, folder string) []byte {
	t.Helper()
	folder, err := filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "tool", "-modfile=hack/tools/go.mod", "kustomize", "build", folder)
	cmd.Dir = root
	return run(t, cmd)
}

// kubectl runs kubectl as administrator with input on its standard input.
func kubectl(t *testing.T, env *testenv.Env, input []byte, args ...string) {
	t.Helper()
	args = append([]string{"--kubeconfig=" + env.Kubeconfig, "--cache-dir=" + t.TempDir()}, args...)
	cmd := exec.CommandContext(t.Context(), filepath.Join(env.Binaries, "kubectl"), args...)
	cmd.Stdin = bytes.NewReader(input)
	run(t, cmd)
}

// run runs cmd, which must say nothing on its standard error: neither an error nor a warning. It returns what it says on
// its standard output.
func run(t *testing.T, cmd *exec.Cmd) []byte {
	t.Helper()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, stderr.String())
	}
	return stdout
}

// apply applies manifests as `make deploy` does; a field the API server does not know is an error.
func apply(t *testing.T, env *testenv.Env, manifests []byte) {
	t.Helper()
	kubectl(t, env, manifests, "apply", "--server-side", "--validate=strict", "-f", "-")
}

// applied tells whether config/default has been applied to the API server that the tests share.
var applied bool

// deployed is an API server with controllers, to which config/default has been applied.
func deployed(t *testing.T) *testenv.Env {
	t.Helper()
	env := testenv.StartWithControllers(t)
	if !applied {
		apply(t, env, build(t, root+"/config/default"))
		operator, authserver := serviceAccount("gatehouse-operator"), serviceAccount("gatehouse-authserver")
		await(t, env, []row{
			{operator, "list", "oauthclients.gatehouse.dev", "", allowed},
			{operator, "create", "leases.coordination.k8s.io", system, allowed},
			{authserver, "list", "oauthclients.gatehouse.dev", "", allowed},
			{authserver, "get", "secrets/gatehouse-shared-key", system, allowed},
		})
		applied = true
	}
	return env
}

// documents are the objects in manifests.
func documents(t *testing.T, manifests []byte) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, object)
	}
}

// find returns the object of the kind in manifests whose name begins with name, as a T.
func find[T any](t *testing.T, manifests []byte, kind, name string) *T {
	t.Helper()
	for _, object := range documents(t, manifests) {
		if object.GetKind() != kind || !strings.HasPrefix(object.GetName(), name) {
			continue
		}
		typed := new(T)
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, typed, true); err != nil {
			t.Fatal(err)
		}
		return typed
	}
	t.Fatalf("no %s begins with %s", kind, name)
	return nil
}

// eventually waits until done says so.
func eventually(t *testing.T, what string, done func(context.Context) (bool, error)) {
	t.Helper()
	if err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, done); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// edit replaces the only occurrence of old in file.
func edit(t *testing.T, file, old, new string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), old); n != 1 {
		t.Fatalf("%s holds %q %d times, want it once", file, old, n)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), old, new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}
