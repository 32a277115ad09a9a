// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func TestWhereCredentialsMayComeFrom(t *testing.T) {
	var none v1alpha1.SecretRules
	only := v1alpha1.SecretRules{Sources: []v1alpha1.CredentialSource{v1alpha1.SourceServiceAccount}}
	for source, want := range map[v1alpha1.CredentialSource][2]bool{
		v1alpha1.SourceGenerate: {true, false}, v1alpha1.SourceFromSecret: {true, false}, v1alpha1.SourcePrivateKeyJWT: {false, false},
		v1alpha1.SourceServiceAccount: {false, true}, "Later": {false, false}, "": {true, false},
	} {
		for i, rules := range []v1alpha1.SecretRules{none, only} {
			p := Policy{Name: "p", Spec: &v1alpha1.OAuthClientPolicySpec{Secrets: rules}}
			denials := p.source(&v1alpha1.CredentialsSpec{Source: source})
			if allowed := len(denials) == 0; allowed != want[i] || !allowed && denials[0].Field != "spec.credentials.source" {
				t.Errorf("%q with the sources %v: %v", source, rules.Sources, denials)
			}
		}
	}
}

func TestTheAddressOfKeysIsHeldToTheRulesOfCallbacks(t *testing.T) {
	p := Policy{Name: "p", Spec: &v1alpha1.OAuthClientPolicySpec{
		Clients: v1alpha1.ClientRules{CallbackHosts: []v1alpha1.HostPattern{"h.example"}},
		Secrets: v1alpha1.SecretRules{Sources: []v1alpha1.CredentialSource{v1alpha1.SourcePrivateKeyJWT}},
	}}
	for uri, want := range map[v1alpha1.JWKSURI]bool{
		"https://h.example/keys": true, "": true,
		"http://h.example/keys": false, "https://other.example/keys": false, "https://h.example:8443/keys": false, "http://localhost/keys": false, "com.example.app:/keys": false,
	} {
		denials := p.source(&v1alpha1.CredentialsSpec{Source: v1alpha1.SourcePrivateKeyJWT, PrivateKeyJWT: &v1alpha1.PrivateKeyJWTSpec{JWKSURI: uri}})
		if allowed := len(denials) == 0; allowed != want || !allowed && denials[0].Field != "spec.credentials.privateKeyJWT.jwksURI" {
			t.Errorf("%q: %v", uri, denials)
		}
	}
}

func TestAClusterIsAllowedWhereThePolicyListsIt(t *testing.T) {
	p := Policy{Name: "p", Spec: &v1alpha1.OAuthClientPolicySpec{Secrets: v1alpha1.SecretRules{
		Sources: []v1alpha1.CredentialSource{v1alpha1.SourceServiceAccount}, ServiceAccountClusters: []v1alpha1.ClusterName{"east", "west"},
	}}}
	for text, want := range map[string]string{"": "", "in-cluster": "", "west,in-cluster,east": "", "in-cluster,north,south": "must not hold north, which", "north": "must not hold north, which"} {
		var clusters []v1alpha1.ClusterName
		for _, name := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) {
			clusters = append(clusters, v1alpha1.ClusterName(name))
		}
		denials := p.source(&v1alpha1.CredentialsSpec{Source: v1alpha1.SourceServiceAccount, ServiceAccount: &v1alpha1.ServiceAccountSpec{Clusters: clusters}})
		switch {
		case want == "" && len(denials) > 0:
			t.Errorf("%q: %v", text, denials)
		case want != "" && (len(denials) != 1 || denials[0].Field != "spec.credentials.serviceAccount.clusters" || !strings.Contains(fmt.Sprint(denials[0]), want)):
			t.Errorf("%q: %v", text, denials)
		}
	}
}
