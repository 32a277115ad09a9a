// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func lintFile(t *testing.T, file string) (wrong []finding) {
	t.Helper()
	found, wrong, err := readAll(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	more, err := lintAll(t.Context(), found, "", "default")
	if err != nil {
		t.Fatal(err)
	}
	return append(wrong, more...)
}

func samples(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob("../../api/v1alpha1/testdata/" + pattern)
	if err != nil || len(files) < 50 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	return files
}

func TestLintTakesWhatTheAPIServerTakes(t *testing.T) {
	for _, file := range samples(t, "valid/*.yaml") {
		for _, f := range lintFile(t, file) {
			if f.Rule != rulePolicy {
				t.Errorf("%s", f)
			}
		}
	}
	says(t, 0, "nothing to say", "lint", "-f", "../../config/samples")
}

// N377: lint refuses what the API server refuses, with its sentence: each rule of the kinds has a sample.
func TestN377LintRefusesWhatTheAPIServerRefuses(t *testing.T) {
	for _, file := range samples(t, "invalid/*.yaml") {
		want := expected(t, file)
		if name, unknown := strings.CutPrefix(want, "unknown field "); unknown {
			want = strings.Trim(name, `"`)
		}
		want = strings.TrimPrefix(want, "Invalid value: ")
		wrong := lintFile(t, file)
		if !slices.ContainsFunc(wrong, func(f finding) bool { return strings.Contains(f.Field+" "+f.Message, want) }) {
			t.Errorf("%s: want %q, got %v", filepath.Base(file), want, wrong)
		}
	}
}

// expected returns the message that a sample names in its first comment.
func expected(t *testing.T, file string) string {
	t.Helper()
	text, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	for lines := bufio.NewScanner(text); lines.Scan(); {
		if message, ok := strings.CutPrefix(lines.Text(), "# message: "); ok {
			return message
		}
	}
	t.Fatalf("%s expects no message", file)
	return ""
}

func TestLintNamesFileLineAndPolicy(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "all.yml"), `# a comment
apiVersion: v1
kind: Namespace
metadata: {name: photos, labels: {gatehouse.dev/policy: strict}}
---
apiVersion: gatehouse.dev/v1alpha1
kind: OAuthClientPolicy
metadata: {name: strict}
spec: {clients: {profiles: [OAuth2], grantTypes: [AuthorizationCode], callbackHosts: [photos.example]}}
---

apiVersion: gatehouse.dev/v1alpha1
kind: OAuthClient
metadata: {name: a, namespace: photos}
spec: {callbackURLs: ["https://other.example/"], oauth2: {grantTypes: [AuthorizationCode]}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: of-somebody-else}
`)
	write(t, filepath.Join(folder, "broken.yaml"), "kind: [")
	write(t, filepath.Join(folder, "notes.txt"), "kind: [")
	out := says(t, 1, "2 findings", "lint", "-f", folder)
	for _, words := range []string{"all.yml:12: OAuthClient/a: spec.callbackURLs", "OAuthClientPolicy strict", "broken.yaml:1:", "2 objects of Gatehouse"} {
		if !strings.Contains(out, words) {
			t.Errorf("%q is missing:\n%s", words, out)
		}
	}
	var log sarifLog
	if err := json.Unmarshal([]byte(says(t, 1, "", "lint", "-f", folder, "-o", "sarif")), &log); err != nil || log.Version != "2.1.0" {
		t.Fatalf("SARIF %+v, %v", log, err)
	}
	results := log.Runs[0].Results
	if len(results) != 2 || !slices.ContainsFunc(results, func(r sarifResult) bool {
		return r.RuleID == rulePolicy && r.Locations[0].Physical.Region.StartLine == 12 && strings.HasSuffix(r.Locations[0].Physical.Artifact.URI, "/all.yml")
	}) {
		t.Errorf("%+v", results)
	}
	for _, r := range results {
		if !slices.ContainsFunc(log.Runs[0].Tool.Driver.Rules, func(rule sarifRule) bool { return rule.ID == r.RuleID }) {
			t.Errorf("rule %s is not declared", r.RuleID)
		}
	}
}

// N378: files without an end, or with very many objects, are refused and take no more memory.
func TestN378AFileThatIsTooLargeIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "large.yaml")
	write(t, file, strings.Repeat("#", maxFile+1))
	says(t, 1, "more than", "lint", "-f", file)
}
