// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// everyPage walks through the house and returns each page it has, by a name.
func everyPage(t *testing.T, h *house) map[string]*page {
	t.Helper()
	pages := map[string]*page{}
	b := h.browser(t)
	pages["account login"] = b.get("/login")
	path := b.begin(nil)
	pages["login"] = b.get(path)
	pages["login again"] = b.post(path+"/login", url.Values{"username": {hostile}, "password": {"wrong"}})
	b.post(path+"/login", url.Values{"username": {"bob"}, "password": {authtest.BobPassword}})
	pages["consent"] = b.get(path)
	pages["empty account"] = b.get("/account")
	h.allow(t, b, "on")
	pages["account"] = b.get("/account")
	b.post("/account/revoke", url.Values{"clientID": {authtest.PhotoPrint}})
	pages["account after a removal"] = b.get("/account")
	h.bob(t)
	pages["account with two sessions"] = b.get("/account")
	b.post("/account/sessions/end", url.Values{"which": {"others"}})
	pages["account after the others ended"] = b.get("/account")
	pages["sign out"] = b.get("/signout")
	pages["logout"] = b.logout(url.Values{"client_id": {authtest.PhotoPrint}})
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.OpenID.PostLogoutRedirectURIs = []string{photoPrintBye} })
	back := url.Values{"client_id": {authtest.PhotoPrint}, "post_logout_redirect_uri": {photoPrintBye}, "state": {hostile}}
	pages["logout that leads back"] = b.logout(back)
	pages["unknown way back"] = b.get("/oauth2/logout?" + url.Values{"client_id": {authtest.PhotoPrint}, "post_logout_redirect_uri": {hostile}}.Encode())
	b.post("/signout", nil)
	pages["logout of nobody"] = b.logout(back)
	pages["signed out"] = b.get("/signout")
	alice := h.signedIn(t, authtest.Alice, authtest.AlicePassword)
	pages["refused"] = alice.get(alice.begin(nil))
	pages["unknown client for Alice"] = alice.get(request(url.Values{"client_id": {hostile}}))
	pages["unknown callback for Alice"] = alice.get(request(url.Values{"redirect_uri": {"https://x.example/" + hostile}}))
	pages["unknown client"] = b.get(request(url.Values{"client_id": {hostile}}))
	pages["unknown callback"] = b.get(request(url.Values{"redirect_uri": {"https://x.example/" + hostile}}))
	pages["incomplete"] = b.get(request(url.Values{"client_id": {hostile, "twice"}}))
	pages["gone"] = b.get("/interaction/AAAAAAAAAAAAAAAAAAAAAAAAAA")
	pages["not found"] = b.get("/nothing/" + url.PathEscape(hostile) + "?q=" + url.QueryEscape(hostile))
	pages["bad form"] = b.post("/login", url.Values{"username": {hostile, hostile}})
	h.pagesOfLinks(t, pages)
	pagesOfFactors(t, h, pages)
	return pages
}

