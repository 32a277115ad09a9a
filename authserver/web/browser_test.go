// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
	"github.com/gatehouse-dev/gatehouse/internal/testio"
)

// house is the fixture of authtest behind a real TLS server.
type house struct {
	*authtest.Env
	site *web.Site
	// refusals are what it remembers of them.
	refusals *authserver.Refusals
	server   *httptest.Server
	issuer   string
	log      testio.Log
}

func newHouse(t *testing.T, ways ...web.LoginWay) *house {
	t.Helper()
	h := &house{Env: authtest.New(t), refusals: authserver.NewRefusals(), server: httptest.NewUnstartedServer(nil)}
	h.issuer = "https://" + h.server.Listener.Addr().String()
	site, err := web.New(web.Config{
		Auth: h.Auth, LoginWays: ways, Issuer: h.issuer, Metrics: web.NewMetrics(), Log: slog.New(slog.NewTextHandler(&h.log, nil)), AccessLog: io.Discard,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Ready:          func(*http.Request) error { return nil }, Refusals: h.refusals, Now: h.Clock.Now,
	})
	if err != nil {
		t.Fatalf("make the site: %v", err)
	}
	h.site = site
	served := site.Handler()
	h.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if peer := r.Header.Get(headerPeer); peer != "" {
			r.RemoteAddr = peer
		}
		served.ServeHTTP(w, r)
	})
	h.server.StartTLS()
	t.Cleanup(h.server.Close)
	return h
}

// headerPeer makes a test's request come from another address.
const headerPeer = "Test-Peer"

// acceptsPages is what browsers send when they open an address.
const acceptsPages = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// browser is a person's browser: it keeps cookies, and follows a redirect only when told to.
type browser struct {
	*http.Client
	t      *testing.T
	base   string
	header http.Header // sent with each request
}

func (h *house) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := *h.server.Client()
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{Client: &client, t: t, base: h.issuer, header: http.Header{"Accept": {acceptsPages}}}
}

// bob returns a browser in which Bob has logged in.
func (h *house) bob(t *testing.T) *browser {
	t.Helper()
	return h.signedIn(t, authtest.Bob, authtest.BobPassword)
}

func (h *house) signedIn(t *testing.T, name, password string) *browser {
	t.Helper()
	b := h.browser(t)
	b.post("/login", url.Values{"username": {name}, "password": {password}}).wants(http.StatusSeeOther, "/account")
	return b
}

// page is what the browser got.
type page struct {
	*http.Response
	t    *testing.T
	body string
	root *html.Node
}

func (b *browser) get(path string) *page {
	b.t.Helper()
	return b.do(http.MethodGet, path, nil)
}

func (b *browser) post(path string, form url.Values) *page {
	b.t.Helper()
	return b.do(http.MethodPost, path, form)
}

func (b *browser) do(method, path string, form url.Values) *page {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	request.Header = maps.Clone(b.header)
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := b.Do(request)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatalf("%s %s: read the answer: %v", method, path, err)
	}
	root, err := html.Parse(strings.NewReader(string(body)))
	if err != nil {
		b.t.Fatalf("%s %s: parse the answer: %v", method, path, err)
	}
	return &page{Response: response, t: b.t, body: string(body), root: root}
}

// cookies returns the browser's cookies by name.
func (b *browser) cookies() map[string]string {
	b.t.Helper()
	base, err := url.Parse(b.base)
	if err != nil {
		b.t.Fatal(err)
	}
	out := map[string]string{}
	for _, c := range b.Jar.Cookies(base) {
		out[c.Name] = c.Value
	}
	return out
}

// keep puts a cookie into the browser, as somebody with its developer tools could.
func (b *browser) keep(name, value string) {
	b.t.Helper()
	base, err := url.Parse(b.base)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Jar.SetCookies(base, []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true}})
}

const codeVerifier = "a-code-verifier-of-at-least-forty-three-characters"

