// SPDX-License-Identifier: Apache-2.0

package authtest

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

func openStore(testing.TB) authserver.Store {
	return &memory{
		sessions: map[authserver.Hash]authserver.Session{}, grants: map[authserver.GrantID]*authserver.Grant{},
		consents: map[[2]string]authserver.Consent{}, spent: map[authserver.Hash]time.Time{},
	}
}

// memory is a store that forgets.
type memory struct {
	mu       sync.Mutex
	sessions map[authserver.Hash]authserver.Session
	grants   map[authserver.GrantID]*authserver.Grant
	consents map[[2]string]authserver.Consent
	spent    map[authserver.Hash]time.Time
}

func alive(g *authserver.Grant, now time.Time) bool {
	return g.RevokedAt.IsZero() && now.Before(g.EndsAt)
}

func (m *memory) CreateSession(_ context.Context, s authserver.Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions[s.Hash] = s
	return nil
}

func (m *memory) Session(_ context.Context, h authserver.Hash) (authserver.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[h]
	if !ok {
		return authserver.Session{}, authserver.ErrNotFound
	}
	return s, nil
}

func (m *memory) DeleteSession(_ context.Context, h authserver.Hash) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, h)
	return nil
}

func (m *memory) Approve(_ context.Context, g authserver.Grant, c *authserver.Consent) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.grants[g.ID]; ok {
		return authserver.ErrExists
	}
	m.grants[g.ID] = &g
	if c != nil {
		m.consents[[2]string{c.Owner, c.ClientUID}] = *c
	}
	live := m.matching(func(o *authserver.Grant) bool {
		return o.Owner == g.Owner && o.ClientUID == g.ClientUID && alive(o, g.ApprovedAt)
	})
	for len(live) > authserver.MaxGrants {
		live[0].RevokedAt, live = g.ApprovedAt, live[1:]
	}
	return nil
}

// matching returns the grants that fit, oldest first.
func (m *memory) matching(fits func(*authserver.Grant) bool) []*authserver.Grant {
	var out []*authserver.Grant
	for g := range maps.Values(m.grants) {
		if fits(g) {
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b *authserver.Grant) int { return a.ApprovedAt.Compare(b.ApprovedAt) })
	return out
}

func (m *memory) byProof(proof authserver.Hash) *authserver.Grant {
	for _, g := range m.grants {
		if g.Proof.Hash == proof {
			return g
		}
	}
	return nil
}

func (m *memory) GrantByProof(_ context.Context, proof authserver.Hash) (authserver.Grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if g := m.byProof(proof); g != nil {
		return *g, nil
	}
	return authserver.Grant{}, authserver.ErrNotFound
}

func (m *memory) Redeem(_ context.Context, proof authserver.Hash, now time.Time) (authserver.Grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	g := m.byProof(proof)
	if g == nil || g.Generation != 0 || !alive(g, now) || !now.Before(g.Proof.ExpiresAt) {
		return authserver.Grant{}, authserver.ErrNotFound
	}
	g.Generation, g.RotatedAt = 1, now
	return *g, nil
}

func (m *memory) Grant(_ context.Context, id authserver.GrantID) (authserver.Grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if g, ok := m.grants[id]; ok {
		return *g, nil
	}
	return authserver.Grant{}, authserver.ErrNotFound
}

func (m *memory) Rotate(_ context.Context, id authserver.GrantID, generation uint32, now time.Time) (authserver.Grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	g, ok := m.grants[id]
	if !ok || g.Generation != generation || !alive(g, now) {
		return authserver.Grant{}, authserver.ErrStale
	}
	g.Generation, g.RotatedAt = generation+1, now
	return *g, nil
}

func (m *memory) Revoke(_ context.Context, id authserver.GrantID, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if g, ok := m.grants[id]; ok && g.RevokedAt.IsZero() {
		g.RevokedAt = now
	}
	return nil
}

func (m *memory) GrantsOf(_ context.Context, owner string, now time.Time) ([]authserver.Grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []authserver.Grant
	for _, g := range m.matching(func(g *authserver.Grant) bool {
		return g.Owner == owner && alive(g, now) && (g.Generation > 0 || now.Before(g.Proof.ExpiresAt))
	}) {
		out = append(out, *g)
	}
	return out, nil
}

func (m *memory) ConsentsOf(_ context.Context, owner string) ([]authserver.Consent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []authserver.Consent
	for _, c := range m.consents {
		if c.Owner == owner {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b authserver.Consent) int { return a.GivenAt.Compare(b.GivenAt) })
	return out, nil
}

func (m *memory) Consent(_ context.Context, owner, clientUID string) (authserver.Consent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c, ok := m.consents[[2]string{owner, clientUID}]; ok {
		return c, nil
	}
	return authserver.Consent{}, authserver.ErrNotFound
}

func (m *memory) Forget(_ context.Context, owner, clientUID string, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.consents, [2]string{owner, clientUID})
	for _, g := range m.grants {
		if g.Owner == owner && g.ClientUID == clientUID && g.RevokedAt.IsZero() {
			g.RevokedAt = now
		}
	}
	return nil
}

func (m *memory) Spend(_ context.Context, key authserver.Hash, now, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if end, ok := m.spent[key]; ok && now.Before(end) {
		return authserver.ErrExists
	}
	m.spent[key] = until
	return nil
}

func (m *memory) Spent(_ context.Context, key authserver.Hash, now time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	end, ok := m.spent[key]
	return ok && now.Before(end), nil
}

func (m *memory) Sweep(context.Context, time.Time, int) (int, error) { return 0, nil }

func (m *memory) Ping(context.Context) error { return nil }
