// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// CreateSession keeps a session and what was confirmed of its owner; ErrExists if its hash
// is there. With an owner who is kept already, one row is written.
func (s *Store) CreateSession(ctx context.Context, session authserver.Session, c authserver.Confirmation) error {
	const insert = `
		INSERT INTO sessions (hash, owner, authenticated_at, expires_at, credential_version, methods, first_hash)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
		ON CONFLICT DO NOTHING`
	const surplus = `
		DELETE FROM sessions WHERE hash IN (
			SELECT hash FROM sessions WHERE owner = ?1 AND hash <> ?2 ORDER BY authenticated_at DESC LIMIT -1 OFFSET ?3)`
	confirm, methods := confirmPerson(c), methodText(session.Methods)
	return writeOnly(ctx, s.writer, func(db *transaction) error {
		if c.Subject != "" {
			if err := confirm(db); err != nil {
				return err
			}
		}
		n, err := db.exec(insert, session.Hash[:], session.Owner,
			millis(session.AuthenticatedAt), millis(session.ExpiresAt), session.CredentialVersion, methods, optionalHash(session.First))
		if err := atLeastOne(n, err, authserver.ErrExists); err != nil {
			return err
		}
		if _, err = db.exec(surplus, session.Owner, session.Hash[:], int64(authserver.MaxSessions-1)); err != nil {
			return err
		}
		return endSessions(db, session.Owner)
	})
}

// Session returns the session with the hash and its owner, or ErrNotFound.
func (s *Store) Session(ctx context.Context, h authserver.Hash) (authserver.Session, authserver.Person, error) {
	const query = `
		SELECT s.owner, s.authenticated_at, s.expires_at, s.credential_version, s.methods, s.first_hash, ` + ownerColumns + `
		FROM sessions s LEFT JOIN people p ON p.subject = s.owner WHERE s.hash = ?1`
	type found struct {
		session authserver.Session
		person  authserver.Person
	}
	f, err := read(ctx, s.readers, func(c *conn) (found, error) {
		f := found{session: authserver.Session{Hash: h}}
		n, err := c.query(query, func(r *row) {
			f.session.Owner, f.session.AuthenticatedAt, f.session.ExpiresAt = r.text(), r.time(), r.time()
			f.session.CredentialVersion, f.session.Methods = r.text(), r.methods()
			f.session.First = r.optionalHash()
			f.person = scanOwner(r)
		}, h[:])
		return f, atLeastOne(n, err, authserver.ErrNotFound)
	})
	return f.session, f.person, err
}

// SessionsOf returns the owner's sessions that have not expired at now, newest first.
func (s *Store) SessionsOf(ctx context.Context, owner string, now time.Time) ([]authserver.Session, error) {
	const query = `
		SELECT hash, authenticated_at, expires_at, credential_version, methods, first_hash FROM sessions
		WHERE owner = ?1 AND expires_at > ?2 ORDER BY authenticated_at DESC, hash`
	return read(ctx, s.readers, func(c *conn) ([]authserver.Session, error) {
		var found []authserver.Session
		_, err := c.query(query, func(r *row) {
			session := authserver.Session{Owner: owner}
			r.bytes(session.Hash[:])
			session.AuthenticatedAt, session.ExpiresAt, session.CredentialVersion = r.time(), r.time(), r.text()
			session.Methods, session.First = r.methods(), r.optionalHash()
			found = append(found, session)
		}, owner, millis(now))
		return found, err
	})
}

// DeleteSession removes the owner's session with the hash, if there is one.
func (s *Store) DeleteSession(ctx context.Context, owner string, h authserver.Hash) error {
	const statement = `DELETE FROM sessions WHERE hash = ?1 AND owner = ?2`
	return writeOnly(ctx, s.writer, func(c *transaction) error {
		if n, err := c.exec(statement, h[:], owner); err != nil || n == 0 {
			return err
		}
		return endSessions(c, owner)
	})
}

// DeleteSessions removes all sessions of the owner but one.
func (s *Store) DeleteSessions(ctx context.Context, owner string, but authserver.Hash) error {
	const statement = `DELETE FROM sessions WHERE owner = ?1 AND hash <> ?2`
	return writeOnly(ctx, s.writer, func(c *transaction) error {
		if n, err := c.exec(statement, owner, but[:]); err != nil || n == 0 {
			return err
		}
		return endSessions(c, owner)
	})
}
