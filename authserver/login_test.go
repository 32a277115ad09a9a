// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"crypto/rand"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// typed are ways in which a keyboard writes Bob's name.
var typed = []string{"bob", "bob ", " bob", "bob\u00a0", "\u3000bob", "bob\u200b", "\ufeffbob", "\u200ebob\u200f", "\tbob\r\n"}

func TestN138TheRightPasswordLogsInWhateverTheKeyboardAddedToTheName(t *testing.T) {
	s := newFixture(t)
	for _, name := range typed {
		if v := s.login(name, authtest.BobPassword); v.Owner.Name != authtest.Bob {
			t.Errorf("%+q logs in as %s", name, v.Owner.Name)
		}
	}
	for _, e := range s.Audit.Events(authserver.EventLoginSucceeded) {
		if e.Owner != authtest.Bob {
			t.Errorf("the audit log has %+q", e.Owner)
		}
	}
}

func TestN138ANameInNFDAndNFCIsOneName(t *testing.T) {
	s := newFixture(t)
	s.Directory.Put(authserver.Owner{Name: "Zo\u00eb", Subject: authtest.SubjectOf("zoe")}, "x")
	for _, name := range []string{"Zo\u00eb", "Zoe\u0308", "Zoe\u0308\u00a0"} {
		if v := s.login(name, "x"); v.Owner.Name != "Zo\u00eb" {
			t.Errorf("%+q logs in as %+q", name, v.Owner.Name)
		}
	}
}

func TestN138ANameInAnotherCaseAndAPasswordWithABlankAreWrong(t *testing.T) {
	s := newFixture(t)
	for _, c := range []authserver.Credentials{
		{Username: "Bob", Password: authtest.BobPassword},
		{Username: authtest.Bob, Password: authtest.BobPassword + " "},
		{Username: authtest.Bob, Password: " " + authtest.BobPassword},
		{Username: "\u00a0\u200b ", Password: authtest.BobPassword},
	} {
		_, err := s.Auth.Login(t.Context(), c)
		wantCode(t, err, authserver.WrongPassword)
	}
}

// Guesses at one name are counted together, however it is spelled: five are free.
func TestN60GuessesAtANameInManySpellingsAreCountedTogether(t *testing.T) {
	s := newFixture(t)
	for _, name := range typed[:5] {
		_, err := s.Auth.Login(t.Context(), authserver.Credentials{Username: name, Password: "wrong", Address: "192.0.2.1"})
		wantCode(t, err, authserver.WrongPassword)
	}
	for _, name := range typed[5:] {
		_, err := s.Auth.Login(t.Context(), authserver.Credentials{Username: name, Password: "wrong", Address: "192.0.2.1"})
		wantCode(t, err, authserver.TooManyAttempts)
	}
	for _, e := range append(s.Audit.Events(authserver.EventLoginFailed), s.Audit.Events(authserver.EventLoginThrottled)...) {
		if e.Owner != authtest.Bob {
			t.Errorf("the audit log has %+q", e.Owner)
		}
	}
}

// Directories take names that differ in letter case for one: each spelling with guesses of its own would be too many.
func TestN202TheDirectoryIsAskedOnlyAsOftenAsTheThrottleAllows(t *testing.T) {
	s := newFixture(t)
	guess := func(n int) authserver.Credentials {
		return authserver.Credentials{Username: []string{"bob", "Bob", "bOb", "boB"}[n%4], Password: "wrong", Address: "192.0.2.1"}
	}
	for n := range 5 {
		_, err := s.Auth.Login(t.Context(), guess(n))
		wantCode(t, err, authserver.WrongPassword)
	}
	asked := s.Directory.Asked()
	for n := range 20 {
		_, err := s.Auth.Login(t.Context(), guess(n))
		wantCode(t, err, authserver.TooManyAttempts)
	}
	if asked != 5 || s.Directory.Asked() != asked {
		t.Errorf("the directory was asked %d times, and %d times after that", asked, s.Directory.Asked()-asked)
	}
}

func TestN202ADeviceCookieOfSomebodyWhoWasRenamedIsOfNoUse(t *testing.T) {
	s := newFixture(t)
	login, err := s.Auth.Login(t.Context(), authserver.Credentials{Username: authtest.Bob, Password: authtest.BobPassword})
	if err != nil {
		t.Fatal(err)
	}
	wrong := authserver.Credentials{Username: authtest.Bob, Password: "wrong", Address: "192.0.2.1"}
	for range 6 {
		_, err = s.Auth.Login(t.Context(), wrong)
	}
	wantCode(t, err, authserver.TooManyAttempts)
	known := authserver.Credentials{Username: authtest.Bob, Password: "wrong", Address: "192.0.2.1", Device: login.Device}
	_, err = s.Auth.Login(t.Context(), known)
	wantCode(t, err, authserver.WrongPassword) // it waits for nobody
	renamed := login.Owner
	renamed.Name = "robert"
	s.Directory.Remove(authtest.Bob)
	s.Directory.Put(renamed, authtest.BobPassword)
	s.Directory.Put(authserver.Owner{Name: authtest.Bob, Subject: authtest.SubjectOf("another bob")}, "x")
	_, err = s.Auth.Login(t.Context(), known)
	wantCode(t, err, authserver.TooManyAttempts)
}

func TestEachNameComesFromTheConfiguredSource(t *testing.T) {
	env := newFixture(t)
	asked := 0
	env.Auth.SetNewID(func() string { asked++; return rand.Text() })
	env.Visit(t, authtest.Bob, authtest.BobPassword)
	if asked != 2 { // the session and the device
		t.Errorf("a login asked for %d names, want 2", asked)
	}
	env.requestToken(authtest.PhotoBookCallback)
	if asked != 3 {
		t.Errorf("a request token asked for %d names, want 1", asked-2)
	}
}
