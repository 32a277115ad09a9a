// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
	"github.com/gatehouse-dev/gatehouse/authserver/oidc"
)

// token is the token endpoint of a profile (RFC 6749 §3.2).
func (s *Site) token(d bearerDialect) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		secret, req, err := d.parseToken(r)
		if err != nil {
			return err
		}
		caller, err := s.auth.AuthenticateClient(r.Context(), d.profile(), secret)
		if err != nil {
			return err
		}
		noteClient(r.Context(), caller.Client.UID)
		tokens, err := s.auth.Token(r.Context(), caller, req)
		if err != nil {
			return err
		}
		if tokens.Identity != nil || tokens.JWT != nil {
			if tokens, err = s.signed(tokens); err != nil {
				return err
			}
		}
		d.writeToken(w, tokens)
		return nil
	}
}

// postRevoke is the revocation endpoint (RFC 7009 §2).
func (s *Site) postRevoke(w http.ResponseWriter, r *http.Request) error {
	caller, token, err := s.aboutToken(r, func(ctx context.Context, p authserver.ClientSecret) (authserver.Caller, error) {
		return s.auth.AuthenticateClient(ctx, authserver.ProfileOAuth2, p)
	})
	if err != nil {
		return err
	}
	if err := s.revoke(r.Context(), caller, token); err != nil {
		return err
	}
	oauth2.WriteRevoked(w)
	return nil
}

// postIntrospect is the introspection endpoint (RFC 7662 §2).
func (s *Site) postIntrospect(w http.ResponseWriter, r *http.Request) error {
	caller, token, err := s.aboutToken(r, s.auth.AuthenticateIntrospector)
	if err != nil {
		return err
	}
	info, err := s.introspect(r.Context(), caller, token)
	if err != nil {
		return err
	}
	oauth2.WriteIntrospection(w, s.issuer, info)
	return nil
}

// revoke ends what a token stands for, in whatever form it is. Of a JWT that is none of ours there is nothing to end.
func (s *Site) revoke(ctx context.Context, caller authserver.Caller, token string) error {
	if !oidc.LooksLikeJWT(token) {
		return s.auth.Revoke(ctx, caller, token)
	}
	j, err := s.readJWT(token)
	if err != nil || j == nil {
		return err
	}
	return s.auth.RevokeJWT(ctx, caller, *j)
}

// introspect tells what a token is worth, in whatever form it is.
func (s *Site) introspect(ctx context.Context, caller authserver.Caller, token string) (authserver.TokenInfo, error) {
	if !oidc.LooksLikeJWT(token) {
		return s.auth.Introspect(ctx, caller, token)
	}
	j, err := s.readJWT(token)
	if err != nil {
		return authserver.TokenInfo{}, err
	}
	if j == nil { // nothing is known of it: the caller is told so if it may ask at all
		return s.auth.Introspect(ctx, caller, "")
	}
	return s.auth.IntrospectJWT(ctx, caller, *j)
}

type authenticate func(context.Context, authserver.ClientSecret) (authserver.Caller, error)

// aboutToken reads a request about one token from an authenticated caller.
func (s *Site) aboutToken(r *http.Request, who authenticate) (authserver.Caller, string, error) {
	secret, token, err := oauth2.ParseTokenParameter(r)
	if err != nil {
		return authserver.Caller{}, "", err
	}
	caller, err := who(r.Context(), secret)
	return caller, token, err
}
