// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

var sessions = []check{
	{"a session comes back as it was kept", func(t *testing.T, s authserver.Store) {
		want := createSession(t, s)
		got, _, err := s.Session(t.Context(), want.Hash)
		succeed(t, "Session", err)
		same(t, "session", got, want)
	}},
	{"a session keeps how its owner logged in, in all lists", func(t *testing.T, s authserver.Store) {
		want := createSession(t, s, func(s *authserver.Session) { s.Methods = []string{"pwd", "otp", "mfa"} })
		got, _, err := s.Session(t.Context(), want.Hash)
		succeed(t, "Session", err)
		same(t, "session", got, want)
		all, err := s.SessionsOf(t.Context(), bob, noon)
		succeed(t, "SessionsOf", err)
		same(t, "sessions", all, []authserver.Session{want})
	}},
	{"times are kept to the millisecond", func(t *testing.T, s authserver.Store) {
		zone := time.FixedZone("far east", 9*3600)
		session := authserver.Session{
			Hash: newHash(), Owner: bob,
			AuthenticatedAt: noon.Add(1_999_999).In(zone), ExpiresAt: noon.Add(time.Hour + 999_999).In(zone),
		}
		succeed(t, "CreateSession", s.CreateSession(t.Context(), session, confirmed(bob)))
		got, _, err := s.Session(t.Context(), session.Hash)
		succeed(t, "Session", err)
		session.AuthenticatedAt, session.ExpiresAt = noon.Add(tick), noon.Add(time.Hour)
		same(t, "session", got, session)
	}},
	{"with a confirmation that says nothing no person is written, and none comes to be", func(t *testing.T, s authserver.Store) {
		c := confirm(t, s, confirmed(bob, version("v1")))
		confirm(t, s, confirmed(bob, version("v1"), ended(noon)))
		for _, owner := range []string{bob, alice} {
			session := authserver.Session{Hash: newHash(), Owner: owner, AuthenticatedAt: noon, ExpiresAt: noon.Add(time.Hour), CredentialVersion: "v1"}
			succeed(t, "CreateSession", s.CreateSession(t.Context(), session, authserver.Confirmation{}))
			got, p, err := s.Session(t.Context(), session.Hash)
			succeed(t, "Session", err)
			same(t, "session", got, session)
			if owner == bob && (p.EndedAt.IsZero() || p.Name != c.Name) || owner == alice && p.Subject != "" {
				t.Errorf("the person is %+v", p)
			}
		}
		all, err := s.People(t.Context(), "", 10)
		succeed(t, "People", err)
		same(t, "people", len(all), 1)
	}},
	{"an absent session is ErrNotFound", func(t *testing.T, s authserver.Store) {
		createSession(t, s)
		_, _, err := s.Session(t.Context(), newHash())
		failWith(t, "Session", err, authserver.ErrNotFound)
	}},
	{"an expired session comes back: the caller looks at the clock", func(t *testing.T, s authserver.Store) {
		long := authserver.Session{Hash: newHash(), Owner: bob, AuthenticatedAt: time.UnixMilli(1).UTC(), ExpiresAt: time.UnixMilli(2).UTC()}
		succeed(t, "CreateSession", s.CreateSession(t.Context(), long, confirmed(bob)))
		got, _, err := s.Session(t.Context(), long.Hash)
		succeed(t, "Session", err)
		same(t, "session", got, long)
	}},
	{"a deleted session is ErrNotFound, the owner's others stay", func(t *testing.T, s authserver.Store) {
		gone, stays := createSession(t, s), createSession(t, s)
		succeed(t, "DeleteSession", s.DeleteSession(t.Context(), bob, gone.Hash))
		_, _, err := s.Session(t.Context(), gone.Hash)
		failWith(t, "Session", err, authserver.ErrNotFound)
		_, _, err = s.Session(t.Context(), stays.Hash)
		succeed(t, "Session", err)
	}},
	{"to delete a session that is not there is no error", func(t *testing.T, s authserver.Store) {
		succeed(t, "DeleteSession", s.DeleteSession(t.Context(), bob, newHash()))
	}},
	{"nobody deletes the session of another", func(t *testing.T, s authserver.Store) {
		session := createSession(t, s)
		succeed(t, "DeleteSession", s.DeleteSession(t.Context(), alice, session.Hash))
		succeed(t, "DeleteSessions", s.DeleteSessions(t.Context(), alice, authserver.Hash{}))
		_, _, err := s.Session(t.Context(), session.Hash)
		succeed(t, "Session", err)
	}},
	{"all sessions of an owner end but one, or all", func(t *testing.T, s authserver.Store) {
		stays, hers := createSession(t, s), createSession(t, s, ofOwner(alice))
		createSession(t, s)
		createSession(t, s)
		succeed(t, "DeleteSessions", s.DeleteSessions(t.Context(), bob, stays.Hash))
		same(t, "Bob's sessions", openSessions(t, s, bob, noon), []authserver.Hash{stays.Hash})
		succeed(t, "DeleteSessions", s.DeleteSessions(t.Context(), bob, authserver.Hash{}))
		same(t, "Bob's sessions", openSessions(t, s, bob, noon), []authserver.Hash{})
		same(t, "Alice's sessions", openSessions(t, s, alice, noon), []authserver.Hash{hers.Hash})
	}},
	{"an owner's sessions come newest first, until the moment they expire", func(t *testing.T, s authserver.Store) {
		second := createSession(t, s, loggedInAt(noon.Add(time.Hour)))
		first := createSession(t, s)
		third := createSession(t, s, loggedInAt(noon.Add(2*time.Hour)))
		createSession(t, s, ofOwner(alice))
		got, err := s.SessionsOf(t.Context(), bob, first.ExpiresAt.Add(-tick))
		succeed(t, "SessionsOf", err)
		same(t, "sessions", got, []authserver.Session{third, second, first})
		same(t, "after the first has expired", openSessions(t, s, bob, first.ExpiresAt), []authserver.Hash{third.Hash, second.Hash})
	}},
	{"the newest MaxSessions of an owner stay", func(t *testing.T, s authserver.Store) {
		hers := createSession(t, s, ofOwner(alice), loggedInAt(noon.Add(-time.Hour)))
		var hashes []authserver.Hash
		for n := range authserver.MaxSessions + 3 {
			hashes = append([]authserver.Hash{createSession(t, s, loggedInAt(noon.Add(time.Duration(n)*time.Second))).Hash}, hashes...)
		}
		same(t, "Bob's sessions", openSessions(t, s, bob, noon), hashes[:authserver.MaxSessions])
		same(t, "Alice's sessions", openSessions(t, s, alice, noon), []authserver.Hash{hers.Hash})
	}},
	{"a session that is created is there, however many others there are of its time", func(t *testing.T, s authserver.Store) {
		for range authserver.MaxSessions + 20 {
			session := createSession(t, s)
			_, _, err := s.Session(t.Context(), session.Hash)
			succeed(t, "Session", err)
		}
	}},
	{"the store answers a ping", func(t *testing.T, s authserver.Store) {
		succeed(t, "Ping", s.Ping(t.Context()))
	}},
}

