// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// cast adds the actors of the run.
func (s *simulation) cast() {
	for _, client := range []string{photoPrint, desktop, limited, photoBook, calendar, rogue, report} {
		s.apps[client] = &app{s: s, client: client, uid: templates[client].client.UID}
	}
	s.browse(bob, 1)
	if s.one(2) {
		s.browse(bob, 2)
	}
	if s.one(3) {
		s.browse(alice, 3)
	}
	if s.one(3) {
		s.add(report, s.apps[report].report)
	}
	if s.one(2) {
		s.add("thief", (&thief{s: s, own: s.apps[rogue]}).act)
	}
	if s.one(2) {
		s.add("API", s.guard)
	}
	if s.one(2) {
		s.add("administrator", administrator{s}.act)
	}
	s.ambient = s.spawn("platform", platform{s}.act)
}

// add adds an actor.
func (s *simulation) add(name string, act func()) {
	s.actors++
	s.spawn(name, func() {
		act()
		s.actors--
		s.wake()
	})
}

// browse adds an owner with a browser of their own.
func (s *simulation) browse(owner string, n int) {
	s.owners++
	b := &browser{s: s, owner: owner, address: fmt.Sprintf("192.0.2.%d", n)}
	s.add(fmt.Sprintf("%s's browser %d", owner, n), func() {
		b.act()
		s.owners--
		s.wake()
	})
}

// fill gives Bob nearly as much as an owner may have.
func (s *simulation) fill() {
	s.filled = authserver.MaxGrants - 1
	for n := range s.filled {
		g := authserver.Grant{
			ID: authserver.GrantID{1, byte(n)}, ClientUID: templates[photoPrint].client.UID, Owner: subjects[bob], Profile: authserver.ProfileOAuth2,
			Scopes: []string{scopeRead}, ApprovedAt: start.Add(-time.Hour), EndsAt: start.Add(24 * time.Hour), Generation: 1, RotatedAt: start.Add(-time.Hour),
			Proof: authserver.Proof{Hash: authserver.Hash{1, byte(n)}, ExpiresAt: start.Add(-time.Hour)},
		}
		s.model.insert(g)
	}
	for n := range authserver.MaxSessions - 1 {
		h := authserver.Hash{2, byte(n)}
		s.model.sessions[h] = authserver.Session{Hash: h, Owner: subjects[bob], AuthenticatedAt: start.Add(-time.Hour), ExpiresAt: start.Add(time.Hour), CredentialVersion: "bob0"}
	}
}
