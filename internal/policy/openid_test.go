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

// N240: an address that is told of logouts is https, in the form of a callback, on a host that the policy allows.
func TestN240WhoMayBeToldOfLogouts(t *testing.T) {
	for uri, want := range map[v1alpha1.BackChannelLogoutURI]bool{
		"https://h.example": true, "https://h.example/told?a=b": true, "https://h.example:8443/told": true, "https://[2001:db8::1]/told": true,
		"http://h.example/told": false, "http://localhost/told": false, "http://127.0.0.1:3000/told": false, "com.example.app:/told": false,
		"https://u@h.example/told": false, "https://h.example/told#x": false, "https://other.example/told": false, "https://h.example:844/told": false, "": false,
	} {
		p := Policy{Spec: &v1alpha1.OAuthClientPolicySpec{Clients: v1alpha1.ClientRules{
			Profiles: []v1alpha1.Profile{v1alpha1.ProfileOAuth2}, GrantTypes: []v1alpha1.GrantType{v1alpha1.GrantTypeClientCredentials},
			CallbackHosts: []v1alpha1.HostPattern{"h.example", "h.example:8443", "[2001:db8::1]"},
		}}}
		denials := p.Client(&v1alpha1.OAuthClientSpec{OAuth2: &v1alpha1.OAuth2Spec{
			GrantTypes: []v1alpha1.GrantType{v1alpha1.GrantTypeClientCredentials},
			OpenID:     &v1alpha1.OpenIDSpec{BackChannelLogout: &v1alpha1.BackChannelLogoutSpec{URI: uri}},
		}})
		if denied := len(denials) == 1 && denials[0].Field == "spec.oauth2.openID.backChannelLogout.uri"; denied == want || len(denials) > 1 {
			t.Errorf("%q is denied for %v", uri, denials)
		}
	}
}

// N232: an address after the logout has the form of a callback, and the origin of one of the client's.
func TestN232AddressesAfterLogout(t *testing.T) {
	spec := &v1alpha1.OAuthClientSpec{CallbackURLs: []v1alpha1.CallbackURL{
		"https://h.example/cb", "https://h.example:8443/cb", "http://localhost:3000/cb", "com.example.app:/cb", "https://[2001:db8::1]/cb",
	}}
	for uri, want := range map[v1alpha1.PostLogoutRedirectURI]bool{
		"https://h.example": true, "https://h.example/": true, "https://h.example/a/b?c=d": true, "https://h.example:8443/bye": true,
		"http://localhost:3000/bye": true, "com.example.app:/bye": true, "https://[2001:db8::1]/bye": true,
		"https://h.example.evil/bye": false, "https://h.exampl": false, "https://h.example:844/bye": false, "http://h.example/bye": false,
		"https://u@h.example/bye": false, "https://h.example/bye#x": false, "https://h.example/bye?state=x": false, "https://h.example/../bye": false,
		"http://localhost:3001/bye": false, "http://localhost/bye": false, "com.example.app2:/bye": false, "com.example.app://h/bye": false,
		"javascript:/alert(1)": false, "/bye": false, "": false,
	} {
		if got := AddressAfterLogout(spec, uri); got != want {
			t.Errorf("%q: %t, want %t", uri, got, want)
		}
		all := Policy{Name: "default", Namespace: "shop", Spec: &v1alpha1.OAuthClientPolicySpec{Clients: v1alpha1.ClientRules{
			Profiles: []v1alpha1.Profile{v1alpha1.ProfileOAuth2}, CallbackHosts: []v1alpha1.HostPattern{"*"}, LoopbackCallbacks: true,
			GrantTypes:        []v1alpha1.GrantType{v1alpha1.GrantTypeAuthorizationCode, v1alpha1.GrantTypeRefreshToken},
			PrivateUseSchemes: []v1alpha1.SchemePattern{"*.*"},
		}}}
		with := *spec
		with.OAuth2 = &v1alpha1.OAuth2Spec{OpenID: &v1alpha1.OpenIDSpec{PostLogoutRedirectURIs: []v1alpha1.PostLogoutRedirectURI{uri}}}
		denials := all.Client(&with)
		if denied := len(denials) == 1 && denials[0].Field == "spec.oauth2.openID.postLogoutRedirectURIs[0]"; denied == want || len(denials) > 1 {
			t.Errorf("%q: denied %v", uri, denials)
		}
	}
}
