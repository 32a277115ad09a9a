// SPDX-License-Identifier: Apache-2.0

package ldap_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/internal/ldaptest"
)

// engine returns one on the people of the server and the store of the fixture.
func engine(t *testing.T, server *ldaptest.Server, env *authtest.Env) *authserver.Server {
	t.Helper()
	d, _ := open(t, config(t, server))
	auth, err := authserver.New(authserver.Config{
		Clients: env.Clients, Directory: d, Entitlement: env.Entitlement, Store: env.Store, Auditor: env.Audit, Now: env.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	auth.UseKeys(env.Keys())
	return auth
}

func TestN206APersonWhoseDirectoryIsAwayIsBelievedOnceMoreAndRestsThen(t *testing.T) {
	server := ldaptest.Start(t)
	server.AddPerson("anna", "tulip")
	env := authtest.New(t)
	auth := engine(t, server, env)
	right := authserver.Credentials{Username: "anna", Password: "tulip", Address: "192.0.2.1"}
	login, err := auth.Login(t.Context(), right)
	if err != nil {
		t.Fatal(err)
	}
	signedIn := func() bool {
		t.Helper()
		if err := auth.ConfirmPeople(t.Context()); err != nil {
			t.Fatal(err)
		}
		v, err := auth.Visitor(t.Context(), login.Session)
		if err != nil {
			t.Fatal(err)
		}
		return v != nil
	}
	server.Stop()
	for _, after := range []time.Duration{3 * time.Minute, 6 * time.Minute} {
		env.Clock.Advance(3 * time.Minute)
		if !signedIn() {
			t.Errorf("anna is out %s after the directory went away", after)
		}
	}
	for range 10 { // none of them counts as a wrong password
		if _, err := auth.Login(t.Context(), right); !errors.Is(err, authserver.ErrUnavailable) {
			t.Fatalf("a login while the directory is away: %v", err)
		}
	}
	env.Clock.Advance(5 * time.Minute)
	if signedIn() {
		t.Error("anna is in 11 minutes after the directory went away")
	}
	server.Resume()
	auth = engine(t, server, env) // which does not rest after failures
	if !signedIn() {
		t.Error("anna is out although the directory is back")
	}
	server.Delete("uid=anna," + ldaptest.People)
	env.Clock.Advance(3 * time.Minute)
	if signedIn() {
		t.Error("anna is in although her entry is gone")
	}
}
