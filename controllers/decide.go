// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"time"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// foreignEvery is how often a Secret or a ConfigMap that is somebody else's is looked at again. It does not
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
	newID   string // spent if a reset or a rotation makes a credential
	// chosenNamespaces: the installation serves some namespaces, with Roles alone.
	chosenNamespaces bool
	// clocksAgree: this program's clock and the API server's show about the same. What a time decides
	// waits until they do.
	clocksAgree bool
	// skew is how far now is ahead of the API server's clock, where that is known.
	skew      time.Duration
	skewKnown bool
	// steady: the operator has run for long enough to believe clocks that agree.
	steady bool
	// oldUses are those of the credentials before the one in use, by their IDs.
	oldUses map[string]use
	// publishedAt is when this process had written the status with the credential in use. Zero: not lately.
	publishedAt time.Time
	// report is what is to be said of the use of the client; unless it is reported, what is said stays.
	report   report
	reported bool
	// looked is filled once at the beginning of a decision. Nil: each question looks anew.
	looked *looked
}

// looked is what many questions of a decision ask of what was seen, and what takes some work: MACs, and the files of a preset.
type looked struct {
	owner    secretOwner
	record   record
	recorded bool
	unfit    string
}

// look returns the input with what many questions ask.
func (in input) look() input {
	l := looked{owner: in.secretOwner(), unfit: in.unfit()}
	l.record, l.recorded = readRecord(in, in.seen.secret)
	in.looked = &l
	return in
}

// outcome is an input with what was decided about the credentials.
type outcome struct {
	input
	// status is what the object will have, but for its conditions.
	status v1alpha1.OAuthClientStatus
	issued issue
}

// decision is what a reconcile will do.
type decision struct {
	// steps are the writes, in this order. One that fails ends the reconcile.
	steps []step
	// after is when to look again although nothing has changed. Zero: never.
	after time.Duration
	// rotatesNext: a rotation follows the write of the Secret.
	rotatesNext bool
	// makes: it makes a client secret.
	makes bool
	// wantsData: it depends on the data of the Secret, which the cache does not hold. It is taken
	// again with the Secret as the API server has it.
	wantsData bool
}

// step is one request: exactly one of status, create, apply, remove, retain, writeMap, removeMap and expire is set.
type step struct {
	status *v1alpha1.OAuthClientStatus
	create *secretContent
	apply  *secretApply
	remove *secretRef
	retain *retention
	// writeMap and removeMap are for the ConfigMap of public values.
	writeMap  *mapWrite
	removeMap *mapRemoval
	expire    bool // the object goes, because it has expired
	// dryRun: create, apply and remove only ask whether the API server would do it.
	dryRun bool
	// event is what people are told once it is done; may be empty.
	event eventText
	// refused returns the status to write if the API server refuses the step for good,
	// with our words for the reason. nil: the status says nothing of it.
	refused func(message string) v1alpha1.OAuthClientStatus
	// delayed returns the status to write if the step fails and may succeed by itself later. nil: nothing that was decided
	// is lost meanwhile, and the status says nothing of it.
	delayed func(message string) v1alpha1.OAuthClientStatus
	// unaccepted returns the status to write if what the API server stores of the Secret, or would store, is not accepted.
	unaccepted func() v1alpha1.OAuthClientStatus
}

// decide decides about one object. It has no client, no clock and no randomness.
//
//	new             Secret, status (credential, Issued)
//	reset           dry run, status (credential, Issuing), Secret, status (Issued)
//	rotation        dry run, status (credential, Issued); publishLag later Secret, status (the old one ends)
//	Secret changed  Secret
//	renamed         Secret, old Secret away, status
//	immutable, or of another type: dry run, old Secret away, Secret
//	the same with a finalizer, and a reset: dry run, old Secret away; the reset once it is gone
//	unchanged       nothing
//	expired         status; a day later the object goes
//	denied          status; credentials and Secret stay as they are
//	being deleted   status; the Secret is owned by the object and goes with it
//	retained Secret of an earlier object: Secret, status; if it must be replaced, the status first
//	no client secret: Secrets away, status
//	none until now  status (credential, Issuing), Secret, status (Issued)
//	ConfigMap       after the Secret, before the last status; then older ones of other names away
//
// The first credential follows from the UID, so a crash between Secret and status makes no
// second one. A reset is in the status before it is in the Secret, and only after the API
// server has said that it would take the Secret.
func decide(in input) decision {
	in = in.look()
	if in.isRemovable() {
		return decision{steps: []step{{expire: true, event: removedEvent(in.subject)}}}
	}
	status := startingStatus(in)
	if _, _, blocked := firstFailure(issueChecks, in); blocked {
		unchanged := outcome{input: in, status: status}
		steps := unchanged.afterStatus(in.retentionSteps(status.ValidAfter))
		return decision{steps: in.writeStatus(steps, unchanged.statusWith(unchanged.summary())), after: unchanged.lookAgain()}
	}
	next := newOutcome(in, status, decideCredentials(in, status))
	kept := next // of what the operator does not make nothing is due
	if in.subject.isGenerated() {
		kept = newOutcome(in, status, keepCredentials(in, status))
	}
	next, first := next.unlessItWaits(kept)
	rotatesNext := next.issued.rotated && !kept.holdsInUse() && len(kept.secretSteps()) > 0
	if rotatesNext {
		next = kept.rotatesLater() // the Secret is put right first
	}
	steps, after := next.secretSteps(), next.lookAgain()
	switch wait := next.publishes(next.issued); {
	case len(first) > 0:
		steps = first
	case next.issued.reset:
		steps = next.resetSteps(kept, steps)
	case next.issued.rotated:
		steps, after = next.dryRuns(kept, steps), publishLag
	case wait > 0:
		steps, after = nil, wait
	case rotatesNext:
		after = publishLag
	}
	if len(steps) == 0 {
		steps = next.retentionSteps(next.status.ValidAfter)
	}
	next = next.withSecretName()
	steps = append(steps, next.mapSteps()...)
	return decision{
		rotatesNext: rotatesNext, makes: next.makes(),
		steps: in.writeStatus(next.afterStatus(steps), next.statusWith(next.summary())), after: after,
		wantsData: kept.issued.verification == unverified && in.seen.secret != nil && isWithoutData(in.seen.secret),
	}
}

