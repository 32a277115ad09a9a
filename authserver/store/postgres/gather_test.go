// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

// follower notes what a store tells its observer.
type follower struct {
	mu       sync.Mutex
	batches  []int
	reopened int
	waiting  chan error    // what the store waits for; nil: not asked for
	opened   chan struct{} // closed when it is open
}

func (f *follower) Committed(writes int, _ time.Duration, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		f.batches = append(f.batches, writes)
	}
}

func (f *follower) Reopened() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reopened++
}

func (f *follower) Waiting(_ time.Duration, why error) {
	select {
	case f.waiting <- why:
	default:
	}
}

func (f *follower) Opened(time.Duration) {
	if f.opened != nil {
		close(f.opened)
	}
}

// largest returns how many writes shared a batch at most.
func (f *follower) largest() (most int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.batches {
		most = max(most, n)
	}
	return most
}

// gathering is a store with some grants, and a connection that holds up who writes grants.
type gathering struct {
	*Store
	follower *follower
	other    *pgx.Conn
}

func startGathering(t *testing.T, parameters string) *gathering {
	t.Helper()
	address := postgrestest.DSN(t, postgrestest.WithoutFsync())
	g := &gathering{follower: &follower{}}
	s, err := Open(t.Context(), with(address, parameters), g.follower)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if g.other, err = pgx.Connect(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.other.Close(context.WithoutCancel(t.Context())) })
	g.Store = s
	fill(t, s, 600)
	return g
}

// with adds parameters to an address.
func with(address, parameters string) string {
	if strings.Contains(address, "?") {
		return address + "&" + parameters
	}
	return address + "?" + parameters
}

