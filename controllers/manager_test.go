// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// start runs a real manager with both controllers and a real cache over the whole
// cluster. Its keys are in the namespace of the fixture.
func (s *fixture) start() (manager ctrl.Manager, keys *KeysReconciler) {
	s.t.Helper()
	mgr, err := ctrl.NewManager(s.env.Config, ctrl.Options{
		Scheme: s.env.Scheme, Cache: CacheOptions(View{}), Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)},
		NewClient: func(c *rest.Config, o client.Options) (client.Client, error) {
			cached, err := client.NewWithWatch(c, o)
			if err != nil {
				return nil, err
			}
			return s.writes.watch(cached), nil
		},
	})
	s.must(err)
	s.keys = &Keys{}
	ctx, cancel := context.WithCancel(s.t.Context())
	s.must(Indexes(ctx, mgr.GetFieldIndexer()))
	wake := &Wakeups{}
	s.claims = &Claims{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Namespace: s.ns, Class: s.class, Events: s.events, Now: s.clock.Now, Wake: wake.Wake,
	}
	given, err := cache.New(mgr.GetConfig(), GivenCacheOptions(View{}))
	s.must(err)
	s.must(mgr.Add(given))
	issuance := &Issuance{
		Given:  given,
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Keys: s.keys, Claims: s.claims, Events: s.events, Issuer: issuer,
		Class: s.class, Now: s.clock.Now, NewID: credential.NewID,
	}
	keys = &KeysReconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Namespace: s.ns, Class: s.class, Keys: s.keys, NewSigningKey: s.signing.New,
		WakeAll: wake.WakeAll, Events: s.events, Now: s.clock.Now, every: s.keysEvery,
	}
	s.must(keys.SetupWithManager(mgr))
	s.must((&OAuthClientReconciler{issuance}).SetupWithManager(mgr, wake))
	s.must((&ResourceServerReconciler{issuance}).SetupWithManager(mgr, wake))
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Error("the manager:", err)
		}
	})
	s.eventually("there are keys", func() bool {
		pair, ok := s.keys.current()
		s.pair = pair
		return ok
	})
	return mgr, keys
}

// becomes waits for what Ready says, and checks what must hold then.
func (s *fixture) becomes(name string, status metav1.ConditionStatus, reason string) *v1alpha1.OAuthClient {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%s is %s/%s", name, status, reason), func() bool {
		ready := meta.FindStatusCondition(s.get(name).Status.Conditions, string(v1alpha1.ConditionReady))
		return ready != nil && ready.Status == status && ready.Reason == reason
	})
	return s.checked(name)
}

// serverBecomes waits for what Ready says of a ResourceServer.
func (s *fixture) serverBecomes(name string, status metav1.ConditionStatus, reason string) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%s is %s/%s", name, status, reason), func() bool {
		ready := meta.FindStatusCondition(s.getServer(name).Status.Conditions, string(v1alpha1.ConditionReady))
		return ready != nil && ready.Status == status && ready.Reason == reason
	})
}

// awaitCache waits until the cache of the manager has seen everything that was written so
// far and every reconcile of it is over: a client made now is Ready.
func (s *fixture) awaitCache(name string) {
	s.t.Helper()
	s.client(name)
	s.becomes(name, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
}

func (s *fixture) eventuallyValue(want string) {
	s.t.Helper()
	s.eventually("the same value is back", func() bool {
		secret := &corev1.Secret{}
		err := s.api.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: "photoprint-oauth"}, secret)
		return err == nil && value(secret) == want && secret.Labels[v1alpha1.LabelOwnerUID] != ""
	})
}

