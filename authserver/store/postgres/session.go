// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// CreateSession keeps a session and what was confirmed of its owner; ErrExists if its hash is there. With
// an owner who is kept already, one row is written.
func (s *Store) CreateSession(ctx context.Context, session authserver.Session, c authserver.Confirmation) error {
	const insert = `
		INSERT INTO sessions (hash, bucket, owner, authenticated_at, expires_at, credential_version, methods, first_hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT DO NOTHING`
	const surplus = `
		DELETE FROM sessions WHERE hash IN (
			SELECT hash FROM sessions WHERE owner = $1 AND hash <> $2 ORDER BY authenticated_at DESC OFFSET $3)`
	confirm, methods := confirmPeople(c), methodText(session.Methods)
	if c.Subject == "" {
		confirm = confirmPeople()
	}
	_, err := transact(ctx, s, "keep the session", func(ctx context.Context, q querier) (struct{}, error) {
		var inserted int64
		err := send(ctx, q, func(b *pgx.Batch) {
			confirm(b)
			b.Queue(insert, session.Hash[:], bucketOf(session.Hash[:]), session.Owner,
				millis(session.AuthenticatedAt), millis(session.ExpiresAt), session.CredentialVersion, methods, optionalHash(session.First),
			).Exec(func(tag pgconn.CommandTag) error {
				inserted = tag.RowsAffected()
				return nil
			})
			b.Queue(surplus, session.Owner, session.Hash[:], int64(authserver.MaxSessions-1))
			endSessions(b, session.Owner)
		})
		if err == nil && inserted == 0 {
			err = authserver.ErrExists
		}
		return struct{}{}, err
	})
	return err
}

// SessionsOf returns the owner's sessions that have not expired at now, newest first.
func (s *Store) SessionsOf(ctx context.Context, owner string, now time.Time) ([]authserver.Session, error) {
	const query = `
		SELECT hash, authenticated_at, expires_at, credential_version, methods, first_hash FROM sessions
		WHERE owner = $1 AND expires_at > $2 ORDER BY authenticated_at DESC, hash`
	return single(ctx, s, "read the sessions", func(ctx context.Context, q querier) (found []authserver.Session, err error) {
		var hash, first []byte
		var authenticated, expires int64
		var version, methods string
		rows, err := q.Query(ctx, query, owner, millis(now))
		if err != nil {
			return nil, err
		}
		return found, each(rows, []any{&hash, &authenticated, &expires, &version, &methods, &first}, func() error {
			session := authserver.Session{Owner: owner, AuthenticatedAt: timeOf(authenticated), ExpiresAt: timeOf(expires),
				CredentialVersion: version, Methods: methodsOf(methods)}
			err := errors.Join(fixed(session.Hash[:], hash), optionalFixed(session.First[:], first))
			found = append(found, session)
			return err
		})
	})
}

// DeleteSession removes the owner's session with the hash, if there is one.
func (s *Store) DeleteSession(ctx context.Context, owner string, h authserver.Hash) error {
	return s.deleteSessions(ctx, "end the session", owner, `DELETE FROM sessions WHERE owner = $1 AND hash = $2`, h)
}

// DeleteSessions removes all sessions of the owner but one.
func (s *Store) DeleteSessions(ctx context.Context, owner string, but authserver.Hash) error {
	return s.deleteSessions(ctx, "end the sessions", owner, `DELETE FROM sessions WHERE owner = $1 AND hash <> $2`, but)
}

func (s *Store) deleteSessions(ctx context.Context, doing, owner, statement string, h authserver.Hash) error {
	_, err := transact(ctx, s, doing, func(ctx context.Context, q querier) (struct{}, error) {
		return struct{}{}, send(ctx, q, func(b *pgx.Batch) {
			b.Queue(statement, owner, h[:])
			endSessions(b, owner)
		})
	})
	return err
}
