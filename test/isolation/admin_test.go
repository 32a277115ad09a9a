// SPDX-License-Identifier: Apache-2.0

package isolation

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

// token returns a token of a ServiceAccount. Without an audience it is one for the API server.
func (w *environment) token(namespace, account string, audiences ...string) string {
	w.t.Helper()
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: audiences}}
	owner := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: account}}
	w.must(w.Client.SubResource("token").Create(w.t.Context(), owner, request))
	return request.Status.Token
}

// administer sends a request to the admin endpoint and returns status and body.
func (w *environment) administer(method, path, token string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, "https://"+w.admin+path, nil)
	w.must(err)
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := w.http().Do(r)
	w.must(err)
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	w.must(err)
	return res.StatusCode, string(body)
}

func (w *environment) answers(what string, want int, method, path, token string) string {
	w.t.Helper()
	status, body := w.administer(method, path, token)
	if status != want {
		w.t.Errorf("%s: %s %s answers %d %s, want %d", what, method, path, status, body, want)
	}
	return body
}

// restartAuthserver ends the server, which writes what was used, and starts it again.
func (w *environment) restartAuthserver() {
	w.t.Helper()
	w.must(shared.environment.authserver.Stop(grace))
	w.must(shared.environment.startAuthserver(w.t.Context()))
}

// usageOf returns what the server remembers of a client.
func (w *environment) usageOf(uid, token string) (found adminapi.ClientUsage) {
	w.t.Helper()
	var page adminapi.UsagePage
	w.must(json.Unmarshal([]byte(w.answers("usage", http.StatusOK, http.MethodGet, adminapi.PathUsage, token)), &page))
	for _, item := range page.Items {
		if item.UID == uid {
			found = item
		}
	}
	return found
}

// login has a person log in to a client and returns the access token.
func (w *environment) login(oc *v1alpha1.OAuthClient, x *tenant, person, scope string, challenge bool) string {
	w.t.Helper()
	r := newRequest(oc.Status.ClientID, x.callback(oc), scope)
	if !challenge {
		r.verifier = ""
		r.query.Del("code_challenge")
		r.query.Del("code_challenge_method")
	}
	status, answer := w.app(oc).redeem(r, w.loggedIn(person).allow(r))
	token, _ := answer["access_token"].(string)
	if status != http.StatusOK || token == "" {
		w.t.Fatalf("the code is answered with %d %v", status, answer)
	}
	return token
}

// client is a client that everybody may use and the server knows.
func (x *tenant) client(name string, change func(*v1alpha1.OAuthClientSpec)) *v1alpha1.OAuthClient {
	x.w.t.Helper()
	oc := x.draft(name, func(s *v1alpha1.OAuthClientSpec) {
		s.Entitlement = v1alpha1.EntitlementEveryone
		change(s)
	})
	x.apply(oc)
	x.w.app(oc)
	return oc
}

