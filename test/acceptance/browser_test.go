// SPDX-License-Identifier: Apache-2.0

//go:build acceptance

package acceptance

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// A walk in a browser, and a step of it, take no longer than this on a busy machine.
const (
	browserLimit = 5 * time.Minute
	stepLimit    = 30 * time.Second
)

// browser is Bob's: a real one with a profile of its own.
type browser struct {
	t   *testing.T
	w   *environment
	ctx context.Context
}

func (w *environment) browser(t *testing.T) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.IgnoreCertErrors, // the environment's own authority
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1024, 768),
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
	return &browser{t: t, w: w, ctx: ctx}
}

func (b *browser) do(doing string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepLimit)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Errorf("%s: %v", doing, err)
		b.fail()
	}
}

// fail keeps what Bob sees, and ends the test.
func (b *browser) fail() {
	b.t.Helper()
	if picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100)); err == nil {
		_ = os.WriteFile(filepath.Join(b.t.ArtifactDir(), "failed.png"), picture, 0o600)
	}
	at, _ := chromedp.Run(b.ctx, chromedp.Location())
	b.t.Fatalf("Bob is at %s and reads:\n%s", at, b.text())
}

func (b *browser) open(address string) {
	b.t.Helper()
	b.do("open "+address, chromedp.Navigate(address))
}

// text is what the page says; "" while there is none.
func (b *browser) text() string {
	text, err := chromedp.Run(b.ctx, chromedp.Text("body", chromedp.AtLeast(0)))
	if err != nil {
		return ""
	}
	return text
}

// reads waits until the page says all of the sentences.
func (b *browser) reads(sentences ...string) {
	b.t.Helper()
	b.eventually("the page says "+strings.Join(sentences, ", "), func() bool {
		text := b.text()
		for _, sentence := range sentences {
			if !strings.Contains(text, sentence) {
				return false
			}
		}
		return true
	})
}

// eventually waits until it is so.
func (b *browser) eventually(what string, condition func() bool) {
	b.t.Helper()
	end := time.Now().Add(stepLimit)
	testenv.Eventually(b.t, limit, what, func() bool {
		if condition() {
			return true
		}
		if time.Now().After(end) {
			b.t.Errorf("not within %s: %s", stepLimit, what)
			b.fail()
		}
		return false
	})
}

// logIn has Bob log in at Gatehouse, where he is.
func (b *browser) logIn() {
	b.t.Helper()
	b.do("log in as Bob",
		chromedp.WaitVisible(`input[name=username]`), chromedp.SendKeys(`input[name=username]`, b.w.Bob.Name),
		chromedp.SendKeys(`input[name=password]`, b.w.Bob.Password), chromedp.Submit(`input[name=password]`))
	b.eventually("he is logged in", func() bool { // and may be at a program that has a login page of its own
		at, err := chromedp.Run(b.ctx, chromedp.Location())
		text := b.text()
		return err == nil && text != "" && (!strings.HasPrefix(at, b.w.Issuer) || !strings.Contains(text, "User name"))
	})
}

// allow has Bob allow what the consent page asks, and remember it.
func (b *browser) allow() {
	b.t.Helper()
	b.do("allow", chromedp.WaitVisible(`button[value=allow]`), chromedp.Click(`input[name=always]`), chromedp.Click(`button[value=allow]`))
}

// allowOnce has Bob allow it this time: a Public client is not remembered.
func (b *browser) allowOnce() {
	b.t.Helper()
	b.do("allow", chromedp.WaitVisible(`button[value=allow]`), chromedp.Click(`button[value=allow]`))
}

// refusal is how Gatehouse tells Bob that he may not use a program.
const refusal = "Ask the administrator of"

// refused waits until it does.
func (b *browser) refused() {
	b.t.Helper()
	b.reads(refusal, "to let you use it")
}
