// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/store/storetest"
	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

func TestStoreKeepsItsPromises(t *testing.T) {
	t.Parallel()
	runSuite(t, postgrestest.DSN(t, postgrestest.WithoutFsync()))
}

// CockroachDB and YugabyteDB run everything at SERIALIZABLE, and a pooler of connections wants statements without
// names: with both, the promises are the same.
func TestStoreKeepsItsPromisesAtSerializableAndWithoutPreparedStatements(t *testing.T) {
	t.Parallel()
	address := postgrestest.DSN(t, postgrestest.WithoutFsync())
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	var name string
	if err := c.QueryRow(t.Context(), `SELECT quote_ident(current_database())`).Scan(&name); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(t.Context(), `ALTER DATABASE `+name+` SET default_transaction_isolation TO serializable`); err != nil {
		t.Fatal(err)
	}
	runSuite(t, with(address, "default_query_exec_mode=exec"))
}

// runSuite runs the suite on a database and one store, which is emptied for each test.
func runSuite(t *testing.T, address string) {
	shared := openAt(t, address)
	storetest.Run(t, storetest.Harness{
		Open: func(t *testing.T) authserver.Store {
			empty(t, shared)
			return shared
		},
		Reopen: func(t *testing.T, s authserver.Store) authserver.Store {
			if s != shared { // one that was opened here: it ends with its test
				if err := s.(*Store).Close(); err != nil {
					t.Fatalf("Close() = %v", err)
				}
			}
			return openAt(t, address)
		},
	})
}
