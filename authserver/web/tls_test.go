// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// newPair returns a certificate for localhost and its key, as PEM.
func newPair(t *testing.T, serial int64, notAfter time.Time) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: authtest.Start.Add(-time.Hour), NotAfter: notAfter, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	rawKey, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: rawKey})
}

// certificateFolder is a folder like that of a mounted Secret.
type certificateFolder struct {
	dir   string
	clock *authtest.Clock
	log   bytes.Buffer
}

func newCertificateFolder(t *testing.T) *certificateFolder {
	t.Helper()
	f := &certificateFolder{dir: t.TempDir(), clock: authtest.NewClock(authtest.Start)}
	for _, name := range []string{"tls.crt", "tls.key"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(f.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// mount puts a pair there as the kubelet does: into a new folder, to which one rename
// moves a symbolic link.
func (f *certificateFolder) mount(t *testing.T, version string, cert, key []byte) {
	t.Helper()
	folder := filepath.Join(f.dir, version)
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"tls.crt": cert, "tls.key": key} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(version, filepath.Join(f.dir, "..new")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(f.dir, "..new"), filepath.Join(f.dir, "..data")); err != nil {
		t.Fatal(err)
	}
}

func (f *certificateFolder) load() (*Certificate, error) { return f.loadFor("localhost") }

func (f *certificateFolder) loadFor(host string) (*Certificate, error) {
	return LoadCertificate(filepath.Join(f.dir, "tls.crt"), filepath.Join(f.dir, "tls.key"), host,
		slog.New(slog.NewJSONHandler(&f.log, nil)), NewMetrics(), f.clock.Now)
}

// handshake shakes hands over a connection in memory and returns what was agreed on.
func handshake(t *testing.T, server *tls.Config, change func(*tls.Config)) (tls.ConnectionState, error) {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	go func() { _ = tls.Server(far, server).HandshakeContext(t.Context()) }()
	config := &tls.Config{ServerName: "localhost", InsecureSkipVerify: true, NextProtos: []string{"h2"}} //nolint:gosec // the test looks at the certificate
	change(config)
	client := tls.Client(near, config)
	err := client.HandshakeContext(t.Context())
	return client.ConnectionState(), err
}

func (f *certificateFolder) serial(t *testing.T, c *Certificate) int64 {
	t.Helper()
	state, err := handshake(t, c.Config(), func(*tls.Config) {})
	if err != nil {
		t.Fatalf("handshake: %v", err)
	}
	return state.PeerCertificates[0].SerialNumber.Int64()
}

func TestACertificateThatChangesIsServedWithoutARestart(t *testing.T) {
	f := newCertificateFolder(t)
	inAYear := authtest.Start.AddDate(1, 0, 0)
	cert1, key1 := newPair(t, 1, inAYear)
	cert2, key2 := newPair(t, 2, inAYear.AddDate(0, 1, 0))
	f.mount(t, "v1", cert1, key1)
	c, err := f.load()
	if err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		name    string
		version string // "": nothing is mounted
		cert    []byte
		key     []byte
		passes  time.Duration
		want    int64
		logged  string // in the lines of this step; "": there are none
	}{
		{"at first", "", nil, nil, 0, 1, ""},
		{"unchanged", "", nil, nil, time.Minute, 1, ""},
		{"broken", "v2", []byte("garbage"), key1, time.Minute, 1, "the one read before stays"},
		{"broken still, said once", "", nil, nil, time.Minute, 1, ""},
		{"of another key", "v3", cert2, key1, time.Minute, 1, "private key does not match"},
		{"new, but not looked at yet", "v4", cert2, key2, certificateInterval - 1, 1, ""},
		{"new", "", nil, nil, 1, 2, "was read again"},
	}
	for _, step := range steps {
		f.log.Reset()
		if step.version != "" {
			f.mount(t, step.version, step.cert, step.key)
		}
		f.clock.Advance(step.passes)
		if got := f.serial(t, c); got != step.want {
			t.Errorf("%s: certificate %d is served, want %d", step.name, got, step.want)
		}
		if log := f.log.String(); (log == "") != (step.logged == "") || !strings.Contains(log, step.logged) {
			t.Errorf("%s: log %q, want %q", step.name, log, step.logged)
		}
		if strings.Contains(f.log.String(), "PRIVATE") {
			t.Errorf("%s: the log holds a key", step.name)
		}
	}
	if metrics := scrape(t, c.metrics); !strings.Contains(metrics, "gatehouse_tls_certificate_expiry_timestamp_seconds 1.8") {
		t.Errorf("metrics:\n%s", metrics)
	}
}

func TestACertificateThatDisappearsStaysInUse(t *testing.T) {
	f := newCertificateFolder(t)
	cert, key := newPair(t, 1, authtest.Start.AddDate(1, 0, 0))
	f.mount(t, "v1", cert, key)
	c, err := f.load()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(f.dir); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(time.Hour)
	if got := f.serial(t, c); got != 1 || !strings.Contains(f.log.String(), "no such file") {
		t.Errorf("certificate %d, log %q", got, &f.log)
	}
}

func TestACertificateIsRefusedAtTheStartWithTheFilesName(t *testing.T) {
	cert, key := newPair(t, 1, authtest.Start.AddDate(1, 0, 0))
	_, other := newPair(t, 2, authtest.Start.AddDate(1, 0, 0))
	for _, row := range []struct {
		name      string
		cert, key []byte
		want      string
	}{
		{"no certificate", []byte("garbage"), key, "tls.crt"},
		{"no key", cert, []byte("garbage"), "tls.key"},
		{"empty", nil, nil, "tls.crt"},
		{"another's key", cert, other, "private key does not match"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newCertificateFolder(t)
			f.mount(t, "v1", row.cert, row.key)
			if _, err := f.load(); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want %s in it", err, row.want)
			}
		})
	}
	t.Run("no files", func(t *testing.T) {
		_, err := newCertificateFolder(t).load()
		if err == nil || !strings.Contains(err.Error(), "tls.crt") || !strings.Contains(err.Error(), "tls.key") {
			t.Errorf("error %v, want both files in it", err)
		}
	})
}

