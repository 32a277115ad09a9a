// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/access"
	"github.com/gatehouse-dev/gatehouse/authserver/admin"
	"github.com/gatehouse-dev/gatehouse/authserver/backchannel"
	"github.com/gatehouse-dev/gatehouse/authserver/identity/passkeys"
	"github.com/gatehouse-dev/gatehouse/authserver/registry"
	"github.com/gatehouse-dev/gatehouse/authserver/store"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
	"github.com/gatehouse-dev/gatehouse/internal/apiclient"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/wallclock"
)

// logoutInterval is how often it is looked whether clients are to be told of logouts. What this server ends itself it tells at once.
const logoutInterval = 5 * time.Second

// pingTime is how long the store may take to say that it answers.
const pingTime = 2 * time.Second

// server is everything that runs.
type server struct {
	log        *slog.Logger
	auditor    *web.Auditor
	ready      *readiness
	watches    []func(context.Context) // only read; nobody waits for their end
	background []func(context.Context) // use the store, and end before it is closed
	main, ops  *http.Server
	admin      *http.Server // nil: there is none

	connections   web.ConnectionsConfig // of main
	shutdownDelay time.Duration
}

// newServer wires everything, and starts nothing.
func newServer(c config, r *resources, log *slog.Logger, m *web.Metrics) (*server, error) {
	apiServer := apiclient.NewClock()
	r.cluster.Wrap(apiServer.Wrap)
	if r.tracing != nil {
		r.cluster.Wrap(r.tracing.APIServer)
	}
	clients, err := registry.New(r.cluster, c.Class, registry.View{Namespaces: c.scope.Namespaces, Policy: c.scope.Policy, Clusters: c.clusterNames()}, log)
	if err != nil {
		return nil, err
	}
	s := &server{log: log, auditor: web.NewAuditor(r.audit, log, m, wallclock.Now), connections: c.connections(m), shutdownDelay: c.shutdownDelay()}
	auth, err := newEngine(c, r, clients, s.auditor, m, log)
	if err != nil {
		return nil, err
	}
	m.WatchSources(r.remote)
	m.WatchAPIServer(clients.LastContact, apiServer.Skew)
	upstreamPeople := &people{confirm: auth.ConfirmUpstreamPeople, log: log, first: func() {}} // nobody waits for them
	people := &people{confirm: auth.ConfirmPeople, changed: r.peopleChanged, log: log, first: func() { s.ready.Changed() }}
	writable := &writable{store: r.store, log: log, metrics: r.storeMetrics}
	s.ready = newReadiness(log, m, parts(c, r, auth, clients, people)...)
	s.ready.degraded = writable.degraded
	keys, err := registry.NewKeys(r.cluster, c.Namespace, log, func(shared credential.Key, set credential.KeySet) {
		useKeys(auth, shared, set, log)
		clients.UseSharedKey(shared)
		s.ready.Changed()
	})
	if err != nil {
		return nil, err
	}
	refusals := authserver.NewRefusals()
	site, err := web.New(web.Config{
		Auth: auth, LoginWays: c.loginWays(), Issuer: c.Issuer, TrustedProxies: c.proxies, Limits: c.limits(), Log: log, AccessLog: r.access, Metrics: m, Tracer: r.tracer(),
		Ready: s.ready.Ready, Started: s.ready.Started, Refusals: refusals, Now: wallclock.Now,
	})
	if err != nil {
		return nil, err
	}
	s.main, s.ops = web.NewServer(web.Leaving(s.ready.Stopping, site.Handler()), log), web.NewServer(web.OpsHandler(m, s.ready.Ready), log)
	if r.certificate != nil {
		s.main.TLSConfig = r.certificate.Config()
	}
	if s.admin, err = newAdminServer(c, r, auth, clients, site, refusals, s.ready, log); err != nil {
		return nil, err
	}
	s.watches = append([]func(context.Context){clients.Run, keys.Run, s.ready.changedBy(clients.Filled())}, r.watchPeople...)
	clock := &rowClock{skew: storeSkew(apiServer.Skew, r.store.Now, wallclock.Now), log: log}
	s.background = []func(context.Context){every(logoutInterval, newSender(c, r, auth, clients, m, log).Run), s.ready.Watch, people.Watch, upstreamPeople.Watch, every(probeInterval, writable.Watch),
		every(usesInterval, (&uses{flush: auth.FlushUses, log: log}).Watch),
		every(sweepInterval, clock.whenRight(func(ctx context.Context, tick <-chan time.Time) { sweepEach(ctx, tick, r.store, r.store.Now, log) })),
		every(sweepInterval, clock.whenRight(absentClients(r.store, clients, log).Watch))}
	return s, nil
}

