// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

const ourBrowser = "the value of a cookie"

// page is a login page in our browser.
func (s *fixture) page() authserver.PasskeyPage {
	s.t.Helper()
	page, err := s.Auth.BeginPasskeyLogin(ourBrowser, "")
	if err != nil || page.Ticket == "" {
		s.t.Fatalf("the login page asks for no passkey: %v", err)
	}
	return page
}

// send answers a login page of our browser.
func (s *fixture) send(page authserver.PasskeyPage, answer string) (authserver.Login, error) {
	return s.Auth.LoginWithPasskey(s.t.Context(), authserver.PasskeyAnswer{Ticket: page.Ticket, Answer: answer, Browser: ourBrowser})
}

// shows logs in with what an authenticator shows.
func (s *fixture) shows(a *authtest.Authenticator) (authserver.Login, error) {
	page := s.page()
	return s.send(page, a.Get(s.t, page.Options))
}

// withPasskey gives Bob a passkey.
func (s *fixture) withPasskey() *authtest.Authenticator {
	s.t.Helper()
	a := authtest.NewAuthenticator(s.t)
	s.AddPasskey(s.t, authtest.Bob, authtest.BobPassword, a)
	return a
}

// refusedPasskey checks that somebody was refused and that nobody is in, and that the audit log says why.
func (s *fixture) refusedPasskey(err error, code authserver.Code, why string) {
	s.t.Helper()
	wantCode(s.t, err, code)
	events := s.Audit.Events("")
	if last := events[len(events)-1]; why != "" && !strings.Contains(last.Reason, why) {
		s.t.Errorf("the audit log ends with %+v, want %q", last, why)
	}
}

func TestAPasskeyAloneLogsIn(t *testing.T) {
	s := newFixture(t)
	a := s.withPasskey()
	login, err := s.shows(a)
	if err != nil {
		t.Fatal(err)
	}
	v := s.visitor(login.Session)
	if v.Owner.Name != authtest.Bob || !slices.Equal(v.Session.Methods, []string{"pop", "user", "mfa"}) || !v.Session.TwoFactors() || !v.MayHaveFactors() {
		t.Errorf("the session is %+v", v)
	}
	if login.Device == "" {
		t.Error("the browser is not known the next time")
	}
	factors, err := s.Auth.Factors(t.Context(), v)
	if err != nil || len(factors) != 11 || !slices.ContainsFunc(factors, func(f authserver.Factor) bool {
		return f.Kind == authserver.FactorPasskey && f.Name == "key" && f.UsedAt.Equal(s.Clock.Now()) && f.ID == sha256.Sum256(a.CredentialID)
	}) {
		t.Errorf("the factors are %+v: %v", factors, err)
	}
	if _, err := s.Auth.BeginTOTP(t.Context(), v, "auth.example"); err != nil {
		t.Errorf("a login with a passkey does not change factors: %v", err)
	}
}

func TestAPasskeyIsASecondStep(t *testing.T) {
	s := newFixture(t)
	a := s.withPasskey()
	half := s.half("i-1")
	steps, err := s.Auth.StepsOfHalf(t.Context(), half, "i-1")
	if err != nil || steps.App || steps.Passkey.Ticket == "" {
		t.Fatalf("the second steps are %+v: %v", steps, err)
	}
	answer := authserver.PasskeyAnswer{Ticket: steps.Passkey.Ticket, Answer: a.Get(t, steps.Passkey.Options), For: "i-1"}
	login, err := s.Auth.ProvePasskey(t.Context(), half, answer)
	if err != nil {
		t.Fatal(err)
	}
	if v := s.visitor(login.Session); !slices.Equal(v.Session.Methods, []string{"pwd", "pop", "user", "mfa"}) {
		t.Errorf("the session is %+v", v)
	}
	_, err = s.Auth.ProvePasskey(t.Context(), half, answer)
	s.refusedPasskey(err, authserver.PasskeyTooLate, "taken before")
}

