// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// observed is an Observer that remembers its calls.
type observed struct {
	mu       sync.Mutex
	commits  []int // how many writes shared each transaction
	failed   int
	reopened int
}

func (o *observed) Committed(writes int, took time.Duration, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.commits = append(o.commits, writes)
	if err != nil || took < 0 {
		o.failed++
	}
}

// count returns how many transactions there were.
func (o *observed) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.commits)
}

func (o *observed) Reopened() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reopened++
}

func openObserved(t *testing.T) (*Store, *observed, string) {
	t.Helper()
	path, o := filepath.Join(t.TempDir(), "gatehouse.db"), &observed{}
	s, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, o, path
}

func TestTheObserverSeesEachTransaction(t *testing.T) {
	s, o, _ := openObserved(t)
	var broken atomic.Bool
	onCommit(t, s, func() bool { return !broken.Load() })
	release := hold(t, s)
	calls := make([]func() error, 7)
	for i := range calls {
		calls[i] = func() error { return s.Approve(t.Context(), grantNumber(i), nil) }
	}
	results := start(t, s, calls...)
	if got := s.QueueLength(); got != len(calls) {
		t.Errorf("%d writes wait, want %d", got, len(calls))
	}
	release()
	for _, result := range results {
		if err := <-result; err != nil {
			t.Errorf("a write that waited: %v", err)
		}
	}
	broken.Store(true)
	if err := s.Approve(t.Context(), grantNumber(99), nil); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("a commit that fails: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if want := []int{1, 1, 7, 1}; !slices.Equal(o.commits, want) || o.failed != 1 {
		t.Errorf("saw %v and %d failures, want %v and 1", o.commits, o.failed, want)
	}
}

// N105: the probe finds out that the store cannot write, and that it can again.
func TestN105TheProbeWritesOnlyWhenItHasTo(t *testing.T) {
	s, o, _ := openObserved(t)
	now := time.Now()
	s.writer.health.now = func() time.Time { return now }
	var broken atomic.Bool
	onCommit(t, s, func() bool { return !broken.Load() })
	probe := func(name string, writes int, works bool) {
		t.Helper()
		o.mu.Lock()
		before := len(o.commits)
		o.mu.Unlock()
		if err := s.Probe(t.Context()); (err == nil) != works {
			t.Errorf("%s: %v", name, err)
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		if got := len(o.commits) - before; got != writes {
			t.Errorf("%s: the probe wrote %d times, want %d", name, got, writes)
		}
	}
	probe("after a commit", 0, true)
	now = now.Add(probeAfter)
	probe("when nothing was committed for a while", 1, true)
	probe("and then", 0, true)
	broken.Store(true)
	probe("nobody has noticed yet", 0, true)
	if err := s.Approve(t.Context(), grantNumber(1), nil); !errors.Is(err, authserver.ErrUnavailable) {
		t.Fatal(err)
	}
	probe("after a commit that failed", 1, false)
	probe("and again", 1, false)
	broken.Store(false)
	probe("when it works again", 1, true)
	probe("and is known to", 0, true)
	now = now.Add(-time.Hour)
	probe("with a clock that was set back", 1, true)
}

// N105: a writer that hangs, as with a disk that does not answer.
func TestN105TheProbeDoesNotWaitForAWriterThatHangs(t *testing.T) {
	s, _, _ := openObserved(t)
	hold(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	probed := make(chan error, 1)
	go func() { probed <- s.Probe(ctx) }()
	awaitQueue(t, s, 1)
	cancel()
	if err := <-probed; !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("a probe behind a writer that hangs: %v", err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("a read meanwhile: %v", err)
	}
}

// N106: a connection that went bad is replaced. The descriptors of the connections are made to lead
// elsewhere, which no connection recovers from.
func TestN106AConnectionThatWentBadIsOpenedAnew(t *testing.T) {
	for _, row := range []struct {
		name  string
		which func(all []int) []int // of the descriptors, the writer's first
		use   func(ctx context.Context, s *Store) error
	}{
		{"readers", func(all []int) []int { return all[1:] }, func(ctx context.Context, s *Store) error {
			_, err := s.Grant(ctx, grantNumber(0).ID)
			return err
		}},
		{"writer", func(all []int) []int { return all[:1] }, func(ctx context.Context, s *Store) error {
			_, _, err := s.Rotate(ctx, rotation(grantNumber(0), 0), noon)
			return refusalIsFine(err)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, o, path := openObserved(t)
			fill(t, s, 1)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			// Now nothing is in the memory of a connection, or in the log beside the file.
			s, err := Open(t.Context(), path, o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			for _, fd := range append(row.which(descriptors(t, path)), row.which(descriptors(t, path+"-wal"))...) {
				leadElsewhere(t, fd)
			}
			failures := 0
			for range 10 * minReaders { // more than there are connections
				if err := row.use(t.Context(), s); err != nil {
					if failures++; !errors.Is(err, authserver.ErrUnavailable) {
						t.Fatal(err)
					}
				}
			}
			if o.mu.Lock(); failures == 0 || o.reopened == 0 {
				t.Errorf("%d failures, %d connections opened anew: the fault did not show", failures, o.reopened)
			}
			o.mu.Unlock()
			for range 2 * cap(s.readers.idle) {
				if err := row.use(t.Context(), s); err != nil {
					t.Fatalf("a connection stays bad: %v", err)
				}
			}
		})
	}
}

func refusalIsFine(err error) error {
	if refusal(err) {
		return nil
	}
	return err
}

// descriptors returns those of this process that lead to the file, in the order of their opening.
func descriptors(t *testing.T, path string) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && to == path {
			fd, err := strconv.Atoi(e.Name())
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, fd)
		}
	}
	slices.Sort(found)
	if len(found) < 2 {
		t.Fatalf("descriptors of %s: %v", path, found)
	}
	return found
}

// leadElsewhere makes the descriptor lead to a file of garbage.
func leadElsewhere(t *testing.T, fd int) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), fmt.Sprint(fd)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, 1<<16)); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Dup3(int(f.Fd()), fd, 0); err != nil {
		t.Fatal(err)
	}
}
