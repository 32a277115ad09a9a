// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
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
		tokens, err := s.auth.Token(r.Context(), caller, req)
		if err != nil {
			return err
		}
		if tokens.Identity != nil {
			if tokens, err = s.withIDToken(tokens); err != nil {
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
	if err := s.auth.Revoke(r.Context(), caller, token); err != nil {
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
	info, err := s.auth.Introspect(r.Context(), caller, token)
	if err != nil {
		return err
	}
	oauth2.WriteIntrospection(w, s.issuer, info)
	return nil
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
