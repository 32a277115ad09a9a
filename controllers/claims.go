// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

// ledger holds who has which claim. It is built from the status of every object and from the
// released claims, and changes only through settle and forget. It does no I/O and has no lock:
// Claims has both.
//
// A claim belongs to whoever holds it since the earliest time. A callback belongs to a
// namespace, so all its objects may hold it; everything else belongs to one object.
type ledger struct {
	entries  map[policy.Claim]*entry
	objects  map[objectRef]claimed
	released *released
}

// entry is one claim: who holds it and who waits for it.
type entry struct {
	holds   []hold
	waiting []objectRef
}

// hold is one object that holds a claim since a time.
type hold struct {
	ref   objectRef
	uid   types.UID
	since time.Time
	// copied: the status with the time in it was made for another object.
	copied bool
}

// claimed is what one object holds or waits for.
type claimed struct {
	uid    types.UID
	claims []policy.Claim
}

// claimant is an object as the ledger sees it.
type claimant struct {
	ref      objectRef
	uid      types.UID
	wants    []policy.Claim
	recorded []v1alpha1.ClaimStatus // in its status
	copied   bool                   // its status was made for another object
	// denied: it keeps what it holds and takes nothing new, because policy denies it.
	denied bool
}

// claimResult says whether an object holds a claim, or who does.
type claimResult struct {
	policy.Claim
	since time.Time // zero: it waits
	// heldBy and heldSince are of the object that holds it, or of the last one that did.
	heldBy        types.UID
	heldSince     time.Time
	sameNamespace bool
	// reservedUntil: nobody holds it; until then it is kept for the namespace that had it.
	reservedUntil time.Time
	// denied: nobody holds it, and policy does not let this object take it.
	denied bool
}

func (c claimResult) held() bool { return !c.since.IsZero() && c.heldBy == "" }

// status returns the claim as the status records it.
func (c claimResult) status() v1alpha1.ClaimStatus {
	out := v1alpha1.ClaimStatus{Kind: c.Kind, Name: c.Name, HeldBy: string(c.heldBy)}
	if !c.since.IsZero() {
		out.Since = new(metav1.NewMicroTime(c.since))
	}
	if !c.heldSince.IsZero() {
		out.HeldSince = new(metav1.NewMicroTime(c.heldSince))
	}
	return out
}

// claimOf returns what a recorded claim is about.
func claimOf(recorded *v1alpha1.ClaimStatus) policy.Claim {
	return policy.Claim{Kind: recorded.Kind, Name: recorded.Name}
}

func newLedger(r *released) *ledger {
	return &ledger{entries: map[policy.Claim]*entry{}, objects: map[objectRef]claimed{}, released: r}
}

// settle brings the ledger to what the object wants now. It returns what became of each claim,
// in the order of the spec, and the objects that this concerns.
func (l *ledger) settle(c claimant, now time.Time) (results []claimResult, concerned []objectRef) {
	before := l.objects[c.ref]
	for _, claim := range before.claims {
		if before.uid != c.uid || !slices.Contains(c.wants, claim) {
			concerned = append(concerned, l.leave(claim, c.ref, now)...)
		}
	}
	for _, claim := range c.wants {
		result, woken := l.settleOne(claim, c, now)
		results, concerned = append(results, result), append(concerned, woken...)
	}
	if len(c.wants) > 0 {
		l.objects[c.ref] = claimed{uid: c.uid, claims: c.wants}
	} else {
		delete(l.objects, c.ref)
	}
	return results, without(concerned, c.ref)
}

// forget releases everything that an object had which is gone.
func (l *ledger) forget(ref objectRef, now time.Time) (concerned []objectRef) {
	for _, claim := range l.objects[ref].claims {
		concerned = append(concerned, l.leave(claim, ref, now)...)
	}
	delete(l.objects, ref)
	return without(concerned, ref)
}

func (l *ledger) settleOne(claim policy.Claim, c claimant, now time.Time) (claimResult, []objectRef) {
	e := l.entries[claim]
	if e == nil {
		e = &entry{}
		l.entries[claim] = e
	}
	others := l.adopt(e, claim, c, now)
	first, clear := e.first(claim.Kind)
	mine := e.holdOf(c.uid)
	reserved, isReserved := l.released.against(claim, c.ref.namespace, now)
	switch {
	case mine >= 0 && !clear:
		return e.contested(claim, e.holds[mine]), others
	case mine >= 0 && together(claim.Kind, e.holds[mine], first):
		e.waiting = without(e.waiting, c.ref)
		return claimResult{Claim: claim, since: e.holds[mine].since}, others
	case len(e.holds) == 0 && !isReserved && c.denied:
		e.wait(c.ref)
		return claimResult{Claim: claim, denied: true}, others
	case len(e.holds) == 0 && isReserved:
		e.wait(c.ref)
		return claimResult{Claim: claim, heldBy: reserved.Holder, heldSince: reserved.Since, reservedUntil: reserved.until()}, others
	case len(e.holds) == 0 || clear && !c.denied && claim.Kind == v1alpha1.ClaimCallback && first.ref.namespace == c.ref.namespace:
		e.holds = append(e.holds, hold{ref: c.ref, uid: c.uid, since: now.UTC().Truncate(time.Microsecond)})
		e.waiting = without(e.waiting, c.ref)
		l.released.remove(claim)
		return claimResult{Claim: claim, since: e.holds[len(e.holds)-1].since}, others
	default: // somebody else holds it
		if mine >= 0 {
			e.holds = slices.Delete(e.holds, mine, mine+1)
		}
		e.wait(c.ref)
		return claimResult{
			Claim: claim, heldBy: first.uid, heldSince: first.since, sameNamespace: first.ref.namespace == c.ref.namespace,
		}, others
	}
}

// adopt takes over a time that the status records and the ledger does not know: the status was
// restored. It returns the objects that may have lost the claim by it.
func (l *ledger) adopt(e *entry, claim policy.Claim, c claimant, now time.Time) []objectRef {
	since, recorded := policy.Held(c.recorded, claim)
	if !recorded || e.holdOf(c.uid) >= 0 {
		return nil
	}
	at := time.UnixMicro(since).UTC()
	if r, isReserved := l.released.against(claim, c.ref.namespace, now); isReserved && !at.Before(r.Since) {
		return nil
	}
	e.holds = append(e.holds, hold{ref: c.ref, uid: c.uid, since: at, copied: c.copied})
	return e.everybody()
}

// leave takes the object out of the claim. A claim that nobody holds then is kept for its
// namespace. It returns the objects that this concerns.
func (l *ledger) leave(claim policy.Claim, ref objectRef, now time.Time) []objectRef {
	e := l.entries[claim]
	if e == nil {
		return nil
	}
	e.waiting = without(e.waiting, ref)
	at := slices.IndexFunc(e.holds, func(h hold) bool { return h.ref == ref })
	if at >= 0 {
		left := e.holds[at]
		e.holds = slices.Delete(e.holds, at, at+1)
		if len(e.holds) == 0 {
			l.released.add(releasedClaim{
				Kind: claim.Kind, Name: claim.Name, Namespace: ref.namespace, Holder: left.uid, Since: left.since, ReleasedAt: now.UTC(),
			})
		}
	}
	concerned := e.everybody()
	if len(concerned) == 0 {
		delete(l.entries, claim)
	}
	return concerned
}

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
