// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// basicPlan is the plan of Basic OP. Its order is that of the published plan.
var basicPlan = plan{"oidcc-basic-certification-test-plan", "TestBasicPlan", []module{
	{"oidcc-server", server},
	{"oidcc-response-type-missing", responseTypeMissing},
	{"oidcc-idtoken-signature", idTokenSignature},
	{"oidcc-idtoken-unsigned", idTokenUnsigned},
	{"oidcc-userinfo-get", userInfoBy(http.MethodGet, false)},
	{"oidcc-userinfo-post-header", userInfoBy(http.MethodPost, false)},
	{"oidcc-userinfo-post-body", userInfoBy(http.MethodPost, true)},
	{"oidcc-ensure-request-without-nonce-succeeds-for-code-flow", withoutNonce},
	{"oidcc-scope-profile", scope("profile", "name", "preferred_username")},
	{"oidcc-scope-email", scope("email", "email", "email_verified")},
	{"oidcc-scope-address", scope("address")},
	{"oidcc-scope-phone", scope("phone")},
	{"oidcc-scope-all", scope("profile email address phone", "name", "preferred_username", "email", "email_verified")},
	{"oidcc-ensure-other-scope-order-succeeds", otherScopeOrder},
	{"oidcc-display-page", accepted("display", "page")},
	{"oidcc-display-popup", accepted("display", "popup")},
	{"oidcc-prompt-login", promptLogin},
	{"oidcc-prompt-none-not-logged-in", promptNoneNotLoggedIn},
	{"oidcc-prompt-none-logged-in", promptNoneLoggedIn},
	{"oidcc-max-age-1", maxAge1},
	{"oidcc-max-age-10000", maxAge10000},
	{"oidcc-ensure-request-with-unknown-parameter-succeeds", accepted("extra", "foobar")},
	{"oidcc-id-token-hint", idTokenHint},
	{"oidcc-login-hint", loginHint},
	{"oidcc-ui-locales", accepted("ui_locales", "se")},
	{"oidcc-claims-locales", accepted("claims_locales", "se")},
	{"oidcc-ensure-request-with-acr-values-succeeds", acrValues},
	{"oidcc-codereuse", codeReuse},
	{"oidcc-codereuse-30seconds", codeReuseLater},
	{"oidcc-ensure-registered-redirect-uri", registeredRedirectURI},
	{"oidcc-ensure-post-request-succeeds", postRequest},
	{"oidcc-server-client-secret-post", secretInBody},
	{"oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported", requestURI},
	{"oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported", requestObject},
	{"oidcc-claims-essential", claimsEssential},
	{"oidcc-ensure-request-object-with-redirect-uri", requestObjectWithRedirectURI},
	{"oidcc-refresh-token", refreshToken},
	{"oidcc-ensure-request-with-valid-pkce-succeeds", validPKCE},
}}

// server: a login from the request to UserInfo.
func server(m *trial) {
	got := m.login(m.bob, nil)
	if m.bob.logins != 1 {
		m.Errorf("Bob was asked for his password %d times", m.bob.logins)
	}
	m.userInfo(got, http.MethodGet, false)
}

// responseTypeMissing: an error for the client, or a page (OpenID Connect Core §3.1.2.6). Here, it is a page: nobody is redirected
// before they have logged in.
func responseTypeMissing(m *trial) {
	request := m.request(url.Values{"response_type": nil})
	if address, _ := m.bob.follow(m.bob.open(m.metadata.Authorization+"?"+request.Encode(), nil, "")); address != "" {
		m.Fatalf("a person who has not logged in is sent to %s", address)
	}
	if m.bob.shown.status != http.StatusBadRequest {
		m.Errorf("the page is %d: %s", m.bob.shown.status, m.bob.shown.text())
	}
	m.bob.login()
	m.refusal(m.bob, m.request(url.Values{"response_type": nil}), "invalid_request")
}

