// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/store/storetest"
	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

func TestStoreKeepsItsPromises(t *testing.T) {
	runSuite(t, postgrestest.DSN(t, postgrestest.WithoutFsync()))
}

// runSuite runs the suite on a database, which is emptied for each of its tests.
func runSuite(t *testing.T, address string) {
	open := func(t *testing.T) authserver.Store { return openAt(t, address) }
	storetest.Run(t, storetest.Harness{
		Open: func(t *testing.T) authserver.Store {
			s := openAt(t, address)
			empty(t, s)
			return s
		},
		Reopen: func(t *testing.T, s authserver.Store) authserver.Store {
			if err := s.(*Store).Close(); err != nil {
				t.Fatalf("Close() = %v", err)
			}
			return open(t)
		},
	})
}
