// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/gatehouse-dev/gatehouse/internal/npm"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// chromium is a real browser with a profile of its own.
type chromium struct {
	t   *testing.T
	ctx context.Context

	withoutScripts bool // no page runs any: axe is one
}

// A test in a browser, and a step of it, take no longer than this on a busy machine.
const (
	browserLimit = 3 * time.Minute
	stepLimit    = 30 * time.Second
)

// newChromium starts a browser. Preferences are JSON, as the browser keeps them in its profile.
func newChromium(t *testing.T, preferences ...string) *chromium {
	t.Helper()
	profile := t.TempDir()
	for _, text := range preferences {
		file := filepath.Join(profile, "Default", "Preferences")
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.IgnoreCertErrors, // the environment's own authority
		chromedp.UserDataDir(profile), chromedp.WindowSize(1024, 768),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true),
	)
	if path := os.Getenv("GATEHOUSE_CHROMIUM"); path != "" {
		options = append(options, chromedp.ExecPath(path))
	}
	ctx, cancel := context.WithTimeout(t.Context(), browserLimit)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // the browser belongs to this context, not to a step's
		t.Fatalf("start the browser: %v", err)
	}
	return &chromium{t: t, ctx: ctx}
}

func (c *chromium) do(doing string, steps ...chromedp.Action[chromedp.Void]) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, stepLimit)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		c.t.Errorf("%s: %v", doing, err)
		c.shoot(failed)
		c.t.FailNow()
	}
}

func (c *chromium) location() *url.URL {
	c.t.Helper()
	text, err := chromedp.Run(c.ctx, chromedp.Location())
	if err != nil {
		c.t.Fatal(err)
	}
	at, err := url.Parse(text)
	if err != nil {
		c.t.Fatal(err)
	}
	return at
}

// shoot keeps a screenshot of the page as an artefact of the test, in light and dark and as wide as a phone. In each look axe finds no
// fault in the page.
func (c *chromium) shoot(name string) {
	c.t.Helper()
	for _, look := range []struct {
		suffix, scheme string
		width, height  int64
	}{{"light", "light", 1024, 768}, {"dark", "dark", 1024, 768}, {"phone", "light", 390, 844}} {
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}}}
		if err := chromedp.Do(c.ctx, chromedp.EmulateViewport(look.width, look.height)); err != nil {
			c.t.Fatalf("prepare the screenshot %s: %v", name, err)
		}
		if _, err := chromedp.Call(c.ctx, emulation.SetEmulatedMedia, media); err != nil {
			c.t.Fatalf("prepare the screenshot %s: %v", name, err)
		}
		picture, err := chromedp.Run(c.ctx, chromedp.FullScreenshot(100))
		if err != nil {
			c.t.Fatalf("take the screenshot %s: %v", name, err)
		}
		if err := os.WriteFile(filepath.Join(c.t.ArtifactDir(), name+"-"+look.suffix+".png"), picture, 0o600); err != nil {
			c.t.Fatal(err)
		}
		if name != failed && !c.withoutScripts {
			c.hasNoFaults(name + "-" + look.suffix)
		}
	}
}

// failed is the screenshot of the page where a step failed, whoever's page that is.
const failed = "failed"

// axe is axe-core, which finds what keeps people out who use a screen reader or a keyboard, or whose eyes are weak.
var axe struct {
	sync.Mutex
	script string
}

func axeScript(t *testing.T) string {
	t.Helper()
	axe.Lock()
	defer axe.Unlock()
	if axe.script == "" {
		modules, err := npm.Modules(t.Context(), os.Stderr, filepath.Join("test", "e2e", "javascript"))
		if err != nil {
			t.Fatalf("the npm packages cannot be had: %v", err)
		}
		text, err := os.ReadFile(filepath.Join(modules, "axe-core", "axe.min.js"))
		if err != nil {
			t.Fatal(err)
		}
		axe.script = string(text)
	}
	return axe.script
}

// hasNoFaults demands that axe finds none in the page.
func (c *chromium) hasNoFaults(name string) {
	c.t.Helper()
	const ask = `axe.run(document).then(found => JSON.stringify(found.violations.map(v =>
		v.id + ": " + v.help + v.nodes.map(n => "\n    " + n.target + "  " + n.html.slice(0, 200)).join(""))))`
	ctx, cancel := context.WithTimeout(c.ctx, stepLimit)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](axeScript(c.t)+";0")); err != nil {
		c.t.Fatalf("bring axe into the page %s: %v", name, err)
	}
	said, err := chromedp.Run(ctx, chromedp.Evaluate[string](ask, chromedp.EvalAwaitPromise))
	if err != nil {
		c.t.Fatalf("ask axe about the page %s: %v", name, err)
	}
	var faults []string
	if err := json.Unmarshal([]byte(said), &faults); err != nil {
		c.t.Fatalf("axe says %q of the page %s: %v", said, name, err)
	}
	for _, fault := range faults {
		c.t.Errorf("the page %s has a fault that keeps people out: %s", name, fault)
	}
}

