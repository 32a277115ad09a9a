// SPDX-License-Identifier: Apache-2.0

// Package oauth2 is how OAuth 2.x spells what the engine decides: it parses requests
// and writes answers as RFC 6749, 6750, 7009, 7636, 7662, 8414, 8707 and 9207 say, under the
// rules of OAuth 2.1. It decides nothing and does not know OAuth 1.0a.
package oauth2

import (
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
