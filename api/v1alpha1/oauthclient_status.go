// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// OAuthClientStatus is what the operator observed and did.
type OAuthClientStatus struct {
	// ObservedGeneration is the metadata.generation this status speaks of. While it is
	// smaller than that, the status is of an older spec.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// ClientID is the public name of the client: spec.clientID, or without one
	// <namespace>.<name>. It never changes. Absent: the operator has not seen the
	// client yet, or an older one has its client ID.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ClientID string `json:"clientID,omitempty"`

	// SecretName is the Secret that was written last. Absent: none was.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName,omitempty"`

	// Credentials are the client secrets the authorization server accepts. Neither a
	// secret nor anything it could be computed from stands here. Absent for a Public
	// client.
	//
	// +optional
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MaxItems=4
	Credentials []CredentialStatus `json:"credentials,omitempty"`

	// LastHandledReset is the value of the annotation gatehouse.dev/reset-credentials
	// that was acted upon last. The same value does nothing again.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=262144
	LastHandledReset string `json:"lastHandledReset,omitempty"`

	// ValidAfter ends every approval and token that was given before it. The operator
	// sets it when it sees a client of profile IntegrationCloud suspended, and when it
	// resets the credentials of one of ConnectionsCloudOAuth2 or ConnectionsCloudOAuth1.
	// A suspension that is over before the operator saw it ends nothing. Absent: none
	// was ended that way.
	//
	// +optional
	ValidAfter *metav1.Time `json:"validAfter,omitempty"`

	// Conditions of the client. Ready is the one to wait for: True means that the
	// Secret that exists now would be accepted by the authorization server now.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// CredentialStatus is one client secret: never the secret, only what proves it.
type CredentialStatus struct {
	// ID names the credential. Random.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	ID string `json:"id"`

	// IssuedAt is when the credential was made.
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
