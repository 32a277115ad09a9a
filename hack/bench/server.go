// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/store"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// bench is what is measured: the server and the floor, each behind its listener.
type bench struct {
	auth        *authserver.Server
	config      authserver.Config // of auth
	keys        *authserver.Keys
	store       store.Store
	clients     *clients
	client      *tls.Config
	site, floor string // addresses
	cancel      context.CancelFunc
	ended       chan error
	files       []*os.File
}

// start serves the site and the floor on loopback.
func start(ctx context.Context, dir string) (*bench, error) {
	ctx, cancel := context.WithCancel(ctx)
	b := &bench{cancel: cancel, ended: make(chan error, 2)}
	err := b.open(ctx, dir)
	if err != nil {
		cancel()
		return nil, err
	}
	return b, nil
}

func (b *bench) open(ctx context.Context, dir string) error {
	serverTLS, clientTLS, err := selfSigned()
	if err != nil {
		return err
	}
	b.client = clientTLS
	handler, err := b.newSite(ctx, dir)
	if err != nil {
		return err
	}
	if b.site, err = b.serve(ctx, handler, serverTLS); err != nil {
		return err
	}
	b.floor, err = b.serve(ctx, http.HandlerFunc(bare), serverTLS)
	return err
}

// newSite wires the server as cmd/authserver does, with clients in memory.
func (b *bench) newSite(ctx context.Context, dir string) (http.Handler, error) {
	var err error
	if b.store, err = store.Open(ctx, "sqlite:"+filepath.Join(dir, "gatehouse.db")); err != nil {
		return nil, err
	}
	shared, root := credential.NewKey(), credential.NewKey()
	b.clients = newClients(shared, root)
	logFile, err := b.create(dir, "access.log")
	if err != nil {
		return nil, err
	}
	auditFile, err := b.create(dir, "audit.log")
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewJSONHandler(logFile, nil))
	metrics := web.NewMetrics()
	b.config = authserver.Config{
		Clients: b.clients, Directory: people{}, Entitlement: everybody{}, Store: b.store,
		Auditor: web.NewAuditor(auditFile, log, metrics, time.Now),
	}
	if b.auth, err = authserver.New(b.config); err != nil {
		return nil, err
	}
	set, _ := credential.KeySet{}.Rotated(time.Now().Add(-time.Hour), credential.NewSetKey(time.Now()))
	if b.keys, err = authserver.NewKeys(shared, set); err != nil {
		return nil, err
	}
	b.auth.UseKeys(b.keys)
	site, err := web.New(web.Config{
		Auth: b.auth, Issuer: "https://auth.bench.example", Log: log, AccessLog: logFile, Metrics: metrics,
		Ready: func(*http.Request) error { return nil },
	})
	if err != nil {
		return nil, err
	}
	return site.Handler(), nil
}

func (b *bench) create(dir, name string) (*os.File, error) {
	f, err := os.Create(filepath.Join(dir, name)) //nolint:gosec // a folder of our own
	if err != nil {
		return nil, fmt.Errorf("create a log: %w", err)
	}
	b.files = append(b.files, f)
	return f, nil
}

func (b *bench) serve(ctx context.Context, h http.Handler, config *tls.Config) (addr string, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	server := web.NewServer(h, slog.New(slog.DiscardHandler))
	server.TLSConfig = config
	go func() { b.ended <- web.Serve(ctx, server, listener, time.Second) }()
	return listener.Addr().String(), nil
}

func (b *bench) stop() error {
	b.cancel()
	errs := []error{<-b.ended, <-b.ended, b.store.Close()}
	for _, f := range b.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// bare is the floor: a form in, an answer of a token's size out.
func bare(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil || r.PostForm.Get("grant_type") == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(bareAnswer)
}

var bareAnswer = []byte(`{"access_token":"gha_` + strings.Repeat("a", 120) + `","token_type":"Bearer","expires_in":3600}` + "\n")
