// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// OAuth 2.1 §10.2: what binds the code then is the code verifier.
func TestN142ACallbackMayBeMissingOnlyWhereAChallengeBindsTheCode(t *testing.T) {
	s := newFixture(t)
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.PKCEOptional = true })
	bare := photoPrint()
	bare.CodeChallenge = ""
	proof := s.allow(bare, s.bob(), false)
	missing := redemption(proof, "")
	missing.CodeVerifier = ""
	_, err := s.Auth.Token(t.Context(), s.caller(authtest.PhotoPrint), missing)
	if !errors.Is(err, authserver.GrantWrongCallback) || !strings.Contains(err.Error(), "redirect_uri is missing") {
		t.Errorf("without a challenge: %v", err)
	}
	missing.Callback = authtest.PhotoPrintCallback
	if _, err := s.Auth.Token(t.Context(), s.caller(authtest.PhotoPrint), missing); err != nil {
		t.Errorf("with the callback: %v", err)
	}

	proof = s.allow(photoPrint(), s.bob(), false)
	for _, verifier := range []string{"", strings.Repeat("w", 43)} {
		wrong := redemption(proof, "")
		wrong.CodeVerifier = verifier
		_, err := s.Auth.Token(t.Context(), s.caller(authtest.PhotoPrint), wrong)
		if !errors.Is(err, authserver.GrantWrongVerifier) {
			t.Errorf("with the verifier %q: %v", verifier, err)
		}
	}
	if _, err := s.Auth.Token(t.Context(), s.caller(authtest.PhotoPrint), redemption(proof, "")); err != nil {
		t.Errorf("with the right verifier: %v", err)
	}
}

func TestN142ALoopbackCallbackIsComparedWithItsPort(t *testing.T) {
	s := newFixture(t)
	r := request(authtest.Desktop, "http://127.0.0.1:50123/callback")
	proof := s.allow(r, s.bob(), false)
	s.refused(authtest.Desktop, redemption(proof, "http://127.0.0.1:50124/callback"), authserver.InvalidGrant)
	s.refused(authtest.Desktop, redemption(proof, authtest.DesktopCallback), authserver.InvalidGrant)
	if _, err := s.Auth.Token(t.Context(), s.caller(authtest.Desktop), redemption(proof, r.Callback)); err != nil {
		t.Error(err)
	}
	proof = s.allow(r, s.bob(), false)
	if _, err := s.Auth.Token(t.Context(), s.caller(authtest.Desktop), redemption(proof, "")); err != nil {
		t.Errorf("left out: %v", err)
	}
}

// RFC 6749 §4.1.3 has no scope, so clients send one or none; whatever they send, the code lives on
// until it gave tokens.
func TestN143AScopeAtRedemptionNarrowsAndBurnsNoCode(t *testing.T) {
	s := newFixture(t)
	r := bookShelf()
	r.Scopes = []string{"photos.read", "photos.write"}
	proof := s.allow(r, s.bob(), false)
	for _, beyond := range [][]string{{"offline_access"}, {"openid", "photos.read"}, {"photos.read", "photos.write", "admin"}} {
		request := redemption(proof, authtest.BookShelfCallback)
		request.Scopes = beyond
		s.refused(authtest.BookShelf, request, authserver.InvalidScope)
	}
	request := redemption(proof, authtest.BookShelfCallback)
	request.Scopes = []string{"photos.read", "photos.read"}
	tokens, err := s.Auth.Token(t.Context(), s.caller(authtest.BookShelf), request)
	if err != nil || strings.Join(tokens.Scopes, " ") != "photos.read" {
		t.Fatalf("a part of what was approved: %+v, %v", tokens, err)
	}
	tokens, err = s.Auth.Token(t.Context(), s.caller(authtest.BookShelf), refreshing(tokens.RefreshToken))
	if err != nil || strings.Join(tokens.Scopes, " ") != "photos.read photos.write" {
		t.Errorf("the grant was narrowed too: %+v, %v", tokens, err)
	}

	request = redemption(s.allow(r, s.bob(), false), authtest.BookShelfCallback)
	request.Scopes = []string{"photos.write", "photos.read"}
	if tokens, err = s.Auth.Token(t.Context(), s.caller(authtest.BookShelf), request); err != nil || len(tokens.Scopes) != 2 {
		t.Errorf("the same list again: %+v, %v", tokens, err)
	}
}