// request returns the query of PhotoPrint's authorization request, with changes.
func request(changes url.Values) string {
	sum := sha256.Sum256([]byte(codeVerifier))
	v := url.Values{
		"response_type": {"code"}, "client_id": {authtest.PhotoPrint}, "redirect_uri": {authtest.PhotoPrintCallback},
		"scope": {"photos.read"}, "state": {"af0ifjsldkj"}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
	}
	maps.Copy(v, changes)
	return "/oauth2/authorize?" + v.Encode()
}

// begin starts an authorization request and returns the path of its interaction.
func (b *browser) begin(changes url.Values) string {
	b.t.Helper()
	p := b.get(request(changes))
	path := p.Header.Get("Location")
	if p.StatusCode != http.StatusSeeOther || !strings.HasPrefix(path, "/interaction/") {
		b.t.Fatalf("authorize: %d %s %s", p.StatusCode, path, p.text())
	}
	return path
}

// consentTo posts a decision on the consent page of the interaction.
func (b *browser) consentTo(path, decision string) *page {
	b.t.Helper()
	p := b.get(path).wants(http.StatusOK, "")
	return b.post(path+"/consent", url.Values{"decision": {decision}, "ticket": {p.field("ticket")}})
}

// wants fails the test unless the answer has this status and, if given, this Location.
func (p *page) wants(status int, location string) *page {
	p.t.Helper()
	if p.StatusCode != status || location != "" && p.Header.Get("Location") != location {
		p.t.Fatalf("%s %s: %d %q, want %d %q\n%s", p.Request.Method, p.Request.URL.Path,
			p.StatusCode, p.Header.Get("Location"), status, location, p.text())
	}
	return p
}

// says fails the test unless the text of the page holds each of these.
func (p *page) says(sentences ...string) *page {
	p.t.Helper()
	text := p.text()
	for _, s := range sentences {
		if !strings.Contains(text, s) {
			p.t.Errorf("%s %s does not say %q:\n%s", p.Request.Method, p.Request.URL.Path, s, text)
		}
	}
	return p
}

// back returns what a redirect to the callback carries.
func (p *page) back(callback string) url.Values {
	p.t.Helper()
	location, err := url.Parse(p.Header.Get("Location"))
	if err != nil || p.StatusCode != http.StatusSeeOther {
		p.t.Fatalf("%s %s: %d %v, want a redirect", p.Request.Method, p.Request.URL.Path, p.StatusCode, err)
	}
	query := location.Query()
	location.RawQuery = ""
	if location.String() != callback {
		p.t.Fatalf("the browser is sent to %s, want %s", location, callback)
	}
	return query
}

// sameForAll returns what the page says, or its source, with its request ID taken out: no two pages
// have the same one.
func (p *page) sameForAll(said string) string {
	p.t.Helper()
	id := p.Header.Get("X-Request-Id")
	if id == "" || !strings.Contains(said, id) {
		p.t.Errorf("%s %s does not show its request ID %q", p.Request.Method, p.Request.URL.Path, id)
	}
	return strings.ReplaceAll(said, id, "the request ID")
}

// elements returns the elements with this tag, in the order of the page.
func (p *page) elements(tag string) []*html.Node {
	var out []*html.Node
	for n := range p.root.Descendants() {
		if n.Type == html.ElementNode && n.Data == tag {
			out = append(out, n)
		}
	}
	return out
}

// field returns the value of the first field with this name; the test fails without one.
func (p *page) field(name string) string {
	p.t.Helper()
	for _, n := range append(p.elements("input"), p.elements("button")...) {
		if attribute(n, "name") == name {
			return attribute(n, "value")
		}
	}
	p.t.Fatalf("%s has no field %s:\n%s", p.Request.URL.Path, name, p.body)
	return ""
}

func (p *page) hasField(name string) bool {
	for _, n := range append(p.elements("input"), p.elements("button")...) {
		if attribute(n, "name") == name {
			return true
		}
	}
	return false
}

// text is what a person reads: the text of the body with single spaces.
func (p *page) text() string { return textOf(p.root) }

func textOf(root *html.Node) string {
	var b strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
			if n.Parent.Data != "bdi" && n.Parent.Data != "strong" {
				b.WriteByte(' ')
			}
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
