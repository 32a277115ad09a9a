// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// A disk without room fails in the midst of commits, and not at a place the test chose.
func TestADiskWithoutRoomIsUnavailableAndLosesNothing(t *testing.T) {
	if got := startChild(t, "full", filepath.Join(t.TempDir(), "gatehouse.db")).end(t); got != "" {
		t.Error(got)
	}
}

// fillDisk writes until the files may not grow any more, then with room again.
func fillDisk(ctx context.Context, path string) error {
	s, err := Open(ctx, path)
	if err != nil {
		return err
	}
	restore, err := limitFiles(256 << 10)
	if err != nil {
		return err
	}
	kept, failures := approveInParallel(ctx, s, 32, 20)
	if len(failures) == 0 || len(kept) == 0 {
		return fmt.Errorf("%d approvals were kept and %d refused: the limit was never met", len(kept), len(failures))
	}
	for _, err := range failures {
		if !errors.Is(err, authserver.ErrUnavailable) {
			return fmt.Errorf("an approval without room: error is %w, want ErrUnavailable", err)
		}
	}
	if err := errors.Join(allThere(ctx, s, kept), probeUntilFull(ctx, s), restore()); err != nil {
		return err
	}
	if err := s.Probe(ctx); err != nil {
		return fmt.Errorf("N105: a probe once there is room again: %w", err)
	}
	more, failures := approveInParallel(ctx, s, 32, 10)
	maps.Copy(kept, more)
	if err := errors.Join(append(failures, allThere(ctx, s, kept), s.Close())...); err != nil {
		return fmt.Errorf("once there is room again: %w", err)
	}
	if s, err = Open(ctx, path); err != nil {
		return err
	}
	return errors.Join(allThere(ctx, s, kept), s.Close())
}

// probeUntilFull probes until the last of the room is used up: the file grows by a page each time.
func probeUntilFull(ctx context.Context, s *Store) error {
	for range 256 << 10 / 4096 {
		s.writer.health.ended(0, s.writer.health.now(), errors.New("look again"))
		if err := s.Probe(ctx); errors.Is(err, authserver.ErrUnavailable) && strings.Contains(err.Error(), "the store cannot write") {
			return nil
		} else if err != nil {
			return fmt.Errorf("N105: a probe without room: %w", err)
		}
	}
	return errors.New("N105: the store says that it can write to a full disk")
}

// approveInParallel approves new grants and returns those that were kept, and the errors
// of all others.
func approveInParallel(ctx context.Context, s *Store, workers, each int) (map[authserver.GrantID]bool, []error) {
	kept := map[authserver.GrantID]bool{}
	var failures []error
	var mu sync.Mutex
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range each {
				g := grantNumber(0)
				_, _ = rand.Read(g.ID[:])
				_, _ = rand.Read(g.Proof.Hash[:])
				g.Owner = rand.Text()
				err := s.Approve(ctx, g, nil)
				mu.Lock()
				if err == nil {
					kept[g.ID] = true
				} else {
					failures = append(failures, err)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return kept, failures
}

func allThere(ctx context.Context, s *Store, ids map[authserver.GrantID]bool) error {
	for id := range ids {
		if _, err := s.Grant(ctx, id); err != nil {
			return fmt.Errorf("a grant that was kept: %w", err)
		}
	}
	return nil
}

// limitFiles lets no file of this process grow beyond size, and returns what lifts the
// limit. It stands for a full disk: writes fail, reads do not.
func limitFiles(size uint64) (restore func() error, err error) {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		return nil, err
	}
	limited := before
	limited.Cur = size
	return func() error { return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before) },
		syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limited)
}
