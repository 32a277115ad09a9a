// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/oidc"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/credential/credentialtest"
)

const photoPrintBye = "https://photoprint.example/bye?from=gatehouse"

// withLogout lets PhotoPrint log people in and out.
func (h *house) withLogout(t *testing.T) *relyingParty {
	t.Helper()
	return h.openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256", PostLogoutRedirectURIs: []string{photoPrintBye}})
}

// tokensOf lets whoever is signed in in the browser log in to PhotoPrint, and returns the answer of the token endpoint.
func (p *relyingParty) tokensOf(b *browser) *answer {
	p.t.Helper()
	code := b.consentTo(b.begin(url.Values{"scope": {"openid"}}), "allow").back(authtest.PhotoPrintCallback).Get("code")
	return p.client(p.t, authtest.PhotoPrint).redeem(code, authtest.PhotoPrintCallback).wants(http.StatusOK)
}

// logout follows a logout to its page.
func (b *browser) logout(params url.Values) *page {
	b.t.Helper()
	p := b.get("/oauth2/logout?" + params.Encode())
	to := p.Header.Get("Location")
	if p.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, "/logout?request=") {
		b.t.Fatalf("the end session endpoint answers %d %q: %s", p.StatusCode, to, p.text())
	}
	return b.get(to)
}

// signedOut fails the test unless the browser's session has that state.
func (b *browser) signedOut(want bool) {
	b.t.Helper()
	if got := b.get("/account").StatusCode == http.StatusSeeOther; got != want {
		b.t.Errorf("signed out: %t, want %t", got, want)
	}
}

func TestAnIDTokenOfThisSessionSignsOutWithoutAQuestion(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		t.Run(method, func(t *testing.T) {
			h := newHouse(t)
			p := h.withLogout(t)
			bob := h.bob(t)
			params := url.Values{
				"id_token_hint": {p.tokensOf(bob).text("id_token")}, "post_logout_redirect_uri": {photoPrintBye}, "state": {"a b&c"},
				"logout_hint": {"bob"}, "ui_locales": {"fr de"}, "client_id": {authtest.PhotoPrint},
			}
			path, form := "/oauth2/logout?"+params.Encode(), url.Values(nil)
			if method == http.MethodPost {
				path, form = "/oauth2/logout", params
				bob.header = http.Header{"Origin": {"https://photoprint.example"}, "Sec-Fetch-Site": {"cross-site"}}
			}
			to := bob.do(method, path, form).Header.Get("Location")
			bob.get(to).wants(http.StatusSeeOther, photoPrintBye+"&state=a+b%26c")
			bob.signedOut(true)
		})
	}
}

func TestAnIDTokenThatHasExpiredAndWhoseKeyHasRotatedIsStillAHint(t *testing.T) {
	h := newHouse(t)
	p := h.withLogout(t)
	bob := h.bob(t)
	hint := p.tokensOf(bob).text("id_token")
	h.RotateKeys(t)
	h.Clock.Advance(3 * time.Hour)
	bob.logout(url.Values{"id_token_hint": {hint}}).wants(http.StatusSeeOther, "/signout")
	bob.signedOut(true)
}

func TestARefreshedIDTokenNamesTheSameSession(t *testing.T) {
	h := newHouse(t)
	p := h.withLogout(t)
	bob := h.bob(t)
	code := bob.consentTo(bob.begin(url.Values{"scope": {"openid offline_access"}}), "allow").back(authtest.PhotoPrintCallback).Get("code")
	first := p.client(t, authtest.PhotoPrint).redeem(code, authtest.PhotoPrintCallback).wants(http.StatusOK)
	second := p.client(t, authtest.PhotoPrint).refresh(first.text("refresh_token")).wants(http.StatusOK)
	_, a := p.verified(first.text("id_token"), "RS256")
	_, b := p.verified(second.text("id_token"), "RS256")
	if a["sid"] != b["sid"] || a["sid"] == "" || a["sid"] == nil {
		t.Errorf("sid is %v, then %v", a["sid"], b["sid"])
	}
	if third := p.login("openid", nil); third.text("id_token") != "" {
		if _, c := p.verified(third.text("id_token"), "RS256"); c["sid"] == a["sid"] {
			t.Error("two sessions have one sid")
		}
	}
}