// pagesOfFactors are those that somebody sees who has, or adds, an app.
func pagesOfFactors(t *testing.T, h *house, pages map[string]*page) {
	t.Helper()
	alice := h.signedIn(t, authtest.Alice, authtest.AlicePassword)
	password := url.Values{"username": {authtest.Alice}, "password": {authtest.AlicePassword}}
	add := alice.get(pathTOTP)
	pages["add an app"] = add
	form := url.Values{"ticket": {add.field("ticket")}, "name": {hostile}, "code": {"x"}}
	pages["add an app again"] = alice.post(pathTOTP, form)
	form.Set("code", authtest.TOTP(t, add.secret(), h.Clock.Now()))
	form.Set("name", "<b>"+hostile[:40])
	pages["recovery codes"] = alice.post(pathTOTP, form)
	pages["account with an app"] = alice.get("/account")
	pages["log in again"] = alice.get("/login/again")
	alice.post("/login", password)
	pages["second step"] = alice.get("/login")
	pages["second step again"] = alice.post("/login/factor", url.Values{"code": {hostile}})
	pages["login with a wrong passkey"] = h.browser(t).post("/login/passkey", url.Values{"answer": {hostile}, "page": {hostile}})
	dora := h.somebody("dora")
	h.AddPasskey(t, "dora", dora.Get("password"), authtest.NewAuthenticator(t))
	key := h.browser(t)
	key.post("/login", dora)
	pages["second step with a passkey"] = key.get("/login")
	pages["second step with a wrong passkey"] = key.post("/login/factor", url.Values{"answer": {hostile}, "page": {key.get("/login").passkey().ticket}})
	b := h.browser(t)
	path := b.begin(nil)
	b.post(path+"/login", password)
	pages["second step of a request"] = b.get(path)
	h.demandFactor()
	carol := h.browser(t)
	carol.post("/login", h.somebody("carol"))
	path = carol.begin(nil)
	pages["add an app for a request"] = carol.get(path)
	pages["add a wrong passkey for a request"] = carol.post(path+"/enrol", url.Values{"answer": {hostile}, "page": {carol.get(path).passkey().ticket}})
	pages["add a passkey"] = carol.get(pathPasskey)
	pages["add a passkey again"] = carol.post(pathPasskey, url.Values{"answer": {hostile}, "name": {hostile}, "page": {carol.get(pathPasskey).passkey().ticket}})
}

// hostile is what somebody writes who hopes that it is taken for markup.
const hostile = `"'></title></textarea><script>alert(1)</script><img src=x onerror=alert(1)><b id=evil>{{.}}`

func TestN19MarkupIsInertOnEveryPage(t *testing.T) {
	h := newHouse(t)
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) {
		c.DisplayName, c.Description = "name "+hostile, "description "+hostile
	})
	h.Clients.Change(authtest.PhotoBook, func(c *authserver.Client) { c.DisplayName = "name " + hostile })
	h.Clients.Explain("photos.read", "scope "+hostile)
	for _, name := range []string{authtest.Bob, authtest.Alice} {
		owner, err := h.Directory.Lookup(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		owner.DisplayName = "owner " + hostile
		h.Directory.Put(owner, map[string]string{authtest.Bob: authtest.BobPassword, authtest.Alice: authtest.AlicePassword}[name])
	}
	pages := everyPage(t, h)
	for name, p := range pages {
		p.inert(name)
	}
	for name, texts := range map[string][]string{
		"consent":                    {"name " + hostile, "description " + hostile, "scope " + hostile, "owner " + hostile},
		"account":                    {"name " + hostile, "description " + hostile, "scope " + hostile, "owner " + hostile},
		"refused":                    {"Ask the administrator of name " + hostile + " to let you use it.", "owner " + hostile},
		"login":                      {"name " + hostile},
		"unknown callback for Alice": {"Signed in as owner " + hostile},
		"code":                       {"name " + hostile},
	} {
		pages[name].says(texts...)
	}
	if got := pages["login again"].field("username"); got != hostile {
		t.Errorf("the user name comes back as %q", got)
	}
}

// inert reports what somebody's text became on the page besides text.
func (p *page) inert(name string) {
	p.t.Helper()
	for n := range p.root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "script" && n.FirstChild == nil && len(n.Attr) == 2 && scriptFile.MatchString(attribute(n, "src")) {
			continue
		}
		if !slices.Contains(ours, n.Data) || attribute(n, "id") == "evil" {
			p.t.Errorf("%s: somebody's text became <%s %v>", name, n.Data, n.Attr)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || strings.HasPrefix(strings.TrimSpace(a.Val), "javascript:") {
				p.t.Errorf("%s: <%s> has %s=%q", name, n.Data, a.Key, a.Val)
			}
		}
	}
}

// scriptFile is the address of the only script of the pages.
var scriptFile = regexp.MustCompile(`^/assets/passkey\.[0-9a-f]{12}\.js$`)

