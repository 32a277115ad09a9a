// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/devenv"
)

// wiretap keeps the last request that went through it.
type wiretap struct {
	http.RoundTripper
	last *http.Request
}

// RoundTrip is of http.RoundTripper.
func (w *wiretap) RoundTrip(r *http.Request) (*http.Response, error) {
	w.last = r
	return w.RoundTripper.RoundTrip(r)
}

func TestN51ANonceIsRememberedAcrossACrash(t *testing.T) {
	w := start(t)
	s := w.server(t)
	app := w.signer(t, devenv.PhotoBook, w.Callback(devenv.PhotoBook))
	app.Endpoint.RequestTokenURL = s.issuer + "/oauth1/request-token"
	tap := &wiretap{RoundTripper: app.HTTPClient.Transport}
	app.HTTPClient = &http.Client{Transport: tap}
	app.ask()
	s.kill(t)
	s.start(t)
	res, err := tap.RoundTripper.RoundTrip(tap.last.Clone(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(string(answer), "oauth_problem=nonce_used") {
		t.Errorf("the same request after the crash: %s %s %v", res.Status, answer, err)
	}
	app.ask()
}

func TestAVerifierIsTakenOnceAcrossACrash(t *testing.T) {
	w := start(t)
	s := w.server(t)
	app, bob := w.signer(t, devenv.PhotoBook, w.Callback(devenv.PhotoBook)), w.person(t, s.issuer)
	app.Endpoint.RequestTokenURL, app.Endpoint.AccessTokenURL = s.issuer+"/oauth1/request-token", s.issuer+"/oauth1/access-token"
	app.Endpoint.AuthorizeURL = s.issuer + "/oauth1/authorize"
	verifier := bob.authorize(app.ask(), w.Bob.Name, w.Bob.Password).Get("oauth_verifier")
	s.kill(t)
	s.start(t)
	if err := app.redeem(verifier); err != nil {
		t.Fatalf("a verifier that was handed out before the crash is not honoured: %v", err)
	}
	s.kill(t)
	s.start(t)
	if err := app.redeem(verifier); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("the same verifier after the crash: %v", err)
	}
}
