// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/gatehouse-dev/gatehouse/authserver/identity"
	"github.com/gatehouse-dev/gatehouse/authserver/store"
	"github.com/gatehouse-dev/gatehouse/authserver/tracing"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
	"github.com/gatehouse-dev/gatehouse/internal/wallclock"
)

// resources are everything that the configuration names, open.
type resources struct {
	cluster         *rest.Config
	people          *identity.Sources
	watchPeople     []func(context.Context)
	remote          map[string]func() bool // whether a source does not answer, by key
	peopleChanged   chan struct{}          // holds a value when a source has changed
	certificate     *web.Certificate       // nil: plain HTTP
	audit, access   io.Writer
	listener        net.Listener
	metricsListener net.Listener
	admin           *adminPort // nil: there is none
	store           store.Store
	storeMetrics    *web.StoreMetrics
	tracing         *tracing.Tracing // nil: nothing is followed

	close []func() error // of what needs it, in the order it was opened
}

// open opens what the configuration names. Its error holds everything that went wrong,
// each with the key it is about; nothing is open then.
func open(ctx context.Context, c config, o options, sys system, log *slog.Logger, m *web.Metrics) (*resources, error) {
	r := &resources{audit: sys.stdout}
	err := errors.Join(
		r.findCluster(o.kubeconfig, sys.env),
		r.openSources(c, log),
		r.openCertificate(c, log, m),
		r.openAudit(c),
		r.openTracing(ctx, c, sys.env, log, m),
		r.listen(ctx, "listen", c.Listen, &r.listener),
		r.listen(ctx, "metricsListen", c.MetricsListen, &r.metricsListener),
		r.openAdmin(ctx, c, log),
	)
	if err == nil { // the store is made or upgraded only by a server that can start
		err = r.openStore(ctx, c, log, m)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Close closes everything, the latest first.
func (r *resources) Close() error {
	var errs []error
	for n := len(r.close) - 1; n >= 0; n-- {
		if err := r.close[n](); !errors.Is(err, net.ErrClosed) { // a server closes its listener itself
			errs = append(errs, err)
		}
	}
	r.close = nil
	return errors.Join(errs...)
}

// findCluster says how to reach the API server. It does not try.
func (r *resources) findCluster(file string, env func(string) string) error {
	if file == "" {
		file = env(clientcmd.RecommendedConfigPathEnvVar)
	}
	var err error
	if file != "" {
		rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: file}
		r.cluster, err = clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	} else {
		r.cluster, err = rest.InClusterConfig()
	}
	switch {
	case errors.Is(err, rest.ErrNotInCluster):
		return errors.New("cluster: this is not a pod: name a kubeconfig file by --kubeconfig")
	case err != nil:
		return fmt.Errorf("cluster: %w", err)
	}
	r.cluster.UserAgent = "gatehouse-authserver"
	return nil
}

func (r *resources) openCertificate(c config, log *slog.Logger, m *web.Metrics) error {
	if c.PlainHTTP {
		return nil
	}
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	if r.certificate, err = web.LoadCertificate(c.TLS.CertFile, c.TLS.KeyFile, issuer.Hostname(), log, m, wallclock.Now); err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	return nil
}

func (r *resources) openAudit(c config) error {
	if c.Audit.File == "" || c.Audit.File == "-" {
		return nil
	}
	// Appended to, so that a program that turns logs over can cut the file.
	file, err := os.OpenFile(c.Audit.File, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("audit.file: %w", err)
	}
	r.audit = file
	r.close = append(r.close, file.Close)
	return nil
}

func (r *resources) listen(ctx context.Context, key, address string, to *net.Listener) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	*to = listener
	r.close = append(r.close, listener.Close)
	return nil
}

func (r *resources) openStore(ctx context.Context, c config, log *slog.Logger, m *web.Metrics) error {
	var err error
	r.storeMetrics = m.Store()
	if r.store, err = store.Open(ctx, c.Store, storeObserver{r.storeMetrics, log}); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	r.storeMetrics.WatchQueue(r.store.QueueLength)
	r.close = append(r.close, r.store.Close)
	return nil
}
