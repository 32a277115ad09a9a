// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/internal/assertion"
)

// keyed is the fixture in which PhotoReport has a key in place of a client secret.
type keyed struct {
	*fixture
	key *authtest.ClientKey
}

func newKeyed(t *testing.T) keyed {
	t.Helper()
	s := keyed{newFixture(t), authtest.NewClientKey(t, "first")}
	s.WithoutSecret(authtest.PhotoReport, authserver.Assertions{Keys: authtest.PublicKeys(t, s.key)})
	return s
}

// claims are those of a good assertion, with the jti.
func (s keyed) claims(jti string) authtest.Claims {
	return authtest.Assertion(authtest.PhotoReport, jti, s.Clock.Now())
}

// sends authenticates with the assertion at the replica.
func sends(t *testing.T, at *authserver.Server, id, text string) (authserver.Caller, error) {
	t.Helper()
	return at.AuthenticateClient(t.Context(), authserver.ProfileOAuth2, authserver.ClientSecret{ID: id, Assertion: text})
}

// accepted authenticates with the assertion, which is a good one.
func (s *fixture) accepted(text string) authserver.Caller {
	s.t.Helper()
	caller, err := sends(s.t, s.Auth, authtest.PhotoReport, text)
	if err != nil {
		s.t.Fatalf("a good assertion: %v; the audit log says %+v", err, s.lastRefusal())
	}
	return caller
}

func (s *fixture) lastRefusal() authserver.Event {
	events := s.Audit.Events(authserver.EventClientRefused)
	if len(events) == 0 {
		return authserver.Event{}
	}
	return events[len(events)-1]
}

// rejected wants the assertion refused as any other authentication, and the audit log to say why.
func (s *fixture) rejected(name, id, text, why string) {
	s.t.Helper()
	_, err := sends(s.t, s.Auth, id, text)
	if !errors.Is(err, authserver.InvalidClient) {
		s.t.Errorf("%s: %v, want invalid_client", name, err)
		return
	}
	if last := s.lastRefusal(); !strings.Contains(last.Reason, why) {
		s.t.Errorf("%s: the audit log says %q, want %q", name, last.Reason, why)
	}
}

func (s *fixture) issue(caller authserver.Caller) string {
	s.t.Helper()
	tokens, err := s.Auth.Token(s.t.Context(), caller, authserver.TokenRequest{GrantType: authserver.GrantClientCredentials})
	if err != nil {
		s.t.Fatalf("token: %v", err)
	}
	return tokens.AccessToken
}

// knows reports what the client learns of its token.
func (s *fixture) knows(caller authserver.Caller, token string) bool {
	s.t.Helper()
	info, err := s.Auth.Introspect(s.t.Context(), caller, token)
	if err != nil {
		s.t.Fatalf("introspect: %v", err)
	}
	return info.Active
}

func TestAnAssertionOfItsKeyIsAClient(t *testing.T) {
	s := newKeyed(t)
	caller := s.accepted(s.key.Sign(t, s.claims("1"), nil))
	if caller.Client.ID != authtest.PhotoReport || !strings.HasPrefix(caller.CredentialID, "k-") {
		t.Errorf("the caller is %+v", caller)
	}
	if !s.knows(caller, s.issue(caller)) {
		t.Error("its token is not active")
	}
	if caller, err := sends(t, s.Auth, "", s.key.Sign(t, s.claims("2").With("aud", []string{authtest.Issuer}), nil)); err != nil || caller.Client.ID != authtest.PhotoReport {
		t.Errorf("without client_id, and with a list as aud: %v", err)
	}
}

