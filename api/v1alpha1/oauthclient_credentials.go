// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "maps"

// CredentialsSpec tells where the client ID and the client secret go.
type CredentialsSpec struct {
	// SecretName is the Secret that is written, in the namespace of the OAuthClient.
	// Absent: <metadata.name>-oauth. When it changes, the new Secret is written with
	// the same client secret and the old one goes. A Secret that is somebody else's is
	// never overwritten: the OAuthClient is told SecretConflict.
	//
	// +optional
	SecretName SecretName `json:"secretName,omitempty"`

	// SecretTemplate shapes the Secret. Absent: the standard keys, and no labels and
	// annotations but the operator's own.
	//
	// +optional
	SecretTemplate SecretTemplate `json:"secretTemplate,omitzero"`
}

// SecretTemplate shapes the Secret of a client. What anybody else adds to the
// Secret stays in it.
//
// +kubebuilder:object:generate=false
type SecretTemplate struct {
	// Labels are added to the Secret. Those that begin with gatehouse.dev/ are the
	// operator's own. Labels of the OAuthClient itself are not copied.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule=`self.all(k, !format.qualifiedName().validate(k).hasValue())`,message="labels must have names like team or example.com/team: at most 63 letters, digits, -, _ and . after the slash"
	// +kubebuilder:validation:XValidation:rule=`self.all(k, !k.startsWith('gatehouse.dev/') && !k.contains('.gatehouse.dev/'))`,message="labels must not begin with gatehouse.dev/, which is the operator's own: choose another prefix"
	Labels map[string]LabelValue `json:"labels,omitempty"`

	// Annotations are added to the Secret. Those that begin with gatehouse.dev/ are
	// the operator's own.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule=`self.all(k, !format.qualifiedName().validate(k).hasValue())`,message="annotations must have names like team or example.com/team: at most 63 letters, digits, -, _ and . after the slash"
	// +kubebuilder:validation:XValidation:rule=`self.all(k, !k.startsWith('gatehouse.dev/') && !k.contains('.gatehouse.dev/'))`,message="annotations must not begin with gatehouse.dev/, which is the operator's own: choose another prefix"
	Annotations map[string]AnnotationValue `json:"annotations,omitempty"`

	// Keys renames keys in the data of the Secret: from the standard name (client-id,
	// client-secret, issuer, request-token-endpoint, authorization-endpoint,
	// token-endpoint, access-token-endpoint, revocation-endpoint,
	// introspection-endpoint, verification-endpoint, identity-endpoint) to the name the
	// application wants, for instance client-id: OAUTH_CLIENT_ID. A key that is not
	// named here keeps its standard name; one that the profile has not is ignored.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=11
	// +kubebuilder:validation:XValidation:rule=`self.all(k, k in ['client-id', 'client-secret', 'issuer', 'request-token-endpoint', 'authorization-endpoint', 'token-endpoint', 'access-token-endpoint', 'revocation-endpoint', 'introspection-endpoint', 'verification-endpoint', 'identity-endpoint'])`,message="keys must rename standard keys only: client-id, client-secret, issuer, request-token-endpoint, authorization-endpoint, token-endpoint, access-token-endpoint, revocation-endpoint, introspection-endpoint, verification-endpoint, identity-endpoint"
	// +kubebuilder:validation:XValidation:rule=`['client-id', 'client-secret', 'issuer', 'request-token-endpoint', 'authorization-endpoint', 'token-endpoint', 'access-token-endpoint', 'revocation-endpoint', 'introspection-endpoint', 'verification-endpoint', 'identity-endpoint'].map(k, k in self ? self[k] : k).all(a, ['client-id', 'client-secret', 'issuer', 'request-token-endpoint', 'authorization-endpoint', 'token-endpoint', 'access-token-endpoint', 'revocation-endpoint', 'introspection-endpoint', 'verification-endpoint', 'identity-endpoint'].exists_one(k, (k in self ? self[k] : k) == a))`,message="keys must give each standard key a name of its own: choose names that no other key has or keeps"
	Keys map[string]SecretKey `json:"keys,omitempty"`
}

// DeepCopyInto copies in to out. It is written by hand because the generator does
// not know maps whose values are of an alias type.
func (in *SecretTemplate) DeepCopyInto(out *SecretTemplate) {
	out.Labels = maps.Clone(in.Labels)
	out.Annotations = maps.Clone(in.Annotations)
	out.Keys = maps.Clone(in.Keys)
}