func TestAPasskeyRaisesASession(t *testing.T) {
	s := newFixture(t)
	low := s.login(authtest.Bob, authtest.BobPassword)
	a := s.withPasskey()
	if err := s.Store.CreateSession(t.Context(), low.Session, authserver.Confirmation{}); err != nil {
		t.Fatal(err)
	}
	steps, err := s.Auth.StepsOf(t.Context(), low, "i-1")
	if err != nil {
		t.Fatal(err)
	}
	login, err := s.Auth.RaiseWithPasskey(t.Context(), low, authserver.PasskeyAnswer{Ticket: steps.Passkey.Ticket, Answer: a.Get(t, steps.Passkey.Options), For: "i-1"})
	if err != nil {
		t.Fatal(err)
	}
	if v := s.visitor(login.Session); !v.Session.TwoFactors() || !v.Session.AuthenticatedAt.Equal(low.Session.AuthenticatedAt) {
		t.Errorf("the session is %+v", v)
	}
}

// addsAnother shows the page that adds a passkey to Bob, who has logged in with the one that he has.
func (s *fixture) addsAnother() (*authtest.Authenticator, *authserver.Visitor, authserver.PasskeyPage) {
	s.t.Helper()
	a := s.withPasskey()
	login, err := s.shows(a)
	if err != nil {
		s.t.Fatal(err)
	}
	v := s.visitor(login.Session)
	page, err := s.Auth.BeginPasskey(s.t.Context(), v)
	if err != nil {
		s.t.Fatal(err)
	}
	return a, v, page
}

func TestTheOptionsDemandWhatTheDocsSay(t *testing.T) {
	s := newFixture(t)
	_, v, page := s.addsAnother()
	var creation struct {
		RP                     struct{ ID string }
		User                   struct{ ID, Name, DisplayName string }
		Attestation            string
		ExcludeCredentials     []struct{ ID string }
		AuthenticatorSelection struct{ ResidentKey, UserVerification string }
	}
	var request struct {
		RPID             string
		UserVerification string
		AllowCredentials []any
	}
	if err := json.Unmarshal([]byte(page.Options), &creation); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(s.page().Options), &request); err != nil {
		t.Fatal(err)
	}
	if creation.RP.ID != authtest.PasskeyRPID || creation.Attestation != "none" || creation.AuthenticatorSelection.ResidentKey != "required" ||
		creation.AuthenticatorSelection.UserVerification != "required" || len(creation.ExcludeCredentials) != 1 || creation.User.Name != authtest.Bob ||
		strings.Contains(creation.User.ID, v.Owner.Subject) {
		t.Errorf("a new passkey is asked for by %s", page.Options)
	}
	if request.RPID != authtest.PasskeyRPID || request.UserVerification != "required" || len(request.AllowCredentials) != 0 {
		t.Errorf("the login page asks by %s", s.page().Options)
	}
}

func TestSynchronizedPasskeysDoNotCount(t *testing.T) {
	s := newFixture(t)
	a := authtest.NewAuthenticator(t)
	a.Counter, a.BackupEligible, a.Format = 0, true, "packed"
	s.AddPasskey(t, authtest.Bob, authtest.BobPassword, a)
	for range 3 {
		if _, err := s.shows(a); err != nil {
			t.Fatal(err)
		}
	}
}

func TestN276APasskeyOfAnotherOriginOrRelyingPartyIsRefused(t *testing.T) {
	for name, change := range map[string]func(*authtest.Authenticator){
		"another site":       func(a *authtest.Authenticator) { a.Origin = "https://evil.example" },
		"a subdomain":        func(a *authtest.Authenticator) { a.Origin = "https://x.auth.example.com" },
		"another port":       func(a *authtest.Authenticator) { a.Origin = authtest.Issuer + ":8443" },
		"without TLS":        func(a *authtest.Authenticator) { a.Origin = "http://auth.example.com" },
		"other letter case":  func(a *authtest.Authenticator) { a.Origin = "https://Auth.example.com" },
		"in a frame":         func(a *authtest.Authenticator) { a.CrossOrigin = true },
		"the parent's RP ID": func(a *authtest.Authenticator) { a.RPID = "example.com" },
		"another RP ID":      func(a *authtest.Authenticator) { a.RPID = "evil.example" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			a := s.withPasskey()
			change(a)
			_, err := s.shows(a)
			s.refusedPasskey(err, authserver.WrongPasskey, "")

			other := authtest.NewAuthenticator(t)
			change(other)
			v := s.login(authtest.Alice, authtest.AlicePassword)
			page, err := s.Auth.BeginPasskey(t.Context(), v)
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Auth.AddPasskey(t.Context(), v, page.Ticket, other.Create(t, page.Options), "")
			s.refusedPasskey(err, authserver.WrongPasskey, "was not added")
		})
	}
}

