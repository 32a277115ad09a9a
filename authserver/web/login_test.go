// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

func TestAWrongPasswordShowsThePageAgain(t *testing.T) {
	h := newHouse(t)
	for name, path := range map[string]func(*browser) string{
		"in an interaction": func(b *browser) string { return b.begin(nil) + "/login" },
		"for the account":   func(*browser) string { return "/login" },
	} {
		t.Run(name, func(t *testing.T) {
			b := h.browser(t)
			p := b.post(path(b), url.Values{"username": {"bob"}, "password": {"hunter2-is-wrong"}}).wants(http.StatusForbidden, "")
			p.says("The user name or the password is wrong.")
			if got := p.field("username"); got != "bob" {
				t.Errorf("the user name is %q, want what was typed", got)
			}
			if strings.Contains(p.body, "hunter2-is-wrong") {
				t.Error("the password is on the page")
			}
			for _, n := range p.elements("input") {
				if attribute(n, "type") == "hidden" {
					continue
				}
				if attribute(n, "aria-describedby") != "problem" || attribute(n, "aria-invalid") != "true" {
					t.Errorf("the field %s is not tied to the sentence", attribute(n, "name"))
				}
			}
			if _, ok := b.cookies()["__Host-gatehouse-session"]; ok {
				t.Error("there is a session")
			}
		})
	}
}

func TestN138ANameWithABlankLogsInInBothPlaces(t *testing.T) {
	h := newHouse(t)
	for _, name := range []string{"bob ", "\u00a0bob", "bob\u200b"} {
		form := url.Values{"username": {name}, "password": {authtest.BobPassword}}
		b := h.browser(t)
		path := b.begin(nil)
		b.post(path+"/login", form).wants(http.StatusSeeOther, path)
		b.get(path).wants(http.StatusOK, "").says("Signed in as Bob")
		h.browser(t).post("/login", form).wants(http.StatusSeeOther, "/account")
	}
}

func TestUnknownPeopleAndWrongPasswordsLookTheSame(t *testing.T) {
	h := newHouse(t)
	b := h.browser(t)
	wrong := b.post("/login", url.Values{"username": {"alice"}, "password": {"x"}})
	unknown := b.post("/login", url.Values{"username": {"nobody"}, "password": {"x"}})
	if got := strings.ReplaceAll(unknown.withoutChallenge(), "nobody", "alice"); got != wrong.withoutChallenge() || unknown.StatusCode != wrong.StatusCode {
		t.Errorf("the answers differ:\n%s\n%s", got, wrong.body)
	}
}

func TestTheLoginLeadsNowhereElse(t *testing.T) {
	h := newHouse(t)
	b := h.browser(t)
	b.get("/login?next=https://evil.example").wants(http.StatusOK, "")
	form := url.Values{"username": {"bob"}, "password": {authtest.BobPassword}, "next": {"https://evil.example"}}
	b.post("/login?next=//evil.example", form).wants(http.StatusSeeOther, "/account")
	b.get("/login").wants(http.StatusSeeOther, "/account")
	b.get("/").wants(http.StatusSeeOther, "/account")
}

func TestTheCookiesAreForThisHostOnly(t *testing.T) {
	h := newHouse(t)
	b := h.browser(t)
	begun := b.get(request(nil))
	loggedIn := b.post("/login", url.Values{"username": {"bob"}, "password": {authtest.BobPassword}})
	cookies := append(begun.Cookies(), loggedIn.Cookies()...)
	if len(cookies) != 3 {
		t.Fatalf("%d cookies, want interaction, session and device", len(cookies))
	}
	want := map[string]int{"i": int((authserver.InteractionLifetime + 24*time.Hour) / time.Second), "session": 0, "device": 90 * 24 * 60 * 60}
	for _, c := range cookies {
		kind, ok := strings.CutPrefix(c.Name, "__Host-gatehouse-")
		kind, _, _ = strings.Cut(kind, "-")
		if !ok || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || !c.Expires.IsZero() {
			t.Errorf("the cookie is not for this host only: %s", c.Raw)
		}
		if c.MaxAge != want[kind] {
			t.Errorf("the cookie %s lasts %d s, want %d", c.Name, c.MaxAge, want[kind])
		}
	}
}