func TestN345AnAssertionIsUsedOnceAtAllReplicas(t *testing.T) {
	s := newKeyed(t)
	text := s.key.Sign(t, s.claims("once"), nil)
	replicas := []*authserver.Server{s.Auth, s.Replica(t)}
	var taken atomic.Int32
	var all sync.WaitGroup
	for n := range 16 {
		all.Go(func() {
			if _, err := sends(t, replicas[n%2], authtest.PhotoReport, text); err == nil {
				taken.Add(1)
			}
		})
	}
	all.Wait()
	if taken.Load() != 1 {
		t.Errorf("it was taken %d times", taken.Load())
	}
	s.rejected("the jti in another assertion", authtest.PhotoReport, s.key.Sign(t, s.claims("once").With("exp", s.Clock.Now().Add(9*time.Minute).Unix()), nil), "used before")
	s.Clock.Advance(59 * time.Second)
	s.rejected("a second before its end", authtest.PhotoReport, text, "used before")
	if _, err := s.Store.Sweep(t.Context(), s.Clock.Now(), 100); err != nil {
		t.Fatal(err)
	}
	s.rejected("after a sweep", authtest.PhotoReport, text, "used before")
	s.Clock.Advance(time.Second)
	s.rejected("at its end", authtest.PhotoReport, text, "expired")

	// The jti of one client is nobody else's.
	other := authtest.NewClientKey(t, "first")
	s.WithoutSecret(authtest.BookShelf, authserver.Assertions{Keys: authtest.PublicKeys(t, other)})
	if _, err := sends(t, s.Auth, "", other.Sign(t, authtest.Assertion(authtest.BookShelf, "once", s.Clock.Now()), nil)); err != nil {
		t.Errorf("the same jti of another client: %v", err)
	}
}

