// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"database/sql/driver"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// never is how the time is kept of what has not happened.
const never = 0

// neverMillis is how a time is kept that may be zero.
func neverMillis(t time.Time) int64 {
	if t.IsZero() {
		return never
	}
	return t.UnixMilli()
}

// neverTime reads what neverMillis wrote.
func (r *row) neverTime() time.Time {
	if ms := r.integer(); ms != never {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}

// NoteUses adds what was noted to what is kept of the same credentials.
func (s *Store) NoteUses(ctx context.Context, uses []authserver.Use) error {
	const statement = `
		INSERT INTO uses (client_uid, credential_id, since, used_at, challenged, unchallenged, challenged_at, unchallenged_at, id_token_bytes, id_token_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
		ON CONFLICT (client_uid, credential_id) DO UPDATE SET
			since = min(since, ?3), used_at = max(used_at, ?4), challenged = challenged + ?5, unchallenged = unchallenged + ?6,
			challenged_at = max(challenged_at, ?7), unchallenged_at = max(unchallenged_at, ?8),
			id_token_bytes = CASE WHEN ?9 > 0 AND (?9 >= id_token_bytes OR id_token_at <= ?10 - ?11) THEN ?9 ELSE id_token_bytes END,
			id_token_at = CASE WHEN ?9 > 0 AND (?9 >= id_token_bytes OR id_token_at <= ?10 - ?11) THEN ?10 ELSE id_token_at END`
	const old = `DELETE FROM uses WHERE client_uid = ?1 AND credential_id NOT IN ('', ?2) AND used_at <= ?3`
	uses = slices.Clone(uses) // the caller may be gone, and change them, while this waits
	return writeOnly(ctx, s.writer, func(t *transaction) error {
		for _, u := range uses {
			_, err := t.exec(statement, u.UID, u.CredentialID, millis(u.Since), millis(u.UsedAt), u.Challenged, u.Unchallenged,
				neverMillis(u.ChallengedAt), neverMillis(u.UnchallengedAt), u.IDTokenBytes, neverMillis(u.IDTokenAt), authserver.IDTokenMemory.Milliseconds())
			if err != nil {
				return err
			}
			if _, err := t.exec(old, u.UID, u.CredentialID, millis(u.UsedAt.Add(-authserver.UseMemory))); err != nil {
				return err
			}
		}
		return nil
	})
}

// Uses returns uses of the UID, or of all where it is empty, by UID and credential ID, from the one that follows them on.
func (s *Store) Uses(ctx context.Context, uid, afterUID, afterCredentialID string, limit int) ([]authserver.Use, error) {
	const query = `
		SELECT client_uid, credential_id, since, used_at, challenged, unchallenged, challenged_at, unchallenged_at, id_token_bytes, id_token_at
		FROM uses WHERE (client_uid, credential_id) > (?1, ?2) `
	const order = ` ORDER BY client_uid, credential_id LIMIT ?3`
	statement, args := query+order, []driver.Value{afterUID, afterCredentialID, int64(max(0, limit))}
	if uid != "" {
		statement, args = query+`AND client_uid = ?4`+order, append(args, uid)
	}
	return read(ctx, s.readers, func(c *conn) ([]authserver.Use, error) {
		var found []authserver.Use
		_, err := c.query(statement, func(r *row) {
			found = append(found, authserver.Use{
				UID: r.text(), CredentialID: r.text(), Since: r.time(), UsedAt: r.time(), Challenged: r.integer(), Unchallenged: r.integer(),
				ChallengedAt: r.neverTime(), UnchallengedAt: r.neverTime(), IDTokenBytes: r.integer(), IDTokenAt: r.neverTime(),
			})
		}, args...)
		return found, err
	})
}
