// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPhotosAreShownToWhoeverBringsAGoodToken(t *testing.T) {
	for _, c := range []struct {
		name, authorization, introspection string
		status                             int
		challenge, body                    string
	}{
		{"a token with the scope", "Bearer good", `{"active":true,"scope":"openid photos.read","token_type":"Bearer","username":"bob"}`,
			200, "", `{"owner":"bob","photos":["beach.jpg"]}`},
		{"the scheme in lower case", "bearer good", `{"active":true,"scope":"photos.read","token_type":"Bearer","username":"bob"}`,
			200, "", `{"owner":"bob","photos":["beach.jpg"]}`},
		{"no token", "", `{"active":true,"scope":"photos.read","token_type":"Bearer","username":"bob"}`,
			401, `Bearer realm="PhotoStorage"`, "Unauthorized"},
		{"a password", "Basic Ym9iOmJvYg==", `{"active":true,"scope":"photos.read","token_type":"Bearer","username":"bob"}`,
			401, `Bearer realm="PhotoStorage"`, "Unauthorized"},
		{"a refresh token", "Bearer refresh", `{"active":true,"scope":"photos.read","username":"bob"}`, 401,
			`Bearer realm="PhotoStorage", error="invalid_token", ` +
				`error_description="the access token is not valid, or no longer"`, "Unauthorized"},
		{"a token that no person gave", "Bearer job", `{"active":true,"scope":"photos.read","token_type":"Bearer","sub":"photos.job"}`,
			200, "", `{"owner":"","photos":null}`},
		{"a dead token", "Bearer dead", `{"active":false}`, 401,
			`Bearer realm="PhotoStorage", error="invalid_token", ` +
				`error_description="the access token is not valid, or no longer"`, "Unauthorized"},
		{"a token with another scope", "Bearer other", `{"active":true,"scope":"photos.readonly","token_type":"Bearer","username":"bob"}`, 403,
			`Bearer realm="PhotoStorage", error="insufficient_scope", ` +
				`error_description="the access token does not let its bearer see photos", scope="photos.read"`, "Forbidden"},
		{"an answer that is not JSON", "Bearer good", `<html>`, 503, "",
			"PhotoStorage cannot check access tokens now. Try again later."},
	} {
		t.Run(c.name, func(t *testing.T) {
			api := newStorage(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, c.introspection) })
			got := get(t, api, c.authorization)
			if diff := cmp.Diff([]string{fmt.Sprint(c.status), c.challenge, c.body},
				[]string{fmt.Sprint(got.Code), got.Header().Get("WWW-Authenticate"), strings.TrimSpace(got.Body.String())}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestIntrospectionCarriesTheTokenAndTheMountedCredentials(t *testing.T) {
	var id, secret, token string
	api := newStorage(t, func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ = r.BasicAuth()
		token = r.PostFormValue("token")
		fmt.Fprint(w, `{"active":false}`)
	})
	get(t, api, "Bearer a-token")
	if diff := cmp.Diff([]string{"photos.photostorage", "s%2Bcret", "a-token"}, []string{id, secret, token}); diff != "" {
		t.Error(diff)
	}
	mount(t, api.secret, "client-secret", "another")
	get(t, api, "Bearer a-token")
	if secret != "another" {
		t.Errorf("after the Secret changed the client secret is %q", secret)
	}
}

func TestATokenIsNotTakenWhenGatehouseCannotBeAsked(t *testing.T) {
	api := newStorage(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	if got := get(t, api, "Bearer good"); got.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d", got.Code)
	}
}

// newStorage returns an API whose tokens are judged by introspect.
func newStorage(t *testing.T, introspect http.HandlerFunc) *storage {
	t.Helper()
	gatehouse := httptest.NewTLSServer(introspect)
	t.Cleanup(gatehouse.Close)
	dir := t.TempDir()
	mount(t, dir, "client-id", "photos.photostorage")
	mount(t, dir, "client-secret", "s+cret")
	mount(t, dir, "introspection-endpoint", gatehouse.URL)
	return &storage{secret: dir, client: gatehouse.Client(), photos: map[string][]string{"bob": {"beach.jpg"}}}
}

func mount(t *testing.T, dir, key, value string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, key), []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, api *storage, authorization string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/photos", nil)
	r.Header.Set("Authorization", authorization)
	w := httptest.NewRecorder()
	api.routes().ServeHTTP(w, r)
	return w
}