func TestN277AChallengeIsGoodInItsBrowserForItsPurposeAndForItsTime(t *testing.T) {
	s := newFixture(t)
	a := s.withPasskey()
	page := s.page()
	answer := a.Get(t, page.Options)
	for name, other := range map[string]authserver.PasskeyAnswer{
		"another browser":  {Ticket: page.Ticket, Browser: "another"},
		"no browser":       {Ticket: page.Ticket},
		"an interaction":   {Ticket: page.Ticket, Browser: ourBrowser, For: "i-1"},
		"no page":          {Browser: ourBrowser},
		"a changed ticket": {Ticket: page.Ticket[:len(page.Ticket)-1], Browser: ourBrowser},
	} {
		t.Run(name, func(t *testing.T) {
			other.Answer = answer
			_, err := s.Auth.LoginWithPasskey(t.Context(), other)
			wantCode(t, err, authserver.PasskeyTooLate)
		})
	}
	_, err := s.send(s.page(), answer) // of another page
	s.refusedPasskey(err, authserver.WrongPasskey, "challenge")

	half := s.half("")
	steps, err := s.Auth.StepsOfHalf(t.Context(), half, "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Auth.ProvePasskey(t.Context(), half, authserver.PasskeyAnswer{Ticket: page.Ticket, Answer: answer})
	wantCode(t, err, authserver.PasskeyTooLate) // a page for whoever comes is no second step of Bob's
	_, err = s.send(steps.Passkey, a.Get(t, steps.Passkey.Options))
	wantCode(t, err, authserver.PasskeyTooLate) // nor is a second step a login
	_, err = s.Auth.ProvePasskey(t.Context(), s.half(""), authserver.PasskeyAnswer{Ticket: steps.Passkey.Ticket, Answer: a.Get(t, steps.Passkey.Options)})
	wantCode(t, err, authserver.PasskeyTooLate) // it is of another login

	s.Clock.Advance(authserver.PasskeyLifetime)
	_, err = s.send(page, answer)
	wantCode(t, err, authserver.PasskeyTooLate)
	if _, err := s.shows(a); err != nil {
		t.Errorf("after all of this: %v", err)
	}
}

func TestN278AnAnswerIsTakenOnceOnAnyReplica(t *testing.T) {
	for name, counter := range map[string]uint32{"counts": 1, "does not count": 0} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			a := authtest.NewAuthenticator(t)
			a.Counter = counter
			s.AddPasskey(t, authtest.Bob, authtest.BobPassword, a)
			page := s.page()
			answer := authserver.PasskeyAnswer{Ticket: page.Ticket, Answer: a.Get(t, page.Options), Browser: ourBrowser}
			replicas, done := []*authserver.Server{s.Auth, s.Replica(t)}, make(chan error, 8)
			for n := range cap(done) {
				go func() {
					_, err := replicas[n%2].LoginWithPasskey(t.Context(), answer)
					done <- err
				}()
			}
			succeeded := 0
			for range cap(done) {
				if err := <-done; err == nil {
					succeeded++
				} else {
					wantCode(t, err, authserver.PasskeyTooLate)
				}
			}
			if succeeded != 1 {
				t.Errorf("%d of 8 logged in, want one", succeeded)
			}
		})
	}
}

