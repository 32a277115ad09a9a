// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// withRolesAlone gives the account of a server in the system namespace the Roles of config/namespaced, there and in the namespace that it serves, and no
// ClusterRole, and returns a kubeconfig of that account and what a client of it is made of.
func withRolesAlone(t *testing.T, env *testenv.Env, system, served string) (kubeconfig string, config *rest.Config) {
	t.Helper()
	account := "system:serviceaccount:" + system + ":gatehouse-authserver"
	for file, namespace := range map[string]string{"rbac/authserver.yaml": system, "namespaced/tenant/authserver.yaml": served} {
		role := roleIn(t, "../../config/"+file)
		role.Namespace = namespace
		binding := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role.Name}, Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: account}},
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		}
		for _, o := range []client.Object{role, binding} {
			if err := env.Client.Create(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
	}
	groups := []string{"system:serviceaccounts", "system:serviceaccounts:" + system}
	file, err := clientcmd.LoadFromFile(env.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range file.AuthInfos {
		user.Impersonate, user.ImpersonateGroups = account, append(groups, "system:authenticated")
	}
	kubeconfig = t.TempDir() + "/kubeconfig"
	if err := clientcmd.WriteToFile(*file, kubeconfig); err != nil {
		t.Fatal(err)
	}
	return kubeconfig, env.User(t, account, groups...)
}

// roleIn reads the Role of a file.
func roleIn(t *testing.T, name string) *rbacv1.Role {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for documents := yaml.NewYAMLOrJSONDecoder(file, 4096); ; {
		role := &rbacv1.Role{}
		if err := documents.Decode(role); err != nil {
			t.Fatalf("%s: no Role, %v", name, err)
		}
		if role.Kind == "Role" {
			return role
		}
	}
}

// raw returns what the API server has at a path for whom the config is of.
func raw(t *testing.T, config *rest.Config, path string) string {
	t.Helper()
	byHTTP, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	response, err := byHTTP.Get(config.Host + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v", path, response.StatusCode, err)
	}
	return string(body)
}

// docs/install.md says how this cluster is named as one of the others, where no Role lets the server ask for TokenReviews.
func TestWithRolesAloneAServiceAccountOfThisClusterIsAClientByTheKeysOfItsAPIServer(t *testing.T) {
	env := testenv.Start(t)
	system, namespace, beside := env.Namespace(t), env.Namespace(t), env.Namespace(t)
	kubeconfig, account := withRolesAlone(t, env, system, namespace)
	asServer, err := client.New(account, client.Options{Scheme: env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	if err := asServer.Create(t.Context(), &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: "x"}}); !apierrors.IsForbidden(err) {
		t.Fatalf("the account may ask for a TokenReview: %v", err)
	}
	const issuer, audience = "https://kubernetes.default.svc", "https://auth.example.com"
	f, east := newFolder(t, system), authtest.NewClientKey(t, "east")
	f.write(t, "home.json", raw(t, account, "/openid/v1/jwks"))
	f.write(t, "east.json", authtest.JWKS(t, east))
	f.write(t, "policy.yaml", "clients: {profiles: [OAuth2], grantTypes: [ClientCredentials]}\nsecrets: {sources: [ServiceAccount], serviceAccountClusters: [home, east]}\n")
	more := []string{"namespaces: [" + namespace + "]", "policyFile: " + f.path("policy.yaml"), "workloadIdentity:", "  clusters:",
		"  - {name: home, issuer: '" + issuer + "', jwksFile: " + f.path("home.json") + "}", "  - {name: east, issuer: 'https://east.example', jwksFile: " + f.path("east.json") + "}"}
	f = newFolder(t, system, more...)
	k := writeKeys(t, env, system)
	named := func(name string, clusters ...v1alpha1.ClusterName) (*v1alpha1.OAuthClient, string) {
		oc := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		return oc, writeAccountClient(t, env, k, nil, oc, clusters...)
	}
	_, unlisted := named("unlisted")
	oc, id := named("listed", "home", "east")
	p := start(t, "--config="+f.config, "--kubeconfig="+kubeconfig)
	testenv.Eventually(t, limit, "ready", func() bool { status, _ := p.get(t, "https://"+p.main+"/readyz"); return status == http.StatusOK })

	reporter := accountIn(t, env.Client, namespace, "reporter")
	ours := tokenOf(t, env.Client, reporter, audience)
	grant := func(id, assertion string) (int, string) {
		status, answer := p.postAssertion(t, "/oauth2/token", id, assertion, url.Values{"grant_type": {"client_credentials"}})
		return status, answer.Token
	}
	status, token := grant(id, ours)
	if status != http.StatusOK || token == "" {
		t.Fatalf("its token: %d\n%s\n%s", status, &p.audit, &p.log)
	}
	for name, assertion := range map[string]string{
		"another namespace": tokenOf(t, env.Client, accountIn(t, env.Client, beside, "reporter"), audience),
		"another name":      tokenOf(t, env.Client, accountIn(t, env.Client, namespace, "visitor"), audience),
		"another audience":  tokenOf(t, env.Client, reporter, issuer),
	} {
		if status, token := grant(id, assertion); status != http.StatusUnauthorized || token != "" {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, _ := grant(unlisted, ours); status != http.StatusUnauthorized {
		t.Errorf("a client that lists no cluster: %d", status)
	}
	testenv.Eventually(t, limit, "the audit log says what helps", func() bool { return strings.Contains(p.audit.String(), "cannot ask for TokenReviews") })

	// The client learns of its access tokens by a token of its other cluster, which is never taken out.
	now := time.Now()
	ofEast := east.Sign(t, authtest.Claims{"iss": "https://east.example", "sub": "system:serviceaccount:" + namespace + ":reporter", "aud": audience,
		"exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "kubernetes.io": map[string]any{"namespace": namespace, "serviceaccount": map[string]any{"name": "reporter"}}}, nil)
	active := func(token string) bool {
		status, about := p.postAssertion(t, "/oauth2/introspect", id, ofEast, url.Values{"token": {token}})
		return status == http.StatusOK && about.Active
	}
	_, other := grant(id, ofEast)
	if !active(token) || !active(other) {
		t.Fatalf("active: %t and %t\n%s", active(token), active(other), &p.audit)
	}
	oc.Spec.Credentials.ServiceAccount.Clusters = []v1alpha1.ClusterName{"east"}
	if err := env.Client.Update(t.Context(), oc); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, limit, "home is taken out", func() bool { return !active(token) })
	if status, _ := grant(id, ours); status != http.StatusUnauthorized || !active(other) {
		t.Errorf("after home was taken out its token gets %d, and that of the other cluster is active: %t", status, active(other))
	}
}
