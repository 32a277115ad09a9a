// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// afterStatus puts the status before writes of the Secret that must not come first: a suspension that ends grants waits for no Secret, and
// once a retained Secret is away nothing but the status tells whose identity the object has. The first client secret of an object that had
// none until now follows from nothing: another look shall find it, and make no second one.
func (o outcome) afterStatus(write []step) []step {
	if len(write) == 0 || o.issued.reset {
		return write
	}
	takesAway := o.secretOwner() == ownerRetained && slices.ContainsFunc(write, func(s step) bool { return s.remove != nil && !s.dryRun })
	switch {
	case o.subject.isGenerated() && hadNoSecret(o.subject.status):
		issuing := o.statusWith(o.issuing())
		issuing.SecretName, issuing.Binding = "", nil // it is not there yet
		return append(o.writeStatus(nil, issuing), write...)
	case takesAway && !o.subject.credentials.WithoutSecret():
		return append(o.writeStatus(nil, o.statusWith(o.issuing())), write...)
	case takesAway || unixOf(o.status.ValidAfter) != unixOf(o.subject.status.ValidAfter):
		return append(o.writeStatus(nil, o.withoutEnd(o.statusWith(o.summary()))), write...)
	default:
		return write
	}
}

// resetSteps returns the steps of a reset: nothing changes unless the API server would take
// the Secret. kept is what the object has without the reset.
func (o outcome) resetSteps(kept outcome, write []step) []step {
	steps := o.dryRuns(kept, write)
	issuing := o.statusWith(o.issuing())
	reset := eventText{reason: eventReset, message: "The client secret was reset: a new one was made, the old one ended."}
	if o.issued.revokes {
		reset.message = "The client secret was reset: a new one was made, the old one ended, and all grants and tokens with it."
	}
	steps = append(steps, step{status: &issuing, event: reset})
	for _, s := range write {
		if !s.dryRun {
			s.event = eventText{}
			steps = append(steps, s)
		}
	}
	return steps
}

// dryRuns returns the steps that ask the API server whether it would take the Secret: those
// among the writes, or else one for each write. Where the old Secret has to go first, it is asked whether it would let it.
func (o outcome) dryRuns(kept outcome, write []step) []step {
	var asked, asking, goes []step
	for _, s := range write {
		switch {
		case s.remove != nil && s.remove.name == o.subject.secretName:
			goes = append(goes, step{remove: s.remove, dryRun: true, refused: kept.refused, delayed: kept.delayed})
		case s.dryRun:
			s.refused, s.delayed, s.unaccepted = kept.refused, kept.delayed, kept.wouldNotBeAccepted
			asked = append(asked, s)
		case s.create != nil:
			asking = append(asking, step{create: o.probe(*s.create), dryRun: true, refused: kept.refused, delayed: kept.delayed, unaccepted: kept.wouldNotBeAccepted})
		case s.apply != nil:
			asking = append(asking, step{apply: s.apply, dryRun: true, refused: kept.refused, delayed: kept.delayed, unaccepted: kept.wouldNotBeAccepted})
		}
	}
	if len(asked) > 0 {
		return append(asked, goes...)
	}
	return append(asking, goes...)
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
	event := statusEvent(written.Conditions, status.Conditions)
	if status.TakenOver != nil && written.TakenOver == nil {
		event = takenOverEvent(in.subject)
	}
	return append(steps, step{status: &status, event: event})
}
