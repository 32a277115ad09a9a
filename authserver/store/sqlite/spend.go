// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"math"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Spend marks the key until a time, or returns ErrExists if it is marked at now.
func (s *Store) Spend(ctx context.Context, key authserver.Hash, now, until time.Time) error {
	const statement = `
		INSERT INTO spent (key, blocked_until) VALUES (?1, ?3)
		ON CONFLICT (key) DO UPDATE SET blocked_until = excluded.blocked_until WHERE blocked_until <= ?2`
	return writeOneOnly(ctx, s.writer, func(t *transaction) error {
		n, err := t.exec(statement, key[:], millis(now), millis(until))
		if err := atLeastOne(n, err, authserver.ErrExists); err != nil {
			return err
		}
		t.spentChanged(key)
		return nil
	})
}

// Spent reports whether the key is marked at now: from memory if that is known there.
func (s *Store) Spent(ctx context.Context, key authserver.Hash, now time.Time) (bool, error) {
	if ctx.Err() != nil {
		return false, unavailable("read", context.Cause(ctx))
	}
	until, found, ticket, err := s.memory.spentUntil(key)
	if err == nil && !found {
		until, err = s.readSpent(ctx, key, ticket)
	}
	return err == nil && until > millis(now), err
}

// notSpent is until when a key is spent that there is no row of.
const notSpent = math.MinInt64

// readSpent reads until when the key is spent, and remembers it.
func (s *Store) readSpent(ctx context.Context, key authserver.Hash, t ticket) (int64, error) {
	const query = `SELECT blocked_until FROM spent WHERE key = ?1`
	until, err := read(ctx, s.readers, func(c *conn) (int64, error) {
		until := int64(notSpent)
		_, err := c.query(query, func(r *row) { until = r.integer() }, key[:])
		return until, err
	})
	if err == nil {
		s.memory.rememberSpent(t, key, until)
	}
	return until, err
}
