// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// causes are the ways in which an interaction cannot go on, and what the person is told of each.
var causes = []struct {
	name   string
	come   func(t *testing.T, h *house) *page
	status int
	title  string
	says   []string
	links  []string // beside the one to the account; ID stands for the interaction's
}{
	{
		name: "cookies are off", status: http.StatusGone, title: "Your browser does not keep cookies",
		come: func(t *testing.T, h *house) *page { return h.browser(t).get(h.browser(t).begin(nil)) },
		says: []string{"did not send it back", "Allow cookies for this site"},
	},
	{
		name: "no cookie of ours, later", status: http.StatusGone, title: "Your browser sent no cookie of this site",
		come: func(t *testing.T, h *house) *page {
			path := h.browser(t).begin(nil)
			h.Clock.Advance(time.Minute)
			return h.browser(t).get(path)
		},
		says: []string{"another browser or a private window", "does not keep cookies", "Go on in the browser where you began", "allow cookies"},
	},
	{
		name: "newer requests took its place", status: http.StatusGone, title: "Too many requests are open in this browser",
		come: func(t *testing.T, h *house) *page {
			b := h.bob(t)
			first := b.begin(nil)
			for range 20 {
				b.begin(nil)
			}
			return b.get(first)
		},
		says: []string{"Newer requests took the place", "Finish the newer requests", "Signed in as Bob"},
	},
	{
		name: "begun in another browser", status: http.StatusGone, title: "This browser does not have this request",
		come: func(t *testing.T, h *house) *page { return h.bob(t).get(h.browser(t).begin(nil)) },
		says: []string{"began in another browser", "Go on in the browser where you began", "Signed in as Bob"},
	},
	{
		name: "an address with a part missing", status: http.StatusGone, title: "This address is not complete",
		come: func(t *testing.T, h *house) *page { return h.browser(t).get(h.browser(t).begin(nil)[:40]) },
		says: []string{"got lost"},
	},
	{
		name: "expired", status: http.StatusGone, title: "This request has expired",
		come: func(t *testing.T, h *house) *page {
			b := h.bob(t)
			path := b.begin(nil)
			h.Clock.Advance(authserver.InteractionLifetime)
			return b.get(path)
		},
		says:  []string{"15 minutes", "Signed in as Bob", "The button takes you back and tells the application that this request led to nothing. It leads to photoprint.example"},
		links: []string{"https://photoprint.example/callback?error=access_denied"},
	},
	{
		name: "expired, and another browser", status: http.StatusGone, title: "This request has expired",
		come: func(t *testing.T, h *house) *page {
			path := h.browser(t).begin(nil)
			h.Clock.Advance(authserver.InteractionLifetime)
			return h.browser(t).get(path)
		},
		says: []string{"15 minutes", "start again"},
	},
	{
		name: "changed", status: http.StatusGone, title: "This request cannot be read",
		come: func(t *testing.T, h *house) *page {
			b := h.bob(t)
			path := b.begin(nil)
			b.keep("__Host-gatehouse-i-"+strings.TrimPrefix(path, "/interaction/"), "AAAA")
			return b.get(path)
		},
		says: []string{"was changed", "give them the request ID", "Signed in as Bob"},
	},
	{
		name: "answered, and the code was redeemed", status: http.StatusForbidden, title: "You answered this request before",
		come: func(t *testing.T, h *house) *page {
			b := h.bob(t)
			path := b.begin(nil)
			form := url.Values{"decision": {"allow"}, "ticket": {b.get(path).field("ticket")}}
			if _, err := h.redeem(t, b.post(path+"/consent", form).back(authtest.PhotoPrintCallback).Get("code")); err != nil {
				t.Fatal(err)
			}
			return b.post(path+"/consent", form)
		},
		says: []string{"has used it", "Nothing was changed", "Go back to the application", "Signed in as Bob"},
	},
	{
		name: "answered, and the code has expired", status: http.StatusGone, title: "Your answer has expired",
		come: func(t *testing.T, h *house) *page {
			b := h.bob(t)
			path := b.begin(nil)
			b.consentTo(path, "allow").back(authtest.PhotoPrintCallback)
			h.Clock.Advance(time.Minute)
			return b.get(path)
		},
		says: []string{"did not use the answer in time", "start again", "Signed in as Bob"},
	},
	{
		name: "answered, and the access was removed", status: http.StatusGone, title: "This access was removed",
		come: func(t *testing.T, h *house) *page {
			b := h.bob(t)
			path := b.begin(nil)
			b.consentTo(path, "allow").back(authtest.PhotoPrintCallback)
			b.post("/account/revoke", url.Values{"clientID": {authtest.PhotoPrint}}).wants(http.StatusSeeOther, "")
			return b.get(path)
		},
		says: []string{"removed since", "start again", "Signed in as Bob"},
	},
	{
		name: "answered otherwise", status: http.StatusForbidden, title: "You answered this request otherwise before",
		come: func(t *testing.T, h *house) *page {
			b := h.bob(t)
			path := b.begin(nil)
			ticket := b.get(path).field("ticket")
			b.post(path+"/consent", url.Values{"decision": {"deny"}, "ticket": {ticket}}).back(authtest.PhotoPrintCallback)
			return b.post(path+"/consent", url.Values{"decision": {"allow"}, "ticket": {ticket}})
		},
		says: []string{"The first answer counts", "start again", "Signed in as Bob"},
	},
	{
		name: "a decision without the page's ticket", status: http.StatusForbidden, title: "Your decision was not counted",
		come: func(t *testing.T, h *house) *page {
			b := h.bob(t)
			return b.post(b.begin(nil)+"/consent", url.Values{"decision": {"allow"}})
		},
		says: []string{"did not come from the page", "decide once more", "Signed in as Bob"}, links: []string{"/interaction/ID"},
	},
	{
		name: "a form of another site", status: http.StatusForbidden, title: "This form came from another site",
		come: func(t *testing.T, h *house) *page {
			return h.postFrom(t, http.Header{"Origin": {"https://evil.example"}})
		},
		says: []string{"Nothing was changed", "open the page of this site"}, links: []string{"/interaction/ID"},
	},
	{
		name: "a form whose origin the browser hides", status: http.StatusForbidden, title: "Your browser hides where this form came from",
		come: func(t *testing.T, h *house) *page {
			return h.postFrom(t, http.Header{"Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"}})
		},
		says: []string{"in a window of its own", "turn off the extension"}, links: []string{"/interaction/ID"},
	},
	{
		name: "a form with a field that is there twice", status: http.StatusBadRequest, title: "This form could not be read",
		come: func(t *testing.T, h *house) *page {
			b := h.bob(t)
			return b.post(b.begin(nil)+"/consent", url.Values{"decision": {"allow", "deny"}})
		},
		says: []string{"Nothing was changed", "a field is given twice", "Signed in as Bob"}, links: []string{"/interaction/ID"},
	},
}

