// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

// claims knows which objects of one kind record that they hold a claim, and to whom it is served:
// to the one that records it since earliest. Who holds what, the operator decides; this server
// serves what the statuses record.
type claims[T interface {
	comparable
	base() *object
}] map[policy.Claim]*holders[T]

// holders are those that record one claim.
type holders[T comparable] struct {
	all    []T
	owner  string // to whom it is served; empty: to nobody, because two record the same time
	since  int64  // of the earliest
	shared bool   // two owners record the earliest time
}

// owner returns to whom the claim would belong: a callback to the namespace, all else to the
// object.
func (o *object) owner(c policy.Claim) string {
	if c.Kind == v1alpha1.ClaimCallback {
		return o.Namespace
	}
	return string(o.UID)
}

// move takes the claims of old out and those of next in; either may be the zero value. It
// returns the other objects that gained or lost one by it.
func (c claims[T]) move(old, next T) []T {
	var none T
	before := map[policy.Claim]string{}
	for _, o := range []T{old, next} {
		if o == none {
			continue
		}
		for _, claim := range o.base().wanted {
			if h := c[claim]; h != nil {
				before[claim] = h.owner
			}
		}
	}
	if old != none {
		c.takeOut(old)
	}
	if next != none {
		c.putIn(next)
	}
	var others []T
	for claim, owner := range before {
		if h := c[claim]; h != nil && h.owner != owner {
			others = append(others, h.all...)
		}
	}
	return slices.DeleteFunc(others, func(o T) bool { return o == old || o == next })
}

func (c claims[T]) takeOut(o T) {
	for _, claim := range o.base().wanted {
		since, held := o.base().heldSince(claim)
		h := c[claim]
		if !held || h == nil {
			continue
		}
		h.all = slices.DeleteFunc(h.all, func(other T) bool { return other == o })
		if len(h.all) == 0 {
			delete(c, claim)
			continue
		}
		if since > h.since {
			continue
		}
		h.owner, h.shared = "", false
		for n, other := range h.all {
			theirs, _ := other.base().heldSince(claim)
			h.note(n == 0, other.base().owner(claim), theirs)
		}
	}
}

func (c claims[T]) putIn(o T) {
	for _, claim := range o.base().wanted {
		since, held := o.base().heldSince(claim)
		if !held {
			continue
		}
		h := c[claim]
		if h == nil {
			h = &holders[T]{}
			c[claim] = h
		}
		h.note(len(h.all) == 0, o.base().owner(claim), since)
		h.all = append(h.all, o)
	}
}

// note takes into account that the owner records the claim since then.
func (h *holders[T]) note(first bool, owner string, since int64) {
	switch {
	case first || since < h.since:
		h.owner, h.since, h.shared = owner, since, false
	case since == h.since && (h.shared || h.owner != owner):
		h.owner, h.shared = "", true
	}
}

// holds reports whether the claim is served to the object.
func (c claims[T]) holds(o T, claim policy.Claim) bool {
	if _, held := o.base().heldSince(claim); !held {
		return false
	}
	h := c[claim]
	return h != nil && h.owner == o.base().owner(claim)
}
