// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// errNothingToDo is the answer of an operation that found nothing to change.
var errNothingToDo = errors.New("nothing to do")

// done reports whether an operation changed something.
func done(err error) (bool, error) {
	if errors.Is(err, errNothingToDo) {
		return false, nil
	}
	return err == nil, err
}

// readKeys reads rows of a key alone: the call did something.
func readKeys(rows pgx.Rows, asked answers) error {
	var key []byte
	return each(rows, []any{&key}, func() error { return give(asked, key, given(struct{}{})) })
}

// spending marks keys as used.
var spending = &kind{
	name: "spend the key", write: true, missing: authserver.ErrExists, read: readKeys,
	sql: `
		INSERT INTO spent (key, bucket, spent_at, blocked_until)
		SELECT r.key, r.bucket, r.spent_at, r.blocked_until
		FROM unnest($1::bytea[], $2::smallint[], $3::bigint[], $4::bigint[]) AS r (key, bucket, spent_at, blocked_until)
		ON CONFLICT (key) DO UPDATE SET spent_at = excluded.spent_at, blocked_until = excluded.blocked_until
		WHERE spent.blocked_until <= excluded.spent_at
		RETURNING key`,
	arguments: func(calls []*call) []any {
		buckets, from, until := make([]int16, len(calls)), make([]int64, len(calls)), make([]int64, len(calls))
		for i, c := range calls {
			t := c.question.(span)
			buckets[i], from[i], until[i] = bucketOf([]byte(c.key)), t.from, t.until
		}
		return []any{keys(calls), buckets, from, until}
	},
}

// span is a time from and a time until.
type span struct{ from, until int64 }

// Spend marks the key until a time, or returns ErrExists if it is marked at now. When the connection is
// lost before the answer came, the key may be marked: that is ErrUnavailable.
func (s *Store) Spend(ctx context.Context, key authserver.Hash, now, until time.Time) error {
	_, err := ask[struct{}](ctx, s, spending, key[:], span{millis(now), millis(until)})
	return err
}

// spentUntil reads until when keys are marked.
var spentUntil = &kind{
	name: "look up the key", missing: errNothingToDo, arguments: byKeys,
	sql: `SELECT key, blocked_until FROM spent WHERE key = ANY($1)`,
	read: func(rows pgx.Rows, asked answers) error {
		var key []byte
		var until int64
		return each(rows, []any{&key, &until}, func() error { return give(asked, key, given(until)) })
	},
}

// Spent reports whether the key is marked at now.
func (s *Store) Spent(ctx context.Context, key authserver.Hash, now time.Time) (bool, error) {
	until, err := ask[int64](ctx, s, spentUntil, key[:], nil)
	found, err := done(err)
	return found && until > millis(now), err
}

// sessionOf reads sessions and whose they are.
var sessionOf = &kind{
	name: "read the session", missing: authserver.ErrNotFound, arguments: byKeys,
	sql: `
		SELECT s.hash, s.owner, s.authenticated_at, s.expires_at, s.credential_version, s.methods, s.first_hash, ` + personColumns + `
		FROM sessions s LEFT JOIN people p ON p.subject = s.owner WHERE s.hash = ANY($1)`,
	read: func(rows pgx.Rows, asked answers) error {
		var hash, first []byte
		var owner, version, methods string
		var authenticated, expires int64
		var person personRow
		return each(rows, append([]any{&hash, &owner, &authenticated, &expires, &version, &methods, &first}, person.fields()...), func() error {
			return give(asked, hash, func() (login, error) {
				f := login{person: person.person(), session: authserver.Session{Owner: owner, CredentialVersion: version, Methods: methodsOf(methods),
					AuthenticatedAt: timeOf(authenticated), ExpiresAt: timeOf(expires)}}
				return f, errors.Join(fixed(f.session.Hash[:], hash), optionalFixed(f.session.First[:], first))
			})
		})
	},
}

// login is a session and the person it is of.
type login struct {
	session authserver.Session
	person  authserver.Person
}

// Session returns the session with the hash and its owner, or ErrNotFound.
func (s *Store) Session(ctx context.Context, h authserver.Hash) (authserver.Session, authserver.Person, error) {
	f, err := ask[login](ctx, s, sessionOf, h[:], nil)
	return f.session, f.person, err
}

// personOf reads people.
var personOf = &kind{
	name: "read the person", missing: authserver.ErrNotFound,
	sql: `SELECT ` + personColumns + ` FROM people p WHERE p.subject = ANY($1)`,
	arguments: func(calls []*call) []any {
		subjects := make([]string, len(calls))
		for i, c := range calls {
			subjects[i] = c.key
		}
		return []any{subjects}
	},
	read: func(rows pgx.Rows, asked answers) error {
		var row personRow
		return each(rows, row.fields(), func() error {
			return give(asked, []byte(row.subject.String), func() (authserver.Person, error) { return row.person(), nil })
		})
	},
}

// Person returns the row of a person, or ErrNotFound.
func (s *Store) Person(ctx context.Context, subject string) (authserver.Person, error) {
	return ask[authserver.Person](ctx, s, personOf, []byte(subject), nil)
}

// pinging asks for nothing.
var pinging = &kind{
	name: "ask whether the database answers", missing: errNothingToDo,
	arguments: func([]*call) []any { return nil },
	sql:       `SELECT 1::bigint`,
	read: func(rows pgx.Rows, asked answers) error {
		var one pgtype.Int8
		return each(rows, []any{&one}, func() error {
			return give(asked, []byte(pingKey), given(struct{}{}))
		})
	},
}

const pingKey = "ping"

// Ping reads from the database, on the way that the hot path takes.
func (s *Store) Ping(ctx context.Context) error {
	_, err := ask[struct{}](ctx, s, pinging, []byte(pingKey), nil)
	return err
}
