// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/gatehouse-dev/gatehouse/internal/smallfile"
)

const (
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 1 << 20
	// maxSecretFile bounds a client secret, in bytes.
	maxSecretFile = 16 << 10
	// maxRequests is how many requests to one source are under way at most.
	maxRequests = 16
)

// errLarge says that an answer was not read to its end.
var errLarge = fmt.Errorf("the answer is larger than %d bytes", maxAnswer)

// newClient returns a client for one server. It follows no redirect: a token and a secret go where the configuration, or
// the server's own metadata, says.
func newClient(caFile string, timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout: timeout, Transport: &transport{caFile: caFile, turns: semaphore.NewWeighted(maxRequests), timeout: timeout},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// transport bounds requests in number, time and size, and reads the authorities again when their file has changed.
type transport struct {
	caFile  string
	timeout time.Duration
	turns   *semaphore.Weighted

	mu   sync.Mutex
	pem  []byte
	next *http.Transport
}

// RoundTrip is of http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	next, err := t.current()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), t.timeout)
	if err := t.turns.Acquire(ctx, 1); err != nil {
		cancel()
		return nil, errors.New("too many requests to the server are under way")
	}
	res, err := next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		t.turns.Release(1)
		cancel()
		return nil, err
	}
	res.Body = &boundedBody{ReadCloser: res.Body, left: maxAnswer, end: sync.OnceFunc(func() {
		t.turns.Release(1)
		cancel()
	})}
	return res, nil
}

// current returns a transport with the authorities of the file as it is now.
func (t *transport) current() (*http.Transport, error) {
	var pem []byte
	if t.caFile != "" {
		var err error
		if pem, err = smallfile.Certificates(t.caFile); err != nil {
			return nil, fmt.Errorf("caFile: %w", err)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next != nil && bytes.Equal(pem, t.pem) {
		return t.next, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.caFile != "" {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(pem)
	}
	if t.next != nil {
		t.next.CloseIdleConnections()
	}
	t.pem = pem
	t.next = &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true,
		DialContext:         (&net.Dialer{Timeout: t.timeout}).DialContext,
		TLSHandshakeTimeout: t.timeout, ResponseHeaderTimeout: t.timeout, IdleConnTimeout: time.Minute,
		MaxIdleConnsPerHost: 4, MaxConnsPerHost: maxRequests, MaxResponseHeaderBytes: 64 << 10,
	}
	return t.next, nil
}

// close ends the connections that nobody uses.
func (t *transport) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next != nil {
		t.next.CloseIdleConnections()
	}
}

// boundedBody is an answer that fails where it is too large: a part of it would be taken for all.
type boundedBody struct {
	io.ReadCloser
	left int
	end  func()
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errLarge
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		return 0, errLarge
	}
	return n, err
}

func (b *boundedBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}

// get reads a JSON object with an access token.
func get(ctx context.Context, client *http.Client, address, accessToken string) (map[string]any, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Authorization", "Bearer "+accessToken)
	r.Header.Set("User-Agent", "gatehouse-authserver") // some servers demand one
	res, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, statusError(res.StatusCode)
	}
	return decodeClaims(body)
}

// statusError is an answer with another status than 200.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("the answer has status %d", int(e)) }

// clientSecret returns the content of a file of one line.
func clientSecret(path string) (string, error) {
	raw, err := smallfile.Read(path, maxSecretFile)
	if err != nil {
		return "", fmt.Errorf("clientSecretFile: %w", err)
	}
	secret := strings.TrimRight(string(raw), "\r\n")
	if secret == "" {
		return "", errors.New("clientSecretFile: it is empty")
	}
	return secret, nil
}
