// SPDX-License-Identifier: Apache-2.0

package ldap_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/identity/ldap"
	"github.com/gatehouse-dev/gatehouse/internal/ldaptest"
)

func TestN205ThePasswordGoesOnlyToAServerThatTheAuthorityVouchesFor(t *testing.T) {
	server, other := ldaptest.Start(t), ldaptest.Start(t)
	server.AddPerson("anna", "tulip")
	for name, edit := range map[string]func(*ldap.Config){
		"LDAPS":    func(*ldap.Config) {},
		"StartTLS": func(c *ldap.Config) { c.URLs, c.StartTLS = []string{server.URL}, true },
	} {
		t.Run(name, func(t *testing.T) {
			c := config(t, server)
			edit(&c)
			d, _ := open(t, c)
			mustLogIn(t, d, "anna", "tulip")
			for what, ca := range map[string]string{"another authority": other.CAFile, "the system's authorities": "", "no certificate": write(t, "nonsense"), "no file": "/nowhere/ca.crt"} {
				c.CAFile = ca
				d, _ := open(t, c)
				if owner, err := logIn(t, d, "anna", "tulip"); !errors.Is(err, authserver.ErrUnavailable) {
					t.Errorf("with %s anna is %+v: %v", what, owner, err)
				}
			}
			c.CAFile = server.CAFile
			c.URLs = []string{strings.Replace(c.URLs[0], "127.0.0.1", "localhost", 1)} // is not in the certificate
			d, _ = open(t, c)
			if owner, err := logIn(t, d, "anna", "tulip"); !errors.Is(err, authserver.ErrUnavailable) {
				t.Errorf("under another name of the server anna is %+v: %v", owner, err)
			}
		})
	}
}

func TestPlaintextOnLoopbackIsForThoseWhoSayIt(t *testing.T) {
	server := ldaptest.Start(t)
	server.AddPerson("anna", "tulip")
	c := config(t, server)
	c.URLs, c.CAFile, c.InsecurePlaintext = []string{server.URL}, "", true
	d, _ := open(t, c)
	mustLogIn(t, d, "anna", "tulip")
}

func TestN206AServerThatIsAwayOrHangsIsPassedOver(t *testing.T) {
	server := ldaptest.Start(t)
	server.AddPerson("anna", "tulip")
	for name, first := range map[string]string{"away": ldaptest.Absent(t), "hangs": ldaptest.Silent(t)} {
		t.Run(name, func(t *testing.T) {
			c := config(t, server)
			c.URLs, c.Timeout = []string{"ldaps://" + first, server.SecureURL}, 9*time.Second
			d, logged := open(t, c)
			mustLogIn(t, d, "anna", "tulip")
			mustLogIn(t, d, "anna", "tulip")
			if logged.String() != "" {
				t.Errorf("logged %s", logged)
			}
		})
	}
}

func TestN206ADirectoryThatIsAwayOrHangsIsUnavailableAndSaidOnce(t *testing.T) {
	server := ldaptest.Start(t)
	server.AddPerson("anna", "tulip")
	for name, url := range map[string]string{"away": "ldap://" + ldaptest.Absent(t), "hangs": "ldap://" + ldaptest.Silent(t), "TLS hangs": "ldaps://" + ldaptest.Silent(t)} {
		t.Run(name, func(t *testing.T) {
			c := config(t, server)
			c.URLs, c.StartTLS, c.Timeout = []string{url}, strings.HasPrefix(url, "ldap:"), 300*time.Millisecond
			d, logged := open(t, c)
			for range 3 {
				if owner, err := logIn(t, d, "anna", "tulip"); !errors.Is(err, authserver.ErrUnavailable) || strings.Contains(err.Error(), "tulip") {
					t.Errorf("anna is %+v: %v", owner, err)
				}
			}
			if _, err := d.Confirm(t.Context(), authserver.Person{Owner: authserver.Owner{Source: "corp", SourceID: "1"}}); !errors.Is(err, authserver.ErrUnavailable) {
				t.Errorf("confirm: %v", err)
			}
			if n := strings.Count(logged.String(), "no LDAP server answers"); n != 1 {
				t.Errorf("it is said %d times:\n%s", n, logged)
			}
		})
	}
}

func TestN206AServerThatComesBackIsUsedAgain(t *testing.T) {
	server := ldaptest.Start(t)
	server.AddPerson("anna", "tulip")
	d, _ := open(t, config(t, server))
	mustLogIn(t, d, "anna", "tulip")
	server.Stop()
	server.Resume() // the connections that rest have ended
	mustLogIn(t, d, "anna", "tulip")
	server.Stop()
	if _, err := logIn(t, d, "anna", "tulip"); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("while it is away: %v", err)
	}
}

