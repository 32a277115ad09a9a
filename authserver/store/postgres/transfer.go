// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/gatehouse-dev/gatehouse/authserver/store/transfer"
)

// OpenForTransfer opens the store in the database at an address to be copied or to be copied into. The schema is made or brought
// up to date.
func OpenForTransfer(ctx context.Context, text string) (*transfer.Database, error) {
	a, err := parseAddress(text)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, a); err != nil {
		return nil, explain(err)
	}
	db, err := a.open()
	if err != nil {
		return nil, err
	}
	name, err := a.name()
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &transfer.Database{Name: name, SQL: db, Close: db.Close, Extra: extra}, nil
}

// extra returns the columns that this store alone has.
func extra(table string, key []byte) (columns []string, values []any) {
	switch table {
	case "factors":
		return nil, nil
	case "spent":
		return []string{"bucket", "spent_at"}, []any{bucketOf(key), 0}
	default:
		return []string{"bucket"}, []any{bucketOf(key)}
	}
}

// open opens the database for what takes long. Each connection reads the address, and the files that it names, anew.
func (a address) open() (*sql.DB, error) {
	config, err := a.patientConfig()
	if err != nil {
		return nil, err
	}
	return stdlib.OpenDB(*config, stdlib.OptionBeforeConnect(func(_ context.Context, c *pgx.ConnConfig) error {
		fresh, err := a.patientConfig()
		if err != nil {
			return err
		}
		*c = *fresh
		return nil
	})), nil
}

// patientConfig is config without a limit on how long a statement may take.
func (a address) patientConfig() (*pgx.ConnConfig, error) {
	config, err := a.config()
	if err != nil {
		return nil, err
	}
	delete(config.ConnConfig.RuntimeParams, "statement_timeout")
	return config.ConnConfig, nil
}

// name says for people which database it is, without the password.
func (a address) name() (string, error) {
	config, err := a.config()
	if err != nil {
		return "", err
	}
	c := config.ConnConfig
	return fmt.Sprintf("postgres://%s/%s", net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))), c.Database), nil
}

// refuseUnfinished refuses a database that is the target of an unfinished copy.
func refuseUnfinished(ctx context.Context, a address) error {
	db, err := a.open()
	if err != nil {
		return err
	}
	defer db.Close()
	const exists = `SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'transfer'`
	return transfer.Unfinished(ctx, db, exists)
}
