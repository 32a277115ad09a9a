// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// posted returns what the page posts to the callback, by itself or with a button.
func (p *page) posted(callback string) url.Values {
	p.t.Helper()
	if location := p.Header.Get("Location"); location != "" {
		p.t.Fatalf("the browser is redirected to %s", location)
	}
	forms := p.elements("form")
	for _, f := range forms {
		if attribute(f, "action") != callback {
			continue
		}
		if attribute(f, "method") != "post" {
			p.t.Errorf("the form is sent by %s", attribute(f, "method"))
		}
		if got := p.Header.Get("Referrer-Policy"); got != "origin" { // else the client gets "Origin: null"
			p.t.Errorf("a form to a client is on a page with the referrer policy %q", got)
		}
		values := url.Values{}
		for n := range f.Descendants() {
			if n.Type == html.ElementNode && n.Data == "input" {
				values.Add(attribute(n, "name"), attribute(n, "value"))
			}
		}
		return values
	}
	p.t.Fatalf("of %d forms none leads to %s:\n%s", len(forms), callback, p.body)
	return nil
}

// sendsItself fails the test unless the page is the one that sends itself, and allows that and nothing else.
func (p *page) sendsItself(target string) *page {
	p.t.Helper()
	scripts := p.elements("script")
	if len(scripts) != 1 || len(scripts[0].Attr) != 0 || scripts[0].FirstChild == nil {
		p.t.Fatalf("there are %d scripts:\n%s", len(scripts), p.body)
	}
	sum := sha256.Sum256([]byte(scripts[0].FirstChild.Data))
	want := "default-src 'none'; style-src 'self'; img-src 'self'; form-action " + target + "; frame-ancestors 'none'; base-uri 'none'" +
		"; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	if got := p.Header.Get("Content-Security-Policy"); got != want {
		p.t.Errorf("the policy is\n%s\nwant\n%s", got, want)
	}
	if p.StatusCode != http.StatusOK || p.Header.Get("Cache-Control") != "no-store" || p.Header.Get("Referrer-Policy") != "origin" {
		p.t.Errorf("%d %v", p.StatusCode, p.Header)
	}
	if len(p.elements("button")) != 1 || len(p.elements("form")) != 1 {
		p.t.Error("without scripts there must be one button to press")
	}
	return p
}

func formPost(changes url.Values) url.Values {
	all := url.Values{"response_mode": {"form_post"}}
	for name, values := range changes {
		all[name] = values
	}
	return all
}

func TestTheAnswerIsPostedWhereTheClientAsksForIt(t *testing.T) {
	h := newHouse(t)
	bob := h.bob(t)
	path := bob.begin(formPost(nil))
	answer := bob.consentTo(path, "allow").sendsItself("'self' https:").posted(authtest.PhotoPrintCallback)
	if answer.Get("state") != "af0ifjsldkj" || answer.Get("iss") != h.issuer || len(answer) != 3 {
		t.Errorf("the answer is %v", answer)
	}
	again := bob.get(path).sendsItself("'self' https:").posted(authtest.PhotoPrintCallback)
	if again.Get("code") != answer.Get("code") {
		t.Error("the same request has two answers")
	}
	h.client(t, authtest.PhotoPrint).redeem(answer.Get("code"), authtest.PhotoPrintCallback).wants(http.StatusOK)
	if got := bob.consentTo(bob.begin(url.Values{"response_mode": {"query"}}), "allow").back(authtest.PhotoPrintCallback); got.Get("code") == "" {
		t.Errorf("response_mode=query: %v", got)
	}
}

