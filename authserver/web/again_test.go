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

// repeated is a flow for tests in which a browser sends things twice or late.
type repeated struct {
	id    string // of the client
	begin func(t *testing.T, h *house, b *browser) (path string)
}

// repeats are a flow of each profile, of a Public client, and of verifiers that are displayed.
func repeats() map[string]repeated {
	all := map[string]repeated{
		"OAuth2":                 {authtest.PhotoPrint, beginning(nil)},
		"OAuth2, prompt=consent": {authtest.PhotoPrint, beginning(url.Values{"prompt": {"consent"}})},
		"OAuth2, Public": {authtest.Desktop, beginning(url.Values{
			"client_id": {authtest.Desktop}, "redirect_uri": {"http://127.0.0.1:51234/callback"},
		})},
	}
	for name, o := range olders {
		all[name] = repeated{o.client, func(_ *testing.T, _ *house, b *browser) string { return o.begin(b, nil) }}
	}
	for name, app := range map[string]func(*house, *testing.T) *signer{"OAuth1": (*house).photoBook, "ConnectionsCloudOAuth1": (*house).scrapbook} {
		id := map[string]string{"OAuth1": authtest.PhotoBook, "ConnectionsCloudOAuth1": authtest.Scrapbook}[name]
		all[name] = repeated{id, func(t *testing.T, h *house, b *browser) string {
			signer := app(h, t)
			return signer.link(b, signer.requestToken().token)
		}}
		all[name+", displayed"] = repeated{id, func(t *testing.T, h *house, b *browser) string {
			signer := app(h, t)
			return signer.link(b, signer.request("oob").credentials().token)
		}}
	}
	return all
}

func beginning(changes url.Values) func(*testing.T, *house, *browser) string {
	return func(_ *testing.T, _ *house, b *browser) string { return b.begin(changes) }
}

// eachRepeated runs a test with each of these flows. Bob and Alice may use its client.
func eachRepeated(t *testing.T, test func(t *testing.T, h *house, r repeated)) {
	t.Helper()
	for name, r := range repeats() {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.Entitlement.Allow(authtest.Alice, r.id)
			test(t, h, r)
		})
	}
}

// formOf returns the form of the consent page with all scopes ticked.
func (p *page) formOf(decision string) url.Values {
	p.t.Helper()
	form := url.Values{"decision": {decision}, "ticket": {p.field("ticket")}}
	for _, n := range p.elements("input") {
		if attribute(n, "name") == "scope" {
			form.Add("scope", attribute(n, "value"))
		}
	}
	return form
}

// answer is what the browser is told: where to go, or the page without its request ID.
func (p *page) answer() string {
	p.t.Helper()
	if to := p.Header.Get("Location"); to != "" {
		return p.Status + " " + to
	}
	text, _, _ := strings.Cut(p.text(), "Request ID")
	return p.Status + " " + text
}

func TestN133ADecisionThatIsSentTwiceGetsOneAnswer(t *testing.T) {
	eachRepeated(t, func(t *testing.T, h *house, r repeated) {
		for _, decision := range []string{"allow", "deny"} {
			b := h.bob(t)
			path := r.begin(t, h, b)
			form, before := b.get(path).wants(http.StatusOK, "").formOf(decision), h.issued()
			first := b.post(path+"/consent", form).answer()
			audited := len(h.Audit.Events(""))
			for name, again := range map[string]*page{"sent again": b.post(path+"/consent", form), "opened again": b.get(path)} {
				if got := again.answer(); got != first {
					t.Errorf("%s, %s: %s\nwant %s", decision, name, got, first)
				}
			}
			if want := map[string]int{"allow": 1, "deny": 0}[decision]; h.issued()-before != want || len(h.Audit.Events("")) != audited {
				t.Errorf("%s: %d grants, %d more audit lines", decision, h.issued()-before, len(h.Audit.Events(""))-audited)
			}
		}
	})
}

func TestN134TheFirstDecisionCounts(t *testing.T) {
	eachRepeated(t, func(t *testing.T, h *house, r repeated) {
		for _, decisions := range [][2]string{{"allow", "deny"}, {"deny", "allow"}} {
			b := h.bob(t)
			path := r.begin(t, h, b)
			p := b.get(path).wants(http.StatusOK, "")
			first := b.post(path+"/consent", p.formOf(decisions[0])).answer()
			second := b.post(path+"/consent", p.formOf(decisions[1])).says("The first answer counts", "start again")
			if second.StatusCode/100 != 4 {
				t.Errorf("%v: %d", decisions, second.StatusCode)
			}
			if got := b.get(path).answer(); got != first {
				t.Errorf("%v, opened again: %s\nwant %s", decisions, got, first)
			}
		}
		if h.issued() != 1 {
			t.Errorf("%d grants, want 1", h.issued())
		}
	})
}

func TestN135AnInteractionsCookieAloneGivesNothing(t *testing.T) {
	eachRepeated(t, func(t *testing.T, h *house, r repeated) {
		b, thief, alice := h.bob(t), h.browser(t), h.signedIn(t, authtest.Alice, authtest.AlicePassword)
		path := r.begin(t, h, b)
		form := b.get(path).wants(http.StatusOK, "").formOf("allow")
		first := b.post(path+"/consent", form)
		cookie := "__Host-gatehouse-i-" + strings.TrimPrefix(path, "/interaction/")
		for _, other := range []*browser{thief, alice} {
			other.keep(cookie, b.cookies()[cookie])
		}
		thief.get(path).wants(http.StatusOK, "").says("Sign in")
		thief.post(path+"/consent", form).wants(http.StatusSeeOther, path)
		if got := alice.post(path+"/consent", form); got.answer() == first.answer() {
			t.Errorf("Alice gets Bob's answer: %s", got.answer())
		}
		if got := alice.get(path); got.StatusCode == http.StatusSeeOther {
			t.Errorf("Alice is sent to %s", got.Header.Get("Location"))
		}
		if h.issued() != 1 {
			t.Errorf("%d grants, want Bob's", h.issued())
		}
	})
}

