// SPDX-License-Identifier: Apache-2.0

// Package storetest is what authserver.Store promises, as tests. Every store runs it,
// and what it checks is true of every store: it asks through the interface alone.
package storetest

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Harness gives the suite stores to try.
type Harness struct {
	// Open returns an empty store of the test's own. It is closed when the test ends.
	Open func(t *testing.T) authserver.Store
	// Reopen closes a store that Open or Reopen returned and opens what it kept, as a
	// server does that starts again.
	Reopen func(t *testing.T, s authserver.Store) authserver.Store
}

// check is one promise: a sentence, and how it is seen to be kept.
type check struct {
	promise string
	see     func(t *testing.T, s authserver.Store)
}

// Run checks that a store keeps the promises of authserver.Store.
func Run(t *testing.T, h Harness) {
	for _, group := range []struct {
		name   string
		checks []check
	}{
		{"Session", sessions},
		{"Logout", logouts},
		{"People", people},
		{"Factors", factors},
		{"Approve", approvals},
		{"MaxGrants", surplus},
		{"Redeem", redemptions},
		{"Rotate", rotations},
		{"Revoke", revocations},
		{"GrantsOf", lists},
		{"Consent", consents},
		{"Forget", forgetting},
		{"Spend", spending},
		{"Sweep", sweeps},
		{"Gone", gone},
		{"Uses", uses},
		{"GrantsPage", pages},
		{"Context", contexts},
		{"Race", races},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.checks {
				t.Run(c.promise, func(t *testing.T) { c.see(t, h.Open(t)) })
			}
		})
	}
	t.Run("Reopen", func(t *testing.T) {
		for _, c := range restarts {
			t.Run(c.promise, func(t *testing.T) {
				c.see(t, h.Open(t), func(s authserver.Store) authserver.Store {
					t.Helper()
					return h.Reopen(t, s)
				})
			})
		}
	})
}
