// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/gatehouse-dev/gatehouse/internal/installation"
	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

// site is an authorization server on a store of its own.
type site struct {
	*installation.Program
	target

	kind   string
	store  string    // as the configuration names it
	grants [][]grant // of each connection
	logins [][]grant // what the same people allowed PhotoLogin
}

// newSite starts a server on a new store of this kind, in which each connection has so many grants of each profile.
func (b *bench) newSite(ctx context.Context, kind string, grants int) (*site, error) {
	store, err := b.newStore(ctx, kind)
	if err != nil {
		return nil, err
	}
	s := &site{kind: kind, store: store}
	if s.grants, err = b.allow(ctx, store, grants); err != nil {
		return nil, err
	}
	for _, of := range s.grants {
		var logins []grant
		for _, g := range of {
			logins = append(logins, *g.login)
		}
		s.logins = append(s.logins, logins)
	}
	return s, b.startSite(ctx, s)
}

// newStore returns the name of a store that is empty.
func (b *bench) newStore(ctx context.Context, kind string) (store string, err error) {
	b.made++
	name := fmt.Sprintf("gatehouse%d", b.made)
	if kind == sqlite {
		return "sqlite:" + filepath.Join(b.Dir, name+".db"), nil
	}
	if b.postgres == nil {
		say("starting PostgreSQL")
		// pgbench and the pool of the server take connections.
		if b.postgres, err = postgrestest.New(ctx, postgrestest.WithSetting("max_connections", fmt.Sprint(100+b.connections))); err != nil {
			return "", err
		}
	}
	return b.postgres.CreateDatabase(ctx, name)
}

// startSite starts a server with its shipped defaults: access log to standard error and audit log to standard
// output, which are files here, metrics, TLS.
func (b *bench) startSite(ctx context.Context, s *site) error {
	say("starting the authorization server on %s", s.kind)
	return b.startSiteOf(ctx, b.Installation, s)
}

// startSiteOf does so for an installation that is not b's own.
func (b *bench) startSiteOf(ctx context.Context, of *installation.Installation, s *site) (err error) {
	s.Program, err = of.StartAuthserver(ctx, fmt.Sprintf("authserver-%d", b.made), map[string]any{
		"store": s.store, "tls": map[string]string{"certFile": b.certificate("tls.crt"), "keyFile": b.certificate("tls.key")},
	})
	if err == nil {
		s.target = target{address: s.Address, tls: b.client, pid: s.PID()}
	}
	return err
}
