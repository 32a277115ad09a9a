// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

// first returns the hold that counts: the earliest one. clear is false where two of one moment
// exclude each other. Then the one whose status is its own counts, if there is one alone.
func (e *entry) first(kind v1alpha1.ClaimKind) (first hold, clear bool) {
	clear = true
	for i, h := range e.holds {
		switch {
		case i == 0 || h.since.Before(first.since):
			first, clear = h, true
		case h.since.After(first.since) || together(kind, h, first):
		case first.copied && !h.copied:
			first, clear = h, true
		case first.copied == h.copied:
			clear = false
		}
	}
	return first, clear
}

// together reports whether two holds do not exclude each other.
func together(kind v1alpha1.ClaimKind, a, b hold) bool {
	if kind == v1alpha1.ClaimCallback {
		return a.ref.namespace == b.ref.namespace
	}
	return a.uid == b.uid
}

// contested is the result where two hold a claim since the same moment: nobody has it.
func (e *entry) contested(claim policy.Claim, mine hold) claimResult {
	at := slices.IndexFunc(e.holds, func(h hold) bool { return h.since.Equal(mine.since) && !together(claim.Kind, h, mine) })
	if at < 0 { // two others hold it before this one
		first, _ := e.first(claim.Kind)
		return claimResult{Claim: claim, heldBy: first.uid, heldSince: first.since}
	}
	other := e.holds[at]
	return claimResult{
		Claim: claim, since: mine.since, heldBy: other.uid, heldSince: other.since,
		sameNamespace: other.ref.namespace == mine.ref.namespace,
	}
}

func (e *entry) holdOf(uid types.UID) int {
	return slices.IndexFunc(e.holds, func(h hold) bool { return h.uid == uid })
}

func (e *entry) wait(ref objectRef) {
	if !slices.Contains(e.waiting, ref) {
		e.waiting = append(e.waiting, ref)
	}
}

// standing is what everybody who wants a claim depends on.
type standing struct {
	first       hold
	clear, held bool
}

func (e *entry) standing(kind v1alpha1.ClaimKind) standing {
	first, clear := e.first(kind)
	return standing{first: first, clear: clear, held: len(e.holds) > 0}
}

// concerned returns the objects for which something is different than it was before: nobody,
// as long as the same hold counts. Of a thousand clients of a namespace that share a callback
// one may go without a look at all others.
func (e *entry) concerned(kind v1alpha1.ClaimKind, before standing) []objectRef {
	after := e.standing(kind)
	switch {
	case !before.clear || !after.clear:
		return e.everybody()
	case before.held == after.held && before.first.uid == after.first.uid && before.first.since.Equal(after.first.since):
		return nil
	}
	refs := slices.Clone(e.waiting) // their status says who holds it
	for _, h := range e.holds {
		if !together(kind, h, after.first) || before.held && !together(kind, h, before.first) {
			refs = append(refs, h.ref)
		}
	}
	return refs
}

// everybody returns who holds the claim and who waits for it.
func (e *entry) everybody() []objectRef {
	refs := slices.Clone(e.waiting)
	for _, h := range e.holds {
		refs = append(refs, h.ref)
	}
	return refs
}

func without(refs []objectRef, ref objectRef) []objectRef {
	return slices.DeleteFunc(refs, func(r objectRef) bool { return r == ref })
}
