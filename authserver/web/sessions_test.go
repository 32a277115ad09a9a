// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

const endSessions = "/account/sessions/end"

// signedOn reports whether the browser is logged in.
func (b *browser) signedOn() bool { return b.get("/account").StatusCode == http.StatusOK }

// sessionIDs returns the IDs of the sessions that the account page offers to end.
func (p *page) sessionIDs() []string {
	var ids []string
	for _, n := range p.elements("input") {
		if attribute(n, "name") == "session" {
			ids = append(ids, attribute(n, "value"))
		}
	}
	return ids
}

func TestTheAccountShowsEachSessionAndEndsOne(t *testing.T) {
	h := newHouse(t)
	first := h.bob(t)
	h.Clock.Advance(time.Hour)
	second := h.bob(t)
	h.Clock.Advance(time.Hour)
	third := h.bob(t)
	p := second.get("/account").wants(http.StatusOK, "")
	p.says("Where you are signed in", "This browser", "Another browser", "1 June 2026, 13:00 UTC", "2 June 2026, 01:00 UTC")
	ids := p.sessionIDs()
	if len(ids) != 2 {
		t.Fatalf("%d sessions can be ended, want those of the two other browsers", len(ids))
	}
	second.post(endSessions, url.Values{"session": {ids[0]}}).wants(http.StatusSeeOther, "/account") // the newest comes first
	if !first.signedOn() || third.signedOn() {
		t.Error("another session ended than the one that was named")
	}
	second.get("/account").says("Signed out there.")
	if text := second.get("/account").text(); strings.Contains(text, "Signed out there.") {
		t.Error("the notice is shown twice")
	}
	if got := h.Audit.Events(authserver.EventSignedOut); len(got) != 1 || got[0].Owner != authtest.Bob {
		t.Errorf("audited %+v", got)
	}
}

func TestTheAccountEndsAllOtherSessionsOrAll(t *testing.T) {
	h := newHouse(t)
	alice := h.signedIn(t, authtest.Alice, authtest.AlicePassword)
	first, second := h.bob(t), h.bob(t)
	tokens := h.allow(t, first, "")
	first.post(endSessions, url.Values{"which": {"others"}}).wants(http.StatusSeeOther, "/account")
	if !first.signedOn() || second.signedOn() {
		t.Error("after the others ended, the wrong ones are there")
	}
	third := h.bob(t)
	first.post(endSessions, url.Values{"which": {"all"}}).wants(http.StatusSeeOther, "/signout")
	if first.signedOn() || third.signedOn() {
		t.Error("after all ended, one is there")
	}
	if !alice.signedOn() {
		t.Error("Alice is signed out too")
	}
	if !h.active(t, tokens.AccessToken) {
		t.Error("a grant ended with the sessions")
	}
}

func TestN96NobodyEndsTheSessionsOfAnother(t *testing.T) {
	h := newHouse(t)
	bob, other := h.bob(t), h.bob(t)
	ids := bob.get("/account").sessionIDs()
	alice := h.signedIn(t, authtest.Alice, authtest.AlicePassword)
	alice.post(endSessions, url.Values{"session": ids}).wants(http.StatusSeeOther, "/account")
	alice.post(endSessions, url.Values{"which": {"others"}}).wants(http.StatusSeeOther, "/account")
	h.browser(t).post(endSessions, url.Values{"session": ids}).wants(http.StatusSeeOther, "/login")
	h.browser(t).post(endSessions, url.Values{"which": {"all"}}).wants(http.StatusSeeOther, "/login")
	alice.post(endSessions, url.Values{"which": {"all"}}).wants(http.StatusSeeOther, "/signout")
	for _, strange := range []url.Values{
		{"session": {"x"}}, {"session": {strings.Repeat("00", 32)}}, {"session": {strings.Repeat("a", 5000)}}, {},
	} {
		bob.post(endSessions, strange).wants(http.StatusSeeOther, "/account")
	}
	bob.post(endSessions, url.Values{"which": {"everything"}}).wants(http.StatusBadRequest, "")
	if !bob.signedOn() || !other.signedOn() {
		t.Error("Bob is signed out")
	}
}

func TestN96AnotherSiteEndsNoSessions(t *testing.T) {
	h := newHouse(t)
	bob, other := h.bob(t), h.bob(t)
	for _, header := range []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://evil.example"}}, {"Origin": {"null"}},
	} {
		bob.header = header
		if got := bob.post(endSessions, url.Values{"which": {"all"}}); got.StatusCode/100 != 4 {
			t.Errorf("%v: status %d", header, got.StatusCode)
		}
	}
	bob.header = http.Header{}
	if !bob.signedOn() || !other.signedOn() {
		t.Error("somebody is signed out")
	}
}

func TestSessionsAreNotCalledEndedWithoutAStore(t *testing.T) {
	h := newHouse(t)
	bob := h.bob(t)
	h.Store.Fail(authserver.ErrUnavailable)
	bob.post(endSessions, url.Values{"which": {"all"}}).wants(http.StatusServiceUnavailable, "")
	h.Store.Fail(nil)
	if !bob.signedOn() {
		t.Error("the browser has lost its cookie although the answer was an error")
	}
}

func TestEachButtonOfTheSessionsHasANameOfItsOwn(t *testing.T) {
	h := newHouse(t)
	h.bob(t)
	h.Clock.Advance(time.Hour)
	h.bob(t)
	h.Clock.Advance(time.Hour)
	p := h.bob(t).get("/account")
	var names []string
	for _, n := range p.elements("button") {
		names = append(names, textOf(n))
	}
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	if len(slices.Compact(sorted)) != len(names) || len(names) < 4 {
		t.Errorf("the buttons are called %q", names)
	}
}

func TestAChangedPasswordSignsOutEverywhere(t *testing.T) {
	h := newHouse(t)
	first, second := h.bob(t), h.bob(t)
	tokens := h.allow(t, first, "")
	owner, err := h.Directory.Lookup(t.Context(), authtest.Bob)
	if err != nil {
		t.Fatal(err)
	}
	h.Directory.Put(owner, "another battery")
	if first.signedOn() || second.signedOn() {
		t.Error("Bob is still signed in with the old password")
	}
	if !h.active(t, tokens.AccessToken) {
		t.Error("the grant ended too")
	}
	if !h.signedIn(t, authtest.Bob, "another battery").signedOn() {
		t.Error("the new password does not sign in")
	}
}
