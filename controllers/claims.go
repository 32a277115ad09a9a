// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
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
	e := cmp.Or(l.entries[claim], &entry{})
	others := l.adopt(e, claim, c, now)
	first, clear := e.first(claim.Kind)
	mine := e.holdOf(c.uid)
	l.entries[claim] = e // also where it is there: key and hold share the memory of the object in the cache from now on
	if mine >= 0 {
		e.holds[mine].ref, e.holds[mine].uid = c.ref, c.uid
	}
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
	before, restored := e.standing(claim.Kind), hold{ref: c.ref, uid: c.uid, since: at, copied: c.copied}
	e.holds = append(e.holds, restored)
	if before.held && !together(claim.Kind, before.first, restored) {
		return e.everybody()
	}
	return e.concerned(claim.Kind, before)
}

// leave takes the object out of the claim. A claim that nobody holds then is kept for its
// namespace. It returns the objects that this concerns.
func (l *ledger) leave(claim policy.Claim, ref objectRef, now time.Time) []objectRef {
	e := l.entries[claim]
	if e == nil {
		return nil
	}
	before := e.standing(claim.Kind)
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
	if len(e.holds)+len(e.waiting) == 0 {
		delete(l.entries, claim)
	}
	return e.concerned(claim.Kind, before)
}
