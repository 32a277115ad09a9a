// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// PrivateKeyJWTSpec names the public keys of a client that signs what it proves itself with (private_key_jwt, OpenID Connect Core
// §9). The private key stays with the application. Keys are RSA of 2048 to 4096 bits, EC on the curve P-256, or Ed25519, at most 8.
//
// +kubebuilder:validation:XValidation:rule=`(has(self.jwks) && size(self.jwks) > 0 ? 1 : 0) + (has(self.fromSecret) ? 1 : 0) + (has(self.jwksURI) && size(self.jwksURI) > 0 ? 1 : 0) == 1`,message="credentials.privateKeyJWT must name its keys in one way: set one of jwks, fromSecret and jwksURI"
type PrivateKeyJWTSpec struct {
	// JWKS is a JWK Set with public keys (RFC 7517 §5), as JSON. Absent: the keys stand elsewhere.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'"(d|p|q|dp|dq|qi|oth|k)"[ \t\r\n]*:')`,message="credentials.privateKeyJWT.jwks must hold public keys alone: make a new key pair, because this private key is known now, and write its public key"
	JWKS string `json:"jwks,omitempty"`

	// FromSecret names a Secret that holds a JWK Set with public keys. The operator reads it and puts the public keys into the
	// status. It must bear the label gatehouse.dev/given-secret with the value true. Absent: the keys stand elsewhere.
	//
	// +optional
	FromSecret *KeysFromSecretSpec `json:"fromSecret,omitempty"`

	// JWKSURI is an https address where the authorization server reads a JWK Set (RFC 7591 §2: jwks_uri). It has the form of an
	// https URL of callbackURLs, and a host that the policy of the namespace allows for those. The server goes to no address inside
	// the cluster or its network, unless its configuration lists the network. Absent: the keys stand elsewhere.
	//
	// +optional
	JWKSURI JWKSURI `json:"jwksURI,omitempty"`
}

// KeysFromSecretSpec names a Secret with public keys.
type KeysFromSecretSpec struct {
	// Name is the Secret, in the namespace of the object.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	Name SecretName `json:"name"`

	// Key is the key in the data of the Secret. Absent: jwks.json.
	//
	// +optional
	Key SecretKey `json:"key,omitempty"`
}

// JWKSURI is the address of a JWK Set. Empty: there is none.
//
// +kubebuilder:validation:MaxLength=512
// +kubebuilder:validation:XValidation:rule=`size(self) == 0 || self.matches(r'^https://([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?([/?]([A-Za-z0-9._~!$&\x27()+,;=:@/?\[\]-]|%(2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[B-D]|[89A-F][0-9A-F]))*)?$') && !self.matches(r'^[^?]*(/|%2F)\.\.?(/|%2F|[?]|$)|[?&](code|state|iss|error|error_description|error_uri|oauth_token|oauth_verifier|oauth_problem|oauth_error)([=&]|$)|^https://[^/?]*:443([/?]|$)')`,message="credentials.privateKeyJWT.jwksURI must be an https URL in the form of callbackURLs: host in lower case, without :443, fragment, wildcard, user info and the path segments . and .., and without a parameter that an answer has, such as state"
type JWKSURI string

// ServiceAccountSpec names the ServiceAccounts whose Pods are the client. A Pod mounts a token of its ServiceAccount whose audience
// is the issuer (serviceAccountToken in a projected volume), and sends that token as its assertion with its client_id. No Secret is made.
// Pods of other clusters can be the client, too.
//
// +kubebuilder:validation:XValidation:rule=`has(self.allowDefault) && self.allowDefault || !self.names.exists(n, n == 'default')`,fieldPath=".names",message="credentials.serviceAccount.names must not hold default, which every Pod has that names no other: create a ServiceAccount of its own, or set allowDefault to true"
type ServiceAccountSpec struct {
	// Names are ServiceAccounts in the namespace of the object, from 1 to 8. Whoever may run a Pod as one of them, or may create
	// tokens of it, is the client. Whoever applies the list owns all of it.
	//
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:XValidation:rule=`self.all(n, self.indexOf(n) == self.lastIndexOf(n))`,message="credentials.serviceAccount.names must name each ServiceAccount once: remove the repetition"
	Names []ServiceAccountName `json:"names"`

	// Clusters are those whose ServiceAccounts of these names, in the namespace of the same name, are the client: from 1 to 8, by the
	// names that the configuration of the authorization server gives them (workloadIdentity.clusters), and in-cluster for the cluster
	// that the object is in. Whoever rules that namespace there is the client. The policy of the namespace must allow each but
	// in-cluster. Whoever applies the list owns all of it. Absent: in-cluster alone.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:XValidation:rule=`self.all(c, self.indexOf(c) == self.lastIndexOf(c))`,message="credentials.serviceAccount.clusters must name each cluster once: remove the repetition"
	Clusters []ClusterName `json:"clusters,omitempty"`

	// AllowDefault, when true, lets names hold default, the ServiceAccount of every Pod that names no other. Absent: it is refused.
	//
	// +optional
	AllowDefault bool `json:"allowDefault,omitempty"`
}

// ClusterName is what the configuration of the authorization server calls a cluster. It is a DNS label (RFC 1123 §2.1).
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule=`!format.dns1123Label().validate(self).hasValue()`,message="the name of a cluster must be lower-case letters, digits and hyphens, and begin and end with a letter or a digit"
type ClusterName string

// InCluster names the cluster that an object is in, among the names of clusters. No other one is called so.
const InCluster ClusterName = "in-cluster"

// ServiceAccountName is the name of a ServiceAccount.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule=`!format.dns1123Subdomain().validate(self).hasValue()`,message="credentials.serviceAccount.names must be names of ServiceAccounts: lower-case letters, digits, - and ., and each part between dots begins and ends with a letter or a digit"
type ServiceAccountName string

// ClientAuthenticationStatus is what the authorization server needs to know of a client without a client secret.
type ClientAuthenticationStatus struct {
	// JWKS are the public keys that the Secret of credentials.privateKeyJWT.fromSecret holds. Absent: there are none.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	JWKS string `json:"jwks,omitempty"`

	// ServiceAccounts are those of credentials.serviceAccount that exist in this cluster. Tokens are bound to the UID: one that is
	// created again is another one. Absent: there are none.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	ServiceAccounts []ServiceAccountStatus `json:"serviceAccounts,omitempty"`

	// Proof shows the authorization server that the operator wrote the rest for this object and the Secret of its spec: a MAC
	// under the shared key. Nobody else can make one. Absent: there is no rest.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Proof string `json:"proof,omitempty"`
}

// ServiceAccountStatus is a ServiceAccount that exists.
type ServiceAccountStatus struct {
	// Name is its name.
	//
	// +required
	Name ServiceAccountName `json:"name"`

	// UID is its UID.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid"`
}

// KeyJWKS is the key in the data of a Secret under which public keys stand unless another one is named.
const KeyJWKS = "jwks.json"
