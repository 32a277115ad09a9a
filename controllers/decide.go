// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// foreignEvery is how often a Secret that is somebody else's is looked at again. It does not
// bear our label, so no watch tells when it goes.
const foreignEvery = time.Minute

// input is everything that a decision depends on.
type input struct {
	subject subject
	seen    observation
	claims  []claimResult
	keys    keyPair
	issuer  string
	now     time.Time
	newID   string // spent if a reset makes a credential

	// status is what the decision starts from, and issued what was decided about the
	// credentials. decide fills both in, before it asks the checks that need them.
	status v1alpha1.OAuthClientStatus
	issued issue
}

// decision is what a reconcile will do.
type decision struct {
	// steps are the writes, in this order. One that fails ends the reconcile.
	steps []step
	// after is when to look again although nothing has changed. Zero: never.
	after time.Duration
}

// step is one request: exactly one of status, create, apply and remove is set.
type step struct {
	status *v1alpha1.OAuthClientStatus
	create *secretContent
	apply  *secretApply
	remove *secretRef
	// dryRun: create and apply only ask whether the API server would take it.
	dryRun bool
	// event is what people are told once it is done; may be empty.
	event eventText
	// refused returns the status to write if the API server refuses the step for good,
	// with our words for the reason. nil: the status says nothing of it.
	refused func(message string) v1alpha1.OAuthClientStatus
}

// decide decides about one object. It has no client, no clock and no randomness.
//
//	new             Secret, status (credential, Issued)
//	reset           dry run, status (credential, Issuing), Secret, status (Issued)
//	Secret changed  Secret
//	renamed         Secret, old Secret away, status
//	immutable, or of another type: dry run, old Secret away, Secret
//	unchanged       nothing
//	denied          status; credentials and Secret stay as they are
//
// The first credential follows from the UID, so a crash between Secret and status makes no
// second one. A reset is in the status before it is in the Secret, and only after the API
// server has said that it would take the Secret.
func decide(in input) decision {
	in.status = startingStatus(in)
	if _, _, blocked := firstFailure(issueChecks, in); blocked {
		return decision{steps: in.writeStatus(nil, in.statusWith(summary(in))), after: in.lookAgain()}
	}
	in.status.ClientID = in.subject.clientID
	in.status.IdentityUID = string(in.subject.uid())
	before := in
	before.issued = keepCredentials(in)
	in.issued = decideCredentials(in)
	foreign := ownerOf(in.seen.secret, in.subject) == ownerForeign
	if foreign && in.issued.reset {
		in.issued = before.issued // a reset waits until the Secret can be written
	}
	in.status = in.withIssued()
	before.status = before.withIssued()

	steps := in.secretSteps()
	if in.issued.reset {
		steps = in.resetSteps(before, steps)
	}
	if in.issued.proof == proven && !foreign {
		in.status.SecretName = in.subject.secretName
	}
	steps = in.writeStatus(steps, in.statusWith(summary(in)))
	return decision{steps: steps, after: in.lookAgain()}
}

// startingStatus returns the status of the object, with what does not depend on credentials.
// A status that was made for another object is begun anew: it was restored from a backup.
func startingStatus(in input) v1alpha1.OAuthClientStatus {
	status := *in.subject.status.DeepCopy()
	if in.subject.copied() {
		status = v1alpha1.OAuthClientStatus{IssuedStatus: v1alpha1.IssuedStatus{ClientID: status.ClientID}}
	}
	status.ValidAfter = validAfter(in, status)
	status.ObservedGeneration = in.subject.object.GetGeneration()
	status.Claims = nil
	for _, c := range in.claims {
		status.Claims = append(status.Claims, c.status())
	}
	return status
}

// validAfter returns since when approvals and tokens of the client are good. It moves, and
// never back, when a spec is seen that suspends a client of IntegrationCloud: there, what an
// inactive client had was dead for good.
func validAfter(in input, status v1alpha1.OAuthClientStatus) *metav1.Time {
	seen := status.ValidAfter != nil && status.ObservedGeneration == in.subject.object.GetGeneration()
	if !in.subject.suspended || !in.subject.suspendEndsGrants || seen {
		return status.ValidAfter
	}
	return nextSecond(in.now, status.ValidAfter)
}

// nextSecond is the validAfter that ends what there is now: the running second is not over. It
// is never before the one in the status.
func nextSecond(now time.Time, before *metav1.Time) *metav1.Time {
	next := second(now.Add(time.Second))
	if next.Before(before) {
		return before
	}
	return &next
}

// withIssued returns the status with the credentials that were decided.
func (in input) withIssued() v1alpha1.OAuthClientStatus {
	status := *in.status.DeepCopy()
	status.Credentials, status.LastHandledReset = in.issued.credentials, in.issued.handled
	if in.issued.reset && in.subject.resetEndsGrants {
		status.ValidAfter = nextSecond(in.now, status.ValidAfter)
	}
	return status
}

// resetSteps returns the steps of a reset: nothing changes unless the API server would take
// the Secret.
func (in input) resetSteps(before input, write []step) []step {
	var steps []step
	for _, s := range write {
		if s.dryRun {
			s.refused = before.refused
			steps = append(steps, s)
		}
	}
	if len(steps) == 0 {
		for _, s := range write {
			if s.create != nil {
				s.create = in.probe(*s.create)
			}
			if s.create != nil || s.apply != nil {
				s.dryRun, s.refused, s.event = true, before.refused, eventText{}
				steps = append(steps, s)
			}
		}
	}
	issuing := in.statusWith(issuing(in))
	told := eventText{reason: eventReset, message: "The client secret was reset: a new one was made, the old one ended."}
	if in.subject.resetEndsGrants {
		told.message = "The client secret was reset: a new one was made, the old one ended, and all grants and tokens with it."
	}
	steps = append(steps, step{status: &issuing, event: told})
	for _, s := range write {
		if !s.dryRun {
			s.event = eventText{}
			steps = append(steps, s)
		}
	}
	return steps
}

// writeStatus adds the write of the status, unless the cluster will have it already.
func (in input) writeStatus(steps []step, status v1alpha1.OAuthClientStatus) []step {
	written := in.subject.status
	for _, s := range steps {
		if s.status != nil {
			written = *s.status
		}
	}
	if equality.Semantic.DeepEqual(status, written) {
		return steps
	}
	return append(steps, step{status: &status, event: readyEvent(written.Conditions, status.Conditions)})
}

// lookAgain returns when to look again without a change.
func (in input) lookAgain() time.Duration {
	var after time.Duration
	if ownerOf(in.seen.secret, in.subject) == ownerForeign {
		after = foreignEvery
	}
	if until := in.comesByItself(); !until.IsZero() {
		if wait := max(until.Sub(in.now), time.Second); after == 0 || wait < after {
			after = wait
		}
	}
	return after
}