// N230: nothing but an ID token of the session of this browser signs out without a question, and the question changes nothing.
func TestN230WhoMustBeAskedIsAsked(t *testing.T) {
	h := newHouse(t)
	p := h.withLogout(t)
	bob := h.bob(t)
	ofAnotherBrowser := p.tokensOf(h.bob(t)).text("id_token")
	h.Entitlement.Allow(authtest.Alice, authtest.PhotoPrint)
	ofAlice := p.tokensOf(h.signedIn(t, authtest.Alice, authtest.AlicePassword)).text("id_token")
	for name, params := range map[string]url.Values{
		"no hint":         {},
		"a client ID":     {"client_id": {authtest.PhotoPrint}, "post_logout_redirect_uri": {photoPrintBye}},
		"another browser": {"id_token_hint": {ofAnotherBrowser}, "post_logout_redirect_uri": {photoPrintBye}},
		"another person":  {"id_token_hint": {ofAlice}, "post_logout_redirect_uri": {photoPrintBye}},
		"a name":          {"logout_hint": {"bob"}},
	} {
		t.Run(name, func(t *testing.T) {
			bob := *bob
			bob.t = t
			asks := bob.logout(params).wants(http.StatusOK, "").says("Sign out?", "Stay signed in")
			bob.signedOut(false)
			if params.Get("post_logout_redirect_uri") != "" {
				asks.says("photoprint.example")
			}
		})
	}
	asks := bob.logout(url.Values{"client_id": {authtest.PhotoPrint}, "post_logout_redirect_uri": {photoPrintBye}, "state": {"s"}})
	bob.post("/logout", url.Values{"request": {asks.field("request")}}).wants(http.StatusSeeOther, photoPrintBye+"&state=s")
	bob.signedOut(true)
	// Nobody is sent on who was not signed in.
	bob.post("/logout", url.Values{"request": {asks.field("request")}}).wants(http.StatusSeeOther, "")
	bob.get("/logout?request="+asks.field("request")).wants(http.StatusOK, "").says("You are signed out", "photoprint.example")
	bob.logout(url.Values{"id_token_hint": {ofAnotherBrowser}, "post_logout_redirect_uri": {photoPrintBye}}).wants(http.StatusOK, "").says("You are signed out")
}

// N231: another site's form signs nobody out.
func TestN231AFormOfAnotherSiteSignsNobodyOut(t *testing.T) {
	h := newHouse(t)
	h.withLogout(t)
	bob := h.bob(t)
	asks := bob.logout(url.Values{"client_id": {authtest.PhotoPrint}})
	for _, header := range []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://evil.example"}}, {"Origin": {"null"}},
	} {
		other := *bob
		other.header = header
		other.post("/logout", url.Values{"request": {asks.field("request")}}).wants(http.StatusForbidden, "")
		bob.signedOut(false)
	}
	for _, sealed := range []string{"x", asks.field("request")[1:], strings.Repeat("A", 9000)} { // nobody's request: it leads nowhere
		carol := h.bob(t)
		carol.get("/logout?request="+sealed).wants(http.StatusOK, "").says("An application asks")
		carol.post("/logout", url.Values{"request": {sealed}}).wants(http.StatusSeeOther, "/signout")
	}
}