// N238: each error that travels is posted too, by itself or by a button, and stands in no address.
func TestN238ErrorsArePostedToo(t *testing.T) {
	h := newHouse(t)
	bob := h.bob(t)
	want := func(p *page, code string) {
		t.Helper()
		got := p.posted(authtest.PhotoPrintCallback)
		if got.Get("error") != code || got.Get("state") != "af0ifjsldkj" || got.Get("iss") != h.issuer || got.Get("code") != "" {
			t.Errorf("%v, want %s", got, code)
		}
	}
	want(bob.consentTo(bob.begin(formPost(nil)), "deny").sendsItself("'self' https:"), "access_denied")
	want(bob.get(request(formPost(url.Values{"scope": {"nothing.such"}}))).sendsItself("'self' https:"), "invalid_scope")
	want(bob.get(request(formPost(url.Values{"response_type": {"token"}}))).sendsItself("'self' https:"), "unsupported_response_type")
	visitor := h.browser(t)
	want(visitor.get(visitor.begin(formPost(url.Values{"prompt": {"none"}}))).sendsItself("'self' https:"), "login_required")
	// Nobody is sent on without a click before a login.
	for name, p := range map[string]*page{
		"login":        visitor.get(visitor.begin(formPost(nil))),
		"before login": visitor.get(request(formPost(url.Values{"scope": {"nothing.such"}}))),
	} {
		for _, n := range p.elements("script") {
			if attribute(n, "src") == "" {
				t.Errorf("%s: the page has a script that sends it", name)
			}
		}
		p.posted(authtest.PhotoPrintCallback)
		if policy := p.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https:") {
			t.Errorf("%s: the policy keeps the form from being sent: %s", name, policy)
		}
	}
	alice := h.signedIn(t, authtest.Alice, authtest.AlicePassword)
	refused := alice.get(alice.begin(formPost(nil))).wants(http.StatusForbidden, "")
	want(refused, "access_denied")
	if policy := refused.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https:") {
		t.Errorf("the policy keeps the form from being sent: %s", policy)
	}
	old := bob.begin(formPost(nil))
	h.Clock.Advance(time.Hour)
	want(bob.get(old).wants(http.StatusGone, ""), "access_denied")
	// An unknown mode is an error in the query.
	if got := bob.get(request(url.Values{"response_mode": {"fragment"}})).back(authtest.PhotoPrintCallback); got.Get("error") != "invalid_request" {
		t.Errorf("response_mode=fragment: %v", got)
	}
}

// N239: nothing of a request becomes markup or script on the page that posts the answer, and no callback widens its policy.
func TestN239ThePageThatPostsIsInert(t *testing.T) {
	h := newHouse(t)
	odd := map[string]string{
		"https://photoprint.example/a;script-src,?d=e;f,g": "'self' https:",
		"http://127.0.0.1:3000/callback?x=script-src":      "'self' https: http:",
		"http://[::1]:3000/callback":                       "'self' https: http:",
	}
	for callback, target := range odd {
		h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.CallbackURLs = append(c.CallbackURLs, callback) })
		bob := h.bob(t)
		p := bob.consentTo(bob.begin(formPost(url.Values{"state": {hostile}, "redirect_uri": {callback}})), "allow").sendsItself(target)
		script := p.elements("script")[0] // ours
		script.Parent.RemoveChild(script)
		p.inert(callback)
		if got := p.posted(callback); got.Get("state") != hostile || got.Get("code") == "" || len(got) != 3 {
			t.Errorf("%s: the answer is %v", callback, got)
		}
	}
	bob := h.bob(t)
	got := bob.get(request(formPost(url.Values{"redirect_uri": {"https://evil.example/"}}))).wants(http.StatusBadRequest, "")
	for _, form := range got.elements("form") {
		if to := attribute(form, "action"); to != "/signout" { // the way to another account
			t.Errorf("an unknown callback: a form leads to %s", to)
		}
	}
	if strings.Contains(got.body, "evil.example") || len(got.elements("script")) != 0 {
		t.Errorf("an unknown callback: %s", got.body)
	}
}

// N238: what no form could bring back is refused, in the query.
func TestN238WhatAFormCannotBringBackIsRefused(t *testing.T) {
	h := newHouse(t)
	const native = "com.example.app:/callback"
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) {
		c.Public, c.CallbackURLs = true, append(slices.Clone(c.CallbackURLs), native)
	})
	bob := h.bob(t)
	if got := bob.get(request(formPost(url.Values{"redirect_uri": {native}, "state": {"xyz"}}))).back(native); got.Get("error") != "invalid_request" {
		t.Errorf("a native application: %v", got)
	}
	if got := bob.get(request(formPost(url.Values{"state": {"a\r\nb"}}))).back(authtest.PhotoPrintCallback); got.Get("error") != "invalid_request" {
		t.Errorf("a state with line breaks: %v", got)
	}
}
