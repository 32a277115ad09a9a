// SPDX-License-Identifier: Apache-2.0

package authtest

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/store/sqlite"
)

// openStore opens a new store in a file of the test's own.
func openStore(t testing.TB) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "gatehouse.db"))
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return s
}

// Store is the fixture's store, in SQLite, with a plug that can be pulled, and a count of reads and writes.
type Store struct {
	authserver.Store
	mu     sync.Mutex
	err    error
	reads  int
	writes int
}

// Fail makes each call end in err until it is called with nil.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Writes returns how many calls so far were to change something.
func (s *Store) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// Reads returns how many calls so far were only to know something.
func (s *Store) Reads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

func (s *Store) read() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	return s.failure()
}

func (s *Store) write() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	return s.failure()
}

func (s *Store) failure() error {
	if s.err == nil {
		return nil
	}
	return fmt.Errorf("the store was unplugged: %w", s.err)
}

// Approve is of authserver.Store.
func (s *Store) Approve(ctx context.Context, g authserver.Grant, c *authserver.Consent) error {
	if err := s.write(); err != nil {
		return err
	}
	return s.Store.Approve(ctx, g, c)
}

// ApproveUnder is of authserver.Store.
func (s *Store) ApproveUnder(ctx context.Context, g authserver.Grant, read authserver.Consent) error {
	if err := s.write(); err != nil {
		return err
	}
	return s.Store.ApproveUnder(ctx, g, read)
}

// GrantByProof is of authserver.Store.
func (s *Store) GrantByProof(ctx context.Context, proof authserver.Hash) (authserver.Grant, error) {
	if err := s.read(); err != nil {
		return authserver.Grant{}, err
	}
	return s.Store.GrantByProof(ctx, proof)
}

// Redeem is of authserver.Store.
func (s *Store) Redeem(ctx context.Context, proof authserver.Hash, now time.Time) (authserver.Grant, error) {
	if err := s.write(); err != nil {
		return authserver.Grant{}, err
	}
	return s.Store.Redeem(ctx, proof, now)
}

// Grant is of authserver.Store.
func (s *Store) Grant(ctx context.Context, id authserver.GrantID) (authserver.Grant, error) {
	if err := s.read(); err != nil {
		return authserver.Grant{}, err
	}
	return s.Store.Grant(ctx, id)
}

// OwnedGrant is of authserver.Store.
func (s *Store) OwnedGrant(ctx context.Context, id authserver.GrantID) (authserver.Grant, authserver.Person, error) {
	if err := s.read(); err != nil {
		return authserver.Grant{}, authserver.Person{}, err
	}
	return s.Store.OwnedGrant(ctx, id)
}

// Rotate is of authserver.Store.
func (s *Store) Rotate(ctx context.Context, r authserver.Rotation, now time.Time) (authserver.Grant, authserver.Person, error) {
	if err := s.write(); err != nil {
		return authserver.Grant{}, authserver.Person{}, err
	}
	return s.Store.Rotate(ctx, r, now)
}

// Revoke is of authserver.Store.
func (s *Store) Revoke(ctx context.Context, id authserver.GrantID, now time.Time) (bool, error) {
	if err := s.write(); err != nil {
		return false, err
	}
	return s.Store.Revoke(ctx, id, now)
}

// GrantsOf is of authserver.Store.
func (s *Store) GrantsOf(ctx context.Context, owner string, now time.Time) ([]authserver.Grant, error) {
	if err := s.read(); err != nil {
		return nil, err
	}
	return s.Store.GrantsOf(ctx, owner, now)
}

// ConsentsOf is of authserver.Store.
func (s *Store) ConsentsOf(ctx context.Context, owner string) ([]authserver.Consent, error) {
	if err := s.read(); err != nil {
		return nil, err
	}
	return s.Store.ConsentsOf(ctx, owner)
}

// Consent is of authserver.Store.
func (s *Store) Consent(ctx context.Context, owner, clientUID string) (authserver.Consent, error) {
	if err := s.read(); err != nil {
		return authserver.Consent{}, err
	}
	return s.Store.Consent(ctx, owner, clientUID)
}

// Forget is of authserver.Store.
func (s *Store) Forget(ctx context.Context, owner, clientUID string, now time.Time) error {
	if err := s.write(); err != nil {
		return err
	}
	return s.Store.Forget(ctx, owner, clientUID, now)
}

// Spend is of authserver.Store.
func (s *Store) Spend(ctx context.Context, key authserver.Hash, now, until time.Time) error {
	if err := s.write(); err != nil {
		return err
	}
	return s.Store.Spend(ctx, key, now, until)
}

// Spent is of authserver.Store.
func (s *Store) Spent(ctx context.Context, key authserver.Hash, now time.Time) (bool, error) {
	if err := s.read(); err != nil {
		return false, err
	}
	return s.Store.Spent(ctx, key, now)
}

// Ping is of authserver.Store.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.read(); err != nil {
		return err
	}
	return s.Store.Ping(ctx)
}
