// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/gatehouse-dev/gatehouse/resourceserver"
)

// bobsCopies is a page of PhotoArchive behind package resourceserver.
func (w *environment) bobsCopies(t *testing.T, client *http.Client) func(token string) (status int, body string) {
	t.Helper()
	guard, err := resourceserver.New(resourceserver.Config{
		Issuer: w.Issuer, Identifiers: []string{"api://photos/archive"}, JWTAlgorithms: []string{"ES256"}, Scopes: []string{"photos.archive"}, HTTPClient: client,
	})
	if err != nil {
		t.Fatal(err)
	}
	page := guard.Require("photos.archive", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "copies") }))
	return func(token string) (int, string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://archive.example/copies", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		answer := httptest.NewRecorder()
		page.ServeHTTP(answer, r)
		return answer.Code, answer.Body.String()
	}
}

// The API of the sample photoarchive takes JWTs and verifies them by itself. When Bob's grant is revoked it takes the one that is out, as its
// status says, introspection does not, and no other comes.
func TestAnAPITakesTheJWTsOfTheSampleUntilTheyEnd(t *testing.T) {
	w := start(t)
	secret := func(name, key string) string {
		value, err := w.Kubectl(t.Context(), "get", "secret", name, "--namespace=photos", "--output=go-template={{index .data \""+key+"\" | base64decode}}")
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	client, err := w.Client()
	if err != nil {
		t.Fatal(err)
	}
	archivist := &app{client: client, Config: oauth2.Config{
		ClientID: "photos.archivist", ClientSecret: secret("archivist-oauth", "client-secret"), RedirectURL: w.Callback("archivist"), Scopes: []string{"photos.archive"},
		Endpoint: oauth2.Endpoint{AuthURL: w.Issuer + "/oauth2/authorize", TokenURL: w.Issuer + "/oauth2/token", AuthStyle: oauth2.AuthStyleInHeader},
	}}
	address, verifier := archivist.request()
	tokens, err := archivist.redeem(t, w.person(t, w.Issuer).authorize(address, w.Bob.Name, w.Bob.Password).Get("code"), verifier)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(tokens.AccessToken, ".") != 2 {
		t.Fatalf("the access token is no JWT, but begins with %.4s", tokens.AccessToken)
	}
	copies := w.bobsCopies(t, client)
	active := func() bool {
		form := strings.NewReader(url.Values{"token": {tokens.AccessToken}}.Encode())
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.Issuer+"/oauth2/introspect", form)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(url.QueryEscape(secret("photoarchive-resource-server", "client-id")), secret("photoarchive-resource-server", "client-secret"))
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("introspection answers %d, %v", res.StatusCode, err)
		}
		return strings.Contains(string(body), `"active":true`)
	}
	if status, body := copies(tokens.AccessToken); status != http.StatusOK || body != "copies" || !active() {
		t.Errorf("the API answers %d %q", status, body)
	}
	changed := []byte(tokens.AccessToken)
	changed[len(changed)/2] ^= 1
	if status, _ := copies(string(changed)); status != http.StatusUnauthorized {
		t.Errorf("a JWT that was changed is answered with %d", status)
	}
	if status := archivist.revoke(t, tokens.RefreshToken); status != http.StatusOK {
		t.Fatalf("the revocation is answered with %d", status)
	}
	if status, _ := copies(tokens.AccessToken); status != http.StatusOK || active() {
		t.Errorf("after the revocation the API answers %d, and introspection says active: %t", status, active())
	}
	if _, err := archivist.refresh(t, tokens.RefreshToken); err == nil {
		t.Error("after the revocation there is another token")
	}
	said, err := w.Kubectl(t.Context(), "get", "resourceserver", "photoarchive", "--namespace=photos", `--output=jsonpath={.status.conditions[?(@.type=="Accepted")].message}`)
	if err != nil || !strings.Contains(said, "takes it until it expires") {
		t.Errorf("the status says %q, %v", said, err)
	}
}
