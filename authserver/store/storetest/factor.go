// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

var factors = []check{
	{"a factor comes back as it was kept, to the millisecond", func(t *testing.T, s authserver.Store) {
		want := authserver.Factor{ID: newHash(), Owner: bob, Kind: authserver.FactorTOTP, Name: "My phone ü", Data: `{"a":"b"}`, Counter: 1 << 40,
			CreatedAt: noon.Add(999_999), UsedAt: noon.Add(time.Hour)}
		change(t, s, bob, nil, 0, want)
		want.CreatedAt = noon
		same(t, "factors", factorsOf(t, s, bob), []authserver.Factor{want})
		same(t, "Alice's factors", factorsOf(t, s, alice), []authserver.Factor(nil))
	}},
	{"an owner's factors come oldest first", func(t *testing.T, s authserver.Store) {
		second, first, hers := factor(noon.Add(time.Hour)), factor(noon), factor(noon)
		change(t, s, bob, nil, 0, second, first)
		hers.Owner = alice
		change(t, s, alice, nil, 0, hers)
		same(t, "Bob's", factorsOf(t, s, bob), []authserver.Factor{first, second})
		same(t, "Alice's", factorsOf(t, s, alice), []authserver.Factor{hers})
	}},
	{"a factor is found by its ID, whoever has it", func(t *testing.T, s authserver.Store) {
		_, err := s.Factor(t.Context(), newHash())
		failWith(t, "Factor of none", err, authserver.ErrNotFound)
		his, hers := factor(noon), authserver.Factor{
			ID: newHash(), Owner: alice, Kind: "passkey", Name: "Alice's \u00f6", Data: `{"k":"v"}`, Counter: 7, CreatedAt: noon, UsedAt: noon.Add(tick),
		}
		change(t, s, bob, nil, 0, his)
		change(t, s, alice, nil, 0, hers)
		for _, want := range []authserver.Factor{his, hers} {
			got, err := s.Factor(t.Context(), want.ID)
			succeed(t, "Factor", err)
			same(t, "factor", got, want)
		}
		change(t, s, alice, []authserver.Hash{hers.ID}, 1)
		_, err = s.Factor(t.Context(), hers.ID)
		failWith(t, "Factor that was removed", err, authserver.ErrNotFound)
	}},
	{"factors that are removed are gone once, and are nobody else's to remove", func(t *testing.T, s authserver.Store) {
		a, b, c := factor(noon), factor(noon.Add(tick)), factor(noon.Add(2*tick))
		change(t, s, bob, nil, 0, a, b, c)
		change(t, s, alice, []authserver.Hash{a.ID, newHash()}, 0)
		change(t, s, bob, []authserver.Hash{a.ID, b.ID, newHash()}, 2)
		change(t, s, bob, []authserver.Hash{a.ID}, 0)
		same(t, "factors", factorsOf(t, s, bob), []authserver.Factor{c})
	}},
	{"factors that take the place of others do so at once", func(t *testing.T, s authserver.Store) {
		old, fresh := factor(noon), factor(noon.Add(time.Hour))
		change(t, s, bob, nil, 0, old)
		change(t, s, bob, []authserver.Hash{old.ID}, 1, fresh)
		same(t, "factors", factorsOf(t, s, bob), []authserver.Factor{fresh})
	}},
	{"a known ID is ErrExists, whoever has it, and nothing is written", func(t *testing.T, s authserver.Store) {
		old, hers := factor(noon), factor(noon)
		hers.Owner = alice
		change(t, s, bob, nil, 0, old)
		change(t, s, alice, nil, 0, hers)
		for _, known := range []authserver.Factor{old, hers} {
			_, err := s.ChangeFactors(t.Context(), bob, nil, []authserver.Factor{factor(noon), known})
			failWith(t, "ChangeFactors", err, authserver.ErrExists)
		}
		_, err := s.ChangeFactors(t.Context(), bob, []authserver.Hash{old.ID}, []authserver.Factor{hers})
		failWith(t, "ChangeFactors", err, authserver.ErrExists)
		same(t, "Bob's", factorsOf(t, s, bob), []authserver.Factor{old})
		same(t, "Alice's", factorsOf(t, s, alice), []authserver.Factor{hers})
	}},
	{"one more than MaxFactors is ErrExists, and nothing is written", func(t *testing.T, s authserver.Store) {
		var all []authserver.Factor
		for n := range authserver.MaxFactors {
			all = append(all, factor(noon.Add(time.Duration(n)*tick)))
		}
		change(t, s, bob, nil, 0, all...)
		_, err := s.ChangeFactors(t.Context(), bob, nil, []authserver.Factor{factor(noon)})
		failWith(t, "ChangeFactors", err, authserver.ErrExists)
		same(t, "factors", factorsOf(t, s, bob), all)
		last := factor(noon.Add(time.Hour))
		change(t, s, bob, []authserver.Hash{all[0].ID}, 1, last)
		same(t, "factors", factorsOf(t, s, bob), append(slices.Clone(all[1:]), last))
	}},
	{"a counter goes up only, and another owner's not at all", func(t *testing.T, s authserver.Store) {
		f := factor(noon)
		f.Counter = 7
		change(t, s, bob, nil, 0, f)
		for _, counter := range []int64{7, 6, 0, -1} {
			failWith(t, "UseFactor", s.UseFactor(t.Context(), bob, f.ID, counter, noon), authserver.ErrStale)
		}
		failWith(t, "UseFactor by Alice", s.UseFactor(t.Context(), alice, f.ID, 8, noon), authserver.ErrStale)
		failWith(t, "UseFactor of none", s.UseFactor(t.Context(), bob, newHash(), 8, noon), authserver.ErrStale)
		same(t, "factors", factorsOf(t, s, bob), []authserver.Factor{f})
		succeed(t, "UseFactor", s.UseFactor(t.Context(), bob, f.ID, 9, noon.Add(time.Minute)))
		f.Counter, f.UsedAt = 9, noon.Add(time.Minute)
		same(t, "factors", factorsOf(t, s, bob), []authserver.Factor{f})
	}},
	{"a counter of 0 may stay 0", func(t *testing.T, s authserver.Store) {
		f := factor(noon)
		change(t, s, bob, nil, 0, f)
		succeed(t, "UseFactor", s.UseFactor(t.Context(), bob, f.ID, 0, noon.Add(time.Minute)))
		f.UsedAt = noon.Add(time.Minute)
		same(t, "factors", factorsOf(t, s, bob), []authserver.Factor{f})
	}},
	{"N265: of any number of callers with one counter one succeeds", func(t *testing.T, s authserver.Store) {
		f := factor(noon)
		change(t, s, bob, nil, 0, f)
		oneSucceeds(t, together(repeat(20, func() error { return s.UseFactor(t.Context(), bob, f.ID, 1, noon) })...), authserver.ErrStale)
	}},
	{"N267: of any number of callers that remove a factor one does", func(t *testing.T, s authserver.Store) {
		f := factor(noon)
		change(t, s, bob, nil, 0, f)
		oneSucceeds(t, together(repeat(20, func() error {
			n, err := s.ChangeFactors(t.Context(), bob, []authserver.Hash{f.ID}, nil)
			if err == nil && n == 0 {
				err = authserver.ErrStale
			}
			return err
		})...), authserver.ErrStale)
	}},
	{"the factors of a person who is gone go before the person, and nobody else's", func(t *testing.T, s authserver.Store) {
		confirm(t, s, confirmed(bob))
		confirm(t, s, confirmed(alice))
		hers := factor(noon)
		hers.Owner = alice
		change(t, s, alice, nil, 0, hers)
		change(t, s, bob, nil, 0, factor(noon), factor(noon.Add(tick)))
		confirm(t, s, confirmed(bob, ended(noon)))
		swept(t, s, noon.Add(authserver.GoneMemory-tick), 100, 0)
		swept(t, s, noon.Add(authserver.GoneMemory), 2, 2)
		person(t, s, bob)
		swept(t, s, noon.Add(authserver.GoneMemory), 2, 1)
		same(t, "Bob's", factorsOf(t, s, bob), []authserver.Factor(nil))
		same(t, "Alice's", factorsOf(t, s, alice), []authserver.Factor{hers})
	}},
}

// factor returns one of Bob's that is not kept yet.
func factor(created time.Time) authserver.Factor {
	return authserver.Factor{ID: newHash(), Owner: bob, Kind: authserver.FactorTOTP, CreatedAt: created}
}

func change(t *testing.T, s authserver.Store, owner string, remove []authserver.Hash, removed int, add ...authserver.Factor) {
	t.Helper()
	n, err := s.ChangeFactors(t.Context(), owner, remove, add)
	succeed(t, "ChangeFactors", err)
	same(t, "removed factors", n, removed)
}

func factorsOf(t *testing.T, s authserver.Store, owner string) []authserver.Factor {
	t.Helper()
	found, err := s.Factors(t.Context(), owner)
	succeed(t, "Factors", err)
	return found
}
