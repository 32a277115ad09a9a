// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// Database is what a store keeps, open for a copy. Its schema is up to date, and no server uses it.
type Database struct {
	// Name says which it is, for people: no password.
	Name string
	SQL  *sql.DB
	// Extra returns columns of a table that this store alone has, and their values for a row with a key.
	Extra func(table string, key []byte) (columns []string, values []any)
	// Close closes it and lets servers have it. It may be nil.
	Close func() error
}

// marker is a table of one row, which is in a target while a copy into it is under way: how far it is.
const marker = `
	CREATE TABLE IF NOT EXISTS transfer (
		one      smallint NOT NULL PRIMARY KEY CHECK (one = 1),
		source   text     NOT NULL,
		place    bigint   NOT NULL, -- the index of the table that is copied; past the last: all are, and not compared
		last_key text     NOT NULL, -- of it, the last key that is copied
		copied   bigint   NOT NULL  -- rows of all tables
	)`

// Unfinished reports whether a copy into the database was begun and not finished. exists is a query that tells whether the
// table named transfer is there.
func Unfinished(ctx context.Context, db interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}, exists string) error {
	var n int
	if err := db.QueryRowContext(ctx, exists).Scan(&n); err != nil {
		return fmt.Errorf("look for an unfinished copy: %w", err)
	}
	if n > 0 {
		return ErrUnfinished
	}
	return nil
}

// ErrUnfinished is why no server starts on a target.
var ErrUnfinished = errors.New("a copy into this store was begun and has not finished: run the same authserver migrate-store again, which goes on where it stopped")

// progress is the row of marker.
type progress struct {
	source  string
	place   int
	lastKey string
	copied  int
}

// readProgress returns nil when no copy is under way.
func (d *Database) readProgress(ctx context.Context) (*progress, error) {
	if _, err := d.SQL.ExecContext(ctx, marker); err != nil {
		return nil, fmt.Errorf("make the record of progress in %s: %w", d.Name, err)
	}
	var p progress
	err := d.SQL.QueryRowContext(ctx, `SELECT source, place, last_key, copied FROM transfer`).Scan(&p.source, &p.place, &p.lastKey, &p.copied)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read how far the copy into %s is: %w", d.Name, err)
	}
	return &p, nil
}

// execer is a database or a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (p progress) write(ctx context.Context, db execer) error {
	const statement = `
		INSERT INTO transfer (one, source, place, last_key, copied) VALUES (1, $1, $2, $3, $4)
		ON CONFLICT (one) DO UPDATE SET place = excluded.place, last_key = excluded.last_key, copied = excluded.copied`
	_, err := db.ExecContext(ctx, statement, p.source, p.place, p.lastKey, p.copied)
	return err
}

// count returns how many rows each table has.
func (d *Database) count(ctx context.Context) ([]int, error) {
	counts := make([]int, len(tables))
	for i, t := range tables {
		if err := d.SQL.QueryRowContext(ctx, `SELECT count(*) FROM `+t.name).Scan(&counts[i]); err != nil {
			return nil, fmt.Errorf("count the rows of %s in %s: %w", t.name, d.Name, err)
		}
	}
	return counts, nil
}

// after returns at most limit rows, in the order of the key, from the one that follows key on.
func (d *Database) after(ctx context.Context, t table, key row, limit int) ([]row, error) {
	names := strings.Join(t.key, ", ")
	query := `SELECT ` + strings.Join(t.all(), ", ") + ` FROM ` + t.name
	args := append(row{}, key...)
	if key != nil {
		query += ` WHERE (` + names + `) > (` + placeholders(1, len(key)) + `)`
	}
	query += ` ORDER BY ` + names + fmt.Sprintf(` LIMIT %d`, limit)
	return d.query(ctx, t, query, args)
}

// same returns the rows that have the keys of the given ones.
func (d *Database) same(ctx context.Context, t table, of []row) ([]row, error) {
	var args []any
	var choices []string
	for _, r := range of {
		var terms []string
		for i, name := range t.key {
			args = append(args, r[i])
			terms = append(terms, fmt.Sprintf("%s = $%d", name, len(args)))
		}
		choices = append(choices, "("+strings.Join(terms, " AND ")+")")
	}
	return d.query(ctx, t, `SELECT `+strings.Join(t.all(), ", ")+` FROM `+t.name+` WHERE `+strings.Join(choices, " OR "), args)
}

func (d *Database) query(ctx context.Context, t table, query string, args []any) ([]row, error) {
	rows, err := d.SQL.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s of %s: %w", t.name, d.Name, err)
	}
	found, err := t.scan(rows)
	if err != nil {
		return nil, fmt.Errorf("read %s of %s: %w", t.name, d.Name, err)
	}
	return found, nil
}

// put writes the rows and how far the copy is then, in one transaction.
func (d *Database) put(ctx context.Context, t table, rows []row, p progress) (err error) {
	tx, err := d.SQL.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin in %s: %w", d.Name, err)
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback() // where it fails, the connection is lost, and the transaction with it
		}
	}()
	if len(rows) > 0 {
		statement, args := d.insert(t, rows)
		if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
			return fmt.Errorf("write %s of %s: %w", t.name, d.Name, err)
		}
	}
	if err := p.write(ctx, tx); err != nil {
		return fmt.Errorf("write how far the copy into %s is: %w", d.Name, err)
	}
	return tx.Commit()
}

// insert returns the statement that writes the rows.
func (d *Database) insert(t table, rows []row) (statement string, args []any) {
	columns, values := t.all(), []string{}
	for n, r := range rows {
		line := append([]any{}, r...)
		if key, ok := r[0].([]byte); ok && d.Extra != nil {
			more, extra := d.Extra(t.name, key)
			if line = append(line, extra...); n == 0 {
				columns = append(columns, more...)
			}
		}
		values = append(values, "("+placeholders(len(args)+1, len(line))+")")
		args = append(args, line...)
	}
	return `INSERT INTO ` + t.name + ` (` + strings.Join(columns, ", ") + `) VALUES ` + strings.Join(values, ", "), args
}

// placeholders returns "$first, ..." for n values.
func placeholders(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", first+i)
	}
	return b.String()
}
