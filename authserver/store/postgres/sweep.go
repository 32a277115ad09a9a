// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// eachBucket gives the numbers of the buckets.
const eachBucket = `generate_series(0, 15) AS b (bucket) CROSS JOIN LATERAL`

// sweeping are the statements of a sweep. $1 is the time before which nothing is needed any more, $2 how
// many rows may go. People and absent clients come after what they had. Each says its condition twice: a row
// that has changed since it was found stays.
var sweeping = [...]struct {
	statement string
	forget    bool // the time is since when nobody must have been there who is forgotten
}{
	// Before the sessions: of an expired one nobody is told.
	{`DELETE FROM session_clients WHERE kept_until <= $1 AND id IN (SELECT e.id FROM ` + eachBucket + ` (
		SELECT c.id FROM session_clients c WHERE c.bucket = b.bucket AND c.kept_until <= $1 ORDER BY c.kept_until LIMIT $2) AS e LIMIT $2)`, false},
	{`DELETE FROM sessions WHERE expires_at <= $1 AND hash IN (SELECT e.hash FROM ` + eachBucket + ` (
		SELECT s.hash FROM sessions s WHERE s.bucket = b.bucket AND s.expires_at <= $1 ORDER BY s.expires_at LIMIT $2) AS e LIMIT $2)`, false},
	{`DELETE FROM spent WHERE blocked_until <= $1 AND key IN (SELECT e.key FROM ` + eachBucket + ` (
		SELECT s.key FROM spent s WHERE s.bucket = b.bucket AND s.blocked_until <= $1 ORDER BY s.blocked_until LIMIT $2) AS e LIMIT $2)`, false},
	{`DELETE FROM grants WHERE kept_until <= $1 AND id IN (SELECT e.id FROM ` + eachBucket + ` (
		SELECT g.id FROM grants g WHERE g.bucket = b.bucket AND g.kept_until <= $1 ORDER BY g.kept_until LIMIT $2) AS e LIMIT $2)`, false},
	{`DELETE FROM grants WHERE id IN (SELECT g.id FROM people p JOIN grants g ON g.owner = p.subject
		WHERE p.ended_at <= $1 AND g.revoked_at IS NULL LIMIT $2)`, true},
	{`DELETE FROM consents WHERE (owner, client_uid) IN (SELECT c.owner, c.client_uid FROM people p JOIN consents c ON c.owner = p.subject
		WHERE p.ended_at <= $1 LIMIT $2)`, true},
	{`DELETE FROM factors WHERE id IN (SELECT f.id FROM people p JOIN factors f ON f.owner = p.subject
		WHERE p.ended_at <= $1 LIMIT $2)`, true},
	{`DELETE FROM people WHERE ended_at <= $1 AND subject IN (SELECT p.subject FROM people p WHERE p.ended_at <= $1 ORDER BY p.ended_at LIMIT $2)`, true},
	{`DELETE FROM consents WHERE (owner, client_uid) IN (SELECT c.owner, c.client_uid FROM absent_clients a JOIN consents c ON c.client_uid = a.client_uid
		WHERE a.since <= $1 LIMIT $2)`, true},
	{`DELETE FROM uses WHERE (client_uid, credential_id) IN (SELECT u.client_uid, u.credential_id FROM absent_clients a JOIN uses u ON u.client_uid = a.client_uid
		WHERE a.since <= $1 LIMIT $2)`, true},
	{`DELETE FROM absent_clients WHERE since <= $1 AND client_uid IN (SELECT a.client_uid FROM absent_clients a WHERE a.since <= $1 LIMIT $2)`, true},
}

// Sweep removes at most limit rows that mean nothing any more at now and returns how many it removed;
// call it until it returns less than the limit.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	return transact(ctx, s, "remove expired rows", func(ctx context.Context, q querier) (removed int, err error) {
		for _, sweep := range sweeping {
			left, before := max(0, limit-removed), now
			if sweep.forget {
				before = now.Add(-authserver.GoneMemory)
			}
			tag, err := q.Exec(ctx, sweep.statement, millis(before), int64(left))
			if err != nil {
				return removed, err
			}
			removed += int(tag.RowsAffected())
			if int(tag.RowsAffected()) == left { // there may be more, and what comes later must wait for it
				break
			}
		}
		return removed, nil
	})
}

// KeptClients returns the UIDs of clients that there are consents for or uses of, in order, from the one that
// follows after on. It steps from client to client, however many rows each has.
func (s *Store) KeptClients(ctx context.Context, after string, limit int) ([]string, error) {
	const query = `
		WITH RECURSIVE uids (uid, place) AS (
			SELECT least((SELECT min(c.client_uid) FROM consents c WHERE c.client_uid > $1), (SELECT min(v.client_uid) FROM uses v WHERE v.client_uid > $1)), 1
			UNION ALL
			SELECT least((SELECT min(c.client_uid) FROM consents c WHERE c.client_uid > u.uid),
				(SELECT min(v.client_uid) FROM uses v WHERE v.client_uid > u.uid)), u.place + 1
			FROM uids u WHERE u.uid IS NOT NULL AND u.place < $2)
		SELECT uid FROM uids WHERE uid IS NOT NULL AND place <= $2 ORDER BY place`
	return single(ctx, s, "read the clients with consents or uses", func(ctx context.Context, q querier) (found []string, err error) {
		var uid string
		rows, err := q.Query(ctx, query, after, int64(max(0, limit)))
		if err != nil {
			return nil, err
		}
		return found, each(rows, []any{&uid}, func() error {
			found = append(found, uid)
			return nil
		})
	})
}

// NoteClients remembers since when clients are absent.
func (s *Store) NoteClients(ctx context.Context, present, absent []string, now time.Time) error {
	const back = `DELETE FROM absent_clients WHERE client_uid = ANY($1)`
	const gone = `
		INSERT INTO absent_clients (client_uid, since) SELECT a.uid, $2 FROM unnest($1::text[]) AS a (uid)
		ON CONFLICT DO NOTHING`
	// The caller may be gone, and change them, while this waits to be tried. No list at all would be NULL.
	present, absent = append([]string{}, present...), append([]string{}, absent...)
	_, err := transact(ctx, s, "note absent clients", func(ctx context.Context, q querier) (struct{}, error) {
		return struct{}{}, send(ctx, q, func(b *pgx.Batch) {
			b.Queue(back, present)
			b.Queue(gone, absent, millis(now))
		})
	})
	return err
}
