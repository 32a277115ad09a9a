// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

func TestTheAccountIsForWhoIsLoggedIn(t *testing.T) {
	b := newHouse(t).browser(t)
	b.get("/account").wants(http.StatusSeeOther, "/login")
	b.post("/account/revoke", url.Values{"clientID": {authtest.PhotoPrint}}).wants(http.StatusSeeOther, "/login")
	b.get("/signout").wants(http.StatusOK, "").says("You are signed out")
}

func TestTheAccountSaysWhatWasAllowed(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	b.get("/account").wants(http.StatusOK, "").says("Signed in as Bob", "No application has access.")

	h.allow(t, b, "on")
	h.Clock.Advance(24 * time.Hour)
	b = h.bob(t)
	p := b.get("/account").wants(http.StatusOK, "")
	p.says("PhotoPrint", "Prints your photos", "See your photos", "1 June 2026, 12:00 UTC", "30 August 2026, 12:00 UTC",
		"you are not asked again", authtest.PhotoPrint)
	var times []string
	for _, n := range p.elements("time") {
		times = append(times, attribute(n, "datetime"))
	}
	if got := strings.Join(times, " "); got != "2026-06-01T12:00:00Z 2026-08-30T12:00:00Z 2026-06-02T12:00:00Z 2026-06-03T00:00:00Z" {
		t.Errorf("the times for machines are %s", got)
	}
	alice := h.signedIn(t, authtest.Alice, authtest.AlicePassword)
	alice.get("/account").wants(http.StatusOK, "").says("No application has access.")
}

// allow lets Bob's browser allow PhotoPrint and PhotoPrint redeem its code.
func (h *house) allow(t *testing.T, b *browser, always string) *authserver.Tokens {
	t.Helper()
	path := b.begin(nil)
	form := url.Values{"decision": {"allow"}, "always": {always}, "ticket": {b.get(path).field("ticket")}}
	tokens, err := h.redeem(t, b.post(path+"/consent", form).back(authtest.PhotoPrintCallback).Get("code"))
	if err != nil {
		t.Fatalf("redeem the code: %v", err)
	}
	return tokens
}

func TestRemovedAccessIsDeadAtOnce(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	tokens := h.allow(t, b, "on")
	if !h.active(t, tokens.AccessToken) {
		t.Fatal("the token is not active before")
	}
	p := b.get("/account")
	b.post("/account/revoke", url.Values{"clientID": {p.field("clientID")}}).wants(http.StatusSeeOther, "/account")
	if h.active(t, tokens.AccessToken) {
		t.Error("the access token is still active")
	}
	h.client(t, authtest.PhotoPrint).refresh(tokens.RefreshToken).refused(http.StatusBadRequest, "invalid_grant")
	b.get("/account").says("Access removed. PhotoPrint can do nothing in your name any more", "No application has access.")
	if text := b.get("/account").text(); strings.Contains(text, "Access removed") {
		t.Error("the notice is shown twice")
	}
	b.get(b.begin(nil)).wants(http.StatusOK, "").says("PhotoPrint asks for access") // "always" is gone too
}

func TestAliceCannotRemoveWhatBobAllowed(t *testing.T) {
	h := newHouse(t)
	tokens := h.allow(t, h.bob(t), "")
	alice := h.signedIn(t, authtest.Alice, authtest.AlicePassword)
	alice.post("/account/revoke", url.Values{"clientID": {authtest.PhotoPrint}}).wants(http.StatusSeeOther, "/account")
	if !h.active(t, tokens.AccessToken) {
		t.Error("Bob's token is dead")
	}
}

func TestToRemoveWhatIsNotThereIsNoError(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	for _, id := range []string{"", "photos.unknown", "a;b\r\nSet-Cookie: x=y", strings.Repeat("a", 5000)} {
		p := b.post("/account/revoke", url.Values{"clientID": {id}}).wants(http.StatusSeeOther, "/account")
		if len(p.Cookies()) != 0 {
			t.Errorf("foreign words became a cookie: %v", p.Header["Set-Cookie"])
		}
	}
}

func TestRemovalWithoutAStoreIsNotCalledDone(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	tokens := h.allow(t, b, "")
	h.Store.Fail(authserver.ErrUnavailable)
	b.post("/account/revoke", url.Values{"clientID": {authtest.PhotoPrint}}).wants(http.StatusServiceUnavailable, "")
	h.Store.Fail(nil)
	if !h.active(t, tokens.AccessToken) {
		t.Error("the token is dead although the answer was an error")
	}
	if text := b.get("/account").text(); strings.Contains(text, "Access removed") {
		t.Error("the page says that access was removed")
	}
}

func TestAnAlwaysWithoutAGrantIsShownToo(t *testing.T) {
	h := newHouse(t)
	h.allow(t, h.bob(t), "on")
	h.Clock.Advance(91 * 24 * time.Hour)
	b := h.bob(t)
	b.get("/account").says("PhotoPrint", "none right now", "you are not asked again")
	b.post("/account/revoke", url.Values{"clientID": {authtest.PhotoPrint}})
	b.get("/account").says("No application has access.")
}
