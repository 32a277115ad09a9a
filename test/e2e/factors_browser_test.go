// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// answerCode types a code into a field of the page and sends its form.
func (c *chromium) answerCode(doing, field, code string) {
	c.t.Helper()
	c.do(doing, chromedp.WaitVisible(field), chromedp.SendKeys(field, code), chromedp.Submit(field))
}

// addApp adds an authenticator app on the page that is open, and returns its key and the recovery codes.
func (s *served) addApp(c *chromium) (secret string, codes []string) {
	c.t.Helper()
	c.do("see the key of the app", chromedp.WaitVisible(`.qr svg`))
	secret = strings.Join(strings.Fields(c.text(`output.secret`)), "")
	c.answerCode("enter a wrong code", `input[name=code]`, "000000")
	c.do("see that it was wrong", chromedp.WaitVisible(`#problem`))
	c.do("name the app", chromedp.SendKeys(`#name`, "My phone"))
	c.answerCode("enter the code", `input[name=code]`, authtest.TOTP(c.t, secret, s.Clock.Now()))
	c.says("main", "Your recovery codes")
	s.Clock.Advance(time.Minute)
	return secret, strings.Fields(c.text(`ul.codes`))
}

func TestBobAddsAnAppAndLogsInWithItInABrowser(t *testing.T) {
	s, c := newServed(t), newChromium(t)
	c.do("open the account page", chromedp.Navigate(s.issuer+"/account"))
	c.logIn(authtest.Bob, authtest.BobPassword)
	c.says("main", "Your password alone signs you in")
	c.do("begin to add an app", chromedp.Click(`a[href="/account/factors/totp"]`), chromedp.WaitVisible(`.qr svg`))
	c.shoot("factor-add")
	secret, codes := s.addApp(c)
	c.shoot("factor-codes")
	if len(codes) != 10 {
		t.Fatalf("there are %d recovery codes", len(codes))
	}
	c.do("go back to the account", chromedp.Click(`a.button.primary`))
	c.says("main", "Authenticator app · My phone")
	c.shoot("factor-account")

	signOut := func() {
		c.do("sign out", chromedp.Navigate(s.issuer+"/signout"), chromedp.Click(`form[action="/signout"] button`))
		c.says("main", "You are signed out")
	}
	again := func() {
		c.do("open the login page", chromedp.Navigate(s.issuer+"/login"))
		c.logIn(authtest.Bob, authtest.BobPassword)
		c.says("main", "Second step")
	}
	signOut()
	again()
	c.shoot("factor-step")
	c.answerCode("enter a wrong code", `#code`, "000000")
	c.says(`[role=alert]`, "The code is wrong")
	c.shoot("factor-step-wrong")
	c.answerCode("enter the code", `#code`, authtest.TOTP(t, secret, s.Clock.Now()))
	c.says("main", "Signed in as Bob")

	signOut()
	again()
	c.do("choose a recovery code", chromedp.Click(`summary`), chromedp.WaitVisible(`#recovery`))
	c.shoot("factor-step-recovery")
	c.answerCode("enter a recovery code", `#recovery`, codes[0])
	c.says("main", "9 codes are left.")
	c.do("remove the app", chromedp.Click(`form[action="/account/factors/remove"] button`))
	c.says("main", "Your password alone signs you in")
}

func TestBobAddsAnAppOnHisWayToAnApplicationInABrowser(t *testing.T) {
	s, c := newServed(t), newChromium(t)
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.SecondFactor = true })
	c.do("come from PhotoPrint", chromedp.Navigate(s.issuer+"/oauth2/authorize?"+url.Values{
		"response_type": {"code"}, "client_id": {authtest.PhotoPrint}, "redirect_uri": {authtest.PhotoPrintCallback},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}.Encode()))
	c.logIn(authtest.Bob, authtest.BobPassword)
	c.says("main", "PhotoPrint asks for a second step at the login, and you have none yet.")
	c.shoot("factor-add-on-the-way")
	s.addApp(c)
	c.do("go on", chromedp.Click(`a.button.primary`), chromedp.WaitVisible(`button[value=allow]`))
	c.says("main", "PhotoPrint asks for access")
}
