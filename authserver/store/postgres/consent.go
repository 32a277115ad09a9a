// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// giveConsent returns the write that keeps the consent in place of an older one: for the decided scopes alone, if the
// older one is not that any more which the consent was joined with. Its client is there, whatever was noted before.
func giveConsent(consent authserver.Consent, decided []string) func(*pgx.Batch) {
	const statement = `
		INSERT INTO consents (owner, client_uid, scopes, given_at)
		VALUES ($1, $2, CASE WHEN $5::text = '' THEN $3::text ELSE $6::text END, $4)
		ON CONFLICT (owner, client_uid) DO UPDATE SET
			scopes = CASE WHEN $5::text = '' OR consents.scopes = $5::text THEN $3::text ELSE $6::text END, given_at = excluded.given_at`
	const present = `DELETE FROM absent_clients WHERE client_uid = $1`
	scopes, before, alone := scopeText(consent.Scopes), scopeText(consent.Before), scopeText(decided)
	return func(b *pgx.Batch) {
		b.Queue(present, consent.ClientUID)
		b.Queue(statement, consent.Owner, consent.ClientUID, scopes, millis(consent.GivenAt), before, alone)
	}
}

// demandConsent returns the read that fails with ErrStale unless the consent is kept as it was read.
func demandConsent(read authserver.Consent) func(*pgx.Batch) {
	const query = `SELECT 1 FROM consents WHERE owner = $1 AND client_uid = $2 AND scopes = $3 AND given_at = $4`
	owner, clientUID, scopes, given := read.Owner, read.ClientUID, scopeText(read.Scopes), millis(read.GivenAt)
	return func(b *pgx.Batch) {
		var one int64
		b.Queue(query, owner, clientUID, scopes, given).QueryRow(func(r pgx.Row) error {
			return oneRow(r, []any{&one}, authserver.ErrStale)
		})
	}
}

// Consent returns the consent of the owner for the client, or ErrNotFound.
func (s *Store) Consent(ctx context.Context, owner, clientUID string) (authserver.Consent, error) {
	const query = `SELECT scopes, given_at FROM consents WHERE owner = $1 AND client_uid = $2`
	return single(ctx, s, "read the consent", func(ctx context.Context, q querier) (authserver.Consent, error) {
		var scopes string
		var given int64
		err := oneRow(q.QueryRow(ctx, query, owner, clientUID), []any{&scopes, &given}, authserver.ErrNotFound)
		return authserver.Consent{Owner: owner, ClientUID: clientUID, Scopes: strings.Fields(scopes), GivenAt: timeOf(given)}, err
	})
}

// ConsentsOf returns the owner's consents, oldest first.
func (s *Store) ConsentsOf(ctx context.Context, owner string) ([]authserver.Consent, error) {
	const query = `SELECT client_uid, scopes, given_at FROM consents WHERE owner = $1 ORDER BY given_at, client_uid`
	return single(ctx, s, "read the consents", func(ctx context.Context, q querier) (found []authserver.Consent, err error) {
		var clientUID, scopes string
		var given int64
		rows, err := q.Query(ctx, query, owner)
		if err != nil {
			return nil, err
		}
		return found, each(rows, []any{&clientUID, &scopes, &given}, func() error {
			found = append(found, authserver.Consent{Owner: owner, ClientUID: clientUID, Scopes: strings.Fields(scopes), GivenAt: timeOf(given)})
			return nil
		})
	})
}

// Forget removes the consent and revokes the grants of the owner for the client.
func (s *Store) Forget(ctx context.Context, owner, clientUID string, now time.Time) error {
	const consents = `DELETE FROM consents WHERE owner = $1 AND client_uid = $2`
	const grants = `UPDATE grants SET revoked_at = $3 WHERE owner = $1 AND client_uid = $2 AND revoked_at IS NULL`
	_, err := transact(ctx, s, "forget the consent", func(ctx context.Context, q querier) (struct{}, error) {
		return struct{}{}, send(ctx, q, func(b *pgx.Batch) {
			b.Queue(consents, owner, clientUID)
			b.Queue(grants, owner, clientUID, millis(now))
		})
	})
	return err
}
