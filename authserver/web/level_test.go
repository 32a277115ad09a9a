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
	level1 = "urn:gatehouse:acr:1fa"
	level2 = "urn:gatehouse:acr:2fa"
)

// demandFactor makes PhotoPrint demand a second factor.
func (h *house) demandFactor() {
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.SecondFactor = true })
}

// low returns a browser in which Bob is logged in with his password alone although he has an app: the session came from before.
func (h *house) low(t *testing.T) (*browser, authtest.App) {
	t.Helper()
	b := h.bob(t)
	v, err := h.Auth.Visitor(t.Context(), b.cookies()[sessionCookie])
	if err != nil {
		t.Fatal(err)
	}
	person, err := h.Store.Person(t.Context(), v.Owner.Subject)
	if err != nil {
		t.Fatal(err)
	}
	app := h.Enrol(t, authtest.Bob, authtest.BobPassword)
	if err := h.Store.CreateSession(t.Context(), v.Session, authserver.Confirmation{Person: person}); err != nil {
		t.Fatal(err)
	}
	return b, app
}

func TestASessionIsRaisedWhereMoreIsDemanded(t *testing.T) {
	for name, ask := range map[string]url.Values{
		"by the client": nil, "by the request": {"acr_values": {"urn:example:x " + level2}}, "as what is better": {"acr_values": {level2 + " " + level1}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			if ask == nil {
				h.demandFactor()
			}
			b, app := h.low(t)
			before := b.cookies()[sessionCookie]
			path := b.begin(ask)
			b.get(path).wants(http.StatusOK, "").says("Second step", "PhotoPrint")
			b.post(path+"/factor", url.Values{"code": {"000000"}}).wants(http.StatusForbidden, "").says("The code is wrong")
			b.post(path+"/factor", h.appShows(t, app)).wants(http.StatusSeeOther, path)
			b.get(path).wants(http.StatusOK, "").says("asks for access")
			after := b.cookies()[sessionCookie]
			v, err := h.Auth.Visitor(t.Context(), after)
			if err != nil || v == nil || !v.Session.TwoFactors() || !v.Session.AuthenticatedAt.Equal(authtest.Start) {
				t.Errorf("the session is %+v: %v", v, err)
			}
			b.keep(sessionCookie, before)
			b.get("/account").wants(http.StatusSeeOther, "/login") // N270: nobody goes on in the one before
		})
	}
}

func TestN272WhatARequestAsksTakesNothingAway(t *testing.T) {
	for _, values := range []string{level1, level1 + " " + level2, "0", level2 + " " + level1} {
		h := newHouse(t)
		h.demandFactor()
		b, _ := h.low(t)
		b.get(b.begin(url.Values{"acr_values": {values}})).wants(http.StatusOK, "").says("Second step")
		alice := h.signedIn(t, authtest.Alice, authtest.AlicePassword)
		alice.get(alice.begin(url.Values{"acr_values": {values}})).wants(http.StatusOK, "").says("you have none yet")
	}
}

func TestWhatIsOnlyPreferredIsNotDemanded(t *testing.T) {
	h := newHouse(t)
	for _, values := range []string{level1, level1 + " " + level2, level2 + " " + level1, "0 1", ""} {
		b := h.bob(t)
		b.get(b.begin(url.Values{"acr_values": {values}})).wants(http.StatusOK, "").says("asks for access")
	}
	b, _ := h.low(t)
	b.get(b.begin(url.Values{"acr_values": {level1 + " " + level2}})).wants(http.StatusOK, "").says("asks for access")
}

func TestN273TheLevelIsDemandedAtEachStep(t *testing.T) {
	h := newHouse(t)
	b, _ := h.low(t)
	path := b.begin(nil)
	p := b.get(path).wants(http.StatusOK, "").says("asks for access")
	h.demandFactor() // meanwhile
	b.post(path+"/consent", url.Values{"decision": {"allow"}, "always": {"on"}, "ticket": {p.field("ticket")}}).wants(http.StatusSeeOther, path)
	b.get(path).wants(http.StatusOK, "").says("Second step")
	alice := h.signedIn(t, authtest.Alice, authtest.AlicePassword)
	alice.post(alice.begin(nil)+"/consent", url.Values{"decision": {"allow"}, "ticket": {p.field("ticket")}}).wants(http.StatusSeeOther, "")
	if len(h.Audit.Events(authserver.EventGrantApproved)) != 0 {
		t.Error("there is a grant")
	}
}

