// SPDX-License-Identifier: Apache-2.0

package adminapi

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/smallfile"
)

const (
	// MaxBody bounds the body of one answer, in bytes: a larger one is not read.
	MaxBody = 4 << 20
	// pageTime bounds how long one answer takes.
	pageTime = 30 * time.Second
	// maxPages bounds what one call of Usage reads: a million entries.
	maxPages = 2000
	// maxTokenFile bounds the file of the token in bytes.
	maxTokenFile = 64 << 10
)

// Client asks the admin endpoint of an authorization server. Both files are read anew for each call, so that they may change.
type Client struct {
	// URL is https://HOST:PORT, without a path.
	URL string
	// ServerName is the host that the certificate of the endpoint must be for.
	ServerName string
	// CAFile holds the authorities to trust, in PEM. Empty, or a file that is not there: those of the system.
	CAFile string
	// TokenFile holds the token, which must be made for the endpoint's audience.
	TokenFile string
}

// Check returns why the client cannot be used, in words for whoever configured it.
func (c *Client) Check() error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "" || c.URL != "https://"+u.Host:
		return errors.New("the URL must be https://HOST:PORT, and nothing after it")
	case c.ServerName == "":
		return errors.New("the name that the certificate must be for is missing")
	case c.TokenFile == "":
		return errors.New("the file with the token is missing")
	}
	return nil
}

// Usage reads what is remembered of all clients, and calls each with every page in turn. It ends at the first error, and
// where the pages have no end.
func (c *Client) Usage(ctx context.Context, each func(UsagePage) error) error {
	config, err := c.config()
	if err != nil {
		return err
	}
	session := NewSession(config)
	defer session.Close()
	place := ""
	for range maxPages {
		var page UsagePage
		target := PathUsage + "?" + url.Values{"limit": {fmt.Sprint(MaxPage)}}.Encode()
		if place != "" {
			target += "&" + url.Values{"continue": {place}}.Encode()
		}
		if err := session.Get(ctx, target, &page); err != nil {
			return err
		}
		if len(page.Items) > MaxPage {
			return fmt.Errorf("a page holds %d entries, and %d were asked for", len(page.Items), MaxPage)
		}
		if err := each(page); err != nil {
			return err
		}
		if page.Continue == "" {
			return nil
		}
		if page.Continue == place || len(page.Continue) > MaxContinue {
			return errors.New("a page leads to itself, or nowhere")
		}
		place = page.Continue
	}
	return fmt.Errorf("the report has no end after %d pages", maxPages)
}

// config returns what a Session is made of, with what the files hold now.
func (c *Client) config() (SessionConfig, error) {
	token, err := smallfile.Read(c.TokenFile, maxTokenFile)
	if err != nil {
		return SessionConfig{}, fmt.Errorf("read the token for the admin endpoint: %w", err)
	}
	roots, err := c.authorities()
	if err != nil {
		return SessionConfig{}, err
	}
	return SessionConfig{URL: c.URL, ServerName: c.ServerName, Roots: roots, Token: strings.TrimSpace(string(token))}, nil
}

// authorities returns nil for those of the system.
func (c *Client) authorities() (*x509.CertPool, error) {
	if c.CAFile == "" {
		return nil, nil
	}
	pool, err := smallfile.Authorities(c.CAFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the authorities of the admin endpoint: %w", err)
	}
	return pool, nil
}
