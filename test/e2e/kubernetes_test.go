// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane"
)

// clientOfCluster lets Bob log in to a cluster, as kubectl does it: from the machine of the person, without a secret.
const clientOfCluster = `
apiVersion: gatehouse.dev/v1alpha1
kind: OAuthClient
metadata: {name: %[1]s, namespace: photos}
spec:
  callbackURLs: ["http://localhost:8000"]
  scopes: [openid, profile, groups, offline_access]
  oauth2: {clientType: Public, openID: {idTokenSigningAlgorithm: %[2]s}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: %[1]s-users, namespace: photos}
rules: [{apiGroups: [gatehouse.dev], resources: [oauthclients], resourceNames: [%[1]s], verbs: [authorize]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: %[1]s-users, namespace: photos}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: %[1]s-users}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "gatehouse:bob"}]
`

// clusterClient applies one and returns its client ID.
func (w *environment) clusterClient(t *testing.T, name, algorithm string) string {
	t.Helper()
	w.kubectl(t, fmt.Sprintf(clientOfCluster, name, algorithm), "apply", "-f", "-")
	w.kubectl(t, "", "wait", "--for=condition=Ready", "oauthclient/"+name, "--namespace=photos", "--timeout=60s")
	w.awaitRight(t, name, "--as=gatehouse:bob")
	return "photos." + name
}

// structured is how an API server takes ID tokens since Kubernetes 1.34.
const structured = `
apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt:
- issuer:
    url: %q
    audiences: [%q]
    certificateAuthority: %q
  claimMappings:
    username: {claim: preferred_username, prefix: "gatehouse:"}
    groups: {claim: groups, prefix: "gatehouse:"}
`

// otherCluster is a Kubernetes cluster that is a program of the issuer and nothing else.
type otherCluster struct {
	w    *environment
	t    *testing.T
	kube *controlplane.Cluster
}

// otherCluster starts it. A test of this package shares no state with another one, and neither does the cluster.
func (w *environment) otherCluster(t *testing.T, arguments ...string) *otherCluster {
	t.Helper()
	kube, err := controlplane.Start(t.Context(), controlplane.Options{
		Dir: t.TempDir(), Binaries: filepath.Dir(w.KubectlPath), APIServerArguments: arguments,
	})
	if err != nil {
		t.Fatalf("start another cluster: %v", err)
	}
	t.Cleanup(func() {
		if err := kube.Stop(); err != nil {
			t.Errorf("stop the other cluster: %v", err)
		}
	})
	return &otherCluster{w, t, kube}
}

// whoami is what kubectl prints about whoever has a user entry of a kubeconfig.
type whoami struct {
	Status struct {
		UserInfo struct {
			Username string
			Groups   []string
		}
	}
}

// kubeconfig writes one with the user entry.
func (c *otherCluster) kubeconfig(user map[string]any) string {
	c.t.Helper()
	config := c.kube.Config()
	text, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "other",
		"clusters": []any{map[string]any{"name": "other", "cluster": map[string]any{
			"server": config.Host, "certificate-authority": config.CAFile,
		}}},
		"users":    []any{map[string]any{"name": "bob", "user": user}},
		"contexts": []any{map[string]any{"name": "other", "context": map[string]any{"cluster": "other", "user": "bob"}}},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	path := filepath.Join(c.t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// whoami asks the cluster who is there.
func (c *otherCluster) whoami(kubeconfig string) (w whoami, said string, err error) {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), c.w.KubectlPath, "--kubeconfig", kubeconfig, "auth", "whoami", "--output", "json")
	cmd.Env = []string{"HOME=" + c.t.TempDir(), "PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if err == nil {
		err = json.Unmarshal(out, &w)
	}
	return w, string(out), err
}

func (c *otherCluster) wantsBob(kubeconfig string) {
	c.t.Helper()
	who, said, err := c.whoami(kubeconfig)
	if err != nil {
		c.t.Fatalf("kubectl auth whoami: %v\n%s", err, said)
	}
	if user := who.Status.UserInfo; user.Username != "gatehouse:bob" || !slices.Contains(user.Groups, "gatehouse:family") {
		c.t.Errorf("the cluster takes Bob for %+v", user)
	}
}

