// SPDX-License-Identifier: Apache-2.0

// Package oidc is how OpenID Connect spells what the engine decides: ID tokens, the UserInfo
// endpoint, the keys that relying parties verify with, and the discovery document, as OpenID Connect
// Core and Discovery say. It decides nothing. OpenID Connect is the profile OAuth2 with the scope
// openid, so requests are parsed in package oauth2.
package oidc

// The paths below the issuer.
const (
	PathConfiguration = "/.well-known/openid-configuration"
	PathKeys          = "/oauth2/keys"
	PathUserInfo      = "/oauth2/userinfo"
	PathEndSession    = "/oauth2/logout"
)
