// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"testing"
)

func openAt(tb testing.TB, address string) *Store {
	tb.Helper()
	s, err := Open(tb.Context(), address)
	if err != nil {
		tb.Fatalf("Open: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("Close() = %v", err)
		}
	})
	return s
}

// empty removes every row.
func empty(tb testing.TB, s *Store) {
	tb.Helper()
	_, err := s.pool.connections.Exec(tb.Context(), `TRUNCATE people, sessions, grants, consents, absent_clients, spent`)
	if err != nil {
		tb.Fatalf("empty the database: %v", err)
	}
}
