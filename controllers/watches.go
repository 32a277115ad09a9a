// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

const (
	// workers is how many objects of a kind are reconciled at a time. They mostly wait for
	// the API server, and it gathers the writes that come together.
	workers          = 16
	reconcileTimeout = time.Minute
	// cacheTimeout is how long reading all objects may take at the start. An operator that gives
	// up ends, and would begin again for ever where the API server is slow.
	cacheTimeout = loadTimeout
)

func controllerOptions() controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: workers, RateLimiter: retries(), ReconciliationTimeout: reconcileTimeout, CacheSyncTimeout: cacheTimeout,
	}
}

// retries is how failures come back: each object for itself, so that one that keeps failing
// delays no other.
func retries() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](50*time.Millisecond, longestRetry)
}

// longestRetry is the longest wait until what failed is tried again.
const longestRetry = 2 * time.Minute

func namespaceKind() *corev1.Namespace { return &corev1.Namespace{} }

// Wakeups enqueue objects that something else than a watch concerns. The zero value is ready.
type Wakeups struct {
	mu     sync.Mutex
	queues map[string]workqueue.TypedRateLimitingInterface[reconcile.Request]
	// all has a channel for each controller. One waiting event each is enough.
	all []chan event.GenericEvent
}

// WakeAll enqueues every object.
func (w *Wakeups) WakeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.all {
		select {
		case c <- event.GenericEvent{}:
		default: // one is waiting already
		}
	}
}

// everything is a source of requests for all objects, which objects lists.
func (w *Wakeups) everything(objects handler.MapFunc) source.Source {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := make(chan event.GenericEvent, 1)
	w.all = append(w.all, c)
	return source.Channel(c, handler.EnqueueRequestsFromMapFunc(objects))
}

// Wake enqueues the object. Before its controller runs there is nobody to wake: a controller
// that starts looks at everything.
func (w *Wakeups) Wake(ref objectRef) {
	w.mu.Lock()
	queue := w.queues[ref.kind]
	w.mu.Unlock()
	if queue != nil {
		queue.Add(reconcile.Request{NamespacedName: ref.key()})
	}
}

func (w *Wakeups) source(kind string) source.Source {
	return source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.queues == nil {
			w.queues = map[string]workqueue.TypedRateLimitingInterface[reconcile.Request]{}
		}
		w.queues[kind] = queue
		return nil
	})
}

// Names of the indexes in the cache.
const (
	indexPublic   = "gatehouse.dev/config-map-of"
	indexRenamed  = "gatehouse.dev/renamed-secret-of"
	indexDeclared = "gatehouse.dev/declared-scope"
	indexAsked    = "gatehouse.dev/asked-scope"
	indexGiven    = "gatehouse.dev/given-secret"
	indexAccount  = "gatehouse.dev/service-account"
)

// Indexes adds what Issuance looks up in the cache.
func Indexes(ctx context.Context, cache client.FieldIndexer) error {
	for _, index := range indexes() {
		if err := cache.IndexField(ctx, index.kind, index.field, index.values); err != nil {
			return fmt.Errorf("add the index %s: %w", index.field, err)
		}
	}
	return nil
}

type index struct {
	kind   client.Object
	field  string
	values client.IndexerFunc
}

func indexes() []index {
	return []index{
		{&corev1.Secret{}, indexRenamed, renamedSecret},
		{&corev1.ConfigMap{}, indexPublic, publicOf},
		{&v1alpha1.ResourceServer{}, indexDeclared, declaredScopes},
		{&v1alpha1.OAuthClient{}, indexAsked, askedScopes},
		{&v1alpha1.OAuthClient{}, indexGiven, givenNames},
		{&v1alpha1.ResourceServer{}, indexGiven, givenNames},
		{&v1alpha1.OAuthClient{}, indexAccount, accountNames},
		{&v1alpha1.ResourceServer{}, indexAccount, accountNames},
	}
}

