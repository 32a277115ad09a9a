// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver/registry"
	"github.com/gatehouse-dev/gatehouse/controllers"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// written is an object of the table that exists, and what its policy denies.
type written struct {
	what    string
	object  client.Object
	denials []string
}

// The operator's condition and what the authorization server serves follow one evaluation, and a label that changes
// counts for objects that were accepted before.
func TestOperatorAndServerDecideAsTheTableSays(t *testing.T) {
	f := setUp(t)
	objects, label := f.writeTable(t)
	f.startOperator(t)
	served := f.startRegistry(t)
	for _, w := range objects {
		f.awaitOperator(t, w, nil)
		f.awaitServer(t, served, w, nil)
	}
	label()
	for _, w := range objects {
		message := f.awaitOperator(t, w, w.denials)
		for _, text := range w.denials[:min(len(w.denials), 5)] { // more are counted only
			if !strings.Contains(message, text) {
				t.Errorf("%s: the operator says %s\nwithout %s", w.what, message, text)
			}
		}
		f.awaitServer(t, served, w, w.denials)
	}
}

// awaitOperator waits until the operator says of the object what it must with these denials, and returns how.
func (f *fixture) awaitOperator(t *testing.T, w written, denials []string) (message string) {
	t.Helper()
	testenv.Eventually(t, wait, fmt.Sprintf("the operator decides as %q about %s", denials, w.what), func() bool {
		if err := f.Client.Get(t.Context(), client.ObjectKeyFromObject(w.object), w.object); err != nil {
			t.Fatal(err)
		}
		accepted := meta.FindStatusCondition(statusOf(w.object).Conditions, string(v1alpha1.ConditionAccepted))
		if accepted == nil {
			return false
		}
		message = accepted.Message
		return (accepted.Reason == string(v1alpha1.AcceptedReasonPolicyDenied)) == (len(denials) > 0)
	})
	return message
}

// awaitServer waits until the server serves the object, or with denials does not.
func (f *fixture) awaitServer(t *testing.T, r *registry.Registry, w written, denials []string) {
	t.Helper()
	testenv.Eventually(t, wait, fmt.Sprintf("the server decides as %q about %s", denials, w.what), func() bool {
		accepted, known := serves(r, w.object)
		return known && accepted == (len(denials) == 0)
	})
}

func serves(r *registry.Registry, object client.Object) (accepted, known bool) {
	if rs, ok := object.(*v1alpha1.ResourceServer); ok {
		s, known := r.ResourceServerByID(v1alpha1.ResourceServerIDOf(rs))
		return known && s.Accepted, known
	}
	c, known := r.ByUID(string(object.GetUID()))
	return known && c.Accepted, known
}

// writeTable makes the objects of the table in namespaces whose policy allows all of them. label gives the namespaces the
// policies of the table.
func (f *fixture) writeTable(t *testing.T) (objects []written, label func()) {
	t.Helper()
	free := testenv.Permissive()
	free.Clients.PrivateUseSchemes = append(free.Clients.PrivateUseSchemes, "cursor", "cursors")
	free.Secrets.Types = append(free.Secrets.Types, "a.b/c")
	free.Secrets.ServiceAccountClusters = append(free.Secrets.ServiceAccountClusters, "north", "south")
	if err := f.Policy(t.Context(), "tried-free", free); err != nil {
		t.Fatal(err)
	}
	ready := &fixture{Env: f.Env, policies: map[string]policy.Policy{}}
	for name, p := range f.policies {
		p.Namespace = f.NamespaceWithPolicy(t, "tried-free")
		ready.policies[name] = p
	}
	for i, row := range table {
		var object client.Object
		if row.kind == "OAuthClient" {
			object = ready.oauthClient(t, row.policy, row.spec)
		} else {
			object = ready.resourceServer(t, row.policy, row.spec)
		}
		object.SetGenerateName("")
		object.SetName(fmt.Sprintf("row-%d", i))
		if err := f.Client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
		_, texts := denials(ready.policies[row.policy], object)
		objects = append(objects, written{row.policy + " " + row.kind + " " + row.spec, object, texts})
	}
	return objects, func() {
		for _, p := range ready.policies {
			f.label(t, p.Namespace, p.Name)
		}
	}
}

// label gives the namespace the policy of this name.
func (f *fixture) label(t *testing.T, namespace, policyName string) {
	t.Helper()
	ns := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	patch := fmt.Sprintf(`{"metadata": {"labels": {%q: %q}}}`, v1alpha1.LabelPolicy, policyName)
	if err := f.Client.Patch(t.Context(), ns, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		t.Fatal(err)
	}
}

func statusOf(object client.Object) *v1alpha1.IssuedStatus {
	if rs, ok := object.(*v1alpha1.ResourceServer); ok {
		return &rs.Status.IssuedStatus
	}
	return &object.(*v1alpha1.OAuthClient).Status.IssuedStatus
}

func (f *fixture) startRegistry(t *testing.T) *registry.Registry {
	t.Helper()
	r, err := registry.New(f.Config, "", registry.View{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	f.runUntilTheEnd(t, func(ctx context.Context) error { r.Run(ctx); return nil })
	return r
}

// startOperator runs the operator's controllers as cmd/operator does.
func (f *fixture) startOperator(t *testing.T) {
	t.Helper()
	ctrl.SetLogger(logr.Discard())
	mgr, err := ctrl.NewManager(f.Config, ctrl.Options{
		Scheme: f.Scheme, Cache: controllers.CacheOptions(controllers.View{}), Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)},
	})
	if err != nil {
		t.Fatal(err)
	}
	keys, wake, system, events := &controllers.Keys{}, &controllers.Wakeups{}, f.Namespace(t), mgr.GetEventRecorder("gatehouse-operator")
	claims := &controllers.Claims{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Namespace: system, Events: events, Now: time.Now, Wake: wake.Wake,
	}
	issuance := &controllers.Issuance{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Keys: keys, Claims: claims, Events: events, Issuer: "https://auth.example.com",
		Now: time.Now, NewID: credential.NewID,
	}
	for _, err := range []error{
		controllers.Indexes(t.Context(), mgr.GetFieldIndexer()),
		(&controllers.KeysReconciler{
			Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Namespace: system, Keys: keys, NewSigningKey: credential.NewSigningKey,
			WakeAll: wake.WakeAll, Events: events, Now: time.Now,
		}).SetupWithManager(mgr),
		(&controllers.OAuthClientReconciler{Issuance: issuance}).SetupWithManager(mgr, wake),
		(&controllers.ResourceServerReconciler{Issuance: issuance}).SetupWithManager(mgr, wake),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	f.runUntilTheEnd(t, mgr.Start)
}

// runUntilTheEnd runs something until the test ends, and waits for it then.
func (f *fixture) runUntilTheEnd(t *testing.T, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
