// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"time"
)

// Sweep removes at most limit rows that mean nothing any more at now and returns how
// many it removed. While it runs no other write does, so the limit should be small
// (some hundred); call it until it returns less than the limit.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	statements := [...]string{
		`DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)`,
		`DELETE FROM spent WHERE key IN (SELECT key FROM spent WHERE blocked_until <= ?1 ORDER BY blocked_until LIMIT ?2)`,
		`DELETE FROM grants WHERE number IN (SELECT number FROM grants WHERE kept_until <= ?1 ORDER BY kept_until LIMIT ?2)`,
	}
	return write(ctx, s.writer, func(ctx context.Context, c *conn) (removed int, err error) {
		for _, statement := range statements {
			// A negative LIMIT would be none (https://sqlite.org/lang_select.html#limitoffset).
			n, err := c.exec(ctx, statement, millis(now), int64(max(0, limit-removed)))
			if err != nil {
				return removed, err
			}
			removed += n
		}
		return removed, nil
	})
}
