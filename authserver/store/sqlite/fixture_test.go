// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	driversqlite "modernc.org/sqlite"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

var noon = time.Date(2030, 5, 4, 12, 0, 0, 0, time.UTC)

func openAt(tb testing.TB, path string) *Store {
	tb.Helper()
	s, err := Open(tb.Context(), path)
	if err != nil {
		tb.Fatalf("Open(%s) = %v", path, err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("Close() = %v", err)
		}
	})
	return s
}

func openNew(tb testing.TB) *Store {
	tb.Helper()
	return openAt(tb, filepath.Join(tb.TempDir(), "gatehouse.db"))
}

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

// confirmed is what a directory that sees each change said of a person at noon.
func confirmed(subject string) authserver.Confirmation {
	return authserver.Confirmation{Person: authserver.Person{ConfirmedAt: noon, Owner: authserver.Owner{
		Subject: subject, Source: "users", Name: "bob", DisplayName: "Bob", Email: "bob@photos.example",
		Groups: []string{"family", "photo club"}, CredentialVersion: "first",
	}}}
}

// fill approves and redeems the grants number 0 to n-1.
func fill(tb testing.TB, s *Store, n int) {
	tb.Helper()
	inParallel(tb, 64, n, func(i int) error {
		g := grantNumber(i)
		if err := s.Approve(tb.Context(), g, nil); err != nil {
			return err
		}
		_, err := s.Redeem(tb.Context(), g.Proof.Hash, noon)
		return err
	})
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

// hold keeps the writer in a transaction until release is called, so that everything
// asked of it meanwhile makes up the next one.
func hold(t *testing.T, s *Store) (release func()) {
	t.Helper()
	held, end := make(chan struct{}), make(chan struct{})
	o := &operation{caller: t.Context(), answer: make(chan error, 1), run: func(*transaction) error {
		close(held)
		<-end
		return nil
	}}
	if err := s.writer.enqueue(o); err != nil {
		t.Fatalf("enqueue: %v", err)
	}
	<-held
	release = sync.OnceFunc(func() { close(end) })
	t.Cleanup(release)
	return release
}

// awaitQueue waits until n writes wait for the writer.
func awaitQueue(t *testing.T, s *Store, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ; len(s.writer.queue) != n; runtime.Gosched() {
		if ctx.Err() != nil {
			t.Fatalf("%d writes wait, want %d", len(s.writer.queue), n)
		}
	}
}

// start makes each call in a goroutine, one after the other into the queue of a writer
// that is held, and returns where their errors arrive.
func start(t *testing.T, s *Store, calls ...func() error) []chan error {
	t.Helper()
	results := make([]chan error, len(calls))
	waiting := len(s.writer.queue)
	for i, call := range calls {
		results[i] = make(chan error, 1)
		go func() { results[i] <- call() }()
		awaitQueue(t, s, waiting+i+1)
	}
	return results
}

// onCommit calls hook at each commit, which fails if hook returns false.
func onCommit(tb testing.TB, s *Store, hook func() bool) {
	tb.Helper()
	err := writeOnly(tb.Context(), s.writer, func(c *transaction) error {
		c.driver.(driversqlite.HookRegisterer).RegisterCommitHook(func() int32 {
			if hook() {
				return 0
			}
			return 1
		})
		return nil
	})
	if err != nil {
		tb.Fatalf("register a commit hook: %v", err)
	}
}

// number runs a statement on the writer's connection that gives one number.
func number(tb testing.TB, s *Store, statement string) (n int64) {
	tb.Helper()
	err := writeOnly(tb.Context(), s.writer, func(c *transaction) error {
		_, err := c.query(statement, func(r *row) { n = r.integer() })
		return err
	})
	if err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
	return n
}

// revoked is for where only the error of Store.Revoke matters.
func revoked(_ bool, err error) error { return err }

// rotation is a refresh of the grant by its own client, with a token of the generation.
func rotation(g authserver.Grant, generation uint32) authserver.Rotation {
	return authserver.Rotation{GrantID: g.ID, ClientUID: g.ClientUID, Profile: g.Profile, Generation: generation}
}
