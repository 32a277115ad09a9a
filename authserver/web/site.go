// SPDX-License-Identifier: Apache-2.0

// Package web serves the authorization server over HTTP: routes.go is the whole table
// of what is served, then a file per page or endpoint. A handler parses, calls the
// engine and renders; no rule of a protocol is decided here.
package web

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Config is what a Site is made of. All fields but LoginWays, TrustedProxies, Limits, Tracer, Started,
// Refusals and Now are required.
type Config struct {
	Auth *authserver.Server
	// LoginWays are the ways to log in, in the order in which people see them. None: with a password.
	LoginWays []LoginWay
	// Issuer is the issuer identifier (RFC 8414 §2): https, no path, query or fragment.
	Issuer string
	// TrustedProxies are the peers whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// Limits bound the requests that are being answered.
	Limits Limits
	Log    *slog.Logger
	// AccessLog gets a line of JSON for each request, in the form of Log's lines. It must not keep
	// what it is given.
	AccessLog io.Writer
	Metrics   *Metrics
	// Tracer follows requests; nil: nobody does.
	Tracer Tracer
	// Ready returns nil when the server can answer, Degraded when it can answer most, else why it cannot.
	Ready func(*http.Request) error
	// Started reports whether the server has been ready once. Before that every endpoint answers
	// 503. nil: it has.
	Started func() bool
	// Refusals remembers the requests that were refused; nil: nobody does.
	Refusals *authserver.Refusals
	// Now tells the time. Default: time.Now.
	Now func() time.Time
}

// Site serves every page and endpoint of one issuer.
type Site struct {
	auth           *authserver.Server
	ways           []LoginWay        // at least one
	answers        map[string]*quota // of other servers, by the key of the source
	issuer         string
	trustedProxies []netip.Prefix
	log            *slog.Logger
	access         io.Writer
	metrics        *Metrics
	tracer         Tracer
	profiles       map[string]authserver.Profile // of the routes that are for one
	ready          func(*http.Request) error
	started        func() bool
	now            func() time.Time
	refusals       *authserver.Refusals
	pages          *pages

	requests, bodies *quota
	shared           *sharedAddresses
}

// New returns a site, or says what is wrong with the configuration.
func New(c Config) (*Site, error) {
	if c.Auth == nil || c.Log == nil || c.AccessLog == nil || c.Metrics == nil || c.Ready == nil {
		return nil, errors.New("web: Auth, Log, AccessLog, Metrics and Ready are required")
	}
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return nil, errors.New("the issuer must be an https URL without path, query and fragment, like https://auth.example.com")
	}
	if err := checkDialects(authserver.Profiles(), dialects); err != nil {
		return nil, err
	}
	p, err := loadPages()
	if err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	limits := c.Limits.withDefaults()
	if len(c.LoginWays) == 0 {
		c.LoginWays = []LoginWay{{Name: PasswordWay}}
	}
	return &Site{
		auth: c.Auth, ways: c.LoginWays, issuer: c.Issuer, trustedProxies: c.TrustedProxies, log: c.Log, access: c.AccessLog, metrics: c.Metrics, tracer: c.Tracer,
		ready: c.Ready, started: c.Started, now: c.Now, refusals: c.Refusals, pages: p,
		requests: newQuota(int64(limits.Requests), int64(limits.RequestsPerAddress)),
		bodies:   newQuota(maxBodies, maxBodiesPerAddress),
		answers:  answersOf(c.LoginWays),
		shared:   newSharedAddresses(c.Log, c.Metrics, c.Now),
	}, nil
}