// ours are the elements that the templates use. Whatever else is on a page was smuggled in.
var ours = strings.Fields(`html head meta title link body header img span main h1 h2 h3 p strong bdi form div label input
	button a ul li code dl dt dd time output details summary svg path`)

func TestN11NoPageLetsItselfBeFramed(t *testing.T) {
	h := newHouse(t)
	pages := everyPage(t, h)
	b := h.bob(t)
	pages["a redirect"] = b.get(request(nil))
	pages["the folder of the assets"] = b.get("/assets")
	for name, p := range pages {
		policy := p.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "frame-ancestors 'none'") || p.Header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s can be framed: %q, %q", name, policy, p.Header.Get("X-Frame-Options"))
		}
	}
}

func TestN11AfterAPostTheBrowserGoesOnWithGet(t *testing.T) {
	h := newHouse(t)
	b := h.browser(t)
	sum := request(nil)
	path, query, _ := strings.Cut(sum, "?")
	form, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	b.post(path, form).wants(http.StatusSeeOther, "")
	interaction := b.begin(nil)
	b.post(interaction+"/login", url.Values{"username": {"bob"}, "password": {authtest.BobPassword}}).wants(http.StatusSeeOther, "")
	b.consentTo(interaction, "allow").wants(http.StatusSeeOther, "")
	b.consentTo(b.begin(nil), "deny").wants(http.StatusSeeOther, "")
	b.post("/account/revoke", url.Values{"clientID": {authtest.PhotoPrint}}).wants(http.StatusSeeOther, "")
	b.post("/signout", nil).wants(http.StatusSeeOther, "")
	b.post("/login", url.Values{"username": {"bob"}, "password": {authtest.BobPassword}}).wants(http.StatusSeeOther, "")
}

func TestEveryPageIsProtected(t *testing.T) {
	for name, p := range everyPage(t, newHouse(t)) {
		for header, want := range map[string]string{
			"X-Content-Type-Options":    "nosniff",
			"Referrer-Policy":           "same-origin",
			"Strict-Transport-Security": "max-age=31536000",
			"Cache-Control":             "no-store",
			"Content-Type":              "text/html; charset=utf-8",
		} {
			if got := p.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
		policy := p.Header.Get("Content-Security-Policy")
		for _, directive := range []string{"default-src 'none'", "style-src 'self'", "img-src 'self'", "form-action 'self'", "base-uri 'none'"} {
			if !strings.Contains(policy, directive) {
				t.Errorf("%s: the policy lacks %s: %s", name, directive, policy)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is %s", name, policy)
		}
	}
}

func TestFormsEndAtAClientOnlyWhereOneAsked(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	desktop := url.Values{"client_id": {authtest.Desktop}, "redirect_uri": {"http://127.0.0.1:40123/callback"}}
	for name, tc := range map[string]struct {
		page *page
		want string
		coop string
	}{
		"consent for a web client":     {b.get(b.begin(nil)), "form-action 'self' https:;", ""},
		"consent for a desktop client": {b.get(b.begin(desktop)), "form-action 'self' https: http:;", ""},
		"login for a client":           {b.get(b.begin(url.Values{"prompt": {"login"}})), "form-action 'self' https:;", ""},
		"account":                      {b.get("/account"), "form-action 'self';", "same-origin"},
		"account login":                {h.browser(t).get("/login"), "form-action 'self';", "same-origin"},
		"sign out":                     {b.get("/signout"), "form-action 'self';", "same-origin"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.page.Header.Get("Content-Security-Policy"); !strings.Contains(got, tc.want) {
				t.Errorf("the policy is %s, want %s", got, tc.want)
			}
			if got := tc.page.Header.Get("Cross-Origin-Opener-Policy"); got != tc.coop {
				t.Errorf("the opener policy is %q, want %q", got, tc.coop)
			}
		})
	}
}

func TestEveryPageIsReadableWithoutEyesOrMouse(t *testing.T) {
	for name, p := range everyPage(t, newHouse(t)) {
		if lang := attribute(p.elements("html")[0], "lang"); lang != "en" {
			t.Errorf("%s: the language is %q", name, lang)
		}
		if title := textOf(p.elements("title")[0]); !strings.HasSuffix(title, " · Gatehouse") || len(title) < len("x · Gatehouse") {
			t.Errorf("%s: the title is %q", name, title)
		}
		for _, tag := range []string{"h1", "main", "header"} {
			if n := len(p.elements(tag)); n != 1 {
				t.Errorf("%s: %d <%s>, want one", name, n, tag)
			}
		}
		for _, n := range p.elements("img") {
			if !slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "alt" }) {
				t.Errorf("%s: a picture says nothing, not even that it says nothing", name)
			}
		}
		unlabelled(t, name, p)
	}
}

