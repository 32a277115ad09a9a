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
	// Before the sessions: of an expired one nobody is told.
	{`DELETE FROM session_clients WHERE id IN (SELECT id FROM session_clients WHERE kept_until <= ?1 ORDER BY kept_until LIMIT ?2)`, nil},
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
	{`DELETE FROM factors WHERE id IN (SELECT f.id FROM people p CROSS JOIN factors f
		WHERE p.ended_at <= ?3 AND f.owner = p.subject LIMIT ?2)`, nil},
	{`DELETE FROM people WHERE subject IN (SELECT subject FROM people WHERE ended_at <= ?3 ORDER BY ended_at LIMIT ?2)
		RETURNING subject`, personRow},
	{`DELETE FROM consents WHERE (owner, client_uid) IN (SELECT c.owner, c.client_uid FROM absent_clients a CROSS JOIN consents c
		WHERE a.since <= ?3 AND c.client_uid = a.client_uid LIMIT ?2)`, nil},
	{`DELETE FROM uses WHERE (client_uid, credential_id) IN (SELECT u.client_uid, u.credential_id FROM absent_clients a CROSS JOIN uses u
		WHERE a.since <= ?3 AND u.client_uid = a.client_uid LIMIT ?2)`, nil},
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

// sweepBudget is how long one transaction of a sweep removes rows. Others wait meanwhile, and for its commit, which takes
// about as long. In a file that is larger than the memory of the machine a grant takes milliseconds: each of its
// indexes has it on another page.
const sweepBudget = 4 * time.Millisecond

// Sweep removes at most limit rows that mean nothing any more at now and returns how
// many it removed; call it until it returns less than the limit. It takes as many short transactions as it needs.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	removed := 0
	for removed < limit {
		n, err := write(ctx, s.writer, func(t *transaction) (int, error) {
			w := sweeper{t: t, now: now, left: limit - removed, clock: s.writer.health.now}
			return w.sweep()
		})
		removed += n
		if err != nil || n == 0 {
			return removed, err
		}
	}
	return removed, nil
}

// sweeper is one transaction of a sweep.
type sweeper struct {
	t     *transaction
	now   time.Time
	left  int // how many rows may go
	clock func() time.Time
}

// sweep takes one row at first, then twice as many each time, as long as that is likely to stay within the budget.
func (w *sweeper) sweep() (removed int, err error) {
	begin := w.clock()
	for step, rows := 0, 1; step < len(sweeping) && removed < w.left; {
		rows = min(rows, w.left-removed)
		n, err := w.remove(step, rows)
		if err != nil {
			return removed, err
		}
		removed += n
		if n < rows { // nothing is left of these, so what comes later may go
			step++
		} else {
			rows *= 2
		}
		if removed > 0 && 2*w.clock().Sub(begin) > sweepBudget {
			break
		}
	}
	return removed, nil
}

// remove takes one step for at most a number of rows.
func (w *sweeper) remove(step, rows int) (int, error) {
	s := sweeping[step]
	args := []driver.Value{millis(w.now), int64(rows), millis(w.now.Add(-authserver.GoneMemory))}
	if s.removed == nil {
		return w.t.exec(s.statement, args...)
	}
	return w.t.query(s.statement, func(r *row) { s.removed(w.t, r) }, args...)
}

// KeptClients returns the UIDs of clients that there are consents for or uses of, in order, from the
// one that follows after on. It steps from client to client, however many rows each has.
func (s *Store) KeptClients(ctx context.Context, after string, limit int) ([]string, error) {
	const first = `SELECT min(n.uid) FROM (SELECT min(client_uid) AS uid FROM consents WHERE client_uid > ?1
		UNION ALL SELECT min(client_uid) FROM uses WHERE client_uid > ?1) AS n`
	const next = `SELECT min(n.uid) FROM (SELECT min(client_uid) AS uid FROM consents WHERE client_uid > uids.uid
		UNION ALL SELECT min(client_uid) FROM uses WHERE client_uid > uids.uid) AS n`
	const query = `WITH RECURSIVE uids (uid) AS (` + first + ` UNION ALL SELECT (` + next + `) FROM uids WHERE uids.uid IS NOT NULL)
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
