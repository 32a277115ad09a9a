// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"fmt"
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

func TestBobWalksThroughLoginAndConsent(t *testing.T) {
	h := newHouse(t)
	b := h.browser(t)
	path := b.begin(nil)
	b.get(path).wants(http.StatusOK, "").says("Sign in", "to go on to PhotoPrint")

	b.post(path+"/login", url.Values{"username": {"bob"}, "password": {authtest.BobPassword}}).wants(http.StatusSeeOther, path)
	b.get(path).wants(http.StatusOK, "").says("PhotoPrint asks for access", "See your photos", "30 August 2026")

	got := b.consentTo(path, "allow").back(authtest.PhotoPrintCallback)
	code := got.Get("code")
	got.Del("code")
	if want := (url.Values{"state": {"af0ifjsldkj"}, "iss": {h.issuer}}); !cmp.Equal(want, got) {
		t.Errorf("the callback gets other parameters (-want +got):\n%s", cmp.Diff(want, got))
	}
	if _, err := h.redeem(t, code); err != nil {
		t.Errorf("the code is not redeemable: %v", err)
	}
	b.get(path).wants(http.StatusGone, "").says("You answered this request before")
}

// redeem exchanges a code of PhotoPrint's as its back end does.
func (h *house) redeem(t *testing.T, code string) (*authserver.Tokens, error) {
	t.Helper()
	caller, err := h.Auth.AuthenticateClient(t.Context(), authserver.ProfileOAuth2,
		authserver.ClientSecret{ID: authtest.PhotoPrint, Secret: h.Secret(authtest.PhotoPrint)})
	if err != nil {
		t.Fatal(err)
	}
	return h.Auth.Token(t.Context(), caller, authserver.TokenRequest{
		GrantType: authserver.GrantAuthorizationCode, Proof: code,
		Callback: authtest.PhotoPrintCallback, CodeVerifier: codeVerifier,
	})
}

// issued is how many grants there ever were.
func (h *house) issued() int { return len(h.Audit.Events(authserver.EventGrantApproved)) }

func TestTwoRequestsOfOneBrowserDoNotMeet(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	first, second := b.begin(url.Values{"state": {"one"}}), b.begin(url.Values{"state": {"two"}})
	if got := b.consentTo(second, "allow").back(authtest.PhotoPrintCallback); got.Get("state") != "two" || !got.Has("code") {
		t.Errorf("the second request ends with %v", got)
	}
	if got := b.consentTo(first, "deny").back(authtest.PhotoPrintCallback); got.Get("state") != "one" || got.Get("error") != "access_denied" {
		t.Errorf("the first request ends with %v", got)
	}
}

func TestPromptLoginAsksForThePasswordAgain(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	h.Clock.Advance(time.Minute)
	path := b.begin(url.Values{"prompt": {"login"}})
	before := b.cookies()["__Host-gatehouse-session"]
	b.get(path).wants(http.StatusOK, "").says("Sign in")
	b.post(path+"/login", url.Values{"username": {"bob"}, "password": {authtest.BobPassword}}).wants(http.StatusSeeOther, path)
	b.get(path).wants(http.StatusOK, "").says("PhotoPrint asks for access")

	if b.cookies()["__Host-gatehouse-session"] == before {
		t.Error("the session is the one from before the login")
	}
	if v, err := h.Auth.Visitor(t.Context(), before); v != nil || err != nil {
		t.Errorf("the session from before the login is still good: %v, %v", v, err)
	}
}

func TestPromptNoneShowsNothing(t *testing.T) {
	h := newHouse(t)
	for name, tc := range map[string]struct {
		browser *browser
		want    string
	}{
		"nobody is logged in":       {h.browser(t), "login_required"},
		"Bob has not consented yet": {h.bob(t), "consent_required"},
		"Alice may not":             {h.signedIn(t, authtest.Alice, authtest.AlicePassword), "access_denied"},
	} {
		t.Run(name, func(t *testing.T) {
			path := tc.browser.begin(url.Values{"prompt": {"none"}})
			got := tc.browser.get(path).back(authtest.PhotoPrintCallback)
			if got.Get("error") != tc.want || got.Get("state") != "af0ifjsldkj" || got.Get("iss") != h.issuer {
				t.Errorf("the callback gets %v, want error=%s", got, tc.want)
			}
			if again := tc.browser.get(path).back(authtest.PhotoPrintCallback); again.Get("error") != tc.want {
				t.Errorf("opened again, it leads to %v", again)
			}
		})
	}
}

