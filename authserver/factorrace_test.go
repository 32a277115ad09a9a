// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// renew makes new recovery codes with a form of the visitor's.
func (s *fixture) renew(v *authserver.Visitor) ([]string, error) {
	s.t.Helper()
	ticket, err := s.Auth.BeginRecoveryCodes(v)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.Auth.RenewRecoveryCodes(s.t.Context(), v, ticket)
}

// latecomer is a store in which something happens right before a session is kept, or factors change.
type latecomer struct {
	authserver.Store
	session, factors func()
}

func (l *latecomer) CreateSession(ctx context.Context, s authserver.Session, c authserver.Confirmation) error {
	if l.session != nil {
		l.session()
	}
	return l.Store.CreateSession(ctx, s, c)
}

func (l *latecomer) ChangeFactors(ctx context.Context, owner string, remove []authserver.Hash, add []authserver.Factor) (int, error) {
	if meanwhile := l.factors; meanwhile != nil {
		l.factors = nil
		meanwhile()
	}
	return l.Store.ChangeFactors(ctx, owner, remove, add)
}

// over lets the engine work on a store in which things happen late.
func (s *fixture) over() *latecomer {
	s.t.Helper()
	l := &latecomer{Store: s.Store}
	server, err := authserver.New(authserver.Config{
		Clients: s.Clients, Directory: s.Directory, Upstreams: s.Upstreams, Entitlement: s.Entitlement, Store: l, Auditor: s.Audit, Now: s.Clock.Now,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	server.UseKeys(s.Keys())
	s.Auth = server
	return l
}

// What the source of a person says while they prove a second factor is what counts, not what was read a moment before.
func TestWhatTheSourceSaysMeanwhileIsNotOverwritten(t *testing.T) {
	for name, prove := range map[string]func(*fixture, authtest.App) (authserver.Login, error){
		"second step of a login": func(s *fixture, app authtest.App) (authserver.Login, error) { return s.answer(s.half(""), s.code(app)) },
		"second step in a session": func(s *fixture, app authtest.App) (authserver.Login, error) {
			v := s.visitor(app.Login.Session)
			v.Session.Methods = []string{"pwd"}
			return s.Auth.RaiseSession(s.t.Context(), v, s.code(app), "")
		},
	} {
		t.Run(name+", new groups", func(t *testing.T) {
			s := newFixture(t)
			s.Directory.Holds(time.Hour) // nobody asks in between
			app, l := s.Enrol(t, authtest.Bob, authtest.BobPassword), s.over()
			l.session = func() { s.say(func(p *authserver.Person) { p.Groups = []string{"new"} }) }
			login, err := prove(s, app)
			if err != nil {
				t.Fatal(err)
			}
			if v := s.visitor(login.Session); v == nil || !slices.Equal(v.Owner.Groups, []string{"new"}) {
				t.Errorf("the visitor is %+v", v)
			}
		})
		for what, change := range map[string]func(*fixture){
			"gone": func(s *fixture) { s.Directory.Remove(authtest.Bob) },
			"new password": func(s *fixture) {
				s.Directory.Holds(time.Hour)
				s.say(func(p *authserver.Person) { p.CredentialVersion = "another" })
			},
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				s := newFixture(t)
				app, l := s.Enrol(t, authtest.Bob, authtest.BobPassword), s.over()
				l.session = func() { change(s) }
				if _, err := prove(s, app); !errors.Is(err, authserver.InteractionOfOtherLogin) {
					t.Errorf("the error is %v", err)
				}
				if all, err := s.Store.SessionsOf(t.Context(), authtest.SubjectOf(authtest.Bob), s.Clock.Now()); err != nil || len(all) != 0 {
					t.Errorf("sessions are left: %+v, %v", all, err)
				}
			})
		}
	}
}

// say lets the source say something of Bob.
func (s *fixture) say(change func(*authserver.Person)) {
	s.t.Helper()
	p, err := s.Store.Person(s.t.Context(), authtest.SubjectOf(authtest.Bob))
	if err != nil {
		s.t.Fatal(err)
	}
	change(&p)
	if err := s.Store.ConfirmPeople(s.t.Context(), []authserver.Confirmation{{Person: p}}); err != nil {
		s.t.Fatal(err)
	}
}

// N267: codes that were made at the same moment are not all good.
func TestN267OfTwoSetsOfCodesMadeAtTheSameMomentOneCounts(t *testing.T) {
	s := newFixture(t)
	v := s.visitor(s.Enrol(t, authtest.Bob, authtest.BobPassword).Login.Session)
	replicas := []*authserver.Server{s.Auth, s.Replica(t), s.Auth, s.Replica(t)}
	sets := make([][]string, len(replicas))
	var group sync.WaitGroup
	for n, server := range replicas {
		ticket, err := s.Auth.BeginRecoveryCodes(v)
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			codes, err := server.RenewRecoveryCodes(t.Context(), v, ticket)
			if err != nil && !errors.Is(err, authserver.FactorRefused) && !errors.Is(err, authserver.TemporarilyUnavailable) {
				t.Error(err)
			}
			sets[n] = codes
		})
	}
	group.Wait()
	good := 0
	for _, codes := range sets {
		if codes == nil {
			continue
		}
		if _, err := s.answer(s.half(""), codes[0]); err == nil {
			good++
		}
	}
	if good != 1 {
		t.Errorf("%d sets of codes are good, want one", good)
	}
	factors, err := s.Auth.Factors(t.Context(), v)
	if err != nil || len(factors) != 1+9 {
		t.Errorf("%d factors are there, want the app and 9 codes: %v", len(factors), err)
	}
}

