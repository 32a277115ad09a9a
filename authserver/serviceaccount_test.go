// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

const (
	accountUID   = "aaaaaaaa-0000-4000-8000-000000000001"
	recreatedUID = "aaaaaaaa-0000-4000-8000-000000000002"
	accountName  = "system:serviceaccount:photos:reporter"
)

// accounted is the fixture in which the ServiceAccount reporter is PhotoReport.
type accounted struct {
	*fixture
	cluster *authtest.ClientKey
}

func newAccounted(t *testing.T) accounted {
	t.Helper()
	s := accounted{newFixture(t), authtest.NewClientKey(t, "cluster")}
	s.lists(authserver.ServiceAccount{Name: "other"}, authserver.ServiceAccount{Name: "reporter", UID: accountUID})
	return s
}

func (s accounted) lists(accounts ...authserver.ServiceAccount) {
	s.WithoutSecret(authtest.PhotoReport, authserver.Assertions{ServiceAccounts: accounts})
}

func kubernetes(uid string) map[string]any {
	return map[string]any{"serviceaccount": map[string]any{"uid": uid}}
}

// claims are those of a token of the ServiceAccount, which lasts an hour.
func (s accounted) claims() authtest.Claims {
	now := s.Clock.Now()
	return authtest.Claims{"iss": "https://kubernetes.default.svc", "sub": accountName, "aud": []string{authtest.Issuer}, "jti": "of the cluster",
		"exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "nbf": now.Unix(), "kubernetes.io": kubernetes(accountUID)}
}

// token returns a token that the cluster stands behind.
func (s accounted) token(c authtest.Claims) string {
	s.t.Helper()
	text := s.cluster.Sign(s.t, c, nil)
	uid, _ := c["kubernetes.io"].(map[string]any)["serviceaccount"].(map[string]any)["uid"].(string)
	s.Tokens.Accept(text, c["sub"].(string), uid)
	return text
}

func TestATokenOfItsServiceAccountIsAClientUntilItEnds(t *testing.T) {
	s := newAccounted(t)
	text := s.token(s.claims())
	caller := s.accepted(text)
	token := s.issue(caller)
	s.Clock.Advance(59 * time.Minute)
	if again := s.accepted(text); again.CredentialID != caller.CredentialID {
		t.Error("it is bound to something else the second time")
	}
	if !s.knows(caller, token) {
		t.Error("its token is not active")
	}
	s.Clock.Advance(time.Minute)
	s.rejected("at its end", authtest.PhotoReport, text, "expired")
	if _, err := sends(t, s.Auth, "", s.token(s.claims())); !errors.Is(err, authserver.InvalidClient) {
		t.Errorf("without client_id: %v", err)
	}
}

func TestN358ATokenOfAServiceAccountThatIsNotListedIsRefused(t *testing.T) {
	s := newAccounted(t)
	for name, sub := range map[string]string{
		"not listed": "system:serviceaccount:photos:visitor", "default": "system:serviceaccount:photos:default", "the same name in another namespace": "system:serviceaccount:books:reporter",
		"a namespace that begins so": "system:serviceaccount:photos-2:reporter", "a colon more": "system:serviceaccount:photos:x:reporter", "a user": "reporter",
		"no name": "system:serviceaccount:photos:", "upper case": "system:serviceaccount:photos:Reporter", "the client ID": authtest.PhotoReport,
	} {
		s.rejected(name, authtest.PhotoReport, s.token(s.claims().With("sub", sub)), "no ServiceAccount that the client lists")
	}
	s.rejected("listed, and not there yet", authtest.PhotoReport, s.token(s.claims().With("sub", "system:serviceaccount:photos:other").With("kubernetes.io", kubernetes(""))), "created again")
	s.rejected("another client", authtest.BookShelf, s.token(s.claims()), "does not prove itself")
	s.rejected("the API server", authtest.PhotoReport, s.token(s.claims().With("aud", "https://kubernetes.default.svc")), "aud")
	s.rejected("two audiences", authtest.PhotoReport, s.token(s.claims().With("aud", []string{authtest.Issuer, "https://kubernetes.default.svc"})), "aud")
}

func TestN359AServiceAccountThatIsCreatedAgainIsAnother(t *testing.T) {
	s := newAccounted(t)
	text := s.token(s.claims())
	token := s.issue(s.accepted(text))
	s.lists(authserver.ServiceAccount{Name: "reporter", UID: recreatedUID})
	s.rejected("the token of the old one", authtest.PhotoReport, text, "created again")
	next := s.token(s.claims().With("kubernetes.io", kubernetes(recreatedUID)))
	caller := s.accepted(next)
	if s.knows(caller, token) {
		t.Error("a token outlives the ServiceAccount that it was issued to")
	}
	// The cluster has the last word, whatever the token says of itself.
	s.Tokens.Accept(next, accountName, accountUID)
	s.rejected("a UID that the cluster does not confirm", authtest.PhotoReport, next, "API server")
	s.Tokens.Accept(next, "system:serviceaccount:photos:visitor", recreatedUID)
	s.rejected("a name that the cluster does not confirm", authtest.PhotoReport, next, "API server")
	s.lists(authserver.ServiceAccount{Name: "reporter"})
	s.rejected("one that is gone", authtest.PhotoReport, next, "created again")
	if s.knows(caller, s.issue(caller)) {
		t.Error("a token outlives the ServiceAccount that is gone")
	}
}

func TestN358AServiceAccountIsAnAPIThatListsItAndNoOther(t *testing.T) {
	s := newAccounted(t)
	token := s.issue(s.accepted(s.token(s.claims())))
	api := func(accounts ...authserver.ServiceAccount) {
		s.Clients.ChangeResourceServer(authtest.PhotoStorage, func(r *authserver.ResourceServer) {
			r.Credentials, r.Assertions = nil, &authserver.Assertions{ServiceAccounts: accounts}
		})
	}
	ask := func(id, text string) (authserver.Caller, error) {
		return s.Auth.AuthenticateIntrospector(t.Context(), authserver.ClientSecret{ID: id, Assertion: text})
	}
	refused := func(name, id, text string) {
		t.Helper()
		if _, err := ask(id, text); !errors.Is(err, authserver.InvalidClient) {
			t.Errorf("%s: %v, want invalid_client", name, err)
		}
	}
	storage := s.claims().With("sub", "system:serviceaccount:photos:storage").With("kubernetes.io", kubernetes(recreatedUID))
	good := s.token(storage)
	refused("an API with a client secret", authtest.PhotoStorage, good)
	api(authserver.ServiceAccount{Name: "storage", UID: recreatedUID})
	caller, err := ask(authtest.PhotoStorage, good)
	if err != nil || caller.ResourceServer == nil || caller.ResourceServer.ID != authtest.PhotoStorage {
		t.Fatalf("the ServiceAccount of the API: %+v, %v, %+v", caller, err, s.lastRefusal())
	}
	if info, err := s.Auth.Introspect(t.Context(), caller, token); err != nil || !info.Active {
		t.Errorf("it learns %+v, %v", info, err)
	}
	refused("without client_id", "", good)
	refused("the ServiceAccount of a client", authtest.PhotoStorage, s.token(s.claims()))
	refused("the ServiceAccount of the API at a client", authtest.PhotoReport, good)
	refused("another namespace", authtest.PhotoStorage, s.token(storage.With("sub", "system:serviceaccount:books:storage")))
	refused("forged", authtest.PhotoStorage, authtest.NewClientKey(t, "x").Sign(t, storage, nil))
	api(authserver.ServiceAccount{Name: "storage", UID: accountUID})
	refused("it was created again", authtest.PhotoStorage, good)
	api()
	refused("an API that lists none", authtest.PhotoStorage, good)
	api(authserver.ServiceAccount{Name: "storage", UID: recreatedUID})
	s.Clients.ChangeResourceServer(authtest.PhotoStorage, func(r *authserver.ResourceServer) { r.Accepted = false })
	refused("an API that is not accepted", authtest.PhotoStorage, good)
	got := s.flushed()
	for _, u := range got {
		if u.CredentialID != "" {
			t.Errorf("a use with %q is noted", u.CredentialID)
		}
	}
	if r, _ := s.Clients.ResourceServerByID(authtest.PhotoStorage); !slices.ContainsFunc(got, func(u authserver.Use) bool { return u.UID == r.UID }) {
		t.Errorf("the use of the API is not among %+v", got)
	}
}

func TestN366NoOtherTokenMakesTheServerAskTheAPIServer(t *testing.T) {
	s := newAccounted(t)
	for name, claims := range map[string]authtest.Claims{
		"an audience": s.claims().With("aud", "x"), "a name": s.claims().With("sub", "system:serviceaccount:photos:default"), "over": s.claims().With("exp", 1),
		"a UID": s.claims().With("kubernetes.io", kubernetes(recreatedUID)), "no UID": s.claims().With("kubernetes.io", kubernetes("")), "no kubernetes": s.claims().With("kubernetes.io", nil),
	} {
		if _, err := sends(t, s.Auth, authtest.PhotoReport, s.cluster.Sign(t, claims, nil)); !errors.Is(err, authserver.InvalidClient) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := s.Tokens.Asked(); n != 0 {
		t.Errorf("the API server was asked %d times", n)
	}
	s.rejected("a forged token that says all of it right", authtest.PhotoReport, authtest.NewClientKey(t, "x").Sign(t, s.claims(), nil), "API server")
	s.Tokens.Fail(authserver.ErrUnavailable)
	if _, err := sends(t, s.Auth, authtest.PhotoReport, s.token(s.claims())); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("while the API server is away: %v", err)
	}
	server, err := authserver.New(authserver.Config{
		Issuer: authtest.Issuer, Clients: s.Clients, Directory: s.Directory, Entitlement: s.Entitlement, Store: s.Store, Auditor: s.Audit, Now: s.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	server.UseKeys(s.Keys())
	if _, err := sends(t, server, authtest.PhotoReport, s.token(s.claims())); !errors.Is(err, authserver.InvalidClient) {
		t.Errorf("where nobody may ask: %v", err)
	}
	s.WithoutSecret(authtest.PhotoReport, authserver.Assertions{KeySetURI: "https://app.example/keys"})
	good := s.cluster.Sign(t, authtest.Assertion(authtest.PhotoReport, "1", s.Clock.Now()), nil)
	if _, err := sends(t, server, authtest.PhotoReport, good); !errors.Is(err, authserver.InvalidClient) {
		t.Errorf("where no address is read: %v", err)
	}
}
