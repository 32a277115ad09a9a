// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// A resource server is no client, although it has a client ID and a secret.
func TestN75AResourceServerGetsNoTokensAndBeginsNothing(t *testing.T) {
	s := newFixture(t)
	secret := authserver.ClientSecret{ID: authtest.PhotoStorage, Secret: s.Secret(authtest.PhotoStorage)}
	for _, profile := range []authserver.Profile{
		authserver.ProfileOAuth2, authserver.ProfileOAuth1, authserver.ProfileConnectionsCloudOAuth2,
		authserver.ProfileConnectionsCloudOAuth1, authserver.ProfileIntegrationCloud,
	} {
		_, err := s.Auth.AuthenticateClient(t.Context(), profile, secret)
		wantCode(t, err, authserver.InvalidClient)
		_, err = s.Auth.Authorize(t.Context(), authserver.AuthorizeRequest{Profile: profile, ClientID: authtest.PhotoStorage})
		wantCode(t, err, authserver.UnknownClient)
		_, err = s.Auth.AuthenticateSigned(t.Context(), authserver.SignedRequest{
			Profile: profile, ClientID: authtest.PhotoStorage, Method: "HMAC-SHA256", Matches: func(string, string) bool { return true },
		})
		wantCode(t, err, authserver.SignatureInvalid)
	}
}

func TestN75AResourceServerThatIsNotAcceptedLearnsNothing(t *testing.T) {
	s := newFixture(t)
	token := s.tokens().AccessToken
	caller := s.caller(authtest.PhotoStorage)
	if info, err := s.Auth.Introspect(t.Context(), caller, token); err != nil || !info.Active {
		t.Fatalf("before: %+v, %v", info, err)
	}
	s.Clients.ChangeResourceServer(authtest.PhotoStorage, func(r *authserver.ResourceServer) { r.Accepted = false })
	_, err := s.Auth.AuthenticateIntrospector(t.Context(), authserver.ClientSecret{ID: authtest.PhotoStorage, Secret: s.Secret(authtest.PhotoStorage)})
	wantCode(t, err, authserver.InvalidClient)
}

// The subject of a token without an owner is its client, also for a resource server.
func TestATokenWithoutAnOwnerShowsAResourceServerNoOwner(t *testing.T) {
	s := newFixture(t)
	tokens, err := s.Auth.Token(t.Context(), s.caller(authtest.PhotoReport), authserver.TokenRequest{GrantType: authserver.GrantClientCredentials})
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Auth.Introspect(t.Context(), s.caller(authtest.PhotoStorage), tokens.AccessToken)
	if err != nil || !info.Active || info.Owner.Subject != "" || info.Client.ID != authtest.PhotoReport {
		t.Errorf("it sees %+v, %v", info, err)
	}
}

func TestN76ClientCredentialsCarryOnlyScopesThatNeedNoOwner(t *testing.T) {
	s := newFixture(t) // BookShelf has photos.read and photos.write, and the first for nobody
	caller := s.caller(authtest.BookShelf)
	ask := func(scopes ...string) (*authserver.Tokens, error) {
		return s.Auth.Token(t.Context(), caller, authserver.TokenRequest{GrantType: authserver.GrantClientCredentials, Scopes: scopes})
	}
	_, err := ask("photos.write")
	wantCode(t, err, authserver.InvalidScope)
	tokens, err := ask()
	if err != nil || !slices.Equal(tokens.Scopes, []string{"photos.read"}) {
		t.Fatalf("%+v, %v", tokens, err)
	}
	s.Clients.Change(authtest.BookShelf, func(c *authserver.Client) { c.ScopesWithoutOwner = nil })
	if info, err := s.Auth.Introspect(t.Context(), s.caller(authtest.PhotoStorage), tokens.AccessToken); err != nil || info.Active {
		t.Errorf("the scope needs an owner now, and the token has %v, %v", info.Scopes, err)
	}
}

// A client that policy denies is out of service: nothing new, and nothing of what it has.
func TestN78AClientThatIsNotAcceptedIsOutOfServiceAndComesBack(t *testing.T) {
	s := newFixture(t)
	i, visitor := s.begin(photoPrint()), s.bob()
	tokens := s.tokens()
	accepted := func(yes bool) {
		s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Accepted = yes })
	}
	accepted(false)
	_, err := s.Auth.Authorize(t.Context(), photoPrint())
	wantCode(t, err, authserver.UnknownClient)
	_, err = s.Auth.Next(t.Context(), i, visitor)
	wantCode(t, err, authserver.UnknownClient)
	_, err = s.Auth.AuthenticateClient(t.Context(), authserver.ProfileOAuth2,
		authserver.ClientSecret{ID: authtest.PhotoPrint, Secret: s.Secret(authtest.PhotoPrint)})
	wantCode(t, err, authserver.InvalidClient)
	if s.active(tokens.AccessToken) {
		t.Error("its access token is active")
	}
	accepted(true)
	if !s.active(tokens.AccessToken) || s.next(i, visitor).Step != authserver.StepConsent {
		t.Error("it does not come back")
	}
}

// The Secret is written before the status. Nobody else is told to wait.
func TestN79OnlyAnAcceptedClientWhoseFirstSecretIsOnItsWayIsToldToWait(t *testing.T) {
	s := newFixture(t)
	prove := func(id, secret string) error {
		_, err := s.Auth.AuthenticateIntrospector(t.Context(), authserver.ClientSecret{ID: id, Secret: secret})
		return err
	}
	none := []authserver.Credential{}
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Credentials = none })
	s.Clients.ChangeResourceServer(authtest.PhotoStorage, func(r *authserver.ResourceServer) { r.Credentials = none })
	for _, id := range []string{authtest.PhotoPrint, authtest.PhotoStorage} {
		err := prove(id, "ghs_x")
		wantCode(t, err, authserver.TemporarilyUnavailable)
		if wait, ok := errors.AsType[authserver.WaitError](err); !ok || wait.After() <= 0 {
			t.Errorf("%s is not told how long to wait", id)
		}
	}
	s.Clients.Change(authtest.PhotoBook, func(c *authserver.Client) { c.Credentials = none })
	_, err := s.Auth.AuthenticateSigned(t.Context(), authserver.SignedRequest{
		Profile: authserver.ProfileOAuth1, ClientID: authtest.PhotoBook, Method: "HMAC-SHA1", Matches: func(string, string) bool { return false },
	})
	wantCode(t, err, authserver.TemporarilyUnavailable)

	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Accepted = false })
	s.Clients.ChangeResourceServer(authtest.PhotoStorage, func(r *authserver.ResourceServer) { r.Accepted = false })
	s.Clients.Change(authtest.BookShelf, func(c *authserver.Client) { c.Suspended, c.Credentials = true, none })
	for _, id := range []string{authtest.PhotoPrint, authtest.PhotoStorage, authtest.BookShelf, "photos.nobody", authtest.Desktop} {
		wantCode(t, prove(id, "ghs_x"), authserver.InvalidClient)
	}
}