// The other request runs to its end between what this one reads and what it writes, so that neither sees the other's codes.
func TestN267CodesThatAreMadeInBetweenDoNotStayBeside(t *testing.T) {
	s := newFixture(t)
	v := s.visitor(s.Enrol(t, authtest.Bob, authtest.BobPassword).Login.Session)
	other, l := s.Auth, s.over()
	ticket, err := other.BeginRecoveryCodes(v)
	if err != nil {
		t.Fatal(err)
	}
	var theirs []string
	l.factors = func() {
		if theirs, err = other.RenewRecoveryCodes(t.Context(), v, ticket); err != nil {
			t.Error(err)
		}
	}
	ours, err := s.renew(v)
	if err != nil {
		t.Fatal(err)
	}
	good := 0
	for _, code := range []string{ours[0], theirs[0]} {
		if _, err := s.answer(s.half(""), code); err == nil {
			good++
		}
	}
	if good != 1 {
		t.Errorf("%d of the two sets are good, want one", good)
	}
}

func TestAFormThatIsSentTwiceShowsTheSameCodes(t *testing.T) {
	s := newFixture(t)
	v := s.login(authtest.Bob, authtest.BobPassword)
	begun, err := s.Auth.BeginTOTP(t.Context(), v, "auth.example")
	if err != nil {
		t.Fatal(err)
	}
	var added []authserver.Enrolled
	for range 2 { // both were on their way before the first one was answered
		e, err := s.Auth.AddTOTP(t.Context(), v, begun.Ticket, authtest.TOTP(t, begun.Secret, s.Clock.Now()), "phone")
		if err != nil {
			t.Fatal(err)
		}
		added = append(added, e)
		v.Session.Methods = []string{"pwd", "otp", "mfa"}
	}
	if len(added[0].RecoveryCodes) != 10 || !cmp.Equal(added[0].RecoveryCodes, added[1].RecoveryCodes) {
		t.Errorf("the codes are %v and then %v", added[0].RecoveryCodes, added[1].RecoveryCodes)
	}
	v = s.visitor(added[0].Login.Session)
	ticket, err := s.Auth.BeginRecoveryCodes(v)
	if err != nil {
		t.Fatal(err)
	}
	var shown [][]string
	for range 2 {
		codes, err := s.Auth.RenewRecoveryCodes(t.Context(), v, ticket)
		if err != nil {
			t.Fatal(err)
		}
		shown = append(shown, codes)
	}
	if len(shown[0]) != 10 || !cmp.Equal(shown[0], shown[1]) || cmp.Equal(shown[0], added[0].RecoveryCodes) {
		t.Errorf("the new codes are %v and then %v", shown[0], shown[1])
	}
	if got := len(s.Audit.Events(authserver.EventFactorAdded)); got != 2 {
		t.Errorf("%d additions are in the audit log, want an app and new codes", got)
	}
	_, err = s.Auth.RenewRecoveryCodes(t.Context(), v, begun.Ticket)
	wantCode(t, err, authserver.FactorRefused) // it is for an app
}

// The form of an older set of codes, sent again from a page that is still open, would bring back codes that were used.
func TestN340AnOlderFormBringsNoOlderRecoveryCodesBack(t *testing.T) {
	s := newFixture(t)
	v := s.login(authtest.Bob, authtest.BobPassword)
	begun, err := s.Auth.BeginTOTP(t.Context(), v, "auth.example")
	if err != nil {
		t.Fatal(err)
	}
	added, err := s.Auth.AddTOTP(t.Context(), v, begun.Ticket, authtest.TOTP(t, begun.Secret, s.Clock.Now()), "phone")
	if err != nil {
		t.Fatal(err)
	}
	v = s.visitor(added.Login.Session)
	older, err := s.Auth.BeginRecoveryCodes(v)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Auth.RenewRecoveryCodes(t.Context(), v, older); err != nil {
		t.Fatal(err)
	}
	newer, err := s.Auth.BeginRecoveryCodes(v)
	if err != nil {
		t.Fatal(err)
	}
	want, err := s.Auth.RenewRecoveryCodes(t.Context(), v, newer)
	if err != nil {
		t.Fatal(err)
	}
	before, err := s.Auth.Factors(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Auth.RenewRecoveryCodes(t.Context(), v, older)
	wantCode(t, err, authserver.FactorRefused)
	after, err := s.Auth.Factors(t.Context(), v)
	if err != nil || !cmp.Equal(before, after) {
		t.Errorf("the factors changed (%v): %s", err, cmp.Diff(before, after))
	}
	if got, err := s.Auth.RenewRecoveryCodes(t.Context(), v, newer); err != nil || !cmp.Equal(got, want) {
		t.Errorf("the newer form answers %v, %v", got, err)
	}
}
