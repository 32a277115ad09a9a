// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// OAuthClientPolicy says what OAuthClients and ResourceServers of a namespace may use. A
// namespace has exactly one policy: the one that its label gatehouse.dev/policy names, or
// without that label the one called default. A label that names no policy allows nothing.
// What a policy does not allow is not allowed. What counts is the namespace of an object,
// not who applied it.
//
// In every list of names, {namespace} stands for the name of the namespace, so that one
// policy serves many teams. Whoever applies a list owns all of it.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,shortName=gpolicy,categories=gatehouse
// +kubebuilder:printcolumn:name="Description",type=string,JSONPath=`.spec.description`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule=`size(self.metadata.name) <= 63`,fieldPath=".metadata",message="metadata.name must have at most 63 characters: it is the value of the label gatehouse.dev/policy"
type OAuthClientPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what the policy allows.
	//
	// +required
	Spec OAuthClientPolicySpec `json:"spec"`
}

// OAuthClientPolicyList is a list of OAuthClientPolicies.
//
// +kubebuilder:object:root=true
type OAuthClientPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []OAuthClientPolicy `json:"items"`
}

// OAuthClientPolicySpec is what a policy allows.
type OAuthClientPolicySpec struct {
	// Description tells people what the policy is for. Absent, nothing is shown.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Description Text `json:"description,omitempty"`

	// Clients is what OAuthClients may use. Absent: nothing, so no OAuthClient is accepted.
	//
	// +optional
	Clients ClientRules `json:"clients,omitzero"`

	// ResourceServers is what ResourceServers may declare. Absent: nothing, so no
	// ResourceServer is accepted.
	//
	// +optional
	ResourceServers ResourceServerRules `json:"resourceServers,omitzero"`

	// Secrets is what the secretTemplate of either kind may use. Absent: the default type
	// and names of keys, no labels and no annotations.
	//
	// +optional
	Secrets SecretRules `json:"secrets,omitzero"`
}

// ClientRules are what OAuthClients may use.
type ClientRules struct {
	// Profiles lists the profiles that clients may speak. Absent: none.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Profiles []Profile `json:"profiles,omitempty"`

	// GrantTypes lists the grant types that clients of the profiles OAuth2 and
	// IntegrationCloud may use; the other profiles have no choice. Absent: none.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	GrantTypes []GrantType `json:"grantTypes,omitempty"`

	// CallbackHosts lists the hosts of https callback URLs: a host name, with :port where
	// it is not 443; *.example.com for every host below example.com; * for every host.
	// Absent: none.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	CallbackHosts []HostPattern `json:"callbackHosts,omitempty"`

	// LoopbackCallbacks, when true, allows callback URLs with http on 127.0.0.1, [::1] and
	// localhost. Absent: they are not allowed.
	//
	// +optional
	LoopbackCallbacks bool `json:"loopbackCallbacks,omitempty"`

	// PrivateUseSchemes lists the schemes of callback URLs of native applications, for
	// instance com.example.app; com.example.* for every scheme that begins so; *.* for
	// every scheme that holds a dot. Absent: none.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	PrivateUseSchemes []SchemePattern `json:"privateUseSchemes,omitempty"`

	// ClientIDs lists the client IDs that spec.clientID may name: a whole ID, or the
	// beginning of IDs and then *. Absent: none, so that every client has the ID
	// <namespace>.<name>.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	ClientIDs []NamePattern `json:"clientIDs,omitempty"`

	// ConsentSkip, when true, allows consent: Skip. Whoever may edit the namespace can then
	// obtain the data of every owner who is entitled, without asking them. Absent: it is not
	// allowed.
	//
	// +optional
	ConsentSkip bool `json:"consentSkip,omitempty"`

	// EntitlementEveryone, when true, allows entitlement: Everyone. Whoever may edit the
	// namespace can then open a client to every person who can log in. Absent: it is not
	// allowed.
	//
	// +optional
	EntitlementEveryone bool `json:"entitlementEveryone,omitempty"`

	// RequireSecondFactor, when true, lets nobody log in for a client without a second step, such as a
	// code of an app or a passkey, whatever the client's own secondFactor says. It refuses no client.
	// Absent: each client decides.
	//
	// +optional
	RequireSecondFactor bool `json:"requireSecondFactor,omitempty"`

	// PKCEOptional, when true, allows oauth2.pkce: Optional, for applications that cannot
	// send a code challenge. Absent: it is not allowed.
	//
	// +optional
	PKCEOptional bool `json:"pkceOptional,omitempty"`

	// OutOfBand, when true, allows outOfBand in the OAuth 1.0a profiles. Absent: it is not
	// allowed.
	//
	// +optional
	OutOfBand bool `json:"outOfBand,omitempty"`

	// LegacyOpenings, when true, allows allowSecretInURLUntil,
	// allowSecretInAuthorizationHeaderUntil, and the signature method PLAINTEXT in profile
	// OAuth1. Absent: they are not allowed.
	//
	// +optional
	LegacyOpenings bool `json:"legacyOpenings,omitempty"`

	// MaxGrantDurationDays is the longest grantDurationDays, from 1 to 90. Absent: 90.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=90
	MaxGrantDurationDays int32 `json:"maxGrantDurationDays,omitempty"`

	// MaxAccessTokenLifetimeSeconds is the longest lifetime of an access token, from 60 to
	// 86400, also where the client leaves the field out and has the default of its profile.
	// Absent: 86400.
	//
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=86400
	MaxAccessTokenLifetimeSeconds int32 `json:"maxAccessTokenLifetimeSeconds,omitempty"`
}

