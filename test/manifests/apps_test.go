// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Each program has a sample, a page that links to it and is linked to, and a test that applies it. None has only some of them.
func TestEachProgramHasASampleAPageAndATest(t *testing.T) {
	programs, pages := names(t, root+"/config/samples/apps/*.yaml"), names(t, root+"/docs/apps/*.md")
	pages = slices.DeleteFunc(pages, func(name string) bool { return name == "README" })
	if len(programs) < 6 || !slices.Equal(programs, pages) {
		t.Fatalf("the samples are %q, the pages %q", programs, pages)
	}
	var tests strings.Builder
	for _, file := range append(glob(t, root+"/test/acceptance/*_test.go"), root+"/test/e2e/kubernetes_test.go") {
		tests.WriteString(read(t, file))
	}
	overview, readme := read(t, root+"/docs/apps/README.md"), read(t, root+"/test/acceptance/README.md")
	for _, name := range programs {
		if page := read(t, root+"/docs/apps/"+name+".md"); !strings.Contains(page, "(../../config/samples/apps/"+name+".yaml)") || !strings.Contains(page, name+"-oauth") {
			t.Errorf("the page of %s does not link to its sample, or does not name its Secret", name)
		}
		if !strings.Contains(overview, "("+name+".md)") || !strings.Contains(readme, "docs/apps/"+name+".md") {
			t.Errorf("docs/apps/README.md or test/acceptance/README.md does not link to the page of %s", name)
		}
		if !strings.Contains(tests.String(), `"`+name+`"`) && !strings.Contains(tests.String(), `"`+name+`.yaml"`) {
			t.Errorf("no test applies the sample of %s", name)
		}
		sample := read(t, root+"/config/samples/apps/"+name+".yaml")
		if !strings.Contains(sample, "docs/apps/"+name+".md") || strings.Contains(sample, "Optional\n") && !strings.Contains(sample, "sends no challenge") {
			t.Errorf("the sample of %s does not name its page, or gives no reason for what it relaxes", name)
		}
	}
}

// The pages name the versions that are walked.
func TestThePagesOfProgramsNameTheVersionsThatAreWalked(t *testing.T) {
	var packages struct{ Dependencies map[string]string }
	if err := json.Unmarshal([]byte(read(t, root+"/test/acceptance/javascript/package.json")), &packages); err != nil {
		t.Fatal(err)
	}
	versions := map[string][]string{
		"openid-client":          {packages.Dependencies["openid-client"], packages.Dependencies["oauth4webapi"]},
		"express-openid-connect": {packages.Dependencies["express-openid-connect"]},
		"passport-openidconnect": {packages.Dependencies["passport-openidconnect"]},
	}
	goSDK := regexp.MustCompile(`go-sdk v(\S+)`).FindStringSubmatch(read(t, root+"/test/acceptance/programs/mcp-go/go.mod"))
	if goSDK == nil {
		t.Fatal("the Go SDK of MCP is not pinned")
	}
	cluster := regexp.MustCompile(`k8s.io/kubernetes v(\d+\.\d+)`).FindStringSubmatch(read(t, root+"/hack/controlplane/kubernetes/go.mod"))
	if cluster == nil {
		t.Fatal("Kubernetes is not pinned")
	}
	versions["kubernetes"] = []string{cluster[1]}
	versions["mcp"] = []string{packages.Dependencies["@modelcontextprotocol/sdk"], goSDK[1]}
	pinned := regexp.MustCompile(`(?m)^tool (\S+)$`)
	for _, file := range glob(t, root+"/test/acceptance/programs/*/go.mod") {
		mod, name := read(t, file), filepath.Base(filepath.Dir(file))
		tool := pinned.FindStringSubmatch(mod)
		if tool == nil {
			continue
		}
		for _, required := range regexp.MustCompile(`(?m)^\s+(\S+) v(\S+)`).FindAllStringSubmatch(mod, -1) {
			if tool[1] == required[1] || strings.HasPrefix(tool[1]+"/", required[1]+"/cmd/") {
				name = strings.Replace(name, "caddy", "oauth2-proxy", 1) // it stands before oauth2-proxy
				versions[name] = append(versions[name], required[2])
			}
		}
	}
	for name, wanted := range versions {
		page := read(t, root+"/docs/apps/"+name+".md")
		for _, version := range wanted {
			if version == "" || !strings.Contains(page, version) {
				t.Errorf("the page of %s does not name version %q", name, version)
			}
		}
	}
	if len(versions) < 7 || len(versions["oauth2-proxy"]) != 2 {
		t.Errorf("the programs that are pinned are %v", versions)
	}
}

// Whoever takes a sample over applies it as it is, into a cluster with the policies of config/default.
func TestTheSamplesOfProgramsAreAcceptedAsTheyAre(t *testing.T) {
	env := deployed(t)
	for _, file := range glob(t, root+"/config/samples/apps/*.yaml") {
		sample := read(t, file)
		warnings := applyRisky(t, env, []byte(sample))
		if risky := strings.Contains(sample, "pkce: Optional"); risky != (len(warnings) > 0) || len(warnings) > 1 {
			t.Errorf("%s: %q", file, warnings)
		}
	}
}

// names are the names of files without their extensions.
func names(t *testing.T, pattern string) (names []string) {
	t.Helper()
	for _, file := range glob(t, pattern) {
		names = append(names, strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)))
	}
	return names
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v, %d files", pattern, err, len(files))
	}
	return files
}
