// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// shown checks that an answer is an error page: nobody is redirected, nothing is begun.
func (p *page) shown(status int) *page {
	p.t.Helper()
	p.wants(status, "")
	if p.Header.Get("Location") != "" || !strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
		p.t.Errorf("%s is not an error page: Location %q, %s", p.Request.URL.Path, p.Header.Get("Location"), p.Header.Get("Content-Type"))
	}
	return p
}

func TestN01ACallbackThatDiffersIsShownNotRedirected(t *testing.T) {
	h := newHouse(t)
	for name, callback := range map[string]string{
		"path suffix": authtest.PhotoPrintCallback + "x", "sub-path": authtest.PhotoPrintCallback + "/x",
		"query": authtest.PhotoPrintCallback + "?x=1", "trailing slash": authtest.PhotoPrintCallback + "/",
		"case": "https://photoprint.example/CALLBACK", "port": "https://photoprint.example:443/callback",
		"user info": "https://a@photoprint.example/callback", "backslash": `https://evil.example\@photoprint.example/callback`,
		"dot segments": "https://photoprint.example/a/../callback", "percent-encoding": "https://photoprint.example/%63allback",
		"fragment": authtest.PhotoPrintCallback + "#x",
	} {
		t.Run(name, func(t *testing.T) {
			h.browser(t).get(request(url.Values{"redirect_uri": {callback}})).shown(http.StatusBadRequest)
		})
	}
}

func TestN02TheLoopbackRuleIsNotStretchedAtTheEndpoint(t *testing.T) {
	h := newHouse(t)
	desktop := func(callback string) *page {
		return h.browser(t).get(request(url.Values{"client_id": {authtest.Desktop}, "redirect_uri": {callback}}))
	}
	desktop("http://127.0.0.1:50123/callback").wants(http.StatusSeeOther, "")
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) {
		c.CallbackURLs = append(c.CallbackURLs, "http://localhost:8085/auth/callback")
	})
	h.browser(t).get(request(url.Values{"redirect_uri": {"http://localhost:50123/auth/callback"}})).wants(http.StatusSeeOther, "")
	for name, callback := range map[string]string{
		"localhost": "http://localhost:50123/callback", "another path": "http://127.0.0.1:50123/other",
		"https": "https://127.0.0.1:50123/callback", "a host that begins so": "http://127.0.0.1.evil.example/callback",
	} {
		t.Run(name, func(t *testing.T) { desktop(callback).shown(http.StatusBadRequest) })
	}
}

func TestN03ASchemeThatIsNotRegisteredIsShown(t *testing.T) {
	h := newHouse(t)
	for _, callback := range []string{"javascript:alert(1)", "data:text/html,x", "photoprint:/callback"} {
		h.browser(t).get(request(url.Values{"redirect_uri": {callback}})).shown(http.StatusBadRequest)
	}
}

func TestN04UnknownSuspendedAndUnreadyClientsGetOnePage(t *testing.T) {
	h := newHouse(t)
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Suspended = true })
	h.Clients.Change(authtest.BookShelf, func(c *authserver.Client) { c.Accepted = false })
	var pages []string
	for _, id := range []string{"photos.nobody", authtest.PhotoPrint, authtest.BookShelf, ""} {
		p := h.browser(t).get(request(url.Values{"client_id": {id}, "redirect_uri": {authtest.BookShelfCallback}})).shown(http.StatusBadRequest)
		pages = append(pages, p.sameForAll(p.body))
	}
	for _, text := range pages {
		if text != pages[0] {
			t.Errorf("the pages differ:\n%s\n%s", pages[0], text)
		}
	}
}

// faultyRequests are requests of a known client for its own callback, with what they are told.
var faultyRequests = []struct {
	name    string
	changes url.Values
	want    string
}{
	{"N05 a parameter twice", url.Values{"scope": {"photos.read", "photos.read"}}, "invalid_request"},
	{"N06 no code_challenge", url.Values{"code_challenge": nil, "code_challenge_method": nil}, "invalid_request"},
	{"N06 a method without a challenge", url.Values{"code_challenge": nil}, "invalid_request"},
	{"N06 method plain", url.Values{"code_challenge_method": {"plain"}}, "invalid_request"},
	{"N06 short challenge", url.Values{"code_challenge": {"abc"}}, "invalid_request"},
	{"N07 no response_type", url.Values{"response_type": nil}, "invalid_request"},
	{"N07 response_type token", url.Values{"response_type": {"token"}}, "unsupported_response_type"},
	{"N17 a scope beyond the client's", url.Values{"scope": {"photos.write"}}, "invalid_scope"},
}

