// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Approve keeps a new grant and, unless it is nil, the consent. ErrExists if there is a
// grant with the ID or the proof. The newest MaxGrants live grants of the owner to the
// client stay, of those that were redeemed and of those that were not; without a consent
// and with no grant too many, one row is written.
func (s *Store) Approve(ctx context.Context, g authserver.Grant, consent *authserver.Consent) error {
	// The caller may be gone, and change what it passed, while this waits to be run.
	scopes, resources := scopeText(g.Scopes), scopeText(g.Resources)
	var give func(*conn) error
	if consent != nil {
		give = giveConsent(*consent, g.Scopes)
	}
	return writeOnly(ctx, s.writer, func(c *transaction) error {
		if err := approve(c, g, scopes, resources); err != nil || give == nil {
			return err
		}
		return give(c.conn)
	})
}

// ApproveUnder keeps a new grant as Approve does, if the consent is kept as it was read; else ErrStale.
func (s *Store) ApproveUnder(ctx context.Context, g authserver.Grant, read authserver.Consent) error {
	const query = `SELECT 1 FROM consents WHERE owner = ?1 AND client_uid = ?2 AND scopes = ?3 AND given_at = ?4`
	scopes, resources, given := scopeText(g.Scopes), scopeText(g.Resources), scopeText(read.Scopes)
	return writeOnly(ctx, s.writer, func(c *transaction) error {
		if err := approve(c, g, scopes, resources); err != nil {
			return err
		}
		n, err := c.query(query, func(*row) {}, read.Owner, read.ClientUID, given, millis(read.GivenAt))
		return atLeastOne(n, err, authserver.ErrStale)
	})
}

// approve writes a grant, and revokes those of its owner and client that are too many with it.
func approve(c *transaction, g authserver.Grant, scopes, resources string) error {
	if err := insertGrant(c.conn, g, scopes, resources); err != nil || !g.RevokedAt.IsZero() { // a revoked one adds to no surplus
		return err
	}
	if err := tellOfEnd(c, g); err != nil {
		return err
	}
	return revokeSurplus(c, g)
}

// insertGrant writes the row. It is kept as long as the proof is remembered, and after a
// redemption until the grant has ended too.
func insertGrant(c *conn, g authserver.Grant, scopes, resources string) error {
	const statement = `
		INSERT INTO grants (id, client_uid, owner, scopes, profile, approved_at, ends_at,
			generation, rotated_at, previous_rotated_at, revoked_at, proof_hash, callback, code_challenge, proof_expires_at, kept_until,
			authenticated_at, nonce, methods, sid, resources)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)
		ON CONFLICT DO NOTHING`
	kept := g.Proof.ExpiresAt.Add(authserver.ProofMemory)
	if g.Generation > 0 && g.EndsAt.After(kept) {
		kept = g.EndsAt
	}
	n, err := c.exec(statement, g.ID[:], g.ClientUID, g.Owner, scopes, string(g.Profile),
		millis(g.ApprovedAt), millis(g.EndsAt), int64(g.Generation), optionalMillis(g.RotatedAt), optionalMillis(g.PreviousRotatedAt), optionalMillis(g.RevokedAt),
		g.Proof.Hash[:], g.Proof.Callback, g.Proof.CodeChallenge, millis(g.Proof.ExpiresAt), millis(kept), optionalMillis(g.Authentication.At), g.Authentication.Nonce,
		methodText(g.Authentication.Methods), g.Authentication.SessionID, resources)
	return atLeastOne(n, err, authserver.ErrExists)
}

// revokeSurplus revokes, as of the approval of g, the live grants beside it that are
// more than MaxGrants, the oldest ones. Redeemed ones are counted for themselves: approvals
// that nobody redeems, which a page can cause without the owner, push none of them out. One
// place is left for g, which may be redeemed next.
func revokeSurplus(t *transaction, g authserver.Grant) error {
	const statement = `
		UPDATE grants SET revoked_at = ?3 WHERE number IN (
			SELECT number FROM (
				SELECT number, generation, row_number() OVER (
					PARTITION BY generation > 0 ORDER BY approved_at DESC, number DESC) AS place
				FROM grants
				WHERE owner = ?1 AND client_uid = ?2 AND revoked_at IS NULL
					AND ends_at > ?3 AND (generation > 0 OR proof_expires_at > ?3))
			WHERE place > CASE WHEN generation > 0 THEN ?4 - 1 ELSE ?4 END)
		RETURNING id`
	return revokeGrants(t, statement, g.Owner, g.ClientUID, millis(g.ApprovedAt), int64(authserver.MaxGrants))
}
