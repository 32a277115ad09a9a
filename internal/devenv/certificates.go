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
	"path/filepath"
	"time"
)

// certificateLife is how long the certificates of an environment are good: longer than anybody keeps `make run` running, and short
// enough for browsers.
const certificateLife = 90 * 24 * time.Hour

// WriteCertificates makes a certificate authority of its own and one certificate for everything that serves on 127.0.0.1: ca.crt,
// tls.crt and tls.key in the folder. The authority's key is in no file, so that whoever trusts ca.crt trusts this one certificate.
func WriteCertificates(folder string, now time.Time) error {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the certificate authority: %w", err)
	}
	ca := certificate("Gatehouse development CA", now)
	ca.IsCA, ca.KeyUsage = true, x509.KeyUsageCertSign
	if err := writeCertificate(folder, "ca.crt", ca, ca, caKey.Public(), caKey); err != nil {
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
	if err := writeCertificate(folder, "tls.crt", server, ca, key.Public(), caKey); err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("write the key of the certificate: %w", err)
	}
	return writePEM(folder, "tls.key", "PRIVATE KEY", der)
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

func writeCertificate(folder, file string, template, issuer *x509.Certificate, public, signer any) error {
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, public, signer)
	if err != nil {
		return fmt.Errorf("make the certificate %s: %w", file, err)
	}
	return writePEM(folder, file, "CERTIFICATE", der)
}

func writePEM(folder, file, kind string, der []byte) error {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(filepath.Join(folder, file), text, 0o600); err != nil {
		return fmt.Errorf("write a certificate: %w", err)
	}
	return nil
}
