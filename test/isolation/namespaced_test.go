// SPDX-License-Identifier: Apache-2.0

package isolation

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// rooms is the system namespace of an installation from config/namespaced; its class keeps it apart from the one of the other tests.
const rooms = "rooms-system"

// namespaced is an installation that sees the namespaces team-a and team-b only, under exactly the roles of config/namespaced.
func (w *environment) namespaced() *environment {
	w.t.Helper()
	n := &environment{Env: w.Env, t: w.t, root: w.root, roots: w.roots, system: rooms, dir: filepath.Join(w.dir, "namespaced"), class: "rooms"}
	copied := w.t.TempDir()
	w.must(os.CopyFS(copied, os.DirFS(w.root+"/config")))
	for _, file := range []string{"default/kustomization.yaml", "default/namespace.yaml", "namespaced/system/keys.yaml", "namespaced/system/kustomization.yaml",
		"namespaced/system/operator.yaml", "namespaced/system/authserver.yaml", "namespaced/tenant/operator.yaml", "namespaced/tenant/authserver.yaml"} {
		text, err := os.ReadFile(filepath.Join(copied, file))
		w.must(err)
		w.must(os.WriteFile(filepath.Join(copied, file), []byte(strings.ReplaceAll(string(text), system, rooms)), 0o600))
	}
	for _, name := range []string{rooms, "team-a", "team-b"} {
		err := w.Client.Create(w.t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
		if client.IgnoreAlreadyExists(err) != nil {
			w.t.Fatal(err)
		}
	}
	w.must(os.MkdirAll(n.dir, 0o700))
	for _, program := range []string{"operator", "authserver"} {
		w.must(os.Symlink(w.file(program), n.file(program)))
	}
	ctx := w.t.Context()
	w.must(n.apply(ctx, copied+"/namespaced"))
	w.must(n.configure(ctx))
	seen := []string{"--namespaces=team-a,team-b", "--policy-file=" + filepath.Join(copied, "namespaced", "system", "policy.yaml")}
	n.arguments = map[string][]string{"operator": append(seen, "--class=rooms"), "authserver": append(seen, "--class=rooms")}
	w.t.Cleanup(func() {
		for _, p := range []*process.Process{n.authserver, n.operator} {
			if p != nil {
				_ = p.Stop(grace) // the test has failed where it had ended by itself
			}
		}
	})
	w.must(n.startOperator(ctx))
	w.must(n.startAuthserver(context.WithoutCancel(ctx)))
	return n
}

// in returns the administrator as a tenant of a namespace that is there.
func (w *environment) in(namespace string) *tenant {
	return &tenant{w: w, namespace: namespace, api: w.Client}
}

// N123: with RoleBindings in two namespaces both programs do all of their work there, and see nothing else.
func TestN123AnInstallationForChosenNamespacesServesTheseAndSeesNoOther(t *testing.T) {
	w := start(t).namespaced()
	a, b := w.in("team-a"), w.in("team-b")
	ofClass := func(s *v1alpha1.OAuthClientSpec) { s.ClassName = "rooms" }
	machine := func(d *v1alpha1.ScopeDeclaration) { d.WithoutOwner = true }
	onlyB := func(d *v1alpha1.ScopeDeclaration) {
		d.From, d.Selector = v1alpha1.ScopeFromSelector, &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{corev1.LabelMetadataName: "team-b"}}
	}
	byLabel := func(d *v1alpha1.ScopeDeclaration) {
		d.From, d.Selector = v1alpha1.ScopeFromSelector, &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{"team": "b"}}
	}
	w.must(w.Client.Patch(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team-b"}},
		client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"team":"b"}}}`))))

	rs := a.server("api", scope("team-a.read", machine, onlyB), scope("team-a.label", machine, byLabel))
	rs.Spec.ClassName = "rooms"
	a.apply(rs)
	api := w.app(rs)
	oc := b.draft("shop", ofClass, func(s *v1alpha1.OAuthClientSpec) {
		s.Scopes = []v1alpha1.Scope{"team-a.read", "team-a.label"}
		s.Credentials.ConfigMapName = "shop-public"
		s.OAuth2 = &v1alpha1.OAuth2Spec{GrantTypes: []v1alpha1.GrantType{
			v1alpha1.GrantTypeAuthorizationCode, v1alpha1.GrantTypeRefreshToken, v1alpha1.GrantTypeClientCredentials}}
	})
	b.apply(oc)
	shop := w.app(oc)
	if cm := w.publicIn("team-b", "shop-public"); cm == nil || cm.Data[v1alpha1.KeyClientID] != shop.id {
		t.Errorf("the ConfigMap is %+v", cm)
	}
	status, token := shop.machine("")
	if status != http.StatusOK || token["scope"] != "team-a.read" {
		t.Errorf("a selector matches the name of a namespace, and nothing else: %d %v", status, token)
	}
	if seen := api.introspect(token["access_token"]); seen["active"] != true {
		t.Errorf("the API of the other namespace sees %v", seen)
	}

	w.entitle("team-b", "shop", "alice")
	r := newRequest(shop.id, b.callback(oc), "team-a.read")
	w.eventually("a RoleBinding entitles Alice", func() bool {
		status, _, page := w.loggedIn("alice").follow(r.address())
		return status == http.StatusOK && len(values(t, page, "ticket")) > 0
	})
	if status, tokens := shop.redeem(r, w.loggedIn("alice").allow(r)); status != http.StatusOK {
		t.Errorf("Alice's code is not redeemed: %d %v", status, tokens)
	}
	if status, _, _ := w.loggedIn("bob").follow(r.address()); status != http.StatusForbidden {
		t.Errorf("Bob, whom no RoleBinding names, gets %d", status)
	}

	skip := b.draft("silent", ofClass, func(s *v1alpha1.OAuthClientSpec) { s.Entitlement = v1alpha1.EntitlementEveryone })
	w.relabel("team-b", lax) // admission lets it in, and neither program looks at labels
	w.must(w.Policy(t.Context(), lax, testenv.Permissive()))
	w.eventually("admission lets it in", func() bool { return w.Client.Create(t.Context(), skip) == nil })
	w.condition(skip, v1alpha1.ConditionAccepted, metav1.ConditionFalse, string(v1alpha1.AcceptedReasonPolicyDenied))

	taken := a.draft("mirror", ofClass, func(s *v1alpha1.OAuthClientSpec) { s.CallbackURLs = oc.Spec.CallbackURLs })
	a.apply(taken)
	w.condition(taken, v1alpha1.ConditionAccepted, metav1.ConditionFalse, string(v1alpha1.AcceptedReasonCallbackConflict))
	w.seesNothingElse()
}

// seesNothingElse asks as both accounts for what they must not see.
func (w *environment) seesNothingElse() {
	w.t.Helper()
	for _, account := range []string{"gatehouse-operator", "gatehouse-authserver"} {
		c, err := client.New(w.User(w.t, "system:serviceaccount:"+rooms+":"+account), client.Options{Scheme: w.Scheme})
		w.must(err)
		for what, err := range map[string]error{
			"every client":           c.List(w.t.Context(), &v1alpha1.OAuthClientList{}),
			"clients elsewhere":      c.List(w.t.Context(), &v1alpha1.OAuthClientList{}, client.InNamespace("default")),
			"Secrets elsewhere":      c.List(w.t.Context(), &corev1.SecretList{}, client.InNamespace("default")),
			"Secrets of kube-system": c.List(w.t.Context(), &corev1.SecretList{}, client.InNamespace("kube-system")),
			"Secrets of its own":     c.List(w.t.Context(), &corev1.SecretList{}, client.InNamespace(rooms)),
			"every Secret":           c.List(w.t.Context(), &corev1.SecretList{}),
			"ConfigMaps elsewhere":   c.List(w.t.Context(), &corev1.ConfigMapList{}, client.InNamespace("kube-system")),
			"ConfigMaps of its own":  c.List(w.t.Context(), &corev1.ConfigMapList{}, client.InNamespace(rooms)),
			"every ConfigMap":        c.List(w.t.Context(), &corev1.ConfigMapList{}),
			"policies":               c.List(w.t.Context(), &v1alpha1.OAuthClientPolicyList{}),
			"namespaces":             c.List(w.t.Context(), &corev1.NamespaceList{}),
		} {
			if !apierrors.IsForbidden(err) {
				w.t.Errorf("%s reads %s: %v, want it forbidden", account, what, err)
			}
		}
	}
}
