// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/openid"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

// declaration is a scope as the accepted resource server declares it that holds it.
type declaration struct {
	by        *authserver.ResourceServer
	namespace string // of the resource server
	*v1alpha1.ScopeDeclaration
}

// declaredScope is a declaration as others see it.
type declaredScope struct {
	authserver.Scope
	by *authserver.ResourceServer
}

// scopesOf returns the scopes of a client that are open to its namespace, and those of them
// that need no owner. It needs the lock.
func (r *Registry) scopesOf(o *oauthClient, labels map[string]string) (open, withoutOwner []string) {
	for _, s := range o.spec.Scopes {
		name := string(s)
		if openid.IsScope(name) { // whatever an object that came past the rules of the API declares
			if policy.BuiltInScope(o.spec, name) {
				open = append(open, name)
			}
			continue
		}
		d, declared := r.declared[name]
		if !declared || !policy.ScopeOpen(d.ScopeDeclaration, d.namespace, o.Namespace, labels) {
			continue
		}
		open = append(open, name)
		if d.WithoutOwner {
			withoutOwner = append(withoutOwner, name)
		}
	}
	return open, withoutOwner
}

// PublicScopes returns the scopes that are open to the clients of all namespaces. Others are the
// business of the namespaces that they are open to.
func (r *Registry) PublicScopes() []string {
	if names := r.publicScopes.Load(); names != nil {
		return *names
	}
	return nil
}

// publishScopes makes the public scopes known as they are now. It needs the lock.
func (r *Registry) publishScopes() {
	var names []string
	for name, d := range r.declared {
		if d.EffectiveFrom() == v1alpha1.ScopeFromAll {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = slices.Clip(names[:min(len(names), authserver.MaxPublicScopes)])
	r.publicScopes.Store(&names)
}
