// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// lease is how long a logout is leased here.
const lease = 2 * time.Minute

// logouts are promises about clients that are told when a session ends.
var logouts = []check{
	{"N243: a client is due once its session was ended, whatever ended it", func(t *testing.T, s authserver.Store) {
		for name, end := range map[string]func(authserver.Session) error{
			"sign-out":            func(l authserver.Session) error { return s.DeleteSession(t.Context(), l.Owner, l.Hash) },
			"sign-out everywhere": func(l authserver.Session) error { return s.DeleteSessions(t.Context(), l.Owner, authserver.Hash{}) },
			"all other sessions":  func(l authserver.Session) error { return s.DeleteSessions(t.Context(), l.Owner, newHash()) },
			"a changed password": func(l authserver.Session) error {
				return s.ConfirmPeople(t.Context(), []authserver.Confirmation{confirmed(l.Owner, func(c *authserver.Confirmation) { c.CredentialVersion = "second" })})
			},
			"a login with a changed password": func(l authserver.Session) error {
				changed := confirmed(l.Owner, func(c *authserver.Confirmation) { c.CredentialVersion = "third" })
				return s.CreateSession(t.Context(), authserver.Session{Hash: newHash(), Owner: l.Owner, AuthenticatedAt: noon, ExpiresAt: noon.Add(time.Hour), CredentialVersion: "third"}, changed)
			},
			"the end of a person": func(l authserver.Session) error {
				return s.ConfirmPeople(t.Context(), []authserver.Confirmation{confirmed(l.Owner, ended(noon))})
			},
			"too many sessions": func(l authserver.Session) error {
				for n := range authserver.MaxSessions {
					createSession(t, s, ofOwner(l.Owner), loggedInAt(noon.Add(time.Duration(n+1)*time.Second)))
				}
				return nil
			},
		} {
			t.Run(name, func(t *testing.T) {
				session := createSession(t, s, ofOwner("somebody who "+name))
				mine := tell(t, s, session, photoPrint)
				same(t, "before", claim(t, s, noon, lease), []authserver.Hash{})
				succeed(t, name, end(session))
				got, err := s.ClaimLogouts(t.Context(), noon, noon.Add(lease), nil, 10)
				succeed(t, "ClaimLogouts", err)
				same(t, "due", got, []authserver.DueLogout{{ID: mine, Owner: session.Owner, ClientUID: photoPrint, LeasedUntil: noon.Add(lease)}})
				succeed(t, "FinishLogout", s.FinishLogout(t.Context(), mine))
			})
		}
	}},
	{"all clients of a session are due, and none of another session", func(t *testing.T, s authserver.Store) {
		ends, stays, hers := createSession(t, s), createSession(t, s), createSession(t, s, ofOwner(alice))
		want := []authserver.Hash{tell(t, s, ends, photoPrint), tell(t, s, ends, photoAlbum)}
		tell(t, s, stays, photoPrint)
		tell(t, s, hers, photoPrint)
		succeed(t, "DeleteSession", s.DeleteSession(t.Context(), bob, ends.Hash))
		succeed(t, "DeleteSession", s.DeleteSession(t.Context(), bob, hers.Hash)) // which is not his
		same(t, "due", claim(t, s, noon, lease), sorted(want))
	}},
	{"a client with many grants in a session is told once", func(t *testing.T, s authserver.Store) {
		session := createSession(t, s)
		mine := tell(t, s, session, photoPrint)
		tell(t, s, session, photoPrint)
		succeed(t, "DeleteSession", s.DeleteSession(t.Context(), bob, session.Hash))
		same(t, "due", claim(t, s, noon, lease), []authserver.Hash{mine})
		same(t, "due", claim(t, s, noon, lease), []authserver.Hash{})
	}},
	{"a grant that is not told, and one that denies, add nothing", func(t *testing.T, s authserver.Store) {
		session := createSession(t, s)
		approve(t, s)
		denial := newGrant()
		denial.EndOf, denial.RevokedAt, denial.EndsAt = &session, denial.ApprovedAt, denial.ApprovedAt
		succeed(t, "Approve", s.Approve(t.Context(), denial, nil))
		succeed(t, "DeleteSession", s.DeleteSession(t.Context(), bob, session.Hash))
		same(t, "due", claim(t, s, noon, lease), []authserver.Hash{})
	}},
	{"an approval under a consent tells too, and an approval that is refused does not", func(t *testing.T, s authserver.Store) {
		session, c := createSession(t, s), consent(t, s, bob, photoPrint, noon, "photos.read")
		g := newGrant()
		g.EndOf = &session
		other := c
		other.GivenAt = noon.Add(time.Hour)
		failWith(t, "ApproveUnder", s.ApproveUnder(t.Context(), g, other), authserver.ErrStale)
		other = c
		succeed(t, "ApproveUnder", s.ApproveUnder(t.Context(), g, other))
		again := newGrant()
		again.ID, again.ClientUID, again.EndOf = g.ID, photoAlbum, &session
		failWith(t, "Approve", s.Approve(t.Context(), again, nil), authserver.ErrExists)
		succeed(t, "DeleteSession", s.DeleteSession(t.Context(), bob, session.Hash))
		same(t, "due", claim(t, s, noon, lease), []authserver.Hash{session.IDFor(g.ClientUID)})
	}},
	{"N243: a session in which more was proven lasts, and its clients are due when the last handle of it goes", func(t *testing.T, s authserver.Store) {
		first := createSession(t, s)
		mine := tell(t, s, first, photoPrint)
		raised := createSession(t, s, func(s *authserver.Session) { s.First = first.Hash })
		succeed(t, "DeleteSession", s.DeleteSession(t.Context(), bob, first.Hash))
		same(t, "due", claim(t, s, noon, lease), []authserver.Hash{})
		hers := tell(t, s, raised, photoAlbum)
		same(t, "what PhotoPrint calls it", raised.IDFor(photoPrint), mine)
		got, _, err := s.Session(t.Context(), raised.Hash)
		succeed(t, "Session", err)
		same(t, "session", got, raised)
		all, err := s.SessionsOf(t.Context(), bob, noon)
		succeed(t, "SessionsOf", err)
		same(t, "sessions", all, []authserver.Session{raised})
		succeed(t, "DeleteSessions", s.DeleteSessions(t.Context(), bob, authserver.Hash{}))
		same(t, "due", claim(t, s, noon, lease), sorted([]authserver.Hash{mine, hers}))
	}},
	{"nobody is told of a session that expires", func(t *testing.T, s authserver.Store) {
		session, other := createSession(t, s), createSession(t, s, loggedInAt(noon.Add(time.Hour)))
		tell(t, s, session, photoPrint)
		swept(t, s, session.ExpiresAt.Add(-tick), 100, 1) // the grant
		swept(t, s, session.ExpiresAt, 100, 2)            // the session and its client
		succeed(t, "DeleteSession", s.DeleteSession(t.Context(), bob, other.Hash))
		same(t, "due", claim(t, s, session.ExpiresAt, lease), []authserver.Hash{})
	}},
	{"nobody is told of a session that expires, however small the batches", func(t *testing.T, s authserver.Store) {
		session := createSession(t, s)
		tell(t, s, session, photoPrint)
		tell(t, s, session, photoAlbum)
		for range 6 {
			_, err := s.Sweep(t.Context(), session.ExpiresAt, 1)
			succeed(t, "Sweep", err)
			succeed(t, "DeleteSession", s.DeleteSession(t.Context(), bob, createSession(t, s, loggedInAt(noon.Add(time.Hour))).Hash))
		}
		same(t, "due", claim(t, s, session.ExpiresAt, lease), []authserver.Hash{})
	}},
	{"N243: who approves in a session that was ended at the same moment is told at once", func(t *testing.T, s authserver.Store) {
		session := createSession(t, s)
		succeed(t, "DeleteSession", s.DeleteSession(t.Context(), bob, session.Hash))
		mine := tell(t, s, session, photoPrint)
		same(t, "due", claim(t, s, noon, lease), []authserver.Hash{mine})
	}},
	{"N243: of approvals and sign-outs at the same moment, no client is forgotten", func(t *testing.T, s authserver.Store) {
		for range 20 {
			session := createSession(t, s)
			g := newGrant()
			g.EndOf = &session
			for i, err := range together(
				func() error { return s.Approve(t.Context(), g, nil) },
				func() error { return s.DeleteSession(t.Context(), bob, session.Hash) },
			) {
				if err != nil {
					t.Errorf("call %d: %v", i, err)
				}
			}
			same(t, "due", claim(t, s, noon, lease), []authserver.Hash{session.IDFor(g.ClientUID)})
		}
	}},
	{"of any number of callers one gets a logout, until the lease ends", func(t *testing.T, s authserver.Store) {
		var want []authserver.Hash
		session := createSession(t, s)
		for _, client := range []string{photoPrint, photoAlbum, "a", "b", "c", "d", "e"} {
			want = append(want, tell(t, s, session, client))
		}
		succeed(t, "DeleteSession", s.DeleteSession(t.Context(), bob, session.Hash))
		for _, now := range []time.Time{noon, noon.Add(lease)} {
			var mu sync.Mutex
			var got []authserver.Hash
			for i, err := range together(repeat(8, func() error {
				due, err := s.ClaimLogouts(t.Context(), now, now.Add(lease), nil, 3)
				mu.Lock()
				defer mu.Unlock()
				got = append(got, idsOf(due)...)
				return err
			})...) {
				if err != nil {
					t.Errorf("caller %d: %v", i, err)
				}
			}
			got = append(got, claim(t, s, now, lease)...) // one that waited for another may have got fewer
			same(t, "leased", sorted(got), sorted(want))
			same(t, "before the lease ends", claim(t, s, now.Add(lease-tick), lease), []authserver.Hash{})
		}
	}},
	{"a logout that failed is due again at its time, with its attempts", func(t *testing.T, s authserver.Store) {
		l := dueLogout(t, s)
		l.Attempts = 3
		succeed(t, "PostponeLogout", s.PostponeLogout(t.Context(), l, noon.Add(time.Hour)))
		same(t, "before", claim(t, s, noon.Add(time.Hour-tick), lease), []authserver.Hash{})
		got, err := s.ClaimLogouts(t.Context(), noon.Add(time.Hour), noon.Add(2*time.Hour), nil, 10)
		succeed(t, "ClaimLogouts", err)
		l.LeasedUntil = noon.Add(2 * time.Hour)
		same(t, "due", got, []authserver.DueLogout{l})
	}},
	{"whose lease has ended and was taken changes nothing for the other", func(t *testing.T, s authserver.Store) {
		l := dueLogout(t, s)
		same(t, "due", claim(t, s, noon.Add(lease), lease), []authserver.Hash{l.ID})
		succeed(t, "PostponeLogout", s.PostponeLogout(t.Context(), l, noon))
		same(t, "due", claim(t, s, noon.Add(lease), lease), []authserver.Hash{})
	}},
	{"a logout that is done is gone, whoever has the lease, and is not kept again for its session", func(t *testing.T, s authserver.Store) {
		l := dueLogout(t, s)
		succeed(t, "FinishLogout", s.FinishLogout(t.Context(), l.ID))
		succeed(t, "FinishLogout", s.FinishLogout(t.Context(), l.ID))
		succeed(t, "PostponeLogout", s.PostponeLogout(t.Context(), l, noon))
		same(t, "due", claim(t, s, noon.Add(24*time.Hour), lease), []authserver.Hash{})
	}},
	{"N243: a client is not forgotten while its session lasts", func(t *testing.T, s authserver.Store) {
		session := createSession(t, s)
		mine := tell(t, s, session, photoPrint)
		succeed(t, "FinishLogout", s.FinishLogout(t.Context(), mine))
		succeed(t, "DeleteSession", s.DeleteSession(t.Context(), bob, session.Hash))
		same(t, "due", claim(t, s, noon, lease), []authserver.Hash{mine})
	}},
	{"clients that are busy are passed over, the oldest of the others come first", func(t *testing.T, s authserver.Store) {
		session := createSession(t, s)
		slow, first, second := tell(t, s, session, "slow"), tell(t, s, session, photoPrint), tell(t, s, session, photoAlbum)
		succeed(t, "DeleteSession", s.DeleteSession(t.Context(), bob, session.Hash))
		due, err := s.ClaimLogouts(t.Context(), noon, noon.Add(lease), []string{"slow", "slower"}, 10)
		succeed(t, "ClaimLogouts", err)
		same(t, "due", sorted(idsOf(due)), sorted([]authserver.Hash{first, second}))
		for _, l := range due {
			at := noon.Add(time.Minute)
			if l.ID == second {
				at = noon.Add(time.Second)
			}
			succeed(t, "PostponeLogout", s.PostponeLogout(t.Context(), l, at))
		}
		for _, want := range [][]authserver.Hash{{slow}, {second}, {first}, {}} {
			due, err := s.ClaimLogouts(t.Context(), noon.Add(time.Hour), noon.Add(2*time.Hour), nil, 1)
			succeed(t, "ClaimLogouts", err)
			same(t, "due", idsOf(due), want)
		}
	}},
	{"a logout that nobody can deliver goes LogoutMemory after its session would have", func(t *testing.T, s authserver.Store) {
		session := createSession(t, s)
		tell(t, s, session, photoPrint)
		succeed(t, "DeleteSession", s.DeleteSession(t.Context(), bob, session.Hash))
		end := session.ExpiresAt.Add(authserver.LogoutMemory)
		swept(t, s, end.Add(-tick), 100, 1) // the grant
		swept(t, s, end, 100, 1)
		same(t, "due", claim(t, s, end, lease), []authserver.Hash{})
	}},
}

