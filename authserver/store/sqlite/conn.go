// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"

	driversqlite "modernc.org/sqlite"
)

// conn is one connection to the file with its prepared statements; one goroutine at a
// time uses it. It stands on the driver rather than on database/sql: what that adds
// (another pool, conversions, locks) costs a read of one row a third more and has
// nothing to do here.
//
// A context given to its methods must not be one that can end: the driver starts a
// goroutine for every statement under such a context, and a statement takes
// microseconds. Waiting ends with the caller's context before it comes to this.
type conn struct {
	driver.Conn
	statements map[string]statement
	args       []driver.NamedValue // reused
	row        []driver.Value      // reused
}

type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// busyMillis is how long a statement waits while another process holds the file.
const busyMillis = 5000

// dsn names the file at path, which is absolute, to the driver.
func dsn(path string, params url.Values) string {
	u := url.URL{Scheme: "file", Path: path, RawQuery: params.Encode()}
	return u.String()
}

// writing are the settings of a connection that writes.
func writing() url.Values {
	return url.Values{
		"mode": {"rw"},
		"_dqs": {"0"},
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", busyMillis),
			"journal_mode(wal)",
			"synchronous(full)",
			"foreign_keys(1)",
			"cache_size(-16384)",
			// A log that grew under load is cut back to this size.
			"journal_size_limit(67108864)",
		},
	}
}

// reading are the settings of a connection that only reads.
func reading() url.Values {
	return url.Values{
		"mode": {"ro"},
		"_dqs": {"0"},
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", busyMillis),
			"query_only(1)",
			"cache_size(-8192)",
		},
	}
}

func connect(ctx context.Context, dsn string) (*conn, error) {
	connector, err := driversqlite.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("name the file to the driver: %w", err)
	}
	raw, err := connector.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &conn{Conn: raw, statements: map[string]statement{}}, nil
}

// Close closes the statements, then the connection.
func (c *conn) Close() error {
	var errs []error
	for _, s := range c.statements {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.Conn.Close())...)
}

// prepared returns the statement for sql, which is prepared once.
func (c *conn) prepared(ctx context.Context, sql string) (statement, error) {
	if s, ok := c.statements[sql]; ok {
		return s, nil
	}
	preparer, ok := c.Conn.(driver.ConnPrepareContext)
	if !ok {
		return nil, fmt.Errorf("the driver's %T prepares no statements", c.Conn)
	}
	raw, err := preparer.PrepareContext(ctx, sql)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	s, ok := raw.(statement)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the driver's %T takes no context", raw), raw.Close())
	}
	c.statements[sql] = s
	return s, nil
}

// exec runs a statement and returns how many rows it changed.
func (c *conn) exec(ctx context.Context, sql string, args ...driver.Value) (int, error) {
	s, err := c.prepared(ctx, sql)
	if err != nil {
		return 0, err
	}
	result, err := s.ExecContext(ctx, c.named(args))
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// query runs a statement, hands each row to take and returns their number.
func (c *conn) query(ctx context.Context, sql string, take func(*row), args ...driver.Value) (n int, err error) {
	s, err := c.prepared(ctx, sql)
	if err != nil {
		return 0, err
	}
	rows, err := s.QueryContext(ctx, c.named(args))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	width := len(rows.Columns())
	for c.row = c.row[:0]; len(c.row) < width; {
		c.row = append(c.row, nil)
	}
	for ; ; n++ {
		if err := rows.Next(c.row); errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, err
		}
		r := row{columns: c.row}
		if take(&r); r.err != nil {
			return n, r.err
		}
	}
}

// atLeastOne returns otherwise if a statement gave or changed no row.
func atLeastOne(n int, err, otherwise error) error {
	if err == nil && n == 0 {
		return otherwise
	}
	return err
}

// named numbers args for the driver.
func (c *conn) named(args []driver.Value) []driver.NamedValue {
	c.args = c.args[:0]
	for i, v := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return c.args
}
