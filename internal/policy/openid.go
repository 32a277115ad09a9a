// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/openid"
)

// BuiltInScope reports whether a client with the spec has the scope from OpenID Connect, which
// needs no ResourceServer: it is one of its scopes, the profile is OAuth2, and people log in.
func BuiltInScope(spec *v1alpha1.OAuthClientSpec, scope string) bool {
	return openid.IsScope(scope) && spec.EffectiveProfile() == v1alpha1.ProfileOAuth2 &&
		slices.Contains(spec.EffectiveGrantTypes(), v1alpha1.GrantTypeAuthorizationCode)
}
