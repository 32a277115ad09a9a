// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"golang.org/x/net/html"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// authenticator is one that the browser takes for built in.
type authenticator struct {
	*chromium
	id webauthn.AuthenticatorID
}

// withAuthenticator gives the browser an authenticator. Nobody touches it yet.
func (c *chromium) withAuthenticator() authenticator {
	c.t.Helper()
	if _, err := chromedp.Call(c.ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		c.t.Fatalf("let the browser simulate authenticators: %v", err)
	}
	made, err := chromedp.Call(c.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true,
	}})
	if err != nil {
		c.t.Fatalf("add an authenticator: %v", err)
	}
	return authenticator{c, made.AuthenticatorID}
}

// touched is whether somebody touches the authenticator when it asks.
func (a authenticator) touched(yes bool) {
	a.t.Helper()
	_, err := chromedp.Call(a.ctx, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: a.id, Enabled: yes})
	if err != nil {
		a.t.Fatal(err)
	}
}

// verified is whether the authenticator finds that it is its owner.
func (a authenticator) verified(yes bool) {
	a.t.Helper()
	_, err := chromedp.Call(a.ctx, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: a.id, IsUserVerified: yes})
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a authenticator) credentials() []*webauthn.Credential {
	a.t.Helper()
	all, err := chromedp.Call(a.ctx, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: a.id})
	if err != nil {
		a.t.Fatal(err)
	}
	return all.Credentials
}

// press presses the button of a form that asks for a passkey, and touches the authenticator.
func (a authenticator) press(doing, kind string) {
	a.t.Helper()
	a.do("see the button", chromedp.WaitVisible(`form[data-passkey=`+kind+`] button`))
	a.touched(true)
	a.do(doing, chromedp.Click(`form[data-passkey=`+kind+`] button`))
}

func (a authenticator) open(address string) {
	a.t.Helper()
	a.touched(false)
	a.do("open "+address, chromedp.Navigate(address))
}

// addPasskey adds one on the account page of whoever is logged in.
func (a authenticator) addPasskey(issuer string) {
	a.t.Helper()
	a.open(issuer + "/account/factors/passkey")
	a.do("name the passkey", chromedp.WaitVisible(`#passkey-name`), chromedp.SendKeys(`#passkey-name`, "My laptop"))
	a.press("add a passkey", "create")
	a.says("main", "Your recovery codes")
}

func (a authenticator) signOut(issuer string) {
	a.t.Helper()
	a.open(issuer + "/signout")
	a.do("sign out", chromedp.Click(`form[action="/signout"] button`))
	a.says("main", "You are signed out")
}

func TestBobAddsAPasskeyAndLogsInWithItInABrowser(t *testing.T) {
	s, c := newServedByName(t), newChromium(t)
	a := c.withAuthenticator()
	a.open(s.issuer + "/login")
	c.logIn(authtest.Bob, authtest.BobPassword)
	c.says("main", "Your password alone signs you in")
	a.open(s.issuer + "/account/factors/passkey")
	c.do("see the page", chromedp.WaitVisible(`form[data-passkey] button`))
	c.shoot("passkey-add")
	a.addPasskey(s.issuer)
	if got := a.credentials(); len(got) != 1 || !got[0].IsResidentCredential || got[0].RpID != "localhost" {
		t.Errorf("the authenticator has %+v", got)
	}
	a.open(s.issuer + "/account")
	c.says("main", "Passkey · My laptop")
	c.shoot("passkey-account")

	a.open(s.issuer + "/account/factors/passkey")
	a.press("add it once more", "create")
	c.says("form[data-passkey] [data-problem]", "has a passkey of yours already")
	c.shoot("passkey-add-again")

	a.signOut(s.issuer)
	a.open(s.issuer + "/login")
	c.do("see the login page", chromedp.WaitVisible(`form[data-passkey=login] button`))
	c.shoot("passkey-login")
	a.press("log in with the passkey", "login")
	c.says("main", "Signed in as Bob")

	a.signOut(s.issuer)
	a.open(s.issuer + "/login")
	c.logIn(authtest.Bob, authtest.BobPassword)
	c.says("main", "Second step")
	c.shoot("passkey-step")
	a.press("take the passkey as the second step", "get")
	c.says("main", "Signed in as Bob")

	c.do("remove it", chromedp.Click(`form[action="/account/factors/remove"] button`))
	c.says("main", "Your password alone signs you in")
	a.signOut(s.issuer)
	a.open(s.issuer + "/login")
	a.press("log in with the passkey that was removed", "login")
	c.says(`#problem`, "This passkey does not sign you in.")
	c.shoot("passkey-removed")
}

// The browser offers the passkey by itself, in the field of the user name.
func TestTheLoginPageOffersPasskeysByItself(t *testing.T) {
	s, c := newServedByName(t), newChromium(t)
	a := c.withAuthenticator()
	a.open(s.issuer + "/login")
	c.logIn(authtest.Bob, authtest.BobPassword)
	c.says("main", "Your password alone signs you in")
	a.addPasskey(s.issuer)
	a.signOut(s.issuer)
	a.touched(true)
	c.do("open the login page", chromedp.Navigate(s.issuer+"/login"))
	c.says("main", "Signed in as Bob")
}

