// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/smallfile"
	"github.com/gatehouse-dev/gatehouse/internal/wallclock"
	"github.com/gatehouse-dev/gatehouse/internal/workloadtoken"
)

const (
	defaultTokenFile = "/var/run/secrets/gatehouse/token"
	// tokenTime bounds one request of the subcommand, from the look-up of the issuer's name to the last byte.
	tokenTime = 15 * time.Second
)

// tokenOptions are what the flags of the subcommand token say.
type tokenOptions struct {
	client          workloadtoken.Client
	caFile, output  string
	scope, resource string
	credential      bool
}

func parseTokenFlags(args []string, stderr io.Writer) (tokenOptions, error) {
	var o tokenOptions
	fs := flag.NewFlagSet("authserver token", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.client.Issuer, "issuer", "", "the URL of the authorization server")
	fs.StringVar(&o.client.ClientID, "client-id", "", "the client ID of an OAuthClient with credentials.source ServiceAccount")
	fs.StringVar(&o.client.AssertionFile, "token-file", defaultTokenFile, "the projected token of the ServiceAccount, whose audience is the issuer; read for each request")
	fs.StringVar(&o.scope, "scope", "", "the scopes to ask for, separated by blanks (default: all of the client's)")
	fs.StringVar(&o.resource, "resource", "", "the identifier of the API that the access token is for (RFC 8707)")
	fs.StringVar(&o.caFile, "ca-file", "", "authorities for the issuer's certificate, in PEM, beside those of the machine")
	fs.StringVar(&o.output, "output", "", "keep a fresh access token in this file until SIGTERM (default: print one and end)")
	fs.BoolVar(&o.credential, "exec-credential", false, "print an ExecCredential for kubectl and client-go in place of the token alone")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	o.client.Scopes = strings.Fields(o.scope)
	if o.resource != "" {
		o.client.Resources = []string{o.resource}
	}
	switch {
	case fs.NArg() > 0:
		return o, fmt.Errorf("it takes no arguments beside flags: %q", fs.Arg(0))
	case o.output != "" && o.credential:
		return o, errors.New("set --output or --exec-credential, not both")
	}
	return o, o.client.Check()
}

// tokenCommand fetches access tokens for a workload that proves itself with the token of its ServiceAccount.
func tokenCommand(ctx context.Context, args []string, sys system) int {
	o, err := parseTokenFlags(args, sys.stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitStopped
	}
	if err == nil {
		o.client.HTTP, err = tokenHTTP(o.caFile)
	}
	if err != nil {
		fmt.Fprintln(sys.stderr, "authserver token:", err)
		return exitRefused
	}
	o.client.Now = wallclock.Now
	if o.output == "" {
		err = printToken(ctx, &o, sys.stdout)
	} else {
		keeper := &workloadtoken.Keeper{
			Fetch: o.client.Fetch, Path: o.output, Log: slog.New(slog.NewJSONHandler(sys.stderr, nil)), Wait: waitFor, Chance: chance,
		}
		err = keeper.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(sys.stderr, "authserver token:", err)
		return exitFailed
	}
	return exitStopped
}

// tokenHTTP returns a client that follows no redirect: the assertion is for the issuer alone.
func tokenHTTP(caFile string) (*http.Client, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the authorities of the machine: %w", err)
	}
	if caFile != "" {
		pem, err := smallfile.Certificates(caFile)
		if err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
		roots.AppendCertsFromPEM(pem)
	}
	return &http.Client{
		Timeout:       tokenTime,
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, TLSHandshakeTimeout: tokenTime},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// printToken prints one token, alone or as an ExecCredential (client.authentication.k8s.io/v1).
func printToken(ctx context.Context, o *tokenOptions, stdout io.Writer) error {
	token, err := o.client.Fetch(ctx)
	if err != nil {
		return err
	}
	if !o.credential {
		_, err := fmt.Fprintln(stdout, token.AccessToken)
		return err
	}
	return json.NewEncoder(stdout).Encode(map[string]any{
		"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
		"status": map[string]any{"token": token.AccessToken, "expirationTimestamp": token.ExpiresAt.UTC().Format(time.RFC3339)},
	})
}

// chance returns a random number from 0 up to but without 1.
func chance() float64 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // it never fails
	return float64(binary.BigEndian.Uint32(b[:])) / (1 << 32)
}

func waitFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
