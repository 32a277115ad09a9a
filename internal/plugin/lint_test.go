// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
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

	stdin := &endless{}
	var stdout, stderr bytes.Buffer
	status := Run(t.Context(), []string{"lint", "-f", "-"}, Streams{In: stdin, Out: &stdout, Err: &stderr, Now: time.Now})
	if status != 1 || !strings.Contains(stderr.String(), "more than") || stdin.read > maxFile+1 {
		t.Errorf("standard input without an end: status %d after %d bytes: %s%s", status, stdin.read, &stdout, &stderr)
	}
}

// endless gives comments, and ends only because a program that reads on would take all memory.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	if e.read > 4*maxFile {
		return 0, io.EOF
	}
	e.read += len(p)
	return copy(p, bytes.Repeat([]byte("#"), len(p))), nil
}

// lint says what the API server says: neither more nor less.
func TestLintReadsObjectsAsTheAPIServerDoes(t *testing.T) {
	const head = "apiVersion: gatehouse.dev/v1alpha1\nkind: OAuthClient\n"
	const spec = "spec: {callbackURLs: ['https://a.example/']}\n"
	namespace := "apiVersion: v1\nkind: Namespace\nmetadata: {name: photos, labels: {gatehouse.dev/policy: strict%s}}\n---\n"
	for name, c := range map[string]struct {
		text, says string
		status     int
	}{
		"null stands for nothing":       {head + "metadata: {name: a}\nspec: {callbackURLs: ['https://a.example/'], scopes: null}\n", "1 objects of Gatehouse: nothing", 0},
		"a label is text":               {head + "metadata: {name: a, labels: {x: 5}}\n" + spec, "metadata cannot be read", 1},
		"a key of a label has a form":   {head + "metadata: {name: a, labels: {'a b': x}}\n" + spec, "metadata.labels", 1},
		"metadata has no other fields":  {head + "metadata: {name: a, lables: {}}\n" + spec, "metadata.lables is no field", 1},
		"a list is no object":           {"- {op: remove, path: /spec/scopes}\n---\n" + head + "metadata: {name: a}\n" + spec, "1 objects of Gatehouse: nothing", 0},
		"an object beside the dashes":   {"--- {apiVersion: gatehouse.dev/v1alpha1, kind: OAuthClient, metadata: {name: a}, spec: {}}\n", ":1: OAuthClient/a", 1},
		"a policy that is not there":    {fmt.Sprintf(namespace, "") + head + "metadata: {name: a, namespace: photos}\n" + spec, "gatehouse.dev/policy=strict", 1},
		"a Namespace that is not taken": {fmt.Sprintf(namespace, ", x: [5]") + head + "metadata: {name: a, namespace: photos}\n" + spec, "Namespace/photos: metadata cannot be read", 1},
		"a policy of another namespace": {fmt.Sprintf(namespace, "") + head + "metadata: {name: a, namespace: other}\n" + spec, "nothing to say", 0},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "file.yaml")
			write(t, file, c.text)
			says(t, c.status, c.says, "lint", "-f", file)
		})
	}
	policy, file := filepath.Join(t.TempDir(), "strict.yaml"), filepath.Join(t.TempDir(), "file.yaml")
	write(t, policy, "apiVersion: gatehouse.dev/v1alpha1\nkind: OAuthClientPolicy\nmetadata: {name: strict}\nspec: {clients: {profiles: [OAuth2], grantTypes: [AuthorizationCode]}}\n")
	write(t, file, fmt.Sprintf(namespace, "")+head+"metadata: {name: a, namespace: photos}\n"+spec)
	says(t, 1, "OAuthClientPolicy strict", "lint", "-f", file, "--policy-file="+policy)
}
