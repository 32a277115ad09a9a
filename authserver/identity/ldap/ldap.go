// SPDX-License-Identifier: Apache-2.0

// Package ldap has the people of an LDAP directory (RFC 4511): search and bind.
//
//	config.go      what a source is made of, and what is refused in it
//	conn.go        one connection: TLS, time, size
//	servers.go     which server is asked, and which one is left alone for a while
//	connections.go the connections that searches use
//	search.go      one search
//	person.go      an entry as an owner
//	groups.go      the groups of a person, also those that groups are in
//	login.go       the password of a person
//	try.go         whether each server answers, for the one who configures it
//	ldap.go        a source for authserver/identity
//
// A login is a search for the name, as the account of the configuration, and a bind as the entry that was
// found, on a connection of its own. What the server says is taken as what somebody else may have
// written: names, sizes and numbers are bounded, and its words are cleaned before they are logged. Referrals
// are not followed. No password is ever part of an error.
package ldap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/identity"
)

// confirmedFor is how long what the directory said of a person holds.
const confirmedFor = 5 * time.Minute

// Source is the people of an LDAP directory. It implements identity.Source.
type Source struct {
	config      Config
	servers     *servers
	connections *connections
	logins      *identity.Pool
	log         *slog.Logger
}

// New returns a source. It asks nobody yet: a server that is away is no reason not to start.
func New(c Config, log *slog.Logger) (*Source, error) {
	c = c.withDefaults()
	if faults := c.Check(); len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	s := &Source{config: c, log: log.With("source", c.Key)}
	s.servers = newServers(c, s.log, time.Now)
	s.connections = newConnections(c.Connections, s.servers, func(ctx context.Context) (*conn, error) {
		return s.servers.connect(ctx, c.bindAsService)
	})
	s.logins = identity.NewPool(c.Connections, 0)
	return s, nil
}

// Key is the source's key.
func (s *Source) Key() string { return s.config.Key }

// ConfirmedFor is 5 minutes: the directory tells nobody of its changes.
func (s *Source) ConfirmedFor(string) time.Duration { return confirmedFor }

// Find asks for the entry with the name. Of more than one, and of one that is of no use, the operator reads in the
// log, and the person does not.
func (s *Source) Find(ctx context.Context, name string) (identity.Candidate, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	e, err := s.entry(ctx, s.config.loginFilter(name))
	if unfit, ok := errors.AsType[unfitError](err); ok {
		s.log.WarnContext(ctx, "somebody cannot log in because of their entry in the directory", "cause", unfit.Error())
		return s.Nobody(), nil
	}
	if errors.Is(err, authserver.ErrNotFound) {
		return s.Nobody(), nil
	}
	if err != nil {
		return identity.Candidate{}, err
	}
	if !e.answersTo(name) { // the directory finds it under more spellings than guesses are counted for
		return s.Nobody(), nil
	}
	return identity.Candidate{Name: e.owner.Name, Check: func(ctx context.Context, password string, lane authserver.Lane) (authserver.Owner, error) {
		return s.logIn(ctx, e, password, lane)
	}}, nil
}

// Confirm asks for the entry with the person's ID, in whatever place and under whatever name it is now.
func (s *Source) Confirm(ctx context.Context, p authserver.Person) (authserver.Owner, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	filter, err := s.config.idFilter(p.SourceID)
	if err != nil {
		return authserver.Owner{}, fmt.Errorf("the ID of a person: %w: %w", authserver.ErrNotFound, err)
	}
	e, err := s.entry(ctx, filter)
	if unfit, ok := errors.AsType[unfitError](err); ok {
		s.log.WarnContext(ctx, "somebody is not confirmed because of their entry in the directory", "cause", unfit.Error())
		return authserver.Owner{}, fmt.Errorf("confirm a person: %w: %w", authserver.ErrNotFound, err)
	}
	if err != nil {
		return authserver.Owner{}, err
	}
	return s.withGroups(ctx, e)
}

// Close ends the connections.
func (s *Source) Close() error {
	s.connections.close()
	return nil
}

// Down reports whether no server answered when they were asked last.
func (s *Source) Down() bool { return s.servers.isDown() }
