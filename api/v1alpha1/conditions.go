// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// ConditionType is the type of a condition of an OAuthClient or a ResourceServer.
type ConditionType string

// Conditions. Accepted and Ready are always present once the operator has seen the
// object. The others are present only while they have something to say.
const (
	// ConditionAccepted is True when the spec may be served: policy allows it, its
	// claims and its client ID are its own, and it is not suspended. The authorization
	// server serves accepted objects, whatever their Secret looks like.
	ConditionAccepted ConditionType = "Accepted"
	// ConditionReady is the summary for people and tools. True means that the Secret
	// that exists in the cluster now is accepted by the authorization server now.
	ConditionReady ConditionType = "Ready"
	// ConditionReconciling is True while the operator waits for something that comes
	// by itself (kstatus).
	ConditionReconciling ConditionType = "Reconciling"
	// ConditionStalled is True while only a person can help (kstatus).
	ConditionStalled ConditionType = "Stalled"
	// ConditionScopesResolved is False when the client asks for scopes that no accepted
	// ResourceServer declares and opens to its namespace. Those scopes are not granted.
	ConditionScopesResolved ConditionType = "ScopesResolved"
	// ConditionIdle is True when nothing has used the client for a time that the operator's flag --idle-after-days says.
	ConditionIdle ConditionType = "Idle"
	// ConditionPKCEHint is True when pkce is Optional and the logins of the last 30 days were of one kind.
	ConditionPKCEHint ConditionType = "PKCEHint"
	// ConditionIDTokenLarge is True when an ID token for the client had more than 3 KiB.
	ConditionIDTokenLarge ConditionType = "IDTokenLarge"
	// ConditionOldSecretInUse is True when the old client secret of a rotation is still used an
	// hour before its end.
	ConditionOldSecretInUse ConditionType = "OldSecretInUse"
)

// AcceptedReason is a reason of ConditionAccepted. Alerts and tests may rely on
// reasons; messages are for people and may change.
type AcceptedReason string

// Reasons of ConditionAccepted. The first goes with True, all others with False.
const (
	AcceptedReasonAccepted AcceptedReason = "Accepted"
	// AcceptedReasonDeleting: the object was deleted and waits for a finalizer.
	AcceptedReasonDeleting AcceptedReason = "Deleting"
	// AcceptedReasonSuspended: spec.suspend is set.
	AcceptedReasonSuspended AcceptedReason = "Suspended"
	// AcceptedReasonExpired: spec.expiresAt has passed.
	AcceptedReasonExpired AcceptedReason = "Expired"
	// AcceptedReasonPolicyDenied: the policy of the namespace does not allow the spec.
	AcceptedReasonPolicyDenied AcceptedReason = "PolicyDenied"
	// AcceptedReasonScopeConflict: another ResourceServer holds a declared scope.
	AcceptedReasonScopeConflict AcceptedReason = "ScopeConflict"
	// AcceptedReasonIdentifierConflict: another ResourceServer holds an identifier.
	AcceptedReasonIdentifierConflict AcceptedReason = "IdentifierConflict"
	// AcceptedReasonCallbackConflict: another namespace holds a callback address.
	AcceptedReasonCallbackConflict AcceptedReason = "CallbackConflict"
	// AcceptedReasonInvalidExpression: an expression of a claim mapping cannot be used.
	AcceptedReasonInvalidExpression AcceptedReason = "InvalidExpression"
	// AcceptedReasonClientIDConflict: another object holds the client ID, or the status
	// names a client ID that is not this object's.
	AcceptedReasonClientIDConflict AcceptedReason = "ClientIDConflict"
)

// ReadyReason is a reason of ConditionReady.
type ReadyReason string

