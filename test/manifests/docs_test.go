// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// kindPages are the pages that document the kinds.
var kindPages = map[string]string{
	"OAuthClient":    root + "/docs/oauthclient.md",
	"ResourceServer": root + "/docs/resourceserver.md",
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The pages show everything, so the namespace of their examples may use everything. What a policy allows is not their subject.
func TestTheExamplesOfThePagesAreAccepted(t *testing.T) {
	env := deployed(t)
	if err := env.Policy(t.Context(), "documented", testenv.Permissive()); err != nil {
		t.Fatal(err)
	}
	// Without the line --- kubectl of the oldest Kubernetes takes what begins with { for JSON.
	apply(t, env, []byte("---\n{apiVersion: v1, kind: Namespace, metadata: {name: documented, labels: {gatehouse.dev/policy: documented}}}"))
	pages := append(slices.Sorted(maps.Values(kindPages)), root+"/docs/migrate-connections-cloud.md", root+"/docs/migrate-integration-cloud.md")
	for _, page := range pages {
		examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(read(t, page), -1)
		if len(examples) == 0 {
			t.Fatalf("%s has no example", page)
		}
		for _, example := range examples {
			manifests := strings.ReplaceAll(example[1], "namespace: photos\n", "namespace: documented\n")
			applyRisky(t, env, []byte(manifests), "--dry-run=server")
		}
	}
}

// ofKubernetes are the fields of every condition.
var ofKubernetes = []string{"lastTransitionTime", "message", "reason", "status", "type"}

// ofOthers are fields that are declared with the shared credentials, and that the object of the kind does not have.
var ofOthers = map[string][]string{
	"ResourceServer": {
		"request-token-endpoint", "authorization-endpoint", "token-endpoint", "access-token-endpoint", "revocation-endpoint", "identity-endpoint",
		"userinfo-endpoint", "end-session-endpoint",
	},
}

func TestTheKindsPageNamesEveryFieldAndReason(t *testing.T) {
	for kind, page := range kindPages {
		t.Run(kind, func(t *testing.T) {
			schema := schemaOf(t, kind)
			words := slices.DeleteFunc(slices.Concat(fields(schema.Properties["spec"]), fields(schema.Properties["status"])), func(field string) bool {
				return slices.Contains(ofKubernetes, field) || slices.Contains(ofOthers[kind], field)
			})
			if kind == "OAuthClient" {
				words = append(words, told(t)...)
			}
			if len(words) < 20 {
				t.Fatalf("only %d fields and reasons were found: %v", len(words), words)
			}
			spans := codeSpans(read(t, page))
			for _, word := range words {
				if !named(spans, word) {
					t.Errorf("the page does not name %s", word)
				}
			}
		})
	}
}

// told are the conditions, their reasons and the reasons of Events.
func told(t *testing.T) (words []string) {
	t.Helper()
	for _, from := range []struct {
		file, pattern string
		atLeast       int
	}{
		{"api/v1alpha1/conditions.go", `Condition\w+ +ConditionType += "(\w+)"`, 9},
		{"api/v1alpha1/conditions.go", `Reason\w+ +\w+Reason += "(\w+)"`, 30},
		{"controllers/conditions.go", `event\w+ += "(\w+)"`, 6},
		{"controllers/claims_store.go", `reason\w+ += "(\w+)"`, 1},
		{"controllers/keys_controller.go", `reason\w+ += "(\w+)"`, 2},
		{"internal/adminapi/refusal.go", `\w+ += "(\w+)"`, 3},
	} {
		found := regexp.MustCompile(from.pattern).FindAllStringSubmatch(read(t, root+"/"+from.file), -1)
		if len(found) < from.atLeast {
			t.Fatalf("%s has only %d words like %s", from.file, len(found), from.pattern)
		}
		for _, word := range found {
			words = append(words, word[1])
		}
	}
	return words
}

// codeSpans are the texts of a page that stand between backticks, or in a block of code.
func codeSpans(page string) []string {
	var spans []string
	block := regexp.MustCompile("(?s)```.*?```")
	for _, text := range append(block.Split(page, -1), "") {
		for i, part := range strings.Split(text, "`") {
			if i%2 == 1 {
				spans = append(spans, part)
			}
		}
	}
	return append(spans, block.FindAllString(page, -1)...)
}

// named reports whether one of the spans holds the word as a word of its own.
func named(spans []string, word string) bool {
	whole := regexp.MustCompile(`(^|[^\w-])` + regexp.QuoteMeta(word) + `($|[^\w-])`)
	return slices.ContainsFunc(spans, whole.MatchString)
}

// A test that cannot fail shows nothing: words of the prose between two spans are not named.
func TestAWordOfTheProseIsNotNamed(t *testing.T) {
	spans := codeSpans("A `first` prose `second.part` other\n\n```yaml\ninside: true\n```\n\nlater `third` end")
	for word, want := range map[string]bool{
		"first": true, "second": true, "part": true, "inside": true, "third": true, "prose": false, "other": false, "later": false, "end": false, "sec": false,
	} {
		if got := named(spans, word); got != want {
			t.Errorf("%s is named: %t", word, got)
		}
	}
	page := codeSpans(read(t, kindPages["OAuthClient"]))
	if named(page, "appears") || named(page, "noSuchField") {
		t.Error("a word that no code of the page holds is named")
	}
}

// fields are the names of all fields in the schema.
func fields(s apiextensionsv1.JSONSchemaProps) []string {
	var found []string
	for name, property := range s.Properties {
		found = append(append(found, name), fields(property)...)
	}
	if s.Items != nil {
		found = append(found, fields(*s.Items.Schema)...)
	}
	return found
}

// Who restores at night copies these: the API server has to take them as they are, in a namespace with the restricted Pod Security standard.
func TestTheBackupPageHasObjectsThatAreAccepted(t *testing.T) {
	env := deployed(t)
	apply(t, env, []byte("{apiVersion: v1, kind: Namespace, metadata: {name: backups, labels: {pod-security.kubernetes.io/enforce: restricted}}}"))
	apply(t, env, []byte("{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: backups}}"))
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(read(t, root+"/docs/backup.md"), -1)
	if len(examples) != 3 {
		t.Fatalf("the page has %d objects", len(examples))
	}
	server := read(t, root+"/config/authserver/deployment.yaml")
	for _, example := range examples {
		manifest := strings.ReplaceAll(example[1], "namespace: gatehouse-system", "namespace: backups")
		kubectl(t, env, []byte(manifest), "apply", "--server-side", "--validate=strict", "--dry-run=server", "-f", "-")
		for _, same := range []string{"claimName: gatehouse-authserver", "mountPath: /var/lib/gatehouse", "runAsUser: 65532"} {
			if !strings.Contains(manifest, same) || !strings.Contains(server, same) {
				t.Errorf("%q is not in the server's Deployment and in\n%s", same, manifest)
			}
		}
	}
}

// Each upgrade begins with a copy beside the store: its name is new each time, and the Pod of the page removes it again.
func TestTheCopiesBesideTheStoreAreRemovedAndNothingElse(t *testing.T) {
	page, folder := read(t, root+"/docs/backup.md"), t.TempDir()
	shell := func(text string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(text, "/var/lib/gatehouse", folder))
		return strings.TrimSpace(string(run(t, cmd)))
	}
	to := regexp.MustCompile(`(?m)^kubectl exec .* --to (\S.*)$`).FindStringSubmatch(page)
	remove := regexp.MustCompile(`command: \[sh, -c, "(rm .*)"\]`).FindStringSubmatch(page)
	if to == nil || remove == nil {
		t.Fatalf("the page has no command with --to, or no Pod that removes: %q, %q", to, remove)
	}
	copied := shell("printf %s " + to[1])
	if name := filepath.Base(copied); filepath.Dir(copied) != folder || !regexp.MustCompile(`^backup-\d{8}-\d{6}[.]db$`).MatchString(name) {
		t.Errorf("the copy is called %s", copied)
	}
	stay := []string{"audit.log", "gatehouse.db", "gatehouse.db-shm", "gatehouse.db-wal", "gatehouse.db.lock"}
	for _, name := range append([]string{filepath.Base(copied), filepath.Base(copied) + ".partial", "backup.db"}, stay...) {
		put(t, folder, name, "x", 0o600)
	}
	said := shell(remove[1])
	left, err := os.ReadDir(folder)
	names := []string{}
	for _, entry := range left {
		names = append(names, entry.Name())
	}
	if err != nil || !slices.Equal(names, stay) || !strings.Contains(said, filepath.Base(copied)) {
		t.Errorf("%v are left, want %v (%v); it says %s", names, stay, err, said)
	}
	shell(remove[1]) // nothing to remove is no failure
}
