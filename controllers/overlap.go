// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

const (
	// usedWithin is how exactly the server knows when a credential was used.
	usedWithin = time.Hour
	// warnBefore is how long before its end people are told that an old client secret is still used.
	warnBefore = time.Hour
	// shortestWarned is the shortest overlap that is warned of: what is used is known to the hour.
	shortestWarned = 3 * time.Hour
)

// use is when a credential was used last. known is false while nobody can tell.
type use struct {
	LastUse
	known bool
}

// oldUses returns when the old credentials in the status were used last, by their IDs.
func (i *Issuance) oldUses(s subject) map[string]use {
	credentials := s.status.Credentials
	if i.Usage == nil || len(credentials) < 2 {
		return nil
	}
	uses := make(map[string]use, len(credentials)-1)
	for _, c := range credentials[:len(credentials)-1] {
		last, known := i.Usage.LastUsed(types.UID(s.identityUID()), c.ID)
		uses[c.ID] = use{LastUse: last, known: known}
	}
	return uses
}

// quietAt returns when the old client secret of a rotation that waits for use was unused for as long as
// the overlap. Zero: that is not known, nobody waits for it, or the Secret does not hold the new one yet: as long as that is so, applications
// have no other one. Before the server began to count it may have been used: a store that is new says of each credential that it was never used.
func (in input) quietAt(issued issue) time.Time {
	rotation, before := in.subject.credentials.Rotation, beforeLast(issued)
	if rotation == nil || rotation.WaitForUse == nil || before == nil || before.ExpiresAt == nil || !in.oldUses[before.ID].known {
		return time.Time{}
	}
	since := issued.credentials[len(issued.credentials)-1].IssuedAt.Time
	for _, used := range []time.Time{in.oldUses[before.ID].At, in.oldUses[before.ID].Since} {
		if to := used.Add(usedWithin); to.After(since) {
			since = to
		}
	}
	return since.Add(in.subject.credentials.RotationOverlap())
}

// isUnused reports whether the old client secret of a rotation that waits for use can end. What the server
// has counted is hours old: a use after that is not known yet, so it has to reach as far.
func (in input) isUnused(issued issue) bool {
	at := in.quietAt(issued)
	return !at.IsZero() && !in.now.Before(at) && !in.oldUses[beforeLast(issued).ID].Until.Before(at)
}

// stillUsed returns what to say of an old client secret that ends soon and is used nevertheless; empty: there is none. While nobody can
// tell, it is said if it was said before: an operator that was just started does not take it back and say it again.
func (o outcome) stillUsed() string {
	said := meta.FindStatusCondition(o.status.Conditions, string(v1alpha1.ConditionOldSecretInUse))
	for n, c := range old(o.issued) {
		if c.ExpiresAt == nil || !o.now.Before(c.ExpiresAt.Time) {
			continue
		}
		message := o.stillUsedMessage(c.ExpiresAt)
		known := o.oldUses[c.ID].known && o.clocksAgree
		if known && o.endsInUse(n) || !known && said != nil && said.Message == message {
			return message
		}
	}
	return ""
}

// endsInUse reports whether the nth credential ends soon and was used within the last quarter of its overlap.
func (o outcome) endsInUse(n int) bool {
	c := o.issued.credentials[n]
	if o.now.Before(c.ExpiresAt.Add(-warnBefore)) {
		return false
	}
	overlap := c.ExpiresAt.Sub(o.issued.credentials[n+1].IssuedAt.Time)
	recently := max(overlap/4, 2*usedWithin)
	return overlap >= shortestWarned && o.oldUses[c.ID].At.After(o.now.Add(-recently))
}

// stillUsedMessage says what to do about it. It changes only with the end and the spec.
func (o outcome) stillUsedMessage(end *metav1.Time) string {
	c := o.subject.credentials
	secret, advice := o.subject.secretName, " credentials.rotation.waitForUse keeps an old client secret for as long as it is used."
	switch given, _ := c.GivenSecret(); {
	case given != "":
		secret, advice = given, " A longer credentials.rotation.overlapHours gives more time at the next change."
	case c.Rotation != nil && c.Rotation.WaitForUse != nil:
		advice = " It was kept because it is used, and that is the limit: a higher credentials.rotation.waitForUse.limitHours counts from the next rotation on."
	}
	return fmt.Sprintf("The old client secret is still used, and ends at %s. Have the application read the Secret %s again: restart it, if it reads the Secret only when it starts.%s",
		end.UTC().Format(time.RFC3339), secret, advice)
}

// stillUsedEvent is the Event about that condition, once.
func stillUsedEvent(before, after []metav1.Condition) eventText {
	is := meta.FindStatusCondition(after, string(v1alpha1.ConditionOldSecretInUse))
	if is == nil || meta.FindStatusCondition(before, string(v1alpha1.ConditionOldSecretInUse)) != nil {
		return eventText{}
	}
	return eventText{warning: true, reason: is.Type, message: is.Message}
}

// rotationTimes returns how long until a credential ends or is due. Zero: nothing is awaited. A rotation that is
// due is made in this reconcile, or else waits for something that no time tells.
func (o outcome) rotationTimes() time.Duration {
	var next []time.Duration
	for _, c := range old(o.issued) {
		if c.ExpiresAt == nil {
			continue
		}
		next = append(next, c.ExpiresAt.Sub(o.now))
		if warn := c.ExpiresAt.Add(-warnBefore).Sub(o.now); warn > 0 {
			next = append(next, warn)
		}
	}
	if quiet := o.quietAt(o.issued); quiet.After(o.now) {
		next = append(next, quiet.Sub(o.now))
	} else if !quiet.IsZero() { // the server has not counted until then
		next = append(next, pollInterval)
	}
	if due := o.dueAt(o.issued); due.After(o.now) {
		next = append(next, due.Sub(o.now))
	} else if !due.IsZero() && beforeLast(o.issued) == nil { // something stands in the way, and is looked at again
		next = append(next, foreignEvery)
	}
	switch {
	case !o.clocksAgree && (len(next) > 0 || o.issued.waits != "" || beforeLast(o.issued) != nil):
		return foreignEvery
	case len(next) == 0:
		return 0
	default:
		return min(max(slices.Min(next), time.Second), lookAtTimes)
	}
}

// overlapMessage says what people have to know of a rotation; may be empty.
func (o outcome) overlapMessage() string {
	var ends []string
	for _, c := range old(o.issued) {
		if c.ExpiresAt != nil {
			ends = append(ends, c.ExpiresAt.UTC().Format(time.RFC3339))
		}
	}
	message := ""
	switch rotation := o.subject.credentials.Rotation; {
	case len(ends) > 1:
		message = fmt.Sprintf(" %d old client secrets are accepted, until %s.", len(ends), strings.Join(ends, " and until "))
	case len(ends) == 1 && rotation != nil && rotation.WaitForUse != nil:
		message = fmt.Sprintf(" The old client secret is accepted while it is used, until %s at the latest.", ends[0])
	case len(ends) == 1:
		message = fmt.Sprintf(" The old client secret is accepted until %s.", ends[0])
	}
	if o.issued.waits != "" {
		message += " " + o.issued.waits
	}
	return message
}
