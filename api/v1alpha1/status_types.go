// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// OAuthClientStatus is what the operator observed and did.
type OAuthClientStatus struct {
	IssuedStatus `json:",inline"`

	// ValidAfter ends every approval and token that was given before it. The operator
	// sets it when it sees a client of profile IntegrationCloud suspended, when it
	// resets the credentials of one of ConnectionsCloudOAuth2 or ConnectionsCloudOAuth1,
	// and at a reset with the annotation gatehouse.dev/reset-revokes.
	// A suspension that is over before the operator saw it ends nothing. Absent: none
	// was ended that way.
	//
	// +optional
	ValidAfter *metav1.Time `json:"validAfter,omitempty"`

	// TakenOver tells that identityUID is that of an earlier object of this namespace and name,
	// which had the deletionPolicy Retain. Absent: identityUID is the UID of this object.
	//
	// +optional
	TakenOver *TakenOverStatus `json:"takenOver,omitempty"`
}

// IssuedStatus is what the operator says of every object that it issues credentials to.
type IssuedStatus struct {
	// ObservedGeneration is the metadata.generation this status speaks of. While it is
	// smaller than that, the status is of an older spec. -1: the operator has not seen the
	// object yet.
	//
	// +optional
	// +kubebuilder:default=-1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// ClientID is the public name of the object. It never changes. Absent: the operator has
	// not seen the object yet, or another one holds its client ID.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ClientID string `json:"clientID,omitempty"`

	// SecretName is the Secret that was written last. Absent: none was.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName,omitempty"`

	// Binding names the Secret for programs that follow the Service Binding specification for
	// Kubernetes, to which this object is a provisioned service. Absent: none was written.
	//
	// +optional
	Binding *BindingStatus `json:"binding,omitempty"`

	// IdentityUID is the UID for which the credentials were made and approvals are given. It
	// is the UID of this object, or, where takenOver says so, that of an earlier one. Any other
	// value shows a status that was restored from a backup of an older object; the operator
	// then makes new credentials.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	IdentityUID string `json:"identityUID,omitempty"`

	// Credentials are the client secrets the authorization server accepts, the newest one
	// last. During the overlap of a rotation there are two, and the older one has an end. With
	// the source FromSecret there are up to four, and each but the last has an end.
	// Neither a secret nor anything it could be computed from stands here. Absent for a
	// Public client.
	//
	// +optional
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MaxItems=4
	Credentials []CredentialStatus `json:"credentials,omitempty"`

	// ClientAuthentication is what the authorization server needs to know of a client without a
	// client secret, and no spec says. Absent: the client has a client secret, or is Public.
	//
	// +optional
	ClientAuthentication *ClientAuthenticationStatus `json:"clientAuthentication,omitempty"`

	// LastHandledReset is the value of the annotation gatehouse.dev/reset-credentials
	// that was acted upon last. The same value does nothing again.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=262144
	LastHandledReset string `json:"lastHandledReset,omitempty"`

	// LastHandledRotation is the value of the annotation gatehouse.dev/rotate-credentials
	// that was acted upon last. The same value does nothing again.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=262144
	LastHandledRotation string `json:"lastHandledRotation,omitempty"`

	// Claims are the names that only one object, or one namespace, may have in the
	// cluster, with the time since when this one holds them. The authorization server
	// serves only those that are held.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Claims []ClaimStatus `json:"claims,omitempty"`

	// Conditions of the object. Ready is the one to wait for: True means that the Secret
	// that exists now is accepted by the authorization server now. Accepted tells whether
	// the spec is served.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:default={{type: "Ready", status: "Unknown", reason: "Pending", message: "The operator has not seen this object yet.", lastTransitionTime: "1970-01-01T00:00:00Z"}}
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ClaimKind is what a claim is about.
//
// +kubebuilder:validation:Enum=Callback;Scope;Identifier;ClientID
type ClaimKind string

// The kinds of claims. A callback belongs to one namespace; the others belong to one
// object.
const (
	ClaimCallback   ClaimKind = "Callback"
	ClaimScope      ClaimKind = "Scope"
	ClaimIdentifier ClaimKind = "Identifier"
	ClaimClientID   ClaimKind = "ClientID"
)

// ClaimStatus is one claim of an object.
type ClaimStatus struct {
	// Kind is what the claim is about.
	//
	// +required
	Kind ClaimKind `json:"kind"`

	// Name is what is claimed: the address of a callback without its query, the name of a
	// scope, an identifier, a client ID.
	//
	// +required
	// +kubebuilder:validation:MaxLength=512
	Name string `json:"name"`

	// Since is the time since which the object holds the claim. Absent: it waits for it.
	//
	// +optional
	Since *metav1.MicroTime `json:"since,omitempty"`

	// HeldBy is the UID of the object that holds what this one waits for. It is not a name,
	// because the reader may not be allowed to know which namespaces exist. Absent for a
	// claim that is held.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	HeldBy string `json:"heldBy,omitempty"`

	// HeldSince is the time since which the other object holds it. Absent as heldBy is.
	//
	// +optional
	HeldSince *metav1.MicroTime `json:"heldSince,omitempty"`
}

// CredentialStatus is one client secret: never the secret, only what proves it.
type CredentialStatus struct {
	// ID names the credential. That of the first one follows from the UID of the object;
	// later ones are random.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	ID string `json:"id"`

	// IssuedAt is when the credential was made; in a rotation, once the Secret holds it, when
	// the Secret got it.
	//
	// +required
	IssuedAt metav1.Time `json:"issuedAt"`

	// ExpiresAt is when the credential stops being valid. Absent: never.
	//
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// Verifier proves the secret to a server that knows the shared key, and is useless
	// without that key.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Verifier string `json:"verifier"`
}
