// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/store"
	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

func TestTheDatabaseIsReachedByTLSOrNotAtAll(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	certificate, key := ours.issue(t)
	server := postgrestest.Start(t, postgrestest.WithTLS(certificate, key), postgrestest.WithoutFsync())
	dsn := strings.Replace(server.Database(t), "sslmode=require", "sslmode=verify-full", 1)

	s := openStore(t, dsn+"&sslrootcert="+ours.file)
	check(t, s.Ping(t.Context()))
	c := connect(t, server.Admin("postgres"))
	defer c.Close(t.Context())
	var plain int
	check(t, c.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = $1 AND NOT ssl`,
		postgrestest.User).Scan(&plain))
	if plain > 0 {
		t.Errorf("%d connections of the store are without TLS", plain)
	}

	for name, row := range map[string]struct{ dsn, want string }{
		"another authority":     {dsn + "&sslrootcert=" + theirs.file, "sslrootcert"},
		"a certificate's name":  {strings.Replace(dsn, "127.0.0.1", "localhost", 1) + "&sslrootcert=" + ours.file, "sslrootcert"},
		"no authority":          {dsn + "&sslrootcert=/nonexistent/ca.crt", "/nonexistent/ca.crt"},
		"a server without TLS":  {strings.Replace(postgrestest.DSN(t), "disable", "verify-full", 1) + "&sslrootcert=" + ours.file, "no TLS"},
		"a client without TLS":  {strings.Replace(server.Database(t), "sslmode=require", "sslmode=disable", 1), "user or the password"},
		"another user's secret": {server.DSN(postgrestest.User, "wrong", "postgres"), "user or the password"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(t.Context(), row.dsn)
			if err == nil {
				t.Fatalf("it was opened: %v", s.Close())
			}
			if !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), server.Password()) {
				t.Errorf("it was refused with %q", err)
			}
		})
	}
}

// authority signs certificates; file is its own.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	a := &authority{key: key, file: filepath.Join(t.TempDir(), "ca.crt"), certificate: &x509.Certificate{
		Subject: pkix.Name{CommonName: "CA"}, NotBefore: authtest.Start.AddDate(-10, 0, 0), NotAfter: authtest.Start.AddDate(50, 0, 0),
		IsCA: true, KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true,
	}}
	der, err := x509.CreateCertificate(rand.Reader, a.certificate, a.certificate, key.Public(), key)
	check(t, err)
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

// issue makes a certificate for 127.0.0.1 alone, and returns the files.
func (a *authority) issue(t *testing.T) (certificate, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		Subject: pkix.Name{CommonName: "database"}, NotBefore: a.certificate.NotBefore, NotAfter: a.certificate.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, a.certificate, secret.Public(), a.key)
	check(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(secret)
	check(t, err)
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	writePEM(t, certificate, "CERTIFICATE", der)
	writePEM(t, key, "PRIVATE KEY", encoded)
	return certificate, key
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	check(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}
