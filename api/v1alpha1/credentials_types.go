// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// CredentialSource is where a client secret comes from, or what stands in its place.
//
// +kubebuilder:validation:Enum="";Generate;FromSecret;PrivateKeyJWT;ServiceAccount
type CredentialSource string

// The sources of credentials.
const (
	SourceGenerate       CredentialSource = "Generate"
	SourceFromSecret     CredentialSource = "FromSecret"
	SourcePrivateKeyJWT  CredentialSource = "PrivateKeyJWT"
	SourceServiceAccount CredentialSource = "ServiceAccount"
)

// FromSecretSpec names a client secret that somebody else made. The operator reads the Secret and
// never writes or deletes it. The Secret must bear the label gatehouse.dev/given-secret with the value
// true, by which its team allows that.
type FromSecretSpec struct {
	// Name is the Secret, in the namespace of the object.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	Name SecretName `json:"name"`

	// Key is the key in the data of the Secret: 32 to 256 printable ASCII characters. Absent:
	// client-secret.
	//
	// +optional
	Key SecretKey `json:"key,omitempty"`
}

// CredentialsSpec tells where the client ID and the client secret go.
//
// +kubebuilder:validation:XValidation:rule=`(has(self.source) && self.source == 'FromSecret') == has(self.fromSecret)`,fieldPath=".fromSecret",message="credentials.fromSecret must name a Secret where source is FromSecret, and be left out otherwise"
// +kubebuilder:validation:XValidation:rule=`!has(self.fromSecret) || !has(self.rotation) || !has(self.rotation.intervalDays) && !has(self.rotation.waitForUse) && !(has(self.rotation.keepPrevious) && self.rotation.keepPrevious)`,fieldPath=".rotation",message="rotation must hold overlapHours alone where source is FromSecret: whoever writes that Secret renews the client secret"
// +kubebuilder:validation:XValidation:rule=`!has(self.secretTemplate) || !has(self.secretTemplate.preset) || size(self.secretTemplate.preset) == 0 || !has(self.source) || self.source in ["", 'Generate']`,fieldPath=".secretTemplate.preset",message="secretTemplate.preset must be left out unless source is Generate: a program reads the client secret from the same Secret, which does not hold it then"
// +kubebuilder:validation:XValidation:rule=`(has(self.source) && self.source == 'PrivateKeyJWT') == has(self.privateKeyJWT)`,fieldPath=".privateKeyJWT",message="credentials.privateKeyJWT must name the keys where source is PrivateKeyJWT, and be left out otherwise"
// +kubebuilder:validation:XValidation:rule=`(has(self.source) && self.source == 'ServiceAccount') == has(self.serviceAccount)`,fieldPath=".serviceAccount",message="credentials.serviceAccount must name ServiceAccounts where source is ServiceAccount, and be left out otherwise"
// +kubebuilder:validation:XValidation:rule=`!has(self.rotation) || !has(self.privateKeyJWT) && !has(self.serviceAccount)`,fieldPath=".rotation",message="credentials.rotation must be left out where source is PrivateKeyJWT or ServiceAccount: there is no client secret to renew"
type CredentialsSpec struct {
	// SecretName is the Secret that is written, in the namespace of the object. Absent:
	// <metadata.name>-oauth for an OAuthClient, <metadata.name>-resource-server for a
	// ResourceServer. When it changes, the new Secret is written with the same client
	// secret and the old one is deleted. A Secret of somebody else is never overwritten:
	// the object is then not ready and has the reason SecretConflict.
	//
	// +optional
	SecretName SecretName `json:"secretName,omitempty"`

	// ConfigMapName is a ConfigMap that is written beside the Secret, in the namespace of the object. It
	// holds what is public: the client ID, the issuer and the addresses, under the keys that they have in the
	// Secret. It never holds a client secret, nor anything of secretTemplate.data, secretTemplate.generate or
	// the files of a preset. It is deleted with the object, and when it is named no more. A ConfigMap of somebody
	// else is never overwritten: the object is then not ready and has the reason ConfigMapConflict.
	// Absent: there is none.
	//
	// +optional
	ConfigMapName ConfigMapName `json:"configMapName,omitempty"`

	// SecretTemplate shapes the Secret. Absent: the standard keys, and no labels and
	// annotations but the operator's own.
	//
	// +optional
	SecretTemplate SecretTemplate `json:"secretTemplate,omitzero"`

	// Source tells where the client secret comes from. Generate: the operator makes it.
	// FromSecret: a Secret of the namespace holds it, which somebody else writes. PrivateKeyJWT:
	// there is none, the client signs with a private key of its own. ServiceAccount: there is none,
	// the token of a Pod's ServiceAccount proves who it is. Without a client secret no Secret is
	// made. These two are for Confidential clients of profile OAuth2, and for ResourceServers. Absent:
	// Generate. It can be changed; the client secret before the change then ends.
	//
	// +optional
	Source CredentialSource `json:"source,omitempty"`

	// FromSecret names the Secret that holds the client secret, for source FromSecret. Absent for
	// the other sources.
	//
	// +optional
	FromSecret *FromSecretSpec `json:"fromSecret,omitempty"`

	// PrivateKeyJWT names the public keys of the client, for source PrivateKeyJWT. Absent for the
	// other sources.
	//
	// +optional
	PrivateKeyJWT *PrivateKeyJWTSpec `json:"privateKeyJWT,omitempty"`

	// ServiceAccount names the ServiceAccounts that are the client, for source ServiceAccount.
	// Absent for the other sources.
	//
	// +optional
	ServiceAccount *ServiceAccountSpec `json:"serviceAccount,omitempty"`

	// Rotation renews the client secret while the old one still works. Absent: a new client
	// secret is made only when the annotation gatehouse.dev/rotate-credentials or
	// gatehouse.dev/reset-credentials asks for it.
	//
	// +optional
	Rotation *RotationSpec `json:"rotation,omitempty"`
}