func TestAManagerDoesAllOfItByItself(t *testing.T) {
	s := newFixture(t)
	_, keys := s.start()
	s.client("photoprint")
	s.becomes("photoprint", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	before := value(s.secret("photoprint-oauth"))

	s.must(s.api.Delete(t.Context(), s.secret("photoprint-oauth")))
	s.eventuallyValue(before)
	s.edit("photoprint-oauth", func(o *corev1.Secret) { o.Data[secretKey] = []byte("x") })
	s.eventuallyValue(before)
	s.edit("photoprint-oauth", func(o *corev1.Secret) { delete(o.Labels, v1alpha1.LabelOwnerUID) })
	s.eventuallyValue(before)

	s.update("photoprint", reset("1"))
	s.eventually("another value", func() bool { return value(s.secret("photoprint-oauth")) != before })
	s.becomes("photoprint", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))

	// A key that is gone, and back: everybody who waited is looked at.
	backup := s.secret(credential.OperatorKeySecret)
	s.must(s.api.Delete(t.Context(), backup.DeepCopy()))
	s.look(keys)
	if keys.Ready(nil) == nil {
		t.Error("ready without the root key")
	}
	s.client("photoapp")
	backup.ResourceVersion, backup.UID = "", ""
	s.must(s.api.Create(t.Context(), backup))
	s.look(keys)
	s.becomes("photoapp", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
}

func TestUnderAManagerANewClientTakesTwoWritesAndNoEventAndAnUnchangedOneNone(t *testing.T) {
	const clients = 40
	s := newFixture(t)
	s.start()
	s.writes.reset()
	for i := range clients {
		var change []func(*v1alpha1.OAuthClient)
		if i%4 == 0 {
			change = append(change, withMap(v1alpha1.ConfigMapName(fmt.Sprintf("photoprint-%d-public", i))))
		}
		s.client(fmt.Sprintf("photoprint-%d", i), change...)
	}
	for i := range clients {
		s.becomes(fmt.Sprintf("photoprint-%d", i), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	}
	s.awaitCache("last")
	calls := map[string]int{}
	for _, call := range s.writes.take() {
		calls[call]++
	}
	for i := range clients {
		name := fmt.Sprintf("photoprint-%d", i)
		if calls["status "+name] != 1 || calls["create "+name+"-oauth"] != 1 {
			t.Errorf("%s took %d writes of status and %d of its Secret, want 1 and 1", name, calls["status "+name], calls["create "+name+"-oauth"])
		}
		if i%4 == 0 { // it asks for a third write
			if calls["create "+name+"-public"] != 1 {
				t.Errorf("%s took %d writes of its ConfigMap, want 1", name, calls["create "+name+"-public"])
			}
			delete(calls, "create "+name+"-public")
		}
		delete(calls, "status "+name)
		delete(calls, "create "+name+"-oauth")
	}
	delete(calls, "status last")
	delete(calls, "create last-oauth")
	if len(calls) != 0 {
		t.Errorf("other writes: %v", calls)
	}
	if got := s.events.reasons(); len(got) != 0 {
		t.Errorf("events %q", got)
	}

	other := newFixture(t) // another operator starts: it looks at every client
	other.ns = s.ns
	other.start()
	other.writes.reset()
	other.awaitCache("after-a-restart")
	for _, call := range other.writes.take() {
		if call != "status after-a-restart" && call != "create after-a-restart-oauth" {
			t.Errorf("%s, although nothing had changed", call)
		}
	}
}

// The memory promise: of the Secrets of a cluster only ours come over the wire and
// into the cache, and only a part of them is kept.
func TestForeignSecretsNeverReachTheCache(t *testing.T) {
	const foreign = 300
	s := newFixture(t)
	for i := range foreign {
		s.must(s.api.Create(t.Context(), &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: fmt.Sprintf("foreign-%d", i), Labels: map[string]string{"app": "x"}},
			Data:       map[string][]byte{"x": make([]byte, 1024)},
		}))
	}
	mgr, _ := s.start()
	s.awaitCache("photoprint")
	s.eventually("the Secret is in the cache", func() bool { return len(s.cached(mgr.GetCache())) == 1 })
	for _, secret := range s.cached(mgr.GetCache()) {
		if secret.Name != "photoprint-oauth" || len(secret.ManagedFields) != 0 {
			t.Errorf("the cache holds %s with %d records of managed fields", secret.Name, len(secret.ManagedFields))
		}
		if len(secret.Data) != 0 {
			t.Error("the cache holds a client secret")
		}
	}
	err := mgr.GetCache().Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: credential.OperatorKeySecret}, &corev1.Secret{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("the root key is in the cache: %v", err)
	}
	oc := &v1alpha1.OAuthClient{}
	s.must(mgr.GetCache().Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: "photoprint"}, oc))
	if len(oc.ManagedFields) > 0 {
		t.Error("the cache holds managed fields of clients")
	}
	err = mgr.GetCache().List(t.Context(), &corev1.PodList{})
	if _, refused := errors.AsType[*cache.ErrResourceNotCached](err); !refused {
		t.Errorf("a read of another kind: %v", err)
	}
}

// cached returns what the cache holds of the namespace.
func (s *fixture) cached(reader client.Reader) []corev1.Secret {
	s.t.Helper()
	list := &corev1.SecretList{}
	s.must(reader.List(s.t.Context(), list, client.InNamespace(s.ns)))
	return list.Items
}

// feed tells of every object, as the informers do.
func (s *fixture) feed(m Metrics) {
	s.t.Helper()
	clients, servers := &v1alpha1.OAuthClientList{}, &v1alpha1.ResourceServerList{}
	s.must(s.api.List(s.t.Context(), clients, client.InNamespace(s.ns)))
	s.must(s.api.List(s.t.Context(), servers, client.InNamespace(s.ns)))
	for i := range clients.Items {
		m.clients.OnAdd(&clients.Items[i], true)
	}
	for i := range servers.Items {
		m.servers.OnAdd(&servers.Items[i], true)
	}
}

