// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

const bearerAssertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Each endpoint that authenticates clients takes assertions, and says what it says of a wrong secret when one is wrong.
func TestAssertionsAuthenticateAtEachEndpoint(t *testing.T) {
	h := newHouse(t)
	key := authtest.NewClientKey(t, "")
	h.WithoutSecret(authtest.PhotoReport, authserver.Assertions{Keys: authtest.PublicKeys(t, key)})
	a := &app{h: h, t: t}
	count := 0
	with := func(form url.Values) url.Values {
		count++
		form.Set("client_assertion_type", bearerAssertion)
		form.Set("client_assertion", key.Sign(t, authtest.Assertion(authtest.PhotoReport, string(rune('a'+count)), h.Clock.Now()), nil))
		return form
	}
	form := with(url.Values{"grant_type": {"client_credentials"}})
	got := a.post("/oauth2/token", form).wants(http.StatusOK)
	token, _ := got.body["access_token"].(string)
	if about := a.post("/oauth2/introspect", with(url.Values{"token": {token}})).wants(http.StatusOK).body; about["active"] != true || about["client_id"] != authtest.PhotoReport {
		t.Errorf("introspection says %v", about)
	}
	a.post("/oauth2/revoke", with(url.Values{"token": {token}})).wants(http.StatusOK)
	if about := a.post("/oauth2/introspect", with(url.Values{"token": {token}})).wants(http.StatusOK).body; about["active"] != false {
		t.Errorf("after revocation introspection says %v", about)
	}
	for _, path := range []string{"/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"} {
		form.Set("token", token)
		if got := a.post(path, form).wants(http.StatusUnauthorized); got.body["error"] != "invalid_client" {
			t.Errorf("%s: a used assertion: %v", path, got.body)
		}
	}
}
