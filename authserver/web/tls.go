// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// certificateInterval is how often the certificate files are looked at, at most.
	certificateInterval = 5 * time.Second
	// maxPEM bounds each of the files.
	maxPEM = 1 << 20
)

// Certificate is a TLS certificate in two files, read again when their content changes:
// in place, by rename, or by the symbolic links of a mounted Secret.
type Certificate struct {
	certFile, keyFile string
	host              string
	log               *slog.Logger
	metrics           *Metrics
	now               func() time.Time

	current atomic.Pointer[tls.Certificate]
	checked atomic.Int64 // when the files were last looked at, in nanoseconds

	mu   sync.Mutex // held by the one who looks
	seen pemPair    // what was last read or refused
}

type pemPair struct{ cert, key []byte }

// LoadCertificate reads the files. It fails, naming the file, when one cannot be read or
// when they hold no certificate and its key. One that is not for the host, that of the issuer, is used and logged: a proxy in front
// may have another one. Without a host nothing is said.
func LoadCertificate(certFile, keyFile, host string, log *slog.Logger, m *Metrics, now func() time.Time) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, host: host, log: log, metrics: m, now: now}
	pair, err := c.read()
	if err != nil {
		return nil, err
	}
	if err := c.use(pair); err != nil {
		return nil, err
	}
	c.seen = pair
	c.checked.Store(now().UnixNano())
	return c, nil
}

// Config returns how to serve with the certificate: TLS 1.2 with forward secrecy and
// authenticated encryption (RFC 9325 §4.2), or TLS 1.3.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			c.refresh()
			return c.current.Load(), nil
		},
	}
}

// refresh looks at the files if that is due. One handshake looks; others that come
// meanwhile are served with what there is.
func (c *Certificate) refresh() {
	if c.now().UnixNano()-c.checked.Load() < int64(certificateInterval) || !c.mu.TryLock() {
		return
	}
	defer c.mu.Unlock()
	c.checked.Store(c.now().UnixNano())
	pair, err := c.read()
	if err == nil {
		if bytes.Equal(pair.cert, c.seen.cert) && bytes.Equal(pair.key, c.seen.key) {
			return
		}
		c.seen = pair
		err = c.use(pair)
	}
	if err != nil {
		c.log.Error("the TLS certificate cannot be used; the one read before stays in use", "err", err)
		return
	}
	c.log.Info("the TLS certificate was read again", "notAfter", c.current.Load().Leaf.NotAfter)
}

func (c *Certificate) use(pair pemPair) error {
	certificate, err := tls.X509KeyPair(pair.cert, pair.key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	if end := certificate.Leaf.NotAfter; c.now().After(end) {
		c.log.Error("the TLS certificate has expired; clients refuse it", "file", c.certFile, "notAfter", end)
	}
	if err := certificate.Leaf.VerifyHostname(c.host); c.host != "" && err != nil {
		c.log.Warn("the TLS certificate is not for the host of the issuer: who connects without a proxy in front refuses it", "file", c.certFile, "host", c.host, "err", err)
	}
	c.current.Store(&certificate)
	c.metrics.certificate.Set(float64(certificate.Leaf.NotAfter.Unix()))
	return nil
}

func (c *Certificate) read() (pemPair, error) {
	cert, err := readPEM(c.certFile)
	key, keyErr := readPEM(c.keyFile)
	return pemPair{cert, key}, errors.Join(err, keyErr)
}

func readPEM(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("TLS certificate: %w", err)
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, maxPEM))
	if err != nil {
		return nil, fmt.Errorf("TLS certificate: %w", err)
	}
	return raw, nil
}
