// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
)

// claim is something that one object in the cluster can have: the oldest that claims it,
// whatever its status says.
type claim struct {
	kind claimKind
	name string
}

type claimKind int

const (
	claimScope    claimKind = iota // a scope that a resource server declares
	claimClientID                  // a client ID that an object brings along
)

// reclaim puts the claims of next in place of those of old, which are of the same name in
// the cluster; either may be nil. It returns the other objects that may have won or lost
// something by it. It needs the lock.
func (r *Registry) reclaim(old, next *object) []*object {
	all := slices.Concat(old.claims(), next.claims())
	slices.SortFunc(all, func(a, b claim) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name)) })
	var others []*object
	for _, c := range slices.Compact(all) {
		before := r.owner(c)
		r.unclaim(c, old)
		r.claim(c, next)
		if c.kind == claimScope {
			r.explain(c)
		}
		if after := r.owner(c); after != before {
			others = append(others, before, after)
		}
	}
	return slices.DeleteFunc(others, func(o *object) bool { return o == nil || o == old || o == next })
}

// owner returns the oldest object that claims it, or nil.
func (r *Registry) owner(c claim) *object {
	if all := r.claimed[c]; len(all) > 0 {
		return all[0]
	}
	return nil
}

// owned returns the names of the scopes that the object declares and owns.
func (r *Registry) owned(o *object) []string {
	var out []string
	for _, s := range o.declared {
		if r.owner(claim{claimScope, s.Name}) == o {
			out = append(out, s.Name)
		}
	}
	return out
}

// lost returns why the object's client is not served although the object alone says it
// is: somebody else has the client ID that it brought along. Empty: it is served.
func (r *Registry) lost(o *object) string {
	if o.broughtID != "" && r.owner(claim{claimClientID, o.broughtID}) != o {
		return reasonOlder
	}
	return ""
}

func (r *Registry) claim(c claim, o *object) {
	if !slices.Contains(o.claims(), c) {
		return
	}
	at, _ := slices.BinarySearchFunc(r.claimed[c], o, byAge)
	r.claimed[c] = slices.Insert(r.claimed[c], at, o)
}

func (r *Registry) unclaim(c claim, o *object) {
	if !slices.Contains(o.claims(), c) {
		return
	}
	r.claimed[c] = slices.DeleteFunc(r.claimed[c], func(other *object) bool { return other == o })
	if len(r.claimed[c]) == 0 {
		delete(r.claimed, c)
	}
}

// explain lets people read the owner's words about the scope.
func (r *Registry) explain(scope claim) {
	owner := r.owner(scope)
	if owner == nil {
		r.scopes.Delete(scope.name)
		return
	}
	at := slices.IndexFunc(owner.declared, func(s authserver.Scope) bool { return s.Name == scope.name })
	r.scopes.Store(scope.name, owner.declared[at])
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
