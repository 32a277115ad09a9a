// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// half logs Bob in as far as his password goes.
func (s *fixture) half(forInteraction string) string {
	s.t.Helper()
	l, err := s.Auth.Login(s.t.Context(), authserver.Credentials{Username: authtest.Bob, Password: authtest.BobPassword, For: forInteraction})
	if err != nil {
		s.t.Fatal(err)
	}
	if l.Half == "" || l.Session != "" || l.Device != "" {
		s.t.Fatalf("with an app, the password alone gave %+v", l)
	}
	return l.Half
}

// answer ends a login with a code.
func (s *fixture) answer(half, code string) (authserver.Login, error) {
	return s.Auth.ProveFactor(s.t.Context(), authserver.FactorAnswer{Half: half, Code: code})
}

func (s *fixture) visitor(session string) *authserver.Visitor {
	s.t.Helper()
	v, err := s.Auth.Visitor(s.t.Context(), session)
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

func (s *fixture) code(app authtest.App) string {
	return authtest.TOTP(s.t, app.Secret, s.Clock.Now())
}

func wrongCode(right string) string {
	n, _ := strconv.Atoi(right)
	return strconv.Itoa((n+1)%1000000 + 1000000)[1:]
}

// RFC 6238 appendix B, the last six digits. The helper of the tests computes codes by itself.
func TestCodesAreThoseOfRFC6238(t *testing.T) {
	for unix, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got := authserver.TOTPCode([]byte("12345678901234567890"), time.Unix(unix, 0)); got != want {
			t.Errorf("the code at %d is %s, want %s", unix, got, want)
		}
		if got := authtest.TOTP(t, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", time.Unix(unix, 0)); got != want {
			t.Errorf("the helper's code at %d is %s, want %s", unix, got, want)
		}
	}
}

func TestALoginWithAnAppNeedsPasswordAndCode(t *testing.T) {
	s := newFixture(t)
	app := s.Enrol(t, authtest.Bob, authtest.BobPassword)
	for _, typed := range []func(string) string{
		func(code string) string { return code },
		func(code string) string { return " " + code[:3] + " " + code[3:] + "\u200b" },
	} {
		l, err := s.answer(s.half(""), typed(s.code(app)))
		if err != nil {
			t.Fatal(err)
		}
		v := s.visitor(l.Session)
		if v == nil || v.Owner.Name != authtest.Bob || !v.Session.TwoFactors() || !v.Session.AuthenticatedAt.Equal(s.Clock.Now()) || l.Device == "" {
			t.Errorf("the login gave %+v and %+v", l, v)
		}
		if want := []string{"pwd", "otp", "mfa"}; !slices.Equal(v.Session.Methods, want) {
			t.Errorf("amr is %v, want %v", v.Session.Methods, want)
		}
		s.Clock.Advance(time.Minute)
	}
	if v := s.login(authtest.Alice, authtest.AlicePassword); v.Session.TwoFactors() || !slices.Equal(v.Session.Methods, []string{"pwd"}) {
		t.Errorf("Alice has no app, and amr is %v", v.Session.Methods)
	}
}

func TestAClockMayBeOneStepOff(t *testing.T) {
	s := newFixture(t)
	app := s.Enrol(t, authtest.Bob, authtest.BobPassword)
	for off, right := range map[time.Duration]bool{-60 * time.Second: false, 60 * time.Second: false, -30 * time.Second: true, 30 * time.Second: true} {
		_, err := s.answer(s.half(""), authtest.TOTP(t, app.Secret, s.Clock.Now().Add(off)))
		if (err == nil) != right {
			t.Errorf("a code of %s from now: %v", off, err)
		}
		s.Clock.Advance(5 * time.Minute)
	}
}

