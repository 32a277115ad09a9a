// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// Reasons of Events that are no reasons of the condition Ready.
const (
	eventReset   = "Reset"
	eventHealed  = "Healed"
	eventUpdated = "Updated"
)

// verdict is what Ready will say once the steps are done: the first objection, or
// that the Secret is accepted.
func (p *planner) verdict() metav1.Condition {
	for _, objection := range []struct {
		reason string
		holds  bool
		says   func() string
	}{
		{string(v1alpha1.ReadyReasonKeyMismatch), p.proof == unproven, p.sayMismatch},
		{string(v1alpha1.ReadyReasonSuspended), p.oc.Spec.Suspend, p.saySuspended},
		{string(v1alpha1.AcceptedReasonScopeConflict), p.seen.scope != nil, p.sayScope},
		{string(v1alpha1.AcceptedReasonCallbackConflict), p.seen.callback != nil, p.sayCallback},
		{string(v1alpha1.ReadyReasonSecretConflict), ownership(p.seen.secret, p.oc) == ownedByStranger, p.sayStranger},
	} {
		if objection.holds {
			return p.condition(metav1.ConditionFalse, objection.reason, objection.says())
		}
	}
	return p.condition(metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued), p.sayIssued())
}

// interim is what Ready says while a new credential is in the status and not yet in
// the Secret. A client that will be refused anyway is refused from here on.
func (p *planner) interim(verdict metav1.Condition) metav1.Condition {
	if verdict.Status == metav1.ConditionFalse {
		return verdict
	}
	return p.condition(metav1.ConditionUnknown, string(v1alpha1.ReadyReasonIssuing),
		fmt.Sprintf("A client secret was made; the Secret %q that holds it is being written.", secretName(p.oc)))
}

// refusal is what Ready says if the API server does not take the Secret.
func (p *planner) refusal(verdict metav1.Condition) metav1.Condition {
	if verdict.Status == metav1.ConditionFalse {
		return verdict
	}
	return p.condition(metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretNotWritten), "")
}

func (p *planner) condition(status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{
		Type: string(v1alpha1.ConditionReady), Status: status, Reason: reason, Message: message,
		ObservedGeneration: p.oc.Generation,
		LastTransitionTime: metav1.NewTime(p.in.now.UTC().Truncate(time.Second)),
	}
}

func (p *planner) sayClientID() string {
	if p.foreignClientID() {
		return fmt.Sprintf("The status names a client ID that is not this object's, %q; the client is not served. "+
			"Somebody else than the operator has written it: remove status.clientID.", v1alpha1.ClientIDOf(p.oc))
	}
	return fmt.Sprintf("The client ID %q of spec.clientID belongs to an older OAuthClient %s; this client is not served. "+
		"Create it anew with another client ID or none, or delete the older one.", p.seen.clientID.what, p.seen.clientID.where())
}

func (p *planner) sayMismatch() string {
	if p.oc.Spec.EffectiveProfile().Signed() {
		return fmt.Sprintf("The credential in the status was not made with the key in use. "+
			"Restore the Secret %s of the system namespace from a backup, or set the annotation %s to a new value for a new client secret.",
			credential.SharedKeySecret, v1alpha1.AnnotationResetCredentials)
	}
	return fmt.Sprintf("The credential in the status was not made with the keys in use, and the Secret %q is not accepted either. "+
		"Restore the Secrets %s and %s of the system namespace from a backup, or set the annotation %s to a new value for a new client secret.",
		secretName(p.oc), credential.OperatorKeySecret, credential.SharedKeySecret, v1alpha1.AnnotationResetCredentials)
}

func (p *planner) saySuspended() string {
	if p.oc.Spec.EffectiveProfile() == v1alpha1.ProfileIntegrationCloud {
		return "spec.suspend is set: every request of this client is refused. Its client ID and Secret are kept; its grants and tokens have ended."
	}
	return "spec.suspend is set: every request of this client is refused. Its client ID, Secret and grants are kept."
}

func (p *planner) sayScope() string {
	return fmt.Sprintf("The scope %q of spec.resourceServer is declared by an older OAuthClient %s. Declare another name, or remove it here.",
		p.seen.scope.what, p.seen.scope.where())
}

func (p *planner) sayCallback() string {
	return fmt.Sprintf("The callback URL %q belongs to an older OAuthClient %s. Remove it from spec.callbackURLs.",
		p.seen.callback.what, p.seen.callback.where())
}

// where does not name the other object: its namespace may be none of the reader's business.
func (r *rival) where() string {
	if r.sameNamespace {
		return "in this namespace"
	}
	return "in another namespace"
}

func (p *planner) sayStranger() string {
	return fmt.Sprintf("The Secret %q exists and is not this client's, so it is left alone. "+
		"Delete it, or set spec.credentials.secretName to another name; it is looked at again every minute.", secretName(p.oc))
}

func (p *planner) sayIssued() string {
	switch {
	case p.oc.Spec.Public():
		return fmt.Sprintf("The Secret %q holds the client ID; a Public client has no client secret.", secretName(p.oc))
	case p.proof == provenOnce:
		return fmt.Sprintf("The Secret %q is accepted, but the key it was made with is gone: it cannot be put right should it be lost. "+
			"Restore the Secret %s of the system namespace from a backup, or set the annotation %s to a new value for a new client secret.",
			secretName(p.oc), credential.OperatorKeySecret, v1alpha1.AnnotationResetCredentials)
	default:
		return fmt.Sprintf("The Secret %q holds the client ID and a client secret that is accepted.", secretName(p.oc))
	}
}
