// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/credential/credentialtest"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
	"github.com/gatehouse-dev/gatehouse/internal/testenv/gitops"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	testenv.Main(m)
}

const issuer = "https://auth.example.com"

// fixture is a namespace on a real API server, with keys, a clock and a reconciler.
type fixture struct {
	t      testing.TB
	env    *testenv.Env
	ns     string
	api    client.WithWatch // for the test itself
	keys   *Keys
	pair   keyPair
	clock  *clock
	events *eventLog
	writes *callLog
	claims *Claims
	// keysEvery is how often the keys controller of start looks; zero: as in production.
	keysEvery time.Duration
	signing   credentialtest.SigningKeys
	class     v1alpha1.ClassName
	r         *OAuthClientReconciler
	maps      atomic.Bool // there may be a ConfigMap that is ours
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	env := testenv.Start(t)
	api, err := client.NewWithWatch(env.Config, client.Options{Scheme: env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	s := &fixture{
		t: t, env: env, ns: env.Namespace(t), keys: &Keys{},
		pair:  keyPair{root: credential.NewKey(), shared: credential.NewKey()},
		clock: &clock{now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}, events: &eventLog{}, writes: &callLog{},
	}
	s.keys.use(s.pair)
	s.api = s.rememberingMaps(api)
	// The next test shall find no objects: some look at the whole cluster.
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, kind := range []client.Object{&v1alpha1.OAuthClient{}, &v1alpha1.ResourceServer{}} {
			if err := api.DeleteAllOf(ctx, kind, client.InNamespace(s.ns)); err != nil {
				t.Error(err)
			}
		}
	})
	s.claims = s.newClaims()
	s.r = s.reconciler(s.writes.watch(s.api))
	return s
}

// newClaims returns a ledger that knows nothing yet: that of an operator which starts.
func (s *fixture) newClaims() *Claims {
	return &Claims{Client: s.api, Live: s.api, Namespace: s.ns, Events: s.events, Now: s.clock.Now}
}

// reconciler returns one more reconciler: what another worker would be.
func (s *fixture) reconciler(api client.WithWatch) *OAuthClientReconciler {
	return &OAuthClientReconciler{&Issuance{
		Client: s.indexed(api), Live: api, Keys: s.keys, Claims: s.claims, Events: s.events, Issuer: issuer,
		Now: s.clock.Now, NewID: credential.NewID,
	}}
}

// beside returns a fixture in another namespace under the same operator.
func (s *fixture) beside() *fixture {
	s.t.Helper()
	other := newFixture(s.t)
	other.keys, other.pair, other.events, other.clock, other.claims = s.keys, s.pair, s.events, s.clock, s.claims
	other.r = other.reconciler(other.writes.watch(other.api))
	return other
}

// restarted has another operator take over.
func (s *fixture) restarted() {
	s.claims = s.newClaims()
	s.r = s.reconciler(s.writes.watch(s.api))
}

// draft is an OAuthClient before it is applied. Its callback belongs to the namespace,
// so that tests do not meet.
func (s *fixture) draft(name string, change ...func(*v1alpha1.OAuthClient)) *v1alpha1.OAuthClient {
	oc := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: name}}
	oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{v1alpha1.CallbackURL("https://" + s.ns + ".example/" + name)}
	for _, c := range change {
		c(oc)
	}
	return oc
}

// client applies an OAuthClient.
func (s *fixture) client(name string, change ...func(*v1alpha1.OAuthClient)) *v1alpha1.OAuthClient {
	s.t.Helper()
	oc := s.draft(name, change...)
	s.must(s.api.Create(s.t.Context(), oc))
	return oc
}

// issued makes an OAuthClient and has it reconciled to Ready.
func (s *fixture) issued(name string, change ...func(*v1alpha1.OAuthClient)) *v1alpha1.OAuthClient {
	s.t.Helper()
	s.client(name, change...)
	oc := s.settle(name)
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.writes.reset()
	return oc
}

// server applies a ResourceServer that declares the scopes.
func (s *fixture) server(name string, scopes ...string) *v1alpha1.ResourceServer {
	s.t.Helper()
	rs := &v1alpha1.ResourceServer{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: name}}
	for _, scope := range scopes {
		rs.Spec.Scopes = append(rs.Spec.Scopes, v1alpha1.ScopeDeclaration{Name: v1alpha1.Scope(scope), Description: "See your photos"})
	}
	s.must(s.api.Create(s.t.Context(), rs))
	return rs
}

