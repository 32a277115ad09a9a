// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// endSessions makes those clients due to be told whose session its owner has no more. It comes after whatever removes sessions of
// the owners, in the same transaction. Sessions that expire are not among them: Sweep removes their clients first.
func endSessions(b *pgx.Batch, owners ...string) {
	const statement = `
		UPDATE session_clients c SET due_at = 0, kept_until = c.kept_until + $2
		WHERE c.owner = ANY($1) AND c.due_at IS NULL AND NOT EXISTS (
			SELECT 1 FROM sessions s WHERE s.owner = c.owner AND coalesce(s.first_hash, s.hash) = c.session)`
	b.Queue(statement, owners, authserver.LogoutMemory.Milliseconds())
}

// tellOfEnd returns the write that keeps the client of a grant as one that is told when a session ends; at once if it has ended.
func tellOfEnd(g authserver.Grant) func(*pgx.Batch) {
	const statement = `
		INSERT INTO session_clients (id, bucket, session, owner, client_uid, due_at, kept_until)
		SELECT $1, $2, $3::bytea, $4::text, $5, CASE WHEN l.there THEN NULL ELSE 0 END, $6::bigint + CASE WHEN l.there THEN 0 ELSE $7::bigint END
		FROM (SELECT EXISTS (SELECT 1 FROM sessions s WHERE s.owner = $4::text AND coalesce(s.first_hash, s.hash) = $3::bytea) AS there) AS l
		ON CONFLICT DO NOTHING`
	if g.EndOf == nil {
		return func(*pgx.Batch) {}
	}
	id, first, expires := g.EndOf.IDFor(g.ClientUID), g.EndOf.FirstHash(), millis(g.EndOf.ExpiresAt)
	return func(b *pgx.Batch) {
		b.Queue(statement, id[:], bucketOf(id[:]), first[:], g.Owner, g.ClientUID, expires, authserver.LogoutMemory.Milliseconds())
	}
}

// ClaimLogouts returns clients that are due to be told at now, and leases them until a time. The statement says twice what is
// due: a row that another replica has leased since it was found stays with that one.
func (s *Store) ClaimLogouts(ctx context.Context, now, until time.Time, busy []string, limit int) ([]authserver.DueLogout, error) {
	const statement = `
		UPDATE session_clients SET due_at = $2 WHERE due_at <= $1 AND id IN (SELECT e.id FROM ` + eachBucket + ` (
			SELECT c.id, c.due_at FROM session_clients c WHERE c.bucket = b.bucket AND c.due_at <= $1 AND c.client_uid <> ALL($3)
			ORDER BY c.due_at LIMIT $4) AS e ORDER BY e.due_at LIMIT $4)
		RETURNING id, owner, client_uid, attempts`
	busy = append([]string{}, busy...) // the caller may be gone, and change it, while this waits; no list at all would be NULL
	until = timeOf(millis(until))
	return single(ctx, s, "claim logouts", func(ctx context.Context, q querier) (due []authserver.DueLogout, err error) {
		var id []byte
		var owner, client string
		var attempts int64
		rows, err := q.Query(ctx, statement, millis(now), millis(until), busy, int64(max(0, limit)))
		if err != nil {
			return nil, err
		}
		return due, each(rows, []any{&id, &owner, &client, &attempts}, func() error {
			l := authserver.DueLogout{Owner: owner, ClientUID: client, Attempts: int(attempts), LeasedUntil: until}
			err := fixed(l.ID[:], id)
			due = append(due, l)
			return err
		})
	})
}

// PostponeLogout makes a logout due at a time, if it is leased as it says.
func (s *Store) PostponeLogout(ctx context.Context, l authserver.DueLogout, at time.Time) error {
	const statement = `UPDATE session_clients SET due_at = $2, attempts = $3 WHERE id = $1 AND due_at = $4`
	return change(ctx, s, "postpone the logout", statement, l.ID[:], millis(at), int64(l.Attempts), millis(l.LeasedUntil))
}

// FinishLogout removes a logout that is due.
func (s *Store) FinishLogout(ctx context.Context, id authserver.Hash) error {
	return change(ctx, s, "finish the logout", `DELETE FROM session_clients WHERE id = $1 AND due_at IS NOT NULL`, id[:])
}
