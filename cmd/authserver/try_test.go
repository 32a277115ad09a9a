// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/ldaptest"
)

func TestCheckTriesASourceWherePeopleLogInElsewhere(t *testing.T) {
	issuer := ""
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			fmt.Fprintf(w, `{"issuer": %q, "authorization_endpoint": "%[1]s/a", "token_endpoint": "%[1]s/t", "jwks_uri": "%[1]s/k"}`, issuer)
		case "/k":
			fmt.Fprint(w, `{"keys": []}`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	f := newFolder(t, "gatehouse-system")
	f.write(t, "secret", "secret")
	f.write(t, "upstream.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	text, err := os.ReadFile(f.config)
	if err != nil {
		t.Fatal(err)
	}
	f.write(t, "authserver.yaml", strings.Replace(string(text), "path: "+f.path("users.yaml")+"}}", fmt.Sprintf(
		"path: %s}}, {key: partner, openIDConnect: {issuer: '%s', clientID: a, clientSecretFile: %s, caFile: %s, claimMappings: {username: {claim: email}}}}",
		f.path("users.yaml"), server.URL, f.path("secret"), f.path("upstream.crt")), 1))
	for _, c := range []struct {
		issuer string
		status int
		says   string
	}{{server.URL, exitStopped, server.URL + "/k: good"}, {"https://evil.example", exitFailed, server.URL + ": FAILED: discovery: "}} {
		issuer = c.issuer
		if status, stdout, stderr := check(t, f); status != c.status || !strings.Contains(stdout, "identity.sources[1] partner, "+c.says) {
			t.Errorf("issuer %s: status %d, it says:\n%s\n%s", c.issuer, status, stdout, stderr)
		}
	}
}

// check runs the command and returns what it says.
func check(t *testing.T, f folder) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), []string{"check", "--config=" + f.config}, system{stdin: os.Stdin, stdout: &out, stderr: &errs, env: os.Getenv})
	return status, out.String(), errs.String()
}

func TestCheckTriesEachSource(t *testing.T) {
	server := ldaptest.Start(t)
	server.AddPerson("anna", "tulip")
	f := newFolder(t, "gatehouse-system")
	f.write(t, "password", ldaptest.Password)
	text, err := os.ReadFile(f.config)
	if err != nil {
		t.Fatal(err)
	}
	configure := func(id, groups string) {
		f.write(t, "authserver.yaml", strings.Replace(string(text), "path: "+f.path("users.yaml")+"}}", fmt.Sprintf(
			"path: %s}}, {key: corp, displayName: Example Inc., ldap: {urls: ['%s', 'ldaps://%s'], caFile: %s, bindDN: '%s', passwordFile: %s, "+
				"userSearch: {baseDN: '%s', filter: '(uid={name})'}, attributes: {id: %s, name: uid}, groupSearch: {baseDN: '%s', filter: '(member={dn})'}}}",
			f.path("users.yaml"), server.SecureURL, ldaptest.Absent(t), server.CAFile, ldaptest.BindDN, f.path("password"), ldaptest.People, id, groups), 1))
	}
	says := func(wantStatus int, want ...string) {
		t.Helper()
		status, stdout, stderr := check(t, f)
		lines := strings.Split(strings.TrimSpace(stdout+stderr), "\n")
		if status != wantStatus || len(lines) != len(want) {
			t.Fatalf("status %d, it says:\n%s\n%s", status, stdout, stderr)
		}
		for n := range want {
			if !strings.Contains(lines[n], want[n]) || strings.Contains(lines[n], ldaptest.Password) {
				t.Errorf("line %q, want %q", lines[n], want[n])
			}
		}
	}
	says(exitStopped, "identity.sources[0] users, "+f.path("users.yaml")+": good")
	good, absent := "identity.sources[1] Example Inc. (corp), "+server.SecureURL+": good", "connection refused"
	configure("entryUUID", ldaptest.Groups)
	says(exitFailed, "good", good, absent)
	configure("employeeNumber", ldaptest.Groups)
	says(exitFailed, "good", "attribute employeeNumber: it is not there", absent)
	configure("entryUUID", "ou=nowhere,"+ldaptest.Base)
	says(exitFailed, "good", "groupSearch.baseDN: LDAP result 32", absent)
	configure("entryUUID", ldaptest.Groups)
	server.Delete("uid=anna," + ldaptest.People)
	says(exitFailed, "good", "userSearch.filter: it finds nobody", absent)
	f.write(t, "password", "another one")
	f.write(t, "users.yaml", "users: nonsense")
	says(exitFailed, "FAILED: read users file", "FAILED: bind as bindDN: LDAP result 49", absent)
	f.write(t, "authserver.yaml", "issuer: https://auth.example.com\nplainHTTP: true\n")
	says(exitRefused, "authserver check: the configuration", "identity.sources: it is missing")
}
