// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// Reasons of Events that are no reasons of a condition.
const (
	eventReset     = "Reset"
	eventRotated   = "Rotated"
	eventRestored  = "Restored"
	eventExpired   = "ExpiredObjectDeleted"
	eventUpdated   = "Updated"
	eventTakenOver = "TakenOver"
)

// eventText is one Event about an object. The zero one tells nothing.
type eventText struct {
	warning         bool
	reason, message string
}

// progress tells what the object waits for.
type progress int

const (
	progressDone        progress = iota // nothing
	progressReconciling                 // something that comes by itself: Reconciling
	progressStalled                     // a person: Stalled
)

// readiness is what Ready says, and what the object waits for.
type readiness struct {
	status          metav1.ConditionStatus
	reason, message string
	progress        progress
}

// summary is what Ready says once the steps of a decision are done.
func (o outcome) summary() readiness {
	if reason, message, failed := firstFailure(acceptedChecks, o.input); failed && reason != string(v1alpha1.AcceptedReasonSuspended) && reason != string(v1alpha1.AcceptedReasonExpired) {
		return readiness{metav1.ConditionFalse, reason, message, o.progressOf(v1alpha1.AcceptedReason(reason))}
	}
	reason, message, failed := firstFailure(secretChecks, o)
	if failed && o.secretStays() && o.issued.waits != "" {
		message += " " + o.issued.waits
	}
	suspended, why, isSuspended := firstFailure(restChecks, o.input)
	switch {
	case failed && (reason == string(v1alpha1.ReadyReasonKeyMismatch) || !isSuspended):
		return readiness{metav1.ConditionFalse, reason, message, progressOfSecret(v1alpha1.ReadyReason(reason))}
	case isSuspended: // the wish is fulfilled
		return readiness{metav1.ConditionTrue, suspended, why, progressDone}
	default:
		return readiness{metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued), issuedMessage(o) + o.mapMessage(), progressDone}
	}
}

// progressOfSecret returns what an object with a trouble with its Secret waits for.
func progressOfSecret(reason v1alpha1.ReadyReason) progress {
	if reason == v1alpha1.ReadyReasonWaitingForSecret || reason == v1alpha1.ReadyReasonWaitingForServiceAccount {
		return progressReconciling
	}
	return progressStalled
}

// progressOf returns what an object that is not accepted waits for.
func (in input) progressOf(reason v1alpha1.AcceptedReason) progress {
	switch {
	case reason == v1alpha1.AcceptedReasonDeleting:
		return progressReconciling
	case reason != v1alpha1.AcceptedReasonPolicyDenied && !in.comesByItself().IsZero():
		return progressReconciling // for a claim that is kept for another namespace for some time
	default:
		return progressStalled
	}
}

// issuing is what Ready says while a new credential is in the status and not yet in the
// Secret. An object that will not be ready anyway says so from here on.
func (o outcome) issuing() readiness {
	if r := o.summary(); r.reason != string(v1alpha1.ReadyReasonIssued) {
		return r
	}
	return readiness{metav1.ConditionUnknown, string(v1alpha1.ReadyReasonIssuing),
		fmt.Sprintf("A new client secret was made. The Secret %q that holds it is being written.", o.subject.secretName), progressReconciling}
}

// notWritten is what Ready says if the API server does not take the Secret.
func (o outcome) notWritten(message string, waits progress) readiness {
	if r := o.summary(); r.reason != string(v1alpha1.ReadyReasonIssued) {
		return r
	}
	return readiness{metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretNotWritten), message, waits}
}

func issuedMessage(o outcome) string {
	switch name := o.subject.secretName; {
	case o.subject.credentials.Source == v1alpha1.SourceServiceAccount:
		return fmt.Sprintf("Tokens of the ServiceAccounts of credentials.serviceAccount are accepted for the audience %s. There is no client secret and no Secret.", o.issuer)
	case o.subject.credentials.Source == v1alpha1.SourcePrivateKeyJWT:
		return "Assertions that a key of credentials.privateKeyJWT has signed are accepted. There is no client secret and no Secret."
	case o.subject.credentials.FromGivenSecret():
		from, _ := o.subject.credentials.GivenSecret()
		return fmt.Sprintf("The Secret %q holds the client ID. The client secret in the Secret %q is accepted.", name, from) + o.overlapMessage()
	case o.subject.public:
		return fmt.Sprintf("The Secret %q holds the client ID. A Public client has no client secret.", name)
	case o.issued.verification == verifiedStored:
		return fmt.Sprintf("The Secret %q is accepted, but the key it was made with is gone: it cannot be restored should it be lost. "+
			"Restore the Secret %s of the system namespace from a backup, or set the annotation %s to a new value for a new client secret.",
			name, credential.OperatorKeySecret, v1alpha1.AnnotationResetCredentials)
	default:
		return fmt.Sprintf("The Secret %q holds the client ID and a client secret that is accepted.", name) + o.overlapMessage()
	}
}

