// SPDX-License-Identifier: Apache-2.0

package adminapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Session asks one replica of the authorization server, with one token. Close ends its connections.
type Session struct {
	url, token string
	client     *http.Client
	transport  *http.Transport
}

// SessionConfig is what a Session is made of. All fields but Roots and Address are required.
type SessionConfig struct {
	// URL is https://HOST:PORT, without a path.
	URL string
	// Address is where to connect to, instead of the host and port of URL.
	Address string
	// ServerName is the host that the certificate must be for.
	ServerName string
	// Roots are the authorities to trust; nil: those of the system.
	Roots *x509.CertPool
	// Token is made for the endpoint's audience.
	Token string
}

// NewSession returns a Session. It sends nothing yet.
func NewSession(c SessionConfig) *Session {
	transport := &http.Transport{
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName, RootCAs: c.Roots},
		TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10,
	}
	if c.Address != "" {
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, c.Address)
		}
	}
	client := &http.Client{
		Transport: transport, Timeout: pageTime,
		// The token is for this address alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Session{url: c.URL, token: c.Token, client: client, transport: transport}
}

// Close ends the connections that are not in use.
func (s *Session) Close() { s.transport.CloseIdleConnections() }

// Get reads the answer to a GET of a path with its query.
func (s *Session) Get(ctx context.Context, target string, into any) error {
	return s.do(ctx, http.MethodGet, target, into)
}

// Delete reads the answer to a DELETE of a path with its query.
func (s *Session) Delete(ctx context.Context, target string, into any) error {
	return s.do(ctx, http.MethodDelete, target, into)
}

func (s *Session) do(ctx context.Context, method, target string, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, s.url+target, nil)
	if err != nil {
		return errors.New("the URL of the admin endpoint cannot be used")
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("Accept", "application/json")
	answer, err := s.client.Do(r)
	if err != nil {
		return fmt.Errorf("ask the admin endpoint: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, MaxBody+1))
	switch {
	case err != nil:
		return fmt.Errorf("read the answer of the admin endpoint: %w", err)
	case len(body) > MaxBody:
		return fmt.Errorf("the answer of the admin endpoint is larger than %d bytes", MaxBody)
	case answer.StatusCode != http.StatusOK:
		return refusal(answer.StatusCode, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the answer of the admin endpoint cannot be read: %w", err)
	}
	return nil
}

// Refused is an answer that is no success.
type Refused struct {
	Status int
	// Failure is what the endpoint says; zero: nothing that can be read.
	Failure
}

func (r *Refused) Error() string {
	if r.Message == "" {
		return fmt.Sprintf("the admin endpoint answered with status %d", r.Status)
	}
	return fmt.Sprintf("the admin endpoint answered with status %d: %q", r.Status, r.Message)
}

// refusal says what the endpoint answered: its own words, where they are such.
func refusal(status int, body []byte) error {
	r := &Refused{Status: status}
	if err := json.Unmarshal(body, &r.Failure); err != nil || len(r.Message) > 1024 {
		r.Failure = Failure{}
	}
	return r
}
