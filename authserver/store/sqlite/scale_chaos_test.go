// SPDX-License-Identifier: Apache-2.0

//go:build chaos

package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// TestChaosTenMillionGrants measures a store of ten thousand and one of ten million grants, side by side. It
// decides nothing by the clock: the figures stand in docs/performance.md.
func TestChaosTenMillionGrants(t *testing.T) {
	for _, size := range []int{10_000, 10_000_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) { measureScale(t, size) })
	}
}

const (
	scaleSample  = 5000  // grants that are used
	scaleExpired = 20000 // grants that may be swept, or a tenth
)

func measureScale(t *testing.T, size int) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	openAt(t, path).Close()
	expired := min(scaleExpired, size/10)
	begin := time.Now()
	load(t, path, size, expired)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d grants: loaded in %v, %d MiB", size, time.Since(begin).Round(time.Millisecond), info.Size()>>20)

	o := &slowest{}
	begin = time.Now()
	s, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	t.Logf("open: %v", time.Since(begin).Round(time.Microsecond))
	ids := sample(t, s, size-expired)

	each(t, "introspection, from the file", len(ids), 1, func(i int) error { _, _, err := s.OwnedGrant(t.Context(), ids[i]); return err })
	each(t, "introspection, from memory", len(ids), 1, func(i int) error { _, _, err := s.OwnedGrant(t.Context(), ids[i]); return err })
	o.reset()
	each(t, "refresh, 64 callers", len(ids), 64, func(i int) error {
		_, _, err := s.Rotate(t.Context(), scaleRotation(ids[i], 1), noon)
		return err
	})
	t.Logf("longest transaction of refreshes: %v", o.reset())

	ctx, stop := context.WithCancel(t.Context())
	var beside sync.WaitGroup
	var refreshed atomic.Int64
	const callers = 8
	var waits [2][callers][]time.Duration // before the sweep and beside it
	var phase atomic.Int32
	for w := range callers {
		beside.Go(func() {
			for i := w; ctx.Err() == nil; i += callers {
				waits := &waits[phase.Load()]
				begin := time.Now()
				if _, _, err := s.Rotate(ctx, scaleRotation(ids[i%len(ids)], uint32(2+i/len(ids))), noon); err == nil {
					waits[w] = append(waits[w], time.Since(begin))
					refreshed.Add(1)
				}
			}
		})
	}
	for refreshed.Load() < 2000 {
		runtime.Gosched()
	}
	phase.Store(1)
	alone := o.reset()
	begin = time.Now()
	removed, sweeps := 0, 0
	for n := 1; n > 0; sweeps++ {
		if n, err = s.Sweep(t.Context(), noon, 200); err != nil {
			t.Fatal(err)
		}
		removed += n
	}
	took := time.Since(begin)
	stop()
	beside.Wait()
	t.Logf("8 callers refresh: %s, longest transaction %v", spread(waits[0][:]), alone)
	t.Logf("8 callers refresh beside a sweep: %s, longest transaction %v; %d rows swept in %d transactions, %v", spread(waits[1][:]), o.reset(), removed, sweeps, took.Round(time.Millisecond))
	if removed != expired {
		t.Errorf("%d rows were swept, want %d", removed, expired)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("heap: %d MiB", m.HeapAlloc>>20)
}

func scaleRotation(id authserver.GrantID, generation uint32) authserver.Rotation {
	return authserver.Rotation{GrantID: id, ClientUID: grantNumber(0).ClientUID, Profile: authserver.ProfileOAuth2, Generation: generation}
}

// each calls work for 0 to n-1 and says how long one call took.
func each(t *testing.T, name string, n, workers int, work func(int) error) {
	t.Helper()
	begin := time.Now()
	inParallel(t, workers, n, work)
	took := time.Since(begin)
	t.Logf("%s: %v each, %.0f/s", name, (took / time.Duration(n)).Round(100*time.Nanosecond), float64(n)/took.Seconds())
}