// exec runs a statement on the other connection.
func (g *gathering) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := g.other.Exec(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// hold makes every statement wait that touches grants, until release is called. It returns when one of the
// gatherer's writes waits, on the pipeline of the grants that onOnePipeline returns.
func (g *gathering) hold(t *testing.T) (release func()) {
	t.Helper()
	g.exec(t, "BEGIN")
	g.exec(t, "LOCK TABLE grants IN ACCESS EXCLUSIVE MODE")
	first := g.begin(func() error { return revoked(g.Revoke(t.Context(), onOnePipeline(599).ID, noon)) })
	g.awaitWaiting(t, 1)
	return sync.OnceFunc(func() {
		g.exec(t, "COMMIT")
		if err := <-first; err != nil {
			t.Errorf("what held the pipeline up: %v", err)
		}
	})
}

// awaitWaiting waits until that many of the gatherer's statements wait for the table.
func (g *gathering) awaitWaiting(t *testing.T, n int) {
	t.Helper()
	const query = `SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
	await(t, fmt.Sprintf("%d statements wait", n), func() bool {
		var waiting int
		if err := g.other.QueryRow(t.Context(), query).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		return waiting == n
	})
}

// awaitQueue waits until that many calls wait for the pipelines.
func (g *gathering) awaitQueue(t *testing.T, n int) {
	t.Helper()
	await(t, fmt.Sprintf("%d calls wait", n), func() bool { return g.QueueLength() == n })
}

func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ; !so(); runtime.Gosched() {
		if ctx.Err() != nil {
			t.Fatalf("it is not so that %s", what)
		}
	}
}

// begin makes a call in a goroutine and returns where its error arrives.
func (*gathering) begin(call func() error) chan error {
	result := make(chan error, 1)
	go func() { result <- call() }()
	return result
}

// onOnePipeline returns a grant at or after number n whose ID and proof belong to the first pipeline.
func onOnePipeline(n int) authserver.Grant {
	for ; ; n-- {
		if g := grantNumber(n); g.ID[0]%writePipelines == 0 && g.Proof.Hash[0]%writePipelines == 0 {
			return g
		}
	}
}

// differentGrants returns n grants of the first pipeline.
func differentGrants(n int) []authserver.Grant {
	var list []authserver.Grant
	for i := 0; len(list) < n; i++ {
		if g := grantNumber(i); onOnePipeline(i).ID == g.ID {
			list = append(list, g)
		}
	}
	return list
}

func revoked(_ bool, err error) error { return err }

func (g *gathering) refresh(t *testing.T, of authserver.Grant) func() error {
	return func() error {
		_, _, err := g.Rotate(t.Context(), rotationOf(of, 1), noon)
		return err
	}
}

func (g *gathering) generation(t *testing.T, of authserver.Grant) uint32 {
	t.Helper()
	kept, err := g.Grant(t.Context(), of.ID)
	if err != nil {
		t.Fatal(err)
	}
	return kept.Generation
}

func TestWhatWaitsSharesABatch(t *testing.T) {
	t.Parallel()
	g := startGathering(t, "")
	release := g.hold(t)
	grants := differentGrants(60)
	var results []chan error
	for i, of := range grants {
		calls := []func() error{
			g.refresh(t, of),
			func() error { return revoked(g.Revoke(t.Context(), of.ID, noon)) },
			func() error { return g.Spend(t.Context(), of.Proof.Hash, noon, noon.Add(time.Hour)) },
		}
		results = append(results, g.begin(calls[i%len(calls)]))
	}
	g.awaitQueue(t, len(grants))
	release()
	for i, result := range results {
		if err := <-result; err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if got := g.follower.largest(); got != len(grants) {
		t.Errorf("%d writes shared a batch, want %d", got, len(grants))
	}
}

// N165: what one operation holds that the database does not take undoes no other.
func TestN165AFaultOfOneOperationFailsNoOther(t *testing.T) {
	t.Parallel()
	for _, parameters := range []string{"", "default_query_exec_mode=exec"} {
		g := startGathering(t, parameters)
		release := g.hold(t)
		grants := differentGrants(5)
		broken := rotationOf(grants[0], 1)
		broken.ClientUID = "no text\x00"
		own := g.begin(func() error { _, _, err := g.Rotate(t.Context(), broken, noon); return err })
		var results []chan error
		for _, of := range grants[1:] {
			results = append(results, g.begin(g.refresh(t, of)))
		}
		spent := g.begin(func() error { return g.Spend(t.Context(), grants[0].Proof.Hash, noon, noon.Add(time.Hour)) })
		g.awaitQueue(t, len(grants)+1)
		release()
		for i, result := range append(results, spent) {
			if err := <-result; err != nil {
				t.Errorf("call %d beside it: %v", i, err)
			}
		}
		if err := <-own; err == nil || errors.Is(err, authserver.ErrUnavailable) {
			t.Errorf("the broken call: %v", err)
		}
		for i, of := range grants {
			if got, want := g.generation(t, of), uint32(min(i, 1)+1); got != want {
				t.Errorf("grant %d is in generation %d, want %d", i, got, want)
			}
		}
	}
}

func TestACallWhoseCallerIsGoneIsNotMade(t *testing.T) {
	t.Parallel()
	g := startGathering(t, "")
	release := g.hold(t)
	of := differentGrants(1)[0]
	ctx, cancel := context.WithCancelCause(t.Context())
	result := g.begin(func() error { _, _, err := g.Rotate(ctx, rotationOf(of, 1), noon); return err })
	g.awaitQueue(t, 1)
	gone := errors.New("the caller is gone")
	cancel(gone)
	if err := <-result; !errors.Is(err, authserver.ErrUnavailable) || !errors.Is(err, gone) {
		t.Errorf("Rotate() = %v", err)
	}
	release()
	if err := g.refresh(t, of)(); err != nil {
		t.Errorf("it was made all the same: %v", err)
	}
}

// N166: of a write that was lost with its connection nobody knows whether it happened: it must not be made
// again, and nobody may be told that it happened.
func TestN166AWriteThatWasLostWithItsConnectionIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	g := startGathering(t, "")
	g.exec(t, "BEGIN")
	g.exec(t, "LOCK TABLE grants IN ACCESS EXCLUSIVE MODE")
	grants := differentGrants(20)
	var writes []chan error
	for _, of := range grants {
		writes = append(writes, g.begin(g.refresh(t, of)))
	}
	read := g.begin(func() error { _, _, err := g.OwnedGrant(t.Context(), grants[0].ID); return err })
	g.awaitWaiting(t, 2)
	g.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	g.exec(t, "COMMIT")
	if err := <-read; err != nil {
		t.Errorf("a read is made again: %v", err)
	}
	lost := 0
	for i, write := range writes {
		err := <-write
		if err != nil && !errors.Is(err, authserver.ErrUnavailable) {
			t.Errorf("write %d: %v", i, err)
		}
		if got := g.generation(t, grants[i]); (got == 2) != (err == nil) {
			t.Errorf("write %d: %v, and the grant is in generation %d", i, err, got)
		}
		if err != nil {
			lost++
		}
	}
	if lost == 0 {
		t.Error("no write was lost")
	}
	if err := g.Spend(t.Context(), hashNumber(1), noon, noon.Add(time.Hour)); err != nil {
		t.Errorf("Spend on a new connection: %v", err)
	}
}

// N166, the other half: the database may refuse at the very end, when every statement has succeeded.
func TestN166AFailingCommitIsUnavailableToAllAndKeepsNothing(t *testing.T) {
	t.Parallel()
	for _, parameters := range []string{"", "default_query_exec_mode=exec", "default_query_exec_mode=cache_describe"} {
		g := startGathering(t, parameters)
		g.exec(t, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$`)
		g.exec(t, `CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON grants DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
			WHEN (new.generation > 1) EXECUTE FUNCTION refuse()`)
		release := g.hold(t)
		grants := differentGrants(3)
		results := []chan error{g.begin(g.refresh(t, grants[0])), g.begin(g.refresh(t, grants[1])),
			g.begin(func() error { return g.Spend(t.Context(), grants[2].Proof.Hash, noon, noon.Add(time.Hour)) })}
		g.awaitQueue(t, len(results))
		release()
		for i, result := range results {
			if err := <-result; !errors.Is(err, authserver.ErrUnavailable) {
				t.Errorf("%s: call %d: %v", parameters, i, err)
			}
		}
		if spent, err := g.Spent(t.Context(), grants[2].Proof.Hash, noon); spent || err != nil {
			t.Errorf("%s: something was kept: %t, %v", parameters, spent, err)
		}
		g.exec(t, "DROP TRIGGER refuse ON grants")
		if err := g.refresh(t, grants[0])(); err != nil {
			t.Errorf("%s: Rotate after the fault: %v", parameters, err)
		}
	}
}

