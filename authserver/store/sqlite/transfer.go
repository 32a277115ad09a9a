// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"

	driversqlite "modernc.org/sqlite"

	"github.com/gatehouse-dev/gatehouse/authserver/store/transfer"
)

// OpenForTransfer opens the store in the file at path to be copied or, with create, to be copied into. No server uses it
// meanwhile: one that does is refused, as a second server is. The schema is brought up to date.
func OpenForTransfer(ctx context.Context, path string, create bool) (*transfer.Database, error) {
	path, err := prepareFile(path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); !create && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s to copy from", path)
	}
	lock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	if err := createFile(path); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if err := migrate(ctx, path); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	connector, err := driversqlite.NewConnector(dsn(path, writing()))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("name the file to the driver: %w", err), lock.Close())
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	return &transfer.Database{
		Name: "sqlite:" + path, SQL: db,
		Close: func() error { return errors.Join(db.Close(), lock.Close()) },
	}, nil
}

// refuseUnfinished refuses a file that is the target of an unfinished copy.
func refuseUnfinished(ctx context.Context, path string) error {
	return withDB(path, reading(), func(db *sql.DB) error {
		return transfer.Unfinished(ctx, db, `SELECT count(*) FROM sqlite_schema WHERE name = 'transfer'`)
	})
}
