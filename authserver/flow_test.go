// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// codeVerifier is what each client of these tests keeps to itself.
const codeVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// fixture is the shared fixture with the steps of a flow as verbs.
type fixture struct {
	*authtest.Env
	t *testing.T
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	return &fixture{Env: authtest.New(t), t: t}
}

// request is PhotoPrint's authorization request for everything it may have.
func request(clientID, callback string) authserver.AuthorizeRequest {
	sum := sha256.Sum256([]byte(codeVerifier))
	return authserver.AuthorizeRequest{
		Profile: authserver.ProfileOAuth2, ClientID: clientID, Callback: callback, State: "state of " + clientID,
		CodeChallenge: base64.RawURLEncoding.EncodeToString(sum[:]),
	}
}

func photoPrint() authserver.AuthorizeRequest {
	return request(authtest.PhotoPrint, authtest.PhotoPrintCallback)
}

func bookShelf() authserver.AuthorizeRequest {
	return request(authtest.BookShelf, authtest.BookShelfCallback)
}

// login logs somebody in from a browser of their own.
func (s *fixture) login(name, password string) *authserver.Visitor {
	s.t.Helper()
	l, err := s.Auth.Login(s.t.Context(), authserver.Credentials{Username: name, Password: password, Address: "192.0.2.1"})
	if err != nil {
		s.t.Fatalf("log in as %s: %v", name, err)
	}
	v, err := s.Auth.Visitor(s.t.Context(), l.Session)
	if err != nil || v == nil {
		s.t.Fatalf("the session of %s is not there: %v", name, err)
	}
	return v
}

func (s *fixture) bob() *authserver.Visitor   { return s.login(authtest.Bob, authtest.BobPassword) }
func (s *fixture) alice() *authserver.Visitor { return s.login(authtest.Alice, authtest.AlicePassword) }

func (s *fixture) begin(r authserver.AuthorizeRequest) authserver.Interaction {
	s.t.Helper()
	i, err := s.Auth.Authorize(s.t.Context(), r)
	if err != nil {
		s.t.Fatalf("authorize: %v", err)
	}
	return i
}

// allow walks a request through consent and returns the proof.
func (s *fixture) allow(r authserver.AuthorizeRequest, v *authserver.Visitor, always bool) string {
	s.t.Helper()
	i := s.begin(r)
	p := s.next(i, v)
	if p.Step != authserver.StepConsent {
		s.t.Fatalf("the interaction stands at step %d, want consent", p.Step)
	}
	a, err := s.decide(i, v, authserver.Decision{Allow: true, Always: always, Ticket: p.Ticket})
	if err != nil {
		s.t.Fatalf("allow: %v", err)
	}
	return a.Proof
}

// decide carries out a decision where the interaction stands now, as a server does with the form.
func (s *fixture) decide(i authserver.Interaction, v *authserver.Visitor, d authserver.Decision) (*authserver.Approval, error) {
	s.t.Helper()
	p, err := s.Auth.Next(s.t.Context(), i, v)
	if err != nil {
		return nil, err
	}
	return s.Auth.Decide(s.t.Context(), p, d)
}

func (s *fixture) next(i authserver.Interaction, v *authserver.Visitor) authserver.Position {
	s.t.Helper()
	p, err := s.Auth.Next(s.t.Context(), i, v)
	if err != nil {
		s.t.Fatalf("next step: %v", err)
	}
	return p
}

// caller is the client or the resource server after it proved who it is.
func (s *fixture) caller(clientID string) authserver.Caller {
	s.t.Helper()
	secret := authserver.ClientSecret{ID: clientID, Secret: s.Secret(clientID)}
	if c, known := s.Clients.ByID(clientID); known && c.Public {
		secret = authserver.ClientSecret{ID: clientID, None: true}
	}
	caller, err := s.Auth.AuthenticateIntrospector(s.t.Context(), secret)
	if err != nil {
		s.t.Fatalf("authenticate %s: %v", clientID, err)
	}
	return caller
}

func redemption(proof, callback string) authserver.TokenRequest {
	return authserver.TokenRequest{
		GrantType: authserver.GrantAuthorizationCode, Proof: proof, Callback: callback, CodeVerifier: codeVerifier,
	}
}

func refreshing(token string) authserver.TokenRequest {
	return authserver.TokenRequest{GrantType: authserver.GrantRefreshToken, RefreshToken: token}
}

