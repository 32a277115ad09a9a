// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Factors returns the owner's factors, oldest first.
func (s *Store) Factors(ctx context.Context, owner string) ([]authserver.Factor, error) {
	const query = `
		SELECT id, kind, name, data, counter, created_at, used_at FROM factors
		WHERE owner = $1 ORDER BY created_at, id`
	return single(ctx, s, "read the factors", func(ctx context.Context, q querier) (found []authserver.Factor, err error) {
		var id []byte
		var kind, name, data string
		var counter, created int64
		var used pgtype.Int8
		rows, err := q.Query(ctx, query, owner)
		if err != nil {
			return nil, err
		}
		return found, each(rows, []any{&id, &kind, &name, &data, &counter, &created, &used}, func() error {
			f := authserver.Factor{Owner: owner, Kind: authserver.FactorKind(kind), Name: name, Data: data,
				Counter: counter, CreatedAt: timeOf(created), UsedAt: optionalTime(used)}
			err := fixed(f.ID[:], id)
			found = append(found, f)
			return err
		})
	})
}

// Factor returns the factor with the ID, or ErrNotFound.
func (s *Store) Factor(ctx context.Context, id authserver.Hash) (authserver.Factor, error) {
	const query = `SELECT owner, kind, name, data, counter, created_at, used_at FROM factors WHERE id = $1`
	return single(ctx, s, "read the factor", func(ctx context.Context, q querier) (authserver.Factor, error) {
		f := authserver.Factor{ID: id}
		var created int64
		var used pgtype.Int8
		row := []any{&f.Owner, &f.Kind, &f.Name, &f.Data, &f.Counter, &created, &used}
		err := oneRow(q.QueryRow(ctx, query, id[:]), row, authserver.ErrNotFound)
		f.CreatedAt, f.UsedAt = timeOf(created), optionalTime(used)
		return f, err
	})
}

// ChangeFactors removes and adds factors of the owner, or returns ErrExists.
func (s *Store) ChangeFactors(ctx context.Context, owner string, remove []authserver.Hash, add []authserver.Factor) (removed int, err error) {
	const drop = `DELETE FROM factors WHERE owner = $1 AND id = ANY($2)`
	// The caller may be gone, and change what it passed, while this waits to be tried.
	ids, rows := make([][]byte, 0, len(remove)), insertFactors(owner, add)
	for _, id := range remove {
		ids = append(ids, append([]byte{}, id[:]...))
	}
	return transact(ctx, s, "change the factors", func(ctx context.Context, q querier) (removed int, err error) {
		err = send(ctx, q, func(b *pgx.Batch) {
			b.Queue(drop, owner, ids).Exec(func(tag pgconn.CommandTag) error {
				removed = int(tag.RowsAffected())
				return nil
			})
			rows(b)
		})
		return removed, err
	})
}

// insertFactors returns the writes that add factors. They fail with ErrExists where an ID is known, or the owner has too many.
func insertFactors(owner string, add []authserver.Factor) func(*pgx.Batch) {
	const insert = `
		INSERT INTO factors (id, owner, kind, name, data, counter, created_at, used_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT DO NOTHING`
	const surplus = `SELECT count(*) FROM factors WHERE owner = $1`
	rows := make([][]any, 0, len(add))
	for _, f := range add {
		rows = append(rows, []any{append([]byte{}, f.ID[:]...), owner, string(f.Kind), f.Name, f.Data, f.Counter, millis(f.CreatedAt), optionalMillis(f.UsedAt)})
	}
	return func(b *pgx.Batch) {
		if len(rows) == 0 {
			return
		}
		for _, row := range rows {
			b.Queue(insert, row...).Exec(func(tag pgconn.CommandTag) error {
				if tag.RowsAffected() == 0 {
					return authserver.ErrExists
				}
				return nil
			})
		}
		var n int64
		b.Queue(surplus, owner).QueryRow(func(r pgx.Row) error {
			err := r.Scan(&n)
			if err == nil && n > authserver.MaxFactors {
				err = authserver.ErrExists
			}
			return err
		})
	}
}

// UseFactor raises the counter of a factor, or returns ErrStale.
func (s *Store) UseFactor(ctx context.Context, owner string, id authserver.Hash, counter int64, now time.Time) error {
	const statement = `
		UPDATE factors SET counter = $3, used_at = $4
		WHERE id = $1 AND owner = $2 AND (counter < $3 OR counter = 0 AND $3 = 0)`
	_, err := single(ctx, s, "use the factor", func(ctx context.Context, q querier) (struct{}, error) {
		tag, err := q.Exec(ctx, statement, id[:], owner, counter, millis(now))
		if err == nil && tag.RowsAffected() == 0 {
			err = authserver.ErrStale
		}
		return struct{}{}, err
	})
	return err
}
