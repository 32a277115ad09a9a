// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/store/storetest"
)

func TestStoreKeepsItsPromises(t *testing.T) {
	paths := map[authserver.Store]string{}
	open := func(t *testing.T, path string) authserver.Store {
		s := openAt(t, path)
		paths[s] = path
		return s
	}
	storetest.Run(t, storetest.Harness{
		Open: func(t *testing.T) authserver.Store {
			return open(t, filepath.Join(t.TempDir(), "gatehouse.db"))
		},
		Reopen: func(t *testing.T, s authserver.Store) authserver.Store {
			if err := s.(*Store).Close(); err != nil {
				t.Fatalf("Close() = %v", err)
			}
			return open(t, paths[s])
		},
	})
}
