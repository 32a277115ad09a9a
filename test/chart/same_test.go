// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// whatToDo is said to whoever changed config and made the chart differ.
const whatToDo = `
The chart gatehouse and the folder config no longer make the same objects (-kustomize +chart). The chart reads what hack/generate.sh
copies from config into charts/gatehouse/files: run "make generate" first. Objects and fields that are new then stand in the chart,
too. If they still differ, a template of charts/gatehouse/templates changes what you changed: adapt _objects.tpl (objects),
_pods.tpl (Deployments), _config.tpl (authserver.yaml), or the default in values.yaml.`

// set are labels and annotations that the chart writes and kustomize does not.
var set = []string{
	"app.kubernetes.io/name", "app.kubernetes.io/part-of", "app.kubernetes.io/instance", "app.kubernetes.io/version",
	"app.kubernetes.io/managed-by", "helm.sh/chart", "helm.sh/resource-policy",
}

// hash is what kustomize appends to the name of a ConfigMap.
var hash = regexp.MustCompile(`^(gatehouse-[a-z]+)-[2456789bcdfghkmt]{10}$`)

// compared is what an object is in a comparison, by kind, namespace and name. Kinds and namespaces are not the chart's.
func compared(t *testing.T, objects []*unstructured.Unstructured) map[string]any {
	t.Helper()
	found := map[string]any{}
	for _, o := range objects {
		if kind := o.GetKind(); kind == "CustomResourceDefinition" || kind == "Namespace" {
			continue
		}
		strip(o)
		if m := hash.FindStringSubmatch(o.GetName()); m != nil {
			o.SetName(m[1])
		}
		if template, is, _ := unstructured.NestedMap(o.Object, "spec", "template"); is {
			plainTemplate(template)
			if err := unstructured.SetNestedMap(o.Object, template, "spec", "template"); err != nil {
				t.Fatal(err)
			}
		}
		for _, file := range []string{"authserver.yaml", "policy.yaml"} { // what they say counts, not how they are written
			if text, is, _ := unstructured.NestedString(o.Object, "data", file); is {
				var content map[string]any
				if err := yaml.Unmarshal([]byte(text), &content); err != nil {
					t.Fatal(err)
				}
				if err := unstructured.SetNestedMap(o.Object, content, "data", file); err != nil {
					t.Fatal(err)
				}
			}
		}
		name := fmt.Sprintf("%s %s/%s", o.GetKind(), o.GetNamespace(), o.GetName())
		if _, twice := found[name]; twice {
			t.Errorf("%s is there twice", name)
		}
		found[name] = o.Object
	}
	return found
}

// strip takes off what only one of the two writes.
func strip(o *unstructured.Unstructured) {
	for _, field := range []string{"labels", "annotations"} {
		texts, _, _ := unstructured.NestedMap(o.Object, "metadata", field)
		for _, key := range set {
			delete(texts, key)
		}
		if len(texts) == 0 {
			unstructured.RemoveNestedField(o.Object, "metadata", field)
			continue
		}
		_ = unstructured.SetNestedMap(o.Object, texts, "metadata", field)
	}
}

// plainTemplate drops the checksums of a pod's template, which are the chart's way to roll, and the hashes in the names of its volumes,
// which are kustomize's. The order of volumes and of mounts says nothing.
func plainTemplate(template map[string]any) {
	if metadata, is := template["metadata"].(map[string]any); is {
		if annotations, is := metadata["annotations"].(map[string]any); is {
			delete(annotations, "checksum/config")
			delete(annotations, "checksum/policy")
			if len(annotations) == 0 {
				delete(metadata, "annotations")
			}
		}
	}
	volumes, _, _ := unstructured.NestedSlice(template, "spec", "volumes")
	for _, volume := range volumes {
		if of, is := volume.(map[string]any)["configMap"].(map[string]any); is {
			if m := hash.FindStringSubmatch(of["name"].(string)); m != nil {
				of["name"] = m[1]
			}
		}
	}
	if volumes == nil {
		return
	}
	byName := func(a, b any) int {
		return strings.Compare(a.(map[string]any)["name"].(string), b.(map[string]any)["name"].(string))
	}
	slices.SortFunc(volumes, byName)
	pod := template["spec"].(map[string]any)
	pod["volumes"] = volumes
	for _, c := range pod["containers"].([]any) {
		slices.SortFunc(c.(map[string]any)["volumeMounts"].([]any), byName)
	}
}

// same compares objects, one by one so that a difference can be read.
func same(t *testing.T, want, got map[string]any) {
	t.Helper()
	if len(want) < 3 {
		t.Fatalf("only %d objects", len(want))
	}
	var differences strings.Builder
	for name := range want {
		if _, found := got[name]; !found {
			fmt.Fprintf(&differences, "- %s\n", name)
		} else if diff := cmp.Diff(want[name], got[name]); diff != "" {
			fmt.Fprintf(&differences, "%s:\n%s\n", name, diff)
		}
	}
	for name := range got {
		if _, found := want[name]; !found {
			fmt.Fprintf(&differences, "+ %s\n", name)
		}
	}
	if differences.Len() > 0 {
		t.Errorf("%s\n\n%s", whatToDo, differences.String())
	}
}

