// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"database/sql/driver"
	"math"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// grantColumns are the columns that scanGrant reads, in its order.
const grantColumns = `id, client_uid, owner, scopes, profile, approved_at, ends_at,
	generation, rotated_at, previous_rotated_at, revoked_at, proof_hash, callback, code_challenge, proof_expires_at`

func scanGrant(r *row) authserver.Grant {
	var g authserver.Grant
	r.bytes(g.ID[:])
	g.ClientUID, g.Owner, g.Scopes = r.text(), r.text(), r.scopes()
	g.Profile = authserver.Profile(r.text())
	g.ApprovedAt, g.EndsAt = r.time(), r.time()
	g.Generation = generation(r)
	g.RotatedAt, g.PreviousRotatedAt, g.RevokedAt = r.optionalTime(), r.optionalTime(), r.optionalTime()
	r.bytes(g.Proof.Hash[:])
	g.Proof.Callback, g.Proof.CodeChallenge = r.text(), r.text()
	g.Proof.ExpiresAt = r.time()
	return g
}

// generation reads a number of which the table's CHECK says that nothing is cut here.
func generation(r *row) uint32 { return uint32(r.integer() & math.MaxUint32) }

// oneGrant returns the grant that a statement gives, or otherwise if it gives none.
func oneGrant(c *conn, otherwise error, statement string, args ...driver.Value) (authserver.Grant, error) {
	var g authserver.Grant
	n, err := c.query(statement, func(r *row) { g = scanGrant(r) }, args...)
	return g, atLeastOne(n, err, otherwise)
}

// Grant returns the grant with the ID, or ErrNotFound.
func (s *Store) Grant(ctx context.Context, id authserver.GrantID) (authserver.Grant, error) {
	const query = `SELECT ` + grantColumns + ` FROM grants WHERE id = ?1`
	return read(ctx, s.readers, func(c *conn) (authserver.Grant, error) {
		return oneGrant(c, authserver.ErrNotFound, query, id[:])
	})
}

// owned is a grant and its owner.
type owned struct {
	grant authserver.Grant
	owner authserver.Person
}

// OwnedGrant returns what the use of a token asks for of the grant with the ID and of its owner, or
// ErrNotFound. It is read for each introspection, and each column costs: it reads no more than that.
func (s *Store) OwnedGrant(ctx context.Context, id authserver.GrantID) (authserver.Grant, authserver.Person, error) {
	o, err := read(ctx, s.readers, func(c *conn) (owned, error) { return ownedGrant(c, id) })
	return o.grant, o.owner, err
}

func ownedGrant(c *conn, id authserver.GrantID) (o owned, err error) {
	const query = `
		SELECT client_uid, owner, scopes, approved_at, ends_at, generation, rotated_at, revoked_at,
			p.name, p.group_names, p.confirmed_until, p.ended_at
		FROM grants LEFT JOIN people p ON p.subject = owner WHERE id = ?1`
	n, err := c.query(query, func(r *row) { o = scanOwned(r, id) }, id[:])
	return o, atLeastOne(n, err, authserver.ErrNotFound)
}

func scanOwned(r *row, id authserver.GrantID) owned {
	g := authserver.Grant{ID: id, ClientUID: r.text(), Owner: r.text(), Scopes: r.scopes(), ApprovedAt: r.time(), EndsAt: r.time()}
	g.Generation = generation(r)
	g.RotatedAt, g.RevokedAt = r.optionalTime(), r.optionalTime()
	if r.columns[r.next] == nil { // no row of people has this subject
		return owned{grant: g}
	}
	p := authserver.Person{Owner: authserver.Owner{Subject: g.Owner, Name: r.text(), Groups: r.lines()}}
	p.ConfirmedUntil, p.EndedAt = r.optionalTime(), r.optionalTime()
	return owned{g, p}
}

// GrantByProof returns the grant with the proof, whatever became of it, or ErrNotFound.
func (s *Store) GrantByProof(ctx context.Context, proof authserver.Hash) (authserver.Grant, error) {
	const query = `SELECT ` + grantColumns + ` FROM grants WHERE proof_hash = ?1`
	return read(ctx, s.readers, func(c *conn) (authserver.Grant, error) {
		return oneGrant(c, authserver.ErrNotFound, query, proof[:])
	})
}

// GrantsOf returns the owner's grants that are live at now, oldest first.
func (s *Store) GrantsOf(ctx context.Context, owner string, now time.Time) ([]authserver.Grant, error) {
	const query = `
		SELECT ` + grantColumns + ` FROM grants
		WHERE owner = ?1 AND revoked_at IS NULL AND ends_at > ?2 AND (generation > 0 OR proof_expires_at > ?2)
		ORDER BY approved_at, number`
	return read(ctx, s.readers, func(c *conn) ([]authserver.Grant, error) {
		var found []authserver.Grant
		_, err := c.query(query, func(r *row) { found = append(found, scanGrant(r)) }, owner, millis(now))
		return found, err
	})
}

// Redeem takes the proof, or returns ErrNotFound. From here on the row is kept until the grant
// ends, and in any case as long as the proof is remembered: a short grant must not be forgotten
// while its interaction lives, or the same proof could be made again.
func (s *Store) Redeem(ctx context.Context, proof authserver.Hash, now time.Time) (authserver.Grant, error) {
	const statement = `
		UPDATE grants SET generation = 1, rotated_at = ?2, kept_until = max(kept_until, ends_at)
		WHERE proof_hash = ?1 AND generation = 0 AND proof_expires_at > ?2 AND revoked_at IS NULL AND ends_at > ?2
		RETURNING ` + grantColumns
	return write(ctx, s.writer, func(c *conn) (authserver.Grant, error) {
		return oneGrant(c, authserver.ErrNotFound, statement, proof[:], millis(now))
	})
}

// Rotate moves the grant to the next generation and returns it with its owner, or returns ErrStale. A grant of generation 0 is
// not rotated: only its proof moves it.
func (s *Store) Rotate(ctx context.Context, r authserver.Rotation, now time.Time) (authserver.Grant, authserver.Person, error) {
	const statement = `
		UPDATE grants SET generation = generation + 1, rotated_at = ?5, previous_rotated_at = rotated_at
		WHERE id = ?1 AND client_uid = ?2 AND profile = ?3 AND generation = ?4 AND generation > 0
			AND revoked_at IS NULL AND ends_at > ?5`
	o, err := write(ctx, s.writer, func(c *conn) (owned, error) {
		n, err := c.exec(statement, r.GrantID[:], r.ClientUID, string(r.Profile), int64(r.Generation), millis(now))
		if err := atLeastOne(n, err, authserver.ErrStale); err != nil {
			return owned{}, err
		}
		return ownedGrant(c, r.GrantID)
	})
	return o.grant, o.owner, err
}

// Revoke ends the grant, if there is one that is not revoked yet.
func (s *Store) Revoke(ctx context.Context, id authserver.GrantID, now time.Time) (ended bool, err error) {
	const statement = `UPDATE grants SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL`
	return write(ctx, s.writer, func(c *conn) (bool, error) {
		rows, err := c.exec(statement, id[:], millis(now))
		return rows > 0, err
	})
}