// newOutcome returns what the object has with these credentials.
func newOutcome(in input, status v1alpha1.OAuthClientStatus, issued issue) outcome {
	status = *status.DeepCopy()
	status.ClientID, status.IdentityUID, status.TakenOver = in.subject.clientID, in.subject.identityUID(), takenOver(in)
	status.Credentials, status.LastHandledReset, status.LastHandledRotation = issued.credentials, issued.handled, issued.handledRotation
	status.ClientAuthentication = issued.authentication
	if issued.revokes {
		status.ValidAfter = in.endsNow(status.ValidAfter)
	}
	issued.validAfter = status.ValidAfter
	return outcome{input: in, status: status, issued: issued}
}

// withSecretName returns the outcome with the name of the Secret in the status, unless that
// Secret is not written.
func (o outcome) withSecretName() outcome {
	if o.subject.credentials.WithoutSecret() {
		o.status.SecretName, o.status.Binding = "", nil
	} else if o.issued.verification == verified && !o.secretStays() {
		o.status.SecretName = o.subject.secretName
	}
	if o.status.SecretName != "" {
		o.status.Binding = &v1alpha1.BindingStatus{Name: o.status.SecretName}
	}
	return o
}

// secretOwner returns whose the Secret of the wanted name is.
func (in input) secretOwner() secretOwner {
	if in.looked != nil {
		return in.looked.owner
	}
	return ownerOf(in.seen.secret, in.subject, in.keys)
}

// secretStays reports whether the Secret cannot be written: the name is somebody else's, or the template cannot
// hold what belongs into it.
func (in input) secretStays() bool { return in.secretOwner() == ownerForeign || in.unfit() != "" }

// startingStatus returns the status of the object, with what does not depend on credentials.
// A status that was made for another object is begun anew: it was restored from a backup.
func startingStatus(in input) v1alpha1.OAuthClientStatus {
	status := *in.subject.status.DeepCopy()
	if in.subject.copied() {
		status = v1alpha1.OAuthClientStatus{IssuedStatus: v1alpha1.IssuedStatus{ClientID: status.ClientID}}
	}
	if status.IdentityUID == "" { // new, lost or restored
		if r, ok := lostRecord(in); ok {
			status.ValidAfter = timeOf(r.ValidAfter)
		}
	}
	status.ValidAfter = validAfter(in, status)
	status.ObservedGeneration = in.subject.object.GetGeneration()
	status.Claims = nil
	for _, c := range in.claims {
		status.Claims = append(status.Claims, c.status())
	}
	return status
}

// lookAgain returns when to look again without a change.
func (o outcome) lookAgain() time.Duration {
	after := o.input.lookAgain()
	for _, next := range []time.Duration{o.rotationTimes(), o.untilCorrected()} {
		if after == 0 || next > 0 && next < after {
			after = next
		}
	}
	return after
}

// lookAgain returns when to look again for what does not depend on the credentials.
func (in input) lookAgain() time.Duration {
	var after time.Duration
	if in.secretOwner() == ownerForeign && !in.subject.credentials.WithoutSecret() || ownerOfMap(in.seen.public, in.subject) == ownerForeign {
		after = foreignEvery
	}
	if until := in.comesByItself(); !until.IsZero() {
		wait := max(until.Sub(in.now), time.Second)
		if !in.clocksAgree { // claims go by the other clock
			wait = foreignEvery
		}
		if after == 0 || wait < after {
			after = wait
		}
	}
	if wait := in.untilExpiry(); wait > 0 && (after == 0 || wait < after) {
		after = wait
	}
	return after
}
