// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
)

const oneKey = `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"p","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`

func TestAClientWithoutASecretHasItsAssertionsAndNoCredentials(t *testing.T) {
	keys := func(spec v1alpha1.PrivateKeyJWTSpec) v1alpha1.CredentialsSpec {
		return v1alpha1.CredentialsSpec{Source: v1alpha1.SourcePrivateKeyJWT, PrivateKeyJWT: &spec}
	}
	ofSecret := keys(v1alpha1.PrivateKeyJWTSpec{FromSecret: &v1alpha1.KeysFromSecretSpec{Name: "keys"}})
	accounts := v1alpha1.CredentialsSpec{Source: v1alpha1.SourceServiceAccount,
		ServiceAccount: &v1alpha1.ServiceAccountSpec{Names: []v1alpha1.ServiceAccountName{"a", "b"}}}
	for name, row := range map[string]struct {
		spec     v1alpha1.CredentialsSpec
		status   *v1alpha1.ClientAuthenticationStatus
		keys     int
		uri      string
		accounts []authserver.ServiceAccount
	}{
		"keys of the spec":                   {spec: keys(v1alpha1.PrivateKeyJWTSpec{JWKS: oneKey}), keys: 1},
		"keys that cannot be used":           {spec: keys(v1alpha1.PrivateKeyJWTSpec{JWKS: "{}"})},
		"keys of a Secret":                   {spec: ofSecret, status: &v1alpha1.ClientAuthenticationStatus{JWKS: oneKey}, keys: 1},
		"keys of a Secret that was not read": {spec: ofSecret},
		"of the spec, and not of the status": {spec: keys(v1alpha1.PrivateKeyJWTSpec{JWKSURI: "https://a.example/keys"}), status: &v1alpha1.ClientAuthenticationStatus{JWKS: oneKey}, uri: "https://a.example/keys"},
		"ServiceAccounts": {spec: accounts, status: &v1alpha1.ClientAuthenticationStatus{
			ServiceAccounts: []v1alpha1.ServiceAccountStatus{{Name: "b", UID: "u"}, {Name: "c", UID: "v"}}, JWKS: oneKey},
			accounts: []authserver.ServiceAccount{{Name: "a"}, {Name: "b", UID: "u"}}},
		"past the API": {spec: v1alpha1.CredentialsSpec{Source: v1alpha1.SourcePrivateKeyJWT}},
	} {
		t.Run(name, func(t *testing.T) {
			c, reason := clientOf(t, photoprint(func(oc *v1alpha1.OAuthClient) {
				oc.Spec.Credentials, oc.Status.ClientAuthentication = row.spec, row.status
			}))
			if c == nil || reason != "" || c.Assertions == nil {
				t.Fatalf("it is %+v, %s", c, reason)
			}
			if c.Credentials != nil || len(c.Assertions.Keys) != row.keys || c.Assertions.KeySetURI != row.uri {
				t.Errorf("it has %+v and %+v", c.Credentials, c.Assertions)
			}
			if diff := cmp.Diff(row.accounts, c.Assertions.ServiceAccounts); diff != "" {
				t.Error(diff)
			}
		})
	}
	if c, _ := clientOf(t, photoprint(func(oc *v1alpha1.OAuthClient) {
		oc.Status.ClientAuthentication = &v1alpha1.ClientAuthenticationStatus{JWKS: oneKey}
	})); c == nil || c.Assertions != nil || len(c.Credentials) != 1 {
		t.Errorf("N355: a client with a secret has %+v", c)
	}
}
