// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// rpInitiatedLogoutPlan is the plan of RP-Initiated OP.
var rpInitiatedLogoutPlan = plan{"oidcc-rp-initiated-logout-certification-test-plan", "TestRPInitiatedLogoutPlan", []module{
	{"oidcc-rp-initiated-logout-discovery-endpoint-verification", logoutDiscovery},
	{"oidcc-rp-initiated-logout", logoutReturns(nil)},
	{"oidcc-rp-initiated-logout-bad-post-logout-redirect-uri", logoutStays(func(_ *trial, v url.Values) {
		v.Set("post_logout_redirect_uri", "https://"+firstClient+".example/elsewhere")
	})},
	{"oidcc-rp-initiated-logout-modified-id-token-hint", logoutStays(func(m *trial, v url.Values) { v.Set("id_token_hint", unsigned(m.T, v.Get("id_token_hint"))) })},
	{"oidcc-rp-initiated-logout-no-id-token-hint", logoutStays(func(_ *trial, v url.Values) { v.Del("id_token_hint") })},
	{"oidcc-rp-initiated-logout-no-params", logoutEnds(func(v url.Values) { clear(v) })},
	{"oidcc-rp-initiated-logout-no-post-logout-redirect-uri", logoutEnds(func(v url.Values) { v.Del("post_logout_redirect_uri") })},
	{"oidcc-rp-initiated-logout-no-state", logoutReturns(func(v url.Values) { v.Del("state") })},
	{"oidcc-rp-initiated-logout-only-state", logoutEnds(func(v url.Values) { v.Del("post_logout_redirect_uri"); v.Del("id_token_hint") })},
	{"oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri", logoutStays(func(_ *trial, v url.Values) {
		v.Set("post_logout_redirect_uri", v.Get("post_logout_redirect_uri")+"?foo=bar")
	})},
	{"oidcc-rp-initiated-logout-bad-id-token-hint", logoutStays(func(m *trial, v url.Values) { v.Set("id_token_hint", signedByNobody(m.T, v.Get("id_token_hint"))) })},
}}

// afterLogoutOf is where a client has people come back to after a logout.
func afterLogoutOf(name string) string { return "https://" + name + ".example/signed-out" }

func TestRPInitiatedLogoutPlan(t *testing.T) { rpInitiatedLogoutPlan.run(t, "") }

// logoutDiscovery: the discovery document names the endpoint.
func logoutDiscovery(m *trial) {
	m.addresses(m.fetch(m.w.issuer+"/.well-known/openid-configuration"), "end_session_endpoint")
}

// beginLogout has Bob log in and be sent to the end session endpoint. It returns where he ends, and what the request was.
func (m *trial) beginLogout(change func(url.Values)) (address string, brought, request url.Values) {
	m.Helper()
	request = url.Values{
		"id_token_hint": {m.login(m.bob, nil).id}, "post_logout_redirect_uri": {afterLogoutOf(firstClient)},
		"state": {strings.Repeat(rand.Text(), 5)[:128]},
	}
	if change != nil {
		change(request)
	}
	address, brought = m.bob.follow(m.bob.open(m.metadata.EndSession+"?"+request.Encode(), nil, ""))
	return address, brought, request
}

// confirm has Bob say that he wants to sign out, where the page asks him. It returns where he ends.
func (m *trial) confirm() (asked bool, address string) {
	m.Helper()
	f := m.bob.shown.form(func(f *form) bool { return f.method == http.MethodPost && strings.HasSuffix(f.action, "/logout") })
	if m.bob.shown.status != http.StatusOK || f == nil {
		return false, ""
	}
	address, _ = m.bob.follow(m.bob.open(f.action, f.fields, m.bob.issuer))
	return true, address
}

// signedOut: Bob has no session any more.
func (m *trial) signedOut() {
	m.Helper()
	m.refusal(m.bob, m.request(url.Values{"prompt": {"none"}}), "login_required", "interaction_required")
}

// logoutReturns: Bob is signed out and comes back to the client, with the state that was sent and with nothing else.
func logoutReturns(change func(url.Values)) func(*trial) {
	return func(m *trial) {
		address, brought, request := m.beginLogout(change)
		if address != afterLogoutOf(firstClient) {
			m.Fatalf("Bob ends at %q: %d %s", address, m.bob.shown.status, m.bob.shown.text())
		}
		want := url.Values{}
		if request.Has("state") {
			want.Set("state", request.Get("state"))
		}
		if brought.Encode() != want.Encode() {
			m.Errorf("Bob comes back with %v, want %v", brought, want)
		}
		m.signedOut()
	}
}

// logoutEnds: Bob is signed out, after a question where nothing proves that the client knows his session. He sees a page that says so.
func logoutEnds(change func(url.Values)) func(*trial) {
	return func(m *trial) {
		address, _, request := m.beginLogout(change)
		asked, after := m.confirm()
		if address != "" || after != "" {
			m.Errorf("Bob ends at %q", address+after)
		}
		if asked == request.Has("id_token_hint") {
			m.Errorf("Bob is asked: %t, with the hint %q", asked, request.Get("id_token_hint"))
		}
		if m.bob.shown.status != http.StatusOK || !strings.Contains(m.bob.shown.text(), "You are signed out") {
			m.Errorf("the page is %d: %s", m.bob.shown.status, m.bob.shown.text())
		}
		m.signedOut()
	}
}

// logoutStays: Bob is not sent to any address of a client. He sees an error, or is asked whether he wants to sign out.
func logoutStays(change func(*trial, url.Values)) func(*trial) {
	return func(m *trial) {
		address, _, _ := m.beginLogout(func(v url.Values) { change(m, v) })
		failed := m.bob.shown.status == http.StatusBadRequest
		asked, after := m.confirm()
		if address != "" || after != "" {
			m.Errorf("Bob is sent to %q", address+after)
		}
		if asked == failed {
			m.Errorf("Bob is asked: %t, and sees an error: %t", asked, failed)
		}
		if asked {
			m.signedOut()
		}
	}
}

// claimsOf returns the claims of a JWT as they stand there.
func claimsOf(t *testing.T, token string) []byte {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", token)
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// unsigned returns the same claims without a signature.
func unsigned(t *testing.T, token string) string {
	t.Helper()
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(claimsOf(t, token)) + "."
}

// signedByNobody returns the same claims, signed with a key that the server does not have.
func signedByNobody(t *testing.T, token string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	claims := claimsOf(t, token)
	if !json.Valid(claims) {
		t.Fatalf("the claims are %q", claims)
	}
	nobodys := jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "nobodys"}}
	return authtest.JWT(t, nobodys, (&jose.SignerOptions{}).WithType("JWT"), json.RawMessage(claims))
}
