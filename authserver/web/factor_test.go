// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

const (
	halfCookie    = "__Host-gatehouse-half"
	sessionCookie = "__Host-gatehouse-session"
	pathTOTP      = "/account/factors/totp"
)

var bobsPassword = url.Values{"username": {authtest.Bob}, "password": {authtest.BobPassword}}

// appShows returns what Bob's app shows now.
func (h *house) appShows(t *testing.T, app authtest.App) url.Values {
	t.Helper()
	return url.Values{"code": {authtest.TOTP(t, app.Secret, h.Clock.Now())}}
}

// secret returns the key that the page shows.
func (p *page) secret() string {
	p.t.Helper()
	outputs := p.elements("output")
	if len(outputs) != 1 {
		p.t.Fatalf("the page shows no key: %s", p.text())
	}
	return strings.Join(strings.Fields(textOf(outputs[0])), "")
}

func TestAnAppIsAddedAndThenAskedFor(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	b.get("/account").says("Your password alone signs you in")
	p := b.get(pathTOTP).wants(http.StatusOK, "")
	if len(p.elements("svg")) != 1 || len(p.elements("img")) != 1 { // the only picture is the sign of the house
		t.Error("there is no QR code in the page itself")
	}
	form := url.Values{"ticket": {p.field("ticket")}, "name": {"My phone"}, "code": {"000000"}}
	wrong := b.post(pathTOTP, form).wants(http.StatusForbidden, "").says("The code is wrong.")
	if wrong.secret() != p.secret() || wrong.field("name") != "My phone" {
		t.Error("the page comes back with another key, or without the name")
	}
	form.Set("code", authtest.TOTP(t, p.secret(), h.Clock.Now()))
	form.Set("ticket", wrong.field("ticket"))
	before := b.cookies()[sessionCookie]
	codes := b.post(pathTOTP, form).wants(http.StatusOK, "").says("Your recovery codes").elements("code")
	if len(codes) != 10 || b.cookies()[sessionCookie] == before {
		t.Errorf("%d recovery codes; the session changed: %t", len(codes), b.cookies()[sessionCookie] != before)
	}
	b.get("/account").wants(http.StatusOK, "").says("Added.", "Authenticator app · My phone", "10 codes are left.", "This browser")
	h.Clock.Advance(time.Minute)

	app := authtest.App{Secret: p.secret(), RecoveryCodes: []string{textOf(codes[0])}}
	for name, answer := range map[string]url.Values{"app": h.appShows(t, app), "recovery code": {"code": {app.RecoveryCodes[0]}}} {
		for _, onward := range []bool{false, true} {
			if name == "recovery code" && onward {
				continue
			}
			other := h.browser(t)
			start, end := "/login", "/account"
			if onward {
				start = other.begin(nil)
				end = start
				h.Clock.Advance(time.Minute)
				answer = h.appShows(t, app)
			}
			other.post(strings.TrimSuffix(start, "/login")+"/login", bobsPassword).wants(http.StatusSeeOther, start)
			other.get(start).wants(http.StatusOK, "").says("Second step", "Signing in as Bob")
			other.post(strings.TrimSuffix(start, "/login")+map[bool]string{true: "/factor", false: "/login/factor"}[onward], answer).wants(http.StatusSeeOther, end)
			if _, left := other.cookies()[halfCookie]; left {
				t.Errorf("%s: half a login is left in the browser", name)
			}
			other.get(end).wants(http.StatusOK, "").says("Signed in as Bob")
		}
	}
}

func TestAnIDTokenTellsTheFactors(t *testing.T) {
	h := newHouse(t)
	p := h.openID(t, authserver.OpenIDSettings{SigningAlgorithm: "ES256"})
	_, claims := p.verified(p.login("openid", nil).text("id_token"), "ES256")
	if claims["acr"] != "urn:gatehouse:acr:1fa" || !cmp.Equal(claims["amr"], []any{"pwd"}) {
		t.Errorf("with a password, acr and amr are %v and %v", claims["acr"], claims["amr"])
	}
	app := h.Enrol(t, authtest.Bob, authtest.BobPassword)
	b := h.withApp(t, app)
	code := b.consentTo(b.begin(url.Values{"scope": {"openid offline_access"}}), "allow").back(authtest.PhotoPrintCallback).Get("code")
	got := p.client(t, authtest.PhotoPrint).redeem(code, authtest.PhotoPrintCallback).wants(http.StatusOK)
	for range 2 { // the second comes of a refresh
		_, claims = p.verified(got.text("id_token"), "ES256")
		if claims["acr"] != "urn:gatehouse:acr:2fa" || !cmp.Equal(claims["amr"], []any{"pwd", "otp", "mfa"}) {
			t.Errorf("with an app, acr and amr are %v and %v", claims["acr"], claims["amr"])
		}
		got = p.client(t, authtest.PhotoPrint).refresh(got.text("refresh_token")).wants(http.StatusOK)
	}
}

