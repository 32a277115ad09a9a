// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

const pathPasskey = "/account/factors/passkey"

// passkeyForm is a form of a page that asks for a passkey.
type passkeyForm struct{ kind, action, options, ticket string }

// passkey returns that form.
func (p *page) passkey() passkeyForm {
	p.t.Helper()
	for _, n := range p.elements("form") {
		if kind := attribute(n, "data-passkey"); kind != "" {
			f := passkeyForm{kind: kind, action: attribute(n, "action"), options: attribute(n, "data-options")}
			for field := range n.Descendants() {
				if attribute(field, "name") == "page" {
					f.ticket = attribute(field, "value")
				}
			}
			return f
		}
	}
	p.t.Fatalf("the page asks for no passkey: %s", p.text())
	return passkeyForm{}
}

// withoutChallenge returns the page without what is another one each time.
func (p *page) withoutChallenge() string {
	p.t.Helper()
	f := p.passkey()
	return strings.NewReplacer(html.EscapeString(f.options), "the options", f.ticket, "the ticket").Replace(p.body)
}

// show answers that form of a page.
func (b *browser) show(path string, a *authtest.Authenticator) *page {
	b.t.Helper()
	f := b.get(path).wants(http.StatusOK, "").passkey()
	return b.post(f.action, url.Values{"page": {f.ticket}, "answer": {a.Get(b.t, f.options)}})
}

// somebody adds a person who has nothing but a password, and returns the login form.
func (h *house) somebody(name string) url.Values {
	const password = "a chameleon in a forest"
	h.Directory.Put(authserver.Owner{Name: name, DisplayName: name}, password)
	return url.Values{"username": {name}, "password": {password}}
}

func TestAPasskeyIsAddedAndThenSignsIn(t *testing.T) {
	h := newHouse(t)
	b, a := h.bob(t), authtest.NewAuthenticator(t)
	before := b.cookies()[sessionCookie]
	b.get("/account").says("Add a passkey")
	f := b.get(pathPasskey).wants(http.StatusOK, "").says("Add a passkey", "Passkeys work in a browser that knows them").passkey()
	if f.kind != "create" || f.action != pathPasskey {
		t.Errorf("the form is %+v", f)
	}
	codes := b.post(pathPasskey, url.Values{"page": {f.ticket}, "answer": {a.Create(t, f.options)}, "name": {"My <laptop>"}}).
		wants(http.StatusOK, "").says("Your recovery codes").elements("code")
	if len(codes) != 10 || b.cookies()[sessionCookie] == before {
		t.Errorf("%d recovery codes; the session changed: %t", len(codes), b.cookies()[sessionCookie] != before)
	}
	b.get("/account").says("Added.", "Passkey · My <laptop>", "never", "10 codes are left.")

	other := h.browser(t)
	other.show("/login", a).wants(http.StatusSeeOther, "/account")
	other.get("/account").says("Signed in as Bob", "Last used 1 June 2026, 12:00 UTC")
	onward := h.browser(t)
	path := onward.begin(nil)
	onward.show(path, a).wants(http.StatusSeeOther, path)
	onward.consentTo(path, "allow").back(authtest.PhotoPrintCallback)
	second := h.browser(t)
	second.post("/login", bobsPassword).wants(http.StatusSeeOther, "/login")
	p := second.get("/login").says("Second step", "Use a recovery code")
	if p.hasElement("svg") || len(p.elements("label")) != 1 { // of the recovery code: there is no app
		t.Error("the page asks for a code of an app")
	}
	second.show("/login", a).wants(http.StatusSeeOther, "/account")
	third := h.browser(t)
	path = third.begin(nil)
	third.post(path+"/login", bobsPassword).wants(http.StatusSeeOther, path)
	third.show(path, a).wants(http.StatusSeeOther, path)
	third.get(path).says("asks for access")
	again := h.browser(t)
	again.show("/login", a).wants(http.StatusSeeOther, "/account")
	h.Clock.Advance(authserver.RecentLogin)
	factor := again.get("/account").field("factor")
	again.post("/account/factors/remove", url.Values{"factor": {factor}}).wants(http.StatusSeeOther, "/login/again")
	again.show("/login/again", a).wants(http.StatusSeeOther, "/account")
	again.post("/account/factors/remove", url.Values{"factor": {factor}}).wants(http.StatusSeeOther, "/account")
	again.get("/account").says("Removed.", "Your password alone signs you in")
	p = again.show("/login/again", a).wants(http.StatusForbidden, "").says("This passkey does not sign you in.")
	if attribute(p.elements("input")[0], "aria-invalid") != "" {
		t.Error("the page says that the user name is wrong")
	}
	if got := p.passkey().kind; got != "get" {
		t.Errorf("the browser offers by itself what was refused: %s", got)
	}
}