// N232: a logout leads to what the client has registered, character for character, and nowhere else.
func TestN232TheLogoutIsNoOpenRedirect(t *testing.T) {
	h := newHouse(t)
	p := h.withLogout(t)
	h.Clients.Change(authtest.BookShelf, func(c *authserver.Client) {
		c.OpenID.PostLogoutRedirectURIs = []string{"https://bookshelf.example/bye"}
	})
	bob := h.bob(t)
	hint := p.tokensOf(bob).text("id_token")
	for _, to := range []string{
		photoPrintBye + "&x=y", "https://photoprint.example/bye", "https://photoprint.example/bye?from=Gatehouse", "HTTPS://photoprint.example/bye?from=gatehouse",
		"https://photoprint.example:443/bye?from=gatehouse", "https://photoprint.example@evil.example/bye?from=gatehouse", "//evil.example", "/account",
		"https://evil.example/", "javascript:alert(1)", authtest.PhotoPrintCallback, "https://bookshelf.example/bye",
	} {
		for name, params := range map[string]url.Values{"hint": {"id_token_hint": {hint}}, "client ID": {"client_id": {authtest.PhotoPrint}}} {
			params.Set("post_logout_redirect_uri", to)
			got := bob.get("/oauth2/logout?" + params.Encode())
			if got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" || strings.Contains(got.body, to) && to != "/account" {
				t.Errorf("%s, %s: %d %q", name, to, got.StatusCode, got.Header.Get("Location"))
			}
		}
	}
	for name, params := range map[string]url.Values{
		"no client":           {"post_logout_redirect_uri": {photoPrintBye}},
		"an unknown client":   {"post_logout_redirect_uri": {photoPrintBye}, "client_id": {"photos.nobody"}},
		"twice":               {"post_logout_redirect_uri": {photoPrintBye, photoPrintBye}, "client_id": {authtest.PhotoPrint}},
		"the client twice":    {"post_logout_redirect_uri": {photoPrintBye}, "client_id": {authtest.PhotoPrint, authtest.PhotoPrint}},
		"hint of another":     {"post_logout_redirect_uri": {"https://bookshelf.example/bye"}, "client_id": {authtest.BookShelf}, "id_token_hint": {hint}},
		"a state of 1 KiB":    {"post_logout_redirect_uri": {photoPrintBye}, "client_id": {authtest.PhotoPrint}, "state": {strings.Repeat("s", 1025)}},
		"a state not in UTF8": {"post_logout_redirect_uri": {photoPrintBye}, "client_id": {authtest.PhotoPrint}, "state": {"\xff"}},
	} {
		if got := bob.get("/oauth2/logout?" + params.Encode()); got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" {
			t.Errorf("%s: %d %q", name, got.StatusCode, got.Header.Get("Location"))
		}
	}
	bob.signedOut(false)
	asks := bob.logout(url.Values{"client_id": {authtest.PhotoPrint}, "post_logout_redirect_uri": {photoPrintBye}})
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.OpenID.PostLogoutRedirectURIs = nil })
	bob.post("/logout", url.Values{"request": {asks.field("request")}}).wants(http.StatusSeeOther, "/signout")
	bob = h.bob(t)
	asks = bob.logout(url.Values{"client_id": {authtest.PhotoPrint}})
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) {
		c.OpenID.PostLogoutRedirectURIs, c.Suspended = []string{photoPrintBye}, true
	})
	bob.get("/oauth2/logout?"+url.Values{"client_id": {authtest.PhotoPrint}, "post_logout_redirect_uri": {photoPrintBye}}.Encode()).wants(http.StatusBadRequest, "")
	bob.post("/logout", url.Values{"request": {asks.field("request")}}).wants(http.StatusSeeOther, "/signout")
}

// The address of the page stays below 8 KiB, which proxies take, whatever the state and the redirect hold.
func TestALogoutFitsIntoAnAddressWhateverItsState(t *testing.T) {
	h := newHouse(t)
	h.withLogout(t)
	long := "https://photoprint.example/bye?" + strings.Repeat("&", 480)
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.OpenID.PostLogoutRedirectURIs = []string{long} })
	for _, character := range []string{"<", "&", "\x01", `"`, "s", "é"} {
		state := strings.Repeat(character, 1024/len(character))
		bob := h.bob(t)
		to := bob.get("/oauth2/logout?" + url.Values{"client_id": {authtest.PhotoPrint}, "post_logout_redirect_uri": {long}, "state": {state}}.Encode()).Header.Get("Location")
		if len(to) > 4<<10 || !strings.HasPrefix(to, "/logout?request=") {
			t.Errorf("1024 bytes of %q: the address has %d bytes: %.40s", character, len(to), to)
		}
		page := bob.get(to).wants(http.StatusOK, "")
		back := bob.post("/logout", url.Values{"request": {page.field("request")}}).Header.Get("Location")
		if u, err := url.Parse(back); err != nil || u.Query().Get("state") != state {
			t.Errorf("1024 bytes of %q: the state comes back as another one", character)
		}
	}
}

