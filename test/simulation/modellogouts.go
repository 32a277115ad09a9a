// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// toldClient is a client that is told when a session ends.
type toldClient struct {
	authserver.DueLogout
	session   authserver.Hash
	due       bool
	dueAt     time.Time
	keptUntil time.Time
}

// lasts reports whether the owner has a session that began with the hash.
func (m *model) lasts(owner string, first authserver.Hash) bool {
	return slices.ContainsFunc(m.sessionsOf(owner), func(s authserver.Session) bool { return s.FirstHash() == first })
}

// endLogins makes those clients due whose session the owner has no more.
func (m *model) endLogins(owner string) {
	for id, c := range m.told {
		if c.Owner == owner && !c.due && !m.lasts(owner, c.session) {
			c.due, c.keptUntil = true, c.keptUntil.Add(authserver.LogoutMemory)
			m.told[id] = c
		}
	}
}

// tellOfEnd keeps the client of a grant as one that is told when a session ends.
func (m *model) tellOfEnd(g authserver.Grant) {
	if g.EndOf == nil {
		return
	}
	id := g.EndOf.IDFor(g.ClientUID)
	if _, known := m.told[id]; known {
		return
	}
	c := toldClient{DueLogout: authserver.DueLogout{ID: id, Owner: g.Owner, ClientUID: g.ClientUID}, session: g.EndOf.FirstHash(), keptUntil: kept(g.EndOf.ExpiresAt)}
	m.told[id] = c
	m.endLogins(g.Owner)
}

// ClaimLogouts is of authserver.Store.
func (m *model) ClaimLogouts(ctx context.Context, now, until time.Time, busy []string, limit int) ([]authserver.DueLogout, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	var found []toldClient
	for _, c := range m.told {
		if c.due && !c.dueAt.After(kept(now)) && !slices.Contains(busy, c.ClientUID) {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b toldClient) int {
		return cmp.Or(a.dueAt.Compare(b.dueAt), cmp.Compare(string(a.ID[:]), string(b.ID[:])))
	})
	var due []authserver.DueLogout
	for _, c := range found[:min(len(found), max(limit, 0))] {
		c.dueAt, c.LeasedUntil = kept(until), kept(until)
		m.told[c.ID] = c
		due = append(due, c.DueLogout)
	}
	return due, nil
}

// PostponeLogout is of authserver.Store.
func (m *model) PostponeLogout(ctx context.Context, l authserver.DueLogout, at time.Time) error {
	end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if c, ok := m.told[l.ID]; ok && c.due && c.dueAt.Equal(kept(l.LeasedUntil)) {
		c.dueAt, c.Attempts = kept(at), l.Attempts
		m.told[l.ID] = c
	}
	return nil
}

// FinishLogout is of authserver.Store.
func (m *model) FinishLogout(ctx context.Context, id authserver.Hash) error {
	end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if m.told[id].due {
		delete(m.told, id)
	}
	return nil
}
