// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
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

// previousUse returns when the credential before the one in use was used last.
func (i *Issuance) previousUse(s subject) use {
	n := len(s.status.Credentials) - maxLive
	if n < 0 || i.Usage == nil {
		return use{}
	}
	last, known := i.Usage.LastUsed(types.UID(s.identityUID()), s.status.Credentials[n].ID)
	return use{LastUse: last, known: known}
}

// quietAt returns when the old client secret of a rotation that waits for use was unused for as long as
// the overlap. Zero: that is not known, or nobody waits for it. Before the server began to count it may have
// been used: a store that is new says of each credential that it was never used.
func (in input) quietAt(issued issue) time.Time {
	rotation := in.subject.credentials.Rotation
	if rotation == nil || rotation.WaitForUse == nil || !in.previousUse.known || len(issued.credentials) < maxLive {
		return time.Time{}
	}
	since := issued.credentials[len(issued.credentials)-1].IssuedAt.Time
	for _, used := range []time.Time{in.previousUse.At, in.previousUse.Since} {
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
	return !at.IsZero() && !in.now.Before(at) && !in.previousUse.Until.Before(at)
}

// stillUsed reports whether the old client secret ends soon and is used nevertheless: within the last
// quarter of its overlap. While nobody can tell, it is said if it was said before: an operator that was just started
// does not take it back and say it again.
func (o outcome) stillUsed() bool {
	before := beforeLast(o.issued)
	if before == nil || before.ExpiresAt == nil || !o.now.Before(before.ExpiresAt.Time) {
		return false
	}
	if !o.previousUse.known || !o.clocksAgree {
		said := meta.FindStatusCondition(o.status.Conditions, string(v1alpha1.ConditionOldSecretInUse))
		return said != nil && said.Message == o.stillUsedMessage()
	}
	if o.now.Before(before.ExpiresAt.Add(-warnBefore)) {
		return false
	}
	overlap := before.ExpiresAt.Sub(o.issued.credentials[len(o.issued.credentials)-1].IssuedAt.Time)
	recently := max(overlap/4, 2*usedWithin)
	return overlap >= shortestWarned && o.previousUse.At.After(o.now.Add(-recently))
}

// stillUsedMessage says what to do about it. It changes only with the end and the spec.
func (o outcome) stillUsedMessage() string {
	before := beforeLast(o.issued)
	if before == nil || before.ExpiresAt == nil {
		return ""
	}
	c := o.subject.credentials
	secret, advice := o.subject.secretName, " credentials.rotation.waitForUse keeps an old client secret for as long as it is used."
	switch given, _ := c.GivenSecret(); {
	case given != "":
		secret, advice = given, " A longer credentials.rotation.overlapHours gives more time at the next change."
	case c.Rotation != nil && c.Rotation.WaitForUse != nil:
		advice = " It was kept because it is used, and that is the limit: a higher credentials.rotation.waitForUse.limitHours counts from the next rotation on."
	}
	return fmt.Sprintf("The old client secret is still used, and ends at %s. Have the application read the Secret %s again: restart it, if it reads the Secret only when it starts.%s",
		before.ExpiresAt.UTC().Format(time.RFC3339), secret, advice)
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
	if before := beforeLast(o.issued); before != nil && before.ExpiresAt != nil {
		next = append(next, before.ExpiresAt.Sub(o.now))
		if warn := before.ExpiresAt.Add(-warnBefore).Sub(o.now); warn > 0 {
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
	message := ""
	if before := beforeLast(o.issued); before != nil && before.ExpiresAt != nil {
		end := before.ExpiresAt.UTC().Format(time.RFC3339)
		message = fmt.Sprintf(" The old client secret is accepted until %s.", end)
		if rotation := o.subject.credentials.Rotation; rotation != nil && rotation.WaitForUse != nil {
			message = fmt.Sprintf(" The old client secret is accepted while it is used, until %s at the latest.", end)
		}
	}
	if o.issued.waits != "" {
		message += " " + o.issued.waits
	}
	return message
}
