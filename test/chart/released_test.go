// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// Who installs the chart of a release, and says no tag, gets the image that the release has pushed.
func TestTheImageOfTheChartIsTheOneThatAReleasePushes(t *testing.T) {
	tree := t.TempDir()
	for _, folder := range []string{"hack", "charts", "authserver/store/sqlite/migrations", "authserver/store/postgres/migrations"} {
		if err := os.CopyFS(filepath.Join(tree, folder), os.DirFS(filepath.Join(root, folder))); err != nil {
			t.Fatal(err)
		}
	}
	for file, text := range map[string]string{"CHANGELOG.md": "# Changelog\n\n## Unreleased\n\n- One thing.\n", "test/upgrade/released.sha256": "# nothing yet\n"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(tree, file)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(tree, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	said, err := exec.CommandContext(t.Context(), filepath.Join(tree, "hack/cut.sh"), "v1.2.3").CombinedOutput()
	tag := regexp.MustCompile(`git tag -s (\S+?),`).FindSubmatch(said)
	if err != nil || tag == nil {
		t.Fatalf("cut: %v\n%s", err, said)
	}
	want := strings.NewReplacer("${{ vars.IMAGE }}", "registry.example.com/gatehouse", "${{ github.ref_name }}", string(tag[1])).Replace(published(t))
	values := "issuer: " + issuer + "\nimage: {repository: registry.example.com/gatehouse}\n"
	stdout, stderr, err := helm(t, values, "template", "gatehouse", filepath.Join(tree, "charts/gatehouse"), "--values", "-")
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	for _, program := range []string{operator, authserver} {
		if got := lookUp(t, documents(t, []byte(stdout)), row{object: program, field: container + "image"}); got != want {
			t.Errorf("%s has the image %v, and %s is what is pushed", program, got, want)
		}
	}
}

// published is the name of the image in the workflow.
func published(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(root + "/.github/workflows/publish.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var workflow struct {
		Jobs map[string]struct {
			Env   map[string]string
			Steps []struct{ Run string }
		}
	}
	if err := yaml.Unmarshal(raw, &workflow); err != nil {
		t.Fatal(err)
	}
	job := workflow.Jobs["publish"]
	for _, step := range job.Steps {
		if step.Run == "make push" { // which pushes to IMAGE
			return job.Env["IMAGE"]
		}
	}
	t.Fatal("the workflow pushes nothing")
	return ""
}