// idTokenSignature: RS256 unless the client says otherwise, and the header names the key.
func idTokenSignature(m *trial) {
	got := m.login(m.bob, nil)
	if header := m.header(got.id); header["alg"] != "RS256" || header["kid"] == nil || header["kid"] == "" {
		m.Errorf("the header is %v", header)
	}
}

// idTokenUnsigned: no client can have ID tokens without a signature.
func idTokenUnsigned(m *trial) {
	if slices.Contains(m.metadata.Algorithms, "none") {
		m.Error("the discovery document offers none")
	}
	unsigned := m.w.draft(firstClient)
	unsigned.Name = "unsigned"
	unsigned.Spec.OAuth2.OpenID.IDTokenSigningAlgorithm = "none"
	if err := m.w.Client.Create(m.Context(), unsigned); err == nil || !strings.Contains(err.Error(), "idTokenSigningAlgorithm") {
		m.Errorf("a client that asks for none is registered: %v", err)
	}
}

func userInfoBy(method string, inBody bool) func(*trial) {
	return func(m *trial) { m.userInfo(m.login(m.bob, nil), method, inBody) }
}

// withoutNonce: the code flow needs none, and the ID token then has none.
func withoutNonce(m *trial) {
	if got := m.login(m.bob, url.Values{"nonce": nil}); got.claims["nonce"] != nil {
		m.Errorf("the nonce is %v", got.claims["nonce"])
	}
}

// scope: UserInfo has these claims, and no others but sub.
func scope(scopes string, names ...string) func(*trial) {
	return func(m *trial) {
		for one := range strings.FieldsSeq(scopes) {
			if !slices.Contains(m.metadata.Scopes, one) {
				m.Errorf("the discovery document does not name the scope %s", one)
			}
		}
		info := m.userInfo(m.login(m.bob, url.Values{"scope": {"openid " + scopes}}), http.MethodGet, false)
		want := map[string]any{"name": "Bob", "preferred_username": bob, "email": bobMail, "email_verified": true}
		for _, name := range names {
			if info.body[name] != want[name] {
				m.Errorf("%s is %v, want %v", name, info.body[name], want[name])
			}
		}
		for name := range info.body {
			if name != "sub" && !slices.Contains(names, name) {
				m.Errorf("%s is released by %q", name, scopes)
			}
		}
	}
}

// otherScopeOrder: openid need not be the first.
func otherScopeOrder(m *trial) {
	info := m.userInfo(m.login(m.bob, url.Values{"scope": {"email openid"}}), http.MethodGet, false)
	if info.body["email"] != bobMail {
		m.Errorf("UserInfo says %s", info.raw)
	}
}

// accepted: a login with a parameter that changes nothing here.
func accepted(name, value string) func(*trial) {
	return func(m *trial) { m.userInfo(m.login(m.bob, url.Values{name: {value}}), http.MethodGet, false) }
}

// loginHint: the login form may begin with the name, and the login goes on as ever.
func loginHint(m *trial) {
	m.login(m.bob, url.Values{"login_hint": {"buffy@example.com"}})
	if m.bob.logins != 1 {
		m.Errorf("Bob was asked for his password %d times", m.bob.logins)
	}
}

// acrValues: a request for levels succeeds. Without levels in the discovery document, these are two that nobody knows.
func acrValues(m *trial) {
	levels := m.metadata.Levels
	if len(levels) == 0 {
		levels = []string{"1", "2"}
	}
	got := m.login(m.bob, url.Values{"acr_values": {strings.Join(levels, " ")}})
	if level, _ := got.claims["acr"].(string); len(m.metadata.Levels) > 0 && !slices.Contains(levels, level) {
		m.Errorf("the level is %q, want one of %v", level, levels)
	}
}

// codeReuse: a code works once.
func codeReuse(m *trial) {
	request := m.request(nil)
	code := m.ask(m.bob, request).Get("code")
	m.checked(m.redeem(code, nil), request.Get("nonce"))
	m.refused(m.redeem(code, nil), "invalid_grant")
}

