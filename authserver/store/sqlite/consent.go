// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// giveConsent returns the write that keeps the consent in place of an older one: for the decided scopes alone, if the
// older one is not that any more which the consent was joined with. Its client is there, whatever was noted before.
func giveConsent(consent authserver.Consent, decided []string) func(*conn) error {
	const statement = `
		INSERT INTO consents (owner, client_uid, scopes, given_at)
		VALUES (?1, ?2, CASE ?5 WHEN '' THEN ?3 ELSE ?6 END, ?4)
		ON CONFLICT (owner, client_uid) DO UPDATE SET
			scopes = CASE WHEN ?5 IN ('', scopes) THEN ?3 ELSE ?6 END, given_at = excluded.given_at`
	const present = `DELETE FROM absent_clients WHERE client_uid = ?1`
	scopes, before, alone := scopeText(consent.Scopes), scopeText(consent.Before), scopeText(decided)
	return func(c *conn) error {
		if _, err := c.exec(present, consent.ClientUID); err != nil {
			return err
		}
		_, err := c.exec(statement, consent.Owner, consent.ClientUID, scopes, millis(consent.GivenAt), before, alone)
		return err
	}
}

// Consent returns the consent of the owner for the client, or ErrNotFound.
func (s *Store) Consent(ctx context.Context, owner, clientUID string) (authserver.Consent, error) {
	const query = `SELECT scopes, given_at FROM consents WHERE owner = ?1 AND client_uid = ?2`
	return read(ctx, s.readers, func(c *conn) (authserver.Consent, error) {
		found := authserver.Consent{Owner: owner, ClientUID: clientUID}
		n, err := c.query(query, func(r *row) {
			found.Scopes, found.GivenAt = r.scopes(), r.time()
		}, owner, clientUID)
		return found, atLeastOne(n, err, authserver.ErrNotFound)
	})
}

// ConsentsOf returns the owner's consents, oldest first.
func (s *Store) ConsentsOf(ctx context.Context, owner string) ([]authserver.Consent, error) {
	const query = `SELECT client_uid, scopes, given_at FROM consents WHERE owner = ?1 ORDER BY given_at, client_uid`
	return read(ctx, s.readers, func(c *conn) ([]authserver.Consent, error) {
		var found []authserver.Consent
		_, err := c.query(query, func(r *row) {
			found = append(found, authserver.Consent{Owner: owner, ClientUID: r.text(), Scopes: r.scopes(), GivenAt: r.time()})
		}, owner)
		return found, err
	})
}

// Forget removes the consent and revokes the grants of the owner for the client.
func (s *Store) Forget(ctx context.Context, owner, clientUID string, now time.Time) error {
	const consents = `DELETE FROM consents WHERE owner = ?1 AND client_uid = ?2`
	const grants = `UPDATE grants SET revoked_at = ?3 WHERE owner = ?1 AND client_uid = ?2 AND revoked_at IS NULL RETURNING id`
	return writeOnly(ctx, s.writer, func(c *transaction) error {
		if _, err := c.exec(consents, owner, clientUID); err != nil {
			return err
		}
		return revokeGrants(c, grants, owner, clientUID, millis(now))
	})
}
