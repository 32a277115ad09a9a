// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// Registry knows every OAuthClient and ResourceServer of one class, the policies, and the labels
// of the namespaces. It implements authserver.Clients from memory: reading takes no lock.
type Registry struct {
	class    string
	clusters []string // see View
	log      *slog.Logger
	watches  []*watch
	filled   chan struct{} // closed when everything has been read once

	byID      sync.Map // client ID -> *authserver.Client
	byUID     sync.Map // UID -> *authserver.Client
	resources sync.Map // client ID -> *authserver.ResourceServer
	uids      sync.Map // UID -> *authserver.ResourceServer
	scopes    sync.Map // name -> declaredScope
	// identified are the resource servers by their identifiers: identifier -> *authserver.ResourceServer
	identified sync.Map
	// publicScopes are those of scopes that are open to all namespaces, in alphabetical order.
	publicScopes atomic.Pointer[[]string]

	mu              sync.Mutex
	clients         table[*oauthClient]
	resourceServers table[*resourceServer]
	policies        table[*policyObject]
	namespaces      table[*namespaceObject]
	clientClaims    claims[*oauthClient]
	resourceClaims  claims[*resourceServer]
	declared        map[string]declaration // by the name of the scope
	stale           stale
	sharedKey       credential.Key
	logging         bool // what is not served is logged: everything has been read
}

// New returns a Registry of the objects of a class in the cluster that config leads to, as far as
// the view goes. It knows nobody before Run.
func New(config *rest.Config, class string, view View, log *slog.Logger) (*Registry, error) {
	r := newRegistry(class, log)
	r.clusters = view.Clusters
	ours := v1alpha1.GroupVersion
	err := r.add(config, ours, map[string]runtime.Object{
		"OAuthClient": &oauthClient{}, "OAuthClientList": &list[oauthClient]{},
		"ResourceServer": &resourceServer{}, "ResourceServerList": &list[resourceServer]{},
		"OAuthClientPolicy": &policyObject{}, "OAuthClientPolicyList": &list[policyObject]{},
	}, func(c rest.Interface) []*watch {
		watches := slices.Concat(
			watchesOf(c, view, every("oauthclients", &oauthClient{}), &r.clients, log),
			watchesOf(c, view, every("resourceservers", &resourceServer{}), &r.resourceServers, log),
		)
		if !view.isChosen() {
			watches = append(watches, newWatch(c, every("oauthclientpolicies", &policyObject{}), &r.policies, log))
		}
		return watches
	})
	if err != nil {
		return nil, err
	}
	if view.isChosen() {
		r.know(view)
		return r, nil
	}
	return r, r.add(config, schema.GroupVersion{Version: "v1"}, map[string]runtime.Object{
		"Namespace": &namespaceObject{}, "NamespaceList": &list[namespaceObject]{},
	}, func(c rest.Interface) []*watch {
		return []*watch{newWatch(c, every("namespaces", &namespaceObject{}), &r.namespaces, log)}
	})
}

// add adds the watches of the kinds of one group.
func (r *Registry) add(config *rest.Config, gv schema.GroupVersion, kinds map[string]runtime.Object, watches func(rest.Interface) []*watch) error {
	scheme := runtime.NewScheme()
	for kind, as := range kinds {
		scheme.AddKnownTypeWithName(gv.WithKind(kind), as)
	}
	metav1.AddToGroupVersion(scheme, gv)
	client, err := newClient(config, scheme, gv)
	if err != nil {
		return fmt.Errorf("prepare to watch %s: %w", gv, err)
	}
	r.watches = append(r.watches, watches(client)...)
	return nil
}

func every(resource string, kind runtime.Object) source {
	return source{resource: resource, selector: fields.Everything(), kind: kind}
}

