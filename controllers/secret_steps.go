// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// probePrefix begins the name under which the API server is asked whether it would take a
// Secret that replaces another one. Nothing of that name is ever written.
const probePrefix = "gatehouse-probe-"

// secretApply writes over the Secret that was seen at the version.
type secretApply struct {
	content secretContent
	version string
}

// secretRef is a Secret as it was seen; a later one of that name is another.
type secretRef struct {
	name    string
	uid     types.UID
	version string
}

// secretSteps returns what happens to the Secret, and to older ones of other names.
func (o outcome) secretSteps() []step {
	if o.subject.credentials.WithoutSecret() {
		return o.removals()
	}
	owner := o.secretOwner()
	if o.issued.verification != verified || o.secretStays() {
		return nil // nothing that the keys make would be accepted, or it cannot be written
	}
	want, seen := contentOf(o.input, o.issued), o.seen.secret
	if owner != ownerNone && owner != ownerStale && want.matches(seen) {
		return o.otherRemovals()
	}
	event, stored := o.secretEvent(want), o.withSecretName()
	create := step{create: &want, event: event, refused: o.refused, delayed: o.delayed, unaccepted: stored.notAccepted}
	var steps []step
	switch {
	case owner == ownerNone:
		steps = []step{create}
	case owner == ownerStale:
		steps = []step{removal(seen), create}
	case mustBeReplaced(seen, o.subject):
		steps = []step{
			{create: o.probe(want), dryRun: true, refused: o.refused, delayed: o.delayed, unaccepted: o.wouldNotBeAccepted},
			{remove: new(refOf(seen)), refused: o.refused, delayed: o.delayed}, create,
		}
	default:
		steps = []step{{apply: &secretApply{content: want, version: seen.ResourceVersion}, event: event, refused: o.refused, delayed: o.delayed, unaccepted: stored.notAccepted}}
	}
	return append(steps, o.otherRemovals()...)
}

// otherRemovals returns the removal of the Secrets that an older spec wanted.
func (in input) otherRemovals() []step {
	var steps []step
	for i := range in.seen.others {
		steps = append(steps, removal(&in.seen.others[i]))
	}
	return steps
}

// removals returns the removal of every Secret of the object: it has a client secret no more.
func (o outcome) removals() []step {
	var steps []step
	owner, secret := o.secretOwner(), o.seen.secret
	isOurs := owner == ownerSelf || owner == ownerLost || owner == ownerStale || owner == ownerRetained
	if isOurs && secret.DeletionTimestamp.IsZero() { // else it was deleted already
		steps = append(steps, removal(secret))
	}
	return append(steps, o.otherRemovals()...)
}

// probe returns the content under another name, for a dry run.
func (in input) probe(content secretContent) *secretContent {
	content.name = probePrefix + string(in.subject.uid())
	return &content
}

func removal(secret *corev1.Secret) step {
	ref := refOf(secret)
	return step{remove: &ref}
}

func refOf(secret *corev1.Secret) secretRef {
	return secretRef{name: secret.Name, uid: secret.UID, version: secret.ResourceVersion}
}

// refused returns the status that says that the API server refuses the Secret.
func (o outcome) refused(message string) v1alpha1.OAuthClientStatus {
	return o.withoutWrite(message, progressStalled)
}

// delayed is the same for what may pass by itself.
func (o outcome) delayed(message string) v1alpha1.OAuthClientStatus {
	return o.withoutWrite(message, progressReconciling)
}

func (o outcome) withoutWrite(message string, waits progress) v1alpha1.OAuthClientStatus {
	return o.withoutEnd(o.statusWith(o.notWritten(message, waits))) // the Secret still holds that client secret
}

// secretEvent tells why a Secret is written: the first issue tells nothing, the condition says
// it. What was applied last, as the record in the Secret says, tells a change of ours from
// one of somebody else.
func (o outcome) secretEvent(want secretContent) eventText {
	name := o.subject.secretName
	updated := eventText{reason: eventUpdated, message: "The Secret " + name + " was brought up to date."}
	last, known := readRecord(o.input, o.seen.secret)
	rotated, isRotation := o.rotatedEvent()
	switch {
	case o.subject.status.SecretName == "" || o.subject.copied():
		return eventText{}
	case isRotation:
		return rotated
	case known && last.Content != want.digest:
		return updated
	case known && last.text() != want.annotations[v1alpha1.AnnotationIssued]:
		return eventText{} // only the record is another one, and it is for nobody but us
	case o.subject.status.SecretName != name || !known && o.subject.status.ObservedGeneration != o.subject.object.GetGeneration():
		return updated
	default:
		return eventText{
			reason:  eventRestored,
			message: "The Secret " + name + " was deleted or changed by somebody else. It was restored, with the same client secret.",
		}
	}
}
