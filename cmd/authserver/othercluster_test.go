// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// startOtherCluster starts a second API server, which has the issuer of the first one and keys of its own, and lets everybody read
// its keys, as docs/workload-identity.md says.
func startOtherCluster(t *testing.T) (*rest.Config, client.Client) {
	t.Helper()
	other := testenv.StartBare(t)
	if err := other.Client.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "oidc-reviewer"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:service-account-issuer-discovery"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:unauthenticated"}},
	}); err != nil {
		t.Fatal(err)
	}
	if err := rest.LoadTLSFiles(other.Config); err != nil {
		t.Fatal(err)
	}
	return other.Config, other.Client
}

// accountIn makes a ServiceAccount and returns it.
func accountIn(t *testing.T, c client.Client, namespace, name string) *corev1.ServiceAccount {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if err := c.Create(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	return account
}

// tokenOf has the API server of the ServiceAccount make a token.
func tokenOf(t *testing.T, c client.Client, account *corev1.ServiceAccount, audience string) string {
	t.Helper()
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{audience}}}
	if err := c.SubResource("token").Create(t.Context(), account, request); err != nil {
		t.Fatal(err)
	}
	return request.Status.Token
}

// writeAccountClient makes a client whose ServiceAccounts of the name are in the clusters, as the operator would leave it, and returns
// its ID. home is the one of this cluster; nil: the client is none of this cluster.
func writeAccountClient(t *testing.T, env *testenv.Env, k keys, home *corev1.ServiceAccount, oc *v1alpha1.OAuthClient, clusters ...v1alpha1.ClusterName) string {
	t.Helper()
	oc.Spec.OAuth2 = &v1alpha1.OAuth2Spec{GrantTypes: []v1alpha1.GrantType{v1alpha1.GrantTypeClientCredentials}}
	oc.Spec.Credentials = v1alpha1.CredentialsSpec{Source: v1alpha1.SourceServiceAccount,
		ServiceAccount: &v1alpha1.ServiceAccountSpec{Names: []v1alpha1.ServiceAccountName{"reporter"}, Clusters: clusters}}
	if err := env.Client.Create(t.Context(), oc); err != nil {
		t.Fatal(err)
	}
	oc.Status.ClientID = v1alpha1.ClientIDOf(oc)
	if home != nil {
		a := &v1alpha1.ClientAuthenticationStatus{ServiceAccounts: []v1alpha1.ServiceAccountStatus{{Name: "reporter", UID: string(home.UID)}}}
		a.Proof = credential.ProveAuthentication(k.shared, string(oc.UID), a.Stated(&oc.Spec.Credentials))
		oc.Status.ClientAuthentication = a
	}
	oc.Status.Conditions = []metav1.Condition{{
		Type: string(v1alpha1.ConditionReady), Status: metav1.ConditionTrue, Reason: string(v1alpha1.ReadyReasonIssued), LastTransitionTime: metav1.Now(),
	}}
	if err := env.Client.Status().Update(t.Context(), oc); err != nil {
		t.Fatal(err)
	}
	return oc.Status.ClientID
}

// postAssertion sends a form with the assertion and returns the status and the answer.
func (p *process) postAssertion(t *testing.T, path, id, assertion string, form url.Values) (status int, answer struct {
	Token  string `json:"access_token"`
	Active bool   `json:"active"`
}) {
	t.Helper()
	form.Set("client_id", id)
	form.Set("client_assertion", assertion)
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+p.main+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := p.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, answer
}

// A Pod of another cluster gets a token with what its API server gave it. The two API servers have one issuer.
func TestN403AServiceAccountOfAnotherClusterIsAClientByTheKeysOfItsAPIServer(t *testing.T) {
	env := testenv.Start(t)
	namespace := env.Namespace(t)
	there, other := startOtherCluster(t)
	if err := other.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		t.Fatal(err)
	}
	f := newFolder(t, namespace)
	byHTTP, err := rest.HTTPClientFor(there)
	if err != nil {
		t.Fatal(err)
	}
	response, err := byHTTP.Get(there.Host + "/openid/v1/jwks")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	jwks, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("the keys: %d, %v", response.StatusCode, err)
	}
	f.write(t, "east.json", string(jwks))
	f.write(t, "west.crt", string(there.CAData))
	const issuer = "https://kubernetes.default.svc"
	f = newFolder(t, namespace, "workloadIdentity:", "  clusters:",
		"  - {name: east, issuer: '"+issuer+"', jwksFile: "+f.path("east.json")+"}",
		"  - {name: west, issuer: '"+issuer+"', jwksURI: '"+there.Host+"/openid/v1/jwks', caFile: "+f.path("west.crt")+"}")
	k := writeKeys(t, env, namespace)
	here, elsewhere := accountIn(t, env.Client, namespace, "reporter"), accountIn(t, other, namespace, "reporter")
	client := func(name string, home *corev1.ServiceAccount, clusters ...v1alpha1.ClusterName) string {
		return writeAccountClient(t, env, k, home, &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}, clusters...)
	}
	byFile, byAddress, both, home := client("file", nil, "east"), client("address", nil, "west"), client("both", here, "in-cluster", "west"), client("home", here)
	p := start(t, "--config="+f.config, "--kubeconfig="+env.Kubeconfig)
	testenv.Eventually(t, limit, "ready", func() bool { status, _ := p.get(t, "https://"+p.main+"/readyz"); return status == http.StatusOK })

	const audience = "https://auth.example.com"
	ofHere, ofElsewhere := tokenOf(t, env.Client, here, audience), tokenOf(t, other, elsewhere, audience)
	visitor := tokenOf(t, other, accountIn(t, other, namespace, "visitor"), audience)
	for id, wants := range map[string][2]bool{byFile: {false, true}, byAddress: {false, true}, both: {true, true}, home: {true, false}} {
		for n, assertion := range []string{ofHere, ofElsewhere} {
			for range 2 { // one token of a Pod is good until it ends
				want := http.StatusUnauthorized
				if wants[n] {
					want = http.StatusOK
				}
				status, answer := p.postAssertion(t, "/oauth2/token", id, assertion, url.Values{"grant_type": {"client_credentials"}})
				if status != want || (answer.Token != "") != wants[n] {
					t.Fatalf("%s, with the token of cluster %d: %d\n%s\n%s", id, n, status, &p.audit, &p.log)
				}
				if !wants[n] {
					continue
				}
				if status, about := p.postAssertion(t, "/oauth2/introspect", id, assertion, url.Values{"token": {answer.Token}}); status != http.StatusOK || !about.Active {
					t.Errorf("%s, of its access token: %d, %t", id, status, about.Active)
				}
			}
		}
		for name, assertion := range map[string]string{
			"another ServiceAccount there": visitor, "a token for the API server there": tokenOf(t, other, elsewhere, issuer), "a token for the API server here": tokenOf(t, env.Client, here, issuer),
		} {
			if status, _ := p.postAssertion(t, "/oauth2/token", id, assertion, url.Values{"grant_type": {"client_credentials"}}); status != http.StatusUnauthorized {
				t.Errorf("%s: %s: %d", id, name, status)
			}
		}
	}
	if log := p.log.String(); strings.Contains(log, "it lists the cluster") {
		t.Errorf("the log says of a cluster that it is not known:\n%s", log)
	}
	if strings.Contains(p.log.String()+p.audit.String(), ofElsewhere) {
		t.Error("a token stands in a log")
	}
}
