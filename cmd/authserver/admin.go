// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/admin"
	"github.com/gatehouse-dev/gatehouse/authserver/registry"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
	"github.com/gatehouse-dev/gatehouse/internal/wallclock"
)

// maxAudience bounds what a token is compared with, in bytes.
const maxAudience = 512

// adminConnections are for the operator and for administrators.
var adminConnections = web.ConnectionsConfig{Limits: web.Limits{Connections: 64, ConnectionsPerAddress: 16}}

// adminPort is the port of the operator and of administrators, open.
type adminPort struct {
	listener    net.Listener
	certificate *web.Certificate
}

// checkAdmin refuses an admin endpoint that would be without TLS, or that nobody could be allowed to use.
func (c *config) checkAdmin() error {
	a := c.Admin
	if a.Listen == "" {
		if a.Audience != "" || a.TLS != (tlsFiles{}) {
			return errors.New("listen is missing, and nothing else of it means anything without")
		}
		return nil
	}
	if err := checkAddress(a.Listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	switch {
	case len(c.scope.Namespaces) > 0:
		return errors.New("there is no admin endpoint where namespaces is set: its callers are proven and allowed by reviews of the whole cluster")
	case a.TLS == (tlsFiles{}) && c.PlainHTTP:
		return errors.New("set tls.certFile and tls.keyFile: the endpoint takes tokens, and plainHTTP leaves it without a certificate")
	case a.TLS != (tlsFiles{}) && (a.TLS.CertFile == "" || a.TLS.KeyFile == ""):
		return errors.New("set both tls.certFile and tls.keyFile, or neither: then the certificate of the server is used")
	case len(a.Audience) > maxAudience:
		return fmt.Errorf("audience is longer than %d bytes", maxAudience)
	}
	return nil
}

// adminAudience is what the token of a caller must be made for.
func (c *config) adminAudience() string {
	if c.Admin.Audience != "" {
		return c.Admin.Audience
	}
	return adminapi.Audience(c.Issuer)
}

func (r *resources) openAdmin(ctx context.Context, c config, log *slog.Logger) error {
	if c.Admin.Listen == "" {
		return nil
	}
	port := &adminPort{certificate: r.certificate}
	if c.Admin.TLS != (tlsFiles{}) {
		var err error // the metric of the certificate is about the one of the issuer; this one is for a Service
		if port.certificate, err = web.LoadCertificate(c.Admin.TLS.CertFile, c.Admin.TLS.KeyFile, "", log, web.NewMetrics(), wallclock.Now); err != nil {
			return fmt.Errorf("admin.tls: %w", err)
		}
	}
	r.admin = port
	return r.listen(ctx, "admin.listen", c.Admin.Listen, &port.listener)
}

// newAdminServer returns what serves the admin endpoint; nil: there is none.
func newAdminServer(
	c config, r *resources, auth *authserver.Server, clients *registry.Registry, site *web.Site, refusals *authserver.Refusals, ready *readiness, log *slog.Logger,
) (*http.Server, error) {
	if r.admin == nil {
		return nil, nil
	}
	reviews, err := admin.NewReviews(r.cluster)
	if err != nil {
		return nil, err
	}
	handler, err := admin.Handler(admin.Config{
		Auth: auth, ClientNamed: clients.Named, Reviews: reviews, Refusals: refusals, Audience: c.adminAudience(), Log: log, Now: wallclock.Now,
		Ready: func(*http.Request) error { return unless(ready.Started(), "the server to be ready once") },
	})
	if err != nil {
		return nil, err
	}
	server := web.NewServer(site.Observe(handler), log)
	server.TLSConfig = r.admin.certificate.Config()
	return server, nil
}

// beginAdmin serves the admin endpoint, if there is one. One that is not there does not end.
func (s *server) beginAdmin(ctx context.Context, r *resources) *listening {
	if s.admin == nil {
		return &listening{}
	}
	s.log.InfoContext(ctx, "listening for the operator and administrators", "address", r.admin.listener.Addr().String())
	return begin(ctx, s.admin, web.NewConnections(r.admin.listener, adminConnections), flushTime)
}