func TestFaultsOfAProvenRequestTravelToTheCallbackAfterLogin(t *testing.T) {
	h := newHouse(t)
	bob := h.bob(t)
	for _, tc := range faultyRequests {
		silent := maps.Clone(tc.changes)
		silent.Set("prompt", "none")
		for name, got := range map[string]url.Values{
			"logged in":                     bob.get(request(tc.changes)).back(authtest.PhotoPrintCallback),
			"prompt=none, nobody logged in": h.browser(t).get(request(silent)).back(authtest.PhotoPrintCallback),
		} {
			if got.Get("error") != tc.want || got.Get("state") != "af0ifjsldkj" || got.Get("iss") != h.issuer || got.Has("code") {
				t.Errorf("%s, %s: the callback gets %v, want %s with state and iss", tc.name, name, got, tc.want)
			}
		}
	}
}

// Any tenant registers callbacks, so a link to this server must not be a link to a tenant's
// address (RFC 9700 §4.11.2).
func TestN73NobodyIsRedirectedToACallbackBeforeLogin(t *testing.T) {
	h := newHouse(t)
	for _, tc := range faultyRequests {
		p := h.browser(t).get(request(tc.changes)).shown(http.StatusBadRequest)
		if link := p.link(t, "Go back to the application"); !strings.HasPrefix(link, authtest.PhotoPrintCallback+"?error="+tc.want) {
			t.Errorf("%s: the page links to %q", tc.name, link)
		}
		p.says("photoprint.example")
	}
	bob := h.bob(t)
	bob.post("/signout", nil)
	bob.get(request(url.Values{"scope": {"photos.write"}})).shown(http.StatusBadRequest)

	other := h.browser(t)
	path := other.begin(nil)
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Scopes = nil })
	other.get(path).shown(http.StatusBadRequest)
}

func TestN05AParameterThatTheEndpointDoesNotKnowMayBeThereTwice(t *testing.T) {
	newHouse(t).browser(t).get(request(url.Values{"audience": {"https://a.example", "https://b.example"}})).wants(http.StatusSeeOther, "")
}

func TestN05AStateGivenTwiceComesBackNotAtAll(t *testing.T) {
	got := newHouse(t).bob(t).get(request(url.Values{"state": {"a", "b"}})).back(authtest.PhotoPrintCallback)
	if got.Get("error") != "invalid_request" || got.Has("state") {
		t.Errorf("the callback gets %v", got)
	}
}

func TestN05AClientGivenTwiceIsShown(t *testing.T) {
	newHouse(t).browser(t).get(request(url.Values{"client_id": {authtest.PhotoPrint, authtest.BookShelf}})).shown(http.StatusBadRequest)
}

func TestARequestThatIsTooLargeIsRefusedInWords(t *testing.T) {
	h := newHouse(t)
	got := h.bob(t).get(request(url.Values{"state": {strings.Repeat("s", 4097)}})).back(authtest.PhotoPrintCallback)
	if got.Get("error") != "invalid_request" {
		t.Errorf("the callback gets %v", got)
	}
}

func TestAWrongMethodIsNotAMissingPage(t *testing.T) {
	newHouse(t).browser(t).post("/account", nil).wants(http.StatusMethodNotAllowed, "")
}

func TestN17AFormCannotAskForMoreThanTheRequest(t *testing.T) {
	h := newHouse(t)
	bob := h.bob(t)
	path := bob.begin(url.Values{"client_id": {authtest.BookShelf}, "redirect_uri": {authtest.BookShelfCallback}})
	p := bob.get(path).wants(http.StatusOK, "")
	got := bob.post(path+"/consent", url.Values{"decision": {"allow"}, "ticket": {p.field("ticket")}, "scope": {"photos.read photos.write"}})
	tokens := h.client(t, authtest.BookShelf).redeem(got.back(authtest.BookShelfCallback).Get("code"), authtest.BookShelfCallback).wants(http.StatusOK)
	if tokens.text("scope") != "photos.read" {
		t.Errorf("the token has the scope %q", tokens.text("scope"))
	}
}
