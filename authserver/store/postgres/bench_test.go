// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

const (
	benchGrants = 10_000
	benchTime   = 2 * time.Second
)

// fill keeps the grants number 0 to n-1, redeemed.
func fill(tb testing.TB, s *Store, n int) {
	tb.Helper()
	columns := []string{"id", "bucket", "client_uid", "owner", "scopes", "profile", "approved_at", "ends_at", "generation",
		"rotated_at", "previous_rotated_at", "revoked_at", "proof_hash", "callback", "code_challenge", "proof_expires_at", "kept_until",
		"authenticated_at", "nonce", "methods", "sid", "resources"}
	_, err := s.pool.connections.CopyFrom(tb.Context(), pgx.Identifier{"grants"}, columns, pgx.CopyFromSlice(n, func(i int) ([]any, error) {
		g := grantNumber(i)
		g.Generation, g.RotatedAt = 1, noon
		return insertGrant(g), nil
	}))
	if err != nil {
		tb.Fatalf("fill the database: %v", err)
	}
}

// during counts the calls that callers make until the time is over.
func during(tb testing.TB, callers int, call func(n int) error) (perSecond float64) {
	tb.Helper()
	var count atomic.Int64
	var all sync.WaitGroup
	begin := time.Now()
	for caller := range callers {
		all.Go(func() {
			for n := caller; time.Since(begin) < benchTime; n += callers {
				if err := call(n); err != nil {
					tb.Errorf("call %d: %v", n, err)
					return
				}
				count.Add(1)
			}
		})
	}
	all.Wait()
	return float64(count.Load()) / time.Since(begin).Seconds()
}

// BenchmarkAgainstPgbench compares refreshes with single-row updates of pgbench, and checks of a token with
// single-row reads, in the same database: rounds in turn, each with as many callers as pgbench has connections.
func BenchmarkAgainstPgbench(b *testing.B) {
	address := postgrestest.Start(b, postgrestest.WithSetting("max_connections", "200")).Database(b)
	s := openAt(b, address)
	fill(b, s, benchGrants)
	if err := postgrestest.PreparePgbench(b.Context(), address); err != nil {
		b.Fatal(err)
	}
	pgbench := func(script string, connections int) float64 {
		perSecond, err := postgrestest.Pgbench(b.Context(), address, script, connections, benchTime)
		if err != nil {
			b.Fatal(err)
		}
		return perSecond
	}
	var generations [benchGrants]atomic.Uint32
	for i := range generations {
		generations[i].Store(1)
	}
	refresh := func(n int) error {
		i := n % benchGrants
		_, _, err := s.Rotate(b.Context(), rotationOf(grantNumber(i), generations[i].Add(1)-1), noon)
		return err
	}
	check := func(n int) error {
		_, _, err := s.OwnedGrant(b.Context(), grantNumber(n%benchGrants).ID)
		return err
	}
	for _, callers := range []int{4, 16, 64} {
		b.Run(fmt.Sprintf("callers-%d", callers), func(b *testing.B) {
			for range b.N {
				updates, refreshes := pgbench(postgrestest.PgbenchUpdate, callers), during(b, callers, refresh)
				reads, checks := pgbench(postgrestest.PgbenchRead, callers), during(b, callers, check)
				b.ReportMetric(updates, "updates/s")
				b.ReportMetric(refreshes, "refreshes/s")
				b.ReportMetric(refreshes/updates, "refresh/update")
				b.ReportMetric(reads, "reads/s")
				b.ReportMetric(checks, "checks/s")
				b.ReportMetric(checks/reads, "check/read")
			}
		})
	}
}

// rotationOf is a refresh of the grant by its own client, with a token of the generation.
func rotationOf(g authserver.Grant, generation uint32) authserver.Rotation {
	return authserver.Rotation{GrantID: g.ID, ClientUID: g.ClientUID, Profile: g.Profile, Generation: generation}
}