// unlabelled reports the fields that no label belongs to and the buttons without a word.
func unlabelled(t *testing.T, name string, p *page) {
	t.Helper()
	labels := map[string]bool{}
	for _, n := range p.elements("label") {
		labels[attribute(n, "for")] = textOf(n) != ""
	}
	for _, n := range p.elements("input") {
		inLabel := slices.ContainsFunc(slices.Collect(n.Ancestors()), func(a *html.Node) bool { return a.Data == "label" && textOf(a) != "" })
		if attribute(n, "type") != "hidden" && !inLabel && !labels[attribute(n, "id")] {
			t.Errorf("%s: the field %s has no label", name, attribute(n, "name"))
		}
	}
	for _, n := range append(p.elements("button"), p.elements("a")...) {
		if textOf(n) == "" {
			t.Errorf("%s: a <%s> has no words", name, n.Data)
		}
	}
}

func TestPasswordManagersFindTheFields(t *testing.T) {
	p := newHouse(t).browser(t).get("/login")
	got := map[string]string{}
	for _, n := range p.elements("input") {
		got[attribute(n, "name")] = attribute(n, "type") + " " + attribute(n, "autocomplete") + " " + attribute(n, "autocapitalize")
	}
	if got["username"] != "text username webauthn none" || got["password"] != "password current-password " {
		t.Errorf("the fields are %v", got)
	}
}

func TestAssetsMayBeKeptForEver(t *testing.T) {
	h := newHouse(t)
	b := h.browser(t)
	p := b.get("/login")
	want := map[string]string{"stylesheet": "text/css; charset=utf-8", "icon": "image/svg+xml"}
	for _, n := range p.elements("link") {
		a := b.get(attribute(n, "href")).wants(http.StatusOK, "")
		if got := a.Header.Get("Content-Type"); got != want[attribute(n, "rel")] {
			t.Errorf("%s is %s", attribute(n, "href"), got)
		}
		if got := a.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: Cache-Control is %q", attribute(n, "href"), got)
		}
		if a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s may be taken for something else", attribute(n, "href"))
		}
		delete(want, attribute(n, "rel"))
	}
	if len(want) != 0 {
		t.Errorf("the page refers to no %v", want)
	}
	b.get("/assets/style.css").wants(http.StatusNotFound, "") // only what is on a page
	b.get("/assets/..%2ftemplates%2flogin.html").wants(http.StatusNotFound, "")
}

func TestNothingOnAPageComesFromElsewhere(t *testing.T) {
	h := newHouse(t)
	for name, p := range everyPage(t, h) {
		for _, n := range append(p.elements("link"), p.elements("img")...) {
			if u := attribute(n, "href") + attribute(n, "src"); !strings.HasPrefix(u, "/assets/") {
				t.Errorf("%s refers to %s", name, u)
			}
		}
		if strings.Contains(p.body, "ZgotmplZ") {
			t.Errorf("%s: the template engine refused a value", name)
		}
	}
}