func TestN279APasskeyIsNobodyElses(t *testing.T) {
	s := newFixture(t)
	bob, alice := s.withPasskey(), authtest.NewAuthenticator(t)
	s.AddPasskey(t, authtest.Alice, authtest.AlicePassword, alice)

	confused := *alice // says that it is Bob's
	confused.Handle = bob.Handle
	_, err := s.shows(&confused)
	s.refusedPasskey(err, authserver.WrongPasskey, "a passkey: ")
	stolen := *alice // has Bob's credential ID, and its own key
	stolen.CredentialID = bob.CredentialID
	_, err = s.shows(&stolen)
	s.refusedPasskey(err, authserver.WrongPasskey, "a passkey: ")
	silent := *bob // does not say whose it is
	silent.Handle = nil
	_, err = s.shows(&silent)
	s.refusedPasskey(err, authserver.WrongPasskey, "whose passkey")
	_, err = s.shows(authtest.NewAuthenticator(t))
	s.refusedPasskey(err, authserver.WrongPasskey, "not known here")

	half := s.half("")
	steps, err := s.Auth.StepsOfHalf(t.Context(), half, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []*authtest.Authenticator{alice, &stolen} {
		_, err = s.Auth.ProvePasskey(t.Context(), half, authserver.PasskeyAnswer{Ticket: steps.Passkey.Ticket, Answer: a.Get(t, steps.Passkey.Options)})
		s.refusedPasskey(err, authserver.WrongPasskey, "a passkey: ")
	}

	again := authtest.NewAuthenticator(t) // whoever knows the ID of Bob's passkey does not get it for Alice
	again.CredentialID = bob.CredentialID
	login, err := s.shows(alice)
	if err != nil {
		t.Fatal(err)
	}
	v := s.visitor(login.Session)
	page, err := s.Auth.BeginPasskey(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Auth.AddPasskey(t.Context(), v, page.Ticket, again.Create(t, page.Options), "")
	wantCode(t, err, authserver.FactorRefused)
	if login, err := s.shows(bob); err != nil || login.Owner.Name != authtest.Bob {
		t.Errorf("Bob's passkey logs in %s: %v", login.Owner.Name, err)
	}
}

func TestN280NobodyLogsInWithAnAuthenticatorThatDidNotVerifyThem(t *testing.T) {
	for name, change := range map[string]func(*authtest.Authenticator){
		"not verified": func(a *authtest.Authenticator) { a.Unverified = true },
		"nobody there": func(a *authtest.Authenticator) { a.Untouched = true },
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			a := s.withPasskey()
			change(a)
			_, err := s.shows(a)
			s.refusedPasskey(err, authserver.WrongPasskey, "")
			half := s.half("")
			steps, err := s.Auth.StepsOfHalf(t.Context(), half, "")
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Auth.ProvePasskey(t.Context(), half, authserver.PasskeyAnswer{Ticket: steps.Passkey.Ticket, Answer: a.Get(t, steps.Passkey.Options)})
			s.refusedPasskey(err, authserver.WrongPasskey, "")

			v, fresh := s.login(authtest.Alice, authtest.AlicePassword), authtest.NewAuthenticator(t)
			change(fresh)
			page, err := s.Auth.BeginPasskey(t.Context(), v)
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Auth.AddPasskey(t.Context(), v, page.Ticket, fresh.Create(t, page.Options), "")
			s.refusedPasskey(err, authserver.WrongPasskey, "was not added")
		})
	}
}

func TestN281APasskeyThatCountsBackwardsIsRefused(t *testing.T) {
	for _, says := range []uint32{0, 40, 41} {
		s := newFixture(t)
		a := s.withPasskey()
		a.Counter = 41
		if _, err := s.shows(a); err != nil {
			t.Fatal(err)
		}
		a.Counter = says
		_, err := s.shows(a)
		s.refusedPasskey(err, authserver.PasskeyCopied, "counts backwards, from 41")
		a.Counter = 42
		if _, err := s.shows(a); err != nil {
			t.Errorf("the one that counts on: %v", err)
		}
	}
}