func TestAnIDTokenTellsThePasskey(t *testing.T) {
	h := newHouse(t)
	p := h.openID(t, authserver.OpenIDSettings{SigningAlgorithm: "ES256"})
	a := authtest.NewAuthenticator(t)
	h.AddPasskey(t, authtest.Bob, authtest.BobPassword, a)
	for name, row := range map[string]struct {
		logIn func(*browser, string)
		amr   []any
	}{
		"alone": {func(b *browser, path string) { b.show(path, a).wants(http.StatusSeeOther, path) }, []any{"pop", "user", "mfa"}},
		"as the second step": {func(b *browser, path string) {
			b.post(path+"/login", bobsPassword).wants(http.StatusSeeOther, path)
			b.show(path, a).wants(http.StatusSeeOther, path)
		}, []any{"pwd", "pop", "user", "mfa"}},
	} {
		b := h.browser(t)
		path := b.begin(url.Values{"scope": {"openid"}, "acr_values": {level2}})
		row.logIn(b, path)
		code := b.consentTo(path, "allow").back(authtest.PhotoPrintCallback).Get("code")
		got := p.client(t, authtest.PhotoPrint).redeem(code, authtest.PhotoPrintCallback).wants(http.StatusOK)
		_, claims := p.verified(got.text("id_token"), "ES256")
		if claims["acr"] != level2 || !cmp.Equal(claims["amr"], row.amr) {
			t.Errorf("%s: acr and amr are %v and %v", name, claims["acr"], claims["amr"])
		}
	}
}

func TestAPasskeyIsWhatAClientDemands(t *testing.T) {
	h := newHouse(t)
	h.demandFactor()
	a := authtest.NewAuthenticator(t)
	b := h.browser(t)
	path := b.begin(nil)
	b.post(path+"/login", bobsPassword).wants(http.StatusSeeOther, path)
	f := b.get(path).wants(http.StatusOK, "").says("Or add a passkey").passkey()
	wrong := authtest.NewAuthenticator(t)
	wrong.Unverified = true
	f = b.post(f.action, url.Values{"page": {f.ticket}, "answer": {wrong.Create(t, f.options)}}).
		wants(http.StatusForbidden, "").says("The passkey was not added").passkey()
	f = b.post(f.action, url.Values{"ticket": {b.get(path).field("ticket")}, "code": {"000000"}}).
		wants(http.StatusForbidden, "").says("The code is wrong", "Or add a passkey").passkey()
	codes := b.post(f.action, url.Values{"page": {f.ticket}, "answer": {a.Create(t, f.options)}}).wants(http.StatusOK, "").says("Your recovery codes")
	if got := codes.link(t, "I have kept them"); got != path {
		t.Errorf("the page leads to %s", got)
	}
	b.get(path).says("asks for access")

	low := h.browser(t) // the session is of before
	low.post("/login", url.Values{"username": {authtest.Alice}, "password": {authtest.AlicePassword}}).wants(http.StatusSeeOther, "/account")
	v, err := h.Auth.Visitor(t.Context(), low.cookies()[sessionCookie])
	if err != nil {
		t.Fatal(err)
	}
	alices := authtest.NewAuthenticator(t)
	h.AddPasskey(t, authtest.Alice, authtest.AlicePassword, alices)
	if err := h.Store.CreateSession(t.Context(), v.Session, authserver.Confirmation{}); err != nil {
		t.Fatal(err)
	}
	path = low.begin(nil)
	low.show(path, alices).wants(http.StatusSeeOther, path)
	low.get(path).wants(http.StatusForbidden, "").says("Ask the administrator") // she is not entitled
}

func TestN277APageOfAnotherBrowserLogsNobodyIn(t *testing.T) {
	h := newHouse(t)
	a := authtest.NewAuthenticator(t)
	h.AddPasskey(t, authtest.Bob, authtest.BobPassword, a)
	attacker, victim := h.browser(t), h.browser(t)
	f := attacker.get("/login").passkey()
	answer := url.Values{"page": {f.ticket}, "answer": {a.Get(t, f.options)}}
	victim.post("/login/passkey", answer).wants(http.StatusForbidden, "").says("The page was open for too long")
	victim.get("/login")
	victim.post("/login/passkey", answer).wants(http.StatusForbidden, "").says("The page was open for too long")
	path := victim.begin(nil)
	victim.post(path+"/passkey", answer).wants(http.StatusForbidden, "").says("The page was open for too long")
	victim.get("/account").wants(http.StatusSeeOther, "/login")
	attacker.post("/login/passkey", answer).wants(http.StatusSeeOther, "/account")
	attacker.post("/login/passkey", answer).wants(http.StatusForbidden, "").says("or its passkey was used before") // N278
}