func TestMetricsCountTheClientsByReason(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	s.issued("photoapp", func(oc *v1alpha1.OAuthClient) {
		oc.Spec.OAuth2 = &v1alpha1.OAuth2Spec{ClientType: v1alpha1.ClientTypePublic}
	})
	s.client("photopause", func(oc *v1alpha1.OAuthClient) { oc.Spec.Suspend = true })
	s.settle("photopause")
	s.client("unseen")
	s.client("forged")
	s.forge("forged", func(status *v1alpha1.OAuthClientStatus) {
		status.Conditions = []metav1.Condition{{
			Type: string(v1alpha1.ConditionReady), Status: metav1.ConditionTrue, Reason: "Whatever", LastTransitionTime: metav1.NewTime(s.clock.Now()),
		}}
	})
	registry := prometheus.NewRegistry()
	elected := make(chan struct{})
	counts := NewMetrics(s.claims, elected)
	s.feed(counts)
	s.must(registry.Register(counts))
	if families, err := registry.Gather(); err != nil || len(families) != 0 {
		t.Errorf("N104: a replica that does not lead counts %v (%v)", families, err)
	}
	close(elected)
	families, err := registry.Gather()
	s.must(err)
	var got []string
	for _, family := range families {
		if strings.HasPrefix(family.GetName(), "gatehouse_credential_") || strings.HasPrefix(family.GetName(), "gatehouse_rotation") {
			continue // ages_test.go has those
		}
		for _, m := range family.GetMetric() {
			line := family.GetName() + " "
			if labels := m.GetLabel(); len(labels) == 2 {
				line += labels[0].GetValue() + "/" + labels[1].GetValue() + " "
			}
			got = append(got, line+fmt.Sprint(m.GetGauge().GetValue()+m.GetCounter().GetValue()))
		}
	}
	slices.Sort(got)
	want := []string{
		"gatehouse_oauthclients True/Issued 2", "gatehouse_oauthclients True/Suspended 1",
		"gatehouse_oauthclients Unknown/Other 1", "gatehouse_oauthclients Unknown/Pending 1",
		"gatehouse_released_claims 0", "gatehouse_released_claims_dropped_total 0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestACopyOlderThanOurOwnWriteIsDoubtedForAWhile(t *testing.T) {
	at := func(version string) client.Object {
		return &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{UID: "u", ResourceVersion: version}}
	}
	start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name    string
		version string
		after   time.Duration
		want    time.Duration
	}{
		{name: "older", version: "99", want: time.Minute},
		{name: "older, later", version: "99", after: 20 * time.Second, want: 40 * time.Second},
		{name: "older, but it never gets newer", version: "99", after: time.Minute},
		{name: "the same", version: "100"},
		{name: "newer", version: "101"},
		{name: "no number", version: "x"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var own expectations
			if own.stale(at(row.version), start) != 0 {
				t.Error("doubted although nothing was written")
			}
			own.wrote(objectRef{name: "photoprint"}, at("100"), start)
			if got := own.stale(at(row.version), start.Add(row.after)); got != row.want {
				t.Errorf("doubted for %s, want %s", got, row.want)
			}
			if row.want == 0 && len(own.latest)+len(own.byName) != 0 {
				t.Error("not forgotten")
			}
		})
	}
}

// An operator that gives up reading ends and begins again: where the API server is slow that
// would never be over.
func TestReadingTheObjectsMayTakeAsLongAsReadingTheClaims(t *testing.T) {
	if got := controllerOptions().CacheSyncTimeout; got != loadTimeout {
		t.Errorf("the cache may take %s, the claims %s", got, loadTimeout)
	}
}

// The keys are looked at seldom, and all the same a reset right after one was replaced makes a client secret of the new one.
func TestUnderAManagerAResetRightAfterAKeyWasReplacedIsOfTheNewKey(t *testing.T) {
	s := newFixture(t)
	s.keysEvery = 3 * time.Second
	s.start()
	s.client("photoprint")
	s.becomes("photoprint", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	root := s.replaceKey(credential.OperatorKeySecret, credential.RootDataKey)
	s.update("photoprint", reset("1"))
	s.eventually("the reset is made", func() bool { return s.get("photoprint").Status.LastHandledReset == "1" })
	oc := s.get("photoprint")
	want := credential.Derive(root, oc.Status.IdentityUID, oc.Status.Credentials[0].ID)
	s.eventuallyValue(want)
}