// spread says how long calls took.
func spread(all [][]time.Duration) string {
	took := slices.Sorted(slices.Values(slices.Concat(all...)))
	if len(took) == 0 {
		return "none"
	}
	at := func(share float64) time.Duration {
		return took[int(share*float64(len(took)-1))].Round(time.Microsecond)
	}
	return fmt.Sprintf("%d calls, median %v, p99 %v, longest %v", len(took), at(0.5), at(0.99), at(1))
}

// sample returns the IDs of grants that will not be swept.
func sample(t *testing.T, s *Store, kept int) []authserver.GrantID {
	t.Helper()
	ids := make([]authserver.GrantID, scaleSample)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range ids {
		number := int64(1 + r.IntN(kept))
		_, err := read(t.Context(), s.readers, func(c *conn) (int, error) {
			return c.query(`SELECT id FROM grants WHERE number = ?1`, func(row *row) { row.bytes(ids[i][:]) }, number)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(ids, func(a, b authserver.GrantID) int { return slices.Compare(a[:], b[:]) })
	ids = slices.Compact(ids)
	r.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	return ids
}

// load fills the store with redeemed grants, ten for each person, and with people. The last ones may be swept.
func load(t *testing.T, path string, size, expired int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	run := func(statement string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	for _, pragma := range []string{"journal_mode = off", "synchronous = off", "cache_size = -262144", "temp_store = file"} {
		run("PRAGMA " + pragma)
	}
	indexes := map[string]string{}
	rows, err := db.QueryContext(t.Context(), `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'grants' AND sql IS NOT NULL`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var name, statement string
		if err := rows.Scan(&name, &statement); err != nil {
			t.Fatal(err)
		}
		indexes[name] = statement
	}
	if err := rows.Close(); err != nil || len(indexes) < 4 {
		t.Fatalf("%d indexes, %v", len(indexes), err)
	}
	for name := range indexes {
		run("DROP INDEX " + name)
	}
	g := grantNumber(0)
	const part = 500_000
	for from := 0; from < size; from += part {
		run(`WITH RECURSIVE count (n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM count WHERE n + 1 < ?2)
			INSERT INTO grants (id, client_uid, owner, scopes, profile, approved_at, ends_at, generation, rotated_at, previous_rotated_at,
				revoked_at, proof_hash, callback, code_challenge, proof_expires_at, kept_until)
			SELECT randomblob(16), ?3, printf('owner%021d', n / 10), 'photos.read photos.write', ?4, ?5, ?6, 1, ?5, NULL,
				NULL, randomblob(32), ?7, ?8, ?5, CASE WHEN n < ?9 THEN ?6 + n ELSE ?5 END FROM count`,
			from, min(from+part, size), g.ClientUID, string(g.Profile), millis(noon), millis(g.EndsAt), g.Proof.Callback, g.Proof.CodeChallenge, size-expired)
		t.Logf("%d of %d grants are loaded", min(from+part, size), size)
	}
	run(`WITH RECURSIVE count (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM count WHERE n + 1 < ?1)
		INSERT INTO people (subject, source, source_id, name, display_name, email, group_names, credential_version, confirmed_at)
		SELECT printf('owner%021d', n), 'users', n, 'person ' || n, 'Person ' || n, n || '@photos.example', 'family', 'first', ?2 FROM count`, size/10, millis(noon))
	for name, statement := range indexes {
		run(statement)
		t.Logf("%s is made", name)
	}
	run("PRAGMA journal_mode = wal")
}

// slowest remembers the longest transaction.
type slowest struct{ took atomic.Int64 }

func (s *slowest) Committed(_ int, took time.Duration, _ error) {
	for {
		before := s.took.Load()
		if int64(took) <= before || s.took.CompareAndSwap(before, int64(took)) {
			return
		}
	}
}

func (s *slowest) Reopened() {}

// reset returns the longest one since it was called before.
func (s *slowest) reset() time.Duration { return time.Duration(s.took.Swap(0)).Round(time.Microsecond) }