// withApp returns a browser in which Bob has logged in with his app.
func (h *house) withApp(t *testing.T, app authtest.App) *browser {
	t.Helper()
	b := h.browser(t)
	b.post("/login", bobsPassword).wants(http.StatusSeeOther, "/login")
	b.post("/login/factor", h.appShows(t, app)).wants(http.StatusSeeOther, "/account")
	h.Clock.Advance(time.Minute)
	return b
}

func TestN266AGuesserOfCodesHasToWait(t *testing.T) {
	h := newHouse(t)
	app := h.Enrol(t, authtest.Bob, authtest.BobPassword)
	for n := range 7 {
		b := h.browser(t)
		b.header.Set(headerPeer, "192.0.2."+string(rune('1'+n))+":1234") // each from another address
		b.post("/login", bobsPassword).wants(http.StatusSeeOther, "/login")
		if n < 5 {
			b.post("/login/factor", url.Values{"code": {"aaaaa-bbbbb"}}).wants(http.StatusForbidden, "").says("The code is wrong")
			continue
		}
		p := b.post("/login/factor", h.appShows(t, app)).wants(http.StatusTooManyRequests, "").says("There were too many attempts.")
		if p.Header.Get("Retry-After") == "" {
			t.Error("nothing says how long to wait")
		}
	}
}

func TestN268WhoseLoginIsOldLogsInAgainBeforeFactorsChange(t *testing.T) {
	h := newHouse(t)
	app := h.Enrol(t, authtest.Bob, authtest.BobPassword)
	b := h.withApp(t, app)
	factor := b.get("/account").field("factor")
	h.Clock.Advance(authserver.RecentLogin)
	for path, form := range map[string]url.Values{
		"/account/factors/remove": {"factor": {factor}}, "/account/factors/codes": nil, pathTOTP: {"code": {"000000"}, "ticket": {"x"}},
	} {
		b.post(path, form).wants(http.StatusSeeOther, "/login/again")
	}
	b.get(pathTOTP).wants(http.StatusSeeOther, "/login/again")
	p := b.get("/login/again").wants(http.StatusOK, "").says("once more")
	if p.field("username") != authtest.Bob {
		t.Error("the page does not know who is logged in")
	}
	b.get("/account").says("Authenticator app", "10 codes are left.")
	b.post("/login", bobsPassword).wants(http.StatusSeeOther, "/login")
	b.get("/login").wants(http.StatusOK, "").says("Second step")
	b.post("/account/factors/remove", url.Values{"factor": {factor}}).wants(http.StatusSeeOther, "/login/again") // the password alone is not enough
	b.post("/login/factor", h.appShows(t, app)).wants(http.StatusSeeOther, "/account")
	b.post("/account/factors/codes", url.Values{"ticket": {b.get("/account").field("ticket")}}).wants(http.StatusOK, "").says("Your recovery codes")
	b.post("/account/factors/remove", url.Values{"factor": {factor}}).wants(http.StatusSeeOther, "/account")
	b.get("/account").says("Removed.", "Your password alone signs you in")
	h.bob(t)
	h.browser(t).get("/login/again").wants(http.StatusSeeOther, "/login")
}