func TestAFormWithAFieldGivenTwiceIsRefused(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	path := b.begin(nil)
	for target, form := range map[string]url.Values{
		"/login":          {"username": {"bob"}, "password": {authtest.BobPassword, "x"}},
		path + "/login":   {"username": {"bob", "alice"}, "password": {authtest.BobPassword}},
		"/account/revoke": {"clientID": {authtest.PhotoPrint, authtest.BookShelf}},
		"/signout":        {"interaction": {"a", "b"}},
	} {
		t.Run(target[strings.LastIndexByte(target, '/'):], func(t *testing.T) {
			b.post(target, form).wants(http.StatusBadRequest, "").says("a field is given twice")
		})
	}
}

func TestAFormThatIsTooLargeIsRefused(t *testing.T) {
	h := newHouse(t)
	h.browser(t).post("/login", url.Values{"username": {strings.Repeat("a", 70_000)}}).wants(http.StatusBadRequest, "")
}

func TestWhenTheDirectoryIsGoneTheLoginPageSaysSo(t *testing.T) {
	h := newHouse(t)
	b := h.browser(t)
	path := b.begin(nil)
	form := url.Values{"username": {"bob"}, "password": {authtest.BobPassword}}
	h.Directory.Fail(authserver.ErrUnavailable)
	p := b.post(path+"/login", form).wants(http.StatusServiceUnavailable, "").says("Try again in a few seconds.")
	if p.Header.Get("Retry-After") == "" || p.field("username") != "bob" {
		t.Errorf("Retry-After %q, user name %q", p.Header.Get("Retry-After"), p.field("username"))
	}
	h.Directory.Fail(nil)
	b.post(path+"/login", form).wants(http.StatusSeeOther, path)
}

func TestWhoLeavesTheDirectoryIsSignedOut(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	h.Directory.Remove(authtest.Bob)
	b.get("/account").wants(http.StatusSeeOther, "/login")
}

func TestSignOutAsksThenEndsTheSession(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	session := b.cookies()["__Host-gatehouse-session"]
	b.get("/signout").wants(http.StatusOK, "").says("Sign out?", "Bob")
	b.get("/account").wants(http.StatusOK, "") // to ask is not to do
	b.post("/signout", nil).wants(http.StatusSeeOther, "/signout")
	b.get("/signout").wants(http.StatusOK, "").says("You are signed out")
	if _, ok := b.cookies()["__Host-gatehouse-session"]; ok {
		t.Error("the browser still has the cookie")
	}
	b.keep("__Host-gatehouse-session", session)
	b.get("/account").wants(http.StatusSeeOther, "/login")
}

func TestSignOutLeadsToInteractionsOnly(t *testing.T) {
	h := newHouse(t)
	for _, target := range []string{
		"https://evil.example", "//evil.example/aaaaaaaaaaaaaaaa", "../../evil/aaaaaaaaaaaaaa", "AAAAAAAAAAAAAAAAAAAA/../../x",
		"AAAAAAAAAAAAAAAAAAAA?x", "short", strings.Repeat("A", 65), "AAAAAAAAAAAAAAAA\r\nSet-Cookie: x",
	} {
		t.Run(target, func(t *testing.T) {
			h.bob(t).post("/signout", url.Values{"interaction": {target}}).wants(http.StatusSeeOther, "/signout")
		})
	}
}

// guess posts wrong passwords for the account until the server wants it to wait, or for
// most times, and returns how many were checked.
func (b *browser) guess(account string, most int, header func(n int) http.Header) (checked int, last *page) {
	b.t.Helper()
	for n := range most {
		b.header = header(n)
		last = b.post("/login", url.Values{"username": {account}, "password": {"guess " + strconv.Itoa(n)}})
		if last.StatusCode == http.StatusTooManyRequests {
			return n, last
		}
		last.wants(http.StatusForbidden, "")
	}
	return most, last
}