func TestBobAddsAPasskeyOnHisWayToAnApplicationInABrowser(t *testing.T) {
	s, c := newServedByName(t), newChromium(t)
	a := c.withAuthenticator()
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.SecondFactor = true })
	a.open(s.issuer + "/oauth2/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {authtest.PhotoPrint}, "redirect_uri": {authtest.PhotoPrintCallback},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}.Encode())
	c.logIn(authtest.Bob, authtest.BobPassword)
	c.says("main", "Or add a passkey")
	c.do("see the page", chromedp.WaitVisible(`form[data-passkey] button`))
	c.shoot("passkey-add-on-the-way")
	a.press("add a passkey", "create")
	c.says("main", "Your recovery codes")
	c.do("go on", chromedp.Click(`a.button.primary`), chromedp.WaitVisible(`button[value=allow]`))
	c.says("main", "PhotoPrint asks for access")
}

// N280: an authenticator that does not find that it is Bob logs nobody in.
func TestN280AnAuthenticatorThatDoesNotKnowBobInABrowser(t *testing.T) {
	s, c := newServedByName(t), newChromium(t)
	a := c.withAuthenticator()
	a.open(s.issuer + "/login")
	c.logIn(authtest.Bob, authtest.BobPassword)
	c.says("main", "Your password alone signs you in")
	a.addPasskey(s.issuer)
	a.signOut(s.issuer)
	a.verified(false)
	a.open(s.issuer + "/login")
	a.press("log in with the passkey", "login")
	c.says("form[data-passkey] [data-problem]", "No passkey was used.")
	a.open(s.issuer + "/account")
	c.do("see that nobody is in", chromedp.WaitVisible(`input[name=password]`))
}

// byNumber is the server's address for a program, for which its certificate is good.
func (s *served) byNumber() string { return strings.Replace(s.issuer, "localhost", "127.0.0.1", 1) }

// loginPage opens a login page as a program does, and returns what it gives a browser.
func (s *served) loginPage(t *testing.T, client *http.Client) (options, ticket string) {
	t.Helper()
	answer, err := client.Get(s.byNumber() + "/login")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	root, err := html.Parse(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		of := map[string]string{}
		for _, attribute := range n.Attr {
			of[attribute.Key] = attribute.Val
		}
		if of["data-options"] != "" {
			options = of["data-options"]
		}
		if of["name"] == "page" {
			ticket = of["value"]
		}
	}
	return options, ticket
}

// N276: another site of the same host may have the passkey sign, and it is worth nothing: the origin is in what was signed.
func TestN276APasskeyThatSignedForAnotherOriginInABrowser(t *testing.T) {
	s, c := newServedByName(t), newChromium(t)
	a := c.withAuthenticator()
	a.open(s.issuer + "/login")
	c.logIn(authtest.Bob, authtest.BobPassword)
	c.says("main", "Your password alone signs you in")
	a.addPasskey(s.issuer)

	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	attacker := &http.Client{Transport: s.client.Transport, Jar: jar}
	options, ticket := s.loginPage(t, attacker)
	evil := strings.Replace(otherSite(t, ""), "127.0.0.1", "localhost", 1)
	a.open(evil)
	a.touched(true)
	script := fmt.Sprintf(`(async () => {
		const bytes = (s) => Uint8Array.from(atob(s.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
		const text = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
		const publicKey = JSON.parse(%q);
		publicKey.challenge = bytes(publicKey.challenge);
		const signed = await navigator.credentials.get({publicKey});
		const r = signed.response, id = text(signed.rawId);
		return JSON.stringify({id, rawId: id, type: "public-key", clientExtensionResults: {}, response: {clientDataJSON: text(r.clientDataJSON),
			authenticatorData: text(r.authenticatorData), signature: text(r.signature), userHandle: text(r.userHandle)}});
	})()`, options)
	answer, err := chromedp.Run(c.ctx, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
	if err != nil || !json.Valid([]byte(answer)) {
		t.Fatalf("the passkey did not sign at %s: %v", evil, err)
	}
	got, err := attacker.PostForm(s.byNumber()+"/login/passkey", url.Values{"page": {ticket}, "answer": {answer}})
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil || got.StatusCode != http.StatusForbidden || !strings.Contains(string(body), "This passkey does not sign you in.") {
		t.Errorf("the answer is %d: %v", got.StatusCode, err)
	}
	if events := s.Audit.Events(authserver.EventLoginFailed); len(events) != 1 || !strings.Contains(events[0].Reason, evil) {
		t.Errorf("the audit log has %+v", events)
	}
}

// Without a script the page says what is missing, and everything else works.
func TestWithoutAScriptThePasswordStillWorks(t *testing.T) {
	s, c := newServedByName(t), newChromium(t)
	if _, err := chromedp.Call(c.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	c.do("open the login page", chromedp.Navigate(s.issuer+"/login"))
	c.says("main", "Passkeys work in a browser that knows them and runs the script of this page.")
	c.logIn(authtest.Bob, authtest.BobPassword)
	c.says("main", "Signed in as Bob")
}
