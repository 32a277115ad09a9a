// SPDX-License-Identifier: Apache-2.0

package authtest

import (
	"context"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// NoteUses is of authserver.Store.
func (s *Store) NoteUses(ctx context.Context, uses []authserver.Use) error {
	if err := s.write(); err != nil {
		return err
	}
	return s.Store.NoteUses(ctx, uses)
}

// Uses is of authserver.Store.
func (s *Store) Uses(ctx context.Context, uid, afterUID, afterCredentialID string, limit int) ([]authserver.Use, error) {
	if err := s.read(); err != nil {
		return nil, err
	}
	return s.Store.Uses(ctx, uid, afterUID, afterCredentialID, limit)
}

// GrantsPage is of authserver.Store.
func (s *Store) GrantsPage(ctx context.Context, f authserver.GrantFilter, now time.Time, after authserver.GrantID, limit int) ([]authserver.Grant, error) {
	if err := s.read(); err != nil {
		return nil, err
	}
	return s.Store.GrantsPage(ctx, f, now, after, limit)
}
