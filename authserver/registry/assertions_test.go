// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

const oneKey = `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"p","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`

func TestAClientWithoutASecretHasItsAssertionsAndNoCredentials(t *testing.T) {
	keys := func(spec v1alpha1.PrivateKeyJWTSpec) v1alpha1.CredentialsSpec {
		return v1alpha1.CredentialsSpec{Source: v1alpha1.SourcePrivateKeyJWT, PrivateKeyJWT: &spec}
	}
	ofSecret := keys(v1alpha1.PrivateKeyJWTSpec{FromSecret: &v1alpha1.KeysFromSecretSpec{Name: "keys"}})
	accounts := v1alpha1.CredentialsSpec{Source: v1alpha1.SourceServiceAccount,
		ServiceAccount: &v1alpha1.ServiceAccountSpec{Names: []v1alpha1.ServiceAccountName{"a", "b"}}}
	inClusters := func(clusters ...v1alpha1.ClusterName) v1alpha1.CredentialsSpec {
		c := *accounts.DeepCopy()
		c.ServiceAccount.Clusters = clusters
		return c
	}
	for name, row := range map[string]struct {
		spec     v1alpha1.CredentialsSpec
		status   *v1alpha1.ClientAuthenticationStatus
		keys     int
		uri      string
		accounts []authserver.ServiceAccount
		// elsewhere are the other clusters whose ServiceAccounts a and b are the client.
		elsewhere []string
	}{
		"keys of the spec":                   {spec: keys(v1alpha1.PrivateKeyJWTSpec{JWKS: oneKey}), keys: 1},
		"keys that cannot be used":           {spec: keys(v1alpha1.PrivateKeyJWTSpec{JWKS: "{}"})},
		"keys of a Secret":                   {spec: ofSecret, status: &v1alpha1.ClientAuthenticationStatus{JWKS: oneKey}, keys: 1},
		"keys of a Secret that was not read": {spec: ofSecret},
		"of the spec, and not of the status": {spec: keys(v1alpha1.PrivateKeyJWTSpec{JWKSURI: "https://a.example/keys"}), status: &v1alpha1.ClientAuthenticationStatus{JWKS: oneKey}, uri: "https://a.example/keys"},
		"ServiceAccounts": {spec: accounts, status: &v1alpha1.ClientAuthenticationStatus{
			ServiceAccounts: []v1alpha1.ServiceAccountStatus{{Name: "b", UID: "u"}, {Name: "c", UID: "v"}}, JWKS: oneKey},
			accounts: []authserver.ServiceAccount{{Name: "a"}, {Name: "b", UID: "u"}}},
		"ServiceAccounts of other clusters alone": {spec: inClusters("east", "west"), elsewhere: []string{"east", "west"}, status: &v1alpha1.ClientAuthenticationStatus{
			ServiceAccounts: []v1alpha1.ServiceAccountStatus{{Name: "a", UID: "u"}}}},
		"ServiceAccounts of this cluster and another": {spec: inClusters("in-cluster", "east"), elsewhere: []string{"east"}, status: &v1alpha1.ClientAuthenticationStatus{
			ServiceAccounts: []v1alpha1.ServiceAccountStatus{{Name: "b", UID: "u"}}}, accounts: []authserver.ServiceAccount{{Name: "a"}, {Name: "b", UID: "u"}}},
		"this cluster, named": {spec: inClusters("in-cluster"), accounts: []authserver.ServiceAccount{{Name: "a"}, {Name: "b"}}},
		"past the API":        {spec: v1alpha1.CredentialsSpec{Source: v1alpha1.SourcePrivateKeyJWT}},
	} {
		t.Run(name, func(t *testing.T) {
			c, reason := clientOf(t, photoprint(func(oc *v1alpha1.OAuthClient) {
				oc.Spec.Credentials, oc.Status.ClientAuthentication = row.spec, row.status
				proven(t, "u-1", &row.spec, row.status)
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
			var elsewhere *authserver.Elsewhere
			if row.elsewhere != nil {
				elsewhere = &authserver.Elsewhere{Clusters: row.elsewhere, Names: []string{"a", "b"}}
			}
			if diff := cmp.Diff(elsewhere, c.Assertions.Elsewhere); diff != "" {
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

// proven makes the status one that the operator wrote for the object with the UID. It may be nil.
func proven(t testing.TB, uid string, c *v1alpha1.CredentialsSpec, s *v1alpha1.ClientAuthenticationStatus) {
	t.Helper()
	if s != nil {
		s.Proof = credential.ProveAuthentication(sharedKey(t), uid, s.Stated(c))
	}
}

func TestN368WhatNobodyProvesOfAStatusIsNotTaken(t *testing.T) {
	keys := v1alpha1.CredentialsSpec{Source: v1alpha1.SourcePrivateKeyJWT,
		PrivateKeyJWT: &v1alpha1.PrivateKeyJWTSpec{FromSecret: &v1alpha1.KeysFromSecretSpec{Name: "keys"}}}
	accounts := v1alpha1.CredentialsSpec{Source: v1alpha1.SourceServiceAccount,
		ServiceAccount: &v1alpha1.ServiceAccountSpec{Names: []v1alpha1.ServiceAccountName{"a"}}}
	for name, row := range map[string]struct {
		spec   v1alpha1.CredentialsSpec
		status v1alpha1.ClientAuthenticationStatus
		forge  func(*v1alpha1.CredentialsSpec, *v1alpha1.ClientAuthenticationStatus)
		takes  bool
	}{
		"keys as the operator wrote them": {spec: keys, status: v1alpha1.ClientAuthenticationStatus{JWKS: oneKey}, takes: true},
		"keys without a proof":            {spec: keys, status: v1alpha1.ClientAuthenticationStatus{JWKS: oneKey}, forge: func(_ *v1alpha1.CredentialsSpec, s *v1alpha1.ClientAuthenticationStatus) { s.Proof = "" }},
		"other keys":                      {spec: keys, forge: func(_ *v1alpha1.CredentialsSpec, s *v1alpha1.ClientAuthenticationStatus) { s.JWKS = oneKey }},
		"keys of another Secret": {spec: keys, status: v1alpha1.ClientAuthenticationStatus{JWKS: oneKey}, forge: func(c *v1alpha1.CredentialsSpec, _ *v1alpha1.ClientAuthenticationStatus) {
			c.PrivateKeyJWT = &v1alpha1.PrivateKeyJWTSpec{FromSecret: &v1alpha1.KeysFromSecretSpec{Name: "other"}}
		}},
		"keys of another object":                     {spec: keys, status: v1alpha1.ClientAuthenticationStatus{JWKS: oneKey}, forge: func(c *v1alpha1.CredentialsSpec, s *v1alpha1.ClientAuthenticationStatus) { proven(t, "u-9", c, s) }},
		"ServiceAccounts as the operator wrote them": {spec: accounts, status: v1alpha1.ClientAuthenticationStatus{ServiceAccounts: []v1alpha1.ServiceAccountStatus{{Name: "a", UID: "1"}}}, takes: true},
		"another UID": {spec: accounts, status: v1alpha1.ClientAuthenticationStatus{ServiceAccounts: []v1alpha1.ServiceAccountStatus{{Name: "a", UID: "1"}}}, forge: func(_ *v1alpha1.CredentialsSpec, s *v1alpha1.ClientAuthenticationStatus) {
			s.ServiceAccounts[0].UID = "2"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			spec, status := row.spec, row.status
			proven(t, "u-1", &spec, &status)
			if row.forge != nil {
				row.forge(&spec, &status)
			}
			check := func(kind string, a *authserver.Assertions, reason string) {
				t.Helper()
				takes := a != nil && (len(a.Keys) == 1 || len(a.ServiceAccounts) == 1 && a.ServiceAccounts[0].UID != "")
				if a == nil || takes != row.takes || takes != (reason == "") || reason != "" && reason != reasonUnproven {
					t.Errorf("%s: it has %+v, and the log %q", kind, a, reason)
				}
			}
			rs := &v1alpha1.ResourceServer{ObjectMeta: metav1.ObjectMeta{Namespace: "photos", Name: "api", UID: "u-1"},
				Spec:   v1alpha1.ResourceServerSpec{Credentials: spec},
				Status: v1alpha1.ResourceServerStatus{IssuedStatus: v1alpha1.IssuedStatus{ClientID: "api_photos.api", ClientAuthentication: &status}}}
			r := fill(t, photosAPI(), photoprint(func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials, oc.Status.ClientAuthentication = spec, &status }), rs)
			client := r.clients.all["photos/photoprint"]
			if early := client.client.Assertions; len(early.Keys) > 0 || len(early.ServiceAccounts) > 0 && early.ServiceAccounts[0].UID != "" {
				t.Errorf("before the proof can be looked at it has %+v", early)
			}
			r.UseSharedKey(sharedKey(t))
			_, reason := r.clientOf(client)
			check("OAuthClient", client.client.Assertions, reason)
			server := r.resourceServers.all["photos/api"]
			_, reason = r.resourceServerOf(server)
			check("ResourceServer", server.resource.Assertions, reason)
		})
	}
}

// Otherwise nobody learns of it before the first token of that cluster is refused.
func TestAClusterThatTheServerDoesNotKnowIsLogged(t *testing.T) {
	credentials := func(clusters ...v1alpha1.ClusterName) v1alpha1.CredentialsSpec {
		return v1alpha1.CredentialsSpec{Source: v1alpha1.SourceServiceAccount, ServiceAccount: &v1alpha1.ServiceAccountSpec{Names: []v1alpha1.ServiceAccountName{"a"}, Clusters: clusters}}
	}
	for name, row := range map[string]struct {
		clusters []v1alpha1.ClusterName
		unknown  string // empty: none
	}{
		"known":                  {[]v1alpha1.ClusterName{"east", "in-cluster"}, ""},
		"this cluster alone":     {nil, ""},
		"unknown":                {[]v1alpha1.ClusterName{"west"}, "west"},
		"one of them is unknown": {[]v1alpha1.ClusterName{"east", "in-cluster", "west"}, "west"},
	} {
		t.Run(name, func(t *testing.T) {
			rs := &v1alpha1.ResourceServer{ObjectMeta: metav1.ObjectMeta{Namespace: "photos", Name: "api", UID: "u-1"},
				Spec: v1alpha1.ResourceServerSpec{Credentials: credentials(row.clusters...)}, Status: v1alpha1.ResourceServerStatus{IssuedStatus: v1alpha1.IssuedStatus{ClientID: "api_photos.api"}}}
			r := fill(t, photosAPI(), photoprint(func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials = credentials(row.clusters...) }), rs)
			r.clusters = []string{"east"}
			_, ofClient := r.clientOf(r.clients.all["photos/photoprint"])
			_, ofAPI := r.resourceServerOf(r.resourceServers.all["photos/api"])
			for kind, reason := range map[string]string{"OAuthClient": ofClient, "ResourceServer": ofAPI} {
				if known := reason == ""; known != (row.unknown == "") || !known && !strings.Contains(reason, "the cluster "+row.unknown+",") {
					t.Errorf("%s: the log says %q", kind, reason)
				}
			}
		})
	}
}

// A status that nobody proves takes nothing away from what the spec says by itself.
func TestServiceAccountsOfOtherClustersNeedNoProof(t *testing.T) {
	c, _ := clientOf(t, photoprint(func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials = v1alpha1.CredentialsSpec{Source: v1alpha1.SourceServiceAccount, ServiceAccount: &v1alpha1.ServiceAccountSpec{
			Names: []v1alpha1.ServiceAccountName{"a"}, Clusters: []v1alpha1.ClusterName{"in-cluster", "east"}}}
		oc.Status.ClientAuthentication = &v1alpha1.ClientAuthenticationStatus{ServiceAccounts: []v1alpha1.ServiceAccountStatus{{Name: "a", UID: "forged"}}, Proof: "forged"}
	}))
	if c == nil || c.Assertions == nil || c.Assertions.Elsewhere == nil || len(c.Assertions.ServiceAccounts) != 1 || c.Assertions.ServiceAccounts[0].UID != "" {
		t.Errorf("it has %+v", c)
	}
}