// settleServer reconciles the ResourceServer until there is nothing more to do at once.
func (s *fixture) settleServer(name string) *v1alpha1.ResourceServer {
	s.t.Helper()
	r := &ResourceServerReconciler{s.r.Issuance}
	for range 20 {
		result, err := r.Reconcile(s.t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: s.ns, Name: name}})
		s.must(err)
		if result.RequeueAfter == 0 || result.RequeueAfter >= foreignEvery {
			rs := s.getServer(name)
			s.wellFormed(rs, rs.Status.Conditions)
			return rs
		}
		s.clock.advance(result.RequeueAfter)
	}
	s.t.Fatalf("%s does not settle", name)
	return nil
}

func (s *fixture) getServer(name string) *v1alpha1.ResourceServer {
	s.t.Helper()
	rs := &v1alpha1.ResourceServer{}
	s.must(s.api.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: name}, rs))
	return rs
}

// updateServer changes the ResourceServer as its owner would.
func (s *fixture) updateServer(name string, change func(*v1alpha1.ResourceServer)) {
	s.t.Helper()
	rs := s.getServer(name)
	before := rs.DeepCopy()
	change(rs)
	s.must(s.api.Patch(s.t.Context(), rs, client.MergeFrom(before)))
}

// says checks the condition of a status.
func (s *fixture) says(conditions []metav1.Condition, kind v1alpha1.ConditionType, status metav1.ConditionStatus, reason string) string {
	s.t.Helper()
	c := meta.FindStatusCondition(conditions, string(kind))
	if c == nil || c.Status != status || c.Reason != reason {
		s.t.Errorf("%s is %+v, want %s/%s", kind, c, status, reason)
		return ""
	}
	return c.Message
}

// settle reconciles until there is nothing more to do at once, checks what must
// hold then, and returns the object.
func (s *fixture) settle(name string) *v1alpha1.OAuthClient {
	s.t.Helper()
	for range 20 {
		result, err := s.reconcile(s.r, name)
		s.must(err)
		if result.RequeueAfter == 0 || result.RequeueAfter >= foreignEvery {
			return s.checked(name)
		}
		s.clock.advance(result.RequeueAfter)
	}
	s.t.Fatalf("%s does not settle", name)
	return nil
}

func (s *fixture) reconcile(r *OAuthClientReconciler, name string) (ctrl.Result, error) {
	return r.Reconcile(s.t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: s.ns, Name: name}})
}

// reconcileAtOnce has as many operators look at the object at the same time, three times each.
func (s *fixture) reconcileAtOnce(operators int, name string) {
	s.t.Helper()
	var group sync.WaitGroup
	for range operators {
		r := s.reconciler(s.api)
		group.Go(func() {
			for range 3 {
				if _, err := s.reconcile(r, name); err != nil {
					s.t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

// update changes the object as its owner would.
func (s *fixture) update(name string, changes ...func(*v1alpha1.OAuthClient)) {
	s.t.Helper()
	oc := s.get(name)
	before := oc.DeepCopy()
	for _, change := range changes {
		change(oc)
	}
	s.must(s.api.Patch(s.t.Context(), oc, client.MergeFrom(before)))
}

// forge changes the status as somebody with the right to would.
func (s *fixture) forge(name string, change func(*v1alpha1.OAuthClientStatus)) {
	s.t.Helper()
	oc := s.get(name)
	before := oc.DeepCopy()
	change(&oc.Status)
	s.must(s.api.Status().Patch(s.t.Context(), oc, client.MergeFrom(before)))
}

func (s *fixture) get(name string) *v1alpha1.OAuthClient {
	s.t.Helper()
	oc := &v1alpha1.OAuthClient{}
	s.must(s.api.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: name}, oc))
	return oc
}

func (s *fixture) secret(name string) *corev1.Secret {
	s.t.Helper()
	secret := &corev1.Secret{}
	s.must(s.api.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: name}, secret))
	return secret
}

func (s *fixture) noSecret(name string) {
	s.t.Helper()
	err := s.api.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: name}, &corev1.Secret{})
	if !apierrors.IsNotFound(err) {
		s.t.Errorf("the Secret %s is there (%v)", name, err)
	}
}

// edit changes a Secret as anybody would.
func (s *fixture) edit(name string, change func(*corev1.Secret)) {
	s.t.Helper()
	secret := s.secret(name)
	change(secret)
	s.must(s.api.Update(s.t.Context(), secret, client.FieldOwner("somebody")))
}

