// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/callback"
	"github.com/gatehouse-dev/gatehouse/internal/openid"
)

// BuiltInScope reports whether a client with the spec has the scope from OpenID Connect, which
// needs no ResourceServer: it is one of its scopes, the profile is OAuth2, and people log in.
func BuiltInScope(spec *v1alpha1.OAuthClientSpec, scope string) bool {
	return openid.IsScope(scope) && spec.EffectiveProfile() == v1alpha1.ProfileOAuth2 &&
		slices.Contains(spec.EffectiveGrantTypes(), v1alpha1.GrantTypeAuthorizationCode)
}

// AddressAfterLogout reports whether a client with the spec may have people sent to uri after a logout: the URL has the form
// of a callback, and the origin of one of the client's, of which the policy and the claims have said that the client may have it.
func AddressAfterLogout(spec *v1alpha1.OAuthClientSpec, uri v1alpha1.PostLogoutRedirectURI) bool {
	return callback.Classify(string(uri)) != callback.Invalid && slices.ContainsFunc(spec.CallbackURLs, func(u v1alpha1.CallbackURL) bool {
		return callback.Origin(string(u)) == callback.Origin(string(uri))
	})
}

// SectorOf returns the sector of a client whose subjects are pairwise: a host without a port. Empty: the spec names none, and its
// callbacks are not all https on one host, which the API refuses.
func SectorOf(spec *v1alpha1.OAuthClientSpec) string {
	if named := spec.EffectiveOpenID().SectorIdentifier; named != "" {
		return string(named)
	}
	var sector string
	for i, u := range spec.CallbackURLs {
		host := callback.HostWithoutPort(string(u))
		if callback.Classify(string(u)) != callback.HTTPS || i > 0 && host != sector {
			return ""
		}
		sector = host
	}
	return sector
}
