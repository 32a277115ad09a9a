// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Spend marks the key until a time, or returns ErrExists if it is marked at now.
func (s *Store) Spend(ctx context.Context, key authserver.Hash, now, until time.Time) error {
	const statement = `
		INSERT INTO spent (key, blocked_until) VALUES (?1, ?3)
		ON CONFLICT (key) DO UPDATE SET blocked_until = excluded.blocked_until WHERE blocked_until <= ?2`
	return writeOnly(ctx, s.writer, func(c *conn) error {
		n, err := c.exec(statement, key[:], millis(now), millis(until))
		return atLeastOne(n, err, authserver.ErrExists)
	})
}

// Spent reports whether the key is marked at now.
func (s *Store) Spent(ctx context.Context, key authserver.Hash, now time.Time) (bool, error) {
	const query = `SELECT 1 FROM spent WHERE key = ?1 AND blocked_until > ?2`
	return read(ctx, s.readers, func(c *conn) (bool, error) {
		n, err := c.query(query, func(*row) {}, key[:], millis(now))
		return n > 0, err
	})
}
