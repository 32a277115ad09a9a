// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// buckets is how many places of an index rows of one moment go to.
const buckets = 16

// bucketOf returns the bucket of the row with a random key.
func bucketOf(key []byte) int16 { return int16(key[0] % buckets) }

// millis is how a time is kept.
func millis(t time.Time) int64 { return t.UnixMilli() }

// optionalMillis is how a time is kept that may be zero.
func optionalMillis(t time.Time) pgtype.Int8 {
	return pgtype.Int8{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}

// optionalBytes is how bytes are kept of which there may be none.
func optionalBytes(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// optionalHash is how a hash is kept that may be zero.
func optionalHash(h authserver.Hash) []byte {
	if h == (authserver.Hash{}) {
		return nil
	}
	return h[:]
}

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// optionalTime returns the zero time for NULL.
func optionalTime(ms pgtype.Int8) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return timeOf(ms.Int64)
}

// scopeText is how scopes and resources are kept. They hold no blank (RFC 6749 §3.3, RFC 3986).
func scopeText(scopes []string) string { return strings.Join(scopes, " ") }

// methodText is how the names of RFC 8176 are kept, which hold no blank.
func methodText(methods []string) string { return strings.Join(methods, " ") }

// methodsOf returns no list for an empty text.
func methodsOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Fields(text)
}

// lines returns no list for an empty text.
func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// generation reads a number of which the table's CHECK says that nothing is cut here.
func generation(n int64) uint32 { return uint32(n & math.MaxUint32) }

// fixed copies b, which has the length that the table demands of the column.
func fixed(into, b []byte) error {
	if copy(into, b) != len(into) || len(b) != len(into) {
		return fmt.Errorf("a key has %d bytes instead of %d", len(b), len(into))
	}
	return nil
}

// optionalFixed leaves into as it is for NULL.
func optionalFixed(into, b []byte) error {
	if b == nil {
		return nil
	}
	return fixed(into, b)
}

