// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// N163: a password in an error is a password in a log.
func TestN163AnAddressThatCannotBeUsedIsRefusedWithoutThePassword(t *testing.T) {
	const password = "hunter2"
	for _, test := range []struct{ address, want string }{
		{"postgres:gatehouse:hunter2@db/x", "named as postgres://USER:PASSWORD@HOST:PORT/DATABASE"},
		{"postgres://gatehouse:hunter2@db:port/x", "cannot be used"},
		{"postgres://gatehouse:hunter2@[db/x", "cannot be used"},
		{"postgres://gatehouse:hunter2%zz@db/x", "cannot be used"},
		{"postgres://gatehouse:%zzhunter2@db/x?sslmode=never", "cannot be used"},
		{"postgres://gatehouse:hunter2@db/x?sslmode=never", "sslmode is invalid"},
		{"postgres://gatehouse:hunter2 @db/x?connect_timeout=long", "cannot be used"},
		{"postgres://db/x?user=gatehouse&password=hunter2&sslmode=never", "cannot be used"},
		{"postgres://gatehouse:hunter2@db/x?a=%zz", "no list of name=value"},
		{"postgres://gatehouse:hunter2@db/x?sslrootcert=/absent/hunter2.pem&sslmode=verify-full", "cannot be used"},
		{"postgres://gatehouse:hunter2@db/x?ssl_mode=require", `the parameter "ssl_mode"`},
		{"postgres://gatehouse:hunter2@db/x?synchronous_commit=off", `the parameter "synchronous_commit"`},
		{"postgres://gatehouse:hunter2@db/x?options=-c%20fsync%3Doff", `the parameter "options"`},
		{"postgres://gatehouse:hunter2@db/x?target_session_attrs=any", "read-write or primary"},
		{"postgres://gatehouse:hunter2@db/x?default_query_exec_mode=simple_protocol", "use exec"},
		{"postgres://gatehouse:hunter2@db/x?default_query_exec_mode=fast", "cannot be used"},
		{"postgres://gatehouse:hunter2@db/x?pool_max_conns=3", "must be at least 6"},
		{"postgres://gatehouse:hunter2@db/x?pool_max_conns=many", "cannot be used"},
	} {
		_, err := Open(t.Context(), test.address)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Open(%q) = %v, want something with %q", test.address, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), password) {
			t.Errorf("Open(%q) tells the password: %v", test.address, err)
		}
	}
}

func TestWhatAnAddressDoesNotSayIsSet(t *testing.T) {
	for _, test := range []struct {
		address                  string
		statement, idle          string
		connections, connectTime int
	}{
		{"postgres://gatehouse@db/x", "5000", "10000", 8, 3},
		{"postgres://gatehouse@db/x?statement_timeout=9s&pool_max_conns=20&connect_timeout=7", "9s", "10000", 20, 7},
		{"postgres://gatehouse@db/x?default_query_exec_mode=exec", "", "", 8, 3},
		{"postgres://gatehouse@a:1,b:2/x?default_query_exec_mode=cache_describe&pool_max_conns=6", "", "", 6, 3},
	} {
		a, err := parseAddress(test.address)
		if err != nil {
			t.Errorf("%s: %v", test.address, err)
			continue
		}
		config, err := a.config()
		if err != nil {
			t.Errorf("%s: %v", test.address, err)
			continue
		}
		c := config.ConnConfig
		if c.RuntimeParams["statement_timeout"] != test.statement || c.RuntimeParams["idle_in_transaction_session_timeout"] != test.idle {
			t.Errorf("%s: the server is told %v", test.address, c.RuntimeParams)
		}
		if int(config.MaxConns) != test.connections || c.ConnectTimeout != time.Duration(test.connectTime)*time.Second {
			t.Errorf("%s: %d connections, %s to connect", test.address, config.MaxConns, c.ConnectTimeout)
		}
		if c.ValidateConnect == nil || c.RuntimeParams["application_name"] != "gatehouse" {
			t.Errorf("%s: read-only servers are taken, or the name is missing", test.address)
		}
	}
}

func TestFaultsOfOneOperationAreNotThoseOfTheDatabase(t *testing.T) {
	for state, own := range map[string]bool{"22021": true, "23514": true, "54000": true, "53100": false, "57014": false, "08006": false, "25006": false, "40001": false} {
		if got := ownFault(&pgconn.PgError{Code: state}); got != own {
			t.Errorf("ownFault(%s) = %t", state, got)
		}
	}
}
