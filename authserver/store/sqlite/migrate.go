// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"

	"github.com/pressly/goose/v3"
	driversqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// migrations are the steps from an empty file to the present schema, each of which runs
// in a transaction. A released step is never edited (docs/decisions/0050).
//
//go:embed migrations/*.sql
var migrations embed.FS

// applicationID tells our files from those of other programs ("GATE" in ASCII;
// https://sqlite.org/pragma.html#pragma_application_id).
const applicationID = 0x47415445

// firstReleased is the number of the first step that was released. A schema with a smaller number is of a
// version before v0.1.0: those changed their steps in place, so nobody knows what is in it.
const firstReleased = 100

// migrate brings the schema of the file at path up to date.
func migrate(ctx context.Context, path string) error {
	mine, err := inspect(ctx, path, reading())
	if resultCode(err) == sqlite3.SQLITE_NOTADB {
		return notDatabase(path)
	}
	if err != nil {
		return err
	}
	return withDB(path, writing(), func(db *sql.DB) error {
		if !mine {
			if _, err := db.ExecContext(ctx, fmt.Sprintf(`PRAGMA application_id = %d`, applicationID)); err != nil {
				return fmt.Errorf("mark %s as ours: %w", path, err)
			}
		}
		return upgrade(ctx, db, path)
	})
}

// inspect reports whether the file at path is marked as ours. A file that is neither
// ours nor empty is refused, and not touched.
func inspect(ctx context.Context, path string, settings url.Values) (mine bool, err error) {
	const query = `SELECT (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)`
	err = withDB(path, settings, func(db *sql.DB) error {
		var id, objects int
		if err := db.QueryRowContext(ctx, query).Scan(&id, &objects); err != nil {
			return fmt.Errorf("read the head of %s: %w", path, err)
		}
		if mine = id == applicationID; !mine && (id != 0 || objects != 0) {
			return fmt.Errorf("%s is another program's SQLite database: name another file", path)
		}
		return nil
	})
	return mine, err
}

// withDB opens the file at path as goose wants it.
func withDB(path string, settings url.Values, use func(*sql.DB) error) error {
	connector, err := driversqlite.NewConnector(dsn(path, settings))
	if err != nil {
		return fmt.Errorf("name the file to the driver: %w", err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	return errors.Join(use(db), db.Close())
}

// upgrade runs the steps that are missing and refuses a schema from the future.
func upgrade(ctx context.Context, db *sql.DB, path string) error {
	steps, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("find the migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, steps, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema version of %s: %w", path, err)
	}
	if 0 < current && current < firstReleased {
		return fmt.Errorf("%s was written by a version from before v0.1.0 (its schema is number %d, the first release begins with %d), which cannot be taken over: move the file away and start without one. Clients and their secrets stay; people log in and allow their applications again", path, current, firstReleased)
	}
	if current > target {
		return fmt.Errorf("%s was written by a newer version (its schema is number %d, this version knows %d): run the newer version, or restore a backup", path, current, target)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring the schema of %s from number %d to %d: %w", path, current, target, err)
	}
	return nil
}