// logInToCluster walks Bob through the login and returns the tokens that kubectl gets.
func (w *environment) logInToCluster(t *testing.T, clientID string) (tokens *oauth2.Token, idToken string) {
	t.Helper()
	client, err := w.Client()
	if err != nil {
		t.Fatal(err)
	}
	a := &app{client: client, Config: oauth2.Config{
		ClientID: clientID, RedirectURL: "http://localhost:8000", Scopes: []string{"openid", "profile", "groups", "offline_access"},
		Endpoint: oauth2.Endpoint{AuthURL: w.Issuer + "/oauth2/authorize", TokenURL: w.Issuer + "/oauth2/token", AuthStyle: oauth2.AuthStyleInParams},
	}}
	address, verifier := a.request()
	code := w.person(t, w.Issuer).authorize(address, w.Bob.Name, w.Bob.Password).Get("code")
	tokens, err = a.redeem(t, code, verifier)
	if err != nil {
		t.Fatalf("redeem the code: %v", err)
	}
	idToken, _ = tokens.Extra("id_token").(string)
	if idToken == "" || tokens.RefreshToken == "" {
		t.Fatal("there is no ID token or no refresh token")
	}
	return tokens, idToken
}

// A Kubernetes API server takes the ID tokens of the issuer, in the structured configuration with whatever algorithm and by its flags with
// RS256, and kubectl gets new ones by itself.
func TestAKubernetesClusterLetsPeopleInByTheirIDTokens(t *testing.T) {
	w := start(t)
	clientID := w.clusterClient(t, "cluster", "ES256")
	ca, err := os.ReadFile(w.CA)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "authentication.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, structured, w.Issuer, clientID, ca), 0o600); err != nil {
		t.Fatal(err)
	}
	cluster := w.otherCluster(t, "--authentication-config="+config)

	tokens, idToken := w.logInToCluster(t, clientID)
	cluster.wantsBob(cluster.kubeconfig(map[string]any{"token": idToken}))
	for name, token := range map[string]string{"an access token": tokens.AccessToken, "another signature": idToken[:len(idToken)-6] + "AAAAAA"} {
		if who, said, err := cluster.whoami(cluster.kubeconfig(map[string]any{"token": token})); err == nil || !strings.Contains(said, "Unauthorized") {
			t.Errorf("%s lets %+v in: %s", name, who.Status.UserInfo, said)
		}
	}

	kubeconfig := cluster.kubeconfig(map[string]any{"auth-provider": map[string]any{"name": "oidc", "config": map[string]any{
		"idp-issuer-url": w.Issuer, "client-id": clientID, "idp-certificate-authority": w.CA, "refresh-token": tokens.RefreshToken,
	}}})
	cluster.wantsBob(kubeconfig)
	text, err := os.ReadFile(kubeconfig)
	if err != nil || !strings.Contains(string(text), "id-token") || strings.Contains(string(text), tokens.RefreshToken) {
		t.Errorf("kubectl has not kept its new tokens: %v", err)
	}
	cluster.wantsBob(kubeconfig) // with the token that it kept

	w.kubectl(t, "", "apply", "-f", filepath.Join("config", "samples", "apps", "kubernetes.yaml")) // as docs/apps/kubernetes.md says
	w.kubectl(t, "", "wait", "--for=condition=Ready", "oauthclient/kubernetes", "--namespace=kubernetes", "--timeout=60s")
	clientID = "kubernetes.kubernetes"
	flags := w.otherCluster(t, "--oidc-issuer-url="+w.Issuer, "--oidc-client-id="+clientID, "--oidc-ca-file="+w.CA,
		"--oidc-username-claim=preferred_username", "--oidc-username-prefix=gatehouse:", "--oidc-groups-claim=groups", "--oidc-groups-prefix=gatehouse:")
	_, idToken = w.logInToCluster(t, clientID)
	flags.wantsBob(flags.kubeconfig(map[string]any{"token": idToken}))
}
