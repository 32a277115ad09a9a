// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// partner logs somebody in at another server.
func (s *fixture) partner(login authserver.UpstreamLogin) (authserver.Login, error) {
	s.t.Helper()
	s.Upstreams.Answer("code", login)
	start, err := s.Auth.BeginUpstream(s.t.Context(), authserver.UpstreamChoice{Source: authtest.UpstreamSource, RedirectURI: "https://auth.example/login/callback/partner"})
	if err != nil {
		s.t.Fatal(err)
	}
	f, err := s.Auth.FinishUpstream(s.t.Context(), authserver.UpstreamReturn{
		Sealed: start.Sealed, State: start.State, Source: authtest.UpstreamSource, Code: "code", RedirectURI: "https://auth.example/login/callback/partner",
	})
	return f.Login, err
}

var carol = authtest.Partner("7", "carol")

// carolIn logs Carol in with a refresh token; empty: without.
func (s *fixture) carolIn(token string) authserver.Login {
	s.t.Helper()
	login, err := s.partner(authserver.UpstreamLogin{Owner: carol, RefreshToken: token})
	if err != nil {
		s.t.Fatal(err)
	}
	return login
}

func (s *fixture) isIn(login authserver.Login) bool {
	s.t.Helper()
	v, err := s.Auth.Visitor(s.t.Context(), login.Session)
	if err != nil {
		s.t.Fatal(err)
	}
	return v != nil
}

func (s *fixture) confirmPeople() {
	s.t.Helper()
	if err := errors.Join(s.Auth.ConfirmPeople(s.t.Context()), s.Auth.ConfirmUpstreamPeople(s.t.Context())); err != nil {
		s.t.Fatal(err)
	}
}