// codeReuseLater: also half a minute later, and what the code gave ends with it (RFC 6749 §4.1.2).
func codeReuseLater(m *trial) {
	request := m.request(nil)
	code := m.ask(m.bob, request).Get("code")
	got := m.checked(m.redeem(code, nil), request.Get("nonce"))
	m.w.advance(m.T, 31*time.Second)
	m.userInfo(got, http.MethodGet, false)
	m.refused(m.redeem(code, nil), "invalid_grant")
	if a := m.protected(got.access, http.MethodGet, false); a.status != http.StatusUnauthorized || a.text("error") != "invalid_token" {
		m.Errorf("the token that the code gave still works: %d %s", a.status, a.raw)
	}
}

// registeredRedirectURI: to another address, nobody is sent.
func registeredRedirectURI(m *trial) {
	for _, address := range []string{m.callback + "/unregistered", "https://" + firstClient + ".example.org/callback"} {
		request := m.request(url.Values{"redirect_uri": {address}})
		if to, _ := m.bob.follow(m.bob.open(m.metadata.Authorization+"?"+request.Encode(), nil, "")); to != "" {
			m.Errorf("the browser is sent to %s", to)
		}
		if m.bob.shown.status != http.StatusBadRequest || !strings.Contains(m.bob.shown.text(), "address") {
			m.Errorf("the page is %d: %s", m.bob.shown.status, m.bob.shown.text())
		}
	}
}

// postRequest: a request may come as a form, from the site of the client.
func postRequest(m *trial) {
	request := m.request(nil)
	shown := m.bob.open(m.metadata.Authorization, request, "https://"+firstClient+".example")
	m.checked(m.redeem(m.back(m.bob, request, shown).Get("code"), nil), request.Get("nonce"))
}

// secretInBody is oidcc-server with the secret in the body.
func secretInBody(m *trial) {
	m.inBody = true
	server(m)
}

// requestURI and requestObject: an error says that the server takes none (OpenID Connect Core §3.1.2.6).
func requestURI(m *trial) {
	m.bob.login()
	m.refusal(m.bob, m.request(url.Values{"request_uri": {"https://" + firstClient + ".example/request"}}), "request_uri_not_supported")
}

func requestObject(m *trial) {
	m.bob.login()
	m.refusal(m.bob, m.request(url.Values{"request": {"eyJhbGciOiJub25lIn0.e30."}}), "request_not_supported")
}

// claimsEssential: UserInfo has a claim that was asked for by name, without the scope that releases it.
func claimsEssential(m *trial) {
	got := m.login(m.bob, url.Values{"claims": {`{"userinfo":{"name":{"essential":true}}}`}})
	if info := m.userInfo(got, http.MethodGet, false); info.body["name"] != "Bob" {
		m.Errorf("UserInfo says %s", info.raw)
	}
}

// requestObjectWithRedirectURI: neither of two addresses gets a code: the one in the request object is not read, and the other one is
// not registered.
func requestObjectWithRedirectURI(m *trial) {
	m.bob.login()
	request := m.request(url.Values{"request": {"eyJhbGciOiJub25lIn0.e30."}, "redirect_uri": {m.callback + "/wrong"}})
	if to, _ := m.bob.follow(m.bob.open(m.metadata.Authorization+"?"+request.Encode(), nil, "")); to != "" || m.bob.shown.status != http.StatusBadRequest {
		m.Errorf("the request ends at %q with %d", to, m.bob.shown.status)
	}
}

