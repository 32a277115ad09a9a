// SPDX-License-Identifier: Apache-2.0

package registry_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/registry"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// In this file there is no operator at all: it is away, or a key of its is missing. Statuses are
// what it wrote before. No Secret with a key is there either.

func edit(t *testing.T, env *testenv.Env, o client.Object, change func()) {
	t.Helper()
	if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		t.Fatal(err)
	}
	change()
	if err := env.Client.Update(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

func has(callbacks string, scopes string) func(*authserver.Client) bool {
	return func(c *authserver.Client) bool {
		return c != nil && c.Accepted && strings.Join(c.CallbackURLs, " ") == callbacks && strings.Join(c.Scopes, " ") == scopes
	}
}

// A tenant edits its client while the operator is away: what its status records is served at once,
// and what it newly claims waits. A server that starts meanwhile knows the same.
func TestN77WhileTheOperatorIsAwayAnEditIsServedAndANewClaimWaits(t *testing.T) {
	env := testenv.Start(t)
	r, _ := start(t, env.Config)
	victims, tenants := env.Namespace(t), env.Namespace(t)
	read, write, victimsCallback := victims+".read", victims+".write", "https://"+victims+".example/callback"
	declareAPI(t, env, victims, read, write)
	victim := declare(t, env, victims, "photoprint")
	report(t, env, victim, victims+".photoprint")
	tenant := declare(t, env, tenants, "loot")
	report(t, env, tenant, tenants+".loot")
	own := "https://" + tenants + ".example/callback"
	id := tenants + ".loot"
	eventually(t, r, id, "the tenant's client is served", has(own, ""))

	edit(t, env, tenant, func() {
		tenant.Spec.CallbackURLs = append(tenant.Spec.CallbackURLs, v1alpha1.CallbackURL(victimsCallback), v1alpha1.CallbackURL(own+"?x=1"))
		tenant.Spec.Scopes = []v1alpha1.Scope{v1alpha1.Scope(write), v1alpha1.Scope(read)}
		tenant.Spec.DisplayName = "Edited"
	})
	served := own + " " + own + "?x=1"
	eventually(t, r, id, "the edit is served, without the victim's callback", has(served, write+" "+read))
	eventually(t, r, victims+".photoprint", "the victim keeps its callback", has(victimsCallback, ""))

	again, _ := start(t, env.Config)
	for name, r := range map[string]*registry.Registry{"running": r, "started meanwhile": again} {
		if c, _ := r.ByID(id); !has(served, write+" "+read)(c) || c.DisplayName != "Edited" {
			t.Errorf("%s: the tenant's client is %+v", name, c)
		}
	}
}

// An object that was made long ago, and declares another's scope now, takes nothing.
func TestN77AParkedObjectTakesNobodysScopeWhileTheOperatorIsAway(t *testing.T) {
	env := testenv.Start(t)
	r, _ := start(t, env.Config)
	parkers, shops := env.Namespace(t), env.Namespace(t)
	parked := declareAPI(t, env, parkers, parkers+".parked")
	shop := declareAPI(t, env, shops, shops+".read")
	edit(t, env, parked, func() {
		parked.Spec.Scopes = append(parked.Spec.Scopes, v1alpha1.ScopeDeclaration{Name: shop.Spec.Scopes[0].Name, Description: "Looted words", From: v1alpha1.ScopeFromAll})
		parked.Spec.Identifiers = []v1alpha1.Identifier{v1alpha1.Identifier("https://" + shops + ".example")}
	})
	owns := func(r *registry.Registry, id string) string {
		s, ok := r.ResourceServerByID(id)
		if !ok {
			return "nobody"
		}
		return strings.Join(append(s.OwnedScopes, s.Identifiers...), " ")
	}
	edit(t, env, parked, func() { parked.Spec.Scopes[0].Description = "Seen" })
	testenv.Eventually(t, limit, "the edit is seen", func() bool {
		s, _ := r.Scope(parkers + ".parked")
		return s.Description == "Seen"
	})
	again, _ := start(t, env.Config)
	for name, r := range map[string]*registry.Registry{"running": r, "started meanwhile": again} {
		if got := owns(r, "api_"+parkers+".api"); got != parkers+".parked" {
			t.Errorf("%s: the parked object has %q", name, got)
		}
		if got := owns(r, "api_"+shops+".api"); got != shops+".read" {
			t.Errorf("%s: the shop has %q", name, got)
		}
		if s, _ := r.Scope(shops + ".read"); s.Description != "Words of "+shops {
			t.Errorf("%s: the words are %q", name, s.Description)
		}
	}
}

func TestN78ALabelOrAPolicyThatChangesTakesOutOfServiceAndGivesBack(t *testing.T) {
	env := testenv.Start(t)
	r, logged := start(t, env.Config)
	ns := env.Namespace(t)
	oc := declare(t, env, ns, "photoprint")
	edit(t, env, oc, func() { oc.Spec.Consent = v1alpha1.ConsentSkip })
	report(t, env, oc, ns+".photoprint")
	accepted := func(want bool) func(*authserver.Client) bool {
		return func(c *authserver.Client) bool { return c != nil && c.Accepted == want }
	}
	eventually(t, r, ns+".photoprint", "the policy of the tests allows everything", accepted(true))

	strict := testenv.Permissive()
	strict.Clients.ConsentSkip = false
	if err := env.Policy(t.Context(), ns, strict); err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}
	edit(t, env, namespace, func() {
		if namespace.Labels == nil {
			namespace.Labels = map[string]string{}
		}
		namespace.Labels[v1alpha1.LabelPolicy] = ns
	})
	eventually(t, r, ns+".photoprint", "the label takes it out of service", accepted(false))
	if log := logged.String(); !strings.Contains(log, "spec.consent") || !strings.Contains(log, "OAuthClientPolicy "+ns) {
		t.Errorf("the log does not name field and policy: %s", log)
	}
	if err := env.Policy(t.Context(), ns, testenv.Permissive()); err != nil {
		t.Fatal(err)
	}
	eventually(t, r, ns+".photoprint", "a policy that allows it gives it back", accepted(true))
	if err := env.Client.Delete(t.Context(), &v1alpha1.OAuthClientPolicy{ObjectMeta: metav1.ObjectMeta{Name: ns}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, r, ns+".photoprint", "a label that names no policy allows nothing", accepted(false))
	again, _ := start(t, env.Config)
	if c, _ := again.ByID(ns + ".photoprint"); !accepted(false)(c) {
		t.Errorf("a server that starts serves %+v", c)
	}
	edit(t, env, namespace, func() { delete(namespace.Labels, v1alpha1.LabelPolicy) })
	eventually(t, again, ns+".photoprint", "without the label it is served again", accepted(true))
}