func TestTheAdminEndpointIsForWhomRBACLetsIn(t *testing.T) {
	w := start(t)
	x, y := w.tenant("shop", lax), w.tenant("other-shop", lax)
	mine, theirs := x.client("mine", func(*v1alpha1.OAuthClientSpec) {}), y.client("theirs", func(*v1alpha1.OAuthClientSpec) {})
	token, other := w.login(mine, x, "bob", "", true), w.login(theirs, y, "bob", "", true)
	audience := adminapi.Audience(w.issuer)
	operator := w.token(system, "gatehouse-operator", audience)
	w.answers("the operator", http.StatusOK, http.MethodGet, adminapi.PathUsage, operator)

	w.answers("N301: the operator's token for the API server", http.StatusUnauthorized, http.MethodGet, adminapi.PathUsage, w.token(system, "gatehouse-operator"))
	w.answers("N301: a token for another issuer", http.StatusUnauthorized, http.MethodGet, adminapi.PathUsage,
		w.token(system, "gatehouse-operator", adminapi.Audience("https://other.example.com")))
	w.answers("N303: the access token of a person", http.StatusUnauthorized, http.MethodGet, adminapi.PathUsage, token)
	grantsOf := func(oc *v1alpha1.OAuthClient) string {
		return "/admin/v1/namespaces/" + oc.Namespace + "/clients/" + oc.Name + "/grants"
	}
	w.answers("N302: the operator and grants", http.StatusForbidden, http.MethodGet, grantsOf(mine), operator)
	w.answers("N302: the server itself", http.StatusForbidden, http.MethodGet, adminapi.PathUsage, w.token(system, "gatehouse-authserver", audience))

	named := metav1.ObjectMeta{Namespace: x.namespace, Name: "support"}
	w.must(w.Client.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: named}))
	w.must(w.Client.Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: named, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "gatehouse-grants-admin"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: x.namespace, Name: "support"}},
	}))
	support := w.token(x.namespace, "support", audience)
	var body string
	w.eventually("the role counts", func() (ok bool) {
		var status int
		status, body = w.administer(http.MethodGet, grantsOf(mine), support)
		return status == http.StatusOK
	})
	if !strings.Contains(body, `"name":"bob"`) {
		t.Errorf("Bob's grant is not listed: %s", body)
	}
	w.answers("N304: another namespace", http.StatusForbidden, http.MethodGet, grantsOf(theirs), support)
	w.answers("N304: the whole cluster", http.StatusForbidden, http.MethodGet, "/admin/v1/grants?person=bob", support)
	if body := w.answers("Bob in the namespace", http.StatusOK, http.MethodDelete, "/admin/v1/namespaces/"+x.namespace+"/grants?person=bob", support); !strings.Contains(body, `{"revoked":1}`) {
		t.Errorf("revoking answers %s", body)
	}
	if answer := w.app(mine).introspect(token); answer["active"] != false {
		t.Errorf("the token of a revoked grant is worth %v", answer)
	}
	if answer := w.app(theirs).introspect(other); answer["active"] != true {
		t.Errorf("N304: the token of the other namespace is worth %v", answer)
	}
	audit, err := os.ReadFile(w.file("audit.log"))
	w.must(err)
	for _, line := range []string{`"event":"administration.refused"`, `"actor":"system:serviceaccount:` + x.namespace + `:support"`} {
		if !strings.Contains(string(audit), line) {
			t.Errorf("the audit log has no line with %s", line)
		}
	}
}

// What the server has seen reaches the status: by the programs themselves, under their roles, over TLS.
func TestTheStatusSaysHowAClientIsUsed(t *testing.T) {
	w := start(t)
	x := w.tenant("shop", lax)
	optional := func(s *v1alpha1.OAuthClientSpec) { s.OAuth2 = &v1alpha1.OAuth2Spec{PKCE: v1alpha1.PKCEOptional} }
	never, always := x.client("never", optional), x.client("always", optional)
	large := x.client("large", func(s *v1alpha1.OAuthClientSpec) { s.Scopes = []v1alpha1.Scope{"openid", "groups"} })
	w.login(never, x, "bob", "", false)
	w.login(always, x, "bob", "", true)
	w.login(large, x, "carol", "openid groups", true)
	w.restartAuthserver()
	token := w.token(system, "gatehouse-operator", adminapi.Audience(w.issuer))
	for _, oc := range []*v1alpha1.OAuthClient{never, always, large} {
		if got := w.usageOf(string(oc.UID), token); got.Name != oc.Name || len(got.Credentials) != 1 || got.Credentials[0].ID != oc.Status.Credentials[0].ID {
			t.Errorf("N314: after a restart the server remembers of %s: %+v", oc.Name, got)
		}
	}
	w.must(os.WriteFile(w.file("admin-token"), []byte(token), 0o600))
	w.withoutOperator(func() {
		reporting, err := w.launch("operator", "--issuer="+w.issuer, "--namespace="+w.system, "--metrics-bind-address=0", "--health-probe-bind-address=0",
			"--admin-url=https://"+w.admin, "--admin-ca-file="+w.file("tls.crt"), "--admin-token-file="+w.file("admin-token"))
		w.must(err)
		defer func() { w.must(reporting.Stop(grace)) }()
		w.condition(never, v1alpha1.ConditionPKCEHint, metav1.ConditionTrue, string(v1alpha1.PKCEHintReasonNeverSent))
		w.condition(always, v1alpha1.ConditionPKCEHint, metav1.ConditionTrue, string(v1alpha1.PKCEHintReasonAlwaysSent))
		w.condition(large, v1alpha1.ConditionIDTokenLarge, metav1.ConditionTrue, string(v1alpha1.IDTokenLargeReasonAboveLimit))
	})
}
