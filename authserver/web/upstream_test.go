// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
)

const partner = authtest.UpstreamSource

var (
	partnerWay = web.LoginWay{Key: partner, Name: "Partner Inc.", Domains: []string{"partner.example"}}
	otherWay   = web.LoginWay{Key: "other", Name: "Other Ltd."}
	twoWays    = []web.LoginWay{{Name: web.PasswordWay}, partnerWay}
)

// begins follows a way to the other server and returns the state.
func (b *browser) begins(address string) string {
	b.t.Helper()
	p := b.get(address)
	to, err := url.Parse(p.Header.Get("Location"))
	if err != nil || p.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to.String(), authtest.UpstreamAddress) {
		b.t.Fatalf("GET %s: %d, location %q", address, p.StatusCode, p.Header.Get("Location"))
	}
	if want := b.base + "/login/callback/"; !strings.HasPrefix(to.Query().Get("redirect_uri"), want) {
		b.t.Fatalf("the callback is %q, want one below %s", to.Query().Get("redirect_uri"), want)
	}
	return to.Query().Get("state")
}

// answerOf is where the other server sends the browser.
func answerOf(state, code string) string {
	return "/login/callback/" + partner + "?" + url.Values{"state": {state}, "code": {code}}.Encode()
}

// letsIn lets the other server know Carol, and returns her code.
func (h *house) letsIn() string {
	h.Upstreams.Answer("carols-code", authserver.UpstreamLogin{Owner: authtest.Partner("7", "carol"), RefreshToken: "carols refresh token"})
	return "carols-code"
}

func visitPartner(t *testing.T, h *house) visit {
	return visit{browser: h.browser(t), target: "/login/source/" + partner}
}

func visitPartnersAnswer(t *testing.T, h *house) visit {
	b := h.browser(t)
	return visit{browser: b, target: answerOf(b.begins("/login/source/"+partner), h.letsIn())}
}

func TestALoginAtAnotherServerComesBackToItsRequest(t *testing.T) {
	h := newHouse(t, partnerWay)
	h.Entitlement.Allow("carol", authtest.PhotoPrint)
	b := h.browser(t)
	path := b.begin(nil)
	id := strings.TrimPrefix(path, "/interaction/")
	b.get(path).wants(http.StatusSeeOther, "/login/source/"+partner+"?interaction="+id) // straight on
	state := b.begins("/login/source/" + partner + "?interaction=" + id)
	b.get(answerOf(state, h.letsIn())).wants(http.StatusSeeOther, path+"?with=choice")
	b.get(path+"?with=choice").wants(http.StatusOK, "").says("Signed in as carol")
	asked, answered := h.Upstreams.Requests()[0], h.Upstreams.Answers()[0]
	if asked.Nonce != answered.Nonce || asked.CodeVerifier != answered.CodeVerifier || asked.RedirectURI != answered.RedirectURI {
		t.Errorf("asked with %+v, answered with %+v", asked, answered)
	}
	if len(asked.Nonce) != 43 || len(asked.CodeVerifier) != 43 || asked.Nonce == asked.CodeVerifier || asked.State == asked.Nonce {
		t.Errorf("asked with %+v", asked)
	}
	for name := range b.cookies() {
		if strings.HasPrefix(name, "__Host-gatehouse-u-") {
			t.Errorf("the browser still has the cookie %s", name)
		}
	}
}

func TestALoginAtAnotherServerForTheAccountPage(t *testing.T) {
	h := newHouse(t, partnerWay)
	b := h.browser(t)
	b.get("/login").wants(http.StatusSeeOther, "/login/source/"+partner)
	b.get(answerOf(b.begins("/login/source/"+partner), h.letsIn())).wants(http.StatusSeeOther, "/account")
	b.get("/account").wants(http.StatusOK, "").says("carol")
}

// N245: somebody sends a victim the answer to a login of their own.
func TestN245AnAnswerIsTakenInTheBrowserAloneWhereTheLoginBegan(t *testing.T) {
	h := newHouse(t, twoWays...)
	thief, victim := h.browser(t), h.browser(t)
	state := thief.begins("/login/source/" + partner)
	code := h.letsIn()
	refused := func(b *browser, address string) {
		t.Helper()
		p := b.get(address).wants(http.StatusForbidden, "").says("You are not signed in", "Request ID")
		if _, ok := b.cookies()["__Host-gatehouse-session"]; ok || p.Header.Get("Location") != "" {
			t.Errorf("GET %s opened a session", address)
		}
	}
	refused(victim, answerOf(state, code))
	victims := victim.begins("/login/source/" + partner)
	refused(victim, answerOf(state, code))
	victim.keep("__Host-gatehouse-u-"+state, victim.cookies()["__Host-gatehouse-u-"+victims]) // under another name
	refused(victim, answerOf(state, code))
	for _, address := range []string{answerOf("", code), answerOf(strings.Repeat("A", 65), code), answerOf("AAAAAAAAAAAAAAAAAAAA", code), "/login/callback/" + partner} {
		refused(victim, address)
	}
	refused(victim, answerOf(victims, code)+"&state="+state)
	if len(h.Upstreams.Answers()) != 0 {
		t.Errorf("%d answers were looked at", len(h.Upstreams.Answers()))
	}
	victim.get(answerOf(victim.begins("/login/source/"+partner), code)).wants(http.StatusSeeOther, "/account")
}