// Reasons of ConditionReady.
//
//	True     Issued, Suspended, Expired
//	Unknown  Pending, Issuing
//	False    all others, and every AcceptedReason that denies
const (
	// ReadyReasonPending: the operator has not seen the object yet.
	ReadyReasonPending ReadyReason = "Pending"
	// ReadyReasonIssued: the Secret holds a credential that is accepted.
	ReadyReasonIssued ReadyReason = "Issued"
	// ReadyReasonSuspended: spec.suspend is set, and the server refuses the client as wished.
	ReadyReasonSuspended ReadyReason = "Suspended"
	// ReadyReasonExpired: spec.expiresAt has passed, and the server refuses the client as wished.
	ReadyReasonExpired ReadyReason = "Expired"
	// ReadyReasonIssuing: a credential was made, and its Secret is being written.
	ReadyReasonIssuing ReadyReason = "Issuing"
	// ReadyReasonSecretConflict: the wanted Secret belongs to somebody else.
	ReadyReasonSecretConflict ReadyReason = "SecretConflict"
	// ReadyReasonSecretNotWritten: the API server refused the Secret.
	ReadyReasonSecretNotWritten ReadyReason = "SecretNotWritten"
	// ReadyReasonSecretNotAccepted: the API server stored another Secret than the operator sent, and what it
	// holds would be refused.
	ReadyReasonSecretNotAccepted ReadyReason = "SecretNotAccepted"
	// ReadyReasonConfigMapConflict: the wanted ConfigMap belongs to somebody else.
	ReadyReasonConfigMapConflict ReadyReason = "ConfigMapConflict"
	// ReadyReasonConfigMapNotWritten: the API server refused the ConfigMap.
	ReadyReasonConfigMapNotWritten ReadyReason = "ConfigMapNotWritten"
	// ReadyReasonWaitingForSecret: the Secret that credentials.fromSecret names is not there, or does
	// not hold the key.
	ReadyReasonWaitingForSecret ReadyReason = "WaitingForSecret"
	// ReadyReasonInvalidSecret: what that Secret holds cannot be a client secret.
	ReadyReasonInvalidSecret ReadyReason = "InvalidSecret"
	// ReadyReasonInvalidTemplate: the preset of secretTemplate cannot hold a value of the object.
	ReadyReasonInvalidTemplate ReadyReason = "InvalidTemplate"
	// ReadyReasonInvalidKeys: the public keys of credentials.privateKeyJWT cannot be used.
	ReadyReasonInvalidKeys ReadyReason = "InvalidKeys"
	// ReadyReasonWaitingForServiceAccount: a ServiceAccount of credentials.serviceAccount is not there.
	ReadyReasonWaitingForServiceAccount ReadyReason = "WaitingForServiceAccount"
	// ReadyReasonNotSupported: this installation cannot do what credentials.source asks for.
	ReadyReasonNotSupported ReadyReason = "NotSupported"
	// ReadyReasonKeyMismatch: the status does not belong to the keys in use.
	ReadyReasonKeyMismatch ReadyReason = "KeyMismatch"
)

// ScopesResolvedReason is a reason of ConditionScopesResolved.
type ScopesResolvedReason string

// ScopesResolvedReasonNotOpen goes with False: see ConditionScopesResolved. The condition is
// absent while all scopes can be granted.
const ScopesResolvedReasonNotOpen ScopesResolvedReason = "NotOpen"

// IdleReasonUnused goes with True: see ConditionIdle.
const IdleReasonUnused IdleReason = "Unused"

// IdleReason is a reason of ConditionIdle.
type IdleReason string

// PKCEHintReason is a reason of ConditionPKCEHint.
type PKCEHintReason string

// Reasons of ConditionPKCEHint. Both go with True.
const (
	// PKCEHintReasonNeverSent: no login had a code challenge.
	PKCEHintReasonNeverSent PKCEHintReason = "NeverSent"
	// PKCEHintReasonAlwaysSent: every login had one.
	PKCEHintReasonAlwaysSent PKCEHintReason = "AlwaysSent"
)

// IDTokenLargeReason is a reason of ConditionIDTokenLarge.
type IDTokenLargeReason string

// IDTokenLargeReasonAboveLimit goes with True: see ConditionIDTokenLarge.
const IDTokenLargeReasonAboveLimit IDTokenLargeReason = "AboveLimit"

// OldSecretReason is a reason of ConditionOldSecretInUse.
type OldSecretReason string

// OldSecretReasonEndsSoon goes with True: see ConditionOldSecretInUse. The condition is absent otherwise.
const OldSecretReasonEndsSoon OldSecretReason = "EndsSoon"
