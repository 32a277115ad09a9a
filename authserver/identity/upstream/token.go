// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// clockSkew is how far the clocks of two servers may be apart.
const clockSkew = time.Minute

// protocolClaims are what an ID token says of itself.
var protocolClaims = []string{
	"iss", "sub", "aud", "exp", "iat", "nbf", "nonce", "azp", "at_hash", "c_hash", "auth_time", "acr", "amr", "sid", "jti",
}

// identity is what a server says of a person.
type identity struct {
	claims          map[string]any
	refreshToken    string
	authenticatedAt time.Time
}

// verify returns the claims of the ID token of an answer. An error is about an answer that nothing proves. nonce is empty for the
// answer to a refresh: its ID token may still have the nonce of the login (OpenID Connect Core §12.2), which is not kept.
func (p *provider) verify(ctx context.Context, clientID string, token *oauth2.Token, nonce string) (identity, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok || raw == "" {
		return identity{}, errors.New("there is no ID token")
	}
	var unreadable error
	verified, err := p.verifier.Verify(context.WithValue(ctx, unread{}, &unreadable), raw)
	if unreadable != nil {
		return identity{}, fmt.Errorf("the keys of the source: %w: %w", authserver.ErrUnavailable, bounded(unreadable))
	}
	if err != nil {
		return identity{}, fmt.Errorf("the ID token: %w", bounded(err))
	}
	if verified.Subject == "" {
		return identity{}, errors.New("the ID token has no sub")
	}
	if nonce != "" && verified.Nonce != nonce {
		return identity{}, errors.New("the ID token has another nonce")
	}
	if verified.AccessTokenHash != "" {
		if err := verified.VerifyAccessToken(token.AccessToken); err != nil {
			return identity{}, errors.New("the ID token is for another access token (at_hash)")
		}
	}
	var body json.RawMessage
	if err := verified.Claims(&body); err != nil {
		return identity{}, fmt.Errorf("the ID token: %w", err)
	}
	claims, err := decodeClaims(body)
	if err != nil {
		return identity{}, fmt.Errorf("the ID token: %w", err)
	}
	if azp, there := claims["azp"]; there && azp != clientID || !there && len(verified.Audience) > 1 {
		return identity{}, errors.New("the ID token is for another client, too (azp)")
	}
	found := identity{claims: claims, refreshToken: token.RefreshToken}
	if at, ok := claims["auth_time"].(int64); ok && at > 0 {
		found.authenticatedAt = time.Unix(at, 0)
	}
	return found, nil
}

// addUserInfo asks the UserInfo endpoint. Its claims go before, but for those that prove the ID token.
func (p *provider) addUserInfo(ctx context.Context, client *http.Client, accessToken string, i identity) error {
	claims, err := get(ctx, client, p.UserInfo, accessToken)
	if err != nil {
		return fmt.Errorf("userinfo: %w", err)
	}
	// OpenID Connect Core §5.3.2: otherwise it may be about somebody else.
	if sub, ok := claims["sub"].(string); !ok || sub != i.claims["sub"] {
		return answerUnfit(errors.New("userinfo is about somebody else (sub)"))
	}
	if _, there := claims["email"]; there { // what the ID token says is verified may be another address
		delete(i.claims, "email_verified")
	}
	for name, value := range claims {
		if !slices.Contains(protocolClaims, name) {
			i.claims[name] = value
		}
	}
	return nil
}

// checkAge refuses a login that is older than was asked for, or of which nobody knows how old it is.
func (i identity) checkAge(a authserver.UpstreamAnswer) error {
	if a.MaxAge == nil {
		return nil
	}
	oldest := a.BegunAt.Add(-time.Duration(*a.MaxAge)*time.Second - clockSkew)
	if i.authenticatedAt.IsZero() || i.authenticatedAt.Before(oldest) {
		return authserver.NewUpstreamError(authserver.UpstreamLoginOld, errors.New("max_age was asked for, and auth_time is older or is not there"))
	}
	return nil
}

func answerUnfit(err error) authserver.UpstreamError {
	return authserver.NewUpstreamError(authserver.UpstreamAnswerUnfit, err)
}

// withClient returns a context for x/oauth2 and go-oidc.
func withClient(ctx context.Context, client *http.Client) context.Context {
	return oidc.ClientContext(ctx, client) // both libraries take the client from the same place
}
