// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// runDeploy runs `make deploy` for a folder, with a kubectl that says what it was asked for.
func runDeploy(t *testing.T, folder string) (stdout, stderr string, err error) {
	t.Helper()
	kubectl := filepath.Join(t.TempDir(), "kubectl")
	if err := os.WriteFile(kubectl, []byte("#!/bin/sh\necho \"kubectl $*\"\n[ \"$1\" = wait ] || cat\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	folder, err = filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "make", "--no-print-directory", "deploy", "CONFIG="+folder, "KUBECTL="+kubectl, "IMAGE=gatehouse:test")
	cmd.Dir = root
	var out, said strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	err = cmd.Run()
	return out.String(), said.String(), err
}

func TestDeployRefusesTheIssuerOfTheExample(t *testing.T) {
	stdout, stderr, err := runDeploy(t, root+"/config/default")
	if err == nil || !strings.Contains(stderr, "https://auth.example.com") || !strings.Contains(stderr, "settings.yaml") {
		t.Errorf("got %v and %q, want a sentence that says what to do", err, stderr)
	}
	if stdout != "" {
		t.Errorf("kubectl was asked:\n%s", stdout)
	}
}

func TestDeployAppliesTheKindsFirst(t *testing.T) {
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(root+"/config")); err != nil {
		t.Fatal(err)
	}
	edit(t, copied+"/default/settings.yaml", "issuer: https://auth.example.com", "issuer: https://login.photos.example")
	stdout, stderr, err := runDeploy(t, copied+"/default")
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
}
