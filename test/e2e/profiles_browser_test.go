// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/dghubble/oauth1"

	"github.com/gatehouse-dev/gatehouse/internal/devenv"
)

// signer is an app that signs its requests, as dghubble/oauth1 sees it, from its mounted Secret.
type signer struct {
	oauth1.Config
	t             *testing.T
	token, secret string // of the last request token
}

func (w *environment) signer(t *testing.T, app, callback string) *signer {
	t.Helper()
	client, err := w.Client()
	if err != nil {
		t.Fatal(err)
	}
	s := &signer{t: t, Config: oauth1.Config{
		ConsumerKey: w.mounted(t, app, "client-id"), ConsumerSecret: w.mounted(t, app, "client-secret"),
		CallbackURL: callback, HTTPClient: client, Endpoint: oauth1.Endpoint{
			RequestTokenURL: w.mounted(t, app, "request-token-endpoint"), AuthorizeURL: w.mounted(t, app, "authorization-endpoint"),
			AccessTokenURL: w.mounted(t, app, "access-token-endpoint"),
		},
	}}
	s.Signer = &oauth1.HMAC256Signer{ConsumerSecret: s.ConsumerSecret}
	if app == devenv.CloudAlbum {
		s.Signer = plaintext{s.ConsumerSecret}
	}
	return s
}

// plaintext is the one signature method that the old server knew.
type plaintext struct{ consumerSecret string }

func (plaintext) Name() string { return "PLAINTEXT" }

func (p plaintext) Sign(tokenSecret, _ string) (string, error) {
	return oauth1.PercentEncode(p.consumerSecret) + "&" + oauth1.PercentEncode(tokenSecret), nil
}

// mounted reads a key of an app's mounted Secret.
func (w *environment) mounted(t *testing.T, app, key string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.Mounted(app), key))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// ask gets a request token and returns where the person is sent with it.
func (s *signer) ask() (address string) {
	s.t.Helper()
	var err error
	if s.token, s.secret, err = s.RequestToken(); err != nil {
		s.t.Fatalf("get a request token: %v", err)
	}
	u, err := s.AuthorizationURL(s.token)
	if err != nil {
		s.t.Fatal(err)
	}
	return u.String()
}

// redeem exchanges a verifier.
func (s *signer) redeem(verifier string) error {
	_, _, err := s.AccessToken(s.token, s.secret, verifier)
	return err
}

// sentTo waits until the browser is at the app's callback and returns what that gets.
func (c *chromium) sentTo(callback string) url.Values {
	c.t.Helper()
	c.do("be sent to "+callback, chromedp.WaitReady("body"), chromedp.WaitNotPresent(`button[name=decision]`))
	at := c.location()
	if got := at.Scheme + "://" + at.Host + at.Path; got != callback {
		c.t.Fatalf("Bob is at %s, want %s", got, callback)
	}
	return at.Query()
}

func TestBobAllowsAtAuthorizeTokenInABrowser(t *testing.T) {
	w, c := start(t), newChromium(t)
	app := w.signer(t, devenv.CloudAlbum, w.Callback(devenv.CloudAlbum))
	w.forget(t, app.ConsumerKey)
	address := app.ask()
	c.do("open authorizeToken", chromedp.Navigate(address), chromedp.WaitVisible(`input[name=password]`))
	c.shoot("authorizetoken-login")
	if text := c.text("body"); strings.Contains(text, "CloudAlbum") {
		t.Error("the login page tells an anonymous browser whose request token it is")
	}
	c.logIn(w.Bob.Name, w.Bob.Password)
	c.do("see the question", chromedp.WaitVisible(`button[value=allow]`))
	c.says("main", "CloudAlbum")
	c.says("button[value=allow]", "Allow")
	c.says("button[value=deny]", "Deny")
	c.shoot("authorizetoken-consent")
	c.do("allow", chromedp.Click(`button[value=allow]`))
	back := c.sentTo(w.Callback(devenv.CloudAlbum))
	if back.Get("oauth_token") != app.token || back.Has("oauth_error") {
		t.Errorf("the callback gets %v", back)
	}
	if err := app.redeem(back.Get("oauth_verifier")); err != nil {
		t.Error(err)
	}

	c.do("open the same address again", chromedp.Navigate(address), chromedp.WaitVisible("main"))
	c.shoot("authorizetoken-used")
	if at := c.location(); !strings.HasPrefix(at.String(), w.Issuer) || c.text("h1") == "" {
		t.Errorf("Bob is at %s", at)
	}
}