func from(address string) http.Header { return http.Header{headerPeer: {address + ":40000"}} }

func TestN60GuessingAPasswordIsSlowedDownByThePage(t *testing.T) {
	h := newHouse(t)
	b := h.browser(t)
	checked, p := b.guess(authtest.Bob, 20, func(int) http.Header { return from("198.51.100.7") })
	if checked >= 20 {
		t.Fatal("20 guesses were checked")
	}
	p.says("There were too many attempts. Try again in ")
	wait, err := strconv.Atoi(p.Header.Get("Retry-After"))
	if err != nil || wait < 1 {
		t.Fatalf("Retry-After is %q", p.Header.Get("Retry-After"))
	}
	right := url.Values{"username": {"bob"}, "password": {authtest.BobPassword}}
	b.post("/login", right).wants(http.StatusTooManyRequests, "") // the right one is not told apart
	h.Clock.Advance(time.Duration(wait) * time.Second)
	b.post("/login", right).wants(http.StatusSeeOther, "/account")
}

func TestN60ForgedProxyHeadersBuyNoGuesses(t *testing.T) {
	h := newHouse(t)
	honest, _ := h.browser(t).guess(authtest.Bob, 20, func(int) http.Header { return from("198.51.100.7") })
	forged, _ := h.browser(t).guess(authtest.Bob, 20, func(n int) http.Header {
		header := from("198.51.100.8")
		header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", n))
		header.Set("X-Real-IP", fmt.Sprintf("203.0.113.%d", n))
		header.Set("Forwarded", fmt.Sprintf("for=203.0.113.%d", n))
		return header
	})
	if forged != honest {
		t.Errorf("with forged headers %d guesses are checked, without %d", forged, honest)
	}
}

func TestN60BehindATrustedProxyItsOwnEntryCounts(t *testing.T) {
	h := newHouse(t)
	checked, _ := h.browser(t).guess(authtest.Bob, 20, func(n int) http.Header {
		header := from("10.1.2.3")
		header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d, 198.51.100.7", n))
		return header
	})
	if checked >= 20 {
		t.Error("20 guesses were checked: the forged part of the header counted")
	}
}

func TestN60NobodyElseIsLockedOut(t *testing.T) {
	h := newHouse(t)
	known := h.browser(t)
	known.header = from("192.0.2.1")
	right := url.Values{"username": {"bob"}, "password": {authtest.BobPassword}}
	known.post("/login", right).wants(http.StatusSeeOther, "/account")
	known.post("/signout", nil).wants(http.StatusSeeOther, "/signout")

	// Somebody guesses Bob's password from many addresses, Bob's own among them.
	for n := range 30 {
		h.browser(t).guess(authtest.Bob, 10, func(int) http.Header { return from(fmt.Sprintf("198.51.100.%d", n)) })
	}
	h.browser(t).guess(authtest.Bob, 10, func(int) http.Header { return from("192.0.2.1") })

	known.post("/login", right).wants(http.StatusSeeOther, "/account")
	elsewhere := h.browser(t)
	elsewhere.header = from("192.0.2.99")
	elsewhere.post("/login", right).wants(http.StatusSeeOther, "/account")
	alice := h.browser(t)
	alice.header = from("192.0.2.1")
	alice.post("/login", url.Values{"username": {"alice"}, "password": {authtest.AlicePassword}}).wants(http.StatusSeeOther, "/account")
}

func TestN60AKnownBrowserIsKnownForItsOwnerOnly(t *testing.T) {
	h := newHouse(t)
	b := h.signedIn(t, authtest.Alice, authtest.AlicePassword)
	known := b.cookies()["__Host-gatehouse-device"]
	checked, _ := b.guess(authtest.Bob, 20, func(int) http.Header { return from("198.51.100.7") })
	if checked >= 20 {
		t.Error("Alice's browser may guess Bob's password freely")
	}
	if b.cookies()["__Host-gatehouse-device"] != known {
		t.Error("a failed login changed the device cookie")
	}
}