// each hands every row to read, after it was scanned into the fields.
func each(rows pgx.Rows, fields []any, read func() error) error {
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(fields...); err != nil {
			return err
		}
		if err := read(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// oneRow reads the row that a query gives, or returns otherwise if it gives none.
func oneRow(row pgx.Row, fields []any, otherwise error) error {
	err := row.Scan(fields...)
	if errors.Is(err, pgx.ErrNoRows) {
		return otherwise
	}
	return err
}

// grantColumns are the columns of grants, called g, that a grantRow takes.
const grantColumns = `g.id, g.client_uid, g.owner, g.scopes, g.profile, g.approved_at, g.ends_at, g.generation, g.rotated_at,
	g.previous_rotated_at, g.revoked_at, g.proof_hash, g.callback, g.code_challenge, g.proof_expires_at, g.authenticated_at, g.nonce,
	g.methods, g.sid, g.resources`

type grantRow struct {
	id, proof                                                                   []byte
	clientUID, owner, scopes, profile, callback, challenge, nonce, methods, sid string
	resources                                                                   string
	approved, ends, generation, proofExpires                                    int64
	rotated, previous, revoked, authenticated                                   pgtype.Int8
}

func (r *grantRow) fields() []any {
	return []any{&r.id, &r.clientUID, &r.owner, &r.scopes, &r.profile, &r.approved, &r.ends, &r.generation, &r.rotated,
		&r.previous, &r.revoked, &r.proof, &r.callback, &r.challenge, &r.proofExpires, &r.authenticated, &r.nonce,
		&r.methods, &r.sid, &r.resources}
}

func (r *grantRow) grant() (authserver.Grant, error) {
	g := authserver.Grant{
		ClientUID: r.clientUID, Owner: r.owner, Scopes: strings.Fields(r.scopes), Profile: authserver.Profile(r.profile),
		ApprovedAt: timeOf(r.approved), EndsAt: timeOf(r.ends), Generation: generation(r.generation),
		RotatedAt: optionalTime(r.rotated), PreviousRotatedAt: optionalTime(r.previous), RevokedAt: optionalTime(r.revoked),
		Proof:          authserver.Proof{Callback: r.callback, CodeChallenge: r.challenge, ExpiresAt: timeOf(r.proofExpires)},
		Authentication: authserver.Authentication{At: optionalTime(r.authenticated), Nonce: r.nonce, Methods: methodsOf(r.methods), SessionID: r.sid},
		Resources:      strings.Fields(r.resources),
	}
	return g, errors.Join(fixed(g.ID[:], r.id), fixed(g.Proof.Hash[:], r.proof))
}

// ownedColumns are the columns of grants, called g, and people, called p, that an ownedRow takes.
const ownedColumns = `g.id, g.client_uid, g.owner, g.scopes, g.approved_at, g.ends_at, g.generation, g.rotated_at, g.revoked_at,
	g.resources, p.name, p.group_names, p.confirmed_until, p.ended_at`

// owned is a grant and its owner, as the use of a token asks for them.
type owned struct {
	grant authserver.Grant
	owner authserver.Person
}

type ownedRow struct {
	id                                        []byte
	clientUID, owner, scopes, resources       string
	approved, ends, generation                int64
	rotated, revoked, confirmedUntil, endedAt pgtype.Int8
	name, groups                              pgtype.Text // not valid: no row of people has this subject
}

func (r *ownedRow) fields() []any {
	return []any{&r.id, &r.clientUID, &r.owner, &r.scopes, &r.approved, &r.ends, &r.generation, &r.rotated, &r.revoked,
		&r.resources, &r.name, &r.groups, &r.confirmedUntil, &r.endedAt}
}

func (r *ownedRow) owned() (owned, error) {
	var o owned
	o.grant = authserver.Grant{
		ClientUID: r.clientUID, Owner: r.owner, Scopes: strings.Fields(r.scopes),
		ApprovedAt: timeOf(r.approved), EndsAt: timeOf(r.ends), Generation: generation(r.generation),
		RotatedAt: optionalTime(r.rotated), RevokedAt: optionalTime(r.revoked), Resources: strings.Fields(r.resources),
	}
	if r.name.Valid {
		o.owner = authserver.Person{
			Owner:          authserver.Owner{Subject: r.owner, Name: r.name.String, Groups: lines(r.groups.String)},
			ConfirmedUntil: optionalTime(r.confirmedUntil), EndedAt: optionalTime(r.endedAt),
		}
	}
	return o, fixed(o.grant.ID[:], r.id)
}

// personColumns are the columns of people, called p, that a personRow takes.
const personColumns = `p.subject, p.source, p.source_id, p.name, p.display_name, p.email, p.group_names,
	p.credential_version, p.confirmed_at, p.confirmed_until, p.ended_at, p.refresh_token`

// personRow is a person, or NULLs where a join found none.
type personRow struct {
	subject, source, sourceID, name, displayName, email, groups, version pgtype.Text
	confirmedAt, confirmedUntil, endedAt                                 pgtype.Int8
	refreshToken                                                         []byte
}

func (r *personRow) fields() []any {
	return []any{&r.subject, &r.source, &r.sourceID, &r.name, &r.displayName, &r.email, &r.groups, &r.version,
		&r.confirmedAt, &r.confirmedUntil, &r.endedAt, &r.refreshToken}
}

// person returns the zero Person for NULLs.
func (r *personRow) person() authserver.Person {
	if !r.subject.Valid {
		return authserver.Person{}
	}
	return authserver.Person{
		Owner: authserver.Owner{Subject: r.subject.String, Source: r.source.String, SourceID: r.sourceID.String, Name: r.name.String,
			DisplayName: r.displayName.String, Email: r.email.String, Groups: lines(r.groups.String), CredentialVersion: r.version.String},
		ConfirmedAt: optionalTime(r.confirmedAt), ConfirmedUntil: optionalTime(r.confirmedUntil), EndedAt: optionalTime(r.endedAt),
		SealedRefreshToken: slices.Clone(r.refreshToken), // the field is read into again
	}
}
