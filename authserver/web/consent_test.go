// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

func TestTheConsentPageSaysWhoAsksForWhatUntilWhen(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) {
		c.Scopes, c.GrantDuration = []string{"photos.read", "undeclared.scope"}, 24*time.Hour
	})
	b.get(b.begin(url.Values{"scope": {"photos.read undeclared.scope"}})).wants(http.StatusOK, "").says(
		"PhotoPrint asks for access", "Prints your photos", "Signed in as Bob", "Not you?",
		"See your photos", "undeclared.scope", "Know that you are bob",
		"2 June 2026", "(1 day)", "photoprint.example", authtest.PhotoPrint)
}

func TestDenyIsAnAnswerForTheClient(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	path := b.begin(nil)
	got := b.consentTo(path, "deny").back(authtest.PhotoPrintCallback)
	if got.Get("error") != "access_denied" || got.Get("state") != "af0ifjsldkj" || got.Get("iss") != h.issuer || got.Has("code") {
		t.Errorf("the callback gets %v", got)
	}
	if again := b.get(path).back(authtest.PhotoPrintCallback); !maps.EqualFunc(got, again, slices.Equal) {
		t.Errorf("the page opened again leads to %v, want %v", again, got)
	}
	if h.issued() != 0 {
		t.Error("something was issued")
	}
}

func TestAlwaysIsAskedOnce(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	path := b.begin(nil)
	ticket := b.get(path).field("ticket")
	b.post(path+"/consent", url.Values{"decision": {"allow"}, "always": {"on"}, "ticket": {ticket}}).back(authtest.PhotoPrintCallback)

	if got := b.get(b.begin(nil)).back(authtest.PhotoPrintCallback); !got.Has("code") {
		t.Errorf("the second time the callback gets %v", got)
	}
	b.get(b.begin(url.Values{"prompt": {"consent"}})).wants(http.StatusOK, "").says("PhotoPrint asks for access")
}

// interrupted is a store in which something happens just before an approval without a page is kept.
type interrupted struct {
	authserver.Store
	meanwhile func()
}

func (s *interrupted) ApproveUnder(ctx context.Context, g authserver.Grant, read authserver.Consent) error {
	s.meanwhile()
	return s.Store.ApproveUnder(ctx, g, read)
}

func TestN197WhoTakesBackAlwaysInAnotherTabIsAsked(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	h.allow(t, b, "on")
	issued, kept := h.issued(), h.Store.Store
	for _, prompt := range []string{"", "none"} {
		path := b.begin(url.Values{"prompt": {prompt}})
		h.Store.Store = &interrupted{kept, func() {
			h.Store.Store = kept
			b.post("/account/revoke", url.Values{"clientID": {authtest.PhotoPrint}}).wants(http.StatusSeeOther, "/account")
		}}
		b.get(path).wants(http.StatusSeeOther, path)
		if h.issued() != issued {
			t.Errorf("prompt %q: something was issued", prompt)
		}
		if prompt == "none" {
			if got := b.get(path).back(authtest.PhotoPrintCallback); got.Get("error") != "consent_required" {
				t.Errorf("the callback gets %v", got)
			}
			continue
		}
		b.get(path).wants(http.StatusOK, "").says("PhotoPrint asks for access")
		h.allow(t, b, "on")
		issued = h.issued()
	}
}

func TestWithoutAlwaysTheOwnerIsAskedAgain(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	b.consentTo(b.begin(nil), "allow").back(authtest.PhotoPrintCallback)
	b.get(b.begin(nil)).wants(http.StatusOK, "").says("PhotoPrint asks for access")
}

