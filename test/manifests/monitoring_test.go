// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// ruleFile is what the PrometheusRule holds, as Prometheus itself reads it.
type ruleFile struct {
	Groups []struct {
		Name  string
		Rules []struct{ Alert, Expr string }
	}
}

// shippedRules returns the shipped rules, as text and read.
func shippedRules(t *testing.T) (text []byte, read ruleFile) {
	t.Helper()
	var object struct{ Spec json.RawMessage }
	raw, err := os.ReadFile(root + "/config/prometheus/prometheusrule.yaml")
	if err == nil {
		err = yaml.Unmarshal(raw, &object)
	}
	if err == nil {
		err = json.Unmarshal(object.Spec, &read)
	}
	if err != nil || len(read.Groups) == 0 {
		t.Fatalf("the component has no alerts: %v", err)
	}
	return object.Spec, read
}

// promtool runs the tool of Prometheus in a folder.
func promtool(t *testing.T, folder string, args ...string) {
	t.Helper()
	path, err := exec.Command(root+"/hack/require.sh", "promtool", "prometheus").Output()
	if err != nil {
		t.Fatalf("promtool: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), strings.TrimSpace(string(path)), args...)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %v: %v\n%s", args, err, out)
	}
}

func TestTheAlertsDoWhatTheySay(t *testing.T) {
	text, _ := shippedRules(t)
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "rules.yaml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "rules_test.yaml"), []byte(read(t, root+"/config/prometheus/rules_test.yaml")), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, folder, "check", "rules", "rules.yaml")
	promtool(t, folder, "test", "rules", "rules_test.yaml")
}

func TestEachAlertIsExplained(t *testing.T) {
	_, section, _ := strings.Cut(read(t, root+"/docs/operations.md"), "### Alerts")
	section, _, _ = strings.Cut(section, "\n## ")
	var explained, shipped []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(Gatehouse[A-Za-z]+)` \\| [^|]{20,} \\| [^|]{20,} \\|$").FindAllStringSubmatch(section, -1) {
		explained = append(explained, row[1])
	}
	_, file := shippedRules(t)
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			shipped = append(shipped, rule.Alert)
		}
	}
	slices.Sort(explained)
	slices.Sort(shipped)
	if !slices.Equal(explained, shipped) {
		t.Errorf("docs/operations.md explains\n%v\nand config/prometheus ships\n%v", explained, shipped)
	}
}