// postFrom sends Bob's consent form with these headers.
func (h *house) postFrom(t *testing.T, header http.Header) *page {
	t.Helper()
	b := h.bob(t)
	path := b.begin(nil)
	ticket := b.get(path).field("ticket")
	b.header = header
	return b.post(path+"/consent", url.Values{"decision": {"allow"}, "ticket": {ticket}})
}

// linksOut returns where the page's links lead, beside the account.
func (p *page) linksOut() []string {
	var out []string
	for _, n := range p.elements("a") {
		if to := attribute(n, "href"); to != "/account" {
			out = append(out, to)
		}
	}
	return out
}

func TestN124EachCauseHasAPageOfItsOwn(t *testing.T) {
	texts := map[string]string{}
	for _, tc := range causes {
		t.Run(tc.name, func(t *testing.T) {
			h := newHouse(t)
			p := tc.come(t, h).wants(tc.status, "").says(tc.says...)
			if got := textOf(p.elements("h1")[0]); got != tc.title {
				t.Errorf("the title is %q, want %q", got, tc.title)
			}
			text := p.sameForAll(p.text())
			if other := texts[tc.title]; other != "" && other != tc.title && tc.title != "This request has expired" {
				t.Errorf("the page is also that of %s", other)
			}
			texts[tc.title] = tc.name
			for _, bad := range []string{"%!", "interaction_gone", "<no value>"} {
				if strings.Contains(text, bad) {
					t.Errorf("the page says %q", bad)
				}
			}
			links := p.linksOut()
			for n, link := range links {
				link, _, _ = strings.Cut(link, "&")
				if id, ok := strings.CutPrefix(link, "/interaction/"); ok && strings.Contains(p.Request.URL.Path, id) {
					link = "/interaction/ID"
				}
				links[n] = link
			}
			if !slices.Equal(links, tc.links) {
				t.Errorf("the page leads to %q, want %q", links, tc.links)
			}
		})
	}
}