func TestN269TheSecondStepCannotBeLeftOut(t *testing.T) {
	h := newHouse(t)
	app := h.Enrol(t, authtest.Bob, authtest.BobPassword)
	b := h.browser(t)
	path := b.begin(nil)
	b.post(path+"/login", bobsPassword).wants(http.StatusSeeOther, path)
	if _, there := b.cookies()[sessionCookie]; there {
		t.Fatal("the password alone opened a session")
	}
	b.post(path+"/consent", url.Values{"decision": {"allow"}, "ticket": {"x"}}).wants(http.StatusSeeOther, path)
	b.get(path).wants(http.StatusOK, "").says("Second step")
	b.get("/account").wants(http.StatusSeeOther, "/login")
	b.get(pathTOTP).wants(http.StatusSeeOther, "/login")

	// What the browser keeps is for this interaction alone, and is no session.
	b.keep(sessionCookie, b.cookies()[halfCookie])
	b.get("/account").wants(http.StatusSeeOther, "/login")
	b.get("/login").wants(http.StatusOK, "").says("Sign in")
	second := b.begin(nil)
	b.get(second).wants(http.StatusOK, "").says("Sign in")
	b.post(second+"/factor", h.appShows(t, app)).wants(http.StatusSeeOther, second)
	b.post("/login/factor", h.appShows(t, app)).wants(http.StatusSeeOther, "/login")
	if len(h.Audit.Events(authserver.EventGrantApproved)) != 0 {
		t.Error("there is a grant")
	}
}

func TestTheSecondStepCanBeginAnew(t *testing.T) {
	h := newHouse(t)
	h.Enrol(t, authtest.Bob, authtest.BobPassword)
	b := h.browser(t)
	path := b.begin(nil)
	b.post(path+"/login", bobsPassword)
	b.post(path+"/factor", url.Values{"again": {"on"}}).wants(http.StatusSeeOther, path)
	b.get(path).wants(http.StatusOK, "").says("Sign in")
	b.post("/login", bobsPassword)
	b.post("/login/factor", url.Values{"again": {"on"}}).wants(http.StatusSeeOther, "/login")
	b.get("/login").wants(http.StatusOK, "").says("Sign in")
}

// Whoever put a session of their own into the browser does not find somebody else's login in it.
func TestN270TheSessionBeginsAfterTheSecondStep(t *testing.T) {
	h := newHouse(t)
	app := h.Enrol(t, authtest.Bob, authtest.BobPassword)
	b := h.signedIn(t, authtest.Alice, authtest.AlicePassword)
	planted := b.cookies()[sessionCookie]
	b.post("/login", bobsPassword).wants(http.StatusSeeOther, "/login")
	if b.cookies()[sessionCookie] != planted {
		t.Error("the password alone changed the session")
	}
	half := b.cookies()[halfCookie]
	b.post("/login/factor", h.appShows(t, app)).wants(http.StatusSeeOther, "/account")
	if got := b.cookies()[sessionCookie]; got == planted || got == half {
		t.Error("the session is one that was known before")
	}
	other := h.browser(t)
	other.keep(sessionCookie, planted)
	other.get("/account").wants(http.StatusSeeOther, "/login")
}

func TestN271AFormOfAnAppOfAnotherLoginIsRefused(t *testing.T) {
	h := newHouse(t)
	p := h.bob(t).get(pathTOTP)
	form := url.Values{"ticket": {p.field("ticket")}, "code": {authtest.TOTP(t, p.secret(), h.Clock.Now())}}
	h.signedIn(t, authtest.Alice, authtest.AlicePassword).post(pathTOTP, form).wants(http.StatusForbidden, "").says("This was not added")
	h.bob(t).post(pathTOTP, form).wants(http.StatusForbidden, "").says("This was not added")
	if len(h.Audit.Events(authserver.EventFactorAdded)) != 0 {
		t.Error("a factor was added")
	}
}

func TestTheHalfLoginIsForThisHostOnlyAndShort(t *testing.T) {
	h := newHouse(t)
	h.Enrol(t, authtest.Bob, authtest.BobPassword)
	cookies := h.browser(t).post("/login", bobsPassword).Cookies()
	if len(cookies) != 1 {
		t.Fatalf("the password gave %d cookies", len(cookies))
	}
	c := cookies[0]
	if c.Name != halfCookie || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.MaxAge != 300 || len(c.Value) > 400 {
		t.Errorf("the cookie is %s (%d bytes)", c.Raw, len(c.Value))
	}
}

func TestThePagesOfFactorsHoldNoSecretOfOthers(t *testing.T) {
	h := newHouse(t)
	app := h.Enrol(t, authtest.Bob, authtest.BobPassword)
	p := h.withApp(t, app).get("/account")
	for _, secret := range append(slices.Clone(app.RecoveryCodes), app.Secret) {
		if strings.Contains(p.body, secret) {
			t.Error("the account page shows a secret again")
		}
	}
}
