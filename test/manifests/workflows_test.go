// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// What a workflow runs is there: a target of the Makefile or a file of the repository.
func TestTheWorkflowsRunWhatIsThere(t *testing.T) {
	files, err := filepath.Glob(root + "/.github/workflows/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("found the workflows %v (%v), want CI, nightly and publish", files, err)
	}
	commands := 0
	for _, file := range files {
		var workflow struct {
			Permissions map[string]string
			Jobs        map[string]struct {
				TimeoutMinutes int `json:"timeout-minutes"`
				Steps          []struct {
					Run  string
					With map[string]any
				}
			}
		}
		if err := yaml.Unmarshal([]byte(read(t, file)), &workflow); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if len(workflow.Permissions) != 1 || workflow.Permissions["contents"] != "read" {
			t.Errorf("%s: a workflow may only read, unless a job says otherwise; it has %v", file, workflow.Permissions)
		}
		for name, job := range workflow.Jobs {
			if job.TimeoutMinutes == 0 {
				t.Errorf("%s: job %s may run for ever", file, name)
			}
			history := false
			for _, step := range job.Steps {
				history = history || step.With["fetch-depth"] == float64(0)
				if step.Run == ".ci/run" && !history {
					t.Errorf("%s: job %s runs all tests on a shallow clone; test/upgrade needs the history (fetch-depth: 0)", file, name)
				}
				if target, ok := strings.CutPrefix(step.Run, "make "); ok {
					commands++
					args := append(strings.Fields(target), "--dry-run", "--no-print-directory", "IMAGE=gatehouse:test", "VERSION=test")
					cmd := exec.CommandContext(t.Context(), "make", args...)
					cmd.Dir = root
					run(t, cmd)
				}
				if strings.HasPrefix(step.Run, ".") {
					commands++
					if _, err := os.Stat(filepath.Join(root, step.Run)); err != nil {
						t.Error(err)
					}
				}
			}
		}
	}
	if commands < 6 {
		t.Errorf("only %d commands were found", commands)
	}
}

// Whoever imports the kinds gets what Kubernetes' own kinds need, and nothing of the server, the operator or their stores.
func TestTheKindsCanBeImportedAlone(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "./api/...")
	cmd.Dir = root
	own := 0
	for path := range strings.FieldsSeq(string(run(t, cmd))) {
		if strings.HasPrefix(path, "github.com/gatehouse-dev/") {
			own++
			if !strings.HasPrefix(path, "github.com/gatehouse-dev/gatehouse/api/") {
				t.Errorf("the kinds import %s", path)
			}
		}
		for _, heavy := range []string{"sigs.k8s.io/controller-runtime", "k8s.io/client-go", "k8s.io/api/", "database/sql", "github.com/jackc", "modernc.org"} {
			if strings.HasPrefix(path, heavy) {
				t.Errorf("the kinds import %s", path)
			}
		}
	}
	if own == 0 {
		t.Error("no kind was found")
	}
}
