// SPDX-License-Identifier: Apache-2.0

// Package smallfile reads files that a configuration names: secrets, tokens, authorities. However large a file is, little of it is read.
package smallfile

import (
	"crypto/x509"
	"fmt"
	"io"
	"os"
)

// maxCertificates bounds a file with authorities, in bytes.
const maxCertificates = 1 << 20

// Read returns what the file holds, which is at most most bytes.
func Read(path string, most int) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, int64(most)+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > most:
		return nil, fmt.Errorf("%s is larger than %d bytes", path, most)
	}
	return text, nil
}

// Certificates returns the certificates in PEM that the file holds, at least one of them and at most 1 MiB.
func Certificates(path string) (pem []byte, err error) {
	pem, err = Read(path, maxCertificates)
	switch {
	case err != nil:
		return nil, err
	case !x509.NewCertPool().AppendCertsFromPEM(pem):
		return nil, fmt.Errorf("%s holds no certificate in PEM", path)
	}
	return pem, nil
}

// Authorities returns a pool of the certificates that the file holds, and of no others.
func Authorities(path string) (*x509.CertPool, error) {
	pem, err := Certificates(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return pool, nil
}