func TestN265ATimeStepIsTakenOnceAndNoneBeforeIt(t *testing.T) {
	s := newFixture(t)
	app := s.Enrol(t, authtest.Bob, authtest.BobPassword)
	before := authtest.TOTP(t, app.Secret, s.Clock.Now().Add(-30*time.Second))
	if _, err := s.answer(s.half(""), s.code(app)); err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{s.code(app), before} {
		_, err := s.answer(s.half(""), code)
		wantCode(t, err, authserver.WrongCode)
	}
}

func TestN265TheCodeThatAddedTheAppDoesNotLogIn(t *testing.T) {
	s := newFixture(t)
	v := s.login(authtest.Bob, authtest.BobPassword)
	begun, err := s.Auth.BeginTOTP(t.Context(), v, "auth.example")
	if err != nil {
		t.Fatal(err)
	}
	code := authtest.TOTP(t, begun.Secret, s.Clock.Now())
	if _, err := s.Auth.AddTOTP(t.Context(), v, begun.Ticket, code, ""); err != nil {
		t.Fatal(err)
	}
	_, err = s.answer(s.half(""), code)
	wantCode(t, err, authserver.WrongCode)
}

func TestN265OfParallelUsesOnTwoReplicasOneSucceeds(t *testing.T) {
	s := newFixture(t)
	app := s.Enrol(t, authtest.Bob, authtest.BobPassword)
	replicas, half := []*authserver.Server{s.Auth, s.Replica(t)}, s.half("")
	for name, code := range map[string]string{"app": s.code(app), "N267 recovery": app.RecoveryCodes[3]} {
		var group sync.WaitGroup
		var mu sync.Mutex
		succeeded := 0
		for n := range 8 {
			group.Go(func() {
				_, err := replicas[n%2].ProveFactor(t.Context(), authserver.FactorAnswer{Half: half, Code: code})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					succeeded++
				} else if !errors.Is(err, authserver.WrongCode) && !errors.Is(err, authserver.TooManyAttempts) {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		group.Wait()
		if succeeded != 1 {
			t.Errorf("%s: %d of 8 succeeded, want one", name, succeeded)
		}
	}
}

func TestN266GuessesOfCodesAreCountedTogetherWhereverTheyComeFrom(t *testing.T) {
	s := newFixture(t)
	app := s.Enrol(t, authtest.Bob, authtest.BobPassword)
	known, err := s.answer(s.half(""), s.code(app))
	if err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(time.Minute)
	for n := range 5 {
		guess := []string{wrongCode(s.code(app)), "aaaaa-aaaaa"}[n%2]
		_, err := s.answer(s.half(""), guess)
		wantCode(t, err, authserver.WrongCode)
	}
	_, err = s.answer(s.half(""), s.code(app))
	wantCode(t, err, authserver.TooManyAttempts)
	_, err = s.answer(s.half(""), app.RecoveryCodes[0])
	wantCode(t, err, authserver.TooManyAttempts)

	// The browser in which Bob has logged in before waits for nobody.
	_, err = s.Auth.ProveFactor(t.Context(), authserver.FactorAnswer{Half: s.half(""), Code: s.code(app), Device: known.Device})
	if err != nil {
		t.Errorf("a known browser is kept out: %v", err)
	}
	if len(s.Audit.Events(authserver.EventFactorFailed)) != 5 || len(s.Audit.Events(authserver.EventLoginThrottled)) != 2 {
		t.Error("the audit log does not have each guess")
	}
}

func TestN267ARecoveryCodeWorksOnce(t *testing.T) {
	s := newFixture(t)
	app := s.Enrol(t, authtest.Bob, authtest.BobPassword)
	if len(app.RecoveryCodes) != 10 || len(slices.Compact(slices.Sorted(slices.Values(app.RecoveryCodes)))) != 10 {
		t.Fatalf("the recovery codes are %v", app.RecoveryCodes)
	}
	l, err := s.answer(s.half(""), strings.ToUpper(strings.ReplaceAll(app.RecoveryCodes[0], "-", " ")))
	if err != nil {
		t.Fatal(err)
	}
	if v := s.visitor(l.Session); !v.Session.TwoFactors() {
		t.Error("a recovery code is no second factor")
	}
	_, err = s.answer(s.half(""), app.RecoveryCodes[0])
	wantCode(t, err, authserver.WrongCode)
	if _, err := s.answer(s.half(""), app.RecoveryCodes[9]); err != nil {
		t.Errorf("another code: %v", err)
	}
	fresh, err := s.renew(s.visitor(l.Session))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.answer(s.half(""), app.RecoveryCodes[1])
	wantCode(t, err, authserver.WrongCode)
	if _, err := s.answer(s.half(""), fresh[1]); err != nil {
		t.Errorf("a new code: %v", err)
	}
}

func TestN267ACodeOfSomebodyElseIsWrong(t *testing.T) {
	s := newFixture(t)
	bob, alice := s.Enrol(t, authtest.Bob, authtest.BobPassword), s.Enrol(t, authtest.Alice, authtest.AlicePassword)
	for _, code := range []string{s.code(alice), alice.RecoveryCodes[0]} {
		_, err := s.answer(s.half(""), code)
		wantCode(t, err, authserver.WrongCode)
	}
	if _, err := s.answer(s.half(""), s.code(bob)); err != nil {
		t.Error(err)
	}
}

func TestN268FactorsAreChangedInANewLoginAlone(t *testing.T) {
	s := newFixture(t)
	v := s.login(authtest.Bob, authtest.BobPassword)
	begun, err := s.Auth.BeginTOTP(t.Context(), v, "auth.example")
	if err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(authserver.RecentLogin)
	_, err = s.Auth.BeginTOTP(t.Context(), v, "auth.example")
	wantCode(t, err, authserver.LoginTooOld)
	_, err = s.Auth.AddTOTP(t.Context(), v, begun.Ticket, authtest.TOTP(t, begun.Secret, s.Clock.Now()), "")
	wantCode(t, err, authserver.LoginTooOld)

	app := s.Enrol(t, authtest.Bob, authtest.BobPassword)
	enrolled := s.visitor(app.Login.Session)
	s.Clock.Advance(authserver.RecentLogin)
	s.unchangeable(enrolled)
}

// unchangeable checks that a visitor may change none of their factors.
func (s *fixture) unchangeable(v *authserver.Visitor) {
	s.t.Helper()
	before, err := s.Auth.Factors(s.t.Context(), v)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range before {
		wantCode(s.t, s.Auth.RemoveFactor(s.t.Context(), v, idOf(f)), authserver.LoginTooOld)
	}
	_, err = s.renew(v)
	wantCode(s.t, err, authserver.LoginTooOld)
	_, err = s.Auth.BeginTOTP(s.t.Context(), v, "auth.example")
	wantCode(s.t, err, authserver.LoginTooOld)
	after, err := s.Auth.Factors(s.t.Context(), v)
	if err != nil || !cmp.Equal(before, after) {
		s.t.Errorf("the factors are %v and were %v: %v", after, before, err)
	}
}

// A session of somebody who found the password, from before the person had a factor, changes none.
func TestN268ALoginWithoutTheFactorDoesNotChangeFactors(t *testing.T) {
	s := newFixture(t)
	s.Enrol(t, authtest.Bob, authtest.BobPassword)
	owner, err := s.Directory.Lookup(t.Context(), authtest.Bob)
	if err != nil {
		t.Fatal(err)
	}
	v := &authserver.Visitor{Owner: owner, Session: authserver.Session{Owner: owner.Subject, AuthenticatedAt: s.Clock.Now(), Methods: []string{"pwd"}}}
	s.unchangeable(v)
}

func TestN268NobodyRemovesTheFactorOfSomebodyElse(t *testing.T) {
	s := newFixture(t)
	bob := s.Enrol(t, authtest.Bob, authtest.BobPassword)
	mine, err := s.Auth.Factors(t.Context(), s.visitor(bob.Login.Session))
	if err != nil {
		t.Fatal(err)
	}
	alice := s.Enrol(t, authtest.Alice, authtest.AlicePassword)
	for _, f := range mine {
		if err := s.Auth.RemoveFactor(t.Context(), s.visitor(alice.Login.Session), idOf(f)); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.answer(s.half(""), s.code(bob)); err != nil {
		t.Errorf("Bob's app is gone: %v", err)
	}
}

func TestWithTheLastFactorTheRecoveryCodesGo(t *testing.T) {
	s := newFixture(t)
	v := s.visitor(s.Enrol(t, authtest.Bob, authtest.BobPassword).Login.Session)
	factors, err := s.Auth.Factors(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	app := slices.IndexFunc(factors, func(f authserver.Factor) bool { return f.Kind == authserver.FactorTOTP })
	if err := s.Auth.RemoveFactor(t.Context(), v, idOf(factors[app])); err != nil {
		t.Fatal(err)
	}
	if left, err := s.Auth.Factors(t.Context(), v); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	s.login(authtest.Bob, authtest.BobPassword)
}

func TestN269HalfALoginOpensNothingAndEndsSoon(t *testing.T) {
	s := newFixture(t)
	app := s.Enrol(t, authtest.Bob, authtest.BobPassword)
	if v := s.visitor(s.half("")); v != nil {
		t.Error("half a login is a session")
	}
	for name, half := range map[string]string{
		"none": "", "changed": s.half("") + "A", "cut": s.half("")[1:], "of an interaction": s.half("i-1"), "a device": app.Login.Session,
	} {
		_, err := s.answer(half, s.code(app))
		if !errors.Is(err, authserver.InteractionOfOtherLogin) {
			t.Errorf("%s: %v", name, err)
		}
	}
	old := s.half("")
	s.Clock.Advance(authserver.HalfLoginLifetime)
	if _, err := s.answer(old, s.code(app)); !errors.Is(err, authserver.InteractionOfOtherLogin) {
		t.Errorf("after its time: %v", err)
	}
	before := s.half("")
	owner, err := s.Directory.Lookup(t.Context(), authtest.Bob)
	if err != nil {
		t.Fatal(err)
	}
	s.Directory.Put(owner, "another password")
	if _, err := s.answer(before, s.code(app)); !errors.Is(err, authserver.InteractionOfOtherLogin) {
		t.Errorf("after the password was changed: %v", err)
	}
	s.Directory.Put(owner, authtest.BobPassword)
	gone := s.half("")
	s.Directory.Remove(authtest.Bob)
	if _, err := s.answer(gone, s.code(app)); !errors.Is(err, authserver.InteractionOfOtherLogin) {
		t.Errorf("after the person has gone: %v", err)
	}
}

func TestN270TheFirstFactorEndsEveryOtherSession(t *testing.T) {
	s := newFixture(t)
	stolen, err := s.Auth.Login(t.Context(), authserver.Credentials{Username: authtest.Bob, Password: authtest.BobPassword})
	if err != nil {
		t.Fatal(err)
	}
	app := s.Enrol(t, authtest.Bob, authtest.BobPassword)
	if s.visitor(stolen.Session) != nil {
		t.Error("a session from before the factor lasts")
	}
	v := s.visitor(app.Login.Session)
	if v == nil || !v.Session.TwoFactors() || !v.Session.AuthenticatedAt.Equal(authtest.Start) {
		t.Errorf("the login in which it was added is %+v", v)
	}
	open, err := s.Auth.Sessions(t.Context(), v)
	if err != nil || len(open) != 1 {
		t.Errorf("%d sessions are open: %v", len(open), err)
	}
}

func TestN271AnAppIsAddedByItsOwnPageAlone(t *testing.T) {
	s := newFixture(t)
	v, other := s.login(authtest.Bob, authtest.BobPassword), s.login(authtest.Bob, authtest.BobPassword)
	begin := func(v *authserver.Visitor) authserver.TOTPEnrolment {
		begun, err := s.Auth.BeginTOTP(t.Context(), v, "auth.example")
		if err != nil {
			t.Fatal(err)
		}
		return begun
	}
	mine, another, alice := begin(v), begin(other), begin(s.login(authtest.Alice, authtest.AlicePassword))
	code := func(e authserver.TOTPEnrolment) string { return authtest.TOTP(t, e.Secret, s.Clock.Now()) }
	for name, tc := range map[string]struct {
		ticket, code string
		want         authserver.Code
	}{
		"no ticket":                {"", code(mine), authserver.FactorRefused},
		"changed":                  {mine.Ticket + "A", code(mine), authserver.FactorRefused},
		"of another login":         {another.Ticket, code(another), authserver.FactorRefused},
		"of another person":        {alice.Ticket, code(alice), authserver.FactorRefused},
		"the code of another page": {mine.Ticket, code(another), authserver.WrongCode},
		"no code":                  {mine.Ticket, "", authserver.WrongCode},
	} {
		_, err := s.Auth.AddTOTP(t.Context(), v, tc.ticket, tc.code, "")
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	added, err := s.Auth.AddTOTP(t.Context(), v, mine.Ticket, code(mine), "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Auth.AddTOTP(t.Context(), s.visitor(added.Login.Session), mine.Ticket, code(mine), "")
	wantCode(t, err, authserver.FactorRefused) // it was of the session before
}

// The keys that sessions and cookies are sealed with rotate; an app that nobody used for a year still works.
func TestFactorsOutliveTheKeysOfTheSet(t *testing.T) {
	s := newFixture(t)
	app := s.Enrol(t, authtest.Bob, authtest.BobPassword)
	for range 6 {
		s.RotateKeys(t)
		s.Clock.Advance(60 * 24 * time.Hour)
	}
	if _, err := s.answer(s.half(""), s.code(app)); err != nil {
		t.Errorf("the app: %v", err)
	}
	if _, err := s.answer(s.half(""), app.RecoveryCodes[5]); err != nil {
		t.Errorf("a recovery code: %v", err)
	}
}

func TestWhileTheStoreIsGoneACodeIsNotUsedUp(t *testing.T) {
	s := newFixture(t)
	app := s.Enrol(t, authtest.Bob, authtest.BobPassword)
	half := s.half("")
	s.Store.Fail(authserver.ErrUnavailable)
	for range 10 {
		if _, err := s.answer(half, s.code(app)); !errors.Is(err, authserver.ErrUnavailable) {
			t.Errorf("the answer is %v", err)
		}
	}
	s.Store.Fail(nil)
	if _, err := s.answer(half, s.code(app)); err != nil {
		t.Error(err)
	}
}

func idOf(f authserver.Factor) string { return hex.EncodeToString(f.ID[:]) }

// N266: whoever knows the password collects cookies of known browsers before there is a factor. None of them guesses codes for itself.
func TestN266ABrowserThatKnowsThePasswordAloneIsNotKnown(t *testing.T) {
	s := newFixture(t)
	var before []string
	for range 6 {
		login, err := s.Auth.Login(t.Context(), authserver.Credentials{Username: authtest.Bob, Password: authtest.BobPassword})
		if err != nil {
			t.Fatal(err)
		}
		before = append(before, login.Device)
	}
	app := s.Enrol(t, authtest.Bob, authtest.BobPassword)
	s.Clock.Advance(time.Minute)
	for n, device := range before {
		_, err := s.Auth.ProveFactor(t.Context(), authserver.FactorAnswer{Half: s.half(""), Code: wrongCode(s.code(app)), Device: device})
		if want := []authserver.Code{authserver.WrongCode, authserver.TooManyAttempts}[n/5]; !errors.Is(err, want) {
			t.Errorf("guess %d: %v, want %v", n, err, want)
		}
	}
}
