// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver/store"
	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

// mounted is a mounted Secret: what is in it changes at once.
type mounted struct{ file string }

func (m mounted) write(t *testing.T, text string) {
	t.Helper()
	check(t, os.WriteFile(m.file+".new", []byte(text), 0o600))
	check(t, os.Rename(m.file+".new", m.file))
}

// withoutPassword returns the DSN without the password and with a parameter.
func withoutPassword(t *testing.T, dsn, name, value string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	check(t, err)
	u.User = url.User(u.User.Username())
	query := u.Query()
	query.Set(name, value)
	u.RawQuery = query.Encode()
	return u.String()
}

func TestAPasswordThatIsRotatedIsUsedWithoutARestart(t *testing.T) {
	for name, row := range map[string]struct {
		parameter string
		content   func(password string) string
	}{
		"password_file": {"password_file", func(password string) string { return password + "\n" }},
		"passfile":      {"passfile", func(password string) string { return "*:*:*:" + postgrestest.User + ":" + password + "\n" }},
	} {
		t.Run(name, func(t *testing.T) {
			server := ours(t)
			secret := mounted{filepath.Join(t.TempDir(), "password")}
			secret.write(t, row.content(server.Password()))
			l := startLoad(t, newSite(t, withoutPassword(t, server.Database(t), row.parameter, secret.file)), clients)

			// The database first: until the mounted Secret follows, the connections that there are go on.
			admin(t, server, `ALTER ROLE `+postgrestest.User+` PASSWORD 'another one'`)
			l.goesOn(t)
			admin(t, server, cutOff)
			l.isRefused(t)
			secret.write(t, row.content("another one"))
			l.goesOn(t)
			admin(t, server, cutOff)
			l.goesOn(t)

			admin(t, server, `ALTER ROLE `+postgrestest.User+` PASSWORD '`+server.Password()+`'`)
			secret.write(t, row.content(server.Password()))
			l.check(t)
		})
	}
}

func TestAPasswordFileThatCannotBeUsedIsRefused(t *testing.T) {
	dsn := postgrestest.DSN(t)
	file := filepath.Join(t.TempDir(), "password")
	check(t, os.WriteFile(file, []byte("\n"), 0o600))
	for name, row := range map[string]struct{ dsn, want string }{
		"no file":          {withoutPassword(t, dsn, "password_file", "/nonexistent/password"), "/nonexistent/password"},
		"an empty file":    {withoutPassword(t, dsn, "password_file", file), "is empty"},
		"a password twice": {dsn + "&password_file=" + file, "both"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(t.Context(), row.dsn)
			if err == nil {
				t.Fatalf("it was opened: %v", s.Close())
			}
			if !strings.Contains(err.Error(), row.want) {
				t.Errorf("it was refused with %q", err)
			}
		})
	}
}
