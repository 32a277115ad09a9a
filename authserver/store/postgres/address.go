// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// parameters are what an address may say after its question mark. Others are refused: the server would
// take many of them for a setting, and some of those (synchronous_commit) undo what the store promises.
var parameters = []string{
	"user", "password", "host", "port", "dbname", "database", "passfile", passwordFile, "service", "servicefile", "connect_timeout",
	"sslmode", "sslkey", "sslcert", "sslcertmode", "sslrootcert", "sslpassword", "sslsni", "sslnegotiation",
	"krbspn", "krbsrvname", "min_protocol_version", "max_protocol_version", "channel_binding", "require_auth",
	"target_session_attrs", "application_name", "search_path",
	"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout",
	"pool_max_conns", "pool_min_conns", "pool_min_idle_conns", "pool_max_conn_lifetime", "pool_max_conn_lifetime_jitter",
	"pool_max_conn_idle_time", "pool_health_check_period", "pool_ping_timeout",
	"default_query_exec_mode", "statement_cache_capacity", "description_cache_capacity",
}

// address is a database as the configuration names it.
type address struct {
	text string
}

// parseAddress checks the address of a database. Its errors are sentences for the operator and hold no
// part of the password.
func parseAddress(text string) (address, error) {
	a := address{text: text}
	if !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://") {
		return a, errors.New("a PostgreSQL store is named as postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	_, query, _ := strings.Cut(text, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return a, errors.New("what follows the question mark of the PostgreSQL address is no list of name=value")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(parameters, name) {
			return a, fmt.Errorf("the parameter %q of the PostgreSQL address is not one that the store takes", name)
		}
	}
	switch values.Get("target_session_attrs") {
	case "", "read-write", "primary":
	default:
		return a, errors.New("target_session_attrs of the PostgreSQL address must be read-write or primary: the store writes")
	}
	if values.Get("default_query_exec_mode") == "simple_protocol" {
		return a, errors.New("default_query_exec_mode=simple_protocol of the PostgreSQL address is not supported: behind a connection pooler use exec")
	}
	config, err := a.config()
	if err != nil {
		return a, err
	}
	if least := pipelines + minPoolConnections; int(config.MaxConns) < least {
		return a, fmt.Errorf("pool_max_conns of the PostgreSQL address must be at least %d", least)
	}
	return a, nil
}

// config reads the address, and the files that it names (a password file, certificates), which may have
// been replaced since the last time.
func (a address) config() (*pgxpool.Config, error) {
	text, password, err := a.withPassword()
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("the PostgreSQL address cannot be used: %s", a.reason(err))
	}
	if !strings.Contains(a.text, "pool_max_conns") {
		config.MaxConns = pipelines + poolConnections
	}
	connection := config.ConnConfig
	if password != "" {
		connection.Password = password
	}
	if connection.ConnectTimeout == 0 {
		connection.ConnectTimeout = connectTime
	}
	if connection.ValidateConnect == nil {
		connection.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	settings := map[string]string{"application_name": "gatehouse"}
	if named(connection) { // a pooler does not pass these on
		settings["statement_timeout"] = strconv.FormatInt(statementTime.Milliseconds(), 10)
		settings["idle_in_transaction_session_timeout"] = strconv.FormatInt(idleTime.Milliseconds(), 10)
	}
	for name, value := range settings {
		if _, ok := connection.RuntimeParams[name]; !ok {
			connection.RuntimeParams[name] = value
		}
	}
	return config, nil
}

// named reports whether statements are prepared under a name, which a connection pooler may not know.
func named(config *pgx.ConnConfig) bool {
	return config.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement
}

// reason returns why the address cannot be used, without the address.
func (a address) reason(err error) string {
	const unsaid = "check its form, and write special characters of the password as %XX"
	text := err.Error()
	if at := strings.LastIndex(text, "`: "); at >= 0 {
		text = text[at+len("`: "):]
	}
	for _, secret := range a.secrets() {
		if strings.Contains(text, secret) {
			return unsaid
		}
	}
	return text
}

// secrets returns each spelling of what the address may hold as a password.
func (a address) secrets() []string {
	_, rest, _ := strings.Cut(a.text, "://")
	var found []string
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		_, password, _ := strings.Cut(rest[:at], ":")
		found = append(found, password)
	}
	if _, query, ok := strings.Cut(rest, "?"); ok {
		if values, err := url.ParseQuery(query); err == nil {
			found = append(found, values.Get("password"), values.Get("sslpassword"))
		}
	}
	for _, s := range found {
		if plain, err := url.QueryUnescape(s); err == nil {
			found = append(found, plain)
		}
	}
	return slices.DeleteFunc(found, func(s string) bool { return s == "" })
}