func TestN282AnotherSiteAddsNoPasskey(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	f := b.get(pathPasskey).passkey()
	form := url.Values{"page": {f.ticket}, "answer": {authtest.NewAuthenticator(t).Create(t, f.options)}}
	for _, header := range []http.Header{
		{"Origin": {"https://evil.example"}}, {"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"null"}},
	} {
		b.header = header
		for _, path := range []string{pathPasskey, "/login/passkey"} {
			b.post(path, form).wants(http.StatusForbidden, "")
		}
	}
	b.header = http.Header{}
	b.get("/account").says("Your password alone signs you in")
	old := h.bob(t)
	f = old.get(pathPasskey).passkey()
	h.Clock.Advance(authserver.RecentLogin)
	old.get(pathPasskey).wants(http.StatusSeeOther, "/login/again")
	old.post(pathPasskey, url.Values{"page": {f.ticket}, "answer": {authtest.NewAuthenticator(t).Create(t, f.options)}}).wants(http.StatusSeeOther, "/login/again")
	h.browser(t).get(pathPasskey).wants(http.StatusSeeOther, "/login")
	if got := len(h.Audit.Events(authserver.EventFactorAdded)); got != 0 {
		t.Errorf("%d factors were added", got)
	}
}

func TestN284AnAnswerThatIsTooLongIsRefusedByThePage(t *testing.T) {
	h := newHouse(t)
	b := h.browser(t)
	ticket := b.get("/login").passkey().ticket
	for name, answer := range map[string]string{"long": strings.Repeat("A", authserver.MaxPasskeyAnswer+1), "no JSON": "{", "empty": ""} {
		t.Run(name, func(t *testing.T) {
			b.post("/login/passkey", url.Values{"page": {ticket}, "answer": {answer}}).wants(http.StatusForbidden, "").says("This passkey does not sign you in.")
		})
	}
	bob := h.bob(t)
	f := bob.get(pathPasskey).passkey()
	bob.post(pathPasskey, url.Values{"page": {f.ticket}, "answer": {strings.Repeat("A", authserver.MaxPasskeyAnswer+1)}}).
		wants(http.StatusForbidden, "").says("The passkey was not added")
}

// A script runs on the pages that ask for a passkey alone, and it is the one file of ours.
func TestAScriptRunsWhereAPasskeyIsAskedForAlone(t *testing.T) {
	asking := map[string]bool{}
	for name, p := range everyPage(t, newHouse(t)) {
		asks, scripts := false, p.elements("script")
		for _, n := range p.elements("form") {
			asks = asks || attribute(n, "data-passkey") != ""
		}
		policy := p.Header.Get("Content-Security-Policy")
		if allowed := strings.Contains(policy, "script-src"); allowed != asks || len(scripts) > 1 || (len(scripts) == 1) != asks {
			t.Errorf("%s asks for a passkey: %t, has %d scripts and the policy %s", name, asks, len(scripts), policy)
		}
		if asks && !strings.HasSuffix(policy, "; script-src 'self'") {
			t.Errorf("%s has the policy %s", name, policy)
		}
		if asks {
			asking[name] = true
			hidden(t, name, p)
		}
	}
	if len(asking) < 8 {
		t.Errorf("only %v ask for a passkey: this test sees too little", asking)
	}
}

// hidden reports what does not work without a script although somebody sees it, or that nobody says so.
func hidden(t *testing.T, name string, p *page) {
	t.Helper()
	has := func(n *html.Node, key string) bool {
		for _, a := range n.Attr {
			if a.Key == key {
				return true
			}
		}
		return false
	}
	for _, n := range p.elements("form") {
		if has(n, "data-passkey") && !has(n, "hidden") {
			t.Errorf("%s shows a form that does nothing without a script", name)
		}
	}
	said := false
	for _, n := range p.elements("p") {
		said = said || has(n, "data-without-passkey") && !has(n, "hidden")
	}
	if !said {
		t.Errorf("%s does not say what is missing without a script", name)
	}
}

func TestTheScriptMayBeKeptForEver(t *testing.T) {
	b := newHouse(t).browser(t)
	src := attribute(b.get("/login").elements("script")[0], "src")
	if !scriptFile.MatchString(src) {
		t.Fatalf("the script is at %s", src)
	}
	script := b.get(src).wants(http.StatusOK, "")
	for header, want := range map[string]string{
		"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff",
	} {
		if got := script.Header.Get(header); got != want {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
	b.get("/assets/passkey.js").wants(http.StatusNotFound, "")
}

func TestWhileTheStoreIsAwayThePasskeyPageSaysSo(t *testing.T) {
	h := newHouse(t)
	b, a := h.browser(t), authtest.NewAuthenticator(t)
	h.AddPasskey(t, authtest.Bob, authtest.BobPassword, a)
	f := b.get("/login").passkey()
	answer := url.Values{"page": {f.ticket}, "answer": {a.Get(t, f.options)}}
	h.Store.Fail(authserver.ErrUnavailable)
	p := b.post("/login/passkey", answer).wants(http.StatusServiceUnavailable, "").says("not possible right now")
	if p.Header.Get("Retry-After") == "" {
		t.Error("nothing says how long to wait")
	}
	h.Store.Fail(nil)
	b.post("/login/passkey", answer).wants(http.StatusSeeOther, "/account")
}
