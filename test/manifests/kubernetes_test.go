// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"regexp"
	"strings"
	"testing"
)

// What is said to be the oldest Kubernetes is what the nightly tests build.
func TestOneOldestKubernetesIsNamedAndTested(t *testing.T) {
	found := regexp.MustCompile(`\bversion=\$\{1:-v(1\.\d+)\.\d+\}`).FindStringSubmatch(read(t, root+"/hack/oldest.sh"))
	if found == nil {
		t.Fatal("hack/oldest.sh names no version")
	}
	for file, sentence := range map[string]string{
		"README.md":                        "Kubernetes " + found[1] + " or later",
		"docs/install.md":                  "Kubernetes " + found[1] + " or later",
		"docs/oauthclient.md":              "Kubernetes " + found[1] + " or later",
		"docs/policies.md":                 "Kubernetes " + found[1] + " or later",
		"docs/versions.md":                 found[1] + " or later",
		"charts/gatehouse/Chart.yaml":      `kubeVersion: ">=` + found[1] + `.0-0"`,
		"charts/gatehouse-crds/Chart.yaml": `kubeVersion: ">=` + found[1] + `.0-0"`,
		".github/workflows/nightly.yaml":   "make test-oldest",
	} {
		if !strings.Contains(read(t, root+"/"+file), sentence) {
			t.Errorf("%s does not say %q", file, sentence)
		}
	}
}
