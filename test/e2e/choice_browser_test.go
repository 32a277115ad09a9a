// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
	"github.com/gatehouse-dev/gatehouse/internal/openid"
)

var (
	passwordWay = web.LoginWay{Name: web.PasswordWay}
	partnerWay  = web.LoginWay{Key: authtest.UpstreamSource, Name: "Partner Inc.", Domains: []string{"partner.example"}}
	githubWay   = web.LoginWay{Key: "github", Name: "GitHub"}
)

// sendsBack stands in for the other server: it sends Carol's browser straight back.
func (s *served) sendsBack(t *testing.T) {
	t.Helper()
	s.Upstreams.Answer("carols-code", authserver.UpstreamLogin{Owner: authtest.Partner("7", "carol")})
	s.Entitlement.Allow("carol", authtest.PhotoPrint)
	other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := r.URL.Query()
		http.Redirect(w, r, asked.Get("redirect_uri")+"?"+url.Values{"state": {asked.Get("state")}, "code": {"carols-code"}}.Encode(), http.StatusSeeOther)
	}))
	t.Cleanup(other.Close)
	s.Upstreams.At(other.URL)
}

// wentTo is the source of the last login that began at another server, and whether it was to let the person choose an account there.
func (s *served) wentTo(t *testing.T) (source string, chooses bool) {
	t.Helper()
	all := s.Upstreams.Requests()
	if len(all) == 0 {
		t.Fatal("no login has begun at another server")
	}
	last := all[len(all)-1]
	return last.Source, last.SelectAccount
}

func TestCarolChoosesWhereToLogInInABrowser(t *testing.T) {
	s, c := newServed(t, passwordWay, partnerWay, githubWay), newChromium(t)
	s.sendsBack(t)
	c.do("come to log in", chromedp.Navigate(s.issuer+"/login"), chromedp.WaitVisible(`ul.ways a`))
	c.says("main", "Partner Inc.")
	c.says("main", "GitHub")
	c.shoot("choice")
	find := func(doing, mail string) {
		c.do(doing, chromedp.Clear(`#email`), chromedp.SendKeys(`#email`, mail), chromedp.Submit(`#email`))
	}
	find("enter a mail address that no source has", "carol@nobody.example")
	c.says(`[role=alert]`, "No way to sign in is known for this mail address")
	c.shoot("choice-unknown-mail")
	find("enter her mail address", "carol@partner.example")
	c.says("main", "All ways to sign in")
	c.shoot("choice-by-mail")
	c.do("go there and come back", chromedp.Click(`ul.ways a`))
	c.says("main", "Signed in as carol")

	// The browser remembers, and after she signed out she can choose another account there.
	c.do("sign out", chromedp.Navigate(s.issuer+"/signout"), chromedp.Click(`form[action="/signout"] button`))
	c.says("main", "You are signed out")
	c.do("come to log in", chromedp.Navigate(s.issuer+"/account"))
	c.says("main", "Signed in as carol")
	if source, chooses := s.wentTo(t); source != authtest.UpstreamSource || !chooses || len(s.Upstreams.Requests()) != 2 {
		t.Errorf("she was sent to %q, may choose an account %t, after %d logins", source, chooses, len(s.Upstreams.Requests()))
	}
}

func TestBobChoosesHisPasswordInABrowser(t *testing.T) {
	s, c := newServed(t, passwordWay, partnerWay), newChromium(t)
	c.do("come to log in", chromedp.Navigate(s.issuer+"/login"), chromedp.Click(`ul.ways a[href*="with=password"]`), chromedp.WaitVisible(`input[name=password]`))
	c.shoot("choice-password")
	c.logIn(authtest.Bob, authtest.BobPassword)
	c.says("main", "Signed in as Bob")
	c.do("sign out", chromedp.Navigate(s.issuer+"/signout"), chromedp.Click(`form[action="/signout"] button`))
	c.says("main", "You are signed out")
	c.do("come to log in", chromedp.Navigate(s.issuer+"/account"), chromedp.WaitVisible(`input[name=password]`)) // remembered
	c.do("want another way", chromedp.Click(`a[href*="with=choice"]`), chromedp.WaitVisible(`ul.ways a`))
}

// atPhotoPrint is the address where an application sends people, with one more parameter.
func (s *served) atPhotoPrint(name, value string) string {
	return s.issuer + "/oauth2/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {authtest.PhotoPrint}, "redirect_uri": {authtest.PhotoPrintCallback}, name: {value},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}.Encode()
}

// The application knows the mail address, or there is one way: nobody is asked.
func TestNobodyChoosesWhereItIsKnownInABrowser(t *testing.T) {
	for _, tc := range []struct {
		name, hint string
		ways       []web.LoginWay
	}{
		{"by login_hint", "carol@partner.example", []web.LoginWay{passwordWay, githubWay, partnerWay}},
		{"one way", "", []web.LoginWay{partnerWay}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, c := newServed(t, tc.ways...), newChromium(t)
			s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Scopes = append(c.Scopes, "openid") })
			s.sendsBack(t)
			c.do("come from PhotoPrint", chromedp.Navigate(s.atPhotoPrint("login_hint", tc.hint)+"&scope=openid"))
			c.says("main", "PhotoPrint asks for access")
			c.says("body", "carol")
			if source, _ := s.wentTo(t); source != authtest.UpstreamSource || len(s.Upstreams.Requests()) != 1 {
				t.Errorf("carol was sent to %q", source)
			}
		})
	}
}

// A hint of which no source has the domain chooses nothing.
func TestAHintOfAnotherDomainLeavesTheChoiceInABrowser(t *testing.T) {
	s, c := newServed(t, passwordWay, partnerWay), newChromium(t)
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Scopes = append(c.Scopes, "openid") })
	c.do("come from PhotoPrint", chromedp.Navigate(s.atPhotoPrint("login_hint", "carol@nobody.example")+"&scope=openid"), chromedp.WaitVisible(`ul.ways a`))
	c.says("main", "PhotoPrint")
	c.shoot("choice-on-the-way")
}

// What OpenID Connect has programs ask for is said in people's words, on the consent page and on the account page.
func TestBobReadsWhatTheScopesOfOpenIDConnectMeanInABrowser(t *testing.T) {
	s, c := newRelyingParty(t), newChromium(t)
	asked := append(openid.Scopes(), "photos.read")
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Scopes = asked })
	c.do("come from PhotoPrint", chromedp.Navigate(strings.Replace(s.request(), "scope=openid", "scope="+url.QueryEscape(strings.Join(asked, " ")), 1)))
	c.logIn(authtest.Bob, authtest.BobPassword)
	c.do("see the consent page", chromedp.WaitVisible(`button[value=allow]`))
	sentences := []string{"See your photos"}
	for _, scope := range openid.Scopes() {
		sentences = append(sentences, openid.Sentence(scope))
	}
	for _, sentence := range sentences {
		c.says("main", sentence)
	}
	c.shoot("consent-openid")
	c.do("allow", chromedp.Click(`input[name=always]`), chromedp.Click(`button[value=allow]`))
	c.says("main", "PhotoPrint has the answer")
	c.do("open the account page", chromedp.Navigate(s.issuer+"/account"), chromedp.WaitVisible(`form[action="/account/revoke"]`))
	for _, sentence := range sentences {
		c.says("main", sentence)
	}
	c.shoot("account-openid")
}
