// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "time"

// DeletionPolicy tells what becomes of the identity of a client when its OAuthClient is deleted.
//
// +kubebuilder:validation:Enum="";Delete;Retain
type DeletionPolicy string

// The deletion policies.
const (
	DeletionDelete DeletionPolicy = "Delete"
	DeletionRetain DeletionPolicy = "Retain"
)

// TakenOverStatus tells that an object took over the identity of an earlier one of its namespace and
// name, whose deletionPolicy was Retain.
type TakenOverStatus struct {
	// UID is that of this object. Another value shows a status that was restored from a backup.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid"`

	// Proof shows the authorization server that the operator gave identityUID to this object: a MAC
	// under the shared key. Nobody else can make one.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Proof string `json:"proof"`
}

// Retains reports whether the identity of the client outlives the object: its Secret, and what people
// gave to it.
func (s *OAuthClientSpec) Retains() bool { return s.DeletionPolicy == DeletionRetain }

// Expiry returns when the client ends; the zero time: never. What cannot be read is past.
func (s *OAuthClientSpec) Expiry() time.Time {
	at := s.ExpiresAt.Time()
	if s.ExpiresAt != "" && at.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return at
}

// Identity returns the UID for which credentials are made and grants are given, as the status says it:
// that of the object, or of an earlier one whose identity it took over.
func (oc *OAuthClient) Identity() string {
	if t := oc.Status.TakenOver; t != nil && t.UID == string(oc.UID) && oc.Status.IdentityUID != "" {
		return oc.Status.IdentityUID
	}
	return string(oc.UID)
}