// installation is a copy of config with the issuer of the tests, in a namespace.
func installation(t *testing.T, namespace string) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(root+"/config")); err != nil {
		t.Fatal(err)
	}
	replace(t, folder+"/default/settings.yaml", "issuer: https://auth.example.com", "issuer: "+issuer)
	for _, file := range []string{"/default/kustomization.yaml", "/overlays/ha/kustomization.yaml"} {
		replace(t, folder+file, "\nnamespace: "+system, "\nnamespace: "+namespace)
	}
	return folder
}

func replace(t *testing.T, file, old, new string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil && strings.Count(string(text), old) != 1 {
		t.Fatalf("%s does not hold %q once", file, old)
	}
	if err == nil {
		err = os.WriteFile(file, []byte(strings.Replace(string(text), old, new, 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

const (
	// defaults are what has to be said, and the image that config has.
	defaults = "issuer: " + issuer + "\nimage: {tag: latest}\n"
	// several is the one switch, and where the database of the overlay is.
	several = defaults + "highAvailability: true\npostgres: {host: postgres.example.com}\n"
	// chosen are the namespaces of config/namespaced.
	chosen = defaults + "namespaces: {list: [team-a, team-b]}\n"
)

func TestTheChartMakesWhatKustomizeBuilds(t *testing.T) {
	for name, row := range map[string]struct{ folder, namespace, values string }{
		"SQLite":                        {"/default", system, defaults},
		"SQLite, another namespace":     {"/default", "doors", defaults},
		"several replicas":              {"/overlays/ha", system, several},
		"several, in another namespace": {"/overlays/ha", "doors", several},
		"chosen namespaces":             {"/namespaced", system, chosen},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := compared(t, build(t, installation(t, row.namespace)+row.folder))
			same(t, want, compared(t, render(t, row.namespace, row.values)))
		})
	}
}

func TestTheChartMonitorsWhatTheComponentDoes(t *testing.T) {
	folder := installation(t, system)
	text := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../default]\ncomponents: [../prometheus]\n"
	if err := errors.Join(os.Mkdir(folder+"/top", 0o700), os.WriteFile(folder+"/top/kustomization.yaml", []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	want := compared(t, build(t, folder+"/top"))
	same(t, want, compared(t, render(t, system, defaults+"monitoring: {enabled: true}\n")))
}

// The kinds are those of config/crd, with labels, and kept when their chart is uninstalled.
func TestTheKindsAreThoseOfConfig(t *testing.T) {
	want := map[string]any{}
	for _, crd := range build(t, root+"/config/crd") {
		want[crd.GetName()] = crd.Object["spec"]
	}
	stdout, stderr, err := helm(t, "", "template", "gatehouse-crds", "charts/gatehouse-crds")
	if err != nil || len(want) != 3 {
		t.Fatalf("%d kinds: %v\n%s", len(want), err, stderr)
	}
	got := map[string]any{}
	for _, crd := range documents(t, []byte(stdout)) {
		if crd.GetAnnotations()["helm.sh/resource-policy"] != "keep" || crd.GetAnnotations()["controller-gen.kubebuilder.io/version"] == "" {
			t.Errorf("%s has the annotations %v", crd.GetName(), crd.GetAnnotations())
		}
		got[crd.GetName()] = crd.Object["spec"]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("run make generate: the chart gatehouse-crds has other kinds than config/crd (-config +chart):\n%s", diff)
	}
}

// Objects of the chart that no object of config stands behind say whose they are as well.
func TestEveryObjectSaysWhoseItIs(t *testing.T) {
	values := several + "users: {list: [{name: bob, id: '1', passwordHash: $x}]}\npolicies: {shop: {}}\nmonitoring: {enabled: true}\n" +
		"tls: {certManager: {enabled: true, issuerRef: {name: ca}}}\nexpose: {type: TLSRoute, gateway: {parentRefs: [{name: public}]}}\n"
	for _, o := range append(render(t, system, values), render(t, system, chosen)...) {
		for key, want := range map[string]string{
			"app.kubernetes.io/name": "gatehouse", "app.kubernetes.io/part-of": "gatehouse", "app.kubernetes.io/instance": "gatehouse",
			"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/version": "0.1.0", "helm.sh/chart": "gatehouse-0.1.0",
		} {
			if got := o.GetLabels()[key]; got != want {
				t.Errorf("%s %s: label %s is %q, want %q", o.GetKind(), o.GetName(), key, got, want)
			}
		}
	}
}
