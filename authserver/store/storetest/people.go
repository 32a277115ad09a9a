// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

var people = []check{
	{"a person comes back as confirmed, alone and with a session", func(t *testing.T, s authserver.Store) {
		session := createSession(t, s)
		want := confirm(t, s, confirmed(bob, until(noon.Add(time.Hour)))).Person
		same(t, "person", person(t, s, bob), want)
		_, got, err := s.Session(t.Context(), session.Hash)
		succeed(t, "Session", err)
		same(t, "person of the session", got, want)
	}},
	{"a grant and its owner come in one read, with what the use of a token asks for", func(t *testing.T, s authserver.Store) {
		for _, want := range []authserver.Grant{approve(t, s), approveAndRedeem(t, s), revoke(t, s, approveAndRedeem(t, s))} {
			for _, c := range []authserver.Confirmation{confirmed(bob), confirmed(bob, ended(noon)), confirmed(bob, until(noon.Add(time.Hour)))} {
				confirm(t, s, c)
				g, p, err := s.OwnedGrant(t.Context(), want.ID)
				succeed(t, "OwnedGrant", err)
				same(t, "grant", g, inUse(want))
				same(t, "owner", p, ownerInUse(c))
			}
		}
	}},
	{"a person may have no group, name to show, mail address and version", func(t *testing.T, s authserver.Store) {
		want := confirm(t, s, confirmed(bob, func(c *authserver.Confirmation) {
			c.DisplayName, c.Email, c.Groups, c.CredentialVersion = "", "", nil, ""
		})).Person
		same(t, "person", person(t, s, bob), want)
	}},
	{"an absent person is ErrNotFound, and nobody beside a session and a grant", func(t *testing.T, s authserver.Store) {
		session, g := createSession(t, s, ofOwner(alice)), approve(t, s)
		_, err := s.Person(t.Context(), bob)
		failWith(t, "Person", err, authserver.ErrNotFound)
		_, got, err := s.OwnedGrant(t.Context(), g.ID)
		succeed(t, "OwnedGrant", err)
		same(t, "person of the grant", got, authserver.Person{})
		_, got, err = s.Session(t.Context(), session.Hash)
		succeed(t, "Session", err)
		same(t, "person of Alice's session", got.Subject, alice)
		_, _, err = s.OwnedGrant(t.Context(), newGrant().ID)
		failWith(t, "OwnedGrant of none", err, authserver.ErrNotFound)
	}},
	{"a confirmation that says nothing new is not written", func(t *testing.T, s authserver.Store) {
		first := confirm(t, s, confirmed(bob, until(noon.Add(time.Hour)))).Person
		confirm(t, s, confirmed(bob, at(noon.Add(29*time.Minute)), until(noon.Add(89*time.Minute))))
		same(t, "person", person(t, s, bob), first)
		forever := confirm(t, s, confirmed(alice)).Person
		confirm(t, s, confirmed(alice, at(noon.AddDate(1, 0, 0))))
		same(t, "person without an end", person(t, s, alice), forever)
	}},
	{"a confirmation is written halfway through, when it is shorter, and when it has or loses an end", func(t *testing.T, s authserver.Store) {
		confirm(t, s, confirmed(bob, until(noon.Add(time.Hour))))
		for _, next := range []authserver.Confirmation{
			confirmed(bob, at(noon.Add(30*time.Minute)), until(noon.Add(90*time.Minute))),
			confirmed(bob, at(noon.Add(30*time.Minute)), until(noon.Add(150*time.Minute))), // once more for as long
			confirmed(bob, at(noon.Add(31*time.Minute)), until(noon.Add(36*time.Minute))),
			confirmed(bob, at(noon.Add(32*time.Minute))),
			confirmed(bob, at(noon.Add(33*time.Minute)), until(noon.Add(93*time.Minute))),
		} {
			confirm(t, s, next)
			same(t, "person", person(t, s, bob), next.Person)
		}
	}},
	{"whatever else is new is written", func(t *testing.T, s authserver.Store) {
		confirm(t, s, confirmed(bob))
		for n, edit := range []func(*authserver.Confirmation){
			func(c *authserver.Confirmation) { c.Source = "ldap" },
			func(c *authserver.Confirmation) { c.SourceID = "1002" },
			func(c *authserver.Confirmation) { c.Name = "robert" },
			func(c *authserver.Confirmation) { c.DisplayName = "Robert" },
			func(c *authserver.Confirmation) { c.Email = "" },
			func(c *authserver.Confirmation) { c.Groups = []string{"photo club", "family"} },
			func(c *authserver.Confirmation) { c.Groups = nil },
			func(c *authserver.Confirmation) { c.CredentialVersion = "second" },
			func(c *authserver.Confirmation) { c.SealedRefreshToken = []byte{0, 1, 255} },
			func(c *authserver.Confirmation) { c.SealedRefreshToken = []byte{0, 2, 255} },
			func(c *authserver.Confirmation) { c.SealedRefreshToken = nil },
		} {
			next := confirmed(bob, at(noon.Add(time.Duration(n+1)*time.Minute)), edit)
			confirm(t, s, next)
			same(t, "person", person(t, s, bob), next.Person)
		}
	}},
	{"a sealed refresh token comes back, and what the caller does with it afterwards changes nothing", func(t *testing.T, s authserver.Store) {
		session := createSession(t, s)
		c := confirm(t, s, confirmed(bob, func(c *authserver.Confirmation) { c.SealedRefreshToken = []byte{0, 1, 255} }))
		c.SealedRefreshToken[1] = 9
		_, got, err := s.Session(t.Context(), session.Hash)
		succeed(t, "Session", err)
		same(t, "token of the session's person", got.SealedRefreshToken, []byte{0, 1, 255})
		same(t, "token", person(t, s, bob).SealedRefreshToken, []byte{0, 1, 255})
		all, err := s.People(t.Context(), "", 10)
		succeed(t, "People", err)
		same(t, "token in the list", all[0].SealedRefreshToken, []byte{0, 1, 255})
	}},
	{"people are found by their name until they end", func(t *testing.T, s authserver.Store) {
		named := func(name string) (subjects []string) {
			t.Helper()
			found, err := s.PeopleNamed(t.Context(), name)
			succeed(t, "PeopleNamed", err)
			for _, p := range found {
				subjects = append(subjects, p.Subject)
			}
			return subjects
		}
		called := func(name string) func(*authserver.Confirmation) {
			return func(c *authserver.Confirmation) { c.Name = name }
		}
		same(t, "nobody", named("robert"), []string(nil))
		confirm(t, s, confirmed(bob, called("robert")))
		confirm(t, s, confirmed(alice, called("robert")))
		both := []string{alice, bob}
		slices.Sort(both)
		same(t, "both", named("robert"), both)
		same(t, "in other letters", named("Robert"), []string(nil))
		confirm(t, s, confirmed(alice, called("robert"), ended(noon)))
		same(t, "after one has ended", named("robert"), []string{bob})
		confirm(t, s, confirmed(bob, called("bert")))
		same(t, "after the other was renamed", named("robert"), []string(nil))
	}},
	{"a login keeps the session and the person, or neither", func(t *testing.T, s authserver.Store) {
		session := createSession(t, s)
		same(t, "person", person(t, s, bob), confirmed(bob).Person)
		renamed := confirmed(bob, at(noon.Add(time.Hour)), func(c *authserver.Confirmation) { c.Name = "robert" })
		failWith(t, "CreateSession", s.CreateSession(t.Context(), session, renamed), authserver.ErrExists)
		same(t, "person", person(t, s, bob), confirmed(bob).Person)
	}},
	{"what the caller changes afterwards is not kept", func(t *testing.T, s authserver.Store) {
		c := confirm(t, s, confirmed(bob))
		c.Groups[0] = "admins"
		same(t, "groups", person(t, s, bob).Groups, []string{"family", "photo club"})
	}},
	{"the end of a person ends their sessions and nothing else, and its first time stays", func(t *testing.T, s authserver.Store) {
		mine, hers, g := createSession(t, s), createSession(t, s, ofOwner(alice)), approveAndRedeem(t, s)
		end := noon.Add(time.Hour)
		confirm(t, s, confirmed(bob, ended(end)))
		confirm(t, s, confirmed(bob, ended(end.Add(time.Hour))))
		same(t, "ended at", person(t, s, bob).EndedAt, end)
		_, _, err := s.Session(t.Context(), mine.Hash)
		failWith(t, "Session", err, authserver.ErrNotFound)
		_, _, err = s.Session(t.Context(), hers.Hash)
		succeed(t, "Alice's session", err)
		same(t, "grant", kept(t, s, g.ID), g)
	}},
	{"a person who is back has not ended", func(t *testing.T, s authserver.Store) {
		confirm(t, s, confirmed(bob, ended(noon)))
		back := confirmed(bob, at(noon.Add(time.Hour)))
		confirm(t, s, back)
		same(t, "person", person(t, s, bob), back.Person)
		confirm(t, s, confirmed(bob, ended(noon)))
		createSession(t, s)
		same(t, "ended at, after a login", person(t, s, bob).EndedAt, time.Time{})
	}},
	{"another version of the credentials ends the sessions with the one before, and grants only if told", func(t *testing.T, s authserver.Store) {
		first, hers := createSession(t, s), createSession(t, s, ofOwner(alice))
		grants := []authserver.Grant{approve(t, s), approveAndRedeem(t, s, to(photoAlbum))}
		herGrant := approveAndRedeem(t, s, by(alice))
		confirm(t, s, confirmed(bob, at(noon.Add(time.Minute)), version("second")))
		_, _, err := s.Session(t.Context(), first.Hash)
		failWith(t, "Session", err, authserver.ErrNotFound)
		for _, want := range grants {
			same(t, "grant", kept(t, s, want.ID), want)
		}
		third := confirmed(bob, at(noon.Add(2*time.Minute)), version("third"))
		third.EndGrants = true
		session := authserver.Session{Hash: newHash(), Owner: bob, AuthenticatedAt: noon, ExpiresAt: noon.Add(time.Hour), CredentialVersion: "third"}
		succeed(t, "CreateSession", s.CreateSession(t.Context(), session, third))
		for _, want := range grants {
			want.RevokedAt = noon.Add(2 * time.Minute)
			same(t, "grant", kept(t, s, want.ID), want)
		}
		for _, stays := range []authserver.Session{hers, session} {
			_, _, err := s.Session(t.Context(), stays.Hash)
			succeed(t, "Session", err)
		}
		same(t, "Alice's grant", kept(t, s, herGrant.ID), herGrant)
	}},
	{"without a version, and the first time, nothing ends", func(t *testing.T, s authserver.Store) {
		g := approveAndRedeem(t, s)
		first := confirmed(bob)
		first.EndGrants = true
		confirm(t, s, first)
		session := createSession(t, s)
		none := confirmed(bob, at(noon.Add(time.Minute)), version(""))
		none.EndGrants = true
		confirm(t, s, none)
		same(t, "grant", kept(t, s, g.ID), g)
		_, _, err := s.Session(t.Context(), session.Hash)
		succeed(t, "Session", err)
	}},
	{"people come by subject, page by page, the ended ones too", func(t *testing.T, s authserver.Store) {
		var all []string
		for n := range 7 {
			subject := fmt.Sprintf("person-%d", 6-n)
			c := confirmed(subject)
			if n%3 == 0 {
				c.EndedAt = noon
			}
			confirm(t, s, c)
			all = append([]string{subject}, all...)
		}
		var got []string
		for after := ""; ; {
			page, err := s.People(t.Context(), after, 3)
			succeed(t, "People", err)
			if len(page) == 0 || len(page) > 3 {
				break
			}
			for _, p := range page {
				got = append(got, p.Subject)
			}
			after = page[len(page)-1].Subject
		}
		same(t, "people", got, all)
	}},
	{"people are confirmed all or none", func(t *testing.T, s authserver.Store) {
		succeed(t, "ConfirmPeople", s.ConfirmPeople(t.Context(), nil))
		succeed(t, "ConfirmPeople", s.ConfirmPeople(t.Context(), []authserver.Confirmation{confirmed(bob), confirmed(alice, ended(noon))}))
		same(t, "Bob", person(t, s, bob), confirmed(bob).Person)
		same(t, "Alice", person(t, s, alice), confirmed(alice, ended(noon)).Person)
	}},
}

// until gives a confirmation an end.
func until(end time.Time) func(*authserver.Confirmation) {
	return func(c *authserver.Confirmation) { c.ConfirmedUntil = end }
}

func at(moment time.Time) func(*authserver.Confirmation) {
	return func(c *authserver.Confirmation) { c.ConfirmedAt = moment }
}

func ended(moment time.Time) func(*authserver.Confirmation) {
	return func(c *authserver.Confirmation) { c.EndedAt = moment }
}

func version(v string) func(*authserver.Confirmation) {
	return func(c *authserver.Confirmation) { c.CredentialVersion = v }
}

// confirm keeps a confirmation and returns it.
func confirm(t *testing.T, s authserver.Store, c authserver.Confirmation) authserver.Confirmation {
	t.Helper()
	succeed(t, "ConfirmPeople", s.ConfirmPeople(t.Context(), []authserver.Confirmation{c}))
	return c
}

// person returns the person as the store has them.
func person(t *testing.T, s authserver.Store, subject string) authserver.Person {
	t.Helper()
	p, err := s.Person(t.Context(), subject)
	succeed(t, "Person", err)
	return p
}
