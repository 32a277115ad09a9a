// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/gatehouse-dev/gatehouse/internal/devenv"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// cloudPrint returns CloudPrint's authorization request with this state, and forgets what Bob allowed it.
func (w *environment) cloudPrint(t *testing.T, state string) (address string) {
	t.Helper()
	id := w.mounted(t, devenv.CloudPrint, "client-id")
	w.forget(t, id)
	return w.mounted(t, devenv.CloudPrint, "authorization-endpoint") + "?" + url.Values{
		"response_type": {"code"}, "client_id": {id}, "callback_uri": {w.Callback(devenv.CloudPrint)}, "state": {state},
	}.Encode()
}

// tab opens another tab in the same browser.
func (c *chromium) tab() *chromium {
	c.t.Helper()
	ctx, cancel := chromedp.NewContext(c.ctx)
	c.t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // the tab belongs to this context, not to a step's
		c.t.Fatalf("open a tab: %v", err)
	}
	return &chromium{t: c.t, ctx: ctx}
}

// focus brings the tab to the front: a browser paints no other, and takes no keys for it.
func (c *chromium) focus() {
	c.t.Helper()
	if _, err := chromedp.Call(c.ctx, page.BringToFront, cdp.Empty{}); err != nil {
		c.t.Fatalf("show the tab: %v", err)
	}
}

func (c *chromium) open(address string) {
	c.t.Helper()
	c.do("open "+address, chromedp.Navigate(address), chromedp.WaitVisible("main"))
}

// clickTwice clicks Allow, and again while the answer is on its way.
func (c *chromium) clickTwice() {
	c.t.Helper()
	const script = `{const b = document.querySelector('button[value=allow]'); b.click(); setTimeout(() => b.click(), 30); true}`
	c.do("see the question", chromedp.WaitVisible(`button[value=allow]`))
	if _, err := chromedp.Run(c.ctx, chromedp.Evaluate[bool](script)); err != nil {
		c.t.Fatalf("click twice: %v", err)
	}
}

func TestN133ADoubleClickOnAllowInABrowser(t *testing.T) {
	w, c := start(t), newChromium(t)
	c.open(w.cloudPrint(t, "double"))
	c.logIn(w.Bob.Name, w.Bob.Password)
	c.clickTwice()
	first := c.sentTo(w.Callback(devenv.CloudPrint))
	if first.Get("code") == "" || first.Get("state") != "double" {
		t.Fatalf("the callback gets %v", first)
	}
}

// evaluate runs a script in the page and returns what it says; false where the page is on its way out.
func (c *chromium) evaluate(script string) bool {
	said, err := chromedp.Run(c.ctx, chromedp.Evaluate[bool](script))
	return err == nil && said
}

// Chromium shows the consent page that it keeps in memory, or asks the server for it anew. Either way the answer is the same.
func TestN133TheBackButtonInABrowser(t *testing.T) {
	w, c := start(t), newChromium(t)
	callback := w.Callback(devenv.CloudPrint)
	c.open(w.cloudPrint(t, "back"))
	c.logIn(w.Bob.Name, w.Bob.Password)
	c.do("allow", chromedp.WaitVisible(`button[value=allow]`), chromedp.Click(`button[value=allow]`))
	first := c.sentTo(callback)
	if first.Get("code") == "" {
		t.Fatalf("the callback gets %v", first)
	}
	c.evaluate(`{window.left = true; history.back(); true}`)
	testenv.Eventually(t, stepLimit, "the browser left the callback", func() bool { return c.evaluate(`!window.left && document.readyState === 'complete'`) })
	c.shoot("after-the-back-button")
	c.evaluate(`{const b = document.querySelector('button[value=allow]'); if (b) b.click(); true}`)
	testenv.Eventually(t, stepLimit, "the browser is sent to the callback again", func() bool {
		return c.evaluate(`!window.left && location.href.startsWith('` + callback + `')`)
	})
	if again := c.location().Query(); again.Get("code") != first.Get("code") || again.Get("state") != "back" {
		t.Error("the second answer is another one")
	}
}

