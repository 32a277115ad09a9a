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

const (
	appCallback      = "com.example.photoprint:/callback"
	loopbackCallback = "http://localhost:8000/callback"
)

// A native application's callback works to the end: the pages let their forms lead there, and say
// what is there.
func TestACallbackOnThePersonsMachineIsReachedAndExplained(t *testing.T) {
	for name, row := range map[string]struct {
		registered, callback, policy, words string
		public                              bool
	}{
		"loopback, Confidential": {loopbackCallback, "http://localhost:50123/callback", "form-action 'self' https: http:;",
			"localhost:50123 (a program that runs on this computer)", false},
		"loopback, Public": {"http://[::1]/callback", "http://[::1]:50123/callback", "form-action 'self' https: http:;",
			"[::1]:50123 (a program that runs on this computer)", true},
		"private-use scheme": {appCallback, appCallback, "form-action 'self' https: com.example.photoprint:;",
			"com.example.photoprint (an app on this device that opens such links)", true},
		"https": {authtest.PhotoPrintCallback, authtest.PhotoPrintCallback, "form-action 'self' https:;", "photoprint.example", false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) {
				c.CallbackURLs, c.Public = []string{row.registered}, row.public
			})
			b := h.browser(t)
			path := b.begin(url.Values{"redirect_uri": {row.callback}})
			login := b.get(path).wants(http.StatusOK, "")
			if cancel := login.link(t, "Cancel and go back to PhotoPrint"); !strings.HasPrefix(cancel, row.callback+"?error=access_denied") {
				t.Errorf("the login page links back to %q", cancel)
			}
			b.post(path+"/login", url.Values{"username": {authtest.Bob}, "password": {authtest.BobPassword}}).wants(http.StatusSeeOther, path)
			consent := b.get(path).wants(http.StatusOK, "").says("Takes you to " + row.words)
			for page, p := range map[string]*page{"login": login, "consent": consent} {
				if got := p.Header.Get("Content-Security-Policy"); !strings.Contains(got, row.policy) {
					t.Errorf("the policy of the page %s is %q, want %q in it", page, got, row.policy)
				}
			}
			if code := b.consentTo(path, "allow").back(row.callback).Get("code"); code == "" {
				t.Error("no code reaches the callback")
			}
		})
	}
}

func TestAnOAuth1ClientMayHaveALoopbackCallbackWithAnyPort(t *testing.T) {
	h := newHouse(t)
	h.Clients.Change(authtest.PhotoBook, func(c *authserver.Client) { c.CallbackURLs = []string{loopbackCallback} })
	c, b := h.photoBook(t), h.browser(t)
	for _, callback := range []string{"http://localhost:50123/callback", "http://localhost/callback", loopbackCallback} {
		path := c.link(b, c.request(callback).credentials().token)
		p := b.get(path).wants(http.StatusOK, "")
		if got := p.Header.Get("Content-Security-Policy"); p.hasField("password") && !strings.Contains(got, "https: http:") {
			t.Errorf("the login page forbids the callback: %q", got)
		}
		if p.hasField("password") {
			b.post(path+"/login", url.Values{"username": {authtest.Bob}, "password": {authtest.BobPassword}})
		}
		if got := b.consentTo(path, "allow").back(callback); got.Get("oauth_verifier") == "" {
			t.Errorf("%s gets %v", callback, got)
		}
	}
}

func TestN74APKCEThatIsOptionalIsNeverWeakened(t *testing.T) {
	h := newHouse(t)
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) {
		c.PKCEOptional, c.CallbackURLs = true, append(c.CallbackURLs, loopbackCallback)
	})
	bare := url.Values{"code_challenge": nil, "code_challenge_method": nil}
	b := h.bob(t)
	app := h.client(t, authtest.PhotoPrint)
	codeFor := func(changes url.Values) string {
		return b.consentTo(b.begin(changes), "allow").back(authtest.PhotoPrintCallback).Get("code")
	}
	redeem := func(code, verifier string) *answer {
		form := redemption(code, authtest.PhotoPrintCallback)
		form.Set("code_verifier", verifier)
		return app.post("/oauth2/token", form)
	}
	redeem(codeFor(bare), "").wants(http.StatusOK)
	redeem(codeFor(bare), codeVerifier).refused(http.StatusBadRequest, "invalid_grant")
	redeem(codeFor(nil), "").refused(http.StatusBadRequest, "invalid_grant")
	redeem(codeFor(nil), codeVerifier+"x").refused(http.StatusBadRequest, "invalid_grant")
	redeem(codeFor(nil), codeVerifier).wants(http.StatusOK)

	loopback := url.Values{"code_challenge": nil, "code_challenge_method": nil, "redirect_uri": {loopbackCallback}}
	plain := url.Values{"code_challenge": {codeVerifier}, "code_challenge_method": {"plain"}}
	for name, p := range map[string]url.Values{
		"loopback without a challenge": b.get(request(loopback)).back(loopbackCallback),
		"method plain":                 b.get(request(plain)).back(authtest.PhotoPrintCallback),
	} {
		if p.Get("error") != "invalid_request" {
			t.Errorf("%s: %v", name, p)
		}
	}
}

// A Public client cannot prove itself in any other way, whatever its object says.
func TestN74APublicClientAlwaysNeedsPKCEInEveryProfile(t *testing.T) {
	h := newHouse(t)
	eachOlder(t, func(t *testing.T, h *house, o older) {
		h.Clients.Change(o.client, func(c *authserver.Client) { c.Public, c.PKCEOptional = true, true })
		p := h.bob(t).get(o.request(nil))
		if strings.HasPrefix(p.Header.Get("Location"), "/interaction/") {
			t.Errorf("%s: %d %s", o.client, p.StatusCode, p.Header.Get("Location"))
		}
	})
	h.Clients.Change(authtest.Desktop, func(c *authserver.Client) { c.PKCEOptional = true })
	desktop := url.Values{"client_id": {authtest.Desktop}, "redirect_uri": {authtest.DesktopCallback}, "code_challenge": nil, "code_challenge_method": nil}
	if got := h.bob(t).get(request(desktop)).back(authtest.DesktopCallback); got.Get("error") != "invalid_request" {
		t.Errorf("OAuth2: %v", got)
	}
}