func TestAlwaysIsOfferedOnlyWhereItCounts(t *testing.T) {
	h := newHouse(t)
	desktop := url.Values{"client_id": {authtest.Desktop}, "redirect_uri": {"http://127.0.0.1:40123/callback"}}
	for name, tc := range map[string]struct {
		policy  authserver.ConsentPolicy
		request url.Values
		offered bool
	}{
		"a client that may be remembered":  {authserver.ConsentRemember, nil, true},
		"a client that asks each time":     {authserver.ConsentPrompt, nil, false},
		"a Public client proves no secret": {authserver.ConsentRemember, desktop, false},
	} {
		t.Run(name, func(t *testing.T) {
			h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Consent = tc.policy })
			b := h.bob(t)
			path := b.begin(tc.request)
			p := b.get(path).wants(http.StatusOK, "")
			if p.hasField("always") != tc.offered {
				t.Errorf("offered: %v, want %v", !tc.offered, tc.offered)
			}
			b.post(path+"/consent", url.Values{"decision": {"allow"}, "always": {"on"}, "ticket": {p.field("ticket")}}).wants(http.StatusSeeOther, "")
			again := b.get(b.begin(tc.request))
			if asked := again.StatusCode == http.StatusOK; asked == tc.offered {
				t.Errorf("asked again: %v, want %v", asked, !tc.offered)
			}
		})
	}
}

func TestN09AFormOfAnotherSiteIssuesNothing(t *testing.T) {
	for name, header := range map[string]http.Header{
		"a browser that says where a request begins": {"Sec-Fetch-Site": {"cross-site"}},
		"a sibling host":                      {"Sec-Fetch-Site": {"same-site"}},
		"an older browser":                    {"Origin": {"https://evil.example"}},
		"an older browser in a sandbox frame": {"Origin": {"null"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			b := h.bob(t)
			path := b.begin(nil)
			form := url.Values{"decision": {"allow"}, "ticket": {b.get(path).field("ticket")}}
			b.header = header
			b.post(path+"/consent", form).wants(http.StatusForbidden, "")
			b.post("/account/revoke", url.Values{"clientID": {authtest.PhotoPrint}}).wants(http.StatusForbidden, "")
			b.post("/signout", nil).wants(http.StatusForbidden, "")
			b.post("/login", url.Values{"username": {"alice"}, "password": {authtest.AlicePassword}}).wants(http.StatusForbidden, "")
			b.post(path+"/login", url.Values{"username": {"alice"}, "password": {authtest.AlicePassword}}).wants(http.StatusForbidden, "")
			if h.issued() != 0 {
				t.Error("something was issued")
			}
			b.header = http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {h.issuer}}
			b.post(path+"/consent", form).back(authtest.PhotoPrintCallback)
		})
	}
}

func TestN09ADecisionWithoutThePagesTicketIssuesNothing(t *testing.T) {
	h := newHouse(t)
	b, elsewhere := h.bob(t), h.bob(t)
	path, other := b.begin(nil), b.begin(nil)
	ticket := b.get(path).field("ticket")
	for name, form := range map[string]url.Values{
		"none":                {"decision": {"allow"}},
		"empty":               {"decision": {"allow"}, "ticket": {""}},
		"of another request":  {"decision": {"allow"}, "ticket": {b.get(other).field("ticket")}},
		"of another browser":  {"decision": {"allow"}, "ticket": {elsewhere.get(elsewhere.begin(nil)).field("ticket")}},
		"changed":             {"decision": {"allow"}, "ticket": {flip(ticket[0]) + ticket[1:]}},
		"cut":                 {"decision": {"allow"}, "ticket": {ticket[:len(ticket)-4]}},
		"denied without it":   {"decision": {"deny"}},
		"the session's value": {"decision": {"allow"}, "ticket": {b.cookies()["__Host-gatehouse-session"]}},
		"only in the query":   {"decision": {"allow"}, "ignored": {ticket}},
	} {
		t.Run(name, func(t *testing.T) {
			b.post(path+"/consent?ticket="+url.QueryEscape(ticket), form).wants(http.StatusForbidden, "")
			if h.issued() != 0 {
				t.Error("something was issued")
			}
		})
	}
}