// N246: an answer of one server that is brought to the address of another one.
func TestN246AnAnswerOfAnotherSourceIsRefused(t *testing.T) {
	h := newHouse(t, partnerWay, otherWay)
	b := h.browser(t)
	state, code := b.begins("/login/source/other"), h.letsIn()
	b.get(answerOf(state, code)).wants(http.StatusForbidden, "").says("does not fit to what was asked")
	if len(h.Upstreams.Answers()) != 0 {
		t.Error("the code went to another server")
	}
	if got := h.Upstreams.Requests()[0].RedirectURI; got != h.issuer+"/login/callback/other" {
		t.Errorf("the callback is %s", got)
	}
	for _, path := range []string{"/login/callback/unknown?state=" + state, "/login/source/unknown", "/login/source/"} {
		b.get(path).wants(http.StatusNotFound, "")
	}
}

func TestN247AnAnswerIsTakenOnceAndForAQuarterOfAnHour(t *testing.T) {
	h := newHouse(t, partnerWay)
	b := h.browser(t)
	state, code := b.begins("/login/source/"+partner), h.letsIn()
	cookie := b.cookies()["__Host-gatehouse-u-"+state]
	b.get(answerOf(state, code)).wants(http.StatusSeeOther, "/account")
	b.keep("__Host-gatehouse-u-"+state, cookie)
	b.get(answerOf(state, code)).wants(http.StatusForbidden, "").says("was used before")
	late := h.browser(t)
	state = late.begins("/login/source/" + partner)
	h.Clock.Advance(authserver.InteractionLifetime)
	late.get(answerOf(state, code)).wants(http.StatusForbidden, "").says("longer than 15 minutes")
}

func TestN254ALoginAtAnotherServerLeadsNowhereElse(t *testing.T) {
	h := newHouse(t, twoWays...)
	b := h.browser(t)
	for _, target := range []string{"https://evil.example", "//evil.example/aaaaaaaaaaaaaaaa", "../../evil/aaaaaaaaaaaaaa", "AAAAAAAAAAAAAAAAAAAA"} {
		p := b.get("/login/source/" + partner + "?interaction=" + url.QueryEscape(target))
		if p.StatusCode != http.StatusGone || p.Header.Get("Location") != "" {
			t.Errorf("interaction=%s: %d, location %q", target, p.StatusCode, p.Header.Get("Location"))
		}
		b.post("/login/choose", url.Values{"interaction": {target}, "email": {"a@partner.example"}}).wants(http.StatusForbidden, "")
	}
	state := b.begins("/login/source/" + partner + "?next=https://evil.example&redirect_uri=https://evil.example")
	b.get(answerOf(state, h.letsIn())+"&next=https://evil.example&interaction=//evil.example").wants(http.StatusSeeOther, "/account")
}

func TestErrorsOfAnotherServerEndOnAPageWithAWayOn(t *testing.T) {
	h := newHouse(t, twoWays...)
	b := h.browser(t)
	path := b.begin(nil)
	id := strings.TrimPrefix(path, "/interaction/")
	begin := func() string { return b.begins("/login/source/" + partner + "?interaction=" + id) }
	denied := "/login/callback/" + partner + "?" + url.Values{"state": {begin()}, "error": {"access_denied"}, "error_description": {"<b>no</b>"}}.Encode()
	p := b.get(denied).wants(http.StatusForbidden, "").says("did not confirm who you are", "Request ID")
	if strings.Contains(p.body, "<b>no</b>") || !strings.Contains(p.body, `href="`+path+`"`) {
		t.Errorf("the page is %s", p.body)
	}
	b.get(answerOf(begin(), "a code that the server does not know")).wants(http.StatusForbidden, "").says("does not fit to what was asked")
	state := begin()
	h.Upstreams.Fail(authserver.ErrUnavailable)
	for _, p := range []*page{
		b.get(answerOf(state, "x")).wants(http.StatusServiceUnavailable, "").says("does not answer", "Open the page again"),
		b.get("/login/source/"+partner).wants(http.StatusServiceUnavailable, "").says("does not answer"),
	} {
		if got := p.Header.Get("Retry-After"); got != "5" {
			t.Errorf("Retry-After is %q", got)
		}
	}
	if h.Store.Writes() != 0 {
		t.Errorf("%d writes for somebody who did not log in", h.Store.Writes())
	}
}

