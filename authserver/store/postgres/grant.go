// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Grant returns the grant with the ID, or ErrNotFound.
func (s *Store) Grant(ctx context.Context, id authserver.GrantID) (authserver.Grant, error) {
	return s.oneGrant(ctx, `SELECT `+grantColumns+` FROM grants g WHERE g.id = $1`, id[:])
}

// GrantByProof returns the grant with the proof, whatever became of it, or ErrNotFound.
func (s *Store) GrantByProof(ctx context.Context, proof authserver.Hash) (authserver.Grant, error) {
	return s.oneGrant(ctx, `SELECT `+grantColumns+` FROM grants g WHERE g.proof_hash = $1`, proof[:])
}

func (s *Store) oneGrant(ctx context.Context, query string, key []byte) (authserver.Grant, error) {
	return single(ctx, s, "read the grant", func(ctx context.Context, q querier) (authserver.Grant, error) {
		var row grantRow
		if err := oneRow(q.QueryRow(ctx, query, key), row.fields(), authserver.ErrNotFound); err != nil {
			return authserver.Grant{}, err
		}
		return row.grant()
	})
}

// GrantsOf returns the owner's grants that are live at now, oldest first.
func (s *Store) GrantsOf(ctx context.Context, owner string, now time.Time) ([]authserver.Grant, error) {
	const query = `
		SELECT ` + grantColumns + ` FROM grants g
		WHERE g.owner = $1 AND g.revoked_at IS NULL AND g.ends_at > $2 AND (g.generation > 0 OR g.proof_expires_at > $2)
		ORDER BY g.approved_at, g.id`
	return s.readGrants(ctx, query, owner, millis(now))
}

// GrantsPage returns grants that are live at now and that f chooses, by ID, from the one that follows after on.
func (s *Store) GrantsPage(ctx context.Context, f authserver.GrantFilter, now time.Time, after authserver.GrantID, limit int) ([]authserver.Grant, error) {
	const query = `SELECT ` + grantColumns + ` FROM grants g
		WHERE g.revoked_at IS NULL AND g.ends_at > $2 AND (g.generation > 0 OR g.proof_expires_at > $2) AND g.id > $3 `
	const order = ` ORDER BY g.id LIMIT $4`
	args := []any{f.ClientUID, millis(now), after[:], int64(max(0, limit))}
	if f.Owner == "" {
		return s.readGrants(ctx, query+`AND g.client_uid = $1`+order, args...)
	}
	args[0] = f.Owner
	if f.ClientUID == "" {
		return s.readGrants(ctx, query+`AND g.owner = $1`+order, args...)
	}
	return s.readGrants(ctx, query+`AND g.owner = $1 AND g.client_uid = $5`+order, append(args, f.ClientUID)...)
}

func (s *Store) readGrants(ctx context.Context, query string, args ...any) ([]authserver.Grant, error) {
	return single(ctx, s, "read the grants", func(ctx context.Context, q querier) (found []authserver.Grant, err error) {
		var row grantRow
		rows, err := q.Query(ctx, query, args...)
		if err != nil {
			return nil, err
		}
		return found, each(rows, row.fields(), func() error {
			g, err := row.grant()
			found = append(found, g)
			return err
		})
	})
}