// newSender makes what tells relying parties that a session has ended.
func newSender(c config, r *resources, auth *authserver.Server, clients *registry.Registry, m *web.Metrics, log *slog.Logger) *backchannel.Sender {
	return backchannel.New(backchannel.Config{
		Engine: auth, Issuer: c.Issuer, AllowedNetworks: c.told, CAFile: c.BackChannelLogout.CAFile, Log: log, Synced: clients.Synced, Count: m.Logouts(), Now: r.store.Now,
	})
}

// newEngine wires the engine, which has no keys yet.
func newEngine(c config, r *resources, clients *registry.Registry, auditor authserver.Auditor, m *web.Metrics, log *slog.Logger) (*authserver.Server, error) {
	newReviewer := access.NewReviewer
	if len(c.scope.Namespaces) > 0 {
		newReviewer = access.NewLocalReviewer
	}
	reviewer, err := newReviewer(r.cluster)
	if err != nil {
		return nil, err
	}
	tokens, err := newTokens(c, r, log)
	if err != nil {
		return nil, err
	}
	return authserver.New(r.followed(authserver.Config{
		Issuer: c.Issuer, TokenReviewer: tokens,
		KeySets:  backchannel.NewKeySets(backchannel.KeySetsConfig{AllowedNetworks: c.told, CAFile: c.BackChannelLogout.CAFile, Log: log, Now: wallclock.Now}),
		Clusters: backchannel.NewClusters(c.clusters(), log, wallclock.Now),
		Clients:  clients, Directory: r.people, Upstreams: upstreamsOf(c, r), Passkeys: passkeysOf(c.Issuer, log), Store: r.store, Auditor: auditor,
		ClientsCurrent:  current(c.maxStale(), clients.LastContact, wallclock.Now),
		Entitlement:     access.New(access.Config{Reviewer: reviewer, Log: log, Prefix: c.Entitlement.Prefix, Observer: m.Entitlement(), Now: wallclock.Now}),
		SessionLifetime: c.sessionLifetime(), PasswordChangeEndsGrants: c.Identity.PasswordChangeEndsGrants,
		SecondFactor: c.Identity.RequireSecondFactor, Now: r.store.Now,
	}))
}

// newTokens returns what asks for TokenReviews; nil: there are Roles alone, and no Role lets anybody ask.
func newTokens(c config, r *resources, log *slog.Logger) (authserver.TokenReviewer, error) {
	if len(c.scope.Namespaces) > 0 {
		return nil, nil
	}
	asker, err := admin.NewReviews(r.cluster)
	if err != nil {
		return nil, err
	}
	return access.NewTokens(access.TokensConfig{Asker: asker, Log: log, Now: wallclock.Now}), nil
}

// passkeysOf returns what checks passkeys; nil: browsers take the issuer's host for none that a passkey can be for.
func passkeysOf(issuer string, log *slog.Logger) authserver.Passkeys {
	site, err := passkeys.New(issuer)
	if err != nil {
		log.Info("people have no passkeys here", "issuer", issuer, "err", err)
		return nil
	}
	return site
}

// upstreamsOf returns the sources whose people log in on another server; nil: there are none.
func upstreamsOf(c config, r *resources) authserver.Upstreams {
	for _, s := range c.Identity.Sources {
		if s.OpenIDConnect != nil || s.OAuth2 != nil {
			return r.people
		}
	}
	return nil
}

func absentClients(store store.Store, clients *registry.Registry, log *slog.Logger) *absences {
	return &absences{store: store, synced: clients.Synced, known: clients.Knows, now: store.Now, log: log}
}

// every returns what runs with a tick for each interval.
func every(interval time.Duration, run func(context.Context, <-chan time.Time)) func(context.Context) {
	return func(ctx context.Context) {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		run(ctx, tick.C)
	}
}

func useKeys(auth *authserver.Server, shared credential.Key, set credential.KeySet, log *slog.Logger) {
	keys, err := authserver.NewKeys(shared, set)
	if err != nil {
		log.Error("the new keys cannot be used; the keys read before stay in use", "err", err)
		return
	}
	auth.UseKeys(keys)
}

// parts are what the server cannot answer without.
func parts(c config, r *resources, auth *authserver.Server, clients *registry.Registry, people *people) []part {
	return []part{
		{"store", func(ctx context.Context) error { return ping(ctx, r.store) }},
		{"keys", func(context.Context) error {
			return unless(auth.Ready(), "the Secrets "+credential.SharedKeySecret+" and "+credential.AuthserverKeysSecret+
				" in namespace "+c.Namespace+", which the operator makes")
		}},
		{"registry", func(context.Context) error {
			return unless(clients.Synced(), "the API server to list the OAuthClients")
		}},
		{"people", func(context.Context) error {
			return unless(people.looked.Load(), "the store to learn who has left the directory")
		}},
	}
}

func ping(ctx context.Context, s store.Store) error {
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	if err := s.Ping(ctx); err != nil {
		return fmt.Errorf("the store: %w", err)
	}
	return nil
}

func unless(ready bool, what string) error {
	if ready {
		return nil
	}
	return errors.New(what)
}