func TestTheLoginPageLeadsBackToTheClient(t *testing.T) {
	h := newHouse(t)
	b := h.browser(t)
	got := b.get(b.begin(nil)).link(t, "Cancel and go back to PhotoPrint")
	u, err := url.Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	if u.Host != "photoprint.example" || u.Query().Get("error") != "access_denied" || u.Query().Get("state") != "af0ifjsldkj" {
		t.Errorf("the link is %s", got)
	}
}

// link returns where the link with this text leads.
func (p *page) link(t *testing.T, text string) string {
	t.Helper()
	for _, n := range p.elements("a") {
		if textOf(n) == text {
			return attribute(n, "href")
		}
	}
	t.Fatalf("there is no link %q:\n%s", text, p.body)
	return ""
}

func TestRequestsThatAnotherSiteBeganAreForgottenToo(t *testing.T) {
	h := newHouse(t)
	b := h.browser(t)
	var last string
	for range 24 { // the cookies of the browser are not sent with another site's form
		other := h.browser(t)
		last = other.begin(nil)
		for name, value := range other.cookies() {
			b.keep(name, value)
		}
		h.Clock.Advance(time.Second)
	}
	b.get(last).wants(http.StatusOK, "")
	if n := len(b.cookies()); n < 10 || n > 20 {
		t.Errorf("%d requests are kept, want 10 to 20", n)
	}
	b.get(last).wants(http.StatusOK, "")
}

// cookieBytes is how many bytes the header Cookie of this browser has.
func (b *browser) cookieBytes() int {
	n := 0
	for name, value := range b.cookies() {
		n += len(name) + len(value) + len("=; ")
	}
	return n
}

func TestN137ABrowserKeepsAsManyRequestsAsAHeaderLineHolds(t *testing.T) {
	h := newHouse(t)
	for name, state := range map[string]int{"usual": 40, "large": 1000} {
		t.Run(name, func(t *testing.T) {
			b := h.bob(t)
			var paths []string
			for range 25 {
				paths = append(paths, b.begin(url.Values{"state": {strings.Repeat("s", state)}}))
				if n := b.cookieBytes(); n > 8100 { // "Cookie: " and the line's end come to it
					t.Fatalf("the cookies have %d bytes", n)
				}
				h.Clock.Advance(time.Second)
			}
			var open []string
			for _, path := range paths {
				if b.get(path).StatusCode == http.StatusOK {
					open = append(open, path)
				}
			}
			if !slices.Equal(open, paths[len(paths)-len(open):]) || len(open) < map[string]int{"usual": 10, "large": 3}[name] {
				t.Errorf("open are %d, not the last ones: %v of %v", len(open), open, paths)
			}
		})
	}
}

func TestN137TheRequestThatSomebodyLooksAtStays(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	first := b.begin(nil)
	cookie := "__Host-gatehouse-i-" + strings.TrimPrefix(first, "/interaction/")
	sealed := b.cookies()[cookie]
	for range 25 {
		h.Clock.Advance(time.Second)
		b.begin(nil)
	}
	b.keep(cookie, sealed) // as where all of them were begun at the same time, by a browser that restores its tabs
	b.get(first).wants(http.StatusOK, "")
	if b.cookies()[cookie] != sealed {
		t.Error("the request went while its page was opened")
	}
	b.consentTo(first, "allow").back(authtest.PhotoPrintCallback)
}

func TestCookiesThatAreNoRequestsMakeRoom(t *testing.T) {
	h := newHouse(t)
	b := h.browser(t)
	for _, letter := range "ABCDEFGHIJKLMNOPQRSTUVWXYZ" {
		b.keep("__Host-gatehouse-i-"+strings.Repeat(string(letter), 26), "bm8gcmVxdWVzdA")
	}
	path := b.begin(nil)
	b.get(path).wants(http.StatusOK, "")
	if got := len(b.cookies()); got != 1 {
		t.Errorf("the browser keeps %d cookies, want the one of its request: %v", got, b.cookies())
	}
}

