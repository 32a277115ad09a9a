// SPDX-License-Identifier: Apache-2.0

// Command photoprint is an example of a web app that uses Gatehouse: it asks people to let it see their photos at
// PhotoStorage, in order to print them.
//
// It knows Gatehouse by its mounted Secret alone, the one its OAuthClient photos/photoprint was answered with, and speaks OAuth 2.0
// through golang.org/x/oauth2. It is an example: its sessions are kept in memory, and it prints nothing.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9443", "address to serve on; https://ADDRESS/callback is the callback URL")
	cert := flag.String("cert", "tls.crt", "file with the TLS certificate")
	key := flag.String("key", "tls.key", "file with its private key")
	secret := flag.String("secret", "/etc/gatehouse", "folder where the client's Secret is mounted")
	photos := flag.String("photos", "https://127.0.0.1:9444/photos", "URL of the photos at PhotoStorage")
	ca := flag.String("ca", "", "file with the certificate authority of Gatehouse and PhotoStorage; empty: the system's")
	flag.Parse()

	client, err := httpClient(*ca)
	if err != nil {
		slog.Error("PhotoPrint cannot start", "err", err)
		os.Exit(1)
	}
	app := &app{secret: *secret, callback: "https://" + *listen + "/callback", photos: *photos, client: client}
	server := &http.Server{Addr: *listen, Handler: app.routes(), ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10}
	if err := serve(server, *cert, *key); err != nil {
		slog.Error("PhotoPrint cannot serve", "err", err)
		os.Exit(1)
	}
}

// serve serves until the process is asked to end, and lets the requests that have begun finish.
func serve(server *http.Server, cert, key string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ended := make(chan error, 1)
	context.AfterFunc(ctx, func() { ended <- server.Shutdown(context.Background()) })
	slog.Info("serving", "address", "https://"+server.Addr)
	if err := server.ListenAndServeTLS(cert, key); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-ended
}

// httpClient trusts the certificate authority in the file ca, or the system's when ca is empty.
func httpClient(ca string) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("read the certificate authority: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", ca)
		}
	}
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: config}}, nil
}
