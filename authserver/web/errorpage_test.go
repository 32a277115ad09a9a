// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
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