func TestARequestEndsAfterItsTime(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	path := b.begin(nil)
	ticket := b.get(path).field("ticket")
	h.Clock.Advance(authserver.InteractionLifetime)
	b.get(path).wants(http.StatusGone, "").says("start again")
	b.post(path+"/consent", url.Values{"decision": {"allow"}, "ticket": {ticket}}).wants(http.StatusForbidden, "")
	if h.issued() != 0 {
		t.Error("something was issued")
	}
}

func TestN08AnInteractionThatWasChangedIsRefused(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	path := b.begin(nil)
	cookie := "__Host-gatehouse-i-" + strings.TrimPrefix(path, "/interaction/")
	sealed := b.cookies()[cookie]
	ticket := b.get(path).field("ticket")
	other := b.begin(url.Values{"state": {"of-another-request"}})
	otherSealed := b.cookies()["__Host-gatehouse-i-"+strings.TrimPrefix(other, "/interaction/")]
	device := b.cookies()["__Host-gatehouse-device"]

	changed := map[string]string{
		"another request of the same browser": otherSealed,
		"another sealed value":                device,
		"a shorter value":                     sealed[:len(sealed)-2],
		"a longer value":                      sealed + "AA",
		"no base64":                           "%%%",
		"nothing":                             "",
		"too much":                            strings.Repeat("A", 4000),
	}
	for n := 0; n < len(sealed); n += len(sealed)/40 + 1 {
		changed["character "+string(rune('0'+n%10))+" of "+sealed[n:n+1]] = sealed[:n] + flip(sealed[n]) + sealed[n+1:]
	}
	for name, value := range changed {
		t.Run(name, func(t *testing.T) {
			b.keep(cookie, value)
			b.get(path).wants(http.StatusGone, "")
			b.post(path+"/login", url.Values{"username": {"bob"}, "password": {authtest.BobPassword}}).wants(http.StatusForbidden, "")
			b.post(path+"/consent", url.Values{"decision": {"allow"}, "ticket": {ticket}}).wants(http.StatusForbidden, "")
			if h.issued() != 0 {
				t.Error("something was issued")
			}
		})
	}
}

// flip returns another character of the alphabet.
func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

func TestN08WhatTheClientLostMeanwhileIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*authserver.Client)
		status int
		says   string
	}{
		"the callback": {func(c *authserver.Client) { c.CallbackURLs = []string{"https://photoprint.example/new"} }, http.StatusBadRequest, "The way back is not known"},
		"suspended":    {func(c *authserver.Client) { c.Suspended = true }, http.StatusBadRequest, "This application cannot be used"},
		"N342 expired": {func(c *authserver.Client) { c.ExpiresAt = authtest.Start }, http.StatusBadRequest, "This application cannot be used"},
		"not ready":    {func(c *authserver.Client) { c.Accepted = false }, http.StatusBadRequest, "This application cannot be used"},
		"re-created":   {func(c *authserver.Client) { c.UID = "another" }, http.StatusBadRequest, "This application cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			b := h.bob(t)
			path := b.begin(nil)
			ticket := b.get(path).field("ticket")
			h.Clients.Change(authtest.PhotoPrint, tc.change)
			b.get(path).wants(tc.status, "").says(tc.says)
			b.post(path+"/consent", url.Values{"decision": {"allow"}, "ticket": {ticket}}).wants(tc.status, "").says(tc.says)
			if h.issued() != 0 {
				t.Error("something was issued")
			}
		})
	}
}

func TestN08AScopeThatTheClientLostMeanwhileIsSentBack(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	path := b.begin(nil)
	ticket := b.get(path).field("ticket")
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Scopes = []string{"photos.write"} })
	got := b.post(path+"/consent", url.Values{"decision": {"allow"}, "ticket": {ticket}}).back(authtest.PhotoPrintCallback)
	if got.Get("error") != "invalid_scope" || got.Has("code") || h.issued() != 0 {
		t.Errorf("the callback gets %v; %d grants", got, h.issued())
	}
}

