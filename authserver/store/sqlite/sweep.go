// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"database/sql/driver"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// sweeping are the statements of a sweep. ?1 is now, ?2 how many rows may go, ?3 since when
// nobody must have been there who is forgotten. People and absent clients come after what they had.
var sweeping = [...]struct {
	statement string
	removed   func(*transaction, *row) // nil: memory holds no rows of the table
}{
	{`DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)`, nil},
	{`DELETE FROM spent WHERE key IN (SELECT key FROM spent WHERE blocked_until <= ?1 ORDER BY blocked_until LIMIT ?2)
		RETURNING key`, spentRow},
	{`DELETE FROM grants WHERE number IN (SELECT number FROM grants WHERE kept_until <= ?1 ORDER BY kept_until LIMIT ?2)
		RETURNING id`, grantRow},
	{`DELETE FROM grants WHERE number IN (SELECT g.number FROM people p CROSS JOIN grants g
		WHERE p.ended_at <= ?3 AND g.owner = p.subject AND g.revoked_at IS NULL LIMIT ?2)
		RETURNING id`, grantRow},
	{`DELETE FROM consents WHERE (owner, client_uid) IN (SELECT c.owner, c.client_uid FROM people p CROSS JOIN consents c
		WHERE p.ended_at <= ?3 AND c.owner = p.subject LIMIT ?2)`, nil},
	{`DELETE FROM people WHERE subject IN (SELECT subject FROM people WHERE ended_at <= ?3 ORDER BY ended_at LIMIT ?2)
		RETURNING subject`, personRow},
	{`DELETE FROM consents WHERE (owner, client_uid) IN (SELECT c.owner, c.client_uid FROM absent_clients a CROSS JOIN consents c
		WHERE a.since <= ?3 AND c.client_uid = a.client_uid LIMIT ?2)`, nil},
	{`DELETE FROM absent_clients WHERE client_uid IN (SELECT client_uid FROM absent_clients WHERE since <= ?3 ORDER BY since LIMIT ?2)`, nil},
}

func spentRow(t *transaction, r *row) {
	var key authserver.Hash
	r.bytes(key[:])
	t.spentChanged(key)
}

func grantRow(t *transaction, r *row) {
	var id authserver.GrantID
	r.bytes(id[:])
	t.grantChanged(id)
}

func personRow(t *transaction, r *row) { t.personChanged(r.text()) }

// Sweep removes at most limit rows that mean nothing any more at now and returns how
// many it removed. While it runs no other write does, so the limit should be small
// (some hundred); call it until it returns less than the limit.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	return write(ctx, s.writer, func(t *transaction) (removed int, err error) {
		for _, step := range sweeping {
			// A negative LIMIT would be none (https://sqlite.org/lang_select.html#limitoffset).
			left := max(0, limit-removed)
			args := []driver.Value{millis(now), int64(left), millis(now.Add(-authserver.GoneMemory))}
			var n int
			if step.removed == nil {
				n, err = t.exec(step.statement, args...)
			} else {
				n, err = t.query(step.statement, func(r *row) { step.removed(t, r) }, args...)
			}
			if err != nil {
				return removed, err
			}
			removed += n
			if n == left { // there may be more, and what comes later must wait for it
				break
			}
		}
		return removed, nil
	})
}

// ConsentClients returns the UIDs of clients that there are consents for, in order, from the
// one that follows after on. It steps from client to client, however many consents each has.
func (s *Store) ConsentClients(ctx context.Context, after string, limit int) ([]string, error) {
	const query = `
		WITH RECURSIVE uids (uid) AS (
			SELECT min(client_uid) FROM consents WHERE client_uid > ?1
			UNION ALL
			SELECT (SELECT min(client_uid) FROM consents WHERE client_uid > uid) FROM uids WHERE uid IS NOT NULL)
		SELECT uid FROM uids WHERE uid IS NOT NULL LIMIT ?2`
	return read(ctx, s.readers, func(c *conn) ([]string, error) {
		var found []string
		_, err := c.query(query, func(r *row) { found = append(found, r.text()) }, after, int64(max(0, limit)))
		return found, err
	})
}

// NoteClients remembers since when clients are absent.
func (s *Store) NoteClients(ctx context.Context, present, absent []string, now time.Time) error {
	const back = `DELETE FROM absent_clients WHERE client_uid = ?1`
	const gone = `INSERT INTO absent_clients (client_uid, since) VALUES (?1, ?2) ON CONFLICT DO NOTHING`
	return writeOnly(ctx, s.writer, func(c *transaction) error {
		for _, uid := range present {
			if _, err := c.exec(back, uid); err != nil {
				return err
			}
		}
		for _, uid := range absent {
			if _, err := c.exec(gone, uid, millis(now)); err != nil {
				return err
			}
		}
		return nil
	})
}
