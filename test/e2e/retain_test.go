// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// keepsake is an application whose identity outlives its object. Its address is on the machine of the person, where nobody listens.
const keepsake = `
apiVersion: gatehouse.dev/v1alpha1
kind: OAuthClient
metadata: {name: keepsake, namespace: photos}
spec:
  callbackURLs: ["http://127.0.0.1/callback"]
  scopes: [photos.read]
  deletionPolicy: Retain
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: keepsake-users, namespace: photos}
rules: [{apiGroups: [gatehouse.dev], resources: [oauthclients], resourceNames: [keepsake], verbs: [authorize]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: keepsake-users, namespace: photos}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: keepsake-users}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "gatehouse:bob"}]
`

// keepsakeSecret is a value of its Secret.
func (w *environment) keepsakeSecret(t *testing.T, key string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), w.KubectlPath, "--kubeconfig", w.Kubeconfig, "get", "secret", "keepsake-oauth", "--namespace=photos",
		"--output", `go-template={{index .data "`+key+`" | base64decode}}`).Output()
	if err != nil {
		t.Fatalf("read the Secret: %v", err)
	}
	return string(out)
}

// TestN339AfterAPruneTheSameRefreshTokenGoesOn deletes an object by accident and applies the file again.
func TestN339AfterAPruneTheSameRefreshTokenGoesOn(t *testing.T) {
	w := start(t)
	ready := func() {
		w.kubectl(t, keepsake, "apply", "-f", "-")
		w.kubectl(t, "", "wait", "--for=condition=Ready", "oauthclient/keepsake", "--namespace=photos", "--timeout=60s")
	}
	ready()
	w.awaitRight(t, "keepsake", "--as=gatehouse:bob")
	defer w.kubectl(t, "", "delete", "secret", "keepsake-oauth", "--namespace=photos")
	defer w.kubectl(t, keepsake, "delete", "-f", "-")
	client := w.photoPrint(t, w.Issuer)
	client.ClientID, client.ClientSecret, client.RedirectURL = w.keepsakeSecret(t, "client-id"), w.keepsakeSecret(t, "client-secret"), "http://127.0.0.1/callback"
	address, verifier := client.request()
	testenv.Eventually(t, time.Minute, "the server knows the client", func() bool {
		status, _, _ := w.person(t, w.Issuer).open(address, nil)
		return status == http.StatusSeeOther
	})
	code := w.person(t, w.Issuer).authorize(address, w.Bob.Name, w.Bob.Password).Get("code")
	tokens, err := client.redeem(t, code, verifier)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w.kubectl(t, "", "delete", "oauthclient", "keepsake", "--namespace=photos")
		testenv.Eventually(t, time.Minute, "the client is unknown", func() bool {
			_, err := client.refresh(t, tokens.RefreshToken)
			refused, ok := asRetrieveError(err)
			return ok && refused.ErrorCode == "invalid_client"
		})
		ready()
		if w.keepsakeSecret(t, "client-id") != client.ClientID || w.keepsakeSecret(t, "client-secret") != client.ClientSecret {
			t.Fatal("client ID or secret is another one")
		}
		testenv.Eventually(t, time.Minute, "the old refresh token goes on", func() bool {
			next, err := client.refresh(t, tokens.RefreshToken)
			if err == nil {
				tokens = next
			}
			return err == nil
		})
	}
}
