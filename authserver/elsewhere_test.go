// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/internal/assertion"
)

const (
	// homeIssuer is what the API server of each cluster calls itself that was not told otherwise.
	homeIssuer  = "https://kubernetes.default.svc.cluster.local"
	northIssuer = "https://north.example/clusters/1"
)

// abroad is the fixture in which ServiceAccounts of other clusters are PhotoReport. East and west have the issuer of this cluster.
type abroad struct {
	*fixture
	home, east, west, north *authtest.ClientKey
}

func newAbroad(t *testing.T, clusters ...string) abroad {
	t.Helper()
	s := abroad{newFixture(t), authtest.NewClientKey(t, "home"), authtest.NewClientKey(t, "east"), authtest.NewClientKey(t, "west"), authtest.NewClientKey(t, "north")}
	s.Clusters.Put("east", homeIssuer, authtest.ClusterKeys(t, s.east)...)
	s.Clusters.Put("west", homeIssuer, authtest.ClusterKeys(t, s.west)...)
	s.Clusters.Put("north", northIssuer, authtest.ClusterKeys(t, s.north)...)
	s.lists([]string{"reporter", "other"}, clusters...)
	return s
}

// lists makes the ServiceAccounts of these names in the clusters PhotoReport.
func (s abroad) lists(names []string, clusters ...string) {
	var a authserver.Assertions
	for _, cluster := range clusters {
		if cluster != "in-cluster" {
			a.Elsewhere = &authserver.Elsewhere{Names: names}
		}
	}
	for _, cluster := range clusters {
		if cluster == "in-cluster" {
			for _, name := range names {
				a.ServiceAccounts = append(a.ServiceAccounts, authserver.ServiceAccount{Name: name, UID: map[string]string{"reporter": accountUID}[name]})
			}
			continue
		}
		a.Elsewhere.Clusters = append(a.Elsewhere.Clusters, cluster)
	}
	s.WithoutSecret(authtest.PhotoReport, a)
}

