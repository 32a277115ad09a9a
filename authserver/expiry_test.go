// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

func TestN342AClientIsRefusedFromTheInstantOnAtWhichItExpires(t *testing.T) {
	s := newFixture(t)
	ends := func(at time.Time) {
		s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.ExpiresAt = at })
	}
	end := authtest.Start.Add(30 * time.Minute)
	ends(end)
	tokens, secret := s.tokens(), authserver.ClientSecret{ID: authtest.PhotoPrint, Secret: s.Secret(authtest.PhotoPrint)}
	bob := s.bob()
	s.Clock.Advance(end.Sub(s.Clock.Now()) - 5*time.Minute)
	pending := s.begin(photoPrint())
	s.Clock.Advance(5*time.Minute - time.Second)
	if _, err := s.Auth.Next(t.Context(), pending, bob); err != nil {
		t.Fatalf("a second before the end the login is over: %v", err)
	}
	if !s.active(tokens.AccessToken) || !s.active(s.refresh(tokens.RefreshToken).AccessToken) {
		t.Fatal("it is refused a second before its end")
	}
	s.Clock.Advance(time.Second)
	if s.active(tokens.AccessToken) {
		t.Error("an access token outlives its client")
	}
	_, err := s.Auth.AuthenticateClient(t.Context(), authserver.ProfileOAuth2, secret)
	wantCode(t, err, authserver.InvalidClient)
	_, err = s.Auth.Authorize(t.Context(), photoPrint())
	wantCode(t, err, authserver.UnknownClient)
	_, err = s.Auth.Next(t.Context(), pending, bob) // the login that is under way
	wantCode(t, err, authserver.UnknownClient)

	ends(end.Add(time.Hour)) // somebody gives it longer: everything goes on
	if !s.active(tokens.AccessToken) || s.refresh(tokens.RefreshToken) == nil {
		t.Error("a later time does not bring it back")
	}
	ends(time.Time{})
	s.refresh(tokens.RefreshToken)
}

func TestN342ARequestTokenEndsWithItsClient(t *testing.T) {
	s := newFixture(t)
	end := authtest.Start.Add(5 * time.Minute)
	s.Clients.Change(authtest.PhotoBook, func(c *authserver.Client) { c.ExpiresAt = end })
	bob := s.bob()
	i, err := s.Auth.BeginSigned(authserver.ProfileOAuth1, s.requestToken(authtest.PhotoBookCallback).Token)
	if err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(end.Sub(s.Clock.Now()) - time.Second)
	if _, err := s.Auth.Next(t.Context(), i, bob); err != nil {
		t.Fatalf("a second before the end the login is over: %v", err)
	}
	s.Clock.Advance(time.Second)
	_, err = s.Auth.Next(t.Context(), i, bob)
	wantCode(t, err, authserver.UnknownClient)
}
