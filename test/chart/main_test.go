// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	testenv.Main(m)
}

const (
	// root is the repository's folder.
	root = "../.."
	// system is the namespace of config/default.
	system = "gatehouse-system"
	// issuer is one that is not that of the example.
	issuer = "https://login.photos.example"
)

// program is where helm is. It is built from the module proxy when it is not in Go's cache, which takes minutes on a new machine;
// hack/test.sh does that before the tests.
var program = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("go", "tool", "-n", "-modfile=hack/tools/helm/go.mod", "helm")
	cmd.Dir = root
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
})

// helm runs helm with folders of its own, and returns both outputs.
func helm(t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatalf("build helm: %v", err)
	}
	own := t.TempDir()
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+own, "HELM_CONFIG_HOME="+own, "HELM_DATA_HOME="+own, "HELM_PLUGINS="+own)
	cmd.Stdin = strings.NewReader(stdin)
	var said, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &errs
	err = cmd.Run()
	return said.String(), errs.String(), err
}

// render is what the chart gatehouse makes of values in a namespace.
func render(t *testing.T, namespace, values string) []*unstructured.Unstructured {
	t.Helper()
	stdout, stderr, err := helm(t, values, "template", "gatehouse", "charts/gatehouse", "--namespace", namespace, "--values", "-")
	if err != nil || stderr != "" {
		t.Fatalf("helm template with %s: %v\n%s", values, err, stderr)
	}
	return documents(t, []byte(stdout))
}

// build is what kustomize makes of a folder of config.
func build(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	folder, err := filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "tool", "-modfile=hack/tools/go.mod", "kustomize", "build", folder)
	cmd.Dir = root
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kustomize build %s: %v\n%s", folder, err, stderr.String())
	}
	return documents(t, out)
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
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}
