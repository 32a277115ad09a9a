// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/gatehouse-dev/gatehouse/internal/smallfile"
)

const (
	// maxAnswer bounds what a server may send in answer to one question, in bytes.
	maxAnswer = 4 << 20
	// maxSecretFile bounds the file of the password, in bytes.
	maxSecretFile = 1 << 20
)

// The library has one bound for all connections of the process, and no other code here uses it. Without it, a server makes us
// take as much memory as it says that its answer is long.
func init() { ber.MaxPacketLengthBytes = maxAnswer }

// conn is a connection to a server. One question is asked at a time.
type conn struct {
	*ldap.Conn
	raw    *bounded
	server string // its URL
}

// dial opens a connection with TLS, unless the configuration says that there is none.
func dial(ctx context.Context, c Config, server string) (*conn, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, errors.New("the URL of an LDAP server cannot be read")
	}
	tlsConfig, err := c.tls(u.Hostname())
	if err != nil {
		return nil, err
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"ldap": "389", "ldaps": "636"}[u.Scheme]
	}
	var dialer net.Dialer
	tcp, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return nil, err
	}
	raw := &bounded{Conn: tcp}
	raw.left.Store(maxAnswer)
	if u.Scheme == "ldaps" {
		secured := tls.Client(raw, tlsConfig)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("TLS: %w", err), raw.Close())
		}
		opened := &conn{ldap.NewConn(secured, true), raw, server}
		opened.Start()
		return opened, nil
	}
	opened := &conn{ldap.NewConn(raw, false), raw, server}
	opened.Start()
	if c.StartTLS {
		if err := opened.ask(ctx, func() error { return opened.StartTLS(tlsConfig) }); err != nil {
			opened.end()
			return nil, fmt.Errorf("StartTLS: %w", clean(err))
		}
	}
	return opened, nil
}

// tls reads the certificates of the authorities, which may have changed.
func (c Config) tls(host string) (*tls.Config, error) {
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if c.CAFile == "" {
		return config, nil
	}
	var err error
	if config.RootCAs, err = smallfile.Authorities(c.CAFile); err != nil {
		return nil, fmt.Errorf("caFile: %w", err)
	}
	return config, nil
}

// ask asks one question. When ctx ends, the connection ends with it: nobody waits for a server that hangs.
func (c *conn) ask(ctx context.Context, question func() error) error {
	c.raw.left.Store(maxAnswer)
	stop := context.AfterFunc(ctx, func() { _ = c.raw.Close() })
	err := question()
	if !stop() {
		return fmt.Errorf("%w: %w", context.Cause(ctx), errBroken)
	}
	if c.raw.exceeded.Load() {
		return fmt.Errorf("the answer is larger than %d bytes: %w", maxAnswer, errBroken)
	}
	return err
}

// end closes the connection. The raw one goes first: the library says goodbye, which a server that hangs does not take.
func (c *conn) end() {
	_ = c.raw.Close()
	_ = c.Close()
}

// errBroken says that a connection is of no use any more.
var errBroken = errors.New("the connection ended")

// isBroken reports whether an error is about the connection and not an answer of the server.
func isBroken(err error) bool {
	answer, ok := errors.AsType[*ldap.Error](err)
	return errors.Is(err, errBroken) || !ok || answer.ResultCode >= ldap.ErrorNetwork ||
		answer.ResultCode == ldap.LDAPResultUnavailable || answer.ResultCode == ldap.LDAPResultBusy
}

// bounded is a connection that reads no more for one question than it may.
type bounded struct {
	net.Conn
	left     atomic.Int64
	exceeded atomic.Bool
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if b.left.Add(-int64(n)) < 0 {
		b.exceeded.Store(true)
		return 0, errors.New("the answer is too large")
	}
	return n, err
}