// statusWith returns the status with all conditions in it. A condition that says what it said
// before keeps its time.
func (o outcome) statusWith(ready readiness) v1alpha1.OAuthClientStatus {
	status := *o.status.DeepCopy()
	set := func(kind v1alpha1.ConditionType, value metav1.ConditionStatus, reason, message string) {
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type: string(kind), Status: value, Reason: reason, Message: message,
			ObservedGeneration: o.subject.object.GetGeneration(), LastTransitionTime: second(o.now),
		})
	}
	setIf := func(wanted bool, kind v1alpha1.ConditionType, value metav1.ConditionStatus, reason, message string) {
		if wanted {
			set(kind, value, reason, message)
			return
		}
		meta.RemoveStatusCondition(&status.Conditions, string(kind))
	}
	if reason, message, failed := firstFailure(acceptedChecks, o.input); failed {
		was := meta.FindStatusCondition(status.Conditions, string(v1alpha1.ConditionAccepted))
		if _, said := o.saidExpired(); reason == string(v1alpha1.AcceptedReasonExpired) && was != nil && !said && o.clocksAgree {
			was.LastTransitionTime, was.Status = metav1.Time{}, metav1.ConditionUnknown // the object goes a day after this is said
		}
		set(v1alpha1.ConditionAccepted, metav1.ConditionFalse, reason, message)
	} else {
		set(v1alpha1.ConditionAccepted, metav1.ConditionTrue, string(v1alpha1.AcceptedReasonAccepted), servedMessage(o.subject))
	}
	set(v1alpha1.ConditionReady, ready.status, ready.reason, ready.message)
	setIf(ready.progress == progressReconciling, v1alpha1.ConditionReconciling, metav1.ConditionTrue, ready.reason, ready.message)
	setIf(ready.progress == progressStalled, v1alpha1.ConditionStalled, metav1.ConditionTrue, ready.reason, ready.message)
	setIf(len(o.seen.notOpen) > 0, v1alpha1.ConditionScopesResolved, metav1.ConditionFalse,
		string(v1alpha1.ScopesResolvedReasonNotOpen), notOpenMessage(o.seen.notOpen))
	o.setReport(setIf)
	inUse := o.stillUsed()
	setIf(inUse != "", v1alpha1.ConditionOldSecretInUse, metav1.ConditionTrue, string(v1alpha1.OldSecretReasonEndsSoon), inUse)
	return status
}

// servedMessage says what people who revoke a token have to know.
func servedMessage(s subject) string {
	if s.jwts {
		return "The spec is served. Access tokens for this API are JWTs. Whoever verifies one by the published keys takes it until it expires, " +
			"also after it was revoked: an hour after it was issued at the latest. Introspection tells of the revocation at once."
	}
	return "The spec is served."
}

func notOpenMessage(scopes []v1alpha1.Scope) string {
	var names []string
	for _, s := range scopes {
		names = append(names, string(s))
	}
	return fmt.Sprintf("No accepted ResourceServer declares these scopes and opens them to this namespace, so they are not granted: %s. "+
		"Ask the team of the API to open them, or remove them from spec.scopes.", strings.Join(names, ", "))
}

// readyEvent is the Event about a condition Ready that became False for a new reason.
func readyEvent(before, after []metav1.Condition) eventText {
	was, is := meta.FindStatusCondition(before, string(v1alpha1.ConditionReady)), meta.FindStatusCondition(after, string(v1alpha1.ConditionReady))
	switch {
	case (is.Reason == string(v1alpha1.ReadyReasonSuspended) || is.Reason == string(v1alpha1.ReadyReasonExpired)) && (was == nil || was.Reason != is.Reason):
		return eventText{reason: is.Reason, message: is.Message}
	case is.Status != metav1.ConditionFalse || was != nil && was.Reason == is.Reason || is.Reason == string(v1alpha1.AcceptedReasonDeleting):
		return eventText{}
	default:
		return eventText{warning: true, reason: is.Reason, message: is.Message}
	}
}

// statusEvent is the Event about a status that is written.
func statusEvent(before, after []metav1.Condition) eventText {
	if e := readyEvent(before, after); e.reason != "" {
		return e
	}
	return stillUsedEvent(before, after)
}
