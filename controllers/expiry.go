// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/apiclient"
)

// removedAfter is how long an object that has expired stays after its status said so: long enough for a person to see it
// and to set a later time.
const removedAfter = 24 * time.Hour

func (in input) expired() bool {
	return !in.subject.expiresAt.IsZero() && !in.now.Before(in.subject.expiresAt)
}

func notExpired(in input) (reason, message string, failed bool) {
	if !in.expired() {
		return "", "", false
	}
	message = in.expiredMessage()
	if _, said := in.saidExpired(); !said && !in.clocksAgree {
		message += " That day begins once the clocks of the operator and of the API server agree."
	}
	return string(v1alpha1.AcceptedReasonExpired), message, true
}

// expiredMessage says it where clocks agree. It changes only with the spec.
func (in input) expiredMessage() string {
	kept := "its Secret goes with it, and all grants and tokens end"
	if in.subject.retain {
		kept = "its Secret, grants and tokens are kept (deletionPolicy Retain)"
	}
	return fmt.Sprintf("The time in spec.expiresAt, %s, has passed: every request of this client is refused. The operator deletes the object a day after this was said; %s. "+
		"Until then a later spec.expiresAt brings it back.", in.subject.expiresAt.UTC().Format(time.RFC3339), kept)
}

// saidExpired returns since when the status says of this very spec that the object has expired. What was said while the clocks disagreed
// does not count, because its time may be any: it has other words. Neither does a time that only a wrong clock can have written. The status
// of an object that was restored from a backup said it of another one.
func (in input) saidExpired() (since time.Time, said bool) {
	is := meta.FindStatusCondition(in.subject.status.Conditions, string(v1alpha1.ConditionAccepted))
	if is == nil || in.subject.copied() || is.Reason != string(v1alpha1.AcceptedReasonExpired) || is.Message != in.expiredMessage() ||
		is.ObservedGeneration != in.subject.object.GetGeneration() || in.clocksAgree && is.LastTransitionTime.Sub(in.now) > apiclient.MaxSkew {
		return time.Time{}, false
	}
	return is.LastTransitionTime.Time, true
}

// removalAt returns when the object goes: a day after its status said that it has expired. Zero: it does not.
func (in input) removalAt() time.Time {
	since, said := in.saidExpired()
	if !said || !in.expired() || in.subject.deleted() {
		return time.Time{}
	}
	return since.Add(removedAfter)
}

// isRemovable reports whether the object goes now. A clock that may be wrong does not decide it.
func (in input) isRemovable() bool {
	at := in.removalAt()
	return !at.IsZero() && in.clocksAgree && !in.now.Before(at)
}

// untilExpiry returns how long until something of the expiry is due. Zero: nothing is.
func (in input) untilExpiry() time.Duration {
	next := in.subject.expiresAt
	switch {
	case next.IsZero() || in.subject.deleted():
		return 0
	case !in.clocksAgree:
		return foreignEvery
	case in.expired():
		if next = in.removalAt(); next.IsZero() { // the status is about to say it
			next = in.now.Add(removedAfter)
		}
	}
	return min(max(next.Sub(in.now), time.Second), lookAtTimes)
}

// removeExpired deletes the object that was seen: one that was changed meanwhile stays.
func (i *Issuance) removeExpired(ctx context.Context, s subject) error {
	uid, version := s.uid(), s.object.GetResourceVersion()
	err := i.Client.Delete(ctx, s.withStatus(s.status), client.Preconditions{UID: &uid, ResourceVersion: &version},
		client.PropagationPolicy(metav1.DeletePropagationBackground))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete the object that has expired: %w", err)
	}
	return nil
}

// removedEvent tells that it went.
func removedEvent(s subject) eventText {
	return eventText{reason: eventExpired, message: fmt.Sprintf("The object was deleted: spec.expiresAt was %s.", s.expiresAt.UTC().Format(time.RFC3339))}
}
