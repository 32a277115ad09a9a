// SPDX-License-Identifier: Apache-2.0

// Command mcp-go is an MCP host with the Go SDK: it asks a server who its user is. It speaks with its test as
// ../../javascript/talk.mjs does.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

var lines = bufio.NewScanner(os.Stdin)

// ask writes a report and returns what the test answers.
func ask(report map[string]string) (back string, err error) {
	text, err := json.Marshal(report)
	if err != nil {
		return "", err
	}
	fmt.Println(string(text))
	var answer struct{ Back string }
	return answer.Back, read(&answer)
}

func read(value any) error {
	if !lines.Scan() {
		return errors.Join(errors.New("the test has ended"), lines.Err())
	}
	return json.Unmarshal(lines.Bytes(), value)
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "mcp-go:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var settings struct{ ClientID, Callback, Server, CA string }
	if err := read(&settings); err != nil {
		return err
	}
	client, err := trusting(settings.CA)
	if err != nil {
		return err
	}
	handler, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		PreregisteredClient: &oauthex.ClientCredentials{ClientID: settings.ClientID},
		RedirectURL:         settings.Callback, Client: client, RequestRefreshToken: true,
		AuthorizationCodeFetcher: func(_ context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
			back, err := ask(map[string]string{"open": args.URL})
			if err != nil {
				return nil, err
			}
			at, err := url.Parse(back)
			if err != nil {
				return nil, err
			}
			return &auth.AuthorizationResult{Code: at.Query().Get("code"), State: at.Query().Get("state"), Iss: at.Query().Get("iss")}, nil
		},
	})
	if err != nil {
		return err
	}
	host := mcp.NewClient(&mcp.Implementation{Name: "acceptance", Version: "1"}, nil)
	session, err := host.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: settings.Server, HTTPClient: client, OAuthHandler: handler}, nil)
	if err != nil {
		return err
	}
	answer, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "whoami"})
	if err != nil {
		return err
	}
	text, _ := answer.Content[0].(*mcp.TextContent)
	_, err = ask(map[string]string{"did": text.Text})
	return err
}

// trusting returns a client that trusts a certificate authority.
func trusting(file string) (*http.Client, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, errors.New("there is no certificate in " + file)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}, nil
}