// renamedSecret indexes by UID of their object the Secrets that have not the default name.
// Those that have it are found by it, and they are most.
func renamedSecret(o client.Object) []string {
	ref := metav1.GetControllerOf(o)
	switch {
	case ref == nil && o.GetLabels()[v1alpha1.LabelOwnerUID] != "":
		return []string{o.GetLabels()[v1alpha1.LabelOwnerUID]}
	case ref == nil || o.GetName() == defaultSecretName(ref.Kind, ref.Name):
		return nil
	default:
		return []string{string(ref.UID)}
	}
}

func declaredScopes(o client.Object) []string {
	rs, ok := o.(*v1alpha1.ResourceServer)
	if !ok {
		return nil
	}
	var scopes []string
	for i := range rs.Spec.Scopes {
		scopes = append(scopes, string(rs.Spec.Scopes[i].Name))
	}
	return scopes
}

func askedScopes(o client.Object) []string {
	oc, ok := o.(*v1alpha1.OAuthClient)
	if !ok {
		return nil
	}
	var scopes []string
	for _, scope := range oc.Spec.Scopes {
		scopes = append(scopes, string(scope))
	}
	return scopes
}

// clientsThatAsk names the clients that ask for a scope which the ResourceServer declares.
func (i *Issuance) clientsThatAsk(ctx context.Context, o client.Object) []reconcile.Request {
	var requests []reconcile.Request
	for _, scope := range declaredScopes(o) {
		requests = append(requests, i.requests(ctx, &v1alpha1.OAuthClientList{}, client.MatchingFields{indexAsked: scope})...)
	}
	return requests
}

func (i *Issuance) clientsInNamespace(ctx context.Context, o client.Object) []reconcile.Request {
	return i.requests(ctx, &v1alpha1.OAuthClientList{}, client.InNamespace(o.GetName()))
}

func (i *Issuance) serversInNamespace(ctx context.Context, o client.Object) []reconcile.Request {
	return i.requests(ctx, &v1alpha1.ResourceServerList{}, client.InNamespace(o.GetName()))
}

func (i *Issuance) allClients(ctx context.Context, _ client.Object) []reconcile.Request {
	return i.requests(ctx, &v1alpha1.OAuthClientList{})
}

func (i *Issuance) allServers(ctx context.Context, _ client.Object) []reconcile.Request {
	return i.requests(ctx, &v1alpha1.ResourceServerList{})
}

func (i *Issuance) clientsUnderPolicy(ctx context.Context, o client.Object) []reconcile.Request {
	return i.underPolicy(ctx, o.GetName(), i.allClients(ctx, nil))
}

func (i *Issuance) serversUnderPolicy(ctx context.Context, o client.Object) []reconcile.Request {
	return i.underPolicy(ctx, o.GetName(), i.allServers(ctx, nil))
}

// underPolicy keeps the requests whose namespace has the policy. Where the labels of a
// namespace are not known, the request is kept.
func (i *Issuance) underPolicy(ctx context.Context, name string, requests []reconcile.Request) []reconcile.Request {
	has := map[string]bool{}
	var kept []reconcile.Request
	for _, request := range requests {
		concerned, looked := has[request.Namespace]
		if !looked {
			ns := namespaceMetadata()
			err := i.Client.Get(ctx, client.ObjectKey{Name: request.Namespace}, ns)
			concerned = err != nil || policy.NameFor(ns.Labels) == name
			has[request.Namespace] = concerned
		}
		if concerned {
			kept = append(kept, request)
		}
	}
	return kept
}

// requests names the objects of the list.
func (i *Issuance) requests(ctx context.Context, list client.ObjectList, options ...client.ListOption) []reconcile.Request {
	if err := i.Client.List(ctx, list, append(options, client.UnsafeDisableDeepCopy)...); err != nil {
		return nil // only before the cache runs; a controller that starts looks at everything
	}
	var requests []reconcile.Request
	add := func(o client.Object) {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)})
	}
	switch list := list.(type) {
	case *v1alpha1.OAuthClientList:
		for n := range list.Items {
			add(&list.Items[n])
		}
	case *v1alpha1.ResourceServerList:
		for n := range list.Items {
			add(&list.Items[n])
		}
	}
	return requests
}