func (s *fixture) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *fixture) wantReady(oc *v1alpha1.OAuthClient, status metav1.ConditionStatus, reason string) {
	s.t.Helper()
	ready := meta.FindStatusCondition(oc.Status.Conditions, string(v1alpha1.ConditionReady))
	if ready == nil {
		s.t.Fatalf("%s has no condition Ready", oc.Name)
	}
	if ready.Status != status || ready.Reason != reason {
		s.t.Errorf("%s is Ready=%s/%s (%s), want %s/%s", oc.Name, ready.Status, ready.Reason, ready.Message, status, reason)
	}
}

func (s *fixture) wantAccepted(name string, status metav1.ConditionStatus, reason string) {
	s.t.Helper()
	accepted := meta.FindStatusCondition(s.get(name).Status.Conditions, string(v1alpha1.ConditionAccepted))
	if accepted == nil || accepted.Status != status || accepted.Reason != reason {
		s.t.Errorf("%s: Accepted is %+v, want %s/%s", name, accepted, status, reason)
	}
}

// subject returns the client as a reconcile sees it now.
func (s *fixture) subject(name string) subject { return clientSubject(s.get(name)) }

// observed returns what a reconcile would see now.
func (s *fixture) observed(name string) observation {
	s.t.Helper()
	env, known, err := s.r.environment(s.t.Context(), s.ns)
	s.must(err)
	if !known {
		s.t.Fatal("the namespace is not known")
	}
	_, seen, err := s.r.observe(s.t.Context(), s.subject(name), env, s.pair, false)
	s.must(err)
	return seen
}

// decide returns what a reconcile of the subject would do after it saw this.
func (s *fixture) decide(of subject, seen observation) decision {
	in := input{subject: of, seen: seen, keys: s.pair, issuer: issuer, now: s.clock.Now(), newID: s.r.NewID(), clocksAgree: true}
	for _, c := range of.claims {
		in.claims = append(in.claims, claimResult{Claim: c, since: s.clock.Now()})
	}
	return decide(in)
}

func (s *fixture) wantWrites(want ...string) {
	s.t.Helper()
	if got := s.writes.take(); !slices.Equal(got, want) {
		s.t.Errorf("writes %q, want %q", got, want)
	}
}

// accepted reports whether the authorization server would accept what the Secret of
// the client holds, as it would find out: from the status and the shared key.
func (s *fixture) accepted(oc *v1alpha1.OAuthClient) bool {
	s.t.Helper()
	if oc.Spec.Credentials.WithoutSecret() { // nothing that a Secret holds is
		return len(oc.Status.Credentials) == 0 && oc.Status.ClientAuthentication != nil
	}
	if oc.Spec.Credentials.FromGivenSecret() {
		return s.accepts(oc, string(s.secret("vault").Data[v1alpha1.KeyClientSecret]))
	}
	if oc.Spec.Public() {
		return string(s.secret(oc.Status.SecretName).Data[clientSubject(oc).dataKey(v1alpha1.KeyClientID)]) == oc.Status.ClientID
	}
	return s.accepts(oc, string(s.secret(oc.Status.SecretName).Data[clientSubject(oc).dataKey(v1alpha1.KeyClientSecret)]))
}

func (s *fixture) accepts(oc *v1alpha1.OAuthClient, secret string) bool {
	pair, _ := s.keys.current()
	return slices.ContainsFunc(oc.Status.Credentials, func(c v1alpha1.CredentialStatus) bool {
		return (c.ExpiresAt == nil || s.clock.Now().Before(c.ExpiresAt.Time)) && credential.Verify(pair.shared, oc.Status.IdentityUID, c.ID, secret, c.Verifier)
	})
}

// checked reads the object and checks what must hold after every reconcile.
func (s *fixture) checked(name string) *v1alpha1.OAuthClient {
	s.t.Helper()
	oc := s.get(name)
	if oc.Status.ObservedGeneration != oc.Generation {
		s.t.Errorf("%s: generation %d, observed %d", name, oc.Generation, oc.Status.ObservedGeneration)
	}
	s.wellFormed(oc, oc.Status.Conditions)
	c := meta.FindStatusCondition(oc.Status.Conditions, string(v1alpha1.ConditionReady))
	limit := maxLive
	if oc.Spec.Credentials.FromGivenSecret() {
		limit = maxAccepted
	}
	if len(oc.Status.Credentials) > limit {
		s.t.Errorf("%s has the credentials %+v", name, oc.Status.Credentials)
	}
	if c.Reason == string(v1alpha1.ReadyReasonIssued) && !s.accepted(oc) {
		s.t.Errorf("%s is Ready, but what its Secret holds would not be accepted", name)
	}
	s.noSecretIn(oc)
	return oc
}

