// SPDX-License-Identifier: Apache-2.0

package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// The scripts of Pgbench work on the rows that PreparePgbench makes, one at random in each transaction.
const (
	PgbenchUpdate = "\\set id random(0, 9999)\nUPDATE counters SET n = n + 1 WHERE id = :id;\n"
	PgbenchRead   = "\\set id random(0, 9999)\nSELECT n, filler FROM counters WHERE id = :id;\n"
)

// PreparePgbench makes ten thousand rows in a database, which are about as long as a grant.
func PreparePgbench(ctx context.Context, dsn string) error {
	return execute(ctx, dsn, `
		CREATE TABLE counters (id bigint PRIMARY KEY, n bigint NOT NULL, filler text) WITH (fillfactor = 80);
		INSERT INTO counters SELECT i, 0, repeat('x', 300) FROM generate_series(0, 9999) i;
		ANALYZE`)
}

var tps = regexp.MustCompile(`tps = ([0-9.]+)`)

// connecting is added to the time of a run of pgbench, which makes its connections in that time and leaves it out of what it
// reports.
const connecting = 3 * time.Second

// Pgbench runs a script of pgbench's from a number of connections.
func Pgbench(ctx context.Context, dsn, script string, connections int, d time.Duration) (perSecond float64, err error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return 0, fmt.Errorf("the DSN for pgbench is no URL: %w", err)
	}
	dir, err := os.MkdirTemp("", "gatehouse-pgbench-")
	if err != nil {
		return 0, fmt.Errorf("make a folder for pgbench: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // a few bytes
	file := filepath.Join(dir, "script.sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return 0, fmt.Errorf("write the script of pgbench: %w", err)
	}
	path, err := program("pgbench")
	if err != nil {
		return 0, err
	}
	password, _ := u.User.Password()
	command := exec.CommandContext(ctx, path, "-n", "-M", "prepared", "-f", file, "-j", "2",
		"-c", strconv.Itoa(connections), "-T", strconv.Itoa(int((d + connecting).Seconds())),
		"-h", u.Hostname(), "-p", u.Port(), "-U", u.User.Username(), u.Path[1:])
	command.Env = append(os.Environ(), "PGPASSWORD="+password)
	out, err := command.CombinedOutput()
	found := tps.FindSubmatch(out)
	if err == nil && found == nil {
		err = errors.New("no connection was made in time")
	}
	if err != nil {
		return 0, fmt.Errorf("pgbench: %w\n%s", err, out)
	}
	return strconv.ParseFloat(string(found[1]), 64)
}
