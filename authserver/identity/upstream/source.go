// SPDX-License-Identifier: Apache-2.0

// Package upstream has the people of other servers, where a browser logs in and comes back: with OpenID Connect, or with OAuth 2.0 and
// an API that says who somebody is.
//
//	config.go    what a source is made of, and what is refused in it
//	mapping.go   claims and expressions (CEL) as the properties of a person
//	claims.go    JSON as expressions see it, and back
//	person.go    claims as an owner
//	http.go      requests, bounded in time, size and number
//	provider.go  the metadata of a server of OpenID Connect
//	token.go     what proves an answer
//	login.go     a login, from the redirect to the owner
//	state.go     whether the source answers
//	source.go    a source for authserver/identity
//
// What the other server says is taken as what somebody else may have written. No secret, token or code is ever part of an error.
package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Source is the people of another server. It implements identity.Upstream.
type Source struct {
	key    string
	common Common
	client *http.Client
	rules  *rules
	state  *state
	now    func() time.Time

	// One of the two.
	openID *discovery
	oauth2 *OAuth2
}

// NewOpenIDConnect returns a source. It asks nobody yet: a server that is away is no reason not to start.
func NewOpenIDConnect(key string, c OpenIDConnect, log *slog.Logger) (*Source, error) {
	if faults := c.Check(); len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	c = c.withDefaults()
	s, err := newSource(key, c.Common, log)
	if err != nil {
		return nil, err
	}
	s.openID = &discovery{config: c, client: s.client, now: s.now}
	return s, nil
}

// NewOAuth2 returns a source. It asks nobody yet.
func NewOAuth2(key string, c OAuth2, log *slog.Logger) (*Source, error) {
	if faults := c.Check(); len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	s, err := newSource(key, c.Common, log)
	if err != nil {
		return nil, err
	}
	s.oauth2 = &c
	return s, nil
}

func newSource(key string, c Common, log *slog.Logger) (*Source, error) {
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	rules, err := newRules(key, c)
	if err != nil {
		return nil, err
	}
	return &Source{
		key: key, common: c, client: newClient(c.CAFile, c.Timeout), rules: rules, now: time.Now,
		state: &state{log: log.With("source", key), now: time.Now},
	}, nil
}

// Key is the source's key.
func (s *Source) Key() string { return s.key }

// Down reports whether the source did not answer when it was asked last.
func (s *Source) Down() bool { return s.state.isDown() }

// Close ends the connections.
func (s *Source) Close() error {
	if t, ok := s.client.Transport.(*transport); ok {
		t.close()
	}
	return nil
}

// endpoint is where a source is, for one request.
type endpoint struct {
	oauth2.Config
	provider *provider // nil: OAuth 2.0
}

// endpoint finds out where the source is. With its secret, a request to the token endpoint can be made.
func (s *Source) endpoint(ctx context.Context, redirectURI string, withSecret bool) (endpoint, error) {
	e := endpoint{Config: oauth2.Config{ClientID: s.common.ClientID, RedirectURL: redirectURI, Scopes: s.common.Scopes}}
	if withSecret {
		secret, err := clientSecret(s.common.ClientSecretFile)
		if err != nil {
			return endpoint{}, unavailable(err)
		}
		e.ClientSecret = secret
	}
	if s.oauth2 != nil {
		e.Endpoint = oauth2.Endpoint{AuthURL: s.oauth2.AuthorizationURL, TokenURL: s.oauth2.TokenURL, AuthStyle: authStyle(s.common.TokenEndpointAuthMethod, nil)}
		return e, nil
	}
	p, err := s.openID.provider(ctx)
	if err != nil {
		return endpoint{}, s.failed(ctx, err)
	}
	e.provider = p
	e.Endpoint = oauth2.Endpoint{AuthURL: p.Authorization, TokenURL: p.Token, AuthStyle: authStyle(s.common.TokenEndpointAuthMethod, p.AuthMethods)}
	return e, nil
}

// failed keeps that the source did not answer, and returns an error that wraps ErrUnavailable.
func (s *Source) failed(ctx context.Context, err error) error {
	if !errors.Is(ctx.Err(), context.Canceled) { // who asked went away, which says nothing about the source
		s.state.failed(ctx, err)
	}
	return unavailable(err)
}

func unavailable(err error) error {
	return fmt.Errorf("ask another server: %w: %w", authserver.ErrUnavailable, bounded(err))
}