// N233: what is no ID token of this issuer is no hint: it neither signs out without a question nor leads anywhere.
func TestN233WhatIsNoIDTokenOfOursIsNoHint(t *testing.T) {
	h := newHouse(t)
	p := h.withLogout(t)
	bob := h.bob(t)
	tokens := p.tokensOf(bob)
	hint := tokens.text("id_token")
	_, claims := p.verified(hint, "RS256")
	key, err := h.Auth.SigningKey(credential.RS256)
	if err != nil {
		t.Fatal(err)
	}
	other, err := h.Auth.SigningKey(credential.PS256)
	if err != nil {
		t.Fatal(err)
	}
	foreign := (&credentialtest.SigningKeys{}).New(credential.ES256)
	with := func(name string, value any) map[string]any {
		changed := maps.Clone(claims)
		if changed[name] = value; value == nil {
			delete(changed, name)
		}
		return changed
	}
	signed := p.userInfo(tokens.text("access_token"), "application/jwt").raw
	for name, text := range map[string]string{
		"a key of somebody else":     jws(t, jose.ES256, foreign, key.ID, "JWT", claims),
		"alg none":                   unsigned("none", key.ID, claims),
		"HS256 with the public key":  jws(t, jose.HS256, publicBytes(t, key), key.ID, "JWT", claims),
		"another algorithm":          jws(t, jose.PS256, other, key.ID, "JWT", claims),
		"an unknown kid":             jws(t, jose.RS256, key, "nobody", "JWT", claims),
		"no kid":                     jws(t, jose.RS256, key, "", "JWT", claims),
		"a logout token":             jws(t, jose.RS256, key, key.ID, "logout+jwt", claims),
		"a JWT access token":         jws(t, jose.RS256, key, key.ID, "at+jwt", claims),
		"another issuer":             jws(t, jose.RS256, key, key.ID, "JWT", with("iss", "https://other.example")),
		"another audience":           jws(t, jose.RS256, key, key.ID, "JWT", with("aud", "photos.nobody")),
		"several audiences":          jws(t, jose.RS256, key, key.ID, "JWT", with("aud", []string{authtest.PhotoPrint, "x"})),
		"nobody":                     jws(t, jose.RS256, key, key.ID, "JWT", with("sub", nil)),
		"without an end":             jws(t, jose.RS256, key, key.ID, "JWT", with("exp", nil)),
		"a signed UserInfo":          signed,
		"a changed payload":          changedPayload(t, hint, with("sub", "somebody")),
		"an access token":            tokens.text("access_token"),
		"a token that is cut off":    hint[:len(hint)-8],
		"a token and something else": hint + ".x",
		"two signatures":             `{"payload":"e30","signatures":[]}`,
		"no token":                   "x",
		"a very long one":            strings.Repeat("a", 20<<10),
	} {
		t.Run(name, func(t *testing.T) {
			bob := *bob
			bob.t = t
			for _, more := range []url.Values{{}, {"client_id": {authtest.PhotoPrint}}} {
				more.Set("id_token_hint", text)
				more.Set("post_logout_redirect_uri", photoPrintBye)
				got := bob.post("/oauth2/logout", more)
				if got.StatusCode == http.StatusBadRequest && got.Header.Get("Location") == "" {
					continue // the ID token is of a client that nobody knows
				}
				asks := bob.get(got.wants(http.StatusSeeOther, "").Header.Get("Location")).wants(http.StatusOK, "")
				if strings.Contains(asks.text(), "photoprint.example") {
					t.Error("the page leads to the application")
				}
				bob.signedOut(false)
			}
		})
	}
	bob.logout(url.Values{"id_token_hint": {hint}}).wants(http.StatusSeeOther, "/signout")
}

