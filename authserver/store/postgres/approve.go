// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Approve keeps a new grant and, unless it is nil, the consent. ErrExists if there is a grant with the ID
// or the proof. The newest MaxGrants live grants of the owner to the client stay, of those that were
// redeemed and of those that were not; without a consent and with no grant too many, one row is written.
func (s *Store) Approve(ctx context.Context, g authserver.Grant, consent *authserver.Consent) error {
	if consent == nil {
		return s.approve(ctx, g, func(*pgx.Batch) {})
	}
	return s.approve(ctx, g, giveConsent(*consent, g.Scopes))
}

// ApproveUnder keeps a new grant as Approve does, if the consent is kept as it was read; else ErrStale.
func (s *Store) ApproveUnder(ctx context.Context, g authserver.Grant, read authserver.Consent) error {
	return s.approve(ctx, g, demandConsent(read))
}

// approve keeps a new grant, and does in its transaction what and queues.
func (s *Store) approve(ctx context.Context, g authserver.Grant, and func(*pgx.Batch)) error {
	insert := insertGrant(g) // the caller may be gone, and change what it passed, while this waits to be tried
	tell := tellOfEnd(g)
	g.Scopes, g.Resources, g.EndOf = nil, nil, nil
	_, err := transact(ctx, s, "keep the grant", func(ctx context.Context, q querier) (struct{}, error) {
		tag, err := q.Exec(ctx, insertStatement, insert...)
		if err == nil && tag.RowsAffected() == 0 {
			err = authserver.ErrExists
		}
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, send(ctx, q, func(b *pgx.Batch) {
			if g.RevokedAt.IsZero() { // else it adds to no surplus
				revokeSurplus(b, g)
				tell(b)
			}
			and(b)
		})
	})
	return err
}

const insertStatement = `
	INSERT INTO grants (id, bucket, client_uid, owner, scopes, profile, approved_at, ends_at,
		generation, rotated_at, previous_rotated_at, revoked_at, proof_hash, callback, code_challenge, proof_expires_at, kept_until,
		authenticated_at, nonce, methods, sid, resources)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
	ON CONFLICT DO NOTHING`

// insertGrant returns the row. It is kept as long as the proof is remembered, and after a redemption
// until the grant has ended too.
func insertGrant(g authserver.Grant) []any {
	kept := g.Proof.ExpiresAt.Add(authserver.ProofMemory)
	if g.Generation > 0 && g.EndsAt.After(kept) {
		kept = g.EndsAt
	}
	return []any{g.ID[:], bucketOf(g.ID[:]), g.ClientUID, g.Owner, scopeText(g.Scopes), string(g.Profile),
		millis(g.ApprovedAt), millis(g.EndsAt), int64(g.Generation), optionalMillis(g.RotatedAt), optionalMillis(g.PreviousRotatedAt),
		optionalMillis(g.RevokedAt), g.Proof.Hash[:], g.Proof.Callback, g.Proof.CodeChallenge, millis(g.Proof.ExpiresAt), millis(kept),
		optionalMillis(g.Authentication.At), g.Authentication.Nonce, methodText(g.Authentication.Methods), g.Authentication.SessionID,
		scopeText(g.Resources)}
}

// revokeSurplus revokes, as of the approval of g, the live grants beside it that are more than MaxGrants,
// the oldest ones. Redeemed ones are counted for themselves: approvals that nobody redeems, which a page
// can cause without the owner, push none of them out. One place is left for g, which may be redeemed
// next. Of two grants of one millisecond either may count as the newer one, but g is the newest.
func revokeSurplus(b *pgx.Batch, g authserver.Grant) {
	const statement = `
		UPDATE grants SET revoked_at = $3 WHERE id IN (
			SELECT id FROM (
				SELECT id, generation, row_number() OVER (
					PARTITION BY generation > 0 ORDER BY approved_at DESC, id = $5 DESC, id) AS place
				FROM grants
				WHERE owner = $1 AND client_uid = $2 AND revoked_at IS NULL
					AND ends_at > $3 AND (generation > 0 OR proof_expires_at > $3)) AS live
			WHERE place > CASE WHEN generation > 0 THEN $4 - 1 ELSE $4 END)`
	b.Queue(statement, g.Owner, g.ClientUID, millis(g.ApprovedAt), int64(authserver.MaxGrants), g.ID[:])
}

// send runs in one round trip what fill queues.
func send(ctx context.Context, q querier, fill func(*pgx.Batch)) error {
	var b pgx.Batch
	if fill(&b); b.Len() == 0 {
		return nil
	}
	return q.SendBatch(ctx, &b).Close()
}