// redeem exchanges PhotoPrint's proof.
func (s *fixture) redeem(proof string) *authserver.Tokens {
	s.t.Helper()
	tokens, err := s.Auth.Token(s.t.Context(), s.caller(authtest.PhotoPrint), redemption(proof, authtest.PhotoPrintCallback))
	if err != nil {
		s.t.Fatalf("redeem: %v", err)
	}
	return tokens
}

// tokens is what PhotoPrint has after Bob allowed it.
func (s *fixture) tokens() *authserver.Tokens {
	s.t.Helper()
	return s.redeem(s.allow(photoPrint(), s.bob(), false))
}

func (s *fixture) refresh(token string) *authserver.Tokens {
	s.t.Helper()
	tokens, err := s.Auth.Token(s.t.Context(), s.caller(authtest.PhotoPrint), refreshing(token))
	if err != nil {
		s.t.Fatalf("refresh: %v", err)
	}
	return tokens
}

// refused checks that a token request of the client ends with the code.
func (s *fixture) refused(clientID string, r authserver.TokenRequest, want authserver.Code) {
	s.t.Helper()
	_, err := s.Auth.Token(s.t.Context(), s.caller(clientID), r)
	wantCode(s.t, err, want)
}

// active reports what PhotoStorage learns about a token.
func (s *fixture) active(token string) bool {
	s.t.Helper()
	info, err := s.Auth.Introspect(s.t.Context(), s.caller(authtest.PhotoStorage), token)
	if err != nil {
		s.t.Fatalf("introspect: %v", err)
	}
	return info.Active
}

func wantCode(t *testing.T, err error, want authserver.Code) {
	t.Helper()
	e, ok := errors.AsType[authserver.Refusal](err)
	if !ok || e.Code() != want || !errors.Is(err, want) {
		t.Fatalf("got %v, want %s", err, want)
	}
}

func TestBobAllowsAndPhotoPrintReadsUntilTheGrantEnds(t *testing.T) {
	s := newFixture(t)
	tokens := s.tokens()
	if !s.active(tokens.AccessToken) {
		t.Fatal("the access token is not active")
	}
	if got := tokens.ExpiresAt.Sub(tokens.IssuedAt); got != time.Hour {
		t.Errorf("the access token lives %s", got)
	}
	if strings.Join(tokens.Scopes, " ") != "photos.read" {
		t.Errorf("the scopes are %v", tokens.Scopes)
	}
	s.Clock.Advance(time.Hour)
	if s.active(tokens.AccessToken) {
		t.Error("the access token is active after its end")
	}
	s.Clock.Advance(90*24*time.Hour - 90*time.Minute)
	last := s.refresh(tokens.RefreshToken)
	if got := last.ExpiresAt.Sub(last.IssuedAt); got != 30*time.Minute {
		t.Errorf("half an hour before the grant ends the access token lives %s", got)
	}
	s.Clock.Advance(30 * time.Minute)
	s.refused(authtest.PhotoPrint, refreshing(last.RefreshToken), authserver.InvalidGrant)
	if s.active(last.AccessToken) {
		t.Error("an access token outlives its grant")
	}
}

func TestTheOrderOfTheFlowIsLoginEntitlementConsent(t *testing.T) {
	s := newFixture(t)
	i := s.begin(photoPrint())
	if p := s.next(i, nil); p.Step != authserver.StepLogin {
		t.Errorf("who has not logged in stands at step %d", p.Step)
	}
	if p := s.next(i, s.alice()); p.Step != authserver.StepRefused {
		t.Errorf("an owner who is not entitled stands at step %d", p.Step)
	}
	if p := s.next(i, s.bob()); p.Step != authserver.StepConsent {
		t.Errorf("an entitled owner stands at step %d", p.Step)
	}
}

func TestAlwaysIsRememberedForTheseScopesOnly(t *testing.T) {
	s := newFixture(t)
	bob := s.bob()
	r := bookShelf()
	r.Scopes = []string{"photos.read"}
	s.allow(r, bob, true)
	if p := s.next(s.begin(r), bob); p.Step != authserver.StepIssue {
		t.Errorf("after always, the same request stands at step %d", p.Step)
	}
	more := bookShelf()
	if p := s.next(s.begin(more), bob); p.Step != authserver.StepConsent {
		t.Errorf("a wider request stands at step %d", p.Step)
	}
	again := r
	again.Prompt.Consent = true
	if p := s.next(s.begin(again), bob); p.Step != authserver.StepConsent {
		t.Errorf("with prompt=consent the request stands at step %d", p.Step)
	}
	s.allow(more, bob, true)
	if p := s.next(s.begin(r), bob); p.Step != authserver.StepIssue {
		t.Errorf("a wider always narrowed the earlier one: step %d", p.Step)
	}
}