// Beside a listing that hangs, refreshes go on.
func TestAListingThatHangsStandsBeforeNothing(t *testing.T) {
	t.Parallel()
	g := startGathering(t, "pool_max_conns=6")
	g.exec(t, "BEGIN")
	g.exec(t, "LOCK TABLE consents IN ACCESS EXCLUSIVE MODE")
	var listings []chan error
	for range minPoolConnections {
		listings = append(listings, g.begin(func() error { _, err := g.ConsentsOf(t.Context(), "bob"); return err }))
	}
	g.awaitWaiting(t, minPoolConnections)
	for _, of := range differentGrants(10) {
		if err := g.refresh(t, of)(); err != nil {
			t.Error(err)
		}
		if _, _, err := g.OwnedGrant(t.Context(), of.ID); err != nil {
			t.Error(err)
		}
	}
	g.exec(t, "COMMIT")
	for _, listing := range listings {
		if err := <-listing; err != nil {
			t.Error(err)
		}
	}
}

func TestTwoWritesOfOneRowShareNoBatch(t *testing.T) {
	queue := make(chan *call, 10)
	for _, key := range []string{"b", "a", "b", "c", "a", "b"} {
		queue <- &call{kind: rotating, key: key}
	}
	queue <- &call{kind: revoking, key: "a"} // a statement of its own
	b := batch{taken: map[rowKey]bool{}}
	var held []*call
	for i, want := range []string{"abca", "ab", "ab"} {
		var first *call
		if i == 0 {
			first = &call{kind: rotating, key: "a"}
		}
		held = b.collect(first, held, queue)
		got := ""
		for _, c := range b.calls {
			got += c.key
		}
		if got != want {
			t.Errorf("batch %d is %q, want %q", i, got, want)
		}
	}
	if len(held) != 0 || len(queue) != 0 {
		t.Errorf("%d calls are held, %d wait", len(held), len(queue))
	}
}

func TestReadsOfOneRowShareABatch(t *testing.T) {
	queue := make(chan *call, 10)
	for range 3 {
		queue <- &call{kind: ownedGrant, key: "a"}
	}
	var b batch
	if held := b.collect(<-queue, nil, queue); len(b.calls) != 3 || len(held) != 0 {
		t.Errorf("%d reads share a batch, %d are held", len(b.calls), len(held))
	}
}

func TestAFullQueueIsUnavailable(t *testing.T) {
	g := &gatherer{reads: make(chan *call, 2), writes: []chan *call{make(chan *call, 1)}}
	for i, test := range []struct {
		kind *kind
		want error
	}{{ownedGrant, nil}, {rotating, nil}, {rotating, errFull}, {ownedGrant, nil}, {ownedGrant, errFull}} {
		if err := g.enqueue(&call{kind: test.kind, key: "a"}); !errors.Is(err, test.want) {
			t.Errorf("call %d: %v, want %v", i, err, test.want)
		}
	}
	if g.waiting.Load() != 3 || !errors.Is(errFull, authserver.ErrUnavailable) {
		t.Errorf("%d calls wait", g.waiting.Load())
	}
	g.close()
	if err := g.enqueue(&call{kind: rotating, key: "a"}); !errors.Is(err, errClosed) {
		t.Errorf("after the end: %v", err)
	}
}

func TestABatchIsBounded(t *testing.T) {
	queue := make(chan *call, maxBatch+10)
	for i := range maxBatch + 10 {
		queue <- &call{kind: rotating, key: string(rune('a' + i))}
	}
	b := batch{taken: map[rowKey]bool{}}
	b.collect(<-queue, nil, queue)
	if len(b.calls) != maxBatch {
		t.Errorf("%d calls share a batch, want %d", len(b.calls), maxBatch)
	}
}

func TestKindsAndKeysComeInOneOrder(t *testing.T) {
	calls := []*call{{kind: spending, key: "b"}, {kind: rotating, key: "b"}, {kind: spending, key: "a"}, {kind: revoking, key: "z"}, {kind: rotating, key: "a"}}
	got := ""
	for _, of := range byKind(calls) {
		for _, c := range of {
			got += c.kind.name[:3] + c.key + " "
		}
	}
	if want := "refa refb revz spea speb "; got != want {
		t.Errorf("the order is %q, want %q", got, want)
	}
}
