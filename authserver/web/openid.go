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

// signed returns the tokens with those that are signed: the access token first, because the ID token holds its hash.
func (s *Site) signed(tokens *authserver.Tokens) (*authserver.Tokens, error) {
	with := *tokens
	if with.JWT != nil {
		key, err := s.auth.SigningKey(with.JWT.Algorithm)
		if err != nil {
			return nil, err
		}
		if with.AccessToken, err = oidc.AccessToken(s.issuer, key, with.JWT); err != nil {
			return nil, err
		}
	}
	if with.Identity == nil {
		return &with, nil
	}
	key, err := s.auth.SigningKey(credential.SigningAlgorithm(tokens.Identity.Client.OpenID.SigningAlgorithm))
	if err != nil {
		return nil, err
	}
	with.IDToken, err = oidc.IDToken(s.issuer, key, with.Identity, with.AccessToken, s.misfit(with.Identity.Client))
	if err == nil {
		s.auth.NoteIDToken(with.Identity.Client, len(with.IDToken))
	}
	return &with, err
}

// misfit logs what keeps a claim of a client's own from being made.
func (s *Site) misfit(c *authserver.Client) func(error) {
	return func(err error) {
		s.log.Warn("a claim mapping does not fit a person, who has no such claim", "namespace", c.Namespace, "client", c.Name, "err", err)
	}
}

// readJWT reads a JWT access token; nil: it is none of ours.
func (s *Site) readJWT(token string) (*authserver.JWT, error) {
	keys, err := s.auth.PublishedKeys()
	if err != nil {
		return nil, err
	}
	j, ok := oidc.ReadAccessToken(s.issuer, keys, token)
	if !ok {
		return nil, nil
	}
	return &j, nil
}

// userInfo is the UserInfo endpoint (OpenID Connect Core §5.3). A JWT does not open it: its audience is another API.
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
	}
	tells := oidc.UserInfo{Client: info.Client, Owner: owner, Scopes: info.Scopes, Misfit: s.misfit(info.Client)}
	if !oidc.WantsSigned(r) {
		return tells.Write(w)
	}
	key, err := s.auth.SigningKey(credential.SigningAlgorithm(info.Client.OpenID.SigningAlgorithm))
	if err != nil {
		return err
	}
	return tells.WriteSigned(w, s.issuer, key)
}
