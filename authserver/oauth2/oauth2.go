// SPDX-License-Identifier: Apache-2.0

// Package oauth2 is how OAuth 2.x spells what the engine decides: it parses requests
// and writes answers as RFC 6749, 6750, 7009, 7636, 7662, 8414 and 9207 say, under the
// rules of OAuth 2.1. It decides nothing and does not know OAuth 1.0a.
package oauth2

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// The paths of the profile below the issuer.
const (
	PathAuthorize  = "/oauth2/authorize"
	PathToken      = "/oauth2/token"
	PathRevoke     = "/oauth2/revoke"
	PathIntrospect = "/oauth2/introspect"
	PathMetadata   = "/.well-known/oauth-authorization-server"
)

func invalid(description string) authserver.Refusal {
	return authserver.Refuse(authserver.InvalidRequest, description)
}

// form reads the body of a request to a back-channel endpoint. All parameters are in the
// body (RFC 6749 §2.3.1, §3.2): in a URL they would end up in logs.
func form(r *http.Request) (url.Values, error) {
	if r.URL.RawQuery != "" {
		return nil, invalid("parameters belong in the body, not in the URL")
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, invalid("the body must be application/x-www-form-urlencoded")
	}
	if err := r.ParseForm(); err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return nil, invalid("the body is too large")
		}
		return nil, invalid("the body is not well-formed")
	}
	if repeated(r.PostForm, formParameters) {
		return nil, invalid("a parameter is given twice")
	}
	return r.PostForm, nil
}

// formParameters are those that a back-channel endpoint reads.
var formParameters = []string{
	"grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "client_id", "client_secret",
	"token", "token_type_hint", "method", "url", "authorization", "body",
}

// repeated reports whether one of the parameters is given more than once (RFC 6749 §3.1, §3.2).
// What an endpoint does not know is ignored, however often it is there.
func repeated(v url.Values, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return len(v[name]) > 1 })
}