func newRegistry(class string, log *slog.Logger) *Registry {
	r := &Registry{
		class: class, log: log, filled: make(chan struct{}),
		clientClaims: claims[*oauthClient]{}, resourceClaims: claims[*resourceServer]{},
		declared: map[string]declaration{}, stale: newStale(),
	}
	r.clients = table[*oauthClient]{mu: &r.mu, all: map[string]*oauthClient{}, changed: r.clientChanged, settle: r.settle,
		ignored: func(o *oauthClient) bool { return o.spec != nil && o.class != class }}
	r.resourceServers = table[*resourceServer]{mu: &r.mu, all: map[string]*resourceServer{}, changed: r.resourceServerChanged, settle: r.settle,
		ignored: func(o *resourceServer) bool { return o.spec != nil && o.class != class }}
	r.policies = table[*policyObject]{mu: &r.mu, all: map[string]*policyObject{}, changed: r.policyChanged, settle: r.settle}
	r.namespaces = table[*namespaceObject]{mu: &r.mu, all: map[string]*namespaceObject{}, changed: r.namespaceChanged, settle: r.settle}
	return r
}

// Run keeps the registry up to date until ctx ends. While the API server is gone it keeps
// trying, and what is known stays in use.
func (r *Registry) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, w := range r.watches {
		running.Go(func() { w.run(ctx) })
	}
	running.Go(func() {
		for _, w := range r.watches {
			select {
			case <-w.filled:
			case <-ctx.Done():
				return
			}
		}
		r.logAll()
		close(r.filled)
	})
	running.Wait()
}

// Synced reports whether everything has been read once.
func (r *Registry) Synced() bool {
	select {
	case <-r.filled:
		return true
	default:
		return false
	}
}

// Filled is closed when everything has been read once.
func (r *Registry) Filled() <-chan struct{} { return r.filled }

// LastContact returns when the API server was last heard of for the kind it was silent about for
// longest: an event, a bookmark or a whole list. The registry is as old as that. Before the first
// contact it is the zero time.
func (r *Registry) LastContact() time.Time {
	oldest := r.watches[0].contact.last()
	for _, w := range r.watches[1:] {
		if at := w.contact.last(); at.Before(oldest) {
			oldest = at
		}
	}
	return oldest
}

// WaitForSync returns nil once everything has been read, or ctx's error. It logs every few
// seconds what it waits for.
func (r *Registry) WaitForSync(ctx context.Context) error {
	return await(ctx, r.filled, func() {
		for _, w := range r.watches {
			if !w.complete() {
				r.log.WarnContext(ctx, "waiting for objects to be read from the API server", "resource", w.contact.resource)
			}
		}
	})
}

// ByID returns the client with this client ID.
func (r *Registry) ByID(id string) (*authserver.Client, bool) {
	return load[*authserver.Client](&r.byID, id)
}

// ByUID returns the client with this UID.
func (r *Registry) ByUID(uid string) (*authserver.Client, bool) {
	return load[*authserver.Client](&r.byUID, uid)
}

// Named returns the client that the OAuthClient of the namespace and name declares.
func (r *Registry) Named(namespace, name string) (*authserver.Client, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o, ok := r.clients.all[namespace+"/"+name]
	if !ok || o.client == nil {
		return nil, false
	}
	return o.client, true
}

// Knows reports whether there is a client or a resource server with the UID.
func (r *Registry) Knows(uid string) bool {
	if _, ok := r.byUID.Load(uid); ok {
		return true
	}
	_, ok := r.uids.Load(uid)
	return ok
}

// ResourceServerByID returns the resource server with this client ID.
func (r *Registry) ResourceServerByID(id string) (*authserver.ResourceServer, bool) {
	return load[*authserver.ResourceServer](&r.resources, id)
}

// ResourceServerByIdentifier returns the resource server that holds the identifier.
func (r *Registry) ResourceServerByIdentifier(identifier string) (*authserver.ResourceServer, bool) {
	return load[*authserver.ResourceServer](&r.identified, identifier)
}

// ResourceServerOf returns the resource server that holds the scope.
func (r *Registry) ResourceServerOf(scope string) (*authserver.ResourceServer, bool) {
	d, ok := load[declaredScope](&r.scopes, scope)
	return d.by, ok
}

// Scope returns a scope as the resource server that holds it declares it.
func (r *Registry) Scope(name string) (authserver.Scope, bool) {
	d, ok := load[declaredScope](&r.scopes, name)
	return d.Scope, ok
}

func load[T any](m *sync.Map, key string) (T, bool) {
	value, ok := m.Load(key)
	if !ok {
		var none T
		return none, false
	}
	return value.(T), true
}