// wellFormed checks what must hold of conditions, whatever they say, and that GitOps
// tools read them as they are meant.
func (s *fixture) wellFormed(o client.Object, conditions []metav1.Condition) {
	s.t.Helper()
	for _, c := range conditions {
		if c.Message == "" || c.LastTransitionTime.IsZero() || c.ObservedGeneration != o.GetGeneration() {
			s.t.Errorf("%s: the condition is not well formed (generation %d): %+v", o.GetName(), o.GetGeneration(), c)
		}
	}
	accepted, ready := meta.FindStatusCondition(conditions, string(v1alpha1.ConditionAccepted)), meta.FindStatusCondition(conditions, string(v1alpha1.ConditionReady))
	if accepted == nil || ready == nil || !slices.Contains(reasons(), ready.Reason) {
		s.t.Fatalf("%s: Accepted and Ready are not both there: %+v", o.GetName(), conditions)
	}
	want := map[[3]bool]status.Status{ // Ready, Reconciling, Stalled; nothing else may be
		{true, false, false}: status.CurrentStatus,
		{false, true, false}: status.InProgressStatus,
		{false, false, true}: status.FailedStatus,
	}[[3]bool{
		ready.Status == metav1.ConditionTrue,
		meta.IsStatusConditionTrue(conditions, string(v1alpha1.ConditionReconciling)),
		meta.IsStatusConditionTrue(conditions, string(v1alpha1.ConditionStalled)),
	}]
	if o.GetDeletionTimestamp() != nil {
		want = status.TerminatingStatus
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	s.must(err)
	kind, err := apiutil.GVKForObject(o, s.env.Scheme)
	s.must(err)
	object := &unstructured.Unstructured{Object: content}
	object.SetGroupVersionKind(kind)
	if got, err := gitops.Status(object); err != nil || got != want {
		s.t.Errorf("%s: GitOps tools see %s (%v), want %q for %+v", o.GetName(), got, err, want, conditions)
	}
}

// noSecretIn checks N61 for what the operator writes outside of Secrets.
func (s *fixture) noSecretIn(oc *v1alpha1.OAuthClient) {
	s.t.Helper()
	status, err := json.Marshal(oc)
	s.must(err)
	maps := &corev1.ConfigMapList{}
	s.must(s.api.List(s.t.Context(), maps, client.InNamespace(oc.Namespace)))
	public, err := json.Marshal(maps)
	s.must(err)
	for _, text := range append(s.events.all(), string(status), string(public)) {
		if strings.Contains(text, credential.Prefix) {
			s.t.Errorf("a client secret is shown in %s", text)
		}
	}
}

// rememberingMaps returns a client that remembers when an object wants a ConfigMap, or somebody makes one. Before that no list of them
// is asked for: the API server answers none before its cache has heard of the newest write of any kind, which takes it up to a tenth of
// a second.
func (s *fixture) rememberingMaps(c client.WithWatch) client.WithWatch {
	remember := func(o client.Object) {
		_, is := o.(*corev1.ConfigMap)
		if c := credentialsOf(o); is || c != nil && c.ConfigMapName != "" {
			s.maps.Store(true)
		}
	}
	return interceptor.NewClient(c, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			remember(o)
			return c.Create(ctx, o, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			remember(o)
			return c.Update(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
			remember(o)
			return c.Patch(ctx, o, patch, opts...)
		},
	})
}

// indexed returns a client that shows what the cache of a manager would, without its
// delay: of all Secrets those with our label, and by an index what it holds.
func (s *fixture) indexed(c client.WithWatch) client.WithWatch {
	var small transforms
	return interceptor.NewClient(c, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if err := c.Get(ctx, key, obj, opts...); err != nil {
				return err
			}
			if _, secret := obj.(*corev1.Secret); secret && !ourSecrets().Matches(labels.Set(obj.GetLabels())) {
				return apierrors.NewNotFound(corev1.Resource("secrets"), key.Name)
			}
			if cm, is := obj.(*corev1.ConfigMap); is {
				if !ourSecrets().Matches(labels.Set(cm.Labels)) {
					return apierrors.NewNotFound(corev1.Resource("configmaps"), key.Name)
				}
				_, err := small.configMap(cm)
				return err
			}
			_, err := small.secret(obj)
			return err
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			o := (&client.ListOptions{}).ApplyOptions(opts)
			if o.FieldSelector == nil {
				return c.List(ctx, list, opts...)
			}
			if _, is := list.(*corev1.ConfigMapList); is && !s.maps.Load() {
				return nil
			}
			live := []client.ListOption{client.InNamespace(o.Namespace)}
			switch list.(type) {
			case *corev1.SecretList, *corev1.ConfigMapList:
				live = append(live, client.MatchingLabelsSelector{Selector: ourSecrets()})
			}
			if err := c.List(ctx, list, live...); err != nil {
				return err
			}
			return pickOut(list, o.FieldSelector.Requirements()[0])
		},
	})
}