func (c *chromium) logIn(name, password string) {
	c.t.Helper()
	c.do("log in as "+name,
		chromedp.WaitVisible(`input[name=username]`), chromedp.SendKeys(`input[name=username]`, name),
		chromedp.SendKeys(`input[name=password]`, password), chromedp.Submit(`input[name=password]`))
}

// says waits until an element of the page says the sentence.
func (c *chromium) says(selector, sentence string) {
	c.t.Helper()
	var last string
	said := func() bool {
		text, err := chromedp.Run(c.ctx, chromedp.Text(selector, chromedp.AtLeast(0)))
		if err == nil { // else the page is on its way out
			last = text
		}
		return strings.Contains(last, sentence)
	}
	testenv.Eventually(c.t, stepLimit, "the page says "+sentence, said)
}

func TestBobAllowsSeesAndRevokesInABrowser(t *testing.T) {
	w, c := start(t), newChromium(t)
	w.forget(t, photoPrintID)
	c.do("ask PhotoPrint to print", chromedp.Navigate(w.PhotoPrintURL+"/start"), chromedp.WaitVisible(`input[name=password]`))
	c.says("main", "PhotoPrint")
	c.shoot("login")

	c.logIn(w.Bob.Name, "not his password")
	c.do("see that it was wrong", chromedp.WaitVisible(`[role=alert]`))
	c.shoot("login-wrong-password")
	c.do("empty the fields", chromedp.Clear(`input[name=username]`))
	c.logIn(w.Bob.Name, w.Bob.Password)

	c.do("see the consent page", chromedp.WaitVisible(`button[value=allow]`))
	c.says("main", "See your photos")
	c.shoot("consent")
	c.do("allow", chromedp.Click(`input[name=always]`), chromedp.Click(`button[value=allow]`))
	c.says("body", "grandma-at-90.jpg")
	if at := c.location(); at.Path != "/photos" {
		t.Errorf("Bob is at %s", at)
	}

	c.do("open the account page", chromedp.Navigate(w.Issuer+"/account"))
	c.says("main", "PhotoPrint")
	c.says("main", "See your photos")
	c.shoot("account")
	c.do("remove the access", chromedp.Click(`form[action="/account/revoke"]:has(input[value="`+photoPrintID+`"]) button`))
	c.says("main", "Access removed")
	c.shoot("account-removed")
	c.do("go back to the photos", chromedp.Navigate(w.PhotoPrintURL+"/photos"))
	c.says("body", "Access has ended")

	c.do("sign out", chromedp.Navigate(w.Issuer+"/signout"), chromedp.Click(`form[action="/signout"] button`))
	c.says("main", "You are signed out")
	c.do("open the account page", chromedp.Navigate(w.Issuer+"/account"), chromedp.WaitVisible(`input[name=password]`))
	c.shoot("account-login")
}

func TestBobDeniesInABrowser(t *testing.T) {
	w, c := start(t), newChromium(t)
	w.forget(t, photoPrintID)
	c.do("ask PhotoPrint to print", chromedp.Navigate(w.PhotoPrintURL+"/start"))
	c.logIn(w.Bob.Name, w.Bob.Password)
	c.do("deny", chromedp.WaitVisible(`button[value=deny]`), chromedp.Click(`button[value=deny]`), chromedp.WaitNotPresent(`button[value=deny]`))
	c.says("body", "PhotoPrint was not given access")
	if at := c.location(); !strings.HasPrefix(at.String(), w.PhotoPrintURL) {
		t.Errorf("Bob is at %s", at.Host+at.Path)
	}
}

func TestAliceIsToldWhomToAskInABrowser(t *testing.T) {
	w, c := start(t), newChromium(t)
	c.do("ask PhotoPrint to print", chromedp.Navigate(w.PhotoPrintURL+"/start"))
	c.logIn(w.Alice.Name, w.Alice.Password)
	c.says("main", "Ask the administrator of PhotoPrint to let you use it")
	c.shoot("refused")
}

func TestAnUnknownClientIsAPageInABrowser(t *testing.T) {
	w, c := start(t), newChromium(t)
	c.do("follow a broken link", chromedp.Navigate(w.Issuer+"/oauth2/authorize?client_id=nobody"))
	c.says("main", "not known")
	c.shoot("error")
}

func TestThePagesNeedNoMouse(t *testing.T) {
	w, c := start(t), newChromium(t)
	w.forget(t, photoPrintID)
	c.do("ask PhotoPrint to print", chromedp.Navigate(w.PhotoPrintURL+"/start"), chromedp.WaitVisible(`input[name=password]`))
	c.do("type name and password", chromedp.KeyEvent(w.Bob.Name), chromedp.KeyEvent("\t"), chromedp.KeyEvent(w.Bob.Password), chromedp.KeyEvent("\r"))
	c.do("see the consent page", chromedp.WaitVisible(`button[value=deny]`))
	c.do("deny with the keyboard", chromedp.Focus(`button[value=deny]`), chromedp.KeyEvent("\r"), chromedp.WaitNotPresent(`button[value=deny]`))
	c.says("body", "PhotoPrint was not given access")
}
