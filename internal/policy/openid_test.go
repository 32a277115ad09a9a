// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/openid"
)

// N211: the scopes of OpenID Connect are for clients of profile OAuth2 that people log in to, and nobody declares them.
func TestN211WhoHasTheScopesOfOpenIDConnect(t *testing.T) {
	machine := &v1alpha1.OAuth2Spec{GrantTypes: []v1alpha1.GrantType{v1alpha1.GrantTypeClientCredentials}}
	for name, test := range map[string]struct {
		spec v1alpha1.OAuthClientSpec
		want bool
	}{
		"OAuth2":                 {v1alpha1.OAuthClientSpec{}, true},
		"OAuth2, a machine":      {v1alpha1.OAuthClientSpec{OAuth2: machine}, false},
		"OAuth1":                 {v1alpha1.OAuthClientSpec{Profile: v1alpha1.ProfileOAuth1}, false},
		"ConnectionsCloudOAuth2": {v1alpha1.OAuthClientSpec{Profile: v1alpha1.ProfileConnectionsCloudOAuth2}, false},
		"IntegrationCloud":       {v1alpha1.OAuthClientSpec{Profile: v1alpha1.ProfileIntegrationCloud}, false},
	} {
		for _, scope := range openid.Scopes() {
			if got := BuiltInScope(&test.spec, scope); got != test.want {
				t.Errorf("%s has %s: %t, want %t", name, scope, got, test.want)
			}
		}
		if BuiltInScope(&test.spec, "photos.read") {
			t.Errorf("%s has photos.read", name)
		}
	}
	all := Policy{Name: "default", Namespace: "shop", Spec: &v1alpha1.OAuthClientPolicySpec{
		ResourceServers: v1alpha1.ResourceServerRules{Scopes: []v1alpha1.NamePattern{"*"}},
	}}
	for _, scope := range openid.Scopes() {
		denials := all.ResourceServer(&v1alpha1.ResourceServerSpec{Scopes: []v1alpha1.ScopeDeclaration{{Name: v1alpha1.Scope(scope)}}})
		if len(denials) != 1 || denials[0].Field != "spec.scopes[0].name" {
			t.Errorf("a declaration of %s is denied for %v", scope, denials)
		}
	}
}