func TestN136ALoginInAnotherTabLeavesTheFirstOneUsable(t *testing.T) {
	eachRepeated(t, func(t *testing.T, h *house, r repeated) {
		for name, who := range map[string]url.Values{
			"Bob":   {"username": {"bob"}, "password": {authtest.BobPassword}},
			"Alice": {"username": {"alice"}, "password": {authtest.AlicePassword}},
		} {
			b := h.bob(t)
			first, second := r.begin(t, h, b), r.begin(t, h, b)
			form, before := b.get(first).wants(http.StatusOK, "").formOf("allow"), h.issued()
			b.post(second+"/login", who).wants(http.StatusSeeOther, second)
			b.post(first+"/consent", form).wants(http.StatusSeeOther, first)
			if h.issued() != before {
				t.Fatalf("%s: a page of another login issued something", name)
			}
			p := b.get(first).wants(http.StatusOK, "").says("Signed in as " + name)
			b.post(first+"/consent", p.formOf("allow"))
			b.post(second+"/consent", b.get(second).wants(http.StatusOK, "").formOf("allow"))
			approved := h.Audit.Events(authserver.EventGrantApproved)[before:]
			if len(approved) != 2 || approved[0].Owner != strings.ToLower(name) || approved[1].Owner != strings.ToLower(name) {
				t.Errorf("%s: the audit log has %+v", name, approved)
			}
		}
	})
}

func TestALoginFormThatIsSentLateOrOftenLeadsToTheRequest(t *testing.T) {
	eachRepeated(t, func(t *testing.T, h *house, r repeated) {
		login := url.Values{"username": {"bob"}, "password": {authtest.BobPassword}}
		b := h.browser(t)
		path := r.begin(t, h, b)
		b.get(path).wants(http.StatusOK, "").says("Sign in")
		done := make(chan *page, 3)
		for range cap(done) {
			go func() { done <- b.post(path+"/login", login) }()
		}
		for range cap(done) {
			if p := <-done; p.StatusCode != http.StatusSeeOther || p.Header.Get("Location") != path {
				t.Errorf("a login leads to %d %s", p.StatusCode, p.Header.Get("Location"))
			}
		}
		first := b.post(path+"/consent", b.get(path).wants(http.StatusOK, "").formOf("allow")).answer()
		b.post(path+"/login", login).wants(http.StatusSeeOther, path) // of a tab that stood at the login
		if got := b.get(path).answer(); got != first {
			t.Errorf("after it: %s\nwant %s", got, first)
		}
		if h.issued() != 1 {
			t.Errorf("%d grants", h.issued())
		}
	})
}

func TestARestoredBrowserGoesOnWhereItCan(t *testing.T) {
	eachRepeated(t, func(t *testing.T, h *house, r repeated) {
		b := h.bob(t)
		path := r.begin(t, h, b)
		form := b.get(path).wants(http.StatusOK, "").formOf("allow")
		cookie := "__Host-gatehouse-i-" + strings.TrimPrefix(path, "/interaction/")

		restored := h.browser(t) // the session is lost
		restored.keep(cookie, b.cookies()[cookie])
		restored.post(path+"/consent", form).wants(http.StatusSeeOther, path)
		restored.get(path).wants(http.StatusOK, "").says("Sign in")
		restored.post(path+"/login", url.Values{"username": {"bob"}, "password": {authtest.BobPassword}}).wants(http.StatusSeeOther, path)
		restored.get(path).wants(http.StatusOK, "").says("asks for access", "Signed in as Bob")

		b.drop(cookie) // the request is lost
		b.get(path).wants(http.StatusGone, "").says("This browser does not have this request", "Signed in as Bob")
		b.post(path+"/consent", form).wants(http.StatusForbidden, "")
		if h.issued() != 0 {
			t.Errorf("%d grants", h.issued())
		}
	})
}

// drop takes a cookie out of the browser.
func (b *browser) drop(name string) {
	b.t.Helper()
	base, err := url.Parse(b.base)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Jar.SetCookies(base, []*http.Cookie{{Name: name, Path: "/", Secure: true, MaxAge: -1}})
}

func TestN137SevenRestoredTabsGoOnOneAfterTheOther(t *testing.T) {
	eachRepeated(t, func(t *testing.T, h *house, r repeated) {
		b := h.browser(t)
		var paths []string
		for range 7 {
			paths = append(paths, r.begin(t, h, b))
			h.Clock.Advance(time.Second)
		}
		for _, path := range paths {
			b.get(path).wants(http.StatusOK, "").says("Sign in")
		}
		b.post(paths[0]+"/login", url.Values{"username": {"bob"}, "password": {authtest.BobPassword}}).wants(http.StatusSeeOther, paths[0])
		for _, path := range paths {
			p := b.get(path).wants(http.StatusOK, "").says("Signed in as Bob")
			if got := b.post(path+"/consent", p.formOf("allow")); got.StatusCode != http.StatusSeeOther && !got.hasElement("output") {
				t.Errorf("%d %s", got.StatusCode, got.text())
			}
		}
		if h.issued() != len(paths) {
			t.Errorf("%d grants, want %d", h.issued(), len(paths))
		}
	})
}

func (p *page) hasElement(tag string) bool { return len(p.elements(tag)) > 0 }
