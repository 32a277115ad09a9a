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
	{"the store answers a ping", func(t *testing.T, s authserver.Store) {
		succeed(t, "Ping", s.Ping(t.Context()))
	}},
}

// createSession keeps a session of Bob's from noon on.
func createSession(t *testing.T, s authserver.Store) authserver.Session {
	t.Helper()
	session := authserver.Session{Hash: newHash(), Owner: bob, AuthenticatedAt: noon, ExpiresAt: noon.Add(12 * time.Hour), CredentialVersion: "first"}
	succeed(t, "CreateSession", s.CreateSession(t.Context(), session, confirmed(bob)))
	return session
}
