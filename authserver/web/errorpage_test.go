// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

func TestAnUnprovenCallbackIsShownAndNotFollowed(t *testing.T) {
	h := newHouse(t)
	p := h.browser(t).get(request(url.Values{"redirect_uri": {"https://evil.example/callback"}})).wants(http.StatusBadRequest, "")
	p.says("The way back is not known", "You were not sent there", "invalid_callback")
	if strings.Contains(p.body, "evil.example") {
		t.Error("the page holds the address")
	}
}

func TestAnInternalFaultTellsNothingButItsRequestID(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	h.Store.Fail(http.ErrNoLocation) // any error that nobody foresaw
	p := b.get("/account").wants(http.StatusInternalServerError, "").says("Something went wrong here")
	id := p.Header.Get("X-Request-Id")
	if id == "" || !strings.Contains(p.text(), id) {
		t.Errorf("the page does not show the request ID %q", id)
	}
	if strings.Contains(p.body, "unplugged") || strings.Contains(p.body, http.ErrNoLocation.Error()) {
		t.Error("the page shows the cause")
	}
}

func TestWhatIsNotThereIsAPage(t *testing.T) {
	b := newHouse(t).browser(t)
	for _, path := range []string{"/nothing", "/login/more", "/interaction/", "/favicon.ico", "/.git/config"} {
		b.get(path).wants(http.StatusNotFound, "").says("There is no such page")
	}
	for _, path := range []string{"/interaction/short", "/interaction/AAAAAAAAAAAAAAAAAAAAAAAAAA", "/interaction/%2e%2e%2faccount-aaaaaaa"} {
		b.get(path).wants(http.StatusGone, "").says("This address is not complete")
	}
}

// switchAccount sends the form of the page that leads to another account.
func (b *browser) switchAccount(p *page) *page {
	b.t.Helper()
	form := url.Values{}
	for _, n := range p.elements("input") {
		form.Set(attribute(n, "name"), attribute(n, "value"))
	}
	for _, n := range p.elements("form") {
		if to := attribute(n, "action"); to != "/signout" {
			b.t.Errorf("a form of the page leads to %q", to)
		}
	}
	return b.post("/signout", form)
}

// N380: who is signed in sees it on the page of each refusal, with a way to another account and an ID that is remembered. The way leads to a
// login of this server, and nowhere that the request named.
func TestN380EachRefusalLeadsToAnotherAccountAndNowhereElse(t *testing.T) {
	evil := "https://evil.example/callback"
	for name, come := range map[string]func(h *house, b *browser) *page{
		"callback differs": func(_ *house, b *browser) *page { return b.get(request(url.Values{"redirect_uri": {evil}})) },
		"unknown client": func(_ *house, b *browser) *page {
			return b.get(request(url.Values{"client_id": {evil}, "redirect_uri": {evil}}))
		},
		"suspended client": func(h *house, b *browser) *page {
			h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Suspended = true })
			return b.get(request(url.Values{"then": {evil}, "interaction": {evil}}))
		},
		"a parameter twice": func(_ *house, b *browser) *page { return b.get(request(url.Values{"client_id": {"a", "b"}})) },
		"another profile": func(_ *house, b *browser) *page {
			return b.get("/manage/oauth2/authorize?client_id=" + authtest.PhotoPrint)
		},
		"unknown request token": func(_ *house, b *browser) *page {
			return b.get(b.get("/oauth1/authorize?oauth_token=x&oauth_callback=" + evil).Header.Get("Location"))
		},
		"unknown way after a logout": func(_ *house, b *browser) *page {
			return b.get("/oauth2/logout?client_id=" + authtest.PhotoPrint + "&post_logout_redirect_uri=" + evil)
		},
		"suspended since": func(h *house, b *browser) *page {
			path := b.begin(nil)
			h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Suspended = true })
			p := b.get(path)
			h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Suspended = false })
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			b := h.bob(t)
			p := come(h, b).says("Signed in as Bob", "Request ID")
			if id := h.remembered(p).RequestID; !strings.Contains(p.text(), id) {
				t.Errorf("the page does not show the request ID %q", id)
			}
			b.switchAccount(p).wants(http.StatusSeeOther, "/login")
			b.get("/login").wants(http.StatusOK, "").says("Sign in")
			if again := come(h, h.browser(t)); strings.Contains(again.text(), "Signed in as") || strings.Contains(again.body, "/signout") {
				t.Error("nobody is signed in, and the page says otherwise")
			}
		})
	}
}

// A decision that was not counted can be taken in another account.
func TestAFormThatWasNotTakenLeadsBackToItsRequestInAnotherAccount(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	path := b.begin(nil)
	p := b.post(path+"/consent", url.Values{"decision": {"allow"}}).wants(http.StatusForbidden, "").says("Your decision was not counted", "Signed in as Bob")
	b.switchAccount(p).wants(http.StatusSeeOther, path)
	b.get(path).wants(http.StatusOK, "").says("Sign in")
}

func TestSignOutLeadsToTheLoginPageByThatWordOnly(t *testing.T) {
	for then, want := range map[string]string{
		"login": "/login", "": "/signout", "account": "/signout", "/login": "/signout", "//evil.example": "/signout", "https://evil.example/": "/signout",
	} {
		newHouse(t).bob(t).post("/signout", url.Values{"then": {then}}).wants(http.StatusSeeOther, want)
	}
}
