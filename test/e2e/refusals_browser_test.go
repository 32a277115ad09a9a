// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// printShop is PhotoPrint on this computer: a page with a link, and a callback.
type printShop struct {
	*httptest.Server
	mu  sync.Mutex
	got []url.Values // what the callback got
}

// newPrintShop makes PhotoPrint of the site a program on this computer.
func newPrintShop(t *testing.T, s *served) *printShop {
	t.Helper()
	shop := &printShop{}
	shop.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if r.URL.Path != "/callback" {
			_, _ = w.Write([]byte(`<h1>PhotoPrint</h1><a href="` + html.EscapeString(s.ask(shop)) + `">Print my photos</a>`))
			return
		}
		shop.mu.Lock()
		shop.got = append(shop.got, r.URL.Query())
		shop.mu.Unlock()
		_, _ = w.Write([]byte(`<h1>Back at PhotoPrint</h1>`))
	}))
	t.Cleanup(shop.Close)
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.CallbackURLs = []string{shop.URL + "/callback"} })
	return shop
}

// answers returns what the callback got.
func (p *printShop) answers() []url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]url.Values(nil), p.got...)
}

// ask is the address of PhotoPrint's authorization request.
func (s *served) ask(shop *printShop) string {
	sum := sha256.Sum256([]byte("a-code-verifier-of-at-least-forty-three-characters"))
	return s.issuer + "/oauth2/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {authtest.PhotoPrint}, "redirect_uri": {shop.URL + "/callback"}, "scope": {"photos.read"},
		"state": {"af0ifjsldkj"}, "code_challenge_method": {"S256"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
	}.Encode()
}

// issued is how many grants there ever were.
func (s *served) issued() int { return len(s.Audit.Events(authserver.EventGrantApproved)) }

func TestN125ABrowserThatKeepsNoCookiesIsToldSo(t *testing.T) {
	s := newServed(t)
	shop := newPrintShop(t, s)
	c := newChromium(t, `{"profile":{"default_content_setting_values":{"cookies":2}}}`)
	c.do("follow PhotoPrint's link", chromedp.Navigate(shop.URL), chromedp.Click(`a[href]`))
	c.says("h1", "Your browser does not keep cookies")
	c.says("main", "Allow cookies for this site")
	c.shoot("cookies-off")
	c.do("open the login page", chromedp.Navigate(s.issuer+"/login"))
	c.logIn(authtest.Bob, authtest.BobPassword)
	c.says("h1", "Your browser does not keep cookies")
	c.shoot("cookies-off-login")
	if n := len(s.Audit.Events(authserver.EventLoginSucceeded)); n != 0 {
		t.Errorf("%d logins, want none", n)
	}
}

func TestABrowserThatBlocksCookiesOfThirdPartiesGetsOn(t *testing.T) {
	s := newServed(t)
	shop := newPrintShop(t, s)
	c := newChromium(t, `{"profile":{"block_third_party_cookies":true,"cookie_controls_mode":1}}`)
	c.do("follow PhotoPrint's link", chromedp.Navigate(shop.URL), chromedp.Click(`a[href]`))
	c.logIn(authtest.Bob, authtest.BobPassword)
	c.do("allow", chromedp.WaitVisible(`button[value=allow]`), chromedp.Click(`button[value=allow]`))
	c.says("h1", "Back at PhotoPrint")
	if got := shop.answers(); len(got) != 1 || got[0].Get("code") == "" || s.issued() != 1 {
		t.Errorf("the callback got %v", got)
	}
}

func TestN126AnExpiredRequestLeadsBackWithTheKeyboard(t *testing.T) {
	s := newServed(t)
	shop := newPrintShop(t, s)
	c := newChromium(t)
	c.do("follow PhotoPrint's link", chromedp.Navigate(shop.URL), chromedp.Click(`a[href]`), chromedp.WaitVisible(`input[name=password]`))
	s.Clock.Advance(authserver.InteractionLifetime)
	c.logIn(authtest.Bob, authtest.BobPassword)
	c.says("h1", "This request has expired")
	c.says("main", "127.0.0.1")
	c.shoot("expired")
	if got := shop.answers(); len(got) != 0 {
		t.Errorf("without a click the callback got %v", got)
	}
	c.do("reach the link with the keyboard", chromedp.KeyEvent("\t"))
	c.shoot("expired-focus")
	c.do("follow it", chromedp.KeyEvent("\r"))
	c.says("h1", "Back at PhotoPrint")
	if got := shop.answers(); len(got) != 1 || got[0].Get("error") != "access_denied" || got[0].Get("state") != "af0ifjsldkj" {
		t.Errorf("the callback got %v", got)
	}
	if s.issued() != 0 {
		t.Error("something was issued")
	}
}

