// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
)

// reclaim puts the claims of next in place of those of old, which are of the same name in
// the cluster; either may be nil. It returns the other objects whose owned scopes may have
// changed by it. It needs the lock.
func (r *Registry) reclaim(old, next *object) []*object {
	var names []string
	for _, o := range []*object{old, next} {
		if o != nil {
			for _, s := range o.declared {
				names = append(names, s.Name)
			}
		}
	}
	slices.Sort(names)
	var others []*object
	for _, name := range slices.Compact(names) {
		before := r.owner(name)
		r.unclaim(name, old)
		r.claim(name, next)
		r.explain(name)
		if after := r.owner(name); after != before {
			others = append(others, before, after)
		}
	}
	return slices.DeleteFunc(others, func(o *object) bool { return o == nil || o == old || o == next })
}

// owner returns the oldest object that declares the scope, or nil.
func (r *Registry) owner(scope string) *object {
	if all := r.claims[scope]; len(all) > 0 {
		return all[0]
	}
	return nil
}

// owned returns the names of the scopes that the object declares and owns.
func (r *Registry) owned(o *object) []string {
	var out []string
	for _, s := range o.declared {
		if r.owner(s.Name) == o {
			out = append(out, s.Name)
		}
	}
	return out
}

func (r *Registry) claim(scope string, o *object) {
	if o == nil || !declares(o, scope) {
		return
	}
	at, _ := slices.BinarySearchFunc(r.claims[scope], o, byAge)
	r.claims[scope] = slices.Insert(r.claims[scope], at, o)
}

func (r *Registry) unclaim(scope string, o *object) {
	if o == nil || !declares(o, scope) {
		return
	}
	r.claims[scope] = slices.DeleteFunc(r.claims[scope], func(other *object) bool { return other == o })
	if len(r.claims[scope]) == 0 {
		delete(r.claims, scope)
	}
}

// explain lets people read the owner's words about the scope.
func (r *Registry) explain(scope string) {
	owner := r.owner(scope)
	if owner == nil {
		r.scopes.Delete(scope)
		return
	}
	at := slices.IndexFunc(owner.declared, func(s authserver.Scope) bool { return s.Name == scope })
	r.scopes.Store(scope, owner.declared[at])
}

func declares(o *object, scope string) bool {
	return slices.ContainsFunc(o.declared, func(s authserver.Scope) bool { return s.Name == scope })
}

// byAge orders objects by v1alpha1.Older, the rule by which the operator decides too.
func byAge(a, b *object) int {
	switch {
	case v1alpha1.Older(a.claimant, b.claimant):
		return -1
	case v1alpha1.Older(b.claimant, a.claimant):
		return 1
	default:
		return 0
	}
}
