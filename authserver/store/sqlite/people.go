// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// ownerColumns are the columns of people, called p, that scanOwner reads, in its order.
const ownerColumns = `p.subject, p.source, p.source_id, p.name, p.display_name, p.email, p.group_names,
	p.credential_version, p.confirmed_at, p.confirmed_until, p.ended_at, p.refresh_token`

// scanOwner reads a person. A join without one has NULL for the subject: the zero Person.
func scanOwner(r *row) authserver.Person {
	var p authserver.Person
	if r.columns[r.next] == nil {
		return p
	}
	p.Subject, p.Source, p.SourceID, p.Name = r.text(), r.text(), r.text(), r.text()
	p.DisplayName, p.Email = r.text(), r.text()
	p.Groups, p.CredentialVersion = r.lines(), r.text()
	p.ConfirmedAt, p.ConfirmedUntil, p.EndedAt = r.time(), r.optionalTime(), r.optionalTime()
	p.SealedRefreshToken = r.optionalBytes()
	return p
}

// confirmPerson returns the write that keeps what was confirmed of a person.
func confirmPerson(c authserver.Confirmation) func(*transaction) error {
	c.Groups, c.SealedRefreshToken = slices.Clone(c.Groups), slices.Clone(c.SealedRefreshToken) // the caller may be gone, and change them, while this waits
	return func(db *transaction) error {
		if err := endOutdated(db, c); err != nil {
			return err
		}
		return keepPerson(db, c.Person)
	}
}

// endOutdated ends what a person has who is gone, or whose credentials were changed. It comes
// before keepPerson: the row tells which ones they had.
func endOutdated(db *transaction, c authserver.Confirmation) error {
	const every = `DELETE FROM sessions WHERE owner = ?1`
	const outdated = `DELETE FROM sessions WHERE owner = ?1 AND credential_version <> ?2`
	const grants = `
		UPDATE grants SET revoked_at = ?3 WHERE owner = ?1 AND revoked_at IS NULL AND EXISTS (
			SELECT 1 FROM people WHERE subject = ?1 AND credential_version NOT IN ('', ?2))
		RETURNING id`
	if !c.EndedAt.IsZero() {
		_, err := db.exec(every, c.Subject)
		return err
	}
	if c.CredentialVersion == "" {
		return nil
	}
	if _, err := db.exec(outdated, c.Subject, c.CredentialVersion); err != nil || !c.EndGrants {
		return err
	}
	return revokeGrants(db, grants, c.Subject, c.CredentialVersion, millis(c.ConfirmedAt))
}

// keepPerson writes the row if something in it is new.
func keepPerson(db *transaction, p authserver.Person) error {
	const statement = `
		INSERT INTO people (subject, source, name, display_name, email, group_names,
			credential_version, confirmed_at, confirmed_until, ended_at, source_id, refresh_token)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
		ON CONFLICT (subject) DO UPDATE SET source = ?2, source_id = ?11, name = ?3, display_name = ?4, email = ?5, group_names = ?6,
			credential_version = ?7, confirmed_at = ?8, confirmed_until = ?9, refresh_token = ?12,
			ended_at = CASE WHEN ?10 IS NULL THEN NULL ELSE coalesce(ended_at, ?10) END
		WHERE source <> ?2 OR source_id <> ?11 OR name <> ?3 OR display_name <> ?4 OR email <> ?5 OR group_names <> ?6
			OR credential_version <> ?7 OR (ended_at IS NULL) <> (?10 IS NULL)
			OR refresh_token IS NOT ?12
			OR (confirmed_until IS NULL) <> (?9 IS NULL)
			OR confirmed_until > ?9 OR confirmed_until <= ?8 + (?9 - ?8) / 2`
	n, err := db.exec(statement, p.Subject, p.Source, p.Name, p.DisplayName, p.Email, strings.Join(p.Groups, "\n"),
		p.CredentialVersion, millis(p.ConfirmedAt), optionalMillis(p.ConfirmedUntil), optionalMillis(p.EndedAt), p.SourceID, optionalBytes(p.SealedRefreshToken))
	if n > 0 {
		db.personChanged(p.Subject)
	}
	return err
}

// ConfirmPeople keeps what was confirmed of people, in one transaction.
func (s *Store) ConfirmPeople(ctx context.Context, people []authserver.Confirmation) error {
	confirms, subjects := make([]func(*transaction) error, len(people)), make([]string, len(people))
	for i, c := range people {
		confirms[i], subjects[i] = confirmPerson(c), c.Subject
	}
	return writeOnly(ctx, s.writer, func(db *transaction) error {
		for i, confirm := range confirms {
			if err := confirm(db); err != nil {
				return err
			}
			if err := endSessions(db, subjects[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Person returns the row of a person, or ErrNotFound.
func (s *Store) Person(ctx context.Context, subject string) (authserver.Person, error) {
	const query = `SELECT ` + ownerColumns + ` FROM people p WHERE p.subject = ?1`
	return read(ctx, s.readers, func(c *conn) (p authserver.Person, err error) {
		n, err := c.query(query, func(r *row) { p = scanOwner(r) }, subject)
		return p, atLeastOne(n, err, authserver.ErrNotFound)
	})
}

// People returns people by subject, from the one that follows after on.
func (s *Store) People(ctx context.Context, after string, limit int) ([]authserver.Person, error) {
	const query = `SELECT ` + ownerColumns + ` FROM people p WHERE p.subject > ?1 ORDER BY p.subject LIMIT ?2`
	return read(ctx, s.readers, func(c *conn) ([]authserver.Person, error) {
		var found []authserver.Person
		_, err := c.query(query, func(r *row) { found = append(found, scanOwner(r)) }, after, int64(max(0, limit)))
		return found, err
	})
}

// PeopleNamed returns people with the name who have not ended.
func (s *Store) PeopleNamed(ctx context.Context, name string) ([]authserver.Person, error) {
	const query = `SELECT ` + ownerColumns + ` FROM people p WHERE p.name = ?1 AND p.ended_at IS NULL ORDER BY p.subject LIMIT ?2`
	return read(ctx, s.readers, func(c *conn) ([]authserver.Person, error) {
		var found []authserver.Person
		_, err := c.query(query, func(r *row) { found = append(found, scanOwner(r)) }, name, int64(authserver.MaxPeopleNamed))
		return found, err
	})
}
