// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Factors is of authserver.Store.
func (m *model) Factors(ctx context.Context, owner string) ([]authserver.Factor, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return m.factorsOf(owner), nil
}

// factorsOf returns the owner's factors, oldest first.
func (m *model) factorsOf(owner string) []authserver.Factor {
	var found []authserver.Factor
	for _, f := range m.factors {
		if f.Owner == owner {
			found = append(found, f)
		}
	}
	slices.SortFunc(found, func(a, b authserver.Factor) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return found
}

// Factor is of authserver.Store.
func (m *model) Factor(ctx context.Context, id authserver.Hash) (authserver.Factor, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return authserver.Factor{}, err
	}
	defer end()
	f, ok := m.factors[id]
	if !ok {
		return authserver.Factor{}, authserver.ErrNotFound
	}
	return f, nil
}

// ChangeFactors is of authserver.Store.
func (m *model) ChangeFactors(ctx context.Context, owner string, remove []authserver.Hash, add []authserver.Factor) (int, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer end()
	goes := map[authserver.Hash]bool{}
	for _, id := range remove {
		if f, ok := m.factors[id]; ok && f.Owner == owner {
			goes[id] = true
		}
	}
	comes := map[authserver.Hash]bool{}
	for _, f := range add {
		if _, known := m.factors[f.ID]; known && !goes[f.ID] || comes[f.ID] {
			return 0, authserver.ErrExists
		}
		comes[f.ID] = true
	}
	if len(add) > 0 && len(m.factorsOf(owner))-len(goes)+len(add) > authserver.MaxFactors {
		return 0, authserver.ErrExists
	}
	for id := range goes {
		delete(m.factors, id)
	}
	for _, f := range add {
		f.Owner, f.CreatedAt, f.UsedAt = owner, kept(f.CreatedAt), kept(f.UsedAt)
		m.factors[f.ID] = f
	}
	return len(goes), nil
}

// UseFactor is of authserver.Store.
func (m *model) UseFactor(ctx context.Context, owner string, id authserver.Hash, counter int64, now time.Time) error {
	end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	f, ok := m.factors[id]
	if !ok || f.Owner != owner || f.Counter >= counter && (f.Counter != 0 || counter != 0) {
		return authserver.ErrStale
	}
	f.Counter, f.UsedAt = counter, kept(now)
	m.factors[id] = f
	return nil
}