func TestN127AFormWithoutAnOriginDecidesNothingAndLeadsBackToThePage(t *testing.T) {
	s := newServed(t)
	shop := newPrintShop(t, s)
	c := newChromium(t)
	c.do("follow PhotoPrint's link", chromedp.Navigate(shop.URL), chromedp.Click(`a[href]`))
	c.logIn(authtest.Bob, authtest.BobPassword)
	c.do("see the consent page", chromedp.WaitVisible(`button[value=allow]`))
	at := c.location()
	ticket, err := chromedp.Run(c.ctx, chromedp.Value(`input[name=ticket]`))
	if err != nil {
		t.Fatal(err)
	}
	page := `<form method="post" action="` + at.String() + `/consent"><input name="ticket" value="` + ticket + `"><button name="decision" value="allow">Win</button></form>`
	c.do("send the form from a page without an origin",
		chromedp.Navigate("data:text/html;base64,"+base64.StdEncoding.EncodeToString([]byte(page))), chromedp.Click(`button[name=decision]`))
	c.says("h1", "Your browser hides where this form came from")
	c.shoot("origin-hidden")
	if s.issued() != 0 {
		t.Fatal("the form decided something")
	}
	c.do("open the page again with the keyboard", chromedp.KeyEvent("\t"), chromedp.KeyEvent("\r"), chromedp.WaitVisible(`button[value=allow]`))
	if now := c.location(); now.Path != at.Path {
		t.Errorf("the link leads to %s, want %s", now.Path, at.Path)
	}
	sandboxed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "sandbox allow-forms") // as a frame with the attribute sandbox
		_, _ = w.Write([]byte(page))
	}))
	t.Cleanup(sandboxed.Close)
	c.do("send it from a sandboxed page", chromedp.Navigate(sandboxed.URL), chromedp.Click(`button[name=decision]`))
	c.says("h1", "Your browser hides where this form came from")
	c.do("come back", chromedp.Navigate(at.String()), chromedp.WaitVisible(`button[value=allow]`))
	if s.issued() != 0 {
		t.Error("the sandboxed page decided something")
	}
}

func TestPagesOfRefusalsCanBeReadOnEveryScreen(t *testing.T) {
	s := newServed(t)
	shop := newPrintShop(t, s)
	c, other := newChromium(t), newChromium(t)
	other.do("begin elsewhere", chromedp.Navigate(s.ask(shop)), chromedp.WaitVisible(`input[name=password]`))
	elsewhere := other.location().String()

	c.do("begin", chromedp.Navigate(s.ask(shop)), chromedp.WaitVisible(`input[name=password]`))
	first := c.location().String()
	c.logIn(authtest.Bob, authtest.BobPassword)
	c.do("see the consent page", chromedp.WaitVisible(`button[value=allow]`), chromedp.Navigate(elsewhere))
	c.says("h1", "This browser does not have this request")
	c.says("main", "Signed in as")
	c.shoot("another-browser")
	for range 20 {
		c.do("begin again", chromedp.Navigate(s.ask(shop)))
	}
	c.do("go back to the first", chromedp.Navigate(first))
	c.says("h1", "Too many requests are open in this browser")
	c.shoot("too-many")

	other.do("end the store", chromedp.Navigate(elsewhere))
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Suspended = true })
	other.do("come back", chromedp.Navigate(elsewhere))
	other.says("h1", "This application cannot be used")
	other.shoot("unknown-client")
}

// N380: who is refused in the wrong account gets to another one with the keyboard, and never to the address that the request named.
func TestN380ARefusalLeadsToAnotherAccountWithTheKeyboard(t *testing.T) {
	s := newServed(t)
	shop := newPrintShop(t, s)
	c := newChromium(t)
	c.do("open the login page", chromedp.Navigate(s.issuer+"/login"))
	c.logIn(authtest.Bob, authtest.BobPassword)
	c.says("main", "Bob")
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.CallbackURLs = []string{"https://photoprint.example/new"} })
	c.do("follow PhotoPrint's link", chromedp.Navigate(shop.URL), chromedp.Click(`a[href]`))
	c.says("h1", "The way back is not known")
	c.says("main", "Signed in as Bob")
	c.says("main", "Request ID")
	c.shoot("callback-differs")
	c.do("switch the account with the keyboard", chromedp.KeyEvent("\t"), chromedp.KeyEvent("\r"), chromedp.WaitVisible(`input[name=password]`))
	if at := c.location(); at.Path != "/login" {
		t.Errorf("the form leads to %s", at)
	}
	c.logIn(authtest.Alice, authtest.AlicePassword)
	c.says("main", "Alice")
	if got := shop.answers(); len(got) != 0 {
		t.Errorf("the callback got %v", got)
	}
}
