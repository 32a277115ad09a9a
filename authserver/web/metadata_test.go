// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// document asks for the metadata.
func (h *house) document(t *testing.T, method, ifNoneMatch string) *reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, h.issuer+"/.well-known/oauth-authorization-server", nil)
	if err != nil {
		t.Fatal(err)
	}
	if ifNoneMatch != "" {
		r.Header.Set("If-None-Match", ifNoneMatch)
	}
	response, err := h.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got := &reply{Response: response, t: t, fields: map[string]string{}}
	var fields map[string]any
	if err := json.NewDecoder(response.Body).Decode(&fields); err != nil {
		return got
	}
	for name, value := range fields {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		got.fields[name] = string(text)
	}
	return got
}

func TestTheMetadataAreWhatTheServerDoes(t *testing.T) {
	h := newHouse(t)
	h.Clients.OpenToAll("photos.read", "photos.write")
	at := func(path string) string { return `"` + h.issuer + path + `"` }
	const algorithms = `["RS256","PS256","ES256","EdDSA"]`
	want := map[string]string{
		"issuer": at(""), "authorization_endpoint": at("/oauth2/authorize"), "token_endpoint": at("/oauth2/token"),
		"revocation_endpoint": at("/oauth2/revoke"), "introspection_endpoint": at("/oauth2/introspect"),
		"end_session_endpoint": at("/oauth2/logout"), "userinfo_endpoint": at("/oauth2/userinfo"), "jwks_uri": at("/oauth2/keys"),
		"scopes_supported":         `["openid","profile","email","groups","address","phone","offline_access","photos.read","photos.write"]`,
		"response_types_supported": `["code"]`, "response_modes_supported": `["query","form_post"]`,
		"grant_types_supported":                            `["authorization_code","refresh_token","client_credentials"]`,
		"token_endpoint_auth_methods_supported":            `["client_secret_basic","client_secret_post","private_key_jwt","none"]`,
		"revocation_endpoint_auth_methods_supported":       `["client_secret_basic","client_secret_post","private_key_jwt","none"]`,
		"introspection_endpoint_auth_methods_supported":    `["client_secret_basic","client_secret_post","private_key_jwt"]`,
		"token_endpoint_auth_signing_alg_values_supported": algorithms, "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
		"introspection_endpoint_auth_signing_alg_values_supported": algorithms,
		"code_challenge_methods_supported":                         `["S256"]`,
		"prompt_values_supported":                                  `["none","login","consent","select_account"]`,
		"ui_locales_supported":                                     `["en"]`,
		"authorization_response_iss_parameter_supported":           `true`,
		"subject_types_supported":                                  `["public","pairwise"]`,
		"id_token_signing_alg_values_supported":                    `["ES256","PS256","RS256"]`,
		"userinfo_signing_alg_values_supported":                    `["ES256","PS256","RS256"]`,
		"acr_values_supported":                                     `["urn:gatehouse:acr:1fa","urn:gatehouse:acr:2fa"]`,
		"claims_supported": `["sub","iss","aud","exp","iat","auth_time","acr","amr","nonce","azp","at_hash","sid",` +
			`"name","preferred_username","email","email_verified","groups"]`,
		"request_parameter_supported": `false`, "request_uri_parameter_supported": `false`, "claims_parameter_supported": `true`,
		"backchannel_logout_supported": `true`, "backchannel_logout_session_supported": `true`,
	}
	got := h.document(t, http.MethodGet, "")
	if diff := cmp.Diff(want, got.fields); diff != "" {
		t.Error(diff)
	}
	if got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Cache-Control") != "public, max-age=300" {
		t.Errorf("the header is %v", got.Header)
	}
	etag := got.Header.Get("ETag")
	if again := h.document(t, http.MethodGet, etag); again.StatusCode != http.StatusNotModified || len(again.fields) > 0 || etag == "" {
		t.Errorf("asked again: %d %v", again.StatusCode, again.fields)
	}
	h.Clients.OpenToAll("photos.read")
	if changed := h.document(t, http.MethodGet, etag); changed.StatusCode != http.StatusOK || changed.Header.Get("ETag") == etag {
		t.Errorf("after a change: %d, ETag %s", changed.StatusCode, changed.Header.Get("ETag"))
	}
}

func TestN146TheMetadataSayNothingOfScopesThatAreNotOpenToAll(t *testing.T) {
	h := newHouse(t)
	builtIn := `["openid","profile","email","groups","address","phone","offline_access"]`
	if got := h.document(t, http.MethodGet, "").fields; got["scopes_supported"] != builtIn {
		t.Errorf("without a public scope: %v", got)
	}
}