// N330: the page says little, and neither a refusal nor a fault says anything of the source. What it answered stands in the log.
func TestN330ALoginThatFailsAtAnotherServerLeavesOneLineInTheLog(t *testing.T) {
	h := newHouse(t, partnerWay)
	b := h.browser(t)
	begin := func() string { return b.begins("/login/source/" + partner) }
	for _, row := range []struct {
		name   string
		fault  error // of the other server
		target string
		word   string
	}{
		{"a made-up code that it refuses", nil, answerOf(begin(), "made-up"), "does not fit"},
		{"a made-up code that it has a fault with", fmt.Errorf("the token endpoint says it with status 500: %w", authserver.ErrUnavailable), answerOf(begin(), "made-up"), "status 500"},
		{"an error in place of a code", nil, "/login/callback/" + partner + "?" + url.Values{"state": {begin()}, "error": {"access_denied"}}.Encode(), "access_denied"},
		{"no state", nil, "/login/callback/" + partner + "?code=made-up", "there is no state"},
	} {
		h.log.Take()
		h.Upstreams.Fail(row.fault)
		p := b.get(row.target)
		lines := h.log.Take()
		if p.StatusCode < http.StatusBadRequest || len(lines) != 1 || !strings.Contains(lines[0], "source="+partner) || !strings.Contains(lines[0], "requestID=") ||
			!strings.Contains(lines[0], row.word) || strings.Contains(lines[0], "made-up") {
			t.Errorf("%s: status %d, the log says %q, want one line with %q", row.name, p.StatusCode, lines, row.word)
		}
	}
}

func TestN255ANameOfAnotherSourceIsRefusedAndNothingIsMerged(t *testing.T) {
	h := newHouse(t, twoWays...)
	h.signedIn(t, authtest.Bob, authtest.BobPassword)
	b := h.browser(t)
	h.Upstreams.Answer("code", authserver.UpstreamLogin{Owner: authtest.Partner("8", authtest.Bob)})
	b.get(answerOf(b.begins("/login/source/"+partner), "code")).wants(http.StatusForbidden, "").says("Somebody else is known here by the name")
	// The mail address does not make one person of two.
	carol := authtest.Partner("7", "carol")
	carol.Email = "bob@photos.example"
	h.Upstreams.Answer("code", authserver.UpstreamLogin{Owner: carol})
	b.get(answerOf(b.begins("/login/source/"+partner), "code")).wants(http.StatusSeeOther, "/account")
	b.get("/account").wants(http.StatusOK, "").says("carol")
	// And the other way round.
	h.Directory.Put(authserver.Owner{Name: "carol"}, "tulip")
	p := h.browser(t).post("/login", url.Values{"username": {"carol"}, "password": {"tulip"}})
	p.wants(http.StatusForbidden, "").says("The user name or the password is wrong.")
}

func TestN258ALoginThatIsAskedAnewIsAskedAnewThere(t *testing.T) {
	h := newHouse(t, partnerWay)
	b := h.browser(t)
	path := b.begin(url.Values{"prompt": {"login"}})
	id := strings.TrimPrefix(path, "/interaction/")
	state := b.begins("/login/source/" + partner + "?interaction=" + id)
	if age := h.Upstreams.Requests()[0].MaxAge; age == nil || *age != 0 {
		t.Errorf("max_age is %v", age)
	}
	b.get(answerOf(state, h.letsIn()))
	if age := h.Upstreams.Answers()[0].MaxAge; age == nil || *age != 0 {
		t.Errorf("the answer is checked with max_age %v", age)
	}
	if p := b.get(path + "?with=choice"); strings.Contains(p.body, "Choose how to sign in") {
		t.Error("the login is not taken for a new one")
	}
}