func TestN124EveryErrorPageHasARequestID(t *testing.T) {
	h := newHouse(t)
	b := h.browser(t)
	for _, path := range []string{
		"/nothing", "/interaction/short", "/oauth2/authorize", request(url.Values{"client_id": {"nobody"}}), "/oauth1/authorize",
		"/manage/oauth2/authorize", "/manage/oauth/authorizeToken", "/integration/rest/oAuth/authorize",
	} {
		p := b.get(path)
		if p.sameForAll(p.text()); p.StatusCode < 400 {
			t.Errorf("%s: %d", path, p.StatusCode)
		}
	}
	h.signedIn(t, authtest.Alice, authtest.AlicePassword).refusal(t).says("Ask the administrator")
	for range 40 {
		b.post("/login", url.Values{"username": {"bob"}, "password": {"wrong"}})
	}
	p := b.post("/login", url.Values{"username": {"bob"}, "password": {"wrong"}}).wants(http.StatusTooManyRequests, "").says("Try again in")
	p.sameForAll(p.text())
}

// refusal is the page of somebody who may not use PhotoPrint.
func (b *browser) refusal(t *testing.T) *page {
	t.Helper()
	p := b.get(b.begin(nil)).wants(http.StatusForbidden, "")
	p.sameForAll(p.text())
	return p
}

func TestN125ALoginWithoutCookiesIsToldSoBeforeThePasswordIsLookedAt(t *testing.T) {
	h := newHouse(t)
	with := h.browser(t)
	with.header = http.Header{"Sec-Fetch-Site": {"same-origin"}}
	with.get("/login").wants(http.StatusOK, "")
	without := h.browser(t)
	without.header = with.header
	form := url.Values{"username": {"bob"}, "password": {authtest.BobPassword}}
	without.post("/login", form).wants(http.StatusForbidden, "").says("Your browser does not keep cookies", "Allow cookies for this site")
	if n := len(h.Audit.Events(authserver.EventLoginSucceeded)); n != 0 {
		t.Errorf("%d logins, want none", n)
	}
	with.post("/login", form).wants(http.StatusSeeOther, "/account")
}

func TestN126AnExpiredRequestLeadsBackByAClickOnly(t *testing.T) {
	for name, tc := range map[string]struct {
		query, callback string
		want            url.Values
	}{
		"OAuth2": {request(nil), authtest.PhotoPrintCallback, url.Values{"error": {"access_denied"}, "state": {"af0ifjsldkj"},
			"error_description": {"the request expired before it was answered"}}},
		"ConnectionsCloudOAuth2": {olders["ConnectionsCloudOAuth2"].request(nil), olders["ConnectionsCloudOAuth2"].callback,
			url.Values{"error": {"access_denied"}, "oauth_error": {"oauth_denied"}}},
		"IntegrationCloud": {olders["IntegrationCloud"].request(nil), olders["IntegrationCloud"].callback,
			url.Values{"error": {"access_denied"}, "error_description": {"the request expired before it was answered"}}},
	} {
		for who, browser := range map[string]func(*house, *testing.T) *browser{"nobody": (*house).browser, "Bob": (*house).bob} {
			t.Run(name+"/"+who, func(t *testing.T) {
				h := newHouse(t)
				b := browser(h, t)
				path := b.get(tc.query).Header.Get("Location")
				h.Clock.Advance(authserver.InteractionLifetime)
				for range 2 { // it can be loaded again
					to, err := url.Parse(b.get(path).wants(http.StatusGone, "").link(t, "Go back to the application"))
					if err != nil {
						t.Fatal(err)
					}
					got := to.Query()
					if to.RawQuery = ""; to.String() != tc.callback {
						t.Errorf("the link leads to %s, want %s", to, tc.callback)
					}
					for key, want := range tc.want {
						if !cmp.Equal(got[key], want) {
							t.Errorf("%s is %q, want %q", key, got[key], want)
						}
					}
				}
				b.post(path+"/login", url.Values{"username": {"bob"}, "password": {authtest.BobPassword}}).wants(http.StatusForbidden, "").says("has expired")
				h.Clock.Advance(24 * time.Hour)
				if h.issued() != 0 {
					t.Error("something was issued")
				}
			})
		}
	}
}

