// SPDX-License-Identifier: Apache-2.0

// Package ldaptest runs OpenLDAP's slapd for tests: an ordinary process with a folder of its own on free ports of 127.0.0.1.
package ldaptest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/gatehouse-dev/gatehouse/internal/freeport"
)

// What every server has at its start.
const (
	Base     = "dc=example,dc=com"
	People   = "ou=people," + Base
	Groups   = "ou=groups," + Base
	BindDN   = "cn=reader," + Base // may read everything but passwords
	Password = "reads everything"  // of BindDN

	adminDN       = "cn=admin," + Base
	adminPassword = "writes everything"
)

const configuration = `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile %[1]s/slapd.pid
TLSCertificateFile %[1]s/server.crt
TLSCertificateKeyFile %[1]s/server.key
database mdb
maxsize 10485760
suffix "%[2]s"
rootdn "%[3]s"
rootpw "%[4]s"
directory %[1]s/data
dbnosync
access to attrs=userPassword by anonymous auth by * none
access to * by users read by anonymous auth by * none
`

// Server is a running slapd.
type Server struct {
	t       testing.TB
	folder  string
	process *exec.Cmd

	URL, SecureURL string // ldap:// and ldaps://
	CAFile         string // who signed the server's certificate, for 127.0.0.1
}

// Start starts a server that ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, folder: t.TempDir()}
	s.CAFile = filepath.Join(s.folder, "server.crt")
	s.certify()
	s.must(os.Mkdir(filepath.Join(s.folder, "data"), 0o700))
	s.must(os.WriteFile(filepath.Join(s.folder, "slapd.conf"), fmt.Appendf(nil, configuration, s.folder, Base, adminDN, adminPassword), 0o600))
	s.URL, s.SecureURL = "ldap://"+freeport.For(t), "ldaps://"+freeport.For(t)
	s.Resume()
	s.Add(Base, "objectClass", "dcObject", "objectClass", "organization", "o", "Example", "dc", "example")
	for dn, ou := range map[string]string{People: "people", Groups: "groups"} {
		s.Add(dn, "objectClass", "organizationalUnit", "ou", ou)
	}
	s.Add(BindDN, "objectClass", "applicationProcess", "objectClass", "simpleSecurityObject", "cn", "reader", "userPassword", Password)
	t.Cleanup(s.Stop)
	return s
}

// Resume starts the server again after Stop, with the data it had.
func (s *Server) Resume() {
	s.t.Helper()
	path, err := exec.LookPath("slapd")
	if err != nil {
		path = "/usr/sbin/slapd" // which is not in PATH on Debian
	}
	s.process = exec.Command(path, "-d", "0", "-f", filepath.Join(s.folder, "slapd.conf"), "-h", s.URL+" "+s.SecureURL)
	s.process.Stderr = os.Stderr
	s.must(s.process.Start())
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := ldap.DialURL(s.SecureURL, ldap.DialWithTLSConfig(s.trust()))
		if err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatalf("slapd does not answer: %v", err)
		}
	}
}

// Stop kills the server.
func (s *Server) Stop() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
	s.process = nil
}

// Add adds an entry with pairs of attributes and values.
func (s *Server) Add(dn string, pairs ...string) {
	s.t.Helper()
	request := ldap.NewAddRequest(dn, nil)
	values := map[string][]string{}
	var order []string
	for i := 0; i < len(pairs); i += 2 {
		if values[pairs[i]] == nil {
			order = append(order, pairs[i])
		}
		values[pairs[i]] = append(values[pairs[i]], pairs[i+1])
	}
	for _, attribute := range order {
		request.Attribute(attribute, values[attribute])
	}
	s.change(func(c *ldap.Conn) error { return c.Add(request) })
}

// AddPerson adds a person below People, with uid as user name.
func (s *Server) AddPerson(uid, password string, pairs ...string) (dn string) {
	s.t.Helper()
	dn = "uid=" + ldap.EscapeDN(uid) + "," + People
	s.Add(dn, append([]string{"objectClass", "inetOrgPerson", "uid", uid, "cn", "Person " + uid, "sn", "Person",
		"mail", uid + "@example.com", "userPassword", password}, pairs...)...)
	return dn
}

// AddGroup adds a group below Groups with members.
func (s *Server) AddGroup(cn string, members ...string) (dn string) {
	s.t.Helper()
	dn = "cn=" + ldap.EscapeDN(cn) + "," + Groups
	pairs := []string{"objectClass", "groupOfNames", "cn", cn}
	for _, member := range members {
		pairs = append(pairs, "member", member)
	}
	s.Add(dn, pairs...)
	return dn
}

// Replace replaces the values of an attribute.
func (s *Server) Replace(dn, attribute string, values ...string) {
	s.t.Helper()
	request := ldap.NewModifyRequest(dn, nil)
	request.Replace(attribute, values)
	s.change(func(c *ldap.Conn) error { return c.Modify(request) })
}

// Rename gives an entry another first part of its DN.
func (s *Server) Rename(dn, rdn string) {
	s.t.Helper()
	s.change(func(c *ldap.Conn) error { return c.ModifyDN(ldap.NewModifyDNRequest(dn, rdn, true, "")) })
}

// Delete removes an entry.
func (s *Server) Delete(dn string) {
	s.t.Helper()
	s.change(func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest(dn, nil)) })
}

func (s *Server) change(change func(*ldap.Conn) error) {
	s.t.Helper()
	c, err := ldap.DialURL(s.SecureURL, ldap.DialWithTLSConfig(s.trust()))
	s.must(err)
	defer c.Close()
	s.must(c.Bind(adminDN, adminPassword))
	s.must(change(c))
}

func (s *Server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// certify makes a certificate that is its own authority.
func (s *Server) certify() {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ldaptest"}, NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), IsCA: true,
		BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	s.must(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	s.must(err)
	s.must(os.WriteFile(s.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	s.must(os.WriteFile(filepath.Join(s.folder, "server.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}
