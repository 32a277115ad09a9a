// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

func TestN04ThePageIsTheSameForEachClientThatMayNot(t *testing.T) {
	h := newHouse(t)
	b := h.browser(t)
	answer := func() string {
		p := b.get(request(nil)).wants(http.StatusBadRequest, "").says("This application cannot be used")
		p.Header.Del("Date")
		p.Header.Del("X-Request-Id")
		return cmp.Diff(http.Header{}, p.Header) + p.body
	}
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Suspended = true })
	suspended := answer()
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Suspended, c.Ready = false, false })
	notReady := answer()
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Ready, c.Profile = true, "OAuth1" })
	otherProfile := answer()
	h.Clients.Delete(authtest.PhotoPrint)
	unknown := answer()
	for name, got := range map[string]string{"not ready": notReady, "another profile": otherProfile, "unknown": unknown} {
		if got != suspended {
			t.Errorf("%s looks different from suspended:\n%s", name, cmp.Diff(suspended, got))
		}
	}
}

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
		b.get(path).wants(http.StatusGone, "").says("This request is over")
	}
}
