// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// ConditionReady is True when the Secret that exists in the cluster now would be
// accepted by the authorization server now. Absent or Unknown, the operator is at
// work; False, somebody has to do something, and the message says what. Unless it is
// True the client can begin no authorization.
const ConditionReady = "Ready"

// Reasons of ConditionReady. Alerts and tests may rely on them; messages are for
// people and may change.
//
//	True     Issued
//	Unknown  Issuing
//	False    all others
const (
	// ReasonIssued goes with True: the Secret holds a credential that is accepted.
	ReasonIssued = "Issued"
	// ReasonIssuing goes with Unknown: the credential is in the status, its Secret follows.
	ReasonIssuing = "Issuing"
	// ReasonSuspended goes with False: spec.suspend is set.
	ReasonSuspended = "Suspended"
	// ReasonSecretConflict goes with False: the wanted Secret is somebody else's.
	ReasonSecretConflict = "SecretConflict"
	// ReasonSecretNotWritten goes with False: the API server refused the Secret.
	ReasonSecretNotWritten = "SecretNotWritten"
	// ReasonScopeConflict goes with False: an older OAuthClient declares the scope.
	ReasonScopeConflict = "ScopeConflict"
	// ReasonCallbackConflict goes with False: an older OAuthClient of another
	// namespace has the callback URL.
	ReasonCallbackConflict = "CallbackConflict"
	// ReasonKeyMismatch goes with False: the status does not belong to the keys in use.
	ReasonKeyMismatch = "KeyMismatch"
	// ReasonClientIDConflict goes with False: an older OAuthClient has the client ID of
	// the spec, or the status holds one that is not this object's. The client is not
	// served at all.
	ReasonClientIDConflict = "ClientIDConflict"
)

// Labels, annotations and the type of what the operator writes.
const (
	// LabelClientUID marks each Secret that the operator wrote for a client and
	// holds the UID of its OAuthClient. The operator watches no other Secrets.
	LabelClientUID = "gatehouse.dev/client-uid"
	// AnnotationResetCredentials asks for a new client secret: each new value once.
	AnnotationResetCredentials = "gatehouse.dev/reset-credentials"
	// SecretType is the type of a client's Secret. The type of a Secret is
	// immutable, so a Secret of anybody else can never be turned into one of ours.
	SecretType = "gatehouse.dev/oauth-client"
)

// ClientIDOf returns the client ID of the object: spec.clientID, or without one
// <namespace>.<name>, at most 253 lower-case letters, digits, dashes and dots. A
// namespace holds no dot, so no two objects share one of the latter; and spec.clientID
// holds none at all. Of two objects with one spec.clientID it belongs to the Older.
func ClientIDOf(oc *OAuthClient) string {
	if oc.Spec.ClientID != "" {
		return oc.Spec.ClientID
	}
	return oc.Namespace + "." + oc.Name
}

// DefaultSecretName returns the name of the client's Secret when the spec names none.
// It is a valid one: the name of an OAuthClient has at most 189 characters.
func DefaultSecretName(oc *OAuthClient) string { return oc.Name + "-oauth" }

// Older reports whether a wins over b where both claim one thing: the earlier
// creation, then the smaller UID. Both programs decide a conflict by it.
func Older(a, b *OAuthClient) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return a.UID < b.UID
}