// createSession keeps a session of Bob's from noon on, as edits change it.
func createSession(t *testing.T, s authserver.Store, edits ...func(*authserver.Session)) authserver.Session {
	t.Helper()
	session := authserver.Session{Hash: newHash(), Owner: bob, AuthenticatedAt: noon, ExpiresAt: noon.Add(12 * time.Hour), CredentialVersion: "first"}
	for _, edit := range edits {
		edit(&session)
	}
	succeed(t, "CreateSession", s.CreateSession(t.Context(), session, confirmed(session.Owner)))
	return session
}

func ofOwner(owner string) func(*authserver.Session) {
	return func(s *authserver.Session) { s.Owner = owner }
}

// loggedInAt moves the login and the end that is counted from it.
func loggedInAt(moment time.Time) func(*authserver.Session) {
	return func(s *authserver.Session) {
		s.AuthenticatedAt, s.ExpiresAt = moment, moment.Add(12*time.Hour)
	}
}

// openSessions returns the hashes of the owner's sessions that last.
func openSessions(t *testing.T, s authserver.Store, owner string, now time.Time) []authserver.Hash {
	t.Helper()
	sessions, err := s.SessionsOf(t.Context(), owner, now)
	succeed(t, "SessionsOf", err)
	hashes := make([]authserver.Hash, len(sessions))
	for i, session := range sessions {
		hashes[i] = session.Hash
	}
	return hashes
}
