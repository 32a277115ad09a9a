// SPDX-License-Identifier: Apache-2.0

package flows

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// authorize: Bob clicks "Print my photos" and is sent to Gatehouse.
func (t *flow) authorize(ctx context.Context) (string, error) {
	home, err := t.bob.open(ctx, t.PhotoPrintURL)
	if err != nil {
		return "", err
	}
	if t.page, err = t.bob.follow(ctx, home, "Print my photos"); err != nil {
		return "", err
	}
	asked := passed(t.bob.trail, t.Issuer+"/oauth2/authorize")
	if asked == nil {
		return "", fmt.Errorf("PhotoPrint did not send Bob to Gatehouse, but to %s", t.page)
	}
	q := asked.Query()
	if q.Get("code_challenge_method") != "S256" {
		return "", fmt.Errorf("PhotoPrint did not use PKCE")
	}
	return fmt.Sprintf("PhotoPrint sends Bob to Gatehouse: client_id=%s scope=%s, with PKCE", q.Get("client_id"), q.Get("scope")),
		t.page.shows(http.StatusOK, "PhotoPrint")
}

// login: Bob proves who he is, and Gatehouse asks what he wants.
func (t *flow) login(ctx context.Context) (said string, err error) {
	t.page, err = t.logIn(ctx, t.bob, t.page, t.Bob.Name, t.Bob.Password)
	if err != nil {
		return "", err
	}
	return `Bob logs in, and is asked whether PhotoPrint may "See your photos"`,
		t.page.shows(http.StatusOK, "PhotoPrint", "See your photos")
}

func (t *flow) logIn(ctx context.Context, b *browser, p *page, name, password string) (*page, error) {
	return b.submit(ctx, p, "/login", url.Values{"username": {name}, "password": {password}})
}

// consent: Bob allows it, and is sent back to PhotoPrint.
func (t *flow) consent(ctx context.Context) (said string, err error) {
	t.bob.pause = t.isCallback
	t.page, err = t.bob.submit(ctx, t.page, "/consent", url.Values{"decision": {"allow"}, "always": {"on"}})
	if err != nil {
		return "", err
	}
	if t.page.next == nil || !t.isCallback(t.page.next) {
		return "", fmt.Errorf("PhotoPrint does not get Bob back, he sees %s", t.page)
	}
	t.answer = t.page.next
	return "Bob allows it, always", nil
}

// receiveCode: the address that Bob was sent to holds all that PhotoPrint checks.
func (t *flow) receiveCode(context.Context) (string, error) {
	q := t.answer.Query()
	if q.Get("error") != "" || q.Get("code") == "" || q.Get("state") == "" || q.Get("iss") != t.Issuer {
		return "", fmt.Errorf("the answer holds error=%q, iss=%q, and %d and %d characters of code and state",
			q.Get("error"), q.Get("iss"), len(q.Get("code")), len(q.Get("state")))
	}
	return "Gatehouse sends Bob back to " + place(t.answer) + " with code, state and iss", nil
}

// redeem: PhotoPrint exchanges the code, and sends Bob to his photos.
func (t *flow) redeem(ctx context.Context) (string, error) {
	photos := t.PhotoPrintURL + "/photos"
	t.bob.pause = func(u *url.URL) bool { return place(u) == photos }
	p, err := t.bob.open(ctx, t.answer.String())
	if err != nil {
		return "", err
	}
	if p.next == nil || place(p.next) != photos {
		return "", fmt.Errorf("PhotoPrint did not get tokens for its code, it answers with %s", p)
	}
	return "PhotoPrint exchanges the code for tokens, with its mounted Secret", nil
}

// callAPI: PhotoPrint gets the photos from PhotoStorage.
func (t *flow) callAPI(ctx context.Context) (string, error) {
	p, err := t.bob.open(ctx, t.PhotoPrintURL+"/photos")
	if err != nil {
		return "", err
	}
	return "PhotoStorage introspects the access token and gives PhotoPrint the photos of bob",
		p.shows(http.StatusOK, "Photos of bob", "grandma-at-90.jpg")
}

// revoke: Bob takes back what he allowed, on his account page. PhotoPrint worked until then.
func (t *flow) revoke(ctx context.Context) (string, error) {
	if _, err := t.callAPI(ctx); err != nil {
		return "", fmt.Errorf("before it was revoked: %w", err)
	}
	p, err := t.bob.open(ctx, t.Issuer+"/account")
	if err != nil {
		return "", err
	}
	if err := p.shows(http.StatusOK, "PhotoPrint", "See your photos"); err != nil {
		return "", err
	}
	if p, err = t.bob.submit(ctx, p, "/account/revoke", nil); err != nil {
		return "", err
	}
	if err := p.shows(http.StatusOK, "Access removed"); err != nil {
		return "", err
	}
	if p, err = t.bob.open(ctx, t.Issuer+"/account"); err != nil {
		return "", err
	}
	if strings.Contains(p.text, "PhotoPrint") {
		return "", fmt.Errorf("PhotoPrint is still on %s", p)
	}
	return "Bob takes it back on his account page", p.shows(http.StatusOK, "No application has access")
}

// callAPIInVain: what PhotoPrint has is worth nothing any more.
func (t *flow) callAPIInVain(ctx context.Context) (string, error) {
	p, err := t.bob.open(ctx, t.PhotoPrintURL+"/photos")
	if err != nil {
		return "", err
	}
	return "PhotoStorage refuses PhotoPrint's access token from that moment on", p.shows(http.StatusForbidden, "Access has ended")
}

// isCallback tells whether u is PhotoPrint's callback.
func (t *flow) isCallback(u *url.URL) bool { return place(u) == t.PhotoPrintURL+"/callback" }

// passed is the first address of the trail at a place, or nil.
func passed(trail []*url.URL, at string) *url.URL {
	for _, u := range trail {
		if place(u) == at {
			return u
		}
	}
	return nil
}
