// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// histogramSuffix is what Prometheus adds to the name of a histogram.
var histogramSuffix = regexp.MustCompile(`_(bucket|sum|count)$`)

func TestTheAlertsOfThePageAreThoseOfTheComponentAndNameMetricsThatExist(t *testing.T) {
	page := read(t, root+"/docs/operations.md")
	_, section, _ := strings.Cut(page, "### Alerts worth having")
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(section)
	if block == nil {
		t.Fatal("the page shows no alerts")
	}
	var documented, shipped any
	var rule struct{ Spec map[string]any }
	file := read(t, root+"/config/monitoring/prometheusrule.yaml")
	if err := yaml.Unmarshal([]byte(file), &rule); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(block[1]), &documented); err != nil {
		t.Fatal(err)
	}
	if shipped = rule.Spec; len(rule.Spec) == 0 {
		t.Fatal("the component has no alerts")
	}
	if diff := cmp.Diff(documented, shipped); diff != "" {
		t.Errorf("docs/operations.md and config/monitoring/prometheusrule.yaml differ (-page +component)\n%s", diff)
	}
	sources := sourcesOf(t, root+"/authserver/web", root+"/controllers", root+"/cmd")
	names := regexp.MustCompile(`gatehouse_[a-z_]+`).FindAllString(block[1], -1)
	if len(names) < 10 {
		t.Fatalf("only %d metrics are named", len(names))
	}
	for _, name := range names {
		if name = histogramSuffix.ReplaceAllString(name, ""); !strings.Contains(sources, `"`+name+`"`) {
			t.Errorf("an alert names %s, which no program exports", name)
		}
		if short := strings.TrimPrefix(name, "gatehouse_"); !strings.Contains(page, "`"+short+"`") {
			t.Errorf("the page does not explain %s", short)
		}
	}
}

// sourcesOf returns the text of all Go files below the folders, but tests.
func sourcesOf(t *testing.T, folders ...string) string {
	t.Helper()
	var all strings.Builder
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				all.WriteString(read(t, path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}
