// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// TestAPodIsAClientAsThePageSays applies the first example of docs/workload-identity.md and does what its Pod does, with the tokens of
// the API server. There is no kubelet here, so the test asks for the token that the volume would hold.
func TestAPodIsAClientAsThePageSays(t *testing.T) {
	w := start(t)
	page, err := os.ReadFile("docs/workload-identity.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(page)
	if example == nil {
		t.Fatal("the page has no example")
	}
	applied := strings.ReplaceAll(string(example[1]), "https://auth.example.com", w.Issuer)
	read := func(args ...string) string {
		t.Helper()
		text, err := w.Kubectl(context.WithoutCancel(t.Context()), append(args, "--namespace=photos")...)
		if err != nil {
			t.Fatalf("kubectl %v: %v", args, err)
		}
		return text
	}
	w.kubectl(t, applied, "apply", "-f", "-")
	t.Cleanup(func() { read("delete", "pod", "photonight", "--force", "--grace-period=0") })
	w.kubectl(t, "", "wait", "--for=condition=Ready", "oauthclient/photonight", "--namespace=photos", "--timeout=60s")
	if names := read("get", "secrets", "--output=name"); strings.Contains(names, "photonight") {
		t.Errorf("there is a Secret: %s", names)
	}
	var pod struct {
		Spec struct {
			ServiceAccountName string
			Volumes            []struct {
				Projected struct {
					Sources []struct {
						ServiceAccountToken struct{ Audience string }
						ConfigMap           struct{ Name string }
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(read("get", "pod/photonight", "--output=json")), &pod); err != nil {
		t.Fatal(err)
	}
	public := func(key string) string { // the Pod mounts the ConfigMap, too
		return read("get", "configmap", pod.Spec.Volumes[0].Projected.Sources[1].ConfigMap.Name, "--output=go-template={{index .data \""+key+"\"}}")
	}
	clientID, issuer := public("client-id"), public("issuer")
	if endpoint := public("token-endpoint"); clientID != "photos.photonight" || issuer != w.Issuer || endpoint != w.Issuer+"/oauth2/token" {
		t.Errorf("the ConfigMap says %q, %q, %q", clientID, issuer, endpoint)
	}
	projected := filepath.Join(t.TempDir(), "token")
	mount := func() {
		t.Helper()
		text := read("create", "token", pod.Spec.ServiceAccountName, "--bound-object-kind=Pod", "--bound-object-name=photonight",
			"--audience="+pod.Spec.Volumes[0].Projected.Sources[0].ServiceAccountToken.Audience)
		if err := os.WriteFile(projected, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fetch := func() (string, error) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(w.dir, "bin", "authserver"), "token", "--issuer="+issuer, "--client-id="+clientID,
			"--token-file="+projected, "--ca-file="+w.CA)
		out, err := cmd.Output()
		return strings.TrimSpace(string(out)), err
	}
	// refused reports whether the server knows nobody by the token: another failure of the program is none.
	refused := func(err error) bool { return err != nil && strings.Contains(stderr(err), "invalid_client") }
	mount()
	for range 2 { // one token of the Pod is good until it ends
		if token, err := fetch(); err != nil || !strings.HasPrefix(token, "gha_") {
			t.Fatalf("the Pod gets %q, %v\n%s", token, err, w.Logs())
		}
	}
	read("create", "serviceaccount", "visitor")
	t.Cleanup(func() { read("delete", "serviceaccount", "visitor") })
	foreign := read("create", "token", "visitor", "--audience="+w.Issuer)
	if err := os.WriteFile(projected, []byte(foreign), 0o600); err != nil {
		t.Fatal(err)
	}
	if token, err := fetch(); !refused(err) {
		t.Errorf("N358: another ServiceAccount gets %q, %s", token, stderr(err))
	}
	mount()
	read("delete", "serviceaccount", "photonight")
	testenv.Eventually(t, time.Minute, "N359: the Pod of a ServiceAccount that is gone gets no token", func() bool {
		_, err := fetch()
		return refused(err)
	})
	w.kubectl(t, "", "wait", "--for=condition=Ready=false", "oauthclient/photonight", "--namespace=photos", "--timeout=60s")
	w.kubectl(t, applied, "apply", "-f", "-")
	w.kubectl(t, "", "wait", "--for=condition=Ready", "oauthclient/photonight", "--namespace=photos", "--timeout=60s")
	if token, err := fetch(); !refused(err) {
		t.Errorf("N359: the token of the one before gets %q, %s", token, stderr(err))
	}
	// The token of the one that is there now is good.
	mount()
	testenv.Eventually(t, time.Minute, "the Pod of the new ServiceAccount gets a token", func() bool {
		token, err := fetch()
		return err == nil && strings.HasPrefix(token, "gha_")
	})
}

// stderr is what a program that failed says of it.
func stderr(err error) string {
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return string(failed.Stderr)
	}
	return fmt.Sprint(err)
}
