// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver sqlite

	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

// kept returns how many rows the store of a server has, and how many bytes it takes on the disk. Of SQLite it is a
// backup that is counted, because the server owns the file.
func (b *bench) kept(ctx context.Context, s *site) (rows int, bytes int64, err error) {
	if s.kind == postgres {
		return countRows(ctx, s.kind, s.store, `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`,
			`SELECT pg_database_size(current_database())`)
	}
	copied := filepath.Join(b.Dir, "copy.db")
	if _, err := b.Output(ctx, "", filepath.Join(b.Dir, "authserver"), "backup", "--store="+s.store, "--to="+copied); err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, os.Remove(copied)) }()
	if rows, _, err = countRows(ctx, sqlite, copied, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`, `SELECT 0`); err != nil {
		return 0, 0, err
	}
	files, err := filepath.Glob(strings.TrimPrefix(s.store, "sqlite:") + "*") // with its log
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			bytes += info.Size()
		}
	}
	return rows, bytes, err
}

// countRows counts the rows of all tables of a database, and asks for its size.
func countRows(ctx context.Context, kind, name, tables, size string) (rows int, bytes int64, err error) {
	db, err := database(kind, name)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = db.Close() }() // it was only read
	names, err := column(ctx, db, tables)
	if err != nil {
		return 0, 0, err
	}
	for _, table := range names {
		var n int
		if err := db.QueryRowContext(ctx, `SELECT count(*) FROM "`+table+`"`).Scan(&n); err != nil { //nolint:gosec // a name of our own
			return 0, 0, fmt.Errorf("count the rows: %w", err)
		}
		rows += n
	}
	err = db.QueryRowContext(ctx, size).Scan(&bytes)
	return rows, bytes, err
}

// database opens the database of a store: of SQLite by the path of its file.
func database(kind, name string) (db *sql.DB, err error) {
	if kind == postgres {
		db, err = postgrestest.Open(name)
	} else {
		db, err = sql.Open("sqlite", name)
	}
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return db, nil
}

// column returns what a query finds, a text in each row.
func column(ctx context.Context, db *sql.DB, query string) (values []string, err error) {
	found, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("read names: %w", err)
	}
	defer func() { _ = found.Close() }() // all of it was read
	for found.Next() {
		var value string
		if err := found.Scan(&value); err != nil {
			return nil, fmt.Errorf("read names: %w", err)
		}
		values = append(values, value)
	}
	return values, found.Err()
}