func TestN126TheLinkOfASignedProfileLeadsBackForWhoIsSignedIn(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		token := app.requestToken().token
		anonymous, bob := h.browser(t), h.bob(t)
		paths := map[*browser]string{anonymous: app.link(anonymous, token), bob: app.link(bob, token)}
		h.Clock.Advance(10 * time.Minute)
		anonymous.get(paths[anonymous]).wants(http.StatusOK, "").says("Sign in")
		link := bob.get(paths[bob]).says("This link has expired", "Signed in as Bob").link(t, "Go back to the application")
		if !strings.HasPrefix(link, app.callback) || !strings.Contains(link, "oauth_token=") {
			t.Errorf("the link is %s", link)
		}
		h.Clock.Advance(5 * time.Minute)
		if links := anonymous.get(paths[anonymous]).wants(http.StatusGone, "").says("This request has expired").linksOut(); len(links) != 0 {
			t.Errorf("an anonymous browser is led to %q", links)
		}
		if got := bob.get(paths[bob]).says("This request has expired").link(t, "Go back to the application"); got != link {
			t.Errorf("the link is %s, want %s", got, link)
		}
	})
}

func TestN126ARequestThatWasAnsweredInTimeDoesNotLeadBack(t *testing.T) {
	for _, decision := range []string{"allow", "deny"} {
		h := newHouse(t)
		b := h.bob(t)
		path := b.begin(nil)
		b.consentTo(path, decision).wants(http.StatusSeeOther, "")
		h.Clock.Advance(authserver.InteractionLifetime)
		if links := b.get(path).wants(http.StatusGone, "").says("This request has expired").linksOut(); len(links) != 0 {
			t.Errorf("%s: the page leads to %q", decision, links)
		}
	}
}

func TestN124OperationsNamesEachPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range causes {
		if tc.status != http.StatusBadRequest && tc.title != "This address is not complete" && !strings.Contains(string(text), tc.title) {
			t.Errorf("docs/operations.md does not name %q", tc.title)
		}
	}
}

func TestN126AnExpiredRequestLeadsNowhereElse(t *testing.T) {
	for name, change := range map[string]func(*authserver.Client){
		"the callback is gone": func(c *authserver.Client) { c.CallbackURLs = []string{"https://photoprint.example/new"} },
		"suspended":            func(c *authserver.Client) { c.Suspended = true },
		"not accepted":         func(c *authserver.Client) { c.Accepted = false },
		"re-created":           func(c *authserver.Client) { c.UID = "another" },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			b := h.bob(t)
			path := b.begin(nil)
			h.Clock.Advance(authserver.InteractionLifetime)
			h.Clients.Change(authtest.PhotoPrint, change)
			p := b.get(path).wants(http.StatusGone, "").says("This request has expired", "start again")
			if links := p.linksOut(); len(links) != 0 {
				t.Errorf("the page leads to %q", links)
			}
		})
	}
}

func TestN127AFormWithoutAnOriginLeadsBackToItsOwnPage(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	b.header = http.Header{"Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"}}
	for path, want := range map[string]string{
		"/login": "/login", "/signout": "/signout", "/account/revoke": "/account", "/account/sessions/end": "/account",
		"/login/factor": "/login", "/account/factors/totp": "/account", "/account/factors/codes": "/account", "/account/factors/remove": "/account",
		"/login/passkey": "/login", "/account/factors/passkey": "/account",
	} {
		p := b.post(path, url.Values{"clientID": {authtest.PhotoPrint}}).wants(http.StatusForbidden, "").says("hides where this form came from")
		if got := p.link(t, "Open the page again"); got != want {
			t.Errorf("%s leads to %s, want %s", path, got, want)
		}
	}
	b.header = http.Header{}
	b.get("/account").wants(http.StatusOK, "")
}
