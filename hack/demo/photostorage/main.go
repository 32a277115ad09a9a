// SPDX-License-Identifier: Apache-2.0

// Command photostorage is an example of an API that takes Gatehouse tokens: it keeps people's photos and shows
// them to whoever brings an access token with the scope photos.read.
//
// It knows Gatehouse by its mounted Secret alone, the one its ResourceServer photos/photostorage was answered with, and
// needs nothing but package resourceserver. It is an example: the photos are names in memory.
package main

import (
	"cmp"
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

	"github.com/gatehouse-dev/gatehouse/resourceserver"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9444", "address to serve on")
	cert := flag.String("cert", "tls.crt", "file with the TLS certificate")
	key := flag.String("key", "tls.key", "file with its private key")
	external := flag.String("url", "", "how clients address it; empty: https:// and the address")
	secret := flag.String("secret", "/etc/gatehouse", "folder where the client's Secret is mounted")
	ca := flag.String("ca", "", "file with the certificate authority of Gatehouse; empty: the system's")
	flag.Parse()

	guard, err := newGuard(*secret, *ca, cmp.Or(*external, "https://"+*listen))
	if err != nil {
		slog.Error("PhotoStorage cannot start", "err", err)
		os.Exit(1)
	}
	api := &storage{guard: guard, photos: photos}
	server := &http.Server{Addr: *listen, Handler: api.routes(), ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10}
	if err := serve(server, *cert, *key); err != nil {
		slog.Error("PhotoStorage cannot serve", "err", err)
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

// photos are what PhotoStorage keeps, by the subject of their owner. A name would not do: it may be
// given to another person, who must not find the photos of the one before.
var photos = map[string][]string{
	"kclcz2ugpb3ipntsghx3vmz7vf": {"beach-at-dawn.jpg", "grandma-at-90.jpg", "the-new-bicycle.jpg"}, // bob, whose id in the users file of the demo is 1001
	"t4tcobq4uj6benrerz4vvctqw7": {"alps.jpg"},                                                      // alice, 1002
}

// newGuard asks the Gatehouse whose Secret is mounted in folder. A signed request is good only for
// the address it was made for, so the guard is told its own: whoever calls chooses the Host header.
func newGuard(folder, ca, external string) (*resourceserver.Guard, error) {
	config, err := resourceserver.Mounted(folder)
	if err != nil {
		return nil, err
	}
	config.Realm, config.ExternalURL = "PhotoStorage", external
	if config.HTTPClient, err = httpClient(ca); err != nil {
		return nil, err
	}
	return resourceserver.New(config)
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
