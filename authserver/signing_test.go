// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

func TestTheServerSignsWithTheActiveKeyAndPublishesIt(t *testing.T) {
	s := authtest.New(t)
	signs := func() credential.SigningKey {
		t.Helper()
		k, err := s.Auth.SigningKey(credential.RS256)
		if err != nil {
			t.Fatal(err)
		}
		published, err := s.Auth.PublishedKeys()
		if err != nil {
			t.Fatal(err)
		}
		for n, p := range published {
			if p.Equal(k) {
				if n > 2 {
					t.Errorf("the key that signs is the %dth that is published", n+1)
				}
				return k
			}
		}
		t.Errorf("%s signs and is not published", k.ID)
		return k
	}
	published := func() map[string]bool {
		t.Helper()
		kids := map[string]bool{}
		all, err := s.Auth.PublishedKeys()
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range all {
			kids[k.ID] = true
		}
		return kids
	}
	first := signs()
	s.Clock.Advance(30 * 24 * time.Hour)
	s.RotateKeys(t)
	second := signs()
	if first.Equal(second) || !published()[first.ID] {
		t.Error("after a rotation the key of before signs, or is not published")
	}
	s.Clock.Advance(27 * time.Hour)
	if published()[first.ID] || !published()[second.ID] {
		t.Error("a day later the key of before is published, or that of now is not")
	}
	for kid, want := range map[string]bool{first.ID: true, second.ID: true, "x": false} {
		if k, found, err := s.Auth.FindSigningKey(kid); err != nil || found != want || found && k.ID != kid {
			t.Errorf("the key %s is found: %v (%v)", kid, found, err)
		}
	}
}

func TestWithoutSigningKeysTheServerIsUnavailableForThem(t *testing.T) {
	s := authtest.New(t)
	none, err := authserver.New(authserver.Config{Clients: s.Clients, Directory: s.Directory, Entitlement: s.Entitlement, Store: s.Store, Auditor: s.Audit})
	if err != nil {
		t.Fatal(err)
	}
	some := s.Replica(t)
	set := credential.KeySet{Keys: []credential.SetKey{credential.NewSetKey(s.Clock.Now())}}
	keys, err := authserver.NewKeys(credential.NewKey(), set)
	if err != nil {
		t.Fatal(err)
	}
	some.UseKeys(keys)
	for name, server := range map[string]*authserver.Server{"no keys": none, "keys of before": some} {
		_, signing := server.SigningKey(credential.ES256)
		_, published := server.PublishedKeys()
		if !errors.Is(signing, authserver.ErrUnavailable) || !errors.Is(published, authserver.ErrUnavailable) {
			t.Errorf("%s: %v; %v", name, signing, published)
		}
	}
	if _, _, err := none.FindSigningKey("x"); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("no keys: %v", err)
	}
	if _, err := s.Auth.SigningKey("EdDSA"); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("an algorithm that no key has: %v", err)
	}
}

// N199: whoever logs a key by mistake logs its kid.
func TestN199TheKeyThatTheServerSignsWithIsPrintedByItsKid(t *testing.T) {
	s := authtest.New(t)
	k, err := s.Auth.SigningKey(credential.ES256)
	if err != nil {
		t.Fatal(err)
	}
	want := "ES256 " + k.ID + " [redacted]"
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(verb, k); got != want {
			t.Errorf("%s prints %q, want %q", verb, got, want)
		}
	}
}
