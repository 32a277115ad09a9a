// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Registry knows every OAuthClient of the cluster. It implements authserver.Clients from
// memory: reading takes no lock, and a change costs the same however many clients there are.
type Registry struct {
	log   *slog.Logger
	watch *watch

	byID   sync.Map // client ID -> *authserver.Client
	byUID  sync.Map // UID -> *authserver.Client
	scopes sync.Map // name -> authserver.Scope

	mu      sync.Mutex
	objects map[string]*object  // by namespace and name
	claimed map[claim][]*object // who wants it, the owner first
}

// New returns a Registry of the cluster that config leads to. It knows nobody before Run.
func New(config *rest.Config, log *slog.Logger) (*Registry, error) {
	scheme := runtime.NewScheme()
	gv := v1alpha1.GroupVersion
	scheme.AddKnownTypeWithName(gv.WithKind("OAuthClient"), &object{})
	scheme.AddKnownTypeWithName(gv.WithKind("OAuthClientList"), &objectList{})
	metav1.AddToGroupVersion(scheme, gv)
	client, err := newClient(config, scheme, gv)
	if err != nil {
		return nil, fmt.Errorf("prepare to watch OAuthClients: %w", err)
	}
	r := newRegistry(log)
	r.watch = newWatch(client, source{resource: "oauthclients", selector: fields.Everything(), kind: &object{}}, r, log)
	return r, nil
}

func newRegistry(log *slog.Logger) *Registry {
	return &Registry{log: log, objects: map[string]*object{}, claimed: map[claim][]*object{}}
}

// Run keeps the registry up to date until ctx ends. While the API server is gone it keeps
// trying, and what is known stays in use.
func (r *Registry) Run(ctx context.Context) { r.watch.run(ctx) }

// Synced reports whether every OAuthClient has been read once.
func (r *Registry) Synced() bool { return r.watch.complete() }

// LastContact returns when the API server was last heard of: an event, a bookmark or a whole list. The
// registry is as old as that. Before the first contact it is the zero time.
func (r *Registry) LastContact() time.Time { return r.watch.contact.last() }

// Filled is closed when every OAuthClient has been read once.
func (r *Registry) Filled() <-chan struct{} { return r.watch.filled }

// WaitForSync returns nil once every OAuthClient has been read, or ctx's error. It logs
// every few seconds what it waits for.
func (r *Registry) WaitForSync(ctx context.Context) error {
	return r.watch.wait(ctx, "waiting for the OAuthClients to be read from the API server")
}

// ByID returns the client with this client ID.
func (r *Registry) ByID(id string) (*authserver.Client, bool) {
	return load[*authserver.Client](&r.byID, id)
}

// ByUID returns the client with this UID.
func (r *Registry) ByUID(uid string) (*authserver.Client, bool) {
	return load[*authserver.Client](&r.byUID, uid)
}

// Scope returns a scope as its resource server declared it. Of several the oldest owns it.
func (r *Registry) Scope(name string) (authserver.Scope, bool) {
	return load[authserver.Scope](&r.scopes, name)
}

func load[T any](m *sync.Map, key string) (T, bool) {
	value, ok := m.Load(key)
	if !ok {
		var none T
		return none, false
	}
	return value.(T), true
}

// upsert takes in a new or changed object.
func (r *Registry) upsert(o *object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(o)
}

// remove forgets an object.
func (r *Registry) remove(o *object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(o.key())
}

// replace takes in everything there is, and forgets the rest.
func (r *Registry) replace(all []*object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	gone := make(map[string]bool, len(r.objects))
	for key := range r.objects {
		gone[key] = true
	}
	for _, o := range all {
		delete(gone, o.key())
		r.put(o)
	}
	for key := range gone {
		r.drop(key)
	}
}

// put needs the lock.
func (r *Registry) put(o *object) {
	old := r.objects[o.key()]
	r.objects[o.key()] = o
	others := r.reclaim(old, o)
	said := ""
	if old != nil && old.UID == o.UID {
		said = old.unserved
	}
	r.publish(o, said)
	r.withdraw(old)
	r.republish(others)
}

// drop needs the lock.
func (r *Registry) drop(key string) {
	old := r.objects[key]
	if old == nil {
		return
	}
	delete(r.objects, key)
	others := r.reclaim(old, nil)
	r.withdraw(old)
	r.republish(others)
}

func (r *Registry) republish(all []*object) {
	for _, o := range all {
		r.publish(o, o.unserved)
	}
}

// publish makes the object's client known, with the scopes it owns now. If it is not
// served it is made unknown, and the reason logged, unless that was said before.
func (r *Registry) publish(o *object, said string) {
	if o.client != nil {
		o.unserved = r.lost(o)
	}
	if o.unserved != "" && o.unserved != said {
		r.log.Warn("an OAuthClient is not served", "namespace", o.Namespace, "name", o.Name, "reason", o.unserved, "err", o.err)
	}
	if o.client == nil {
		return
	}
	if o.unserved != "" {
		r.withdraw(o)
		return
	}
	if len(o.declared) > 0 {
		// Readers may hold the old one, so a changed client is another one.
		c := *o.client
		c.OwnedScopes = r.owned(o)
		o.client = &c
	}
	r.byID.Store(o.client.ID, o.client)
	r.byUID.Store(o.client.UID, o.client)
}

// withdraw makes the object's client unknown, unless another one has been published in its
// place meanwhile. o may be nil.
func (r *Registry) withdraw(o *object) {
	if o == nil || o.client == nil {
		return
	}
	r.byID.CompareAndDelete(o.client.ID, o.client)
	r.byUID.CompareAndDelete(o.client.UID, o.client)
}