// RotationSpec tells when a client secret is renewed, and how long the old one works beside the
// new one. At any time at most two client secrets are accepted; up to four where source is
// FromSecret.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.waitForUse) || self.waitForUse.limitHours < 1 || self.waitForUse.limitHours >= (has(self.overlapHours) ? self.overlapHours : 24) && (!has(self.intervalDays) || self.waitForUse.limitHours <= self.intervalDays * 24)`,fieldPath=".waitForUse",message="waitForUse.limitHours must be from overlapHours to intervalDays: the old client secret ends before the next one is made"
// +kubebuilder:validation:XValidation:rule=`!has(self.intervalDays) || self.intervalDays < 1 || (has(self.overlapHours) ? self.overlapHours : 24) <= self.intervalDays * 24`,message="overlapHours must not be longer than intervalDays: the old client secret ends before the next one is made"
type RotationSpec struct {
	// IntervalDays is how many days a client secret is used before the next one is made, from
	// 1 to 365. Absent: the client secret is renewed only when the annotation
	// gatehouse.dev/rotate-credentials asks for it.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=365
	// +kubebuilder:validation:XValidation:rule=`self >= 1 && self <= 365`,message="intervalDays must be from 1 to 365"
	IntervalDays int32 `json:"intervalDays,omitempty"`

	// OverlapHours is how many hours the old client secret is accepted beside the new one,
	// from 1 to 720 (30 days). Absent: 24. An application has to read its Secret again within
	// this time. A shorter value counts for an overlap that has begun, too; a longer one counts
	// from the next rotation on.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=720
	// +kubebuilder:validation:XValidation:rule=`self >= 1 && self <= 720`,message="overlapHours must be from 1 to 720 (30 days)"
	OverlapHours int32 `json:"overlapHours,omitempty"`

	// KeepPrevious, when true, leaves the old client secret in the Secret during the overlap,
	// under the key previous-client-secret. Absent: the Secret holds the new one only.
	//
	// +optional
	KeepPrevious bool `json:"keepPrevious,omitempty"`

	// WaitForUse lets the old client secret go on for as long as it is used: it ends overlapHours
	// after its last use, and at the limit in any case. Absent: it ends overlapHours after the
	// rotation, used or not.
	//
	// +optional
	WaitForUse *WaitForUseSpec `json:"waitForUse,omitempty"`
}

// WaitForUseSpec tells how long an old client secret can go on because it is used.
type WaitForUseSpec struct {
	// LimitHours is how many hours after the rotation the old client secret ends, whoever uses it,
	// from 1 to 2160 (90 days).
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2160
	// +kubebuilder:validation:XValidation:rule=`self >= 1 && self <= 2160`,message="limitHours must be from 1 to 2160 (90 days)"
	LimitHours int32 `json:"limitHours"`
}
