// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// prove sends PhotoPrint's secret and returns how many MACs that took.
func (s *fixture) prove(secret string) (macs int64, err error) {
	got, err := s.working(func() error {
		_, err := s.Auth.AuthenticateClient(s.t.Context(), authserver.ProfileOAuth2, authserver.ClientSecret{ID: authtest.PhotoPrint, Secret: secret})
		return err
	})
	return got.Verified, err
}

func TestASecretThatWasRightIsFoundWithoutAMAC(t *testing.T) {
	s := newFixture(t)
	secret := s.Secret(authtest.PhotoPrint)
	for n, want := range []int64{4, 0, 0} {
		if macs, err := s.prove(secret); err != nil || macs != want {
			t.Errorf("request %d: %d MACs, %v; want %d", n, macs, err, want)
		}
	}
	if macs, err := s.prove(secret + "x"); err == nil || macs != 4 {
		t.Errorf("a wrong secret after a right one: %d MACs, %v", macs, err)
	}
}

// Whatever a verifier was made of, and the verifier itself, must be the same. A change makes the
// credential another one, whose secret has to be proven anew.
func TestN178WhatIsRememberedOfASecretHoldsForThatCredentialOnly(t *testing.T) {
	for name, change := range map[string]func(*authserver.Client){
		"another verifier":      func(c *authserver.Client) { c.Credentials[0].Verifier = "ILkB4RGVW3TBHIpEnwVhhzIPZDxJPo1TKYFCQZ6dI-Q" },
		"another credential ID": func(c *authserver.Client) { c.Credentials[0].ID = "another" },
		"another object":        func(c *authserver.Client) { c.UID = "44444444-0000-4000-8000-000000000001" },
		"no credential":         func(c *authserver.Client) { c.Credentials = []authserver.Credential{} },
		"an ended credential":   func(c *authserver.Client) { c.Credentials[0].ExpiresAt = authtest.Start.Add(-time.Second) },
		"suspended":             func(c *authserver.Client) { c.Suspended = true },
		"N342 expired":          func(c *authserver.Client) { c.ExpiresAt = authtest.Start },
		"not accepted":          func(c *authserver.Client) { c.Accepted = false },
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			secret := s.Secret(authtest.PhotoPrint)
			if _, err := s.prove(secret); err != nil {
				t.Fatal(err)
			}
			s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) {
				c.Credentials = append([]authserver.Credential{}, c.Credentials...)
				change(c)
			})
			if _, err := s.prove(secret); err == nil {
				t.Error("the secret is taken")
			}
		})
	}
}

func TestN178NewKeysRememberNoSecret(t *testing.T) {
	s := newFixture(t)
	secret := s.Secret(authtest.PhotoPrint)
	if _, err := s.prove(secret); err != nil {
		t.Fatal(err)
	}
	other, err := authserver.NewKeys(credential.NewKey(), s.KeySet())
	if err != nil {
		t.Fatal(err)
	}
	s.Auth.UseKeys(other)
	if _, err := s.prove(secret); err == nil {
		t.Error("under another shared key the secret is taken")
	}
}

func TestN178NobodyProvesAPublicClientOrSendsNoneWithAnothersSecret(t *testing.T) {
	s := newFixture(t)
	if _, err := s.prove(s.Secret(authtest.PhotoPrint)); err != nil {
		t.Fatal(err)
	}
	_, err := s.Auth.AuthenticateClient(t.Context(), authserver.ProfileOAuth2, authserver.ClientSecret{
		ID: authtest.PhotoPrint, Secret: s.Secret(authtest.PhotoPrint), None: true,
	})
	wantCode(t, err, authserver.InvalidClient)
	_, err = s.Auth.AuthenticateClient(t.Context(), authserver.ProfileOAuth2, authserver.ClientSecret{ID: authtest.Desktop, Secret: s.Secret(authtest.PhotoPrint)})
	wantCode(t, err, authserver.InvalidClient)
}

func TestN178WhatIsRememberedOfASignerHoldsForThatCredentialOnly(t *testing.T) {
	for name, change := range map[string]func(*authserver.Client){
		"another verifier":    func(c *authserver.Client) { c.Credentials[0].Verifier = "ILkB4RGVW3TBHIpEnwVhhzIPZDxJPo1TKYFCQZ6dI-Q" },
		"another object":      func(c *authserver.Client) { c.UID = "44444444-0000-4000-8000-000000000001" },
		"an ended credential": func(c *authserver.Client) { c.Credentials[0].ExpiresAt = authtest.Start.Add(-time.Second) },
		"suspended":           func(c *authserver.Client) { c.Suspended = true },
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			secret := s.Secret(authtest.PhotoBook)
			sign := func(nonce string) (derived int64, err error) {
				r := s.signed(authserver.NoToken, "", "", nonce)
				r.Matches = func(clientSecret, _ string) bool { return clientSecret == secret }
				got, err := s.working(func() error { _, err := s.Auth.AuthenticateSigned(t.Context(), r); return err })
				return got.Derived, err
			}
			for n, want := range []int64{4, 0} {
				if derived, err := sign(string(rune('a' + n))); err != nil || derived != want {
					t.Fatalf("request %d: %d secrets are derived, %v; want %d", n, derived, err, want)
				}
			}
			s.Clients.Change(authtest.PhotoBook, func(c *authserver.Client) {
				c.Credentials = append([]authserver.Credential{}, c.Credentials...)
				change(c)
			})
			_, err := sign("c")
			wantCode(t, err, authserver.SignatureInvalid)
		})
	}
}
