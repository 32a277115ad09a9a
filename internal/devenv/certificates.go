// SPDX-License-Identifier: Apache-2.0

package devenv

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"time"
)

// certificateLife is how long the certificates of an environment are good: longer than anybody keeps `make run` running, and short
// enough for browsers.
const certificateLife = 90 * 24 * time.Hour

// writeCertificates makes a certificate authority of this environment's own and one certificate for everything that serves on
// 127.0.0.1: tls/ca.crt, tls/tls.crt and tls/tls.key. The authority's key is in no file, so that whoever trusts ca.crt
// trusts this one certificate.
func (f *Folder) writeCertificates(now time.Time) error {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the certificate authority: %w", err)
	}
	ca := certificate("Gatehouse development CA", now)
	ca.IsCA, ca.KeyUsage = true, x509.KeyUsageCertSign
	if err := f.writeCertificate("ca.crt", ca, ca, caKey.Public(), caKey); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the key of the certificate: %w", err)
	}
	server := certificate("127.0.0.1", now)
	server.KeyUsage = x509.KeyUsageDigitalSignature
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	server.IPAddresses, server.DNSNames = []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"}
	if err := f.writeCertificate("tls.crt", server, ca, key.Public(), caKey); err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("write the key of the certificate: %w", err)
	}
	return f.writePEM("tls.key", "PRIVATE KEY", der)
}

// certificate is a template. Its serial number is left to x509, which takes a random one.
func certificate(name string, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-time.Hour), // a clock may be a little behind
		NotAfter:              now.Add(certificateLife),
		BasicConstraintsValid: true,
	}
}

func (f *Folder) writeCertificate(file string, template, issuer *x509.Certificate, public, signer any) error {
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, public, signer)
	if err != nil {
		return fmt.Errorf("make the certificate %s: %w", file, err)
	}
	return f.writePEM(file, "CERTIFICATE", der)
}

func (f *Folder) writePEM(file, kind string, der []byte) error {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(f.Path("tls", file), text, 0o600); err != nil {
		return fmt.Errorf("write a certificate: %w", err)
	}
	return nil
}
