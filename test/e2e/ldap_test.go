// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/ldaptest"
)

// staffBinding entitles the group staff to PhotoPrint.
const staffBinding = `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: staff, namespace: photos}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: photoprint-users}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "gatehouse:staff"}]
`

func TestN201PeopleOfAnLDAPDirectoryLogInAtTheRunningProgramBesideThoseOfAFile(t *testing.T) {
	w := start(t)
	directory := ldaptest.Start(t)
	directory.AddGroup("staff", directory.AddGroup("team", directory.AddPerson("dora", "tulip")))
	directory.AddPerson("bob", "tulip") // as one of the file is called
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(ldaptest.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	path, rewrite := usersFile(t)
	rewrite(entry{ID: "2001", Name: "carol", PasswordHash: w.bobsHash(t)}, entry{ID: "2002", Name: "bob", PasswordHash: w.bobsHash(t)})
	s := w.serverOf(t, map[string]any{"key": "users", "usersFile": map[string]string{"path": path}}, map[string]any{"key": "corp", "ldap": map[string]any{
		"urls": []string{directory.URL}, "startTLS": true, "caFile": directory.CAFile, "bindDN": ldaptest.BindDN, "passwordFile": password, "timeout": "10s",
		"userSearch":  map[string]string{"baseDN": ldaptest.People, "filter": "(uid={name})"},
		"attributes":  map[string]string{"id": "entryUUID", "name": "uid", "mail": "mail"},
		"groupSearch": map[string]any{"baseDN": ldaptest.Groups, "filter": "(member={dn})", "nested": true},
	}})
	w.kubectl(t, staffBinding, "apply", "-f", "-")
	w.awaitRight(t, "photoprint", "--as=gatehouse:dora", "--as-group=gatehouse:staff")

	app := w.photoPrint(t, s.issuer)
	address, verifier := app.request()
	tokens, err := app.redeem(t, w.person(t, s.issuer).authorize(address, "dora", "tulip").Get("code"), verifier)
	if err != nil {
		t.Fatal(err)
	}
	if dora := s.introspect(t, tokens.AccessToken); !dora.Active || dora.Username != "dora" || len(dora.Subject) != 26 {
		t.Errorf("the API learns %+v", dora)
	}
	login := func(name, password string) int {
		t.Helper()
		person := w.person(t, s.issuer)
		address, _ := app.request()
		_, interaction, _ := person.open(address, nil)
		status, _, _ := person.open(interaction+"/login", url.Values{"username": {name}, "password": {password}})
		return status
	}
	got := []int{login("dora", "rose"), login("carol", w.Bob.Password), login("bob", w.Bob.Password), login("bob", "tulip")}
	if want := []int{http.StatusForbidden, http.StatusSeeOther, http.StatusForbidden, http.StatusForbidden}; !slices.Equal(got, want) {
		t.Errorf("logins are answered %v, want %v", got, want)
	}
	directory.Stop()
	got = []int{login("dora", "tulip"), login("carol", w.Bob.Password), login("bob", w.Bob.Password)}
	if want := []int{http.StatusServiceUnavailable, http.StatusSeeOther, http.StatusServiceUnavailable}; !slices.Equal(got, want) {
		t.Errorf("without the directory logins are answered %v, want %v", got, want)
	}
	if dora := s.introspect(t, tokens.AccessToken); !dora.Active {
		t.Error("what was confirmed of dora does not hold any more")
	}
}
