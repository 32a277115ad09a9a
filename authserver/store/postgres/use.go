// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

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
func neverTime(ms int64) time.Time {
	if ms == never {
		return time.Time{}
	}
	return timeOf(ms)
}

// NoteUses adds what was noted to what is kept of the same credentials. The rows are taken in one order, so that
// replicas that write at the same time do not wait for each other in a circle.
func (s *Store) NoteUses(ctx context.Context, uses []authserver.Use) error {
	const statement = `
		INSERT INTO uses AS u (client_uid, credential_id, since, used_at, challenged, unchallenged, challenged_at, unchallenged_at, id_token_bytes, id_token_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (client_uid, credential_id) DO UPDATE SET
			since = least(u.since, excluded.since), used_at = greatest(u.used_at, excluded.used_at),
			challenged = u.challenged + excluded.challenged, unchallenged = u.unchallenged + excluded.unchallenged,
			challenged_at = greatest(u.challenged_at, excluded.challenged_at), unchallenged_at = greatest(u.unchallenged_at, excluded.unchallenged_at),
			id_token_bytes = CASE WHEN ` + largestIDToken + ` THEN excluded.id_token_bytes ELSE u.id_token_bytes END,
			id_token_at = CASE WHEN ` + largestIDToken + ` THEN excluded.id_token_at ELSE u.id_token_at END`
	const old = `DELETE FROM uses WHERE client_uid = $1 AND credential_id NOT IN ('', $2) AND used_at <= $3`
	uses = slices.SortedStableFunc(slices.Values(uses), func(a, b authserver.Use) int { // a copy: the caller may be gone, and change them, while this waits
		return cmp.Or(cmp.Compare(a.UID, b.UID), cmp.Compare(a.CredentialID, b.CredentialID))
	})
	_, err := transact(ctx, s, "note what was used", func(ctx context.Context, q querier) (struct{}, error) {
		return struct{}{}, send(ctx, q, func(b *pgx.Batch) {
			for _, u := range uses {
				b.Queue(statement, u.UID, u.CredentialID, millis(u.Since), millis(u.UsedAt), u.Challenged, u.Unchallenged,
					neverMillis(u.ChallengedAt), neverMillis(u.UnchallengedAt), u.IDTokenBytes, neverMillis(u.IDTokenAt), authserver.IDTokenMemory.Milliseconds())
				b.Queue(old, u.UID, u.CredentialID, millis(u.UsedAt.Add(-authserver.UseMemory)))
			}
		})
	})
	return err
}

// largestIDToken is true where the ID token that was noted takes the place of the one that is kept.
const largestIDToken = `excluded.id_token_bytes > 0 AND (excluded.id_token_bytes >= u.id_token_bytes OR u.id_token_at <= excluded.id_token_at - $11)`

// Uses returns uses of the UID, or of all where it is empty, by UID and credential ID, from the one that follows them on.
func (s *Store) Uses(ctx context.Context, uid, afterUID, afterCredentialID string, limit int) ([]authserver.Use, error) {
	const query = `
		SELECT client_uid, credential_id, since, used_at, challenged, unchallenged, challenged_at, unchallenged_at, id_token_bytes, id_token_at
		FROM uses WHERE (client_uid, credential_id) > ($1, $2) `
	const order = ` ORDER BY client_uid, credential_id LIMIT $3`
	statement, args := query+order, []any{afterUID, afterCredentialID, int64(max(0, limit))}
	if uid != "" {
		statement, args = query+`AND client_uid = $4`+order, append(args, uid)
	}
	return single(ctx, s, "read what was used", func(ctx context.Context, q querier) (found []authserver.Use, err error) {
		var u authserver.Use
		var since, used, challenged, unchallenged, idToken int64
		rows, err := q.Query(ctx, statement, args...)
		if err != nil {
			return nil, err
		}
		fields := []any{&u.UID, &u.CredentialID, &since, &used, &u.Challenged, &u.Unchallenged, &challenged, &unchallenged, &u.IDTokenBytes, &idToken}
		return found, each(rows, fields, func() error {
			u.Since, u.UsedAt, u.ChallengedAt, u.UnchallengedAt, u.IDTokenAt = timeOf(since), timeOf(used), neverTime(challenged), neverTime(unchallenged), neverTime(idToken)
			found = append(found, u)
			return nil
		})
	})
}
