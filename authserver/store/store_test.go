// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver/store"
)

func TestOpenPicksTheStoreByItsScheme(t *testing.T) {
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "gatehouse.db"))
	if err != nil {
		t.Fatalf("Open() = %v", err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("Ping() = %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
}

func TestOpenSaysWhichStoresThereAre(t *testing.T) {
	for _, test := range []struct{ location, want string }{
		{"", "the store must be named as sqlite:PATH or by a postgres:// address"},
		{"/var/lib/gatehouse/gatehouse.db", "the store must be named as sqlite:PATH or by a postgres:// address"},
		{"sqlite:", "the store needs the path of a file: sqlite:PATH"},
		{"mysql://gatehouse:hunter2@db/gatehouse", `there is no store of the kind "mysql": name the store as sqlite:PATH or by a postgres:// address`},
		{"postgres:gatehouse:hunter2@db", "a PostgreSQL store is named as postgres://USER:PASSWORD@HOST:PORT/DATABASE"},
		{"postgresql://gatehouse:hunter2@db/gatehouse?synchronous_commit=off", `the parameter "synchronous_commit" of the PostgreSQL address`},
	} {
		s, err := store.Open(t.Context(), test.location)
		if err == nil {
			t.Errorf("Open(%q) succeeded: %v", test.location, s.Close())
			continue
		}
		if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Open(%q) = %q, want something with %q and no password", test.location, err, test.want)
		}
	}
}
