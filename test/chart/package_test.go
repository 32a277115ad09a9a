// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What users get is the archive: .helmignore must not leave out a file that the templates read.
func TestTheArchivesMakeWhatTheFoldersDo(t *testing.T) {
	folder := t.TempDir()
	if _, stderr, err := helm(t, "", "package", "--destination", folder, "charts/gatehouse-crds", "charts/gatehouse"); err != nil {
		t.Fatalf("helm package: %v\n%s", err, stderr)
	}
	for chart, values := range map[string]string{
		"gatehouse":      several + "monitoring: {enabled: true}\n",
		"gatehouse-crds": "",
	} {
		made := map[string]string{}
		for _, from := range []string{"charts/" + chart, filepath.Join(folder, chart+"-0.1.0.tgz")} {
			stdout, stderr, err := helm(t, values, "template", "gatehouse", from, "--values", "-")
			if err != nil || !strings.Contains(stdout, "\nkind: ") {
				t.Fatalf("%s: %v\n%s", from, err, stderr)
			}
			made[from] = stdout
		}
		if diff := cmp.Diff(made["charts/"+chart], made[filepath.Join(folder, chart+"-0.1.0.tgz")]); diff != "" {
			t.Errorf("%s (-folder +archive):\n%s", chart, diff)
		}
	}
}

// helm's own checks of a chart: names, versions, templates, and objects of versions that are no longer served.
func TestHelmFindsNoFault(t *testing.T) {
	for chart, values := range map[string]string{"gatehouse": several, "gatehouse-crds": ""} {
		stdout, stderr, err := helm(t, values, "lint", "--strict", "charts/"+chart, "--values", "-")
		if err != nil || !strings.Contains(stdout+stderr, "0 chart(s) failed") {
			t.Errorf("%s: %v\n%s%s", chart, err, stdout, stderr)
		}
	}
}
