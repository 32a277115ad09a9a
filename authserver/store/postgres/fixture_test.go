// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
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
	_, err := s.pool.connections.Exec(tb.Context(), `TRUNCATE people, sessions, session_clients, factors, grants, consents, uses, absent_clients, spent`)
	if err != nil {
		tb.Fatalf("empty the database: %v", err)
	}
}

var noon = time.Date(2030, 5, 4, 12, 0, 0, 0, time.UTC)

// hashNumber returns another hash for each n.
func hashNumber(n int) authserver.Hash {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// grantNumber returns another grant for each n; ten each have the same owner.
func grantNumber(n int) authserver.Grant {
	sum := hashNumber(n)
	return authserver.Grant{
		ID: authserver.GrantID(sum[:16]), ClientUID: "2c1d6a3e-6f0e-4b0f-9d59-6f2d1f7a1c11",
		Owner: fmt.Sprintf("owner-%d", n/10), Scopes: []string{"photos.read", "photos.write"},
		Profile: authserver.ProfileOAuth2, ApprovedAt: noon, EndsAt: noon.Add(90 * 24 * time.Hour),
		Proof: authserver.Proof{
			Hash: sha256.Sum256(sum[:]), Callback: "https://photoprint.example/callback",
			CodeChallenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", ExpiresAt: noon.Add(time.Minute),
		},
	}
}

// inParallel calls work for 0 to n-1 from a number of goroutines.
func inParallel(tb testing.TB, workers, n int, work func(i int) error) {
	tb.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := work(i); err != nil {
					tb.Errorf("call %d: %v", i, err)
					return
				}
			}
		})
	}
	all.Wait()
}
