// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/apiclient"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

const (
	// publishLag is how long a new credential stands in the status before the Secret has it, so that
	// every server knows it when an application comes with it. Times in the status are whole
	// seconds, so after a start of the operator it is at least one second.
	publishLag = 2 * time.Second
	// maxLive is how many credentials that the operator makes are accepted at a time: the one in use, and the one before it.
	maxLive = 2
	// maxAccepted is how many credentials the status lists and the authorization server compares with at most. A client secret of
	// somebody else changes when they say so, and does not wait for the end of an overlap.
	maxAccepted = 4
	// lookAtTimes is the longest wait for a time: a clock that was set has to be seen.
	lookAtTimes = time.Hour
)

// rotation returns the value of the annotation that asks for a rotation.
func (s subject) rotation() (value string, asked bool) {
	value, asked = s.object.GetAnnotations()[v1alpha1.AnnotationRotateCredentials]
	return value, asked
}

// current returns what is left of the credentials at in.now. The one in use is the last.
//
// Nothing is taken away while the clocks disagree. A clock that was wrong and is right again leaves
// times in the future: they are brought to where they would be, had it been right. One that is older than the one before the one in use
// counts only to its end: nobody would give it one.
func current(in input, issued issue) issue {
	last := len(issued.credentials) - 1
	if last < 0 || !in.clocksAgree {
		return issued
	}
	var left []v1alpha1.CredentialStatus
	for n, c := range issued.credentials {
		if c.IssuedAt.Sub(in.now) > apiclient.MaxSkew {
			c.IssuedAt = second(in.now)
		}
		limit := in.subject.credentials.RotationLimit()
		if c.ExpiresAt != nil && n < last && c.ExpiresAt.Sub(in.now)-limit > apiclient.MaxSkew {
			c.ExpiresAt = endAfter(in.now, limit)
		}
		ended := c.ExpiresAt != nil && !in.now.Before(c.ExpiresAt.Time) || c.ExpiresAt == nil && n <= last-maxLive
		if n == last || !ended && (n < last-1 || !in.isUnused(issued)) {
			left = append(left, c)
		}
	}
	issued.credentials = left
	return issued
}

// endPrevious gives the credential before the one in use its end, but never before the Secret holds
// the one in use: an operator that stops in between leaves an application with a client secret that
// is accepted. The one in use counts as issued from then on: until then nobody could have it. The times that the record in the Secret
// has count, if it has an end.
func endPrevious(in input, issued issue) issue {
	before := beforeLast(issued)
	if before == nil || before.ExpiresAt != nil || !in.clocksAgree || issued.verification != verified || in.secretStays() {
		return issued
	}
	if wait := in.publishes(issued); wait > 0 {
		return issued
	}
	issued.credentials = slices.Clone(issued.credentials)
	before = beforeLast(issued)
	last := &issued.credentials[len(issued.credentials)-1]
	before.ExpiresAt, last.IssuedAt = endAfter(in.now, in.subject.credentials.RotationLimit()), second(in.now)
	if !in.lastWritten(last.ID) {
		issued.ends = true
		return issued
	}
	r, _ := readRecord(in, in.seen.secret)
	for _, c := range r.Credentials[:len(r.Credentials)-1] {
		if c.ID == before.ID && c.ExpiresAt != 0 {
			before.ExpiresAt, last.IssuedAt = timeOf(c.ExpiresAt), second(time.Unix(r.Credentials[len(r.Credentials)-1].IssuedAt, 0))
		}
	}
	return issued
}

func endAfter(now time.Time, overlap time.Duration) *metav1.Time {
	end := second(now.Add(overlap))
	return &end
}

// rotate makes a new credential beside the one in use, if that is due. It does not where the one in use
// could not be made again: a person has to say what becomes of it.
func rotate(in input, issued issue) issue {
	value, asked := in.subject.rotation()
	asked = asked && value != issued.handledRotation
	if issued.verification == unverified || !asked && !in.intervalIsOver(issued) {
		return issued
	}
	if wait := in.whyWait(issued); wait != "" {
		if asked {
			issued.waits = wait
		}
		return issued
	}
	issued.credentials = append(slices.Clone(issued.credentials), newCredential(in, in.newID)...)
	issued.rotated = true
	if asked {
		issued.handledRotation = value
	}
	return withPrevious(in, verify(in, issued))
}

// intervalIsOver reports whether the credential in use is as old as the spec lets it become.
func (in input) intervalIsOver(issued issue) bool {
	due := in.dueAt(issued)
	return !due.IsZero() && !in.now.Before(due)
}

// dueAt returns when the credential in use is as old as the spec lets it become. Zero: never.
func (in input) dueAt(issued issue) time.Time {
	interval, last := in.subject.credentials.RotationInterval(), len(issued.credentials)-1
	if interval == 0 || last < 0 {
		return time.Time{}
	}
	return issued.credentials[last].IssuedAt.Add(interval)
}

// whyWait returns why nothing can be rotated now; empty: it can.
func (in input) whyWait(issued issue) string {
	switch {
	case !in.clocksAgree:
		return "A rotation is asked for. It waits until the clocks of the operator and of the API server agree."
	case beforeLast(issued) != nil:
		return "A rotation is asked for. It waits until the old client secret has ended."
	default:
		return ""
	}
}

// beforeLast returns the credential before the one in use, or nil.
func beforeLast(issued issue) *v1alpha1.CredentialStatus {
	if n := len(issued.credentials) - 2; n >= 0 {
		return &issued.credentials[n]
	}
	return nil
}

// old returns the credentials before the one in use.
func old(issued issue) []v1alpha1.CredentialStatus {
	return issued.credentials[:max(len(issued.credentials)-1, 0)]
}

// withPrevious adds the client secret before the one in use, if the Secret shall hold it, too. One that
// the keys cannot make again is left out.
func withPrevious(in input, issued issue) issue {
	c, rotation := beforeLast(issued), in.subject.credentials.Rotation
	if c == nil || rotation == nil || !rotation.KeepPrevious {
		return issued
	}
	secret := derive(in, c.ID)
	if credential.Verify(in.keys.shared, in.subject.identityUID(), c.ID, secret, c.Verifier) {
		issued.previous = secret
	}
	return issued
}

// publishes returns how long the Secret still waits for the credential in use. Zero: it does not. Only
// a Secret that holds the one before it may wait: that one is accepted.
func (in input) publishes(issued issue) time.Duration {
	before := beforeLast(issued)
	if before == nil || issued.ends || !in.mayWait() || !in.lastWritten(before.ID) {
		return 0
	}
	since := issued.credentials[len(issued.credentials)-1].IssuedAt.Time
	if in.publishedAt.After(since) {
		since = in.publishedAt
	}
	age := in.now.Sub(since)
	if age < 0 || age >= publishLag {
		return 0
	}
	return publishLag - age
}

// lastWritten reports whether the credential is the one that was in use when the Secret was written last.
func (in input) lastWritten(id string) bool {
	r, known := readRecord(in, in.seen.secret)
	n := len(r.Credentials) - 1
	return known && n >= 0 && r.Credentials[n].ID == id
}

// rotatedEvent tells that the Secret gets, or has, a new client secret while the old one still works.
func (o outcome) rotatedEvent() (eventText, bool) {
	before := beforeLast(o.issued)
	if before == nil || !o.lastWritten(before.ID) {
		return eventText{}, false
	}
	given, _ := o.subject.credentials.GivenSecret()
	return eventText{reason: eventRotated, message: fmt.Sprintf(
		"The client secret was rotated: the Secret %s holds a new one.%s", cmp.Or(given, o.subject.secretName), o.overlapMessage())}, true
}