func TestACertificateThatHasEndedIsServedAndSaid(t *testing.T) {
	f := newCertificateFolder(t)
	cert, key := newPair(t, 1, authtest.Start.Add(-time.Minute))
	f.mount(t, "v1", cert, key)
	c, err := f.load()
	if err != nil {
		t.Fatal(err)
	}
	if got := f.serial(t, c); got != 1 || !strings.Contains(f.log.String(), "has expired") {
		t.Errorf("certificate %d, log %q", got, &f.log)
	}
}

func TestOnlyModernTLSIsAccepted(t *testing.T) {
	f := newCertificateFolder(t)
	cert, key := newPair(t, 1, authtest.Start.AddDate(1, 0, 0))
	f.mount(t, "v1", cert, key)
	c, err := f.load()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name    string
		version uint16
		suite   uint16
		ok      bool
	}{
		{"TLS 1.3", tls.VersionTLS13, 0, true},
		{"TLS 1.2 with AEAD", tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, true},
		{"TLS 1.2 with CBC", tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, false},
		{"TLS 1.1", tls.VersionTLS11, 0, false},
		{"TLS 1.0", tls.VersionTLS10, 0, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			state, err := handshake(t, c.Config(), func(c *tls.Config) {
				c.MinVersion, c.MaxVersion = row.version, row.version
				if row.suite != 0 {
					c.CipherSuites = []uint16{row.suite}
				}
			})
			if (err == nil) != row.ok {
				t.Fatalf("error %v", err)
			}
			if row.ok && state.NegotiatedProtocol != "h2" {
				t.Errorf("protocol %q, want h2", state.NegotiatedProtocol)
			}
		})
	}
}

// Without this line a person reads in the log of a browser, and nowhere else, why nobody can log in.
func TestACertificateForAnotherHostIsSaid(t *testing.T) {
	cert, key := newPair(t, 1, authtest.Start.Add(time.Hour))
	for host, said := range map[string]bool{"localhost": false, "": false, "login.photos.example": true} {
		f := newCertificateFolder(t)
		f.mount(t, "1", cert, key)
		if _, err := f.loadFor(host); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(f.log.String(), "is not for the host of the issuer"); got != said {
			t.Errorf("for %q the log says %s", host, f.log.String())
		}
	}
}
