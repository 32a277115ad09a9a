// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"path/filepath"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

// stores are the kinds of stores.
var stores = []struct {
	name   string
	shared bool // several servers use it at the same time
	make   func(t *testing.T) string
}{
	{"SQLite", false, func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "gatehouse.db") }},
	{"PostgreSQL", true, func(t *testing.T) string { return postgrestest.DSN(t) }},
}

// TestN396UpgradeAndRollback goes from the version of before to the tree and back. Until there is a release nothing is taken over:
// either version says so on the store of the other.
func TestN396UpgradeAndRollback(t *testing.T) {
	before, released := earlier(t)
	tree := ofTree(t)
	next := withOneMoreStep(t, tree)
	s := newSite(t, before)
	for _, store := range stores {
		t.Run(store.name+", from "+before.name, func(t *testing.T) {
			s.install(t, before)
			s.store = store.make(t)
			if released {
				s.thereAndBack(t, before, tree, store.shared)
			} else {
				s.neither(t, before, tree)
			}
		})
	}
	s.install(t, tree)
	for _, store := range stores {
		t.Run(store.name+", to a further step", func(t *testing.T) {
			s.store = store.make(t)
			s.thereAndBack(t, tree, next, store.shared)
		})
	}
}

// thereAndBack goes from a version to a later one and back. What cannot go back says so, and goes on with the later version (N396).
func (s *site) thereAndBack(t *testing.T, before, after version, shared bool) {
	t.Helper()
	s.serve(t, before)
	h := newHoldings(t, s)
	h.goOn(t, "before the upgrade")
	s.install(t, after)
	s.replace(t, after, shared, h)
	h.goOn(t, "after the upgrade")

	s.install(t, before)
	if after.schema > before.schema && !shared {
		s.end(t)
		s.refuses(t, before, "was written by a newer version")
		s.serve(t, after)
		h.goOn(t, "after the older version has refused the store")
	} else {
		s.replace(t, before, shared, h)
		h.goOn(t, "after the rollback")
	}
	if after.schema > before.schema && shared {
		s.end(t)
		s.narrow(t, after)
		s.refuses(t, before, "the database was changed by a newer version in a way that this one cannot work with")
		s.serve(t, after)
		h.goOn(t, "after the older version has refused the database")
	}
	s.end(t)
}

// narrow says of the database what a step says that removes something: older programs do not suit it.
func (s *site) narrow(t *testing.T, v version) {
	t.Helper()
	db, err := postgrestest.Open(s.store)
	must(t, err)
	_, err = db.ExecContext(t.Context(), `UPDATE compatibility SET oldest_program = $1`, v.schema)
	must(t, err)
	must(t, db.Close())
}

// neither checks that neither version takes the store of the other, which is not changed.
func (s *site) neither(t *testing.T, before, after version) {
	t.Helper()
	s.serve(t, before)
	h := newHoldings(t, s)
	s.end(t)
	s.refuses(t, after, "a version from before v0.1.0")
	s.serve(t, before)
	h.goOn(t, "after the newer version has refused the store")
	s.end(t)
}
