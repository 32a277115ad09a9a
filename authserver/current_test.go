// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"errors"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// N108: with a registry that is too old nothing new is authorized, and what was authorized goes on.
func TestN108ARegistryThatIsTooOldStopsNewAuthorizationsOnly(t *testing.T) {
	s := newFixture(t)
	tokens, signed, bob := s.tokens(), s.signedTokens(), s.bob()
	begun, ticket := s.begin(photoPrint()), ""
	ticket = s.next(begun, bob).Ticket
	old := error(nil)
	s.Auth.SetClientsCurrent(func() error { return old })

	old = authserver.ErrUnavailable
	for name, call := range map[string]func() error{
		"authorize": func() error { _, err := s.Auth.Authorize(t.Context(), photoPrint()); return err },
		"authorize of an unknown client": func() error {
			_, err := s.Auth.Authorize(t.Context(), request("photos.nobody", authtest.PhotoPrintCallback))
			return err
		},
		"request token": func() error {
			_, err := s.Auth.RequestToken(t.Context(), s.photoBook(), authtest.PhotoBookCallback)
			return err
		},
		"decide": func() error {
			_, err := s.decide(begun, bob, authserver.Decision{Allow: true, Ticket: ticket})
			return err
		},
	} {
		if err := call(); !errors.Is(err, authserver.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
	}
	if !s.active(tokens.AccessToken) || !s.verified(signed.AccessToken, signed.TokenSecret).Active {
		t.Error("a token ends with the registry")
	}
	s.refresh(tokens.RefreshToken)
	if _, err := s.Auth.Token(t.Context(), s.caller(authtest.BookShelf), authserver.TokenRequest{GrantType: authserver.GrantClientCredentials}); err != nil {
		t.Errorf("client credentials: %v", err)
	}

	old = nil
	if _, err := s.decide(begun, bob, authserver.Decision{Allow: true, Ticket: ticket}); err != nil {
		t.Errorf("decide when the registry is current again: %v", err)
	}
}
