// SPDX-License-Identifier: Apache-2.0

//go:build acceptance && argocd

package acceptance

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
	"github.com/gatehouse-dev/gatehouse/internal/freeport"
)

// argoCD is what its installation applies, as far as the server needs it.
const argoCD = `
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
data:
  url: %[1]s
  oidc.config: %[2]s
---
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-rbac-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
---
apiVersion: v1
kind: Secret
metadata: {name: argocd-secret, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
---
apiVersion: v1
kind: Secret
metadata: {name: argocd-server-tls, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
type: kubernetes.io/tls
data: {tls.crt: %[3]s, tls.key: %[4]s}
`

// settings is oidc.config. The client secret is taken from the Secret of the OAuthClient.
func (w *environment) argoCDSettings(t *testing.T) string {
	t.Helper()
	ca, err := os.ReadFile(w.CA)
	if err != nil {
		t.Fatal(err)
	}
	settings, err := json.Marshal(map[string]any{ // JSON is YAML too
		"name": "Gatehouse", "issuer": w.Issuer, "clientID": "$argocd-oauth:client-id", "clientSecret": "$argocd-oauth:client-secret",
		"cliClientID": "argocd.argocd-cli", "enablePKCEAuthentication": true, "rootCA": string(ca),
		"requestedScopes": []string{"openid", "profile", "email", "groups"},
		"logoutURL":       w.Issuer + "/oauth2/logout?id_token_hint={{token}}&post_logout_redirect_uri={{logoutRedirectURL}}",
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(string(settings))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// encoded is a file of the certificate as a Secret holds it.
func (w *environment) encoded(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(w.certificate(file))
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(text)
}

// argoCDServer starts the server, and Redis, which it needs.
func (w *environment) argoCDServer(t *testing.T, at string) {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/argoproj/argo-cd/v3")
	list.Dir = filepath.Join("test", "acceptance", "programs", "argocd")
	module, err := list.Output()
	if err != nil {
		t.Fatalf("find the manifests of Argo CD: %v", err)
	}
	w.kubectl(t, "", "apply", "--server-side", "--kustomize", filepath.Join(strings.TrimSpace(string(module)), "manifests", "crds"))
	w.kubectl(t, fmt.Sprintf(argoCD, "https://"+at, w.argoCDSettings(t), w.encoded(t, "tls.crt"), w.encoded(t, "tls.key")), "apply", "--filename", "-")
	redis := freeport.For(t)
	_, redisPort, _ := strings.Cut(redis, ":")
	run(t, "redis", nil, debian(t, "redis-server"), "--port", redisPort, "--bind", "127.0.0.1", "--save", "")
	_, port, _ := strings.Cut(at, ":")
	_, metricsPort, _ := strings.Cut(freeport.For(t), ":")
	run(t, "argocd-server", map[string]string{"ARGOCD_BINARY_NAME": "argocd-server"}, program(t, "argocd"), "--kubeconfig", w.Kubeconfig,
		"--namespace", "argocd", "--redis", redis, "--address", "127.0.0.1", "--port", port, "--metrics-port", metricsPort, "--repo-server", "127.0.0.1:1")
	w.await(t, "https://"+at+"/api/version", http.StatusOK)
}

func TestArgoCD(t *testing.T) {
	w := start(t)
	at := freeport.For(t)
	origin := "https://" + at
	w.apply(t, "argocd", origin)
	w.kubectl(t, "", "wait", "--for=condition=Ready", "oauthclient/argocd-cli", "--namespace=argocd", "--timeout=60s")
	w.argoCDServer(t, at)

	bob := w.browser(t)
	bob.open(origin + "/auth/login")
	bob.logIn()
	bob.allow()
	bob.returns(origin)
	bob.open(origin + "/api/v1/session/userinfo")
	bob.reads(`"loggedIn":true`, "bob@photos.example", "family")
	w.walkArgoCDCommandLine(t, bob, at)

	bob.open(origin + "/auth/logout")
	bob.returns(origin)
	bob.open(origin + "/api/v1/session/userinfo")
	bob.eventually("Argo CD knows nobody", func() bool { return bob.text() != "" && !strings.Contains(bob.text(), `"loggedIn":true`) })
	bob.open(origin + "/auth/login")
	bob.logIn() // for he is signed out of Gatehouse too

	w.dismiss(t, "argocd", origin+"/auth/callback")
	other := w.browser(t)
	other.open(origin + "/auth/login")
	other.logIn()
	other.refused()
}

// returns waits until Bob is at the first page of Argo CD, whose module holds no pages.
func (b *browser) returns(origin string) {
	b.t.Helper()
	b.eventually("Bob is back", func() bool {
		at, err := chromedp.Run(b.ctx, chromedp.Location())
		return err == nil && strings.TrimSuffix(at, "/") == origin
	})
}

// walkArgoCDCommandLine has Bob, who is signed in, log in to the command line.
func (w *environment) walkArgoCDCommandLine(t *testing.T, bob *browser, at string) {
	t.Helper()
	home := t.TempDir()
	command := func(arguments ...string) *exec.Cmd {
		cmd := exec.Command(program(t, "argocd"), append(arguments, "--grpc-web", "--config", filepath.Join(home, "config"))...)
		cmd.Env = []string{"ARGOCD_BINARY_NAME=argocd", "HOME=" + home, "SSL_CERT_FILE=" + w.CA, "PATH=" + os.Getenv("PATH"), "NO_PROXY=*"}
		return cmd
	}
	login := command("login", at, "--sso", "--sso-launch-browser=false")
	out, err := login.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	login.Stderr = os.Stderr
	p, err := process.Start("argocd login", login)
	if err != nil {
		t.Fatal(err)
	}
	for said := bufio.NewScanner(out); said.Scan(); {
		if address := regexp.MustCompile(`https://\S+/oauth2/authorize\S+`).FindString(said.Text()); address != "" {
			bob.open(address)
			bob.allowOnce()
		}
	}
	if err := p.Wait(t.Context(), limit); err != nil {
		t.Fatal(err)
	}
	text, err := command("account", "get-user-info").CombinedOutput()
	if err != nil || !strings.Contains(string(text), "Username: bob@photos.example") || !strings.Contains(string(text), "Groups: family") {
		t.Errorf("argocd account get-user-info: %v\n%s", err, text)
	}
}