func TestBobDeniesAtAuthorizeTokenInABrowser(t *testing.T) {
	w, c := start(t), newChromium(t)
	app := w.signer(t, devenv.CloudAlbum, w.Callback(devenv.CloudAlbum))
	w.forget(t, app.ConsumerKey)
	c.do("open authorizeToken", chromedp.Navigate(app.ask()))
	c.logIn(w.Bob.Name, w.Bob.Password)
	c.do("deny", chromedp.WaitVisible(`button[value=deny]`), chromedp.Click(`button[value=deny]`))
	back := c.sentTo(w.Callback(devenv.CloudAlbum))
	if back.Get("oauth_error") != "oauth_denied" || !slices.Equal(back["oauth_verifier"], []string{""}) || back.Get("oauth_token") != app.token {
		t.Errorf("the callback gets %v", back)
	}
	if err := app.redeem("anything"); err == nil {
		t.Error("what Bob denied is exchanged for an access token")
	}
}

func TestAliceIsToldSoAtAuthorizeTokenInABrowser(t *testing.T) {
	w, c := start(t), newChromium(t)
	app := w.signer(t, devenv.CloudAlbum, w.Callback(devenv.CloudAlbum))
	c.do("open authorizeToken", chromedp.Navigate(app.ask()))
	c.logIn(w.Alice.Name, w.Alice.Password)
	c.says("main", "Ask the administrator of CloudAlbum to let you use it")
	c.shoot("authorizetoken-refused")
}

func TestBobCopiesAVerifierInABrowser(t *testing.T) {
	w, c := start(t), newChromium(t)
	app := w.signer(t, devenv.CloudAlbum, "oob")
	w.forget(t, app.ConsumerKey)
	c.do("open the authorization page", chromedp.Navigate(app.ask()))
	c.logIn(w.Bob.Name, w.Bob.Password)
	c.do("see the question", chromedp.WaitVisible(`button[value=allow]`))
	c.shoot("verifier-consent")
	c.do("allow", chromedp.Click(`button[value=allow]`), chromedp.WaitVisible(`output`))
	c.says("main", "Go back to CloudAlbum")
	c.shoot("verifier")
	if at := c.location(); strings.Contains(at.String(), c.text("output")) {
		t.Error("the verifier is in the address")
	}
	if err := app.redeem(c.text("output")); err != nil {
		t.Error(err)
	}
}

func TestBobAlwaysGrantsInABrowser(t *testing.T) {
	w, c := start(t), newChromium(t)
	id := w.mounted(t, devenv.CloudPrint, "client-id")
	w.forget(t, id)
	address := w.mounted(t, devenv.CloudPrint, "authorization-endpoint") + "?" + url.Values{
		"response_type": {"code"}, "client_id": {id}, "callback_uri": {w.Callback(devenv.CloudPrint)},
	}.Encode()
	c.do("open authorize", chromedp.Navigate(address))
	c.logIn(w.Bob.Name, w.Bob.Password)
	c.do("see the question", chromedp.WaitVisible(`input[name=always]`))
	c.says("main", "Always grant CloudPrint access and do not show this message")
	c.says("button[value=allow]", "Grant Access and Leave Site")
	c.shoot("always-grant")
	c.do("grant, always", chromedp.Click(`input[name=always]`), chromedp.Click(`button[value=allow]`))
	first := c.sentTo(w.Callback(devenv.CloudPrint)).Get("code")

	c.do("open authorize again", chromedp.Navigate(address))
	second := c.sentTo(w.Callback(devenv.CloudPrint)).Get("code")
	if first == "" || second == "" || first == second {
		t.Error("the second time Bob is not sent back with a code of its own")
	}
	c.do("open the account page", chromedp.Navigate(w.Issuer+"/account"))
	c.says("main", "CloudPrint")
	w.forget(t, id)
	c.do("open authorize once more", chromedp.Navigate(address), chromedp.WaitVisible(`input[name=always]`))
}

// text is the text of one element.
func (c *chromium) text(selector string) string {
	c.t.Helper()
	text, err := chromedp.Run(c.ctx, chromedp.Text(selector))
	if err != nil {
		c.t.Fatalf("read %s: %v", selector, err)
	}
	return text
}
