// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"maps"
	"reflect"
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

// All of this file needs the lock.

// stale names what changed and what depends on it was not evaluated since.
type stale struct{ namespaces, policies, scopes map[string]bool }

func newStale() stale {
	return stale{namespaces: map[string]bool{}, policies: map[string]bool{}, scopes: map[string]bool{}}
}

func (r *Registry) clientChanged(old, next *oauthClient) {
	replaceObject(r.clientClaims, old, next, r.publishClient, func(o *oauthClient) { r.withdrawClient(o.client) })
}

func (r *Registry) resourceServerChanged(old, next *resourceServer) {
	replaceObject(r.resourceClaims, old, next, r.publishResourceServer, func(o *resourceServer) { r.withdrawResourceServer(o.resource) })
}

// replaceObject publishes next in place of old, and then the others that gained or lost a claim by it. Either
// of the two may be the zero value. Next comes first, so that no reader finds nothing in between.
func replaceObject[T interface {
	comparable
	base() *object
}](held claims[T], old, next T, publish, withdraw func(T)) {
	var none T
	others := held.move(old, next)
	if next != none {
		if old != none && old.base().UID == next.base().UID {
			next.base().logged = old.base().logged
		}
		publish(next)
	}
	if old != none {
		withdraw(old)
	}
	for _, o := range others {
		publish(o)
	}
}

func (r *Registry) policyChanged(old, next *policyObject) {
	switch {
	case next == nil:
		r.stale.policies[old.Name] = true
	case old == nil || !reflect.DeepEqual(old.spec, next.spec):
		r.stale.policies[next.Name] = true
	}
}

// namespaceChanged looks at labels: one names the policy, and scopes are opened by them.
func (r *Registry) namespaceChanged(old, next *namespaceObject) {
	switch {
	case next == nil:
		r.stale.namespaces[old.Name] = true
	case old == nil || !maps.Equal(old.Labels, next.Labels):
		r.stale.namespaces[next.Name] = true
	}
}

// settle evaluates what depends on what changed: the resource servers first, because clients
// have the scopes that those declare.
func (r *Registry) settle() {
	if len(r.stale.namespaces)+len(r.stale.policies) > 0 {
		for _, o := range r.resourceServers.all {
			if r.isStale(&o.object) {
				r.publishResourceServer(o)
			}
		}
		for _, o := range r.clients.all {
			if r.isStale(&o.object) {
				r.publishClient(o)
			}
		}
	}
	if len(r.stale.scopes) > 0 {
		r.publishScopes()
		for _, o := range r.clients.all {
			if o.spec != nil && slices.ContainsFunc(o.spec.Scopes, func(s v1alpha1.Scope) bool { return r.stale.scopes[string(s)] }) {
				r.publishClient(o)
			}
		}
	}
	if len(r.stale.namespaces)+len(r.stale.policies)+len(r.stale.scopes) > 0 {
		r.stale = newStale()
	}
}

func (r *Registry) isStale(o *object) bool {
	if r.stale.namespaces[o.Namespace] {
		return true
	}
	ns, known := r.namespaces.all[o.Namespace]
	return known && r.stale.policies[policy.NameFor(ns.Labels)]
}

// publishClient makes the object's client known as it is now, or unknown.
func (r *Registry) publishClient(o *oauthClient) {
	before := o.client
	client, reason := r.clientOf(o)
	o.client = client
	r.logUnserved("OAuthClient", &o.object, reason)
	if client != nil {
		r.byID.Store(client.ID, client)
		r.byUID.Store(client.UID, client)
	}
	r.withdrawClient(before)
}

// withdrawClient makes a client unknown, unless another one was published in its place. c may be
// nil.
func (r *Registry) withdrawClient(c *authserver.Client) {
	if c != nil {
		r.byID.CompareAndDelete(c.ID, c)
		r.byUID.CompareAndDelete(c.UID, c)
	}
}

// publishResourceServer makes the object's resource server known as it is now, or unknown.
func (r *Registry) publishResourceServer(o *resourceServer) {
	before := o.resource
	resource, reason := r.resourceServerOf(o)
	o.resource = resource
	r.logUnserved("ResourceServer", &o.object, reason)
	if resource != nil {
		r.resources.Store(resource.ID, resource)
		r.uids.Store(resource.UID, resource)
		for _, identifier := range resource.Identifiers {
			r.identified.Store(identifier, resource)
		}
		r.declare(o)
	}
	r.withdrawResourceServer(before)
}

// withdrawResourceServer makes a resource server unknown, unless another one was published in its
// place, and takes back the scopes that nobody has declared since. s may be nil.
func (r *Registry) withdrawResourceServer(s *authserver.ResourceServer) {
	if s == nil {
		return
	}
	r.resources.CompareAndDelete(s.ID, s)
	r.uids.CompareAndDelete(s.UID, s)
	for _, identifier := range s.Identifiers {
		r.identified.CompareAndDelete(identifier, s)
	}
	for _, name := range s.OwnedScopes {
		if d := r.declared[name]; d.by == s {
			delete(r.declared, name)
			r.scopes.Delete(name)
			r.stale.scopes[name] = true
		}
	}
}

// declare makes the scopes known that an accepted resource server holds. Those that it held
// before stand until what it was before is withdrawn.
func (r *Registry) declare(o *resourceServer) {
	if !o.resource.Accepted {
		return
	}
	for i := range o.spec.Scopes {
		d := &o.spec.Scopes[i]
		name := string(d.Name)
		if !slices.Contains(o.resource.OwnedScopes, name) {
			continue
		}
		before := r.declared[name]
		if before.namespace != o.Namespace || !reflect.DeepEqual(before.ScopeDeclaration, d) {
			r.stale.scopes[name] = true
		}
		r.declared[name] = declaration{by: o.resource, namespace: o.Namespace, ScopeDeclaration: d}
		r.scopes.Store(name, declaredScope{authserver.Scope{Name: name, Description: string(d.Description)}, o.resource})
	}
}

// logUnserved logs once why something is not served. Before everything has been read that is not known.
func (r *Registry) logUnserved(kind string, o *object, reason string) {
	if !r.logging {
		return
	}
	if reason != "" && reason != o.logged {
		r.log.Warn("an object is not served, or only a part of it", "kind", kind, "namespace", o.Namespace, "name", o.Name, "reason", reason, "err", o.err)
	}
	o.logged = reason
}

// logAll logs what is not served, once everything has been read. It takes the lock.
func (r *Registry) logAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logging = true
	for _, o := range r.resourceServers.all {
		r.publishResourceServer(o)
	}
	for _, o := range r.clients.all {
		r.publishClient(o)
	}
}