// tell keeps a grant of the session's owner to a client that is told when the session ends, and returns what the two are called.
func tell(t *testing.T, s authserver.Store, session authserver.Session, clientUID string) authserver.Hash {
	t.Helper()
	g := newGrant(by(session.Owner))
	g.ClientUID, g.EndOf = clientUID, &session
	succeed(t, "Approve", s.Approve(t.Context(), g, nil))
	g.EndOf = nil
	same(t, "grant", kept(t, s, g.ID), g)
	return session.IDFor(clientUID)
}

// dueLogout returns one that is leased from noon on.
func dueLogout(t *testing.T, s authserver.Store) authserver.DueLogout {
	t.Helper()
	session := createSession(t, s)
	tell(t, s, session, photoPrint)
	succeed(t, "DeleteSession", s.DeleteSession(t.Context(), bob, session.Hash))
	due, err := s.ClaimLogouts(t.Context(), noon, noon.Add(lease), nil, 10)
	succeed(t, "ClaimLogouts", err)
	if len(due) != 1 {
		t.Fatalf("%d logouts are due", len(due))
	}
	return due[0]
}

// claim leases everything that is due at a time and returns what.
func claim(t *testing.T, s authserver.Store, now time.Time, lease time.Duration) []authserver.Hash {
	t.Helper()
	due, err := s.ClaimLogouts(t.Context(), now, now.Add(lease), nil, 1000)
	succeed(t, "ClaimLogouts", err)
	return sorted(idsOf(due))
}

func idsOf(due []authserver.DueLogout) []authserver.Hash {
	ids := []authserver.Hash{}
	for _, l := range due {
		ids = append(ids, l.ID)
	}
	return ids
}

func sorted(ids []authserver.Hash) []authserver.Hash {
	slices.SortFunc(ids, func(a, b authserver.Hash) int { return slices.Compare(a[:], b[:]) })
	return ids
}
