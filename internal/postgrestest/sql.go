// SPDX-License-Identifier: Apache-2.0

package postgrestest

import (
	"database/sql"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
)

// Open opens a database through database/sql, for programs that look into a store beside the server.
func Open(dsn string) (*sql.DB, error) { return sql.Open("pgx", dsn) }
