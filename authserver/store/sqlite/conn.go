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

// conn is one connection to the file. It stands on the driver, because database/sql adds a second
// pool, conversions and locks: a read of one row would take a third longer.
//
// Three rules hold for a connection:
//
//   - One goroutine at a time uses it. Only read and write hand one out, for the time of one call.
//   - A statement runs to its end: it takes microseconds, and for a context that can end the driver
//     starts a goroutine for each statement. So no method takes a context. Callers wait, and stop
//     waiting, in read and write.
//   - A statement is prepared once. Its arguments and the row that it gives share memory with the
//     next one's, so a row is only good inside the function that it is handed to.
type conn struct {
	driver     driver.Conn
	ctx        context.Context // never ends
	statements map[string]statement
	args       []driver.NamedValue
	row        []driver.Value
}

// opener opens a connection to one file, each time with the same settings.
type opener func() (*conn, error)

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

// connector returns what opens connections to the file at path.
func connector(ctx context.Context, path string, settings url.Values) opener {
	ctx = context.WithoutCancel(ctx)
	return func() (*conn, error) {
		file, err := driversqlite.NewConnector(dsn(path, settings))
		if err != nil {
			return nil, fmt.Errorf("name the file to the driver: %w", err)
		}
		c, err := file.Connect(ctx)
		if err != nil {
			return nil, fmt.Errorf("connect: %w", err)
		}
		return &conn{driver: c, ctx: ctx, statements: map[string]statement{}}, nil
	}
}

// close closes the statements, then the connection.
func (c *conn) close() error {
	var errs []error
	for _, s := range c.statements {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.driver.Close())...)
}

// prepared returns the statement for sql, which is prepared once.
func (c *conn) prepared(sql string) (statement, error) {
	if s, ok := c.statements[sql]; ok {
		return s, nil
	}
	preparer, ok := c.driver.(driver.ConnPrepareContext)
	if !ok {
		return nil, fmt.Errorf("the driver's %T prepares no statements", c.driver)
	}
	raw, err := preparer.PrepareContext(c.ctx, sql)
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
func (c *conn) exec(sql string, args ...driver.Value) (int, error) {
	s, err := c.prepared(sql)
	if err != nil {
		return 0, err
	}
	result, err := s.ExecContext(c.ctx, c.named(args))
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// query runs a statement, hands each row to scan and returns their number.
func (c *conn) query(sql string, scan func(*row), args ...driver.Value) (n int, err error) {
	s, err := c.prepared(sql)
	if err != nil {
		return 0, err
	}
	rows, err := s.QueryContext(c.ctx, c.named(args))
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
		if scan(&r); r.err != nil {
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
