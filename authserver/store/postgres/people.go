// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// confirmPeople returns the writes that keep what was confirmed of people.
func confirmPeople(people ...authserver.Confirmation) func(*pgx.Batch) {
	people = slices.Clone(people) // the caller may be gone, and change them, while this waits to be tried
	for i := range people {
		people[i].Groups, people[i].SealedRefreshToken = slices.Clone(people[i].Groups), slices.Clone(people[i].SealedRefreshToken)
	}
	return func(b *pgx.Batch) {
		for _, c := range people {
			endOutdated(b, c)
			keepPerson(b, c.Person)
		}
	}
}

// endOutdated ends what a person has who is gone, or whose credentials were changed. It comes before
// keepPerson: the row tells which ones they had.
func endOutdated(b *pgx.Batch, c authserver.Confirmation) {
	const every = `DELETE FROM sessions WHERE owner = $1`
	const outdated = `DELETE FROM sessions WHERE owner = $1 AND credential_version <> $2`
	const grants = `
		UPDATE grants SET revoked_at = $3 WHERE owner = $1 AND revoked_at IS NULL AND EXISTS (
			SELECT 1 FROM people WHERE subject = $1 AND credential_version NOT IN ('', $2))`
	switch {
	case !c.EndedAt.IsZero():
		b.Queue(every, c.Subject)
	case c.CredentialVersion != "":
		b.Queue(outdated, c.Subject, c.CredentialVersion)
		if c.EndGrants {
			b.Queue(grants, c.Subject, c.CredentialVersion, millis(c.ConfirmedAt))
		}
	}
}

// keepPerson writes the row if something in it is new.
func keepPerson(b *pgx.Batch, p authserver.Person) {
	const statement = `
		INSERT INTO people AS p (subject, source, name, display_name, email, group_names,
			credential_version, confirmed_at, confirmed_until, ended_at, source_id, refresh_token)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (subject) DO UPDATE SET source = excluded.source, source_id = excluded.source_id,
			name = excluded.name, display_name = excluded.display_name,
			email = excluded.email, group_names = excluded.group_names, credential_version = excluded.credential_version,
			confirmed_at = excluded.confirmed_at, confirmed_until = excluded.confirmed_until, refresh_token = excluded.refresh_token,
			ended_at = CASE WHEN excluded.ended_at IS NULL THEN NULL ELSE coalesce(p.ended_at, excluded.ended_at) END
		WHERE p.source <> excluded.source OR p.source_id <> excluded.source_id OR p.name <> excluded.name OR p.display_name <> excluded.display_name
			OR p.email <> excluded.email OR p.group_names <> excluded.group_names
			OR p.credential_version <> excluded.credential_version OR (p.ended_at IS NULL) <> (excluded.ended_at IS NULL)
			OR p.refresh_token IS DISTINCT FROM excluded.refresh_token
			OR (p.confirmed_until IS NULL) <> (excluded.confirmed_until IS NULL)
			OR p.confirmed_until > excluded.confirmed_until
			OR (p.confirmed_until - excluded.confirmed_at) * 2 <= excluded.confirmed_until - excluded.confirmed_at`
	b.Queue(statement, p.Subject, p.Source, p.Name, p.DisplayName, p.Email, strings.Join(p.Groups, "\n"),
		p.CredentialVersion, millis(p.ConfirmedAt), optionalMillis(p.ConfirmedUntil), optionalMillis(p.EndedAt), p.SourceID, optionalBytes(p.SealedRefreshToken))
}

// ConfirmPeople keeps what was confirmed of people, in one transaction.
func (s *Store) ConfirmPeople(ctx context.Context, people []authserver.Confirmation) error {
	confirm := confirmPeople(people...)
	subjects := make([]string, len(people))
	for i, c := range people {
		subjects[i] = c.Subject
	}
	_, err := transact(ctx, s, "keep people", func(ctx context.Context, q querier) (struct{}, error) {
		return struct{}{}, send(ctx, q, func(b *pgx.Batch) {
			confirm(b)
			endSessions(b, subjects...)
		})
	})
	return err
}

// People returns people by subject, from the one that follows after on.
func (s *Store) People(ctx context.Context, after string, limit int) ([]authserver.Person, error) {
	const query = `SELECT ` + personColumns + ` FROM people p WHERE p.subject > $1 ORDER BY p.subject LIMIT $2`
	return single(ctx, s, "read people", func(ctx context.Context, q querier) ([]authserver.Person, error) {
		rows, err := q.Query(ctx, query, after, int64(max(0, limit)))
		return readPeople(rows, err)
	})
}

// PeopleNamed returns people with the name who have not ended.
func (s *Store) PeopleNamed(ctx context.Context, name string) ([]authserver.Person, error) {
	const query = `SELECT ` + personColumns + ` FROM people p WHERE p.name = $1 AND p.ended_at IS NULL ORDER BY p.subject LIMIT $2`
	return single(ctx, s, "read who has the name", func(ctx context.Context, q querier) ([]authserver.Person, error) {
		rows, err := q.Query(ctx, query, name, int64(authserver.MaxPeopleNamed))
		return readPeople(rows, err)
	})
}

// readPeople reads the rows of a query that gave no error.
func readPeople(rows pgx.Rows, err error) (found []authserver.Person, _ error) {
	if err != nil {
		return nil, err
	}
	var row personRow
	err = each(rows, row.fields(), func() error {
		found = append(found, row.person())
		return nil
	})
	return found, err
}