func TestN206ThePasswordOfTheAccountMayChange(t *testing.T) {
	server := ldaptest.Start(t)
	server.AddPerson("anna", "tulip")
	c := config(t, server)
	server.Replace(ldaptest.BindDN, "userPassword", "next one")
	d, before := open(t, c)
	if _, err := logIn(t, d, "anna", "tulip"); !errors.Is(err, authserver.ErrUnavailable) || !strings.Contains(err.Error(), "bind as bindDN") {
		t.Errorf("with the password before: %v", err)
	}
	if err := os.WriteFile(c.PasswordFile, []byte("next one"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, logged := open(t, c)
	mustLogIn(t, d, "anna", "tulip")
	server.Stop()
	server.Resume() // so that there is a new connection
	server.Replace(ldaptest.BindDN, "userPassword", "third one")
	if err := os.WriteFile(c.PasswordFile, []byte("third one"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustLogIn(t, d, "anna", "tulip")
	if text := before.String() + logged.String(); strings.Contains(text, "next one") || strings.Contains(text, "third one") || strings.Contains(text, "tulip") {
		t.Errorf("logged %s", text)
	}
}

func TestEverythingThatIsWrongWithAConfigurationIsSaid(t *testing.T) {
	good := ldap.Config{
		Key: "corp", URLs: []string{"ldaps://ldap.example.com"}, BindDN: "cn=reader", PasswordFile: "/password",
		UserSearch: ldap.Search{BaseDN: "dc=example", Filter: "(uid={name})"}, Attributes: ldap.Attributes{ID: "entryUUID", Name: "uid"},
	}
	if faults := good.Check(); len(faults) > 0 {
		t.Fatal(faults)
	}
	for want, edit := range map[string]func(*ldap.Config){
		"urls: name 1 to 8 servers":                           func(c *ldap.Config) { c.URLs = nil },
		"urls: number 0 must be ldaps://HOST":                 func(c *ldap.Config) { c.URLs = []string{"ldaps://me:secret@ldap.example.com"} },
		"urls: number 0 would send passwords in the clear: u": func(c *ldap.Config) { c.URLs = []string{"ldap://127.0.0.1"} },
		"urls: number 0 would send passwords in the clear: i": func(c *ldap.Config) { c.URLs, c.InsecurePlaintext = []string{"ldap://10.0.0.1"}, true },
		"urls: number 0 is ldaps://":                          func(c *ldap.Config) { c.StartTLS = true },
		"bindDN: it is missing":                               func(c *ldap.Config) { c.BindDN = "" },
		"passwordFile: it is missing":                         func(c *ldap.Config) { c.PasswordFile = "" },
		"userSearch.baseDN: it is not a dist":                 func(c *ldap.Config) { c.UserSearch.BaseDN = "example" },
		"userSearch.filter: it must hold {name}":              func(c *ldap.Config) { c.UserSearch.Filter = "(uid=anna)" },
		"userSearch.filter: {name} must stand":                func(c *ldap.Config) { c.UserSearch.Filter = "(uid:caseExactMatch:={name})" },
		"userSearch.filter: it is not a filter":               func(c *ldap.Config) { c.UserSearch.Filter = "(&(uid={name})" },
		"userSearch.scope: it must be sub or one":             func(c *ldap.Config) { c.UserSearch.Scope = "base" },
		"attributes.id: it must be":                           func(c *ldap.Config) { c.Attributes.ID = "" },
		"attributes.mail: it must be":                         func(c *ldap.Config) { c.Attributes.Mail = "mail)(" },
		"groupSearch, memberOf: remove one": func(c *ldap.Config) {
			c.GroupSearch, c.MemberOf = &ldap.GroupSearch{BaseDN: "dc=x", Filter: "(member={dn})"}, &ldap.MemberOf{BaseDN: "dc=x"}
		},
		"groupSearch.filter: it must hold {dn} or": func(c *ldap.Config) { c.GroupSearch = &ldap.GroupSearch{BaseDN: "dc=x", Filter: "(cn=x)"} },
		"groupSearch.filter: with nested it must": func(c *ldap.Config) {
			c.GroupSearch = &ldap.GroupSearch{BaseDN: "dc=x", Filter: "(memberUid={name})", Nested: true}
		},
		"memberOf.baseDN: it is missing": func(c *ldap.Config) { c.MemberOf = &ldap.MemberOf{} },
		"timeout: 1ms must be":           func(c *ldap.Config) { c.Timeout = time.Millisecond },
		"connections: 1000 must be":      func(c *ldap.Config) { c.Connections = 1000 },
	} {
		c := good
		edit(&c)
		faults := c.Check()
		if len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), want) || strings.Contains(faults[0].Error(), "secret") {
			t.Errorf("faults %q, want %q", faults, want)
		}
		if _, err := ldap.New(c, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("a source was made although %s", want)
		}
	}
}

func TestN206WhoGoesAwayMakesTheServerDownForNobodyElse(t *testing.T) {
	server := ldaptest.Start(t)
	server.AddPerson("anna", "tulip")
	c := config(t, server)
	d, logged := open(t, c)
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := d.Authenticate(gone, "anna", "tulip", authserver.LaneAnybody); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("for somebody who went away: %v", err)
	}
	mustLogIn(t, d, "anna", "tulip")
	if logged.String() != "" {
		t.Errorf("logged %s", logged)
	}
}
