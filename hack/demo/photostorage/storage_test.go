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

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/resourceserver"
)

func TestPhotosAreShownToWhoeverBringsAGoodToken(t *testing.T) {
	for _, c := range []struct {
		name, authorization, says string
		status                    int
		body                      string
	}{
		{"a token of bob's", "Bearer good", `{"active":true,"scope":"openid photos.read","token_type":"Bearer","username":"bob","sub":"bobs"}`,
			200, `{"owner":"bob","photos":["beach.jpg"]}`},
		{"a request signed for bob", `OAuth oauth_token="good"`, `{"active":true,"scope":"photos.read","username":"bob","sub":"bobs"}`,
			200, `{"owner":"bob","photos":["beach.jpg"]}`},
		{"a token that no person gave", "Bearer job", `{"active":true,"scope":"photos.read","token_type":"Bearer","sub":"client:photos.job"}`,
			403, "The access token was not given by a person, and this is for persons."},
		{"a client that is called like bob's subject", "Bearer job", `{"active":true,"scope":"photos.read","token_type":"Bearer","client_id":"bobs","sub":"client:bobs"}`,
			403, "The access token was not given by a person, and this is for persons."},
		{"another person who is called bob", "Bearer good", `{"active":true,"scope":"photos.read","token_type":"Bearer","username":"bob","sub":"another"}`,
			200, `{"owner":"bob","photos":null}`},
		{"no token", "", `{"active":true,"scope":"photos.read","token_type":"Bearer","username":"bob","sub":"bobs"}`,
			401, "An access token is required."},
		{"a dead token", "Bearer dead", `{"active":false}`,
			401, "The access token is not valid, or no longer."},
		{"a token with another scope", "Bearer other", `{"active":true,"scope":"photos.readonly","token_type":"Bearer","username":"bob","sub":"bobs"}`,
			403, "The access token does not have the scope that is needed."},
	} {
		t.Run(c.name, func(t *testing.T) {
			api := newStorage(t, c.says)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/photos", nil)
			r.Header.Set("Authorization", c.authorization)
			w := httptest.NewRecorder()
			api.routes().ServeHTTP(w, r)
			if diff := cmp.Diff([]any{c.status, c.body}, []any{w.Code, strings.TrimSpace(w.Body.String())}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestThePhotosBelongToThePeopleOfTheDemo(t *testing.T) {
	for id, want := range map[string]int{"1001": 3, "1002": 1} { // bob and alice
		if got := photos[authserver.SubjectOf("users", id)]; len(got) != want {
			t.Errorf("the person with the id %s has the photos %v, want %d", id, got, want)
		}
	}
}

func TestWithoutItsSecretPhotoStorageDoesNotStart(t *testing.T) {
	if _, err := newGuard(t.TempDir(), "", "https://photos.example"); err == nil {
		t.Error("it does")
	}
}

// newStorage returns an API for whose Gatehouse each token is what it says.
func newStorage(t *testing.T, says string) *storage {
	t.Helper()
	gatehouse := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, says) }))
	t.Cleanup(gatehouse.Close)
	dir := t.TempDir()
	for key, value := range map[string]string{"client-id": "api_photos.photostorage", "client-secret": "secret",
		"introspection-endpoint": gatehouse.URL, "verification-endpoint": gatehouse.URL} {
		if err := os.WriteFile(filepath.Join(dir, key), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config, err := resourceserver.Mounted(dir)
	if err != nil {
		t.Fatal(err)
	}
	config.HTTPClient = gatehouse.Client()
	guard, err := resourceserver.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return &storage{guard: guard, photos: map[string][]string{"bobs": {"beach.jpg"}}}
}