// jws signs claims, as somebody could who has the key.
func jws(t *testing.T, algorithm jose.SignatureAlgorithm, key any, kid, typ string, claims any) string {
	t.Helper()
	if signing, ok := key.(credential.SigningKey); ok {
		key = cryptosigner.Opaque(signing)
	}
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ))
	if kid != "" {
		options = options.WithHeader("kid", kid)
	}
	return authtest.JWT(t, jose.SigningKey{Algorithm: algorithm, Key: key}, options, claims)
}

func publicBytes(t *testing.T, key credential.SigningKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func base64JSON(v any) string {
	text, _ := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(text)
}

func unsigned(algorithm, kid string, claims any) string {
	return base64JSON(map[string]string{"alg": algorithm, "kid": kid, "typ": "JWT"}) + "." + base64JSON(claims) + "."
}

func changedPayload(t *testing.T, token string, claims any) string {
	t.Helper()
	parts := strings.Split(token, ".")
	return parts[0] + "." + base64JSON(claims) + "." + parts[2]
}

// N234: who is logged in is the person of the hint, or the answer is login_required.
func TestN234AHintOfAnotherPersonLogsNobodyIn(t *testing.T) {
	h := newHouse(t)
	p := h.withLogout(t)
	h.Entitlement.Allow(authtest.Alice, authtest.PhotoPrint)
	bob, alice := h.bob(t), h.signedIn(t, authtest.Alice, authtest.AlicePassword)
	tokens := p.tokensOf(bob)
	hint, ofAlice := tokens.text("id_token"), p.tokensOf(alice).text("id_token")
	_, claims := p.verified(hint, "RS256")
	key, err := h.Auth.SigningKey(credential.RS256)
	if err != nil {
		t.Fatal(err)
	}
	ofAnotherClient := maps.Clone(claims)
	ofAnotherClient["aud"] = authtest.BookShelf
	remembered := bob.begin(url.Values{"scope": {"openid"}})
	ticket := bob.get(remembered).field("ticket")
	bob.post(remembered+"/consent", url.Values{"decision": {"allow"}, "always": {"on"}, "ticket": {ticket}}).back(authtest.PhotoPrintCallback)
	silently := func(hint string) url.Values {
		path := bob.begin(url.Values{"scope": {"openid"}, "prompt": {"none"}, "id_token_hint": {hint}})
		return bob.get(path).back(authtest.PhotoPrintCallback)
	}
	h.Clock.Advance(2 * time.Hour)
	if got := silently(hint); got.Get("code") == "" {
		t.Errorf("with Bob's own hint: %v", got)
	}
	foreign := (&credentialtest.SigningKeys{}).New(credential.RS256)
	for name, hint := range map[string]string{
		"of Alice": ofAlice, "of another client": jws(t, jose.RS256, key, key.ID, "JWT", ofAnotherClient),
		"of another issuer": jws(t, jose.RS256, foreign, key.ID, "JWT", claims), "unsigned": unsigned("none", key.ID, claims),
		"an access token": tokens.text("access_token"), "no token": "x",
	} {
		if got := silently(hint); got.Get("error") != "login_required" || got.Get("code") != "" {
			t.Errorf("a hint that is %s: %v", name, got)
		}
	}
	// Somebody else may log in, and must be the person of the hint.
	path := bob.begin(url.Values{"scope": {"openid"}, "id_token_hint": {ofAlice}})
	bob.get(path).wants(http.StatusOK, "").says("Password")
	h.Clock.Advance(time.Second)
	bob.post(path+"/login", url.Values{"username": {authtest.Bob}, "password": {authtest.BobPassword}}).wants(http.StatusSeeOther, path)
	if got := bob.get(path).back(authtest.PhotoPrintCallback); got.Get("error") != "login_required" {
		t.Errorf("Bob logged in where Alice was meant: %v", got)
	}
	path = bob.begin(url.Values{"scope": {"openid"}, "id_token_hint": {ofAlice}})
	h.Clock.Advance(time.Second)
	bob.post(path+"/login", url.Values{"username": {authtest.Alice}, "password": {authtest.AlicePassword}}).wants(http.StatusSeeOther, path)
	bob.get(path).wants(http.StatusOK, "").says("asks for access", "Alice")
}

// logoutToken returns a logout token for PhotoPrint, signed as the server signs it.
func (p *relyingParty) logoutToken(b *browser, idToken string) string {
	p.t.Helper()
	key, err := p.Auth.SigningKey(credential.RS256)
	if err != nil {
		p.t.Fatal(err)
	}
	var claims struct{ Sub, Sid string }
	decodeClaims(p.t, idToken, &claims)
	client, _ := p.Clients.ByID(authtest.PhotoPrint)
	token, err := oidc.LogoutToken(p.issuer, key, authserver.BackChannelLogout{Client: client, Subject: claims.Sub, SessionID: claims.Sid}, "one", p.Clock.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	return token
}

func decodeClaims(t *testing.T, token string, into any) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// N235: a logout token opens nothing and is no hint, and an ID token has nothing of a logout token.
func TestN235ALogoutTokenIsNothingElse(t *testing.T) {
	h := newHouse(t)
	p := h.withLogout(t)
	bob := h.bob(t)
	tokens := p.tokensOf(bob)
	idToken := tokens.text("id_token")
	logoutToken := p.logoutToken(bob, idToken)
	bob.logout(url.Values{"id_token_hint": {logoutToken}}).wants(http.StatusOK, "").says("An application asks")
	bob.signedOut(false)
	silent := bob.begin(url.Values{"scope": {"openid"}, "prompt": {"none"}, "id_token_hint": {logoutToken}})
	if got := bob.get(silent).back(authtest.PhotoPrintCallback); got.Get("error") != "login_required" {
		t.Errorf("as a hint with prompt=none: %v", got)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.issuer+"/oauth2/userinfo", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+logoutToken)
	if got := h.send(t, r); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("UserInfo answers %d to a logout token", got.StatusCode)
	}
	if got := h.client(t, authtest.PhotoPrint).post("/oauth2/introspect", url.Values{"token": {logoutToken}}); got.body["active"] != false {
		t.Errorf("introspection answers %v to a logout token", got.body)
	}
	var header struct{ Typ string }
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(idToken, ".")[0])
	if err != nil || json.Unmarshal(raw, &header) != nil || header.Typ == "logout+jwt" {
		t.Errorf("the header of an ID token is %s", raw)
	}
	var claims map[string]any
	if decodeClaims(t, idToken, &claims); claims["events"] != nil {
		t.Errorf("an ID token has events: %v", claims)
	}
}

