// SPDX-License-Identifier: Apache-2.0

package ldap_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/identity"
	"github.com/gatehouse-dev/gatehouse/authserver/identity/ldap"
	"github.com/gatehouse-dev/gatehouse/internal/ldaptest"
	"github.com/gatehouse-dev/gatehouse/internal/testio"
)

var _ identity.Source = (*ldap.Source)(nil)

func write(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// config returns one that works for the server.
func config(t *testing.T, server *ldaptest.Server) ldap.Config {
	t.Helper()
	return ldap.Config{
		Key: "corp", URLs: []string{server.SecureURL}, CAFile: server.CAFile, BindDN: ldaptest.BindDN, PasswordFile: write(t, ldaptest.Password+"\n"),
		UserSearch: ldap.Search{BaseDN: ldaptest.People, Filter: "(&(objectClass=inetOrgPerson)(|(uid={name})(mail={name}))(!(description=closed)))"},
		Attributes: ldap.Attributes{ID: "entryUUID", Name: "uid", DisplayName: "cn", Mail: "mail"},
	}
}

// open returns a directory with the source alone, and what is logged.
func open(t *testing.T, c ldap.Config) (*identity.Sources, *testio.Log) {
	t.Helper()
	logged := &testio.Log{}
	log := slog.New(slog.NewTextHandler(logged, nil))
	source, err := ldap.New(c, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	return identity.NewSources(log, source), logged
}

func logIn(t *testing.T, d *identity.Sources, name, password string) (authserver.Owner, error) {
	t.Helper()
	return d.Authenticate(t.Context(), name, password, authserver.LaneAnybody)
}

func mustLogIn(t *testing.T, d *identity.Sources, name, password string) authserver.Owner {
	t.Helper()
	owner, err := logIn(t, d, name, password)
	if err != nil {
		t.Fatalf("%s cannot log in: %v", name, err)
	}
	return owner
}

func TestAPersonOfAnLDAPDirectoryLogsIn(t *testing.T) {
	server := ldaptest.Start(t)
	server.AddPerson("anna", "tulip")
	d, _ := open(t, config(t, server))
	owner := mustLogIn(t, d, "anna", "tulip")
	if owner.Name != "anna" || owner.DisplayName != "Person anna" || owner.Email != "anna@example.com" || owner.Source != "corp" ||
		len(owner.SourceID) != 36 || owner.Subject != authserver.SubjectOf("corp", owner.SourceID) {
		t.Errorf("owner %+v", owner)
	}
	for _, name := range []string{"ANNA", "anna@example.com"} {
		if again := mustLogIn(t, d, name, "tulip"); again.Subject != owner.Subject || again.Name != "anna" {
			t.Errorf("%s is %+v", name, again)
		}
	}
	for _, c := range [][2]string{{"anna", "rose"}, {"eve", "tulip"}, {"anna", "TULIP"}} {
		got, err := logIn(t, d, c[0], c[1])
		if !errors.Is(err, authserver.ErrWrongPassword) || got.Subject != "" || (got.Name != "") != (c[0] == "anna") {
			t.Errorf("%q is %+v: %v", c, got, err)
		}
	}
	if d.ConfirmedFor("corp") != 5*time.Minute {
		t.Errorf("confirmed for %s", d.ConfirmedFor("corp"))
	}
}

func TestN203ANameIsAValueInAFilterAndNothingElse(t *testing.T) {
	server := ldaptest.Start(t)
	server.AddPerson("anna", "tulip")
	server.AddPerson("b*(e)\\t", "tulip")
	d, logged := open(t, config(t, server))
	for _, name := range []string{"*", "ann*", "anna)(uid=*", "*)(uid=*))(|(uid=*", "anna\x00", "an\\6ea", "a\u0301nna", "ann\u00ada", "\uff41nna", "anna  ", "an  na", ")", "\\"} {
		if owner, err := logIn(t, d, name, "tulip"); !errors.Is(err, authserver.ErrWrongPassword) || owner.Name != "" {
			t.Errorf("%+q is %+v: %v", name, owner, err)
		}
	}
	mustLogIn(t, d, "b*(e)\\t", "tulip")
	if logged.String() != "" {
		t.Errorf("logged %s", logged)
	}
}

// OpenLDAP and Active Directory take a bind without a password for an anonymous one, which succeeds (RFC 4513 §5.1.2).
func TestN203ABindWithoutAPasswordIsNoLogin(t *testing.T) {
	server := ldaptest.Start(t)
	server.AddPerson("anna", "tulip")
	d, _ := open(t, config(t, server))
	if owner, err := logIn(t, d, "anna", ""); !errors.Is(err, authserver.ErrWrongPassword) || owner.Subject != "" {
		t.Errorf("anna without a password is %+v: %v", owner, err)
	}
}

func TestN203AnEntryThatIsNotOnePersonIsNobody(t *testing.T) {
	server := ldaptest.Start(t)
	server.AddPerson("anna", "tulip", "mail", "both@example.com")
	server.AddPerson("bert", "tulip", "mail", "both@example.com")
	server.AddPerson("carl", "tulip", "uid", "carlo")
	server.AddPerson("system:admin", "tulip")
	server.AddPerson("dora", "tulip", "description", "closed")
	server.Add("cn=long,"+ldaptest.People, "objectClass", "inetOrgPerson", "cn", "long", "sn", "long", "uid", strings.Repeat("x", 250)+"yyyyyyyy", "userPassword", "tulip")
	d, logged := open(t, config(t, server))
	for name, cause := range map[string]string{
		"both@example.com": "more than one entry", "carl": "more than one value", "system:admin": "begins with system:", "dora": "",
		strings.Repeat("x", 250) + "yyyyyyyy": "longer than 256 bytes",
	} {
		before := len(logged.String())
		if owner, err := logIn(t, d, name, "tulip"); !errors.Is(err, authserver.ErrWrongPassword) || owner.Name != "" {
			t.Errorf("%s is %+v: %v", name, owner, err)
		}
		if said := logged.String()[before:]; !strings.Contains(said, cause) || cause == "" && said != "" {
			t.Errorf("of %s was logged %q", name, said)
		}
	}
}

func TestN204WhoIsRenamedStaysAndWhoIsDeletedEnds(t *testing.T) {
	server := ldaptest.Start(t)
	dn := server.AddPerson("anna", "tulip")
	server.AddGroup("staff", dn)
	c := config(t, server)
	c.GroupSearch = &ldap.GroupSearch{BaseDN: ldaptest.Groups, Filter: "(member={dn})"}
	d, _ := open(t, c)
	person := authserver.Person{Owner: mustLogIn(t, d, "anna", "tulip")}
	if !slices.Equal(person.Groups, []string{"staff"}) {
		t.Errorf("groups %q", person.Groups)
	}
	server.Rename(dn, "uid=anne")
	dn = "uid=anne," + ldaptest.People
	server.Delete("cn=staff," + ldaptest.Groups)
	server.AddGroup("alumni", dn)
	owner, err := d.Confirm(t.Context(), person)
	if err != nil || owner.Subject != person.Subject || owner.Name != "anne" || !slices.Equal(owner.Groups, []string{"alumni"}) {
		t.Fatalf("after the new name: %+v, %v", owner, err)
	}
	server.AddPerson("anna", "another anna's")
	if other := mustLogIn(t, d, "anna", "another anna's"); other.Subject == person.Subject {
		t.Error("whoever gets the name is the person before")
	}
	server.Replace(dn, "description", "closed")
	if _, err := d.Confirm(t.Context(), person); !errors.Is(err, authserver.ErrNotFound) {
		t.Errorf("a closed account is confirmed: %v", err)
	}
	server.Replace(dn, "description")
	if _, err := d.Confirm(t.Context(), person); err != nil {
		t.Errorf("an account that is open again: %v", err)
	}
	server.Delete(dn)
	if _, err := d.Confirm(t.Context(), person); !errors.Is(err, authserver.ErrNotFound) {
		t.Errorf("a deleted person is confirmed: %v", err)
	}
	person.SourceID = "*"
	if _, err := d.Confirm(t.Context(), person); !errors.Is(err, authserver.ErrNotFound) {
		t.Errorf("everybody is confirmed: %v", err)
	}
}

func TestN204GroupsInGroupsAreFoundAndLoopsEnd(t *testing.T) {
	server := ldaptest.Start(t)
	anna := server.AddPerson("anna", "tulip")
	bert := server.AddPerson("bert", "tulip")
	team := server.AddGroup("team, (a)*", anna)
	division := server.AddGroup("division", team)
	company := server.AddGroup("company", division, bert)
	server.Replace(team, "member", anna, company) // a loop
	server.AddGroup("anna", bert)                 // is called like a person
	server.AddGroup("system:masters", anna)
	c := config(t, server)
	c.GroupSearch = &ldap.GroupSearch{BaseDN: ldaptest.Groups, Filter: "(&(objectClass=groupOfNames)(member={dn}))", Nested: true}
	d, _ := open(t, c)
	if got := mustLogIn(t, d, "anna", "tulip").Groups; !slices.Equal(got, []string{"company", "division", "team, (a)*"}) {
		t.Errorf("groups %q", got)
	}
	c.GroupSearch = &ldap.GroupSearch{BaseDN: ldaptest.Groups, Filter: "(member={dn})"}
	d, _ = open(t, c)
	if got := mustLogIn(t, d, "anna", "tulip").Groups; !slices.Equal(got, []string{"team, (a)*"}) {
		t.Errorf("groups without those around them %q", got)
	}
}

func TestN204GroupsThatAreTooManyOrTooDeepAreNotCutOff(t *testing.T) {
	server := ldaptest.Start(t)
	inner := server.AddPerson("anna", "tulip")
	many := server.AddPerson("bert", "tulip")
	for depth := range 12 {
		inner = server.AddGroup(fmt.Sprintf("level-%d", depth), inner)
	}
	for n := range 257 {
		server.AddGroup(fmt.Sprintf("flat-%d", n), many)
	}
	c := config(t, server)
	c.GroupSearch = &ldap.GroupSearch{BaseDN: ldaptest.Groups, Filter: "(member={dn})", Nested: true}
	d, _ := open(t, c)
	for _, name := range []string{"anna", "bert"} {
		if owner, err := logIn(t, d, name, "tulip"); !errors.Is(err, authserver.ErrUnavailable) || !strings.Contains(err.Error(), "too many groups") {
			t.Errorf("%s is %+v: %v", name, owner, err)
		}
	}
}

func TestN204MemberOfCountsGroupsBelowItsBaseOnly(t *testing.T) {
	server := ldaptest.Start(t)
	// description stands in for memberOf, which needs an overlay.
	server.AddPerson("anna", "tulip", "description", "CN=Staff,"+ldaptest.Groups, "description", "cn=admins,ou=own,"+ldaptest.People, "description", "nonsense")
	c := config(t, server)
	c.MemberOf = &ldap.MemberOf{Attribute: "description", BaseDN: ldaptest.Groups}
	d, _ := open(t, c)
	if got := mustLogIn(t, d, "anna", "tulip").Groups; !slices.Equal(got, []string{"Staff"}) {
		t.Errorf("groups %q", got)
	}
}

func TestAChangedPasswordIsSeenWhereTheDirectoryTells(t *testing.T) {
	server := ldaptest.Start(t)
	dn := server.AddPerson("anna", "tulip", "employeeType", "first")
	c := config(t, server)
	c.Attributes.PasswordChanged = "employeeType"
	d, _ := open(t, c)
	person := authserver.Person{Owner: mustLogIn(t, d, "anna", "tulip")}
	server.Replace(dn, "employeeType", "second")
	owner, err := d.Confirm(t.Context(), person)
	if err != nil || owner.CredentialVersion == "" || owner.CredentialVersion == person.CredentialVersion {
		t.Errorf("versions %q and %q: %v", person.CredentialVersion, owner.CredentialVersion, err)
	}
}