// pickOut leaves in the list what the index holds under the value.
func pickOut(list client.ObjectList, want fields.Requirement) error {
	all, err := meta.ExtractList(list)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(indexes(), func(i index) bool { return i.field == want.Field })
	return meta.SetList(list, slices.DeleteFunc(all, func(o runtime.Object) bool {
		return !slices.Contains(indexes()[at].values(o.(client.Object)), want.Value)
	}))
}

// clock is a clock that stands still.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// eventLog takes the place of the API for events.
type eventLog struct {
	mu     sync.Mutex
	events []string
}

func (e *eventLog) Eventf(regarding, _ runtime.Object, kind, reason, _, note string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	object, _ := meta.Accessor(regarding)
	e.events = append(e.events, fmt.Sprintf("%s %s %s: %s", kind, reason, object.GetName(), fmt.Sprintf(note, args...)))
}

func (e *eventLog) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.events)
}

// reasons returns the reasons that were recorded, in order, and forgets them.
func (e *eventLog) reasons() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []string
	for _, line := range e.events {
		out = append(out, strings.Fields(line)[1])
	}
	e.events = nil
	return out
}

// callLog counts the writes that go through a client.
type callLog struct {
	mu    sync.Mutex
	calls []string
}

func (l *callLog) add(call, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, call+" "+name)
}

// take returns the calls and forgets them.
func (l *callLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	calls := l.calls
	l.calls = nil
	return calls
}

func (l *callLog) reset() { l.take() }

// watch returns the client with its writes noted.
func (l *callLog) watch(c client.WithWatch) client.WithWatch {
	return interceptor.NewClient(c, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			o := (&client.CreateOptions{}).ApplyOptions(opts)
			l.add(dryRun(o.DryRun)+"create", obj.GetName())
			return c.Create(ctx, obj, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			o := (&client.DeleteOptions{}).ApplyOptions(opts)
			l.add(dryRun(o.DryRun)+"delete", obj.GetName())
			return c.Delete(ctx, obj, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			l.add("update", obj.GetName())
			return c.Update(ctx, obj, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			l.add("patch", obj.GetName())
			return c.Patch(ctx, obj, patch, opts...)
		},
		Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			o := (&client.ApplyOptions{}).ApplyOptions(opts)
			l.add(dryRun(o.DryRun)+"apply", *obj.(interface{ GetName() *string }).GetName())
			return c.Apply(ctx, obj, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			l.add(sub, obj.GetName())
			return c.SubResource(sub).Patch(ctx, obj, patch, opts...)
		},
	})
}

// withoutNamespaces returns a client whose cache knows no namespace yet.
func withoutNamespaces(c client.WithWatch) client.WithWatch {
	return interceptor.NewClient(c, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if _, namespace := obj.(*metav1.PartialObjectMetadata); namespace {
				return apierrors.NewNotFound(corev1.Resource("namespaces"), key.Name)
			}
			return c.Get(ctx, key, obj, opts...)
		},
	})
}

func dryRun(of []string) string {
	if len(of) > 0 {
		return "dry-run "
	}
	return ""
}

// remembering returns a client whose cache still holds what the object was.
func remembering(c client.Client, old client.Object) client.WithWatch {
	return interceptor.NewClient(c.(client.WithWatch), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if oc, ok := obj.(*v1alpha1.OAuthClient); ok && key == client.ObjectKeyFromObject(old) {
				old.(*v1alpha1.OAuthClient).DeepCopyInto(oc)
				return nil
			}
			return c.Get(ctx, key, obj, opts...)
		},
	})
}

func (s *fixture) eventually(what string, condition func() bool) {
	s.t.Helper()
	testenv.Eventually(s.t, 30*time.Second, what, condition)
}