// claims are those of a token that a cluster gives to its ServiceAccount reporter for an hour.
func (s abroad) claims() authtest.Claims {
	now := s.Clock.Now()
	return authtest.Claims{"iss": homeIssuer, "sub": accountName, "aud": []string{authtest.Issuer}, "jti": "of the cluster",
		"exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "nbf": now.Unix(), "kubernetes.io": named("photos", "reporter", recreatedUID)}
}

func named(namespace, name, uid string) map[string]any {
	return map[string]any{"namespace": namespace, "serviceaccount": map[string]any{"name": name, "uid": uid}, "pod": map[string]any{"name": "reporter-0", "uid": "p"}}
}

// refuses wants the token refused, and not even this cluster asked about it.
func (s abroad) refuses(name, text, why string) {
	s.t.Helper()
	before := s.Tokens.Asked()
	s.rejected(name, authtest.PhotoReport, text, why)
	if s.Tokens.Asked() != before {
		s.t.Errorf("N407: %s: the API server of this cluster was asked", name)
	}
}

func TestN401ATokenOfAnotherClusterIsAClientAnyNumberOfTimesUntilItEnds(t *testing.T) {
	s := newAbroad(t, "east")
	text := s.east.Sign(t, s.claims(), nil)
	caller := s.accepted(text)
	if !strings.HasPrefix(caller.CredentialID, "s-") || len(caller.CredentialID) != 24 {
		t.Errorf("tokens are bound to %q", caller.CredentialID)
	}
	token := s.issue(caller)
	s.Clock.Advance(59*time.Minute + 59*time.Second)
	if again := s.accepted(text); again.CredentialID != caller.CredentialID || !s.knows(again, token) {
		t.Error("the second time it is another client")
	}
	s.Clock.Advance(time.Second)
	s.refuses("at its end", text, "expired")
	if s.Tokens.Asked() != 0 {
		t.Error("N407: the API server of this cluster was asked about it")
	}
	// Who is not named by client_id could be any client that lists the ServiceAccount.
	if _, err := sends(t, s.Auth, "", s.east.Sign(t, s.claims(), nil)); !errors.Is(err, authserver.InvalidClient) {
		t.Errorf("without client_id: %v", err)
	}
}

func TestN400ATokenOfAnotherClusterForAnotherAudienceIsRefused(t *testing.T) {
	s := newAbroad(t, "east", "in-cluster")
	for name, aud := range map[string]any{
		"none": nil, "its API server": homeIssuer, "a slash at the end": authtest.Issuer + "/", "the token endpoint": authtest.Issuer + "/oauth2/token",
		"the issuer and its API server": []string{authtest.Issuer, homeIssuer}, "its API server and the issuer": []string{homeIssuer, authtest.Issuer},
		"the issuer twice": []string{authtest.Issuer, authtest.Issuer}, "upper case": strings.ToUpper(authtest.Issuer),
	} {
		s.refuses(name, s.east.Sign(t, s.claims().With("aud", aud), nil), "aud of the assertion")
	}
	s.accepted(s.east.Sign(t, s.claims().With("aud", authtest.Issuer), nil))
}

func TestN401ATokenOfAnotherClusterOutsideItsTimeIsRefused(t *testing.T) {
	s := newAbroad(t, "east", "in-cluster")
	at := func(d time.Duration) int64 { return s.Clock.Now().Add(d).Unix() }
	for name, row := range map[string]struct {
		claims authtest.Claims
		why    string
	}{
		"no exp":               {s.claims().With("exp", nil), "no exp"},
		"over":                 {s.claims().With("exp", at(0)), "expired"},
		"nbf ahead":            {s.claims().With("nbf", at(61*time.Second)), "not valid yet"},
		"iat ahead":            {s.claims().With("iat", at(61*time.Second)), "not valid yet"},
		"no iat":               {s.claims().With("iat", nil), "no iat"},
		"25 hours":             {s.claims().With("exp", at(25*time.Hour)), "longer than 24 hours"},
		"a second too long":    {s.claims().With("exp", at(24*time.Hour+time.Second)), "longer than 24 hours"},
		"a year, nearly over":  {s.claims().With("iat", at(-364*24*time.Hour)).With("nbf", nil), "longer than 24 hours"},
		"a century, over soon": {s.claims().With("iat", -1_000_000_000), "longer than 24 hours"},
	} {
		s.refuses(name, s.east.Sign(t, row.claims, nil), row.why)
		s.refuses(name+", and the UID of this cluster", s.east.Sign(t, row.claims.With("kubernetes.io", named("photos", "reporter", accountUID)), nil), row.why)
	}
	for name, claims := range map[string]authtest.Claims{
		"24 hours": s.claims().With("exp", at(24*time.Hour)), "a clock that is a minute ahead": s.claims().With("iat", at(time.Minute)).With("nbf", at(time.Minute)), "no nbf": s.claims().With("nbf", nil),
	} {
		if _, err := sends(t, s.Auth, authtest.PhotoReport, s.east.Sign(t, claims, nil)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestN402ATokenOfAClusterThatTheClientDoesNotListIsRefused(t *testing.T) {
	s := newAbroad(t, "north")
	north := s.claims().With("iss", northIssuer)
	s.accepted(s.north.Sign(t, north, nil))
	for name, issuer := range map[string]any{
		"this cluster": homeIssuer, "nobody": nil, "empty": "", "a slash at the end": northIssuer + "/", "upper case": "https://NORTH.example/clusters/1", "the server itself": authtest.Issuer,
		"the client": authtest.PhotoReport,
	} {
		s.refuses(name, s.north.Sign(t, s.claims().With("iss", issuer), nil), "iss of the token is the issuer of no cluster that the client lists in")
	}
	home := s.home.Sign(t, s.claims().With("kubernetes.io", named("photos", "reporter", accountUID)), nil)
	s.Tokens.Accept(home, accountName, accountUID)
	s.refuses("the token of this cluster at a client of another one alone", home, "iss of the token")
	s.lists([]string{"reporter"}, "east")
	s.refuses("the same, where the clusters have one issuer", home, "not signed with a key of the cluster")

	// Without a list, and with this cluster alone in it, the client is of this cluster.
	s.lists([]string{"reporter"}, "in-cluster")
	s.accepted(home)
	s.refuses("the token of another cluster at a client of this one alone", s.east.Sign(t, s.claims(), nil), "created again")
	s.refuses("the same, of another issuer", s.north.Sign(t, north, nil), "created again")

	s.lists([]string{"reporter"}, "south", "north")
	s.accepted(s.north.Sign(t, north, nil))
	s.refuses("of a cluster that the configuration does not name", s.east.Sign(t, s.claims().With("iss", "https://south.example"), nil), "workloadIdentity.clusters")
	s.Clusters.Remove("north")
	s.refuses("of a cluster that the configuration does not name any more", s.north.Sign(t, north, nil), "workloadIdentity.clusters")
	if s.Clusters.Asked() == 0 {
		t.Error("no keys were looked at")
	}
}

func TestN402AServerThatKnowsNoClustersTakesNoTokensOfThem(t *testing.T) {
	s := newAbroad(t, "east")
	server, err := authserver.New(authserver.Config{
		Clients: s.Clients, Directory: s.Directory, Entitlement: s.Entitlement, Store: s.Store, Auditor: s.Audit, Issuer: authtest.Issuer, Now: s.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	server.UseKeys(s.Keys())
	text := s.east.Sign(t, s.claims(), nil)
	if _, err := sends(t, server, authtest.PhotoReport, text); !errors.Is(err, authserver.InvalidClient) {
		t.Errorf("a token: %v", err)
	}
	caller := s.accepted(text)
	if info, err := server.Introspect(t.Context(), caller, s.issue(caller)); err != nil || info.Active {
		t.Errorf("an access token that another server issued is active: %t, %v", info.Active, err)
	}
}

func TestN403TheKeyOfAnotherClusterWithTheSameIssuerSignsNothing(t *testing.T) {
	s := newAbroad(t, "east")
	s.refuses("west", s.west.Sign(t, s.claims(), nil), "not signed with a key of the cluster")
	s.refuses("this cluster", s.home.Sign(t, s.claims(), nil), "not signed with a key of the cluster")
	s.refuses("west, with the kid of east", s.west.Sign(t, s.claims(), map[string]any{"kid": "east"}), "not signed with a key of the cluster")
	s.lists([]string{"reporter"}, "west", "east", "north")
	east, west := s.accepted(s.east.Sign(t, s.claims(), nil)), s.accepted(s.west.Sign(t, s.claims(), nil))
	if east.CredentialID == west.CredentialID {
		t.Error("tokens of two clusters are bound to the same")
	}
	s.refuses("north, as another one", s.north.Sign(t, s.claims(), nil), "not signed with a key of the cluster")
	s.refuses("east, as north", s.east.Sign(t, s.claims().With("iss", northIssuer), nil), "not signed with a key of the cluster")
}

func TestN404ATokenOfAnotherClusterWithoutItsSignatureIsRefused(t *testing.T) {
	s := newAbroad(t, "east", "in-cluster")
	good := s.east.Sign(t, s.claims(), nil)
	payload := strings.Split(good, ".")[1]
	encoded := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	mac := func(secret []byte) string {
		claims, err := base64.RawURLEncoding.DecodeString(payload)
		if err != nil {
			t.Fatal(err)
		}
		options := (&jose.SignerOptions{}).WithHeader("kid", "east")
		return authtest.JWT(t, jose.SigningKey{Algorithm: jose.HS256, Key: secret}, options, json.RawMessage(claims))
	}
	for name, text := range map[string]string{
		"none": encoded(`{"alg":"none","kid":"east"}`) + "." + payload + ".", "HS256 with the keys that everybody knows": mac([]byte(authtest.JWKS(t, s.east))),
		"EdDSA, which no cluster signs with": encoded(`{"alg":"EdDSA","kid":"east"}`) + "." + payload + "." + strings.Split(good, ".")[2],
		"too long":                           good + strings.Repeat("a", 8<<10),
	} {
		s.refuses(name, text, "the assertion is")
	}
	cut := good[:len(good)-8] + "AAAAAAAA"
	s.refuses("a signature that was changed", cut, "not signed with a key of the cluster")
	foreign := authtest.NewClientKey(t, "east")
	s.refuses("a key of nobody, with the kid of east", foreign.Sign(t, s.claims(), nil), "not signed with a key of the cluster")
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal([]byte(authtest.JWKS(t, foreign)), &set); err != nil {
		t.Fatal(err)
	}
	embedded := foreign.Sign(t, s.claims(), map[string]any{"jwk": set.Keys[0]})
	if header, err := base64.RawURLEncoding.DecodeString(strings.Split(embedded, ".")[0]); err != nil || !strings.Contains(string(header), `"jwk":{"`) {
		t.Fatalf("the header is %s, %v", header, err)
	}
	s.refuses("a key of the header", embedded, "not signed with a key of the cluster")
}

func TestN405ATokenOfAnotherClusterOfSomebodyElseIsRefused(t *testing.T) {
	s := newAbroad(t, "east", "in-cluster")
	for name, row := range map[string][3]string{
		"not listed": {"photos", "visitor"}, "default": {"photos", "default"}, "the same name in another namespace": {"books", "reporter"}, "a namespace that begins so": {"photos-2", "reporter"},
		"a colon more": {"photos:x", "reporter"}, "no name": {"photos", ""}, "upper case": {"photos", "Reporter"},
	} {
		claims := s.claims().With("sub", "system:serviceaccount:"+row[0]+":"+row[1]).With("kubernetes.io", named(row[0], row[1], recreatedUID))
		s.refuses(name, s.east.Sign(t, claims, nil), "no ServiceAccount that the client lists")
	}
	s.refuses("a user", s.east.Sign(t, s.claims().With("sub", "reporter"), nil), "no ServiceAccount that the client lists")
	s.refuses("nobody", s.east.Sign(t, s.claims().With("sub", nil), nil), "no ServiceAccount that the client lists")
	for name, claim := range map[string]any{
		"none": nil, "empty": map[string]any{}, "another namespace": named("books", "reporter", recreatedUID), "another name": named("photos", "other", recreatedUID),
		"no namespace": named("", "reporter", recreatedUID), "no name": named("photos", "", recreatedUID),
	} {
		s.refuses("kubernetes.io: "+name, s.east.Sign(t, s.claims().With("kubernetes.io", claim), nil), "kubernetes.io")
	}
	for name, claim := range map[string]any{
		"a text": "photos", "a list": []any{named("photos", "reporter", recreatedUID)}, "a number": 1, "true": true,
		"a namespace that is a list": map[string]any{"namespace": []string{"photos"}, "serviceaccount": map[string]any{"name": "reporter"}},
		"a text as ServiceAccount":   map[string]any{"namespace": "photos", "serviceaccount": "reporter"},
		"a name that is an object":   map[string]any{"namespace": "photos", "serviceaccount": map[string]any{"name": map[string]any{"name": "reporter"}}},
		"the namespace twice":        json.RawMessage(`{"namespace":"books","namespace":"photos","serviceaccount":{"name":"reporter"}}`),
		"the name twice":             json.RawMessage(`{"namespace":"photos","serviceaccount":{"name":"other","name":"reporter"}}`),
		"the ServiceAccount twice":   json.RawMessage(`{"namespace":"photos","serviceaccount":{"name":"other"},"serviceaccount":{"name":"reporter"}}`),
	} {
		s.refuses("kubernetes.io: "+name, s.east.Sign(t, s.claims().With("kubernetes.io", claim), nil), "not a JSON object with each claim once and in its form")
	}
	s.refuses("another client", s.east.Sign(t, s.claims().With("iss", authtest.PhotoReport).With("sub", authtest.PhotoReport), nil), "no ServiceAccount that the client lists")
	s.rejected("a client with a secret", authtest.BookShelf, s.east.Sign(t, s.claims(), nil), "does not prove itself")
}

func TestN406WhatIsTakenOutEndsTheTokensOfAnotherCluster(t *testing.T) {
	s := newAbroad(t, "east", "west", "in-cluster")
	home := s.home.Sign(t, s.claims().With("kubernetes.io", named("photos", "reporter", accountUID)), nil)
	s.Tokens.Accept(home, accountName, accountUID)
	other := s.claims().With("sub", "system:serviceaccount:photos:other").With("kubernetes.io", named("photos", "other", "o"))
	tokens := map[string]string{
		"home": s.issue(s.accepted(home)), "east": s.issue(s.accepted(s.east.Sign(t, s.claims(), nil))), "west": s.issue(s.accepted(s.west.Sign(t, s.claims(), nil))),
		"other of east": s.issue(s.accepted(s.east.Sign(t, other, nil))),
	}
	caller := s.accepted(home)
	wants := func(name string, active ...string) {
		t.Helper()
		caller.Client, _ = s.Clients.ByID(authtest.PhotoReport)
		for of, token := range tokens {
			if s.knows(caller, token) != slices.Contains(active, of) {
				t.Errorf("%s: the token of %s is active, or it is not, against what is wanted", name, of)
			}
		}
	}
	wants("all", "home", "east", "west", "other of east")
	s.lists([]string{"reporter", "other"}, "west", "in-cluster")
	wants("without east", "home", "west")
	s.lists([]string{"reporter", "other"}, "east", "west")
	wants("without this cluster", "east", "west", "other of east")
	s.lists([]string{"reporter"}, "east", "west")
	wants("without a name", "east", "west")
	s.Clusters.Remove("east")
	wants("without east in the configuration", "west")
	s.Clusters.Put("east", northIssuer, authtest.ClusterKeys(t, s.east)...)
	wants("with another issuer of east", "west")
	s.Clusters.Put("east", homeIssuer)
	wants("while its keys are not known", "east", "west")
	s.lists([]string{"reporter"}, "in-cluster")
	wants("with this cluster alone", "home")
	s.WithoutSecret(authtest.PhotoReport, authserver.Assertions{Keys: authtest.PublicKeys(t, s.east)})
	wants("with a key of its own")
}

// What is bound to a cluster is a token of client_credentials. The grants of people hang on their client, as they do with a key of its own.
func TestN406GrantsOfPeopleGoOnWhereAClusterIsTakenOutAndEndWithTheirClient(t *testing.T) {
	s := newAbroad(t, "east")
	in := func(clusters ...string) {
		s.WithoutSecret(authtest.PhotoPrint, authserver.Assertions{Elsewhere: &authserver.Elsewhere{Clusters: clusters, Names: []string{"reporter"}}})
	}
	by := func(key *authtest.ClientKey) authserver.Caller {
		t.Helper()
		caller, err := sends(t, s.Auth, authtest.PhotoPrint, key.Sign(t, s.claims(), nil))
		if err != nil {
			t.Fatalf("%v, %+v", err, s.lastRefusal())
		}
		return caller
	}
	in("east")
	tokens, err := s.Auth.Token(t.Context(), by(s.east), redemption(s.allow(photoPrint(), s.bob(), false), authtest.PhotoPrintCallback))
	if err != nil {
		t.Fatal(err)
	}
	in("west")
	if !s.knows(by(s.west), tokens.AccessToken) {
		t.Error("the access token of a person ended with the cluster")
	}
	next, err := s.Auth.Token(t.Context(), by(s.west), refreshing(tokens.RefreshToken))
	if err != nil {
		t.Fatalf("the grant of a person ended with the cluster: %v", err)
	}
	caller := by(s.west)
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Suspended = true })
	if s.knows(caller, next.AccessToken) {
		t.Error("the access token of a person outlives the suspension of the client")
	}
}

// N406: a policy that allows the cluster no longer takes the client out of service, as the registry tests.
func TestN406WhatThePolicyNoLongerAllowsEndsTheTokensOfAnotherCluster(t *testing.T) {
	s := newAbroad(t, "east")
	text := s.east.Sign(t, s.claims(), nil)
	token, api := s.issue(s.accepted(text)), s.caller(authtest.PhotoStorage)
	for _, accepted := range []bool{true, false, true} {
		s.Clients.Change(authtest.PhotoReport, func(c *authserver.Client) { c.Accepted = accepted })
		if s.knows(api, token) != accepted {
			t.Errorf("the policy allows it: %t; the API sees the access token the other way", accepted)
		}
		if _, err := sends(t, s.Auth, authtest.PhotoReport, text); (err == nil) != accepted {
			t.Errorf("the policy allows it: %t; its next token: %v", accepted, err)
		}
	}
}

func TestWhereNobodyCanBeAskedForAReviewTheAuditLogSaysWhatHelps(t *testing.T) {
	s := newAbroad(t, "in-cluster")
	server, err := authserver.New(authserver.Config{
		Clients: s.Clients, Clusters: s.Clusters, Directory: s.Directory, Entitlement: s.Entitlement, Store: s.Store, Auditor: s.Audit, Issuer: authtest.Issuer, Now: s.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	server.UseKeys(s.Keys())
	home := s.home.Sign(t, s.claims(), nil)
	for _, uid := range []string{"", recreatedUID} { // no status has one there
		s.WithoutSecret(authtest.PhotoReport, authserver.Assertions{ServiceAccounts: []authserver.ServiceAccount{{Name: "reporter", UID: uid}}})
		if _, err := sends(t, server, authtest.PhotoReport, home); !errors.Is(err, authserver.InvalidClient) || !strings.Contains(s.lastRefusal().Reason, "workloadIdentity.clusters") {
			t.Errorf("%v, and the audit log says %q", err, s.lastRefusal().Reason)
		}
	}
	s.lists([]string{"reporter"}, "east")
	if _, err := sends(t, server, authtest.PhotoReport, s.east.Sign(t, s.claims(), nil)); err != nil {
		t.Errorf("a token of a cluster that is known: %v", err)
	}
}

func TestN407ATokenGoesToItsOwnClusterAlone(t *testing.T) {
	s := newAbroad(t, "east", "north", "in-cluster")
	here := s.claims().With("kubernetes.io", named("photos", "reporter", accountUID))
	// A cluster that gives its ServiceAccount the UID of ours.
	s.accepted(s.east.Sign(t, here, nil))
	s.accepted(s.north.Sign(t, here.With("iss", northIssuer), nil))
	s.refuses("a key of nobody, and a UID of nobody here", s.home.Sign(t, s.claims(), nil), "not signed with a key of the cluster")
	if s.Tokens.Asked() != 0 {
		t.Error("what another cluster has signed was sent to the API server of this one")
	}
	asked := s.Clusters.Asked()
	home := s.home.Sign(t, here.With("iss", "https://home.example"), nil)
	s.Tokens.Accept(home, accountName, accountUID)
	s.accepted(home)
	if s.Clusters.Asked() != asked || s.Tokens.Asked() != 1 {
		t.Error("another cluster had to do with a token of this one")
	}
}

func TestN408WhileTheKeysOfAClusterAreAwayItsTokensAreNotDecidedAndOthersAre(t *testing.T) {
	s := newAbroad(t, "east", "west", "north", "in-cluster")
	s.Clusters.Fail("east", authserver.ErrUnavailable)
	away := func(name, text string) {
		t.Helper()
		if _, err := sends(t, s.Auth, authtest.PhotoReport, text); !errors.Is(err, authserver.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	away("a token of the cluster", s.east.Sign(t, s.claims(), nil))
	s.accepted(s.north.Sign(t, s.claims().With("iss", northIssuer), nil))
	s.accepted(s.west.Sign(t, s.claims(), nil))
	home := s.home.Sign(t, s.claims().With("kubernetes.io", named("photos", "reporter", accountUID)), nil)
	s.Tokens.Accept(home, accountName, accountUID)
	caller := s.accepted(home)
	s.refuses("another audience", s.east.Sign(t, s.claims().With("aud", "x"), nil), "aud")
	// Only the keys of its cluster tell that it is no token of this one, so this one is asked about it.
	away("a token of the cluster with a UID of this one", s.east.Sign(t, s.claims().With("kubernetes.io", named("photos", "reporter", accountUID)), nil))
	s.Tokens.Fail(authserver.ErrUnavailable)
	away("a token of this cluster while its API server is away", home)
	s.Clusters.Fail("east", nil)
	token := s.issue(s.accepted(s.east.Sign(t, s.claims(), nil)))
	s.Clusters.Fail("east", authserver.ErrUnavailable)
	if !s.knows(caller, token) {
		t.Error("an access token needs the keys of the cluster")
	}
}

// slowClusters have no keys in hand. The cluster west gives its keys after a second, and the others none until nobody wants them.
type slowClusters struct {
	*authtest.Clusters
	asked *atomic.Int32
}

func (slowClusters) KeysInHand(context.Context, string, func(assertion.Key) bool) []assertion.Key {
	return nil
}

func (o slowClusters) Keys(ctx context.Context, name string, wanted func(assertion.Key) bool) ([]assertion.Key, error) {
	o.asked.Add(1)
	if name == "west" {
		<-time.After(time.Second) // by the clock of the bubble
		return o.Clusters.Keys(ctx, name, wanted)
	}
	<-ctx.Done()
	return nil, fmt.Errorf("%w: %w", authserver.ErrUnavailable, ctx.Err())
}

func TestN408ClustersOfOneIssuerAreAskedForTheirKeysAtOneTime(t *testing.T) {
	names := []string{"c1", "c2", "c3", "c4", "c5", "c6", "west", "c7"}
	s := newAbroad(t, append(names, "in-cluster")...)
	for _, name := range names {
		s.Clusters.Put(name, homeIssuer, authtest.ClusterKeys(t, s.west)...)
	}
	slow := slowClusters{s.Clusters, &atomic.Int32{}}
	server, err := authserver.New(authserver.Config{
		Clients: s.Clients, Directory: s.Directory, Entitlement: s.Entitlement, Store: s.Store, Auditor: s.Audit, Issuer: authtest.Issuer, Now: s.Clock.Now,
		Clusters: slow, TokenReviewer: s.Tokens,
	})
	if err != nil {
		t.Fatal(err)
	}
	server.UseKeys(s.Keys())
	home := s.home.Sign(t, s.claims().With("kubernetes.io", named("photos", "reporter", accountUID)), nil)
	s.Tokens.Accept(home, accountName, accountUID)
	for name, row := range map[string]struct {
		text  string
		want  error
		took  time.Duration
		asked int32
	}{
		"whose keys come waits for no other":        {s.west.Sign(t, s.claims(), nil), nil, time.Second, 8},
		"all together have as long as one":          {s.east.Sign(t, s.claims(), nil), authserver.ErrUnavailable, 5 * time.Second, 8},
		"a token of this cluster waits for no keys": {home, nil, 0, 0},
		"a token of another issuer, too":            {s.north.Sign(t, s.claims().With("iss", northIssuer), nil), authserver.InvalidClient, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			before := slow.asked.Load()
			began := time.Now()
			_, err := sends(t, server, authtest.PhotoReport, row.text)
			if took, asked := time.Since(began), slow.asked.Load()-before; !errors.Is(err, row.want) || took != row.took || asked != row.asked {
				t.Errorf("%s: %v after %s and %d questions; want %v after %s and %d", name, err, took, asked, row.want, row.took, row.asked)
			}
		})
	}
}

func TestAnAPIIsAServiceAccountOfAnotherCluster(t *testing.T) {
	s := newAbroad(t, "east")
	token := s.issue(s.accepted(s.east.Sign(t, s.claims(), nil)))
	s.Clients.ChangeResourceServer(authtest.PhotoStorage, func(r *authserver.ResourceServer) {
		r.Credentials, r.Assertions = nil, &authserver.Assertions{Elsewhere: &authserver.Elsewhere{Clusters: []string{"north"}, Names: []string{"storage"}}}
	})
	ask := func(claims authtest.Claims, by *authtest.ClientKey) (authserver.Caller, error) {
		return s.Auth.AuthenticateIntrospector(t.Context(), authserver.ClientSecret{ID: authtest.PhotoStorage, Assertion: by.Sign(t, claims, nil)})
	}
	storage := s.claims().With("iss", northIssuer).With("sub", "system:serviceaccount:photos:storage").With("kubernetes.io", named("photos", "storage", "u"))
	caller, err := ask(storage, s.north)
	if err != nil {
		t.Fatalf("introspection: %v, %+v", err, s.lastRefusal())
	}
	if info, err := s.Auth.Introspect(t.Context(), caller, token); err != nil || !info.Active {
		t.Errorf("it learns %+v, %v", info, err)
	}
	if _, err := ask(s.claims(), s.east); !errors.Is(err, authserver.InvalidClient) {
		t.Errorf("N405: the client's token: %v", err)
	}
}