func TestN273ARememberedConsentDoesNotStandInForTheLevel(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	h.allow(t, b, "on")
	h.demandFactor()
	b.get(b.begin(nil)).wants(http.StatusOK, "").says("you have none yet")
}

func TestN274WithPromptNoneTheClientIsToldWhatIsMissing(t *testing.T) {
	h := newHouse(t)
	h.demandFactor()
	none := url.Values{"prompt": {"none"}}
	without := h.signedIn(t, authtest.Alice, authtest.AlicePassword)
	if got := without.get(without.begin(none)).back(authtest.PhotoPrintCallback).Get("error"); got != "unmet_authentication_requirements" {
		t.Errorf("without a factor the error is %s", got)
	}
	b, app := h.low(t)
	if got := b.get(b.begin(none)).back(authtest.PhotoPrintCallback).Get("error"); got != "login_required" {
		t.Errorf("with a factor that was not asked for the error is %s", got)
	}
	high := h.withApp(t, app)
	if got := high.get(high.begin(none)).back(authtest.PhotoPrintCallback).Get("error"); got != "consent_required" {
		t.Errorf("with a factor the error is %s", got)
	}
}

func TestWhoHasNoFactorAddsOneRightAfterThePassword(t *testing.T) {
	h := newHouse(t)
	h.demandFactor()
	b := h.browser(t)
	path := b.begin(nil)
	b.post(path+"/login", bobsPassword).wants(http.StatusSeeOther, path)
	p := b.get(path).wants(http.StatusOK, "").says("PhotoPrint asks for a second step at the login, and you have none yet.")
	if back := p.link(t, "Cancel and go back to PhotoPrint"); !strings.HasPrefix(back, authtest.PhotoPrintCallback) || !strings.Contains(back, "error=unmet_authentication_requirements") {
		t.Errorf("the way back is %s", back)
	}
	form := url.Values{"ticket": {p.field("ticket")}, "code": {"000000"}}
	b.post(path+"/enrol", form).wants(http.StatusForbidden, "").says("The code is wrong")
	form.Set("code", authtest.TOTP(t, p.secret(), h.Clock.Now()))
	codes := b.post(path+"/enrol", form).wants(http.StatusOK, "").says("Your recovery codes")
	if got := codes.link(t, "I have kept them"); got != path {
		t.Errorf("the page leads to %s", got)
	}
	b.get(path).wants(http.StatusOK, "").says("asks for access")
	b.consentTo(path, "allow").back(authtest.PhotoPrintCallback)
}

func TestN275NobodyAddsTheFirstFactorInAnOldLogin(t *testing.T) {
	h := newHouse(t)
	h.demandFactor()
	b := h.bob(t)
	path := b.begin(nil)
	p := b.get(path).wants(http.StatusOK, "").says("you have none yet")
	h.Clock.Advance(authserver.RecentLogin)
	b.get(path).wants(http.StatusOK, "").says("Sign in")
	form := url.Values{"ticket": {p.field("ticket")}, "code": {authtest.TOTP(t, p.secret(), h.Clock.Now())}}
	b.post(path+"/enrol", form).wants(http.StatusSeeOther, path)
	b.post(path+"/login", bobsPassword).wants(http.StatusSeeOther, path)
	b.get(path).wants(http.StatusOK, "").says("you have none yet")
	if len(h.Audit.Events(authserver.EventFactorAdded)) != 0 {
		t.Error("a factor was added")
	}
}

// Whoever has a factor does not add another one in place of it.
func TestN275NobodyAddsAFactorInsteadOfProvingTheirs(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	p := b.get(pathTOTP)
	h.demandFactor()
	low, _ := h.low(t)
	path := low.begin(nil)
	form := url.Values{"ticket": {p.field("ticket")}, "code": {authtest.TOTP(t, p.secret(), h.Clock.Now())}}
	low.post(path+"/enrol", form).wants(http.StatusSeeOther, path)
	low.get(pathTOTP).wants(http.StatusSeeOther, "/login/again")
	if got := len(h.Audit.Events(authserver.EventFactorAdded)); got != 1 { // the one that he has
		t.Errorf("%d factors were added", got)
	}
}

func TestWhoProvesAFactorForAClientCanSignOutInstead(t *testing.T) {
	h := newHouse(t)
	h.demandFactor()
	b, _ := h.low(t)
	path := b.begin(nil)
	b.post(path+"/factor", url.Values{"again": {"on"}}).wants(http.StatusSeeOther, path)
	b.get(path).wants(http.StatusOK, "").says("Sign in")
}
