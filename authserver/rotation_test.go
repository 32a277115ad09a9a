// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// comeWith has the client prove itself with the secret, by sending it or by signing with it.
func (s *fixture) comeWith(clientID, secret string) error {
	s.t.Helper()
	client, ok := s.Clients.ByID(clientID)
	if !ok {
		s.t.Fatalf("there is no client %s", clientID)
	}
	if !client.Profile.Signed() {
		_, err := s.Auth.AuthenticateClient(s.t.Context(), client.Profile, authserver.ClientSecret{ID: clientID, Secret: secret})
		return err
	}
	r := s.signed(authserver.NoToken, "", "", rnd())
	r.Profile, r.ClientID, r.Method = client.Profile, clientID, client.SignatureMethods[0]
	r.Matches = func(clientSecret, _ string) bool { return clientSecret == secret }
	_, err := s.Auth.AuthenticateSigned(s.t.Context(), r)
	return err
}

func TestN319InARotationBothClientSecretsCountAndTheOldOneOnlyUntilItsEnd(t *testing.T) {
	clients := []string{authtest.PhotoPrint, authtest.Album, authtest.Flows, authtest.PhotoBook, authtest.Scrapbook}
	for _, id := range clients {
		t.Run(id, func(t *testing.T) {
			s := newFixture(t)
			before := s.Secret(id)
			after := s.RotateSecret(id, s.Clock.Now().Add(time.Hour))
			refused := authserver.InvalidClient
			if c, _ := s.Clients.ByID(id); c.Profile.Signed() {
				refused = authserver.SignatureInvalid
			}
			for _, secret := range []string{before, after, before} { // the second time from what is remembered
				if err := s.comeWith(id, secret); err != nil {
					t.Errorf("in the overlap: %v", err)
				}
			}
			for _, other := range clients {
				if other != id {
					wantCode(t, s.comeWith(id, s.Secret(other)), refused)
				}
			}
			s.Clock.Advance(time.Hour - time.Second)
			if err := s.comeWith(id, before); err != nil {
				t.Errorf("a second before the end: %v", err)
			}
			s.Clock.Advance(time.Second)
			wantCode(t, s.comeWith(id, before), refused)
			if err := s.comeWith(id, after); err != nil {
				t.Errorf("the new one after the overlap: %v", err)
			}
		})
	}
}

// A token without a person carries the credential that it was given to, and ends with it.
func TestN319ATokenOfAClientEndsWithItsOldClientSecret(t *testing.T) {
	s := newFixture(t)
	tokens, err := s.Auth.Token(t.Context(), s.caller(authtest.PhotoReport), authserver.TokenRequest{GrantType: authserver.GrantClientCredentials})
	if err != nil {
		t.Fatal(err)
	}
	s.RotateSecret(authtest.PhotoReport, s.Clock.Now().Add(time.Minute))
	if !s.active(tokens.AccessToken) {
		t.Error("in the overlap the token is not active")
	}
	s.Clock.Advance(time.Minute)
	if s.active(tokens.AccessToken) {
		t.Error("the token outlives the credential")
	}
}

// Nobody knows when a client secret comes that somebody else makes: there is nothing to try again for.
func TestAClientWhoseSecretSomebodyElseMakesIsNotTold503(t *testing.T) {
	s := newFixture(t)
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Credentials, c.GivenSecret = []authserver.Credential{}, true })
	wantCode(t, s.comeWith(authtest.PhotoPrint, "anything"), authserver.InvalidClient)
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.GivenSecret = false })
	wantCode(t, s.comeWith(authtest.PhotoPrint, "anything"), authserver.TemporarilyUnavailable)
}
