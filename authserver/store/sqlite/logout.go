// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// endSessions makes those clients due to be told whose session the owner has no more. It comes after whatever removes sessions
// of the owner, in the same transaction. Sessions that expire are not among them: Sweep removes their clients first.
func endSessions(c *transaction, owner string) error {
	const statement = `
		UPDATE session_clients SET due_at = 0, kept_until = kept_until + ?2
		WHERE owner = ?1 AND due_at IS NULL AND NOT EXISTS (
			SELECT 1 FROM sessions s WHERE s.owner = ?1 AND coalesce(s.first_hash, s.hash) = session_clients.session)`
	_, err := c.exec(statement, owner, authserver.LogoutMemory.Milliseconds())
	return err
}

// tellOfEnd keeps the client of a grant as one that is told when a session ends; at once if it has ended.
func tellOfEnd(c *transaction, g authserver.Grant) error {
	const statement = `
		INSERT INTO session_clients (id, session, owner, client_uid, due_at, kept_until)
		SELECT ?1, ?2, ?3, ?4, CASE WHEN there THEN NULL ELSE 0 END, ?5 + CASE WHEN there THEN 0 ELSE ?6 END
		FROM (SELECT EXISTS (SELECT 1 FROM sessions s WHERE s.owner = ?3 AND coalesce(s.first_hash, s.hash) = ?2) AS there)
		WHERE true
		ON CONFLICT DO NOTHING`
	if g.EndOf == nil {
		return nil
	}
	id, first := g.EndOf.IDFor(g.ClientUID), g.EndOf.FirstHash()
	_, err := c.exec(statement, id[:], first[:], g.Owner, g.ClientUID, millis(g.EndOf.ExpiresAt), authserver.LogoutMemory.Milliseconds())
	return err
}

// ClaimLogouts returns clients that are due to be told at now, and leases them until a time. It is asked every few seconds, and
// usually nothing is due. Then it only reads: a commit that changes nothing would tell Probe that the store can write.
func (s *Store) ClaimLogouts(ctx context.Context, now, until time.Time, busy []string, limit int) ([]authserver.DueLogout, error) {
	const statement = `
		UPDATE session_clients SET due_at = ?2 WHERE id IN (
			SELECT id FROM session_clients WHERE due_at <= ?1 AND client_uid NOT IN (SELECT value FROM json_each(?3)) ORDER BY due_at LIMIT ?4)
		RETURNING id, owner, client_uid, attempts`
	list, err := json.Marshal(append([]string{}, busy...)) // no list at all would be null
	if err != nil {
		return nil, fmt.Errorf("list busy clients: %w", err)
	}
	until = until.Truncate(time.Millisecond).UTC()
	some, err := read(ctx, s.readers, func(c *conn) (int, error) {
		return c.query(`SELECT 1 FROM session_clients WHERE due_at <= ?1 LIMIT 1`, func(*row) {}, millis(now))
	})
	if err != nil || some == 0 {
		return nil, err
	}
	return write(ctx, s.writer, func(c *transaction) ([]authserver.DueLogout, error) {
		var due []authserver.DueLogout
		_, err := c.query(statement, func(r *row) {
			l := authserver.DueLogout{LeasedUntil: until}
			r.bytes(l.ID[:])
			l.Owner, l.ClientUID, l.Attempts = r.text(), r.text(), int(r.integer())
			due = append(due, l)
		}, millis(now), millis(until), string(list), int64(max(0, limit)))
		return due, err
	})
}

// PostponeLogout makes a logout due at a time, if it is leased as it says.
func (s *Store) PostponeLogout(ctx context.Context, l authserver.DueLogout, at time.Time) error {
	const statement = `UPDATE session_clients SET due_at = ?2, attempts = ?3 WHERE id = ?1 AND due_at = ?4`
	return writeOneOnly(ctx, s.writer, func(c *transaction) error {
		_, err := c.exec(statement, l.ID[:], millis(at), int64(l.Attempts), millis(l.LeasedUntil))
		return err
	})
}

// FinishLogout removes a logout that is due.
func (s *Store) FinishLogout(ctx context.Context, id authserver.Hash) error {
	const statement = `DELETE FROM session_clients WHERE id = ?1 AND due_at IS NOT NULL`
	return writeOneOnly(ctx, s.writer, func(c *transaction) error {
		_, err := c.exec(statement, id[:])
		return err
	})
}