func TestN346AnAssertionForAnotherAudienceIsRefused(t *testing.T) {
	s := newKeyed(t)
	for name, aud := range map[string]any{
		"none": nil, "empty": "", "an empty list": []string{}, "another server": "https://other.example.com", "a slash at the end": authtest.Issuer + "/",
		"the token endpoint": authtest.Issuer + "/oauth2/token", "upper case": "https://AUTH.example.com", "the port": "https://auth.example.com:443", "http": "http://auth.example.com",
		"the issuer and another": []string{authtest.Issuer, "https://other.example.com"}, "another and the issuer": []string{"https://other.example.com", authtest.Issuer},
		"the issuer twice": []string{authtest.Issuer, authtest.Issuer}, "a blank before": " " + authtest.Issuer,
	} {
		s.rejected(name, authtest.PhotoReport, s.key.Sign(t, s.claims("aud "+name).With("aud", aud), nil), "aud of the assertion")
	}
	server, err := authserver.New(authserver.Config{
		Clients: s.Clients, Directory: s.Directory, Entitlement: s.Entitlement, Store: s.Store, Auditor: s.Audit, Now: s.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	server.UseKeys(s.Keys())
	if _, err := sends(t, server, authtest.PhotoReport, s.key.Sign(t, s.claims("x").With("aud", ""), nil)); !errors.Is(err, authserver.InvalidClient) {
		t.Errorf("a server that has no issuer: %v", err)
	}
}

func TestN347AnAssertionThatNamesSomebodyElseIsRefused(t *testing.T) {
	s := newKeyed(t)
	const names = "iss and sub"
	for name, claims := range map[string]authtest.Claims{
		"no iss": s.claims("1").With("iss", nil), "no sub": s.claims("2").With("sub", nil), "iss of another": s.claims("3").With("iss", authtest.BookShelf),
		"sub of another": s.claims("4").With("sub", authtest.BookShelf), "iss of the server": s.claims("5").With("iss", authtest.Issuer),
		"sub as tokens spell it": s.claims("6").With("sub", "client:"+authtest.PhotoReport), "upper case": s.claims("7").With("sub", "PHOTOS.photoreport"),
	} {
		s.rejected(name, authtest.PhotoReport, s.key.Sign(t, claims, nil), names)
	}
	s.rejected("client_id of a client with a secret", authtest.BookShelf, s.key.Sign(t, s.claims("8"), nil), "does not prove itself with assertions")
	s.rejected("client_id of nobody", "photos.nobody", s.key.Sign(t, s.claims("9"), nil), "not known")
	other := authtest.NewClientKey(t, "first")
	s.WithoutSecret(authtest.BookShelf, authserver.Assertions{Keys: authtest.PublicKeys(t, other)})
	s.rejected("client_id of another client", authtest.BookShelf, s.key.Sign(t, s.claims("10"), nil), names)
	s.rejected("another client in all places", authtest.BookShelf, s.key.Sign(t, authtest.Assertion(authtest.BookShelf, "11", s.Clock.Now()), nil), "not signed")
}

func TestN348AnAssertionOutsideItsTimeIsRefused(t *testing.T) {
	s := newKeyed(t)
	at := func(d time.Duration) int64 { return s.Clock.Now().Add(d).Unix() }
	for name, row := range map[string]struct {
		claims authtest.Claims
		why    string
	}{
		"no exp":                  {s.claims("1").With("exp", nil), "no exp"},
		"exp now":                 {s.claims("2").With("exp", at(0)), "expired"},
		"exp in 1970":             {s.claims("3").With("exp", 1), "expired"},
		"exp in milliseconds":     {s.claims("4").With("exp", at(time.Minute)*1000), "too late"},
		"exp far ahead":           {s.claims("5").With("exp", at(11*time.Minute+time.Second)), "too late"},
		"nbf ahead":               {s.claims("6").With("nbf", at(61*time.Second)), "not valid yet"},
		"iat ahead":               {s.claims("7").With("iat", at(61*time.Second)), "not valid yet"},
		"no jti":                  {s.claims("8").With("jti", nil), "no jti"},
		"an empty jti":            {s.claims("8").With("jti", ""), "no jti"},
		"negative exp":            {s.claims("9").With("exp", -1), "expired"},
		"exp that ended with nbf": {s.claims("10").With("exp", at(-time.Second)).With("nbf", at(-time.Minute)), "expired"},
	} {
		s.rejected(name, authtest.PhotoReport, s.key.Sign(t, row.claims, nil), row.why)
	}
	for name, claims := range map[string]authtest.Claims{
		"a clock that is a minute ahead": s.claims("11").With("iat", at(time.Minute)).With("nbf", at(time.Minute)).With("exp", at(11*time.Minute)),
		"made long ago, and not over":    s.claims("12").With("iat", at(-time.Hour)),
		"no iat":                         s.claims("13").With("iat", nil),
		"half a second":                  s.claims("14").With("exp", float64(at(time.Minute))+0.5),
	} {
		if _, err := sends(t, s.Auth, authtest.PhotoReport, s.key.Sign(t, claims, nil)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestN349AnAssertionOfAKeyThatIsNotTheClientsIsRefused(t *testing.T) {
	s := newKeyed(t)
	s.rejected("a key of nobody", authtest.PhotoReport, authtest.NewClientKey(t, "first").Sign(t, s.claims("1"), nil), "not signed")
	s.rejected("the wrong kid", authtest.PhotoReport, s.key.Sign(t, s.claims("2"), map[string]any{"kid": "second"}), "not signed")
	s.WithoutSecret(authtest.PhotoReport, authserver.Assertions{})
	s.rejected("a client whose keys cannot be used", authtest.PhotoReport, s.key.Sign(t, s.claims("3"), nil), "not signed")
}

func TestN355WhoHasASecretHasNoAssertionsAndTheOtherWayRound(t *testing.T) {
	s := newKeyed(t)
	secret := s.Secret(authtest.PhotoReport)
	for name, p := range map[string]authserver.ClientSecret{
		"its old secret": {ID: authtest.PhotoReport, Secret: secret}, "no secret": {ID: authtest.PhotoReport, None: true}, "an empty one": {ID: authtest.PhotoReport},
	} {
		if _, err := s.Auth.AuthenticateClient(t.Context(), authserver.ProfileOAuth2, p); !errors.Is(err, authserver.InvalidClient) {
			t.Errorf("%s: %v", name, err)
		}
	}
	text := s.key.Sign(t, s.claims("1"), nil)
	for name, row := range map[string]struct {
		change func(*authserver.Client)
		why    string
	}{
		"suspended":       {func(c *authserver.Client) { c.Suspended = true }, "suspended"},
		"not accepted":    {func(c *authserver.Client) { c.Accepted = false }, "not accepted"},
		"another profile": {func(c *authserver.Client) { c.Profile = authserver.ProfileIntegrationCloud }, "another profile"},
		"Public":          {func(c *authserver.Client) { c.Public = true }, "does not prove itself"},
		"with a secret":   {func(c *authserver.Client) { c.Assertions = nil; c.GivenSecret = true }, "does not prove itself"},
	} {
		was, _ := s.Clients.ByID(authtest.PhotoReport)
		before := *was
		s.Clients.Change(authtest.PhotoReport, row.change)
		s.rejected(name, authtest.PhotoReport, text, row.why)
		s.Clients.Change(authtest.PhotoReport, func(c *authserver.Client) { *c = before })
	}
	s.accepted(text) // none of them has used it up
	for _, text := range []string{"nonsense", s.issue(s.accepted(s.key.Sign(t, s.claims("2"), nil))), strings.Repeat("a", assertion.MaxLength+1)} {
		s.rejected("no JWT", authtest.PhotoReport, text, "the assertion is")
		s.rejected("no JWT, and no client_id", "", text, "not known")
	}
}

// A client makes its keys itself: any number of them is one row in the memory of uses.
func TestN307AnyNumberOfKeysIsOneUse(t *testing.T) {
	s := newKeyed(t)
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Credentials = nil })
	const uri = "https://app.example/keys"
	s.WithoutSecret(authtest.PhotoReport, authserver.Assertions{KeySetURI: uri})
	s.WithoutSecret(authtest.PhotoPrint, authserver.Assertions{KeySetURI: uri})
	keys := []*authtest.ClientKey{s.key, authtest.NewClientKey(t, "second"), authtest.NewClientKey(t, "third")}
	for n, key := range keys {
		s.KeySets.Put(uri, authtest.PublicKeys(t, key)...)
		s.issue(s.accepted(key.Sign(t, s.claims(fmt.Sprint(n)), nil)))
		caller, err := sends(t, s.Auth, authtest.PhotoPrint, key.Sign(t, authtest.Assertion(authtest.PhotoPrint, fmt.Sprint(n), s.Clock.Now()), nil))
		if err != nil {
			t.Fatal(err)
		}
		tokens, err := s.Auth.Token(t.Context(), caller, redemption(s.allow(photoPrint(), s.bob(), false), authtest.PhotoPrintCallback))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Auth.Token(t.Context(), caller, refreshing(tokens.RefreshToken)); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]bool{}
	for _, id := range []string{authtest.PhotoReport, authtest.PhotoPrint} {
		c, _ := s.Clients.ByID(id)
		want[c.UID] = true
	}
	got := s.flushed()
	for _, u := range got {
		if u.CredentialID != "" || !want[u.UID] {
			t.Errorf("a use of %q with %q", u.UID, u.CredentialID)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d uses of %d clients", len(got), len(want))
	}
}

func TestN345AnAssertionStaysUsedWhenItsObjectIsCreatedAgain(t *testing.T) {
	s := newKeyed(t)
	text := s.key.Sign(t, s.claims("1"), nil)
	s.accepted(text)
	s.Clients.Change(authtest.PhotoReport, func(c *authserver.Client) { c.UID = "created again" })
	s.rejected("the client was created again", authtest.PhotoReport, text, "used before")
	s.accepted(s.key.Sign(t, s.claims("2"), nil))
	s.WithoutSecret(authtest.BookShelf, authserver.Assertions{Keys: authtest.PublicKeys(t, s.key)})
	if _, err := sends(t, s.Auth, authtest.BookShelf, s.key.Sign(t, authtest.Assertion(authtest.BookShelf, "1", s.Clock.Now()), nil)); err != nil {
		t.Errorf("the jti of another client: %v", err)
	}
}

func TestN357AForgedAssertionWritesNothing(t *testing.T) {
	s := newKeyed(t)
	s.Store.Fail(authserver.ErrUnavailable)
	forged := authtest.NewClientKey(t, "first")
	s.rejected("forged", authtest.PhotoReport, forged.Sign(t, s.claims("1"), nil), "not signed")
	s.rejected("for another audience", authtest.PhotoReport, s.key.Sign(t, s.claims("1").With("aud", "x"), nil), "aud")
	if _, err := sends(t, s.Auth, authtest.PhotoReport, s.key.Sign(t, s.claims("1"), nil)); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("a good one while the store is gone: %v", err)
	}
	s.Store.Fail(nil)
	s.accepted(s.key.Sign(t, s.claims("1"), nil))
}

func TestN364AKeyThatIsTakenOutEndsItsTokens(t *testing.T) {
	s := newKeyed(t)
	next := authtest.NewClientKey(t, "second")
	both := authserver.Assertions{Keys: authtest.PublicKeys(t, s.key, next)}
	s.WithoutSecret(authtest.PhotoReport, both)
	old, newer := s.issue(s.accepted(s.key.Sign(t, s.claims("1"), nil))), s.issue(s.accepted(next.Sign(t, s.claims("2"), nil)))
	s.WithoutSecret(authtest.PhotoReport, authserver.Assertions{Keys: authtest.PublicKeys(t, next)})
	s.rejected("the key that is gone", authtest.PhotoReport, s.key.Sign(t, s.claims("3"), nil), "not signed")
	caller := s.accepted(next.Sign(t, s.claims("4"), nil))
	if s.knows(caller, old) || !s.knows(caller, newer) {
		t.Error("a token outlives its key, or ends with another one")
	}

	// The same where the keys stand at an address.
	const uri = "https://app.example/keys"
	s.KeySets.Put(uri, both.Keys...)
	s.WithoutSecret(authtest.PhotoReport, authserver.Assertions{KeySetURI: uri})
	caller = s.accepted(next.Sign(t, s.claims("5"), nil))
	if !s.knows(caller, old) || !s.knows(caller, newer) {
		t.Error("a token does not live while its key stands at the address")
	}
	s.KeySets.Put(uri, authtest.PublicKeys(t, next)...)
	if s.knows(caller, old) || !s.knows(caller, newer) {
		t.Error("a token outlives its key at the address, or ends with another one")
	}
	s.KeySets.Fail(authserver.ErrUnavailable)
	if _, err := s.Auth.Introspect(t.Context(), caller, newer); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("while the keys are not known: %v, want no answer", err)
	}
	if _, err := sends(t, s.Auth, authtest.PhotoReport, next.Sign(t, s.claims("6"), nil)); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("while the keys are not known: %v, want no answer", err)
	}
	// A secret in place of the keys ends what hung on them.
	s.KeySets.Fail(nil)
	s.Clients.Change(authtest.PhotoReport, func(c *authserver.Client) { c.Assertions, c.Credentials = nil, nil })
	if s.knows(caller, newer) {
		t.Error("a token outlives the change to a client secret")
	}
}

func TestAnAPIProvesItselfWithAnAssertion(t *testing.T) {
	s := newKeyed(t)
	token := s.issue(s.accepted(s.key.Sign(t, s.claims("1"), nil)))
	api := authtest.NewClientKey(t, "")
	r, _ := s.Clients.ResourceServerByID(authtest.PhotoStorage)
	changed := *r
	changed.Credentials, changed.Assertions = []authserver.Credential{}, &authserver.Assertions{Keys: authtest.PublicKeys(t, api)}
	s.Clients.PutResourceServer(changed)
	ask := func(id, text string) (authserver.Caller, error) {
		return s.Auth.AuthenticateIntrospector(t.Context(), authserver.ClientSecret{ID: id, Assertion: text})
	}
	of := func(jti string) string {
		return api.Sign(t, authtest.Assertion(authtest.PhotoStorage, jti, s.Clock.Now()), nil)
	}
	caller, err := ask("", of("1"))
	if err != nil {
		t.Fatalf("introspection: %v, %+v", err, s.lastRefusal())
	}
	if info, err := s.Auth.Introspect(t.Context(), caller, token); err != nil || !info.Active {
		t.Errorf("it learns %+v, %v", info, err)
	}
	if _, err := ask(authtest.PhotoStorage, of("1")); !errors.Is(err, authserver.InvalidClient) {
		t.Errorf("used again: %v", err)
	}
	if _, err := ask(authtest.PhotoStorage, s.key.Sign(t, s.claims("2"), nil)); !errors.Is(err, authserver.InvalidClient) {
		t.Errorf("the assertion of a client: %v", err)
	}
	changed.Accepted = false
	s.Clients.PutResourceServer(changed)
	if _, err := ask(authtest.PhotoStorage, of("3")); !errors.Is(err, authserver.InvalidClient) {
		t.Errorf("not accepted: %v", err)
	}
}
