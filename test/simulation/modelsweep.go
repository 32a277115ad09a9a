// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// ConsentsOf is of authserver.Store.
func (m *model) ConsentsOf(ctx context.Context, owner string) ([]authserver.Consent, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	var given []authserver.Consent
	for _, c := range m.consents {
		if c.Owner == owner {
			given = append(given, c)
		}
	}
	slices.SortFunc(given, func(a, b authserver.Consent) int {
		return cmp.Or(a.GivenAt.Compare(b.GivenAt), cmp.Compare(a.ClientUID, b.ClientUID))
	})
	return given, nil
}

// Consent is of authserver.Store.
func (m *model) Consent(ctx context.Context, owner, clientUID string) (authserver.Consent, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return authserver.Consent{}, err
	}
	defer end()
	c, ok := m.consents[[2]string{owner, clientUID}]
	if !ok {
		return authserver.Consent{}, authserver.ErrNotFound
	}
	return c, nil
}

// Forget is of authserver.Store.
func (m *model) Forget(ctx context.Context, owner, clientUID string, now time.Time) error {
	end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	delete(m.consents, [2]string{owner, clientUID})
	m.revokeAll(kept(now), func(g *grantRow) bool { return g.Owner == owner && g.ClientUID == clientUID })
	return nil
}

// KeptClients is of authserver.Store.
func (m *model) KeptClients(ctx context.Context, after string, limit int) ([]string, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	uids := map[string]string{}
	for _, c := range m.consents {
		uids[c.ClientUID] = c.ClientUID
	}
	for key := range m.uses {
		if uid := key[0]; uid != "" {
			uids[uid] = uid
		}
	}
	return page(uids, after, limit), nil
}

// NoteClients is of authserver.Store.
func (m *model) NoteClients(ctx context.Context, present, absent []string, now time.Time) error {
	end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	for _, uid := range present {
		delete(m.absent, uid)
	}
	for _, uid := range absent {
		if _, noted := m.absent[uid]; !noted {
			m.absent[uid] = kept(now)
		}
	}
	return nil
}

// Sweep is of authserver.Store.
func (m *model) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer end()
	over, gone := kept(now), kept(now.Add(-authserver.GoneMemory))
	left := max(0, limit)
	for _, remove := range []func(*int){
		func(n *int) { sweep(m.told, n, func(c toldClient) bool { return !c.keptUntil.After(over) }) },
		func(n *int) {
			sweep(m.sessions, n, func(s authserver.Session) bool { return !s.ExpiresAt.After(over) })
		},
		func(n *int) { sweep(m.spent, n, func(until time.Time) bool { return !until.After(over) }) },
		func(n *int) { m.sweepGrants(n, func(g *grantRow) bool { return !g.keptUntil.After(over) }) },
		func(n *int) {
			m.sweepGrants(n, func(g *grantRow) bool { return g.RevokedAt.IsZero() && m.isGone(g.Owner, gone) })
		},
		func(n *int) { sweep(m.consents, n, func(c authserver.Consent) bool { return m.isGone(c.Owner, gone) }) },
		func(n *int) { sweep(m.factors, n, func(f authserver.Factor) bool { return m.isGone(f.Owner, gone) }) },
		func(n *int) { sweep(m.people, n, func(p authserver.Person) bool { return m.isGone(p.Subject, gone) }) },
		func(n *int) {
			sweep(m.consents, n, func(c authserver.Consent) bool { return m.isAbsent(c.ClientUID, gone) })
		},
		func(n *int) { sweep(m.uses, n, func(u authserver.Use) bool { return m.isAbsent(u.UID, gone) }) },
		func(n *int) { sweep(m.absent, n, func(since time.Time) bool { return !since.After(gone) }) },
	} {
		if remove(&left); left == 0 { // there may be more, and what comes later must wait for it
			break
		}
	}
	return max(0, limit) - left, nil
}

// isGone reports whether the person ended at or before a time.
func (m *model) isGone(subject string, since time.Time) bool {
	p := m.people[subject]
	return !p.EndedAt.IsZero() && !p.EndedAt.After(since)
}

// isAbsent reports whether the client was noted as absent at or before a time.
func (m *model) isAbsent(uid string, since time.Time) bool {
	at, noted := m.absent[uid]
	return noted && !at.After(since)
}

// sweep removes rows that go, as long as some are left of n.
func sweep[K comparable, R any](rows map[K]R, n *int, goes func(R) bool) {
	for key, row := range rows {
		if *n > 0 && goes(row) {
			delete(rows, key)
			*n--
		}
	}
}

func (m *model) sweepGrants(n *int, goes func(*grantRow) bool) {
	m.inOrder = slices.DeleteFunc(m.inOrder, func(g *grantRow) bool {
		if *n <= 0 || !goes(g) {
			return false
		}
		delete(m.grants, g.ID)
		delete(m.proofs, g.Proof.Hash)
		*n--
		return true
	})
}
