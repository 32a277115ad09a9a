// SPDX-License-Identifier: Apache-2.0

package ldaptest

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/freeport"
)

// trust is how the test itself reaches the server.
func (s *Server) trust() *tls.Config {
	pem, err := os.ReadFile(s.CAFile)
	s.must(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
}

// Silent returns the address of a server that takes connections and says nothing until the test ends.
func Silent(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

// Absent returns an address where nobody listens.
func Absent(t testing.TB) string { return freeport.For(t) }