func TestN282PasskeysAreAddedAndRemovedInANewLoginAlone(t *testing.T) {
	s := newFixture(t)
	a, v, page := s.addsAnother()
	answer := authtest.NewAuthenticator(t).Create(t, page.Options)
	low := *v
	low.Session.Methods = []string{"pwd"}
	elsewhere := *v
	elsewhere.Session.Methods = nil // of another server
	other := *v
	other.Session.Hash = authserver.Hash{1}
	alice := s.login(authtest.Alice, authtest.AlicePassword)
	for name, row := range map[string]struct {
		visitor *authserver.Visitor
		code    authserver.Code
	}{
		"with the password alone": {&low, authserver.LoginTooOld}, "from another server": {&elsewhere, authserver.FactorRefused},
		"in another session": {&other, authserver.FactorRefused}, "for somebody else": {alice, authserver.FactorRefused},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Auth.AddPasskey(t.Context(), row.visitor, page.Ticket, answer, "")
			wantCode(t, err, row.code)
		})
	}
	factors, err := s.Auth.Factors(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(authserver.RecentLogin)
	_, err = s.Auth.AddPasskey(t.Context(), v, page.Ticket, answer, "")
	wantCode(t, err, authserver.LoginTooOld)
	for _, f := range factors {
		wantCode(t, s.Auth.RemoveFactor(t.Context(), v, idOf(f)), authserver.LoginTooOld)
	}
	if now, err := s.Auth.Factors(t.Context(), v); err != nil || !cmp.Equal(now, factors) {
		t.Errorf("the factors are %v and were %v: %v", now, factors, err)
	}
	login, err := s.shows(a)
	if err != nil {
		t.Fatal(err)
	}
	v = s.visitor(login.Session)
	for _, f := range factors {
		if f.Kind == authserver.FactorPasskey {
			if err := s.Auth.RemoveFactor(t.Context(), v, idOf(f)); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, err = s.shows(a)
	s.refusedPasskey(err, authserver.WrongPasskey, "not known here")
	s.login(authtest.Bob, authtest.BobPassword) // with the last factor the second step goes
}

func TestN282OneFormAddsOnePasskeyAndTenAreEnough(t *testing.T) {
	s := newFixture(t)
	login := *s.AddPasskey(t, authtest.Bob, authtest.BobPassword, authtest.NewAuthenticator(t)).Login
	v := s.visitor(login.Session)
	page, err := s.Auth.BeginPasskey(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	first := authtest.NewAuthenticator(t).Create(t, page.Options)
	for range 2 { // a double click
		if _, err := s.Auth.AddPasskey(t.Context(), v, page.Ticket, first, ""); err != nil {
			t.Fatal(err)
		}
	}
	_, err = s.Auth.AddPasskey(t.Context(), v, page.Ticket, authtest.NewAuthenticator(t).Create(t, page.Options), "")
	wantCode(t, err, authserver.FactorRefused)
	for n := 2; n < authserver.MaxPasskeys; n++ {
		if page, err = s.Auth.BeginPasskey(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		if _, err = s.Auth.AddPasskey(t.Context(), v, page.Ticket, authtest.NewAuthenticator(t).Create(t, page.Options), ""); err != nil {
			t.Fatal(err)
		}
	}
	_, err = s.Auth.BeginPasskey(t.Context(), v)
	wantCode(t, err, authserver.FactorRefused)
}

func TestN283WhoIsGoneDoesNotLogInWithAPasskey(t *testing.T) {
	s := newFixture(t)
	a := s.withPasskey()
	changed := s.Directory.Changed
	s.Directory.Changed = nil // nobody has heard of it yet
	s.Directory.Remove(authtest.Bob)
	_, err := s.shows(a)
	s.refusedPasskey(err, authserver.WrongPasskey, "does not know this owner")
	if sessions, err := s.Store.SessionsOf(t.Context(), authtest.SubjectOf(authtest.Bob), s.Clock.Now()); err != nil || len(sessions) != 0 {
		t.Errorf("sessions are open: %v, %v", sessions, err)
	}
	s.Directory.Changed = changed
	_, err = s.shows(a)
	s.refusedPasskey(err, authserver.WrongPasskey, "does not know this owner")
}

func TestN283GuessersOfPasskeysWaitAndTheirOwnersDoNot(t *testing.T) {
	s := newFixture(t)
	a := s.withPasskey()
	forged := authtest.NewAuthenticator(t)
	forged.CredentialID, forged.Handle = a.CredentialID, a.Handle
	from := func(a *authtest.Authenticator, address, device string) error {
		page := s.page()
		_, err := s.Auth.LoginWithPasskey(t.Context(), authserver.PasskeyAnswer{
			Ticket: page.Ticket, Answer: a.Get(t, page.Options), Browser: ourBrowser, Address: address, Device: device,
		})
		return err
	}
	login, err := s.shows(a)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		wantCode(t, from(forged, "192.0.2.1", ""), authserver.WrongPasskey)
	}
	wantCode(t, from(forged, "192.0.2.1", ""), authserver.TooManyAttempts)
	if err := from(a, "192.0.2.2", ""); err != nil {
		t.Errorf("from another address: %v", err)
	}
	if err := from(a, "192.0.2.1", login.Device); err != nil {
		t.Errorf("in a known browser: %v", err)
	}
}

// N283: IDs that somebody makes up are one for each address. They make the throttle forget nothing, and keep no passkey out.
func TestN283MadeUpPasskeysMakeTheThrottleForgetNothing(t *testing.T) {
	s := newFixture(t)
	a := s.withPasskey()
	half := s.half("")
	guess := func() error {
		_, err := s.Auth.ProveFactor(t.Context(), authserver.FactorAnswer{Half: half, Code: "000000"})
		return err
	}
	for range 5 {
		wantCode(t, guess(), authserver.WrongCode)
	}
	wantCode(t, guess(), authserver.TooManyAttempts)

	page := s.page()
	answer, id := a.Get(t, page.Options), base64.RawURLEncoding.EncodeToString(a.CredentialID)
	const address = "192.0.2.1"
	for n := range 15_000 { // the throttle remembers 20,000 counters
		other := make([]byte, len(a.CredentialID))
		binary.BigEndian.PutUint64(other, uint64(n))
		_, err := s.Auth.LoginWithPasskey(t.Context(), authserver.PasskeyAnswer{
			Ticket: page.Ticket, Answer: strings.ReplaceAll(answer, id, base64.RawURLEncoding.EncodeToString(other)), Browser: ourBrowser, Address: address,
		})
		want := authserver.TooManyAttempts
		if n < 5 {
			want = authserver.WrongPasskey
		}
		if !errors.Is(err, want) {
			t.Fatalf("ID %d that somebody made up: %v, want %s", n, err, want)
		}
	}
	wantCode(t, guess(), authserver.TooManyAttempts)
	if _, err := s.Auth.LoginWithPasskey(t.Context(), authserver.PasskeyAnswer{Ticket: page.Ticket, Answer: answer, Browser: ourBrowser, Address: address}); err != nil {
		t.Errorf("a passkey that somebody has, from the same address: %v", err)
	}
}

// N283: what is no answer of an authenticator is no attempt: nobody fills the audit log with it.
func TestN283WhatIsNoAnswerOfAPasskeyIsNotInTheAuditLog(t *testing.T) {
	s := newFixture(t)
	a := s.withPasskey()
	page, before := s.page(), len(s.Audit.Events(""))
	for _, answer := range []string{"", "{}", "null", "\x00", a.Get(t, page.Options)[1:], strings.Repeat("x", authserver.MaxPasskeyAnswer+1)} {
		_, err := s.send(page, answer)
		wantCode(t, err, authserver.WrongPasskey)
	}
	if events := s.Audit.Events(""); len(events) != before {
		t.Errorf("the audit log has %+v", events[before:])
	}
	_, err := s.shows(authtest.NewAuthenticator(t)) // what is one is an attempt
	s.refusedPasskey(err, authserver.WrongPasskey, "not known here")
}

func TestAStoreThatIsAwayUsesNoPasskeyUp(t *testing.T) {
	s := newFixture(t)
	a := s.withPasskey()
	page := s.page()
	answer := a.Get(t, page.Options)
	s.Store.Fail(authserver.ErrUnavailable)
	for range 7 {
		if _, err := s.send(page, answer); err == nil {
			t.Fatal("somebody is in without a store")
		}
	}
	s.Store.Fail(nil)
	if _, err := s.send(page, answer); err != nil {
		t.Error(err)
	}
}

func TestAServerWithoutPasskeysAsksForNone(t *testing.T) {
	s := newFixture(t)
	s.over() // an engine without them
	page, err := s.Auth.BeginPasskeyLogin(ourBrowser, "")
	if err != nil || page != (authserver.PasskeyPage{}) || s.Auth.HasPasskeys() {
		t.Errorf("the page is %+v: %v", page, err)
	}
	_, err = s.send(authserver.PasskeyPage{Ticket: "x"}, "{}")
	wantCode(t, err, authserver.PasskeyTooLate)
	_, err = s.Auth.BeginPasskey(t.Context(), s.login(authtest.Bob, authtest.BobPassword))
	wantCode(t, err, authserver.FactorRefused)
}
