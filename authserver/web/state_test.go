// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// sealedSession is a state of 4,096 bytes, as frameworks make it that keep the session in it.
func sealedSession(t *testing.T) string {
	t.Helper()
	random := make([]byte, 3072)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(random)
}

func TestN144EveryProfileReturnsTheStateByteForByte(t *testing.T) {
	for profile, p := range bearerProfiles() {
		h := newHouse(t)
		for name, state := range map[string]string{
			"a sealed session": sealedSession(t), "markup": strings.Repeat(`"<&>'\`, 682), "emoji": strings.Repeat("😀", 1024),
			"JSON": `{"return_to":"/a?b=c&d=%2F","nonce":"+/="}`, "control characters": "a\tb\r\nc\x00", "a blank": " ", "encoded twice": "%2520",
		} {
			for _, decision := range []string{"allow", "deny"} {
				b := h.browser(t)
				path := p.begin(b, withChallenge(url.Values{"state": {state}}))
				b.post(path+"/login", url.Values{"username": {authtest.Bob}, "password": {authtest.BobPassword}}).wants(http.StatusSeeOther, path)
				got := b.post(path+"/consent", p.form(b, path, decision)).back(p.callback)
				if got.Get("state") != state || got.Has("code") != (decision == "allow") {
					t.Errorf("%s, %s, %s: %d bytes come back as %d; code: %v", profile, name, decision, len(state), len(got.Get("state")), got.Has("code"))
				}
			}
		}
	}
}

func TestN144NoCookieIsLongerThanABrowserKeeps(t *testing.T) {
	h := newHouse(t)
	b := h.browser(t)
	p := b.get(request(url.Values{"state": {sealedSession(t)}})).wants(http.StatusSeeOther, "")
	for _, line := range p.Header["Set-Cookie"] {
		pair, attributes, _ := strings.Cut(line, ";")
		name, _, _ := strings.Cut(pair, "=")
		if len(line) > 4096 || !strings.Contains(attributes, "Secure") || !strings.Contains(attributes, "HttpOnly") {
			t.Errorf("%s has %d bytes and %s", name, len(line), attributes)
		}
		if strings.HasPrefix(name, "__Secure-gatehouse-s-") && !strings.Contains(attributes, "Path="+p.Header.Get("Location")) {
			t.Errorf("%s goes to other pages too: %s", name, attributes)
		}
	}
	if n := len(p.Header["Set-Cookie"]); n < 3 {
		t.Errorf("%d cookies hold the request", n)
	}
}

// A browser sends the states of other requests to none of its pages, so many long ones fit.
func TestN144ManyLongStatesStayBelowTheHeadersLimit(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	var paths []string
	for range 5 {
		paths = append(paths, b.begin(url.Values{"state": {sealedSession(t)}}))
	}
	for _, path := range append(paths, "/account") {
		at, err := url.Parse(h.issuer + path)
		if err != nil {
			t.Fatal(err)
		}
		size := 0
		for _, c := range b.Jar.Cookies(at) {
			size += len(c.Name) + len(c.Value) + len("=; ")
		}
		if size > 12<<10 || path == "/account" && size > 6<<10 {
			t.Errorf("%s gets %d bytes of cookies", path, size)
		}
		b.get(path).wants(http.StatusOK, "")
	}
}

func TestN144AStateThatCannotComeBackIsRefusedInEveryProfile(t *testing.T) {
	for profile, p := range bearerProfiles() {
		for name, tc := range map[string]struct{ state, returned string }{
			"too long":     {strings.Repeat("s", 4097), strings.Repeat("s", 4097)},
			"far too long": {strings.Repeat("s", 9000), ""},
			"no UTF-8":     {"\xff\xfex", ""},
		} {
			h := newHouse(t)
			shown := h.browser(t).get(p.request(withChallenge(url.Values{"state": {tc.state}}))).shown(http.StatusBadRequest).says("state")
			if profile == "ConnectionsCloudOAuth2" { // its errors never travel
				shown.says("oauth_invalid_parameters:state")
				continue
			}
			link, err := url.Parse(shown.link(t, "Go back to the application"))
			if err != nil {
				t.Fatal(err)
			}
			redirect := h.bob(t).get(p.request(withChallenge(url.Values{"state": {tc.state}}))).back(p.callback)
			for way, got := range map[string]url.Values{"link before login": link.Query(), "redirect after login": redirect} {
				if got.Get("error") != "invalid_request" || got.Get("state") != tc.returned || got.Has("state") != (tc.returned != "") {
					t.Errorf("%s, %s, %s: %v", profile, name, way, got)
				}
			}
		}
	}
}

func TestN144ARequestWhoseStateIsGoneIssuesNothing(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	path := b.begin(url.Values{"state": {sealedSession(t)}})
	at, err := url.Parse(h.issuer + path)
	if err != nil {
		t.Fatal(err)
	}
	b.get(path).wants(http.StatusOK, "")
	b.Jar.SetCookies(at, []*http.Cookie{{Name: "__Secure-gatehouse-s-" + strings.TrimPrefix(path, "/interaction/") + "-1", Value: "x", Path: path, Secure: true}})
	if p := b.get(path); p.StatusCode/100 != 4 || p.Header.Get("Location") != "" {
		t.Errorf("%d %s", p.StatusCode, p.Header.Get("Location"))
	}
}