func TestN133ADisplayedVerifierIsShownAgainInABrowser(t *testing.T) {
	w, c := start(t), newChromium(t)
	app := w.signer(t, devenv.CloudAlbum, "oob")
	w.forget(t, app.ConsumerKey)
	address := app.ask()
	c.open(address)
	c.logIn(w.Bob.Name, w.Bob.Password)
	c.clickTwice()
	c.do("see the verifier", chromedp.WaitVisible(`output`))
	c.shoot("verifier-after-a-double-click")
	first := c.text("output")
	c.do("open the link again", chromedp.Navigate(address), chromedp.WaitVisible(`output`))
	if again := c.text("output"); again != first {
		t.Error("the second page shows another verifier")
	}
	if err := app.redeem(first); err != nil {
		t.Fatal(err)
	}
	c.open(address)
	c.says("h1", "You answered this request before")
	c.shoot("answered-and-used")
}

func TestN137ManyTabsInABrowser(t *testing.T) {
	w := start(t)
	for _, n := range []int{2, 5, 7} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			c := newChromium(t)
			address := w.cloudPrint(t, "")
			tabs := []*chromium{c}
			for len(tabs) < n {
				tabs = append(tabs, c.tab())
			}
			for i, tab := range tabs {
				tab.open(address + strconv.Itoa(i))
			}
			c.focus()
			c.logIn(w.Bob.Name, w.Bob.Password)
			c.do("see the question", chromedp.WaitVisible(`button[value=allow]`))
			codes := map[string]bool{}
			for i, tab := range tabs {
				tab.focus()
				tab.do("open the tab again", chromedp.Reload(), chromedp.WaitVisible(`button[value=allow]`), chromedp.Click(`button[value=allow]`))
				back := tab.sentTo(w.Callback(devenv.CloudPrint))
				if back.Get("state") != strconv.Itoa(i) || back.Get("code") == "" {
					t.Errorf("tab %d: the callback gets %v", i, back)
				}
				codes[back.Get("code")] = true
			}
			if len(codes) != n {
				t.Errorf("%d codes for %d tabs", len(codes), n)
			}
		})
	}
}

func TestN136ALoginInAnotherTabInABrowser(t *testing.T) {
	w := start(t)
	for _, who := range []string{"the same person", "another person"} {
		t.Run(who, func(t *testing.T) {
			first := newChromium(t)
			address := w.cloudPrint(t, "tab")
			second := first.tab()
			first.open(address)
			second.open(address)
			first.focus()
			first.logIn(w.Bob.Name, w.Bob.Password)
			first.do("see the question", chromedp.WaitVisible(`button[value=allow]`))
			second.focus()
			if who == "another person" {
				second.logIn(w.Alice.Name, w.Alice.Password)
				second.says("main", "Signed in as")
				first.focus()
				first.do("allow", chromedp.Click(`button[value=allow]`))
				first.says("main", "Ask the administrator of CloudPrint")
				first.says("main", w.Alice.Name)
				first.shoot("first-tab-after-another-login")
				return
			}
			second.logIn(w.Bob.Name, w.Bob.Password)
			second.do("see the question", chromedp.WaitVisible(`button[value=allow]`))
			first.focus()
			first.do("allow at the old page", chromedp.Click(`button[value=allow]`), chromedp.WaitReady("body"))
			first.says("main", "Signed in as")
			first.shoot("first-tab-asks-again")
			first.do("allow", chromedp.WaitVisible(`button[value=allow]`), chromedp.Click(`button[value=allow]`))
			if back := first.sentTo(w.Callback(devenv.CloudPrint)); back.Get("code") == "" {
				t.Errorf("the callback gets %v", back)
			}
		})
	}
}

func TestARestoredSessionInABrowser(t *testing.T) {
	w, c := start(t), newChromium(t)
	c.open(w.cloudPrint(t, "restored"))
	c.logIn(w.Bob.Name, w.Bob.Password)
	c.do("see the question", chromedp.WaitVisible(`button[value=allow]`))
	lost := network.DeleteCookiesParams{Name: "__Host-gatehouse-session", URL: w.Issuer}
	if _, err := chromedp.Call(c.ctx, network.DeleteCookies, lost); err != nil {
		t.Fatal(err)
	}
	c.do("allow", chromedp.Click(`button[value=allow]`), chromedp.WaitVisible(`input[name=password]`))
	c.shoot("restored-without-a-session")
	c.logIn(w.Bob.Name, w.Bob.Password)
	c.do("allow", chromedp.WaitVisible(`button[value=allow]`), chromedp.Click(`button[value=allow]`))
	back := c.sentTo(w.Callback(devenv.CloudPrint))
	if back.Get("code") == "" || strings.Contains(back.Encode(), "error") {
		t.Errorf("the callback gets %v", back)
	}
}