func TestAPublicClientIsNeverRemembered(t *testing.T) {
	s := newFixture(t)
	bob := s.bob()
	r := request(authtest.Desktop, "http://127.0.0.1:51234/callback")
	s.allow(r, bob, true)
	if p := s.next(s.begin(r), bob); p.Step != authserver.StepConsent || p.Rememberable {
		t.Errorf("after always the request stands at step %d, rememberable %v", p.Step, p.Rememberable)
	}
}

func TestPromptNoneShowsNothing(t *testing.T) {
	s := newFixture(t)
	r := photoPrint()
	r.Prompt.None = true
	_, err := s.Auth.Next(t.Context(), s.begin(r), nil)
	wantCode(t, err, authserver.LoginRequired)
	_, err = s.Auth.Next(t.Context(), s.begin(r), s.alice())
	wantCode(t, err, authserver.AccessDenied)
	bob := s.bob()
	_, err = s.Auth.Next(t.Context(), s.begin(r), bob)
	wantCode(t, err, authserver.ConsentRequired)
	s.allow(photoPrint(), bob, true)
	if p := s.next(s.begin(r), bob); p.Step != authserver.StepIssue {
		t.Errorf("after always the request stands at step %d", p.Step)
	}
}

func TestPromptLoginAsksForTheLoginAgain(t *testing.T) {
	s := newFixture(t)
	before := s.bob()
	s.Clock.Advance(time.Second)
	r := photoPrint()
	r.Prompt.Login = true
	i := s.begin(r)
	if p := s.next(i, before); p.Step != authserver.StepLogin {
		t.Errorf("with an older login the request stands at step %d", p.Step)
	}
	if p := s.next(i, s.bob()); p.Step != authserver.StepConsent {
		t.Errorf("after a new login the request stands at step %d", p.Step)
	}
}

func TestASessionEndsWithItsTimeItsSignOutAndItsOwner(t *testing.T) {
	s := newFixture(t)
	login := func() string {
		l, err := s.Auth.Login(t.Context(), authserver.Credentials{Username: authtest.Bob, Password: authtest.BobPassword})
		if err != nil {
			t.Fatal(err)
		}
		return l.Session
	}
	visitor := func(token string) *authserver.Visitor {
		v, err := s.Auth.Visitor(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	expired := login()
	s.Clock.Advance(12 * time.Hour)
	if visitor(expired) != nil {
		t.Error("a session outlives its time")
	}
	signedOut := login()
	if err := s.Auth.SignOut(t.Context(), visitor(signedOut)); err != nil {
		t.Fatal(err)
	}
	if visitor(signedOut) != nil {
		t.Error("a session outlives its sign-out")
	}
	removed := login()
	s.Directory.Remove(authtest.Bob)
	if visitor(removed) != nil {
		t.Error("a session outlives its owner's place in the directory")
	}
}

func TestN61WhatIsTypedAsAUserNameIsLoggedOnlyIfItIsOne(t *testing.T) {
	s := newFixture(t)
	for _, name := range []string{authtest.BobPassword, authtest.Bob} {
		_, err := s.Auth.Login(t.Context(), authserver.Credentials{Username: name, Password: "wrong", Address: "192.0.2.1"})
		wantCode(t, err, authserver.WrongPassword)
	}
	var owners []string
	for _, e := range s.Audit.Events(authserver.EventLoginFailed) {
		owners = append(owners, e.Owner)
	}
	if len(owners) != 2 || owners[0] != "" || owners[1] != authtest.Bob {
		t.Errorf("the audit log has %q", owners)
	}
}

func TestTheOperatorLearnsWhyARequestWasRefused(t *testing.T) {
	s := newFixture(t)
	elsewhere := photoPrint()
	elsewhere.Callback = "https://evil.example/"
	_, err := s.Auth.Authorize(t.Context(), elsewhere)
	wantCode(t, err, authserver.InvalidCallback)
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Accepted = false })
	_, err = s.Auth.Authorize(t.Context(), photoPrint())
	wantCode(t, err, authserver.UnknownClient)
	if events := s.Audit.Events(authserver.EventRequestRefused); len(events) != 2 || events[0].Reason == events[1].Reason {
		t.Errorf("the audit log has %+v", events)
	}
}
