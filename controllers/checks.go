// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// check looks at one thing that can be wrong. It has no client, no clock and no randomness. T is
// what it has to know: an input, or an outcome if it asks about the credentials.
type check[T any] func(T) (reason, message string, failed bool)

// acceptedChecks decide the condition Accepted: the first one that fails is its reason.
var acceptedChecks = []check[input]{
	notDeleted,      // nobody has deleted the object
	ownClientID,     // the status names no other client ID
	clientIDIsHeld,  // spec.clientID is this object's
	notExpired,      // spec.expiresAt has not passed
	notSuspended,    // spec.suspend is not set
	policyAllows,    // the policy of the namespace allows the spec
	mappingsCompile, // the expressions of its claims can be used
	scopesAreHeld,   // no other ResourceServer has a declared scope
	identifiersHeld, // no other ResourceServer has an identifier
	callbacksHeld,   // no other namespace has a callback address
}

// restChecks fail where nothing is served because the spec wishes it so.
var restChecks = []check[input]{notExpired, notSuspended}

// issueChecks decide whether anything is issued: while one of them fails, neither the
// credentials nor the Secret change.
var issueChecks = []check[input]{notDeleted, ownClientID, clientIDIsHeld, policyAllows}

// secretChecks decide the condition Ready of an accepted object, after the credentials are
// decided: the first one that fails is its reason.
var secretChecks = []check[outcome]{
	givenIsUsable, // what somebody else makes in place of the operator is there and can be used
	keysMatch,     // the keys in use made the credential in the status
	templateFits,  // the template of the Secret holds what belongs into it
	secretIsOurs,  // no Secret of somebody else has the wanted name
	mapIsOurs,     // no ConfigMap of somebody else has the wanted name
}

// firstFailure returns what the first failing check says.
func firstFailure[T any](checks []check[T], of T) (reason, message string, failed bool) {
	for _, c := range checks {
		if reason, message, failed = c(of); failed {
			return reason, message, true
		}
	}
	return "", "", false
}

func notDeleted(in input) (reason, message string, failed bool) {
	return string(v1alpha1.AcceptedReasonDeleting), fmt.Sprintf(
		"The object is being deleted, and every request of it is refused. It is still there because of its finalizers: %s. "+
			"Whoever set a finalizer removes it.", list(in.subject.object.GetFinalizers())), in.subject.deleted()
}

