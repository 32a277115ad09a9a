// SPDX-License-Identifier: Apache-2.0

//go:build acceptance

package acceptance

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// samples is where each program's OAuthClient is.
var samples = filepath.Join("config", "samples", "apps")

// apply applies the sample of a program, whose namespace, OAuthClient and RoleBinding bear its name, and waits until Bob may use it. Of
// all that stands there only the host is another one: https://PROGRAM.example becomes the origin, PROGRAM.example alone its host and port.
func (w *environment) apply(t *testing.T, program, origin string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(samples, program+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	manifests, host := string(text), program+".example"
	if origin != "" {
		at, err := url.Parse(origin)
		if err != nil || !strings.Contains(manifests, "https://"+host) {
			t.Fatalf("the sample does not hold https://%s: %v", host, err)
		}
		manifests = strings.ReplaceAll(strings.ReplaceAll(manifests, "https://"+host, origin), host, at.Host)
	}
	for line := range strings.Lines(w.kubectl(t, manifests, "apply", "-f", "-")) {
		if strings.HasPrefix(line, "oauthclient.gatehouse.dev/") && !strings.HasSuffix(strings.TrimSpace(line), " created") {
			t.Fatalf("another test has used the client: %s", line)
		}
	}
	t.Cleanup(func() { // a client that is made anew inherits nothing, so the next test of the program begins as this one did
		if _, err := w.Kubectl(context.WithoutCancel(t.Context()), "delete", "oauthclient", program, "--namespace="+program); err != nil {
			t.Error(err)
		}
	})
	w.kubectl(t, "", "wait", "--for=condition=Ready", "oauthclient/"+program, "--namespace="+program, "--timeout=60s")
	w.awaitRight(t, program, "yes")
}

// awaitRight waits until RBAC answers whether Bob may use the program.
func (w *environment) awaitRight(t *testing.T, program, answer string) {
	t.Helper()
	testenv.Eventually(t, limit, "RBAC answers "+answer, func() bool {
		cmd := exec.CommandContext(t.Context(), w.KubectlPath, "--kubeconfig="+w.Kubeconfig, "auth", "can-i", "authorize",
			"oauthclients.gatehouse.dev/"+program, "--namespace="+program, "--as=gatehouse:"+w.Bob.Name, "--as-group=gatehouse:family")
		out, _ := cmd.Output() // it exits with 1 to say no
		return strings.TrimSpace(string(out)) == answer
	})
}

// secret is what stands in the Secret of a program.
func (w *environment) secret(t *testing.T, program string) map[string]string {
	t.Helper()
	return w.secretNamed(t, program, program+"-oauth")
}

func (w *environment) secretNamed(t *testing.T, namespace, name string) map[string]string {
	t.Helper()
	var secret struct{ Data map[string][]byte }
	text := w.kubectl(t, "", "get", "secret", name, "--namespace="+namespace, "--output=json")
	if err := json.Unmarshal([]byte(text), &secret); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for key, value := range secret.Data {
		values[key] = string(value)
	}
	return values
}

// variables are environment variables that take their values from keys of the Secret (valueFrom.secretKeyRef).
func (w *environment) variables(t *testing.T, program string, keys map[string]string) map[string]string {
	t.Helper()
	secret, variables := w.secret(t, program), map[string]string{}
	for variable, key := range keys {
		value, found := secret[key]
		if !found {
			t.Fatalf("the Secret has no key %s", key)
		}
		variables[variable] = value
	}
	return variables
}

// mount puts the Secret of a program into a folder, a file for each key.
func (w *environment) mount(t *testing.T, program string) (folder string) {
	t.Helper()
	return w.mountNamed(t, program, program+"-oauth")
}

func (w *environment) mountNamed(t *testing.T, namespace, name string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	for key, value := range w.secretNamed(t, namespace, name) {
		if err := os.WriteFile(filepath.Join(folder, key), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// dismiss takes from everybody the right to use the program, and waits until Gatehouse refuses Bob: it uses an answer of RBAC for ten
// seconds. The callback is one of the program.
func (w *environment) dismiss(t *testing.T, program, callback string) {
	t.Helper()
	w.kubectl(t, "", "delete", "rolebinding", program+"-users", "--namespace="+program)
	w.awaitRight(t, program, "no")
	address := w.Issuer + "/oauth2/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {program + "." + program}, "redirect_uri": {callback},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}.Encode()
	bob := w.browser(t)
	bob.open(address)
	bob.logIn()
	bob.eventually("Gatehouse refuses Bob", func() bool {
		if strings.Contains(bob.text(), refusal) {
			return true
		}
		bob.open(address)
		return false
	})
}