// refreshToken: it yields tokens about the same person, for the client that has it and for no other.
func refreshToken(m *trial) {
	if !slices.Contains(m.metadata.GrantTypes, "refresh_token") {
		m.Error("the discovery document does not name the grant type refresh_token")
	}
	second := m.w.party(m.T, secondClient, m.mode)
	var last string
	for _, p := range []*party{m.party, second} {
		first := p.login(m.bob, url.Values{"scope": {"openid offline_access"}, "prompt": {"consent"}})
		if !opaque.MatchString(first.refresh) {
			m.Fatalf("the refresh token is %q", first.refresh)
		}
		next := p.checked(p.refresh(first.refresh, "openid offline_access"), "")
		if next.access == first.access {
			m.Error("the access token is the same as before")
		}
		for _, name := range []string{"iss", "sub", "auth_time", "azp", "aud"} {
			if next.claims[name] != first.claims[name] {
				m.Errorf("%s of the ID token is %v, and was %v", name, next.claims[name], first.claims[name])
			}
		}
		p.userInfo(next, http.MethodGet, false)
		last = next.refresh
	}
	m.refused(m.refresh(last, ""), "invalid_grant") // of the second client, by the first
}

// validPKCE: a code challenge, and the code verifier that belongs to it.
func validPKCE(m *trial) {
	verifier := oauth2.GenerateVerifier()
	request := m.request(url.Values{"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"}})
	code := m.ask(m.bob, request).Get("code")
	m.userInfo(m.checked(m.redeem(code, url.Values{"code_verifier": {verifier}}), request.Get("nonce")), http.MethodGet, false)
}

// promptLogin: Bob, who is logged in, is asked for his password again, and the second ID token says so.
func promptLogin(m *trial) {
	first := m.login(m.bob, nil)
	testenv.Eventually(m.T, limit, "a second has passed since the login", func() bool { return m.w.now().Unix() > first.authTime().Unix() })
	again(m, first, url.Values{"prompt": {"login"}})
}

// again: a request that wants a new login gets one.
func again(m *trial, first *tokens, changes url.Values) {
	m.Helper()
	before := m.bob.logins
	second := m.login(m.bob, changes)
	if m.bob.logins != before+1 {
		m.Errorf("Bob was asked for his password %d times, want once", m.bob.logins-before)
	}
	if !second.authTime().After(first.authTime()) || m.w.now().Sub(second.authTime()) > time.Minute {
		m.Errorf("the second login was at %s, the first at %s", second.authTime(), first.authTime())
	}
	if second.claims["sub"] != first.claims["sub"] {
		m.Errorf("the subject is %v, and was %v", second.claims["sub"], first.claims["sub"])
	}
}

// silent: a request succeeds without a question, and is about the same login.
func silent(m *trial, first *tokens, changes url.Values) {
	m.Helper()
	before := m.bob.logins
	second := m.login(m.bob, changes)
	if m.bob.logins != before {
		m.Error("Bob was asked for his password")
	}
	if !second.authTime().Equal(first.authTime()) || second.claims["sub"] != first.claims["sub"] {
		m.Errorf("the second ID token says %v, the first %v", second.claims, first.claims)
	}
}

func promptNoneNotLoggedIn(m *trial) {
	m.refusal(m.bob, m.request(url.Values{"prompt": {"none"}}), "login_required", "interaction_required")
	if m.bob.logins != 0 {
		m.Error("Bob was asked for his password")
	}
}

func promptNoneLoggedIn(m *trial) { silent(m, m.login(m.bob, nil), url.Values{"prompt": {"none"}}) }

// idTokenHint: the request names the person who is logged in.
func idTokenHint(m *trial) {
	first := m.login(m.bob, nil)
	silent(m, first, url.Values{"prompt": {"none"}, "id_token_hint": {first.id}})
}

// maxAge1: once the login is older than a second, it does not do.
func maxAge1(m *trial) {
	first := m.login(m.bob, nil)
	testenv.Eventually(m.T, limit, "the login is older than a second", func() bool {
		return m.ask(m.bob, m.request(url.Values{"prompt": {"none"}, "max_age": {"1"}})).Get("error") == "login_required"
	})
	again(m, first, url.Values{"max_age": {"1"}})
}

func maxAge10000(m *trial) { silent(m, m.login(m.bob, nil), url.Values{"max_age": {"10000"}}) }