func TestTheChoiceOfASource(t *testing.T) {
	h := newHouse(t, twoWays[0], twoWays[1], otherWay)
	b := h.browser(t)
	path := b.begin(nil)
	p := b.get(path).wants(http.StatusOK, "").says("Choose how to sign in", "PhotoPrint", "User name and password", "Partner Inc.", "Other Ltd.")
	id := strings.TrimPrefix(path, "/interaction/")
	for _, address := range []string{path + "?with=password", "/login/source/" + partner + "?interaction=" + id, "/login/source/other?interaction=" + id} {
		if !strings.Contains(p.body, `href="`+address+`"`) {
			t.Errorf("the page has no link to %s: %s", address, p.body)
		}
	}
	b.get(path+"?with=password").wants(http.StatusOK, "").says("Password", "Sign in another way")
	narrowed := b.post("/login/choose", url.Values{"interaction": {id}, "email": {"carol@Partner.example"}}).wants(http.StatusOK, "")
	if narrowed.says("Partner Inc."); strings.Contains(narrowed.body, "Other Ltd.") {
		t.Error("the mail address chooses nothing")
	}
	b.post("/login/choose", url.Values{"email": {"carol@nowhere.example"}}).wants(http.StatusForbidden, "").says("No way to sign in is known", "Other Ltd.")
	b.get("/login").wants(http.StatusOK, "").says("Choose how to sign in")

	// login_hint chooses.
	hinted := b.begin(url.Values{"scope": {"photos.read"}, "login_hint": {"carol@partner.example"}})
	b.get(hinted).wants(http.StatusSeeOther, "/login/source/"+partner+"?interaction="+strings.TrimPrefix(hinted, "/interaction/"))

	// The way is remembered, but for who comes from a page of ours.
	b.get(answerOf(b.begins("/login/source/"+partner), h.letsIn())).wants(http.StatusSeeOther, "/account")
	b.post("/signout", nil)
	b.get("/login").wants(http.StatusSeeOther, "/login/source/"+partner)
	b.header.Set("Sec-Fetch-Site", "same-origin")
	b.get("/login").wants(http.StatusOK, "").says("Choose how to sign in")
	b.header.Del("Sec-Fetch-Site")
	b.begins("/login/source/" + partner)
	requests := h.Upstreams.Requests()
	if requests[0].SelectAccount || !requests[len(requests)-1].SelectAccount {
		t.Error("who signed out is not asked for an account")
	}
	b.post("/login", url.Values{"username": {"bob"}, "password": {authtest.BobPassword}}).wants(http.StatusSeeOther, "/account")
	b.post("/signout", nil)
	b.get("/login").wants(http.StatusOK, "").says("Password", "Sign in another way")
	b.keep("__Host-gatehouse-way", "v1.no-such-source")
	b.get("/login").wants(http.StatusOK, "").says("Choose how to sign in")
}

func TestABrowserKeepsFewLoginsThatAreUnderWay(t *testing.T) {
	h := newHouse(t, partnerWay)
	b := h.browser(t)
	var last string
	for range 9 {
		last = b.begins("/login/source/" + partner)
		h.Clock.Advance(time.Second)
	}
	kept, size := 0, 0
	for name, value := range b.cookies() {
		if strings.HasPrefix(name, "__Host-gatehouse-u-") {
			kept, size = kept+1, size+len(name)+len(value)
		}
	}
	if kept != 4 || size > 1400 {
		t.Errorf("%d cookies of %d bytes", kept, size)
	}
	b.get(answerOf(last, h.letsIn())).wants(http.StatusSeeOther, "/account")
}

// N333: whoever makes up codes at the callback of a source does not shut others out there.
func TestN333MadeUpCodesOfOneAddressLeaveRoomForOthers(t *testing.T) {
	h := newHouse(t, partnerWay)
	carol := h.browser(t)
	state := carol.begins("/login/source/" + partner)
	release, asked := make(chan struct{}), make(chan struct{}, 64)
	h.Upstreams.HoldAnswers(func(code string) {
		if code != "carols-code" {
			asked <- struct{}{}
			<-release
		}
	})
	var flood sync.WaitGroup
	refused := make(chan int, 64)
	for range 20 {
		b := h.browser(t)
		b.header.Set(headerPeer, "192.0.2.7:4711")
		address := answerOf(b.begins("/login/source/"+partner), "made up")
		flood.Go(func() { refused <- b.get(address).StatusCode })
	}
	for range 17 { // the others are under way
		if status := <-refused; status != http.StatusServiceUnavailable {
			t.Errorf("one more is answered with %d", status)
		}
	}
	carol.get(answerOf(state, h.letsIn())).wants(http.StatusSeeOther, "/account")
	close(release)
	flood.Wait()
	if len(asked) != 3 {
		t.Errorf("the source was asked about %d codes at a time", len(asked))
	}
}

// N334: what logins at other servers keep in the browser counts among what a request's header may hold.
func TestN334LoginsAtOtherServersCountInTheCookies(t *testing.T) {
	h := newHouse(t, partnerWay)
	b := h.browser(t)
	for range 30 {
		path := b.begin(nil)
		b.begins("/login/source/" + partner + "?interaction=" + strings.TrimPrefix(path, "/interaction/"))
	}
	size := 0
	for name, value := range b.cookies() {
		size += len(name) + len("=") + len(value) + len("; ")
	}
	if size > 8<<10 {
		t.Errorf("the cookies take %d bytes", size)
	}
}
