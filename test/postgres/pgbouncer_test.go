// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/store"
	"github.com/gatehouse-dev/gatehouse/authserver/store/storetest"
	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

// exec has no statement prepared under a name, which PgBouncer in transaction mode would look for on another connection.
const exec = "&default_query_exec_mode=exec"

// One database serves the whole suite, because a pooler is slow to begin with each new one. It is emptied for each check.
func TestTheStoreKeepsItsPromisesThroughPgBouncer(t *testing.T) {
	server := postgrestest.Start(t, postgrestest.WithoutFsync())
	direct := server.Database(t)
	dsn := strings.Replace(direct, server.Address(), server.PgBouncer(t).Address(), 1) + exec
	s := openStore(t, dsn)
	c := connect(t, direct)
	defer c.Close(t.Context())
	storetest.Run(t, storetest.Harness{
		Open: func(t *testing.T) authserver.Store {
			if _, err := c.Exec(t.Context(), `TRUNCATE people, sessions, session_clients, factors, grants, consents, uses, absent_clients, spent`); err != nil {
				t.Fatal(err)
			}
			return s
		},
		Reopen: func(t *testing.T, _ authserver.Store) authserver.Store {
			check(t, s.Close())
			var err error
			s, err = store.Open(t.Context(), dsn)
			check(t, err)
			return s
		},
	})
	check(t, s.Close())
}

func TestPgBouncerIsRefusedWithASentenceWithoutItsSetting(t *testing.T) {
	server := ours(t)
	front := server.PgBouncer(t)
	dsn := strings.Replace(server.Database(t), server.Address(), front.Address(), 1)
	s, err := store.Open(t.Context(), dsn)
	if err == nil {
		t.Fatalf("it was opened: %v", s.Close())
	}
	if !strings.Contains(err.Error(), "default_query_exec_mode=exec") {
		t.Errorf("it was refused with %q", err)
	}
}
