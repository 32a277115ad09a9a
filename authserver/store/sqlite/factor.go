// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Factors returns the owner's factors, oldest first.
func (s *Store) Factors(ctx context.Context, owner string) ([]authserver.Factor, error) {
	const query = `
		SELECT id, kind, name, data, counter, created_at, used_at FROM factors
		WHERE owner = ?1 ORDER BY created_at, id`
	return read(ctx, s.readers, func(c *conn) ([]authserver.Factor, error) {
		var found []authserver.Factor
		_, err := c.query(query, func(r *row) {
			f := authserver.Factor{Owner: owner}
			r.bytes(f.ID[:])
			f.Kind, f.Name, f.Data = authserver.FactorKind(r.text()), r.text(), r.text()
			f.Counter, f.CreatedAt, f.UsedAt = r.integer(), r.time(), r.optionalTime()
			found = append(found, f)
		}, owner)
		return found, err
	})
}

// Factor returns the factor with the ID, or ErrNotFound.
func (s *Store) Factor(ctx context.Context, id authserver.Hash) (authserver.Factor, error) {
	const query = `SELECT owner, kind, name, data, counter, created_at, used_at FROM factors WHERE id = ?1`
	return read(ctx, s.readers, func(c *conn) (authserver.Factor, error) {
		f := authserver.Factor{ID: id}
		n, err := c.query(query, func(r *row) {
			f.Owner, f.Kind, f.Name, f.Data = r.text(), authserver.FactorKind(r.text()), r.text(), r.text()
			f.Counter, f.CreatedAt, f.UsedAt = r.integer(), r.time(), r.optionalTime()
		}, id[:])
		return f, atLeastOne(n, err, authserver.ErrNotFound)
	})
}

// ChangeFactors removes and adds factors of the owner, or returns ErrExists.
func (s *Store) ChangeFactors(ctx context.Context, owner string, remove []authserver.Hash, add []authserver.Factor) (removed int, err error) {
	const drop = `DELETE FROM factors WHERE id = ?1 AND owner = ?2`
	const insert = `
		INSERT INTO factors (id, owner, kind, name, data, counter, created_at, used_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
		ON CONFLICT DO NOTHING`
	const surplus = `SELECT 1 FROM factors WHERE owner = ?1 LIMIT 1 OFFSET ?2`
	remove, add = slices.Clone(remove), slices.Clone(add) // the caller may be gone, and change them, while this waits
	return write(ctx, s.writer, func(t *transaction) (removed int, err error) {
		for _, id := range remove {
			n, err := t.exec(drop, id[:], owner)
			if err != nil {
				return 0, err
			}
			removed += n
		}
		for _, f := range add {
			n, err := t.exec(insert, f.ID[:], owner, string(f.Kind), f.Name, f.Data, f.Counter, millis(f.CreatedAt), optionalMillis(f.UsedAt))
			if err := atLeastOne(n, err, authserver.ErrExists); err != nil {
				return 0, err
			}
		}
		if len(add) == 0 {
			return removed, nil
		}
		n, err := t.query(surplus, func(*row) {}, owner, int64(authserver.MaxFactors))
		if err == nil && n > 0 {
			err = authserver.ErrExists
		}
		return removed, err
	})
}

// UseFactor raises the counter of a factor, or returns ErrStale.
func (s *Store) UseFactor(ctx context.Context, owner string, id authserver.Hash, counter int64, now time.Time) error {
	const statement = `
		UPDATE factors SET counter = ?3, used_at = ?4
		WHERE id = ?1 AND owner = ?2 AND (counter < ?3 OR counter = 0 AND ?3 = 0)`
	return writeOneOnly(ctx, s.writer, func(t *transaction) error {
		n, err := t.exec(statement, id[:], owner, counter, millis(now))
		return atLeastOne(n, err, authserver.ErrStale)
	})
}
