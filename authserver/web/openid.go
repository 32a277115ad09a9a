// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
	"github.com/gatehouse-dev/gatehouse/authserver/oidc"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// getConfiguration serves the metadata of the issuer (RFC 8414 §3, OpenID Connect Discovery §4).
func (s *Site) getConfiguration(w http.ResponseWriter, r *http.Request) error {
	return oidc.WriteConfiguration(w, r, s.issuer, s.auth.PublicScopes())
}

// getKeys serves the keys that verify what this server signs (RFC 7517).
func (s *Site) getKeys(w http.ResponseWriter, r *http.Request) error {
	keys, err := s.auth.PublishedKeys()
	if err != nil {
		return err
	}
	return oidc.WriteKeys(w, r, keys)
}

// withIDToken returns the tokens with the ID token that belongs to them.
func (s *Site) withIDToken(tokens *authserver.Tokens) (*authserver.Tokens, error) {
	key, err := s.auth.SigningKey(credential.SigningAlgorithm(tokens.Identity.Client.OpenID.SigningAlgorithm))
	if err != nil {
		return nil, err
	}
	with := *tokens
	with.IDToken, err = oidc.IDToken(s.issuer, key, tokens.Identity, tokens.AccessToken)
	return &with, err
}

// userInfo is the UserInfo endpoint (OpenID Connect Core §5.3).
func (s *Site) userInfo(w http.ResponseWriter, r *http.Request) error {
	token, err := oauth2.ParseBearerOrForm(r)
	if err != nil {
		return err
	}
	info, err := s.auth.Bearer(r.Context(), authserver.ProfileOAuth2, token)
	if err != nil {
		return err
	}
	owner, err := s.auth.OwnerOf(r.Context(), info)
	switch {
	case errors.Is(err, authserver.ErrNotFound) && !info.Active:
		return authserver.Refuse(authserver.TokenExpired, "the access token is not valid, or not any more")
	case err == nil && !oidc.TellsOf(info.Scopes), errors.Is(err, authserver.ErrNotFound):
		return authserver.Refuse(authserver.InsufficientScope, "the access token was not given for the scope openid")
	case err != nil:
		return err
	case !oidc.WantsSigned(r):
		return oidc.WriteUserInfo(w, owner, info.Scopes)
	}
	key, err := s.auth.SigningKey(credential.SigningAlgorithm(info.Client.OpenID.SigningAlgorithm))
	if err != nil {
		return err
	}
	return oidc.WriteSignedUserInfo(w, s.issuer, key, info.Client, owner, info.Scopes)
}