// A client with an address is told of each sign-out of a session in which people approved it, and its ID tokens say what the session is called.
func TestAnApprovalAndASignOutMakeALogout(t *testing.T) {
	h := newHouse(t)
	p := h.openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256", BackChannelLogoutURI: "https://photoprint.example/told"})
	bob := h.bob(t)
	var id struct{ Sid, Sub string }
	decodeClaims(t, p.tokensOf(bob).text("id_token"), &id)
	due := func() []authserver.BackChannelLogout {
		t.Helper()
		due, err := h.Auth.ClaimLogouts(t.Context(), nil, 10)
		if err != nil {
			t.Fatal(err)
		}
		return due
	}
	if got := due(); len(got) != 0 {
		t.Errorf("before the sign-out %v is due", got)
	}
	bob.post("/signout", url.Values{})
	got := due()
	if len(got) != 1 || got[0].SessionID != id.Sid || got[0].Subject != id.Sub || got[0].Client.ID != authtest.PhotoPrint {
		t.Errorf("after the sign-out %v is due, the ID token has %v", got, id)
	}
	select {
	case <-h.Auth.LogoutsDue():
	default:
		t.Error("nobody is woken")
	}
	// Without openid, or without an address, there is nobody to tell.
	bob = h.bob(t)
	bob.consentTo(bob.begin(url.Values{"scope": {"photos.read"}}), "allow")
	bob.post("/signout", url.Values{})
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.OpenID.BackChannelLogoutURI = "" })
	bob = h.bob(t)
	p.tokensOf(bob)
	bob.post("/signout", url.Values{})
	if got := due(); len(got) != 0 {
		t.Errorf("%v is due", got)
	}
}
