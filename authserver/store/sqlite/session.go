// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// CreateSession keeps a session; ErrExists if its hash is there.
func (s *Store) CreateSession(ctx context.Context, session authserver.Session) error {
	const statement = `
		INSERT INTO sessions (hash, owner, authenticated_at, expires_at) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT DO NOTHING`
	return writeOnly(ctx, s.writer, func(ctx context.Context, c *conn) error {
		n, err := c.exec(ctx, statement, session.Hash[:], session.Owner,
			millis(session.AuthenticatedAt), millis(session.ExpiresAt))
		return atLeastOne(n, err, authserver.ErrExists)
	})
}

// Session returns the session with the hash, or ErrNotFound.
func (s *Store) Session(ctx context.Context, h authserver.Hash) (authserver.Session, error) {
	const query = `SELECT owner, authenticated_at, expires_at FROM sessions WHERE hash = ?1`
	return read(ctx, s.readers, func(ctx context.Context, c *conn) (authserver.Session, error) {
		found := authserver.Session{Hash: h}
		n, err := c.query(ctx, query, func(r *row) {
			found.Owner, found.AuthenticatedAt, found.ExpiresAt = r.text(), r.time(), r.time()
		}, h[:])
		return found, atLeastOne(n, err, authserver.ErrNotFound)
	})
}

// DeleteSession removes the session with the hash, if there is one.
func (s *Store) DeleteSession(ctx context.Context, h authserver.Hash) error {
	const statement = `DELETE FROM sessions WHERE hash = ?1`
	return writeOnly(ctx, s.writer, func(ctx context.Context, c *conn) error {
		_, err := c.exec(ctx, statement, h[:])
		return err
	})
}
