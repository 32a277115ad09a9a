// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// runMake runs a target for a folder, with a kubectl that says what it was asked for.
func runMake(t *testing.T, target, folder string, variables ...string) (stdout, stderr string, err error) {
	t.Helper()
	kubectl := filepath.Join(t.TempDir(), "kubectl")
	if err := os.WriteFile(kubectl, []byte("#!/bin/sh\necho \"kubectl $*\"\n[ \"$1\" = wait ] || cat\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	folder, err = filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	arguments := append([]string{"--no-print-directory", target, "CONFIG=" + folder, "KUBECTL=" + kubectl, "IMAGE=gatehouse:test"}, variables...)
	cmd := exec.CommandContext(t.Context(), "make", arguments...)
	cmd.Dir = root
	var out, said strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	err = cmd.Run()
	return out.String(), said.String(), err
}

func TestDeployRefusesTheIssuerOfTheExample(t *testing.T) {
	stdout, stderr, err := runMake(t, "deploy", root+"/config/default")
	if err == nil || !strings.Contains(stderr, "https://auth.example.com") || !strings.Contains(stderr, "settings.yaml") {
		t.Errorf("got %v and %q, want a sentence that says what to do", err, stderr)
	}
	if stdout != "" {
		t.Errorf("kubectl was asked:\n%s", stdout)
	}
}

func TestDeployAppliesTheKindsFirst(t *testing.T) {
	folder := installation(t)
	stdout, stderr, err := runMake(t, "deploy", folder)
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	kinds, rest, found := strings.Cut(stdout, "kubectl wait --for=condition=Established")
	if !found || strings.Contains(kinds, "kind: Deployment") || !strings.Contains(kinds, "kind: CustomResourceDefinition") {
		t.Error("the kinds are not applied and waited for first")
	}
	if !strings.Contains(rest, "image: gatehouse:test") || strings.Contains(rest, "image: gatehouse:latest") {
		t.Error("the image is not the chosen one")
	}
	if text := read(t, folder+"/kustomization.yaml"); strings.Contains(text, "newTag: test") {
		t.Error("the folder was changed")
	}
}

// installation is a copy of config with an issuer of its own. It returns the folder to build.
func installation(t *testing.T) string {
	t.Helper()
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(root+"/config")); err != nil {
		t.Fatal(err)
	}
	edit(t, copied+"/default/settings.yaml", "issuer: https://auth.example.com", "issuer: https://login.photos.example")
	return copied + "/default"
}

// The targets that every kubebuilder project has are there under their names.
func TestTheTargetsThatContributorsTypeAreThere(t *testing.T) {
	for _, target := range []string{
		"build", "manifests", "generate", "fmt", "lint", "test", "run", "docker-build", "docker-push", "build-installer", "charts", "install", "uninstall", "deploy", "undeploy",
	} {
		cmd := exec.CommandContext(t.Context(), "make", "--dry-run", "--no-print-directory", target, "IMAGE=gatehouse:test")
		cmd.Dir = root
		if out := string(run(t, cmd)); strings.TrimSpace(out) == "" || strings.Contains(out, "Nothing to be done") {
			t.Errorf("make %s does nothing: %s", target, out)
		}
	}
}

// A release holds a file into which people write their issuer. Without the kinds before it kubectl applies no policy, and then no
// client is allowed anything.
func TestTheFilesOfAReleaseCanBeMade(t *testing.T) {
	if text := read(t, root+"/.github/workflows/publish.yaml"); !strings.Contains(text, "make build-installer EXAMPLE_ISSUER=keep\n") || !strings.Contains(text, " dist/crds.yaml dist/install.yaml ") {
		t.Error("the workflow does not make or publish dist/crds.yaml and dist/install.yaml")
	}
	cmd := exec.CommandContext(t.Context(), "hack/manifests.sh", "config/default")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "IMAGE=registry.example.com/gatehouse:test", "EXAMPLE_ISSUER=keep")
	if text := string(run(t, cmd)); !strings.Contains(text, "--issuer=https://auth.example.com\n") {
		t.Error("the file of a release does not hold the issuer of the example")
	} else {
		withOwnIssuer(t, text)
	}
	for _, page := range []string{"/docs/install.md", "/hack/release-notes.sh"} {
		if text := read(t, root+page); !strings.Contains(text, "crds.yaml") || strings.Index(text, "crds.yaml") > strings.LastIndex(text, "install.yaml") {
			t.Errorf("%s does not apply crds.yaml before install.yaml", page)
		}
	}
}