func TestNoAnonymousRequestMakesTheServerWrite(t *testing.T) {
	h := newHouse(t)
	b := h.browser(t)
	path := b.begin(nil)
	b.get(path)
	b.post(path+"/login", url.Values{"username": {"bob"}, "password": {"wrong"}})
	b.post(path+"/consent", url.Values{"decision": {"allow"}})
	b.post("/login", url.Values{"username": {"bob"}, "password": {"wrong"}})
	b.post("/account/revoke", url.Values{"clientID": {authtest.PhotoPrint}})
	b.post("/signout", nil)
	b.keep("__Host-gatehouse-session", "AAAAAAAAAAAAAAAAAAAAAAAAAA")
	b.get("/account")
	b.post("/signout", nil)
	if n := h.Store.Writes(); n != 0 {
		t.Errorf("the store was asked to write %d times", n)
	}
}

func TestN16AlicePageSaysWhatToDo(t *testing.T) {
	h := newHouse(t)
	b := h.signedIn(t, authtest.Alice, authtest.AlicePassword)
	p := b.get(b.begin(nil)).wants(http.StatusForbidden, "")
	p.says("You cannot use PhotoPrint yet", "Ask the administrator of PhotoPrint to let you use it.", "Signed in as Alice")
	for _, other := range []string{"BookShelf", "PhotoStorage", authtest.Desktop} {
		if strings.Contains(p.body, other) {
			t.Errorf("the page tells about %s", other)
		}
	}
	back, err := url.Parse(p.link(t, "Go back to PhotoPrint"))
	if err != nil {
		t.Fatal(err)
	}
	got := back.Query()
	got.Del("error_description")
	want := url.Values{"error": {"access_denied"}, "state": {"af0ifjsldkj"}, "iss": {h.issuer}}
	if back.Host != "photoprint.example" || !cmp.Equal(want, got) {
		t.Errorf("the link leads to %s", back)
	}
	if refused := h.Audit.Events(authserver.EventEntitlementRefused); len(refused) != 1 || refused[0].Owner != "alice" {
		t.Errorf("the audit log tells %+v", refused)
	}
	if h.issued() != 0 {
		t.Error("something was issued")
	}
}

func TestN16EntitlementWithdrawnBeforeTheDecisionIssuesNothing(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	path := b.begin(nil)
	ticket := b.get(path).field("ticket")
	h.Entitlement.Withdraw(authtest.Bob, authtest.PhotoPrint)
	b.post(path+"/consent", url.Values{"decision": {"allow"}, "ticket": {ticket}}).wants(http.StatusForbidden, "")
	b.get(path).wants(http.StatusForbidden, "").says("Ask the administrator")
	if h.issued() != 0 {
		t.Error("something was issued")
	}
}

func TestN16WithoutAnAnswerOfTheAPIServerNobodyGoesOn(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	path := b.begin(nil)
	h.Entitlement.Down(time.Second)
	p := b.get(path).wants(http.StatusServiceUnavailable, "").says("Not available right now")
	if p.Header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	h.Entitlement.Up()
	b.get(path).wants(http.StatusOK, "").says("PhotoPrint asks for access")
}

func TestSomebodyElseCanTakeOverTheRequest(t *testing.T) {
	h := newHouse(t)
	b := h.signedIn(t, authtest.Alice, authtest.AlicePassword)
	path := b.begin(nil)
	p := b.get(path).wants(http.StatusForbidden, "")
	b.post("/signout", url.Values{"interaction": {p.field("interaction")}}).wants(http.StatusSeeOther, path)
	b.get(path).wants(http.StatusOK, "").says("Sign in")
	b.post(path+"/login", url.Values{"username": {"bob"}, "password": {authtest.BobPassword}}).wants(http.StatusSeeOther, path)
	b.get(path).wants(http.StatusOK, "").says("PhotoPrint asks for access", "Signed in as Bob")
}

func TestARequestThatDoesNotFitIntoACookieGoesBack(t *testing.T) {
	h := newHouse(t)
	var scopes []string
	for n := range 60 {
		scopes = append(scopes, fmt.Sprintf("%060d", n))
	}
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Scopes = scopes })
	got := h.bob(t).get(request(url.Values{"scope": {strings.Join(scopes, " ")}})).back(authtest.PhotoPrintCallback)
	if got.Get("error") != "invalid_request" {
		t.Errorf("the callback gets %v", got)
	}
}