func (s *fixture) row(o authserver.Owner) authserver.Person {
	s.t.Helper()
	p, err := s.Store.Person(s.t.Context(), o.Subject)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func TestN256ARefreshTokenIsKeptOnlySealedAndOnlyForWhoIsThere(t *testing.T) {
	s := newFixture(t)
	s.carolIn("carols token")
	first := s.row(carol)
	if len(first.SealedRefreshToken) == 0 || bytes.Contains(first.SealedRefreshToken, []byte("carols token")) {
		t.Fatalf("the store keeps %q", first.SealedRefreshToken)
	}
	s.Upstreams.Confirm("carols token", authserver.UpstreamLogin{Owner: carol})
	s.Clock.Advance(31 * time.Minute)
	s.confirmPeople()
	if s.Upstreams.Refreshes() != 1 || !bytes.Equal(s.row(carol).SealedRefreshToken, first.SealedRefreshToken) {
		t.Error("a token that stays good is kept anew")
	}
	s.RotateKeys(t)
	s.Clock.Advance(31 * time.Minute)
	s.confirmPeople()
	if after := s.row(carol).SealedRefreshToken; len(after) == 0 || bytes.Equal(after[:4], first.SealedRefreshToken[:4]) {
		t.Error("the token is sealed with a key that ends")
	}
	s.Upstreams.Confirm("carols token", authserver.UpstreamLogin{Owner: authtest.Partner("8", "carol")}) // is somebody else
	s.Clock.Advance(31 * time.Minute)
	s.confirmPeople()
	if gone := s.row(carol); gone.EndedAt.IsZero() || gone.SealedRefreshToken != nil {
		t.Errorf("of somebody who is gone the store keeps %+v", gone)
	}
}

func TestN256ReplicasUseARefreshTokenOnce(t *testing.T) {
	s := newFixture(t)
	login := s.carolIn("first")
	s.Upstreams.Confirm("first", authserver.UpstreamLogin{Owner: carol, RefreshToken: "second"}) // which ends the first
	s.Clock.Advance(31 * time.Minute)
	replicas := []*authserver.Server{s.Auth, s.Replica(t), s.Replica(t)}
	var asking sync.WaitGroup
	for _, replica := range replicas {
		asking.Go(func() {
			if err := replica.ConfirmUpstreamPeople(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
	if s.Upstreams.Refreshes() != 1 || !s.isIn(login) {
		t.Errorf("%d refreshes, carol is in: %v", s.Upstreams.Refreshes(), s.isIn(login))
	}
	s.Upstreams.Confirm("second", authserver.UpstreamLogin{Owner: carol, RefreshToken: "third"})
	s.Clock.Advance(31 * time.Minute)
	s.confirmPeople()
	if s.Upstreams.Refreshes() != 2 || !s.isIn(login) {
		t.Errorf("%d refreshes, carol is in: %v", s.Upstreams.Refreshes(), s.isIn(login))
	}
}

func TestN257WhoIsDismissedThereIsOutHere(t *testing.T) {
	s := newFixture(t)
	login := s.carolIn("carols token")
	s.Upstreams.Confirm("carols token", authserver.UpstreamLogin{Owner: carol})
	s.Clock.Advance(29 * time.Minute)
	s.confirmPeople()
	if s.Upstreams.Refreshes() != 0 {
		t.Error("the source is asked before half of the hour is over")
	}
	s.Clock.Advance(time.Minute)
	promoted := carol
	promoted.Groups = []string{"admins"}
	s.Upstreams.Confirm("carols token", authserver.UpstreamLogin{Owner: promoted})
	s.confirmPeople()
	if p := s.row(carol); len(p.Groups) != 1 || !p.ConfirmedUntil.Equal(s.Clock.Now().Add(time.Hour)) {
		t.Errorf("after the confirmation: %+v", p)
	}
	s.Clock.Advance(30 * time.Minute)
	s.Upstreams.Confirm("carols token", authserver.UpstreamLogin{Owner: authtest.Partner("8", "eve")})
	s.confirmPeople()
	if s.isIn(login) || s.row(carol).EndedAt.IsZero() {
		t.Error("carol is still in")
	}
	if again := s.carolIn("another token"); !s.isIn(again) || !s.row(carol).EndedAt.IsZero() {
		t.Error("who comes back is not let in")
	}
}

func TestN257ASourceThatIsDownProlongsOnce(t *testing.T) {
	s := newFixture(t)
	login := s.carolIn("carols token")
	s.Upstreams.Fail(authserver.ErrUnavailable)
	for _, step := range []struct {
		after time.Duration
		in    bool
	}{{31 * time.Minute, true}, {time.Hour, true}, {28 * time.Minute, true}, {2 * time.Minute, false}} {
		s.Clock.Advance(step.after)
		s.confirmPeople()
		if s.isIn(login) != step.in {
			t.Fatalf("at %s carol is in: %v", s.Clock.Now().Sub(authtest.Start), !step.in)
		}
	}
	s.Upstreams.Fail(nil)
	s.Upstreams.Confirm("carols token", authserver.UpstreamLogin{Owner: carol})
	s.Clock.Advance(3 * time.Minute)
	s.confirmPeople()
	if !s.isIn(login) {
		t.Error("carol is not back with her source")
	}
}

func TestN257WithoutAWayToAskAConfirmationEndsAfterADay(t *testing.T) {
	s := newFixture(t)
	login := s.carolIn("")
	for _, step := range []struct {
		after time.Duration
		in    bool
	}{{11 * time.Hour, true}, {13*time.Hour - time.Minute, false}} { // the session itself is shorter than a day
		s.Clock.Advance(step.after)
		s.confirmPeople()
		if s.isIn(login) != step.in {
			t.Fatalf("at %s carol is in: %v", s.Clock.Now().Sub(authtest.Start), !step.in)
		}
	}
	p := s.row(carol)
	if !p.ConfirmedUntil.Equal(authtest.Start.Add(authserver.MaxConfirmationAge)) || !p.EndedAt.IsZero() {
		t.Errorf("%+v", p)
	}
	s.Clock.Advance(time.Hour)
	s.confirmPeople()
	if p = s.row(carol); !p.EndedAt.IsZero() {
		t.Error("who cannot be asked about counts as gone")
	}
}

func TestN255ANameIsNotGivenToTwoPeopleOfTwoSources(t *testing.T) {
	s := newFixture(t)
	s.login(authtest.Bob, authtest.BobPassword)
	if _, err := s.partner(authserver.UpstreamLogin{Owner: authtest.Partner("9", authtest.Bob)}); !errors.Is(err, authserver.UpstreamNameTaken) {
		t.Errorf("bob of the partner: %v", err)
	}
	if _, err := s.Store.Person(t.Context(), authtest.Partner("9", authtest.Bob).Subject); !errors.Is(err, authserver.ErrNotFound) {
		t.Errorf("there is a row: %v", err)
	}
	login := s.carolIn("carols token")
	// She becomes bob there.
	s.Upstreams.Confirm("carols token", authserver.UpstreamLogin{Owner: authtest.Partner("7", authtest.Bob)})
	s.Clock.Advance(31 * time.Minute)
	s.confirmPeople()
	if s.isIn(login) || s.row(carol).Name != "carol" {
		t.Error("carol has bob's name")
	}
	failed := s.Audit.Events(authserver.EventLoginFailed)
	if len(failed) != 1 || failed[0].Owner != authtest.Bob || failed[0].Reason == "" {
		t.Errorf("the audit log has %+v", failed)
	}
}

func TestN258TheSessionIsAsOldAsTheLoginThere(t *testing.T) {
	s := newFixture(t)
	for _, at := range []time.Time{authtest.Start.Add(-time.Hour), authtest.Start.Add(time.Hour), {}} {
		login, err := s.partner(authserver.UpstreamLogin{Owner: carol, AuthenticatedAt: at})
		if err != nil {
			t.Fatal(err)
		}
		v, err := s.Auth.Visitor(t.Context(), login.Session)
		want := at
		switch {
		case at.IsZero(): // then a request that asks for a new login is not answered by it
			want = authtest.Start.Add(-authserver.InteractionLifetime)
		case at.After(authtest.Start):
			want = authtest.Start
		}
		if err != nil || !v.Session.AuthenticatedAt.Equal(want) || !v.Session.ExpiresAt.Equal(authtest.Start.Add(12*time.Hour)) {
			t.Errorf("logged in there at %s: %+v, %v", at, v, err)
		}
	}
}

func TestWithoutSuchSourcesNothingBegins(t *testing.T) {
	s := newFixture(t)
	server, err := authserver.New(authserver.Config{
		Clients: s.Clients, Directory: s.Directory, Entitlement: s.Entitlement, Store: s.Store, Auditor: s.Audit, Now: s.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	server.UseKeys(s.Keys())
	if _, err := server.BeginUpstream(t.Context(), authserver.UpstreamChoice{Source: "x"}); !errors.Is(err, authserver.ErrNotFound) {
		t.Error(err)
	}
	if _, err := server.FinishUpstream(t.Context(), authserver.UpstreamReturn{}); err == nil {
		t.Error("an answer is taken")
	}
}

// N257: a refresh token may end although the person is still there. They are out until they log in, and nobody else gets their name.
func TestN257WhoseTokenIsRefusedIsOutUntilTheyLogIn(t *testing.T) {
	s := newFixture(t)
	login := s.carolIn("a short token")
	s.Upstreams.Fail(authserver.ErrTokenRefused)
	s.Clock.Advance(31 * time.Minute)
	s.confirmPeople()
	if p := s.row(carol); s.isIn(login) || !p.EndedAt.IsZero() || len(p.SealedRefreshToken) != 0 {
		t.Errorf("carol is in: %v, %+v", s.isIn(login), p)
	}
	s.Upstreams.Fail(nil)
	if again := s.carolIn("another token"); !s.isIn(again) {
		t.Error("who logs in is not let in")
	}
}

// N256: a server that rotates its tokens ends them all when it sees an old one.
func TestN256TheNextTokenIsKeptWhateverElseFails(t *testing.T) {
	s := newFixture(t)
	login := s.carolIn("first")
	s.Upstreams.Rotate("first", "second", authserver.ErrUnavailable)
	s.Clock.Advance(31 * time.Minute)
	s.confirmPeople()
	s.Upstreams.Confirm("second", authserver.UpstreamLogin{Owner: carol})
	s.Clock.Advance(time.Hour)
	s.confirmPeople()
	if p := s.row(carol); !s.isIn(login) || !p.ConfirmedAt.Equal(s.Clock.Now()) {
		t.Errorf("carol is in: %v, confirmed at %s", s.isIn(login), p.ConfirmedAt)
	}
}

// N256: people are read by the page. Who logged in since then is not asked about with the token of before.
func TestN256AnOldTokenIsNotUsedAfterANewLogin(t *testing.T) {
	s := newFixture(t)
	s.carolIn("first")
	s.Clock.Advance(31 * time.Minute)
	var again authserver.Login
	s.Upstreams.BeforeTurn(func() { again = s.carolIn("second") })
	s.confirmPeople()
	if s.Upstreams.Refreshes() != 0 || !s.isIn(again) {
		t.Errorf("%d refreshes, carol is in: %v", s.Upstreams.Refreshes(), s.isIn(again))
	}
}

// N255: names need not be unique at another server.
func TestN255ANameIsNotGivenToTwoPeopleOfOneSource(t *testing.T) {
	s := newFixture(t)
	first := s.carolIn("a token")
	if _, err := s.partner(authserver.UpstreamLogin{Owner: authtest.Partner("8", carol.Name)}); !errors.Is(err, authserver.UpstreamNameTaken) {
		t.Errorf("another account of the name is let in: %v", err)
	}
	if !s.isIn(first) {
		t.Error("carol is out")
	}
}

// People of another server have no factor here: what proves them is that server's, and it need not say how old a login there is.
func TestN268PeopleOfAnotherServerAddNoFactor(t *testing.T) {
	s := newFixture(t)
	v := s.visitor(s.carolIn("a token").Session)
	_, err := s.Auth.BeginTOTP(t.Context(), v, "auth.example")
	wantCode(t, err, authserver.FactorRefused)
	_, err = s.Auth.AddTOTP(t.Context(), v, "ticket", "000000", "")
	wantCode(t, err, authserver.FactorRefused)
}

// N257: a server that is slow keeps nobody waiting who does not log in there.
func TestN257ASlowServerKeepsOnlyItsOwnPeopleWaiting(t *testing.T) {
	s := newFixture(t)
	s.carolIn("carols token")
	bob, err := s.Auth.Login(t.Context(), authserver.Credentials{Username: authtest.Bob, Password: authtest.BobPassword})
	if err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(31 * time.Minute)
	asked, answer := make(chan struct{}), make(chan struct{})
	s.Upstreams.BeforeTurn(func() { close(asked); <-answer })
	done := make(chan error)
	go func() { done <- s.Auth.ConfirmUpstreamPeople(t.Context()) }()
	<-asked
	s.Directory.Remove(authtest.Bob)
	if err := s.Auth.ConfirmPeople(t.Context()); err != nil {
		t.Error(err)
	}
	if s.isIn(bob) {
		t.Error("somebody who was removed is in while another server is slow")
	}
	close(answer)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// overtaken is a store in which something happens right after somebody has read who has a name.
type overtaken struct {
	authserver.Store
	then func()
}

func (o *overtaken) PeopleNamed(ctx context.Context, name string) ([]authserver.Person, error) {
	people, err := o.Store.PeopleNamed(ctx, name)
	if then := o.then; then != nil {
		o.then = nil
		then()
	}
	return people, err
}

// N331: two people get one name in the same moment, and neither has seen the other. One of them is nobody.
func TestN331TwoPeopleWhoGetOneNameInOneMoment(t *testing.T) {
	s := newFixture(t)
	login := s.carolIn("first")
	store := &overtaken{Store: s.Store}
	replica, err := authserver.New(authserver.Config{
		Clients: s.Clients, Directory: s.Directory, Upstreams: s.Upstreams, Entitlement: s.Entitlement, Store: store, Auditor: s.Audit, Now: s.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	replica.UseKeys(s.Keys())
	renamed := carol
	renamed.Name = "zoe"
	s.Upstreams.Confirm("first", authserver.UpstreamLogin{Owner: renamed, RefreshToken: "second"})
	zoe := authtest.Partner("8", "zoe")
	store.then = func() {
		if _, err := s.partner(authserver.UpstreamLogin{Owner: zoe}); err != nil {
			t.Errorf("zoe cannot log in: %v", err)
		}
	}
	s.Clock.Advance(authserver.UpstreamRefreshedFor)
	if err := replica.ConfirmUpstreamPeople(t.Context()); err != nil {
		t.Fatal(err)
	}
	if before, other := s.row(carol), s.row(zoe); before.EndedAt.IsZero() || s.isIn(login) || !other.EndedAt.IsZero() {
		t.Errorf("the one who was renamed ended at %s and is called %s, the other ended at %s", before.EndedAt, before.Name, other.EndedAt)
	}
}