func TestN09AnotherBrowserCannotDecide(t *testing.T) {
	h := newHouse(t)
	b, elsewhere := h.bob(t), h.bob(t)
	path := b.begin(nil)
	form := url.Values{"decision": {"allow"}, "ticket": {b.get(path).field("ticket")}}

	elsewhere.post(path+"/consent", form).wants(http.StatusForbidden, "")
	// Not even one that got hold of the interaction's cookie: its login is another one.
	cookie := "__Host-gatehouse-i-" + strings.TrimPrefix(path, "/interaction/")
	elsewhere.keep(cookie, b.cookies()[cookie])
	elsewhere.post(path+"/consent", form).wants(http.StatusSeeOther, path)
	if h.issued() != 0 {
		t.Error("something was issued")
	}
}

func TestN09AnotherOwnerCannotDecide(t *testing.T) {
	h := newHouse(t)
	h.Entitlement.Allow(authtest.Alice, authtest.PhotoPrint)
	b := h.bob(t)
	path := b.begin(nil)
	form := url.Values{"decision": {"allow"}, "ticket": {b.get(path).field("ticket")}}
	b.post("/login", url.Values{"username": {"alice"}, "password": {authtest.AlicePassword}}).wants(http.StatusSeeOther, "/account")

	b.post(path+"/consent", form).wants(http.StatusSeeOther, path)
	if h.issued() != 0 {
		t.Error("something was issued")
	}
	b.get(path).wants(http.StatusOK, "").says("Signed in as Alice")
}

func TestN09ADecisionCountsOnce(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	path := b.begin(nil)
	form := url.Values{"decision": {"allow"}, "ticket": {b.get(path).field("ticket")}}
	kept := maps.Clone(b.cookies())
	first := b.post(path+"/consent", form).wants(http.StatusSeeOther, "").Header.Get("Location")
	if !strings.HasPrefix(first, authtest.PhotoPrintCallback+"?code=") {
		t.Fatalf("the browser is sent to %s", first)
	}
	b.post(path+"/consent", form).wants(http.StatusSeeOther, first)
	for name, value := range kept { // as the owner could
		b.keep(name, value)
	}
	b.post(path+"/consent", form).wants(http.StatusSeeOther, first)
	if _, err := h.redeem(t, b.get(path).back(authtest.PhotoPrintCallback).Get("code")); err != nil {
		t.Fatal(err)
	}
	b.post(path+"/consent", form).wants(http.StatusForbidden, "")
	b.get(path).wants(http.StatusGone, "")
	if h.issued() != 1 {
		t.Errorf("%d grants, want 1", h.issued())
	}
}

func TestADecisionAfterTheLoginEndedGoesBackToTheLogin(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	h.Clock.Advance(12*time.Hour - time.Minute)
	path := b.begin(nil)
	form := url.Values{"decision": {"allow"}, "ticket": {b.get(path).field("ticket")}}
	h.Clock.Advance(2 * time.Minute)
	b.post(path+"/consent", form).wants(http.StatusSeeOther, path)
	b.get(path).wants(http.StatusOK, "").says("Sign in")
	if h.issued() != 0 {
		t.Error("something was issued")
	}
}

func TestWhatIsNoDecisionDecidesNothing(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	path := b.begin(nil)
	ticket := b.get(path).field("ticket")
	for name, form := range map[string]url.Values{
		"none":          {},
		"another word":  {"decision": {"ALLOW"}},
		"both":          {"decision": {"allow", "deny"}},
		"allowed twice": {"decision": {"allow", "allow"}},
		"two tickets":   {"decision": {"allow"}, "ticket": {ticket, ticket}},
	} {
		t.Run(name, func(t *testing.T) {
			if !form.Has("ticket") {
				form.Set("ticket", ticket)
			}
			b.post(path+"/consent", form).wants(http.StatusBadRequest, "")
			if h.issued() != 0 {
				t.Error("something was issued")
			}
		})
	}
}

func TestWhenTheStoreIsGoneNothingIsIssuedAndTheDecisionCanBeRepeated(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	path := b.begin(nil)
	form := url.Values{"decision": {"allow"}, "ticket": {b.get(path).field("ticket")}}
	h.Store.Fail(authserver.ErrUnavailable)
	p := b.post(path+"/consent", form).wants(http.StatusServiceUnavailable, "")
	if p.Header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	h.Store.Fail(nil)
	b.post(path+"/consent", form).back(authtest.PhotoPrintCallback)
}