// list writes the items down, and only counts those that are too many for a message.
func list(items []string) string {
	if more := len(items) - maxListed; more > 0 {
		items = append(items[:maxListed:maxListed], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(items, "; ")
}

// maxListed bounds how many items a message lists.
const maxListed = 5

func ownClientID(in input) (reason, message string, failed bool) {
	if id := in.subject.status.ClientID; id == "" || id == in.subject.clientID {
		return "", "", false
	}
	return string(v1alpha1.AcceptedReasonClientIDConflict), fmt.Sprintf(
		"The status names a client ID that is not this object's, %q. The object is not served. "+
			"Somebody else than the operator has written it: remove status.clientID.", in.subject.clientID), true
}

func clientIDIsHeld(in input) (reason, message string, failed bool) {
	c, conflict := in.conflict(v1alpha1.ClaimClientID)
	return string(v1alpha1.AcceptedReasonClientIDConflict), c.sentence(
		"The client ID %q of spec.clientID", "Create the object anew with another client ID or none"), conflict
}

func notSuspended(in input) (reason, message string, failed bool) {
	message = "spec.suspend is set: every request of this client is refused. Its client ID, Secret and grants are kept."
	switch {
	case in.subject.kind == v1alpha1.KindResourceServer:
		message = "spec.suspend is set: introspection and verification are refused, and the scopes are granted to nobody. The client ID and the Secret are kept."
	case in.subject.suspendEndsGrants:
		message = "spec.suspend is set: every request of this client is refused. Its client ID and Secret are kept; its grants and tokens have ended."
	}
	return string(v1alpha1.AcceptedReasonSuspended), message, in.subject.suspended
}

func policyAllows(in input) (reason, message string, failed bool) {
	var denials []string
	for _, denial := range in.seen.denials {
		denials = append(denials, denial.String())
	}
	return string(v1alpha1.AcceptedReasonPolicyDenied),
		"The policy of the namespace does not allow this: " + list(denials) + ".", len(denials) > 0
}

func mappingsCompile(in input) (reason, message string, failed bool) {
	mistakes := in.subject.mistakes()
	return string(v1alpha1.AcceptedReasonInvalidExpression),
		"oauth2.openID.claims.mappings cannot be used: " + list(mistakes), len(mistakes) > 0
}

func scopesAreHeld(in input) (reason, message string, failed bool) {
	c, conflict := in.conflict(v1alpha1.ClaimScope)
	return string(v1alpha1.AcceptedReasonScopeConflict), c.sentence(
		"The scope %q of spec.scopes", "Declare a scope with another name, or remove it"), conflict
}

func identifiersHeld(in input) (reason, message string, failed bool) {
	c, conflict := in.conflict(v1alpha1.ClaimIdentifier)
	return string(v1alpha1.AcceptedReasonIdentifierConflict), c.sentence(
		"The identifier %q of spec.identifiers", "Choose another identifier, or remove it"), conflict
}

func callbacksHeld(in input) (reason, message string, failed bool) {
	c, conflict := in.conflict(v1alpha1.ClaimCallback)
	return string(v1alpha1.AcceptedReasonCallbackConflict), c.sentence(
		"The callback address %q of spec.callbackURLs", "Remove it"), conflict
}

// conflict returns the first claim of the kind that the object wants and does not hold. A
// claim that only policy keeps from it is no conflict: policyAllows says so.
func (in input) conflict(kind v1alpha1.ClaimKind) (claimResult, bool) {
	for _, c := range in.claims {
		if c.Kind == kind && !c.held() && !c.denied {
			return c, true
		}
	}
	return claimResult{}, false
}

// sentence says who has the claim, and what to do. It does not name the other object: its
// namespace may be none of the reader's business.
func (c claimResult) sentence(what, help string) string {
	subject := fmt.Sprintf(what, c.Name)
	switch {
	case !c.since.IsZero():
		return fmt.Sprintf("%s is recorded for two objects since the same moment, so neither is served. %s, or delete the other object.", subject, help)
	case !c.reservedUntil.IsZero():
		return fmt.Sprintf("%s belonged to another namespace until recently. It is kept for that namespace until %s; then this object can have it.",
			subject, c.reservedUntil.UTC().Format(time.RFC3339))
	case c.sameNamespace:
		return fmt.Sprintf("%s belongs to another object in this namespace, which had it first. %s, or delete the other object.", subject, help)
	default:
		return fmt.Sprintf("%s belongs to an object in another namespace, which had it first. %s.", subject, help)
	}
}

// comesByItself returns when what the object waits for comes without anybody's help: a claim
// that is kept for another namespace. Zero: it does not.
func (in input) comesByItself() time.Time {
	var last time.Time
	for _, c := range in.claims {
		switch {
		case c.held():
		case c.reservedUntil.IsZero():
			return time.Time{}
		case c.reservedUntil.After(last):
			last = c.reservedUntil
		}
	}
	return last
}

func keysMatch(in outcome) (reason, message string, failed bool) {
	message = fmt.Sprintf("The credential in the status was not made with the keys in use, and the Secret %q is not accepted either. "+
		"Restore the Secrets %s and %s of the system namespace from a backup, or set the annotation %s to a new value for a new client secret.",
		in.subject.secretName, credential.OperatorKeySecret, credential.SharedKeySecret, v1alpha1.AnnotationResetCredentials)
	if in.subject.signed {
		message = fmt.Sprintf("The credential in the status was not made with the key in use. "+
			"Restore the Secret %s of the system namespace from a backup, or set the annotation %s to a new value for a new client secret.",
			credential.SharedKeySecret, v1alpha1.AnnotationResetCredentials)
	}
	return string(v1alpha1.ReadyReasonKeyMismatch), message, in.issued.verification == unverified
}

func secretIsOurs(in outcome) (reason, message string, failed bool) {
	if in.secretOwner() != ownerForeign || in.subject.credentials.WithoutSecret() {
		return "", "", false
	}
	if !in.seen.secret.DeletionTimestamp.IsZero() {
		return string(v1alpha1.ReadyReasonSecretConflict), fmt.Sprintf(
			"The Secret %q is being deleted, and a finalizer keeps it, so it is left alone. "+
				"Whoever set the finalizer removes it. The Secret is made anew as soon as it is gone.", in.subject.secretName), true
	}
	return string(v1alpha1.ReadyReasonSecretConflict), fmt.Sprintf(
		"The Secret %q exists and does not belong to this object, so it is left alone. "+
			"Delete it, or set spec.credentials.secretName to another name. It is looked at again every minute.", in.subject.secretName) +
		retainedHint(in.seen.secret), true
}
