// SPDX-License-Identifier: Apache-2.0

package authtest_test

import (
	"errors"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

func TestAnEnvironmentServesItsClients(t *testing.T) {
	env := authtest.New(t)
	for _, id := range []string{authtest.PhotoPrint, authtest.PhotoStorage, authtest.BookShelf} {
		secret := authserver.ClientSecret{ID: id, Secret: env.Secret(id)}
		if _, err := env.Auth.AuthenticateIntrospector(t.Context(), secret); err != nil {
			t.Errorf("the secret of %s is refused: %v", id, err)
		}
	}
}

func TestBobLogsInOnEachReplica(t *testing.T) {
	env := authtest.New(t)
	login, err := env.Auth.Login(t.Context(), authserver.Credentials{Username: authtest.Bob, Password: authtest.BobPassword})
	if err != nil {
		t.Fatalf("bob cannot log in: %v", err)
	}
	visitor, err := env.Replica(t).Visitor(t.Context(), login.Session)
	if err != nil || visitor == nil || visitor.Owner.Name != authtest.Bob {
		t.Errorf("the other replica sees %+v, %v; want bob", visitor, err)
	}
}

func TestAnUnpluggedStoreFailsEachCall(t *testing.T) {
	env := authtest.New(t)
	env.Store.Fail(authserver.ErrUnavailable)
	_, err := env.Auth.Login(t.Context(), authserver.Credentials{Username: authtest.Bob, Password: authtest.BobPassword})
	if !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("login without a store: %v, want ErrUnavailable", err)
	}
}
