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
	generation, rotated_at, previous_rotated_at, revoked_at, proof_hash, callback, code_challenge, proof_expires_at, authenticated_at, nonce,
	methods, sid, resources`

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
	g.Authentication.At, g.Authentication.Nonce = r.optionalTime(), r.text()
	g.Authentication.Methods, g.Authentication.SessionID = r.methods(), r.text()
	g.Resources = r.scopes()
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

// OwnedGrant returns what the use of a token asks for of the grant with the ID and of its owner, or
// ErrNotFound: from memory if both are known there.
func (s *Store) OwnedGrant(ctx context.Context, id authserver.GrantID) (authserver.Grant, authserver.Person, error) {
	if ctx.Err() != nil {
		return authserver.Grant{}, authserver.Person{}, unavailable("read", context.Cause(ctx))
	}
	g, p, found, ticket, err := s.memory.owned(id)
	if err == nil && !found {
		g, p, err = s.readOwned(ctx, id, ticket)
	}
	if err != nil {
		return authserver.Grant{}, authserver.Person{}, err
	}
	return g.grant(id), p, nil
}

// readOwned reads the grant and its owner from the file, and remembers them.
func (s *Store) readOwned(ctx context.Context, id authserver.GrantID, t ticket) (grantInUse, authserver.Person, error) {
	const query = `SELECT ` + inUseColumns + `, ` + ownerInUseColumns + `
		FROM grants LEFT JOIN people p ON p.subject = owner WHERE id = ?1`
	type owned struct {
		grant grantInUse
		owner authserver.Person
	}
	o, err := read(ctx, s.readers, func(c *conn) (o owned, err error) {
		n, err := c.query(query, func(r *row) { o = owned{scanInUse(r), scanOwnerInUse(r)} }, id[:])
		return o, atLeastOne(n, err, authserver.ErrNotFound)
	})
	if err == nil {
		s.memory.rememberOwned(t, id, o.grant, o.owner)
	}
	return o.grant, o.owner, err
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

// GrantsPage returns grants that are live at now and that f chooses, by ID, from the one that follows after on.
func (s *Store) GrantsPage(ctx context.Context, f authserver.GrantFilter, now time.Time, after authserver.GrantID, limit int) ([]authserver.Grant, error) {
	const query = `SELECT ` + grantColumns + ` FROM grants WHERE revoked_at IS NULL AND ends_at > ?2 AND (generation > 0 OR proof_expires_at > ?2) AND id > ?3 `
	const order = ` ORDER BY id LIMIT ?4`
	const byOwner, byClient, byBoth = query + `AND owner = ?1` + order, query + `AND client_uid = ?1` + order, query + `AND owner = ?1 AND client_uid = ?5` + order
	statement, args := byClient, []driver.Value{f.ClientUID, millis(now), after[:], int64(max(0, limit))}
	if f.Owner != "" {
		statement, args[0] = byOwner, f.Owner
		if f.ClientUID != "" {
			statement, args = byBoth, append(args, f.ClientUID)
		}
	}
	return read(ctx, s.readers, func(c *conn) ([]authserver.Grant, error) {
		var found []authserver.Grant
		_, err := c.query(statement, func(r *row) { found = append(found, scanGrant(r)) }, args...)
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
	return writeOne(ctx, s.writer, func(t *transaction) (authserver.Grant, error) {
		g, err := oneGrant(t.conn, authserver.ErrNotFound, statement, proof[:], millis(now))
		if err == nil {
			t.grantIs(g.ID, inUse(g)) // who redeems it will use it
		}
		return g, err
	})
}

// Rotate moves the grant to the next generation and returns it with its owner, or returns ErrStale. A grant
// of generation 0 is not rotated: only its proof moves it.
func (s *Store) Rotate(ctx context.Context, r authserver.Rotation, now time.Time) (authserver.Grant, authserver.Person, error) {
	type owned struct {
		grant grantInUse
		owner authserver.Person
	}
	o, err := writeOne(ctx, s.writer, func(t *transaction) (o owned, err error) {
		if o.grant, err = rotate(t, r, now); err != nil {
			return o, err
		}
		t.grantIs(r.GrantID, o.grant)
		o.owner, err = t.owner(o.grant.owner)
		return o, err
	})
	if err != nil {
		return authserver.Grant{}, authserver.Person{}, err
	}
	return o.grant.grant(r.GrantID), o.owner, nil
}

// rotate returns the row as it is after it was moved. A row that is remembered in the generation needs no
// reading: the statement checks that it is in that generation and not revoked, and nothing else of
// it ever changes but with the generation.
func rotate(t *transaction, r authserver.Rotation, now time.Time) (grantInUse, error) {
	const statement = `
		UPDATE grants SET generation = generation + 1, rotated_at = ?5, previous_rotated_at = rotated_at
		WHERE id = ?1 AND client_uid = ?2 AND profile = ?3 AND generation = ?4 AND generation > 0
			AND revoked_at IS NULL AND ends_at > ?5`
	const returning = statement + ` RETURNING ` + inUseColumns
	args := [...]driver.Value{r.GrantID[:], r.ClientUID, string(r.Profile), int64(r.Generation), millis(now)}
	known, found := t.memory.grant(r.GrantID)
	if !found || known.generation != r.Generation {
		return oneInUse(t.conn, authserver.ErrStale, returning, args[:]...)
	}
	n, err := t.exec(statement, args[:]...)
	return known.rotated(now), atLeastOne(n, err, authserver.ErrStale)
}

// Revoke ends the grant, if there is one that is not revoked yet.
func (s *Store) Revoke(ctx context.Context, id authserver.GrantID, now time.Time) (ended bool, err error) {
	const statement = `UPDATE grants SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL`
	return writeOne(ctx, s.writer, func(t *transaction) (bool, error) {
		rows, err := t.exec(statement, id[:], millis(now))
		if rows > 0 {
			t.grantChanged(id)
		}
		return rows > 0, err
	})
}

// revokeGrants runs a statement that ends grants and returns their IDs.
func revokeGrants(t *transaction, statement string, args ...driver.Value) error {
	_, err := t.query(statement, func(r *row) { grantRow(t, r) }, args...)
	return err
}