// ResourceServerRules are what ResourceServers may declare.
type ResourceServerRules struct {
	// Scopes lists the scopes: a whole name, or the beginning of names and then *, for
	// instance {namespace}.*. Absent: none.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Scopes []NamePattern `json:"scopes,omitempty"`

	// Identifiers lists the identifiers: a whole URI, or the beginning of URIs and then *,
	// for instance api://{namespace}/*. Absent: none.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Identifiers []NamePattern `json:"identifiers,omitempty"`

	// From lists what the field from of a scope may be. Absent: Same only.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=3
	From []ScopeAudience `json:"from,omitempty"`

	// WithoutOwner, when true, allows scopes that clients may have without a person. Absent:
	// such scopes are not allowed.
	//
	// +optional
	WithoutOwner bool `json:"withoutOwner,omitempty"`
}

// SecretRules are where credentials may come from, how often client secrets have to be renewed, and what a
// secretTemplate may use beside what is always allowed: the default type, and names of keys.
type SecretRules struct {
	// Sources lists what spec.credentials.source may be. Absent: Generate and FromSecret. A list
	// without those two allows clients and APIs without a client secret alone.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Sources []CredentialSource `json:"sources,omitempty"`

	// ServiceAccountClusters lists the other clusters that credentials.serviceAccount.clusters may name, as the configuration of the
	// authorization server calls them. Whoever rules the namespace of the same name there can be a client of the namespace. It
	// takes ServiceAccount among sources, too. Absent: none but in-cluster, which nobody has to list.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	ServiceAccountClusters []ClusterName `json:"serviceAccountClusters,omitempty"`

	// Types lists the types of Secrets, for instance nginx.org/oidc. The operator's own
	// account may write only types that the ValidatingAdmissionPolicy
	// gatehouse-operator-secrets lists too. Absent: the default type only.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Types []SecretType `json:"types,omitempty"`

	// Labels lists the keys of labels: a whole key, or the beginning of keys and then *.
	// Other controllers obey labels, and the operator writes them on behalf of whoever may
	// edit the namespace. Absent: none.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Labels []NamePattern `json:"labels,omitempty"`

	// Annotations lists the keys of annotations, as labels does. Absent: none.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Annotations []NamePattern `json:"annotations,omitempty"`

	// MaxRotationIntervalDays is the longest credentials.rotation.intervalDays, from 1 to 365. An
	// object without that field is then refused, and so is one with source FromSecret, whose client
	// secret somebody else renews or not. It counts for whatever has a client secret that the operator
	// or somebody else makes, so not for Public clients. Absent: nobody has to rotate.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=365
	MaxRotationIntervalDays int32 `json:"maxRotationIntervalDays,omitempty"`
}

// NamePattern is a name, or the beginning of names and then *. {namespace} stands for the
// name of the namespace. Where the pattern ends with *, a character that no namespace's name
// holds must follow {namespace}: {namespace}* would allow the namespace shop the names of the
// namespace shop2 too.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
// +kubebuilder:validation:XValidation:rule=`!self.contains('*') || self.indexOf('*') == size(self) - 1`,message="a pattern must hold * at its end only: write photos.*"
// +kubebuilder:validation:XValidation:rule=`!self.replace('{namespace}', "").matches(r'[{}]')`,message="a pattern must hold no braces but those of {namespace}, which stands for the name of the namespace"
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[{]namespace[}]([a-z0-9-].*)?[*]$')`,message="a pattern that ends with * must have a character behind {namespace} that no namespace's name holds, or it allows names of other namespaces too: write {namespace}.* or {namespace}/*"
type NamePattern string

// HostPattern is a host name with an optional port, *.example.com, or *. {namespace} stands
// for the name of the namespace.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
// +kubebuilder:validation:XValidation:rule=`self.replace('{namespace}', 'n').matches(r'^([*]|(([*][.])?[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?)$')`,messageExpression=`self.contains('/') ? 'callbackHosts must be hosts alone: remove https:// in front, and the path' : self.replace('{namespace}', 'n').matches(r'[A-Z]') ? 'callbackHosts must be in lower case: write apps.example.com' : self.contains('_') ? 'callbackHosts must be names without an underscore, which no host name has: remove it' : self.contains('*') && !self.matches(r'^[*][.][^*]*$') ? 'callbackHosts must hold * alone, or *. in front of a host for every host below it: write *.apps.example.com' : 'callbackHosts must be host names or IP addresses, with :port where a URL has one: write apps.example.com, apps.example.com:8443 or {namespace}.apps.example.com'`
// +kubebuilder:validation:XValidation:rule=`!self.endsWith(':443')`,message="callbackHosts must leave out :443, which is the port of https anyway"
type HostPattern string

// SchemePattern is a URI scheme, the beginning of schemes up to a dot and then *, or *.*.
// {namespace} stands for the name of the namespace.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=128
// +kubebuilder:validation:XValidation:rule=`self.replace('{namespace}', 'n').matches(r'^([*][.][*]|[a-z][a-z0-9+.-]*([.][*])?)$') && !(self in ['http', 'https', 'javascript', 'data', 'vbscript', 'file', 'blob', 'about'])`,messageExpression=`self in ['http', 'https', 'javascript', 'data', 'vbscript', 'file', 'blob', 'about'] ? 'privateUseSchemes must not hold http, https or a scheme that browsers open themselves: remove it' : self.contains(':') ? 'privateUseSchemes must be schemes without the colon and what follows it: write com.example.app' : self.contains('*') ? 'privateUseSchemes must hold * at the end of a pattern and behind a dot: write com.example.* or *.*' : 'privateUseSchemes must be schemes of lower-case letters, digits, +, - and ., with a letter first: write com.example.app'`
type SchemePattern string
