// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/oauth2"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Refresh is as of authserver.Upstreams. Whom the configuration does not take any more counts as gone.
func (s *Source) Refresh(ctx context.Context, p authserver.Person, token string, turn func() error) (authserver.UpstreamLogin, error) {
	login, err := s.ask(ctx, p, token, turn)
	if err != nil && !errors.Is(err, authserver.ErrExists) && !s.state.isDown() { // of a source that is down, the log says so once
		s.state.unconfirmed(ctx, p.Name, err)
	}
	return login, err
}

func (s *Source) ask(ctx context.Context, p authserver.Person, token string, turn func() error) (authserver.UpstreamLogin, error) {
	if err := s.state.rests(); err != nil {
		return authserver.UpstreamLogin{}, err
	}
	e, err := s.endpoint(ctx, "", true)
	if err != nil {
		return authserver.UpstreamLogin{}, err
	}
	if err := turn(); err != nil {
		return authserver.UpstreamLogin{}, err
	}
	next, err := e.TokenSource(withClient(ctx, s.client), &oauth2.Token{RefreshToken: token}).Token()
	if err != nil {
		return authserver.UpstreamLogin{}, tokenRefused(s.refused(ctx, err, true))
	}
	login, err := s.refreshed(ctx, e, next, p)
	if err != nil && next.RefreshToken != token && len(next.RefreshToken) <= maxToken {
		return authserver.UpstreamLogin{RefreshToken: next.RefreshToken}, gone(err)
	}
	if err != nil {
		return authserver.UpstreamLogin{}, gone(err)
	}
	if login.RefreshToken == "" {
		login.RefreshToken = token
	}
	return login, nil
}

// refreshed reads the answer to a refresh. It need not hold an ID token (OpenID Connect Core §12.2): then UserInfo says who the person is
// now, and without that they are as they were.
func (s *Source) refreshed(ctx context.Context, e endpoint, token *oauth2.Token, p authserver.Person) (authserver.UpstreamLogin, error) {
	if e.provider != nil && token.Extra("id_token") == nil {
		return s.refreshedWithoutIDToken(ctx, e, token, p)
	}
	i, err := s.identify(ctx, e, token, "")
	if err != nil {
		return authserver.UpstreamLogin{}, err
	}
	return s.same(ctx, i, p)
}

func (s *Source) refreshedWithoutIDToken(ctx context.Context, e endpoint, token *oauth2.Token, p authserver.Person) (authserver.UpstreamLogin, error) {
	if !s.openID.config.UserInfo {
		s.state.answered(ctx)
		return authserver.UpstreamLogin{Owner: p.Owner, RefreshToken: token.RefreshToken}, nil
	}
	claims, err := get(withClient(ctx, s.client), s.client, e.provider.UserInfo, token.AccessToken)
	if err != nil {
		return authserver.UpstreamLogin{}, s.userInfoFailed(ctx, fmt.Errorf("userinfo: %w", err))
	}
	s.state.answered(ctx)
	return s.same(ctx, identity{claims: claims, refreshToken: token.RefreshToken}, p)
}

// same refuses an answer that is about somebody else.
func (s *Source) same(ctx context.Context, i identity, p authserver.Person) (authserver.UpstreamLogin, error) {
	if id, err := s.rules.uid.text(ctx, i.claims); err != nil || id != p.SourceID {
		return authserver.UpstreamLogin{}, answerUnfit(errors.New("the answer to a refresh is about somebody else"))
	}
	if s.oauth2 == nil && isBare(i.claims) {
		return authserver.UpstreamLogin{Owner: p.Owner, RefreshToken: i.refreshToken}, nil // an ID token without more than who it is
	}
	return s.login(ctx, i)
}

// isBare reports whether an ID token says no more than who it is of.
func isBare(claims map[string]any) bool {
	for name := range claims {
		if !slices.Contains(protocolClaims, name) {
			return false
		}
	}
	return true
}

// tokenRefused makes ErrTokenRefused of an answer that does not take a refresh token.
func tokenRefused(err error) error {
	if unfit, ok := errors.AsType[authserver.UpstreamError](err); ok {
		return fmt.Errorf("%w: %w", authserver.ErrTokenRefused, unfit.Detail())
	}
	return err
}

// gone makes ErrNotFound of an answer that says that the person is not to be let in any more.
func gone(err error) error {
	if unfit, ok := errors.AsType[authserver.UpstreamError](err); ok {
		switch detail := unfit.Detail(); {
		case errors.Is(detail, errAccessRefused):
			return fmt.Errorf("%w: %w", authserver.ErrTokenRefused, detail)
		case errors.Is(detail, errNotTold):
			return fmt.Errorf("%w: %w", authserver.ErrUnavailable, detail)
		}
		return fmt.Errorf("the source does not confirm a person: %w: %w", authserver.ErrNotFound, unfit.Detail())
	}
	return err
}