// withOwnIssuer does to the file of a release what docs/install.md says, before it is applied.
func withOwnIssuer(t *testing.T, text string) {
	t.Helper()
	page := read(t, root+"/docs/install.md")
	found := regexp.MustCompile(`(?m)^sed -i\.example '([^']+)' dist/install\.yaml\nkubectl apply .*\nkubectl apply .* dist/install\.yaml$`).FindStringSubmatch(page)
	if found == nil {
		t.Fatal("docs/install.md applies dist/install.yaml without an issuer of one's own")
	}
	cmd := exec.CommandContext(t.Context(), "sed", found[1])
	cmd.Stdin = strings.NewReader(text)
	own := string(run(t, cmd))
	if strings.Contains(own, "auth.example.com") || strings.Count(own, "https://login.photos.example") != strings.Count(text, "https://auth.example.com") {
		t.Error("the command of docs/install.md leaves the issuer of the example in the file")
	}
	for _, holds := range []string{"--issuer=https://login.photos.example\n", "issuer: \"https://login.photos.example\"\n", "audience: admin@https://login.photos.example\n"} {
		if !strings.Contains(own, holds) {
			t.Errorf("after the command of docs/install.md the file lacks %q", holds)
		}
	}
}

func TestInstallAppliesTheKindsAlone(t *testing.T) {
	stdout, stderr, err := runMake(t, "install", root+"/config/default")
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	if n := strings.Count(stdout, "\nkind: "); n != 3 || strings.Count(stdout, "\nkind: CustomResourceDefinition\n") != 3 || !strings.Contains(stdout, "kubectl wait") {
		t.Errorf("%d objects are applied:\n%s", n, stdout)
	}
	stdout, stderr, err = runMake(t, "uninstall", root+"/config/default", "PURGE=yes")
	if err != nil || !strings.HasPrefix(stdout, "kubectl delete ") || strings.Count(stdout, "\nkind: CustomResourceDefinition\n") != 3 {
		t.Errorf("%v: %s\n%s", err, stdout, stderr)
	}
}

// N399: without the kinds every client is gone for good, so nobody may lose them by a name that sounds harmless.
func TestN399AnUninstallKeepsKindsKeysAndDataUnlessItIsToldOtherwise(t *testing.T) {
	stdout, stderr, err := runMake(t, "uninstall", root+"/config/default")
	if err == nil || stdout != "" || !strings.Contains(stderr, "Nothing was removed.") || !strings.Contains(stderr, "PURGE=yes") {
		t.Errorf("uninstall: %v\n%s\n%s", err, stdout, stderr)
	}
	folder := installation(t)
	stdout, stderr, err = runMake(t, "undeploy", folder)
	if err != nil || !strings.HasPrefix(stdout, "kubectl delete ") || !strings.Contains(stdout, "Kept: the kinds") {
		t.Fatalf("undeploy: %v\n%s\n%s", err, stdout, stderr)
	}
	kept := regexp.MustCompile(`(?m)^kind: (CustomResourceDefinition|Namespace|PersistentVolumeClaim)$`)
	if found := kept.FindAllString(stdout, -1); found != nil {
		t.Errorf("undeploy removes %v", found)
	}
	all := build(t, folder)
	if got, want := strings.Count(stdout, "\nkind: "), len(documents(t, all))-len(kept.FindAll(all, -1)); got != want {
		t.Errorf("undeploy removes %d objects, want %d", got, want)
	}
	stdout, stderr, err = runMake(t, "undeploy", folder, "PURGE=yes")
	if err != nil || strings.Count(stdout, "\nkind: ") != len(documents(t, all)) {
		t.Errorf("undeploy PURGE=yes: %v\n%s\n%s", err, stdout, stderr)
	}
}

// What is written into the file is what deploy applies.
func TestTheInstallerHoldsWhatDeployApplies(t *testing.T) {
	folder := installation(t)
	cmd := exec.CommandContext(t.Context(), "hack/manifests.sh", folder)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "IMAGE=registry.example.com:5000/gatehouse@sha256:"+strings.Repeat("0", 64))
	text := string(run(t, cmd))
	if n := strings.Count(text, "image: registry.example.com:5000/gatehouse@sha256:"+strings.Repeat("0", 64)+"\n"); n != 2 {
		t.Errorf("%d containers have the image, want 2", n)
	}
	if got, want := len(documents(t, []byte(text))), len(documents(t, build(t, folder))); got != want {
		t.Errorf("%d objects, want %d", got, want)
	}
}

// GOVERNANCE.md asks for make check before a merge, so it must be what CI does.
func TestMakeCheckDoesWhatCIDoes(t *testing.T) {
	does := regexp.MustCompile(`(?m)^check: (.*) ## Everything that CI runs$`).FindStringSubmatch(read(t, root+"/Makefile"))
	runs := regexp.MustCompile(`(?m)^for part in (.*); do$`).FindStringSubmatch(read(t, root+"/.ci/run"))
	if does == nil || runs == nil || does[1] != runs[1] {
		t.Errorf("make check does %q, and .ci/run %q", does, runs)
	}
}
