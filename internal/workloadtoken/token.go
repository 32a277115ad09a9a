// SPDX-License-Identifier: Apache-2.0

// Package workloadtoken fetches access tokens for a workload that proves itself with the token of its ServiceAccount, and keeps one
// in a file for a program that only reads files.
//
//	token.go  one token (RFC 6749 §4.4, RFC 7523 §2.2)
//	keep.go   a file that always holds a fresh one
package workloadtoken

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	// maxAssertion bounds the file with the token of the ServiceAccount, maxAnswer what the token endpoint says, both in bytes.
	maxAssertion, maxAnswer = 8 << 10, 64 << 10
	// maxReason bounds what a log repeats of an answer, in bytes.
	maxReason = 200
)

// Client asks the token endpoint of an issuer.
type Client struct {
	// Issuer is the URL of the authorization server, without a slash at its end.
	Issuer string
	// ClientID is that of the OAuthClient.
	ClientID string
	// AssertionFile holds the token of the ServiceAccount. It is read for each request, because Kubernetes renews it.
	AssertionFile string
	// Scopes and Resources (RFC 8707) that are asked for; nil: all there are.
	Scopes, Resources []string
	// HTTP sends requests. It follows no redirects.
	HTTP *http.Client
	// Now tells the time.
	Now func() time.Time
}

// Token is an access token.
type Token struct {
	AccessToken string
	// FetchedAt is when it was asked for, and ExpiresAt when it ends at the earliest, by this machine's clock.
	FetchedAt, ExpiresAt time.Time
}

// Check returns what is wrong with the settings; nil: nothing.
func (c *Client) Check() error {
	at, err := url.Parse(c.Issuer)
	switch {
	case c.Issuer == "" || c.ClientID == "" || c.AssertionFile == "":
		return errors.New("set --issuer, --client-id and --token-file")
	case err != nil || at.Scheme != "https" || at.Host == "" || at.RawQuery != "" || at.Fragment != "" || at.User != nil || strings.HasSuffix(c.Issuer, "/"):
		return errors.New("--issuer must be an https URL without a slash at its end")
	}
	return nil
}

// Fetch asks for a token. Errors quote neither the assertion nor a token.
func (c *Client) Fetch(ctx context.Context) (Token, error) {
	assertion, err := c.assertion()
	if err != nil {
		return Token{}, err
	}
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {c.ClientID}, "client_assertion_type": {assertionType}, "client_assertion": {assertion},
	}
	if len(c.Scopes) > 0 {
		form.Set("scope", strings.Join(c.Scopes, " "))
	}
	if len(c.Resources) > 0 {
		form["resource"] = c.Resources
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Issuer+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		return Token{}, fmt.Errorf("ask for a token: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "gatehouse-token")
	at := c.Now()
	res, err := c.HTTP.Do(r)
	if err != nil {
		return Token{}, fmt.Errorf("ask for a token: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	return read(res, at)
}

func (c *Client) assertion() (string, error) {
	file, err := os.Open(c.AssertionFile)
	if err != nil {
		return "", fmt.Errorf("read the token of the ServiceAccount: %w", err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxAssertion+1))
	switch trimmed := strings.TrimSpace(string(text)); {
	case err != nil:
		return "", fmt.Errorf("read the token of the ServiceAccount: %w", err)
	case trimmed == "":
		return "", fmt.Errorf("the file %s is empty", c.AssertionFile)
	case len(text) > maxAssertion:
		return "", fmt.Errorf("the file %s is longer than %d bytes", c.AssertionFile, maxAssertion)
	default:
		return trimmed, nil
	}
}

// read reads the answer to a request that was sent at a time.
func read(res *http.Response, at time.Time) (Token, error) {
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return Token{}, fmt.Errorf("read the answer of the token endpoint: %w", err)
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int64  `json:"expires_in"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	err = json.Unmarshal(text, &answer)
	switch {
	case res.StatusCode != http.StatusOK && err == nil && answer.Error != "":
		return Token{}, fmt.Errorf("the token endpoint refuses with status %d: %.*q %.*q", res.StatusCode, maxReason, answer.Error, maxReason, answer.Description)
	case res.StatusCode != http.StatusOK:
		return Token{}, fmt.Errorf("the token endpoint answers with status %d", res.StatusCode)
	case err != nil || answer.AccessToken == "" || !strings.EqualFold(answer.TokenType, "Bearer") || answer.ExpiresIn <= 0 || answer.ExpiresIn > int64(maxLifetime/time.Second):
		return Token{}, errors.New("the answer of the token endpoint is not an access token with token_type Bearer and expires_in")
	}
	return Token{AccessToken: answer.AccessToken, FetchedAt: at, ExpiresAt: at.Add(time.Duration(answer.ExpiresIn) * time.Second)}, nil
}

// maxLifetime is more than any access token lives.
const maxLifetime = 366 * 24 * time.Hour
