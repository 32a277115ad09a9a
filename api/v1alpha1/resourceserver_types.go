// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ResourceServer is an API that takes tokens. It declares its identifiers and the scopes
// that it enforces, and says which clients may ask for them. Apply one, and a Secret with
// a client ID and a client secret appears beside it. With these the API introspects tokens
// (RFC 7662) and has signed requests of OAuth 1.0a verified. It learns only about tokens
// that carry a scope it owns, and sees only those scopes.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=gapi,categories=gatehouse
// +kubebuilder:selectablefield:JSONPath=`.status.clientID`
// +kubebuilder:printcolumn:name="Client ID",type=string,JSONPath=`.status.clientID`
// +kubebuilder:printcolumn:name="Secret",type=string,JSONPath=`.status.secretName`
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:validation:XValidation:rule=`size(self.metadata.name) <= 185`,fieldPath=".metadata",message="metadata.name must have at most 185 characters: the client ID api_<namespace>.<name> has at most 253"
type ResourceServer struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what is wanted. The operator never changes it.
	//
	// +required
	Spec ResourceServerSpec `json:"spec"`

	// Status is what the operator observed and did.
	//
	// +optional
	// +kubebuilder:default={}
	Status ResourceServerStatus `json:"status,omitzero"`
}

// ResourceServerList is a list of ResourceServers.
//
// +kubebuilder:object:root=true
type ResourceServerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ResourceServer `json:"items"`
}

// ResourceServerStatus is what the operator observed and did.
type ResourceServerStatus struct {
	IssuedStatus `json:",inline"`
}

// ResourceServerSpec declares an API.
//
// +kubebuilder:validation:XValidation:rule=`(has(self.className) ? self.className : "") == (has(oldSelf.className) ? oldSelf.className : "")`,fieldPath=".className",message="className must stay as it was: create another ResourceServer for another class"
// +kubebuilder:validation:XValidation:rule=`!(has(self.accessTokens) && has(self.accessTokens.format) && self.accessTokens.format == 'JWT') || (has(self.identifiers) && size(self.identifiers) > 0)`,fieldPath=".identifiers",message="identifiers must name the API when accessTokens.format is JWT: its tokens bear the identifier"
// +kubebuilder:validation:XValidation:rule=`!has(self.credentials) || !has(self.credentials.secretTemplate) || !has(self.credentials.secretTemplate.preset) || self.credentials.secretTemplate.preset in ["", 'Dotenv', 'EnvFrom', 'ServiceBinding']`,fieldPath=".credentials.secretTemplate.preset",message="credentials.secretTemplate.preset must be Dotenv, EnvFrom or ServiceBinding in a ResourceServer: the program of another preset is a client"
type ResourceServerSpec struct {
	// ClassName is the class of the installation that serves the object, as
	// OAuthClient's. Absent: the default class. It cannot be changed.
	//
	// +optional
	ClassName ClassName `json:"className,omitempty"`

	// DisplayName is the name of the API for people. Absent or empty: metadata.name.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	DisplayName Text `json:"displayName,omitempty"`

	// Identifiers name the API (RFC 8707): absolute URIs without a fragment, for instance
	// https://photos.example or api://photos/storage. An identifier has one holder in the
	// cluster; another ResourceServer that names it is not accepted and has the reason
	// IdentifierConflict. Absent: the API has none. Whoever applies the list owns all of it.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:XValidation:rule=`self.all(i, self.indexOf(i) == self.lastIndexOf(i))`,message="identifiers must name each URI once: remove the repetition"
	Identifiers []Identifier `json:"identifiers,omitempty"`

	// Scopes are the scopes that this API enforces, with the words that explain them to
	// people. A scope has one holder in the cluster; another ResourceServer that declares
	// it is not accepted and has the reason ScopeConflict. Whoever applies the list owns all
	// of it.
	//
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule=`self.all(s, self.exists_one(o, o.name == s.name))`,message="scopes must declare each scope once: remove the repetition"
	Scopes []ScopeDeclaration `json:"scopes"`

	// AccessTokens tells what access tokens for this API look like. Absent: opaque ones.
	//
	// +optional
	AccessTokens AccessTokensSpec `json:"accessTokens,omitzero"`

	// Suspend, when true, refuses introspection and verification to this API. Its client
	// ID and secret stay. Meanwhile its scopes are granted to nobody.
	//
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// Credentials tells where the client ID and the client secret go. Absent: into the
	// Secret <metadata.name>-resource-server.
	//
	// +optional
	Credentials CredentialsSpec `json:"credentials,omitzero"`
}

// AccessTokenFormat is what an access token looks like.
//
// +kubebuilder:validation:Enum="";Opaque;JWT
type AccessTokenFormat string

// The formats of access tokens.
const (
	// AccessTokenOpaque says nothing to anybody but the authorization server.
	AccessTokenOpaque AccessTokenFormat = "Opaque"
	// AccessTokenJWT is read and verified by the API itself (RFC 9068).
	AccessTokenJWT AccessTokenFormat = "JWT"
)

// AccessTokenSigningAlgorithm is how a JWT access token is signed (RFC 7518 §3.1).
//
// +kubebuilder:validation:Enum="";ES256;RS256
type AccessTokenSigningAlgorithm string

// The signing algorithms of access tokens.
const (
	AccessTokenES256 AccessTokenSigningAlgorithm = "ES256"
	AccessTokenRS256 AccessTokenSigningAlgorithm = "RS256"
)

// AccessTokensSpec tells what access tokens for an API look like.
//
// +kubebuilder:validation:XValidation:rule=`(has(self.format) && self.format == 'JWT') || !has(self.signingAlgorithm) || self.signingAlgorithm == ""`,fieldPath=".signingAlgorithm",message="signingAlgorithm must be left out unless format is JWT: opaque tokens are not signed"
type AccessTokensSpec struct {
	// Format is Opaque or JWT. The API asks the authorization server what an opaque token is
	// worth (RFC 7662). A JWT (RFC 9068) it can verify by itself, with the keys that the
	// authorization server publishes; then it takes one that was revoked until it expires, an
	// hour after it was issued at the latest. A JWT bears one of the identifiers and the
	// scopes of this API alone. Absent: Opaque.
	//
	// +optional
	Format AccessTokenFormat `json:"format,omitempty"`

	// SigningAlgorithm is how JWTs are signed: ES256, or RS256 for libraries that know no
	// other. Absent: ES256.
	//
	// +optional
	SigningAlgorithm AccessTokenSigningAlgorithm `json:"signingAlgorithm,omitempty"`
}

// ScopeAudience tells which namespaces' clients may ask for a scope.
//
// +kubebuilder:validation:Enum="";Same;All;Selector
type ScopeAudience string

// The audiences of a scope, in the words of Gateway API's allowedRoutes.
const (
	ScopeFromSame     ScopeAudience = "Same"
	ScopeFromAll      ScopeAudience = "All"
	ScopeFromSelector ScopeAudience = "Selector"
)

// ScopeDeclaration declares a scope, explains it and says who may ask for it.
//
// +kubebuilder:validation:XValidation:rule=`has(self.selector) == (has(self.from) && self.from == 'Selector')`,fieldPath=".selector",message="selector must be set when from is Selector, and left out otherwise"
type ScopeDeclaration struct {
	// Name is the scope as clients ask for it: one word, for instance photos.read. The
	// scopes of OpenID Connect (openid, profile, email, groups, address, phone and
	// offline_access) are everybody's and cannot be declared.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:XValidation:rule=`!(self in ['openid', 'profile', 'email', 'groups', 'address', 'phone', 'offline_access'])`,message="name must not be a scope of OpenID Connect, which every client has: choose another one"
	Name Scope `json:"name"`

	// Description completes, on the consent page, the sentence of what the client
	// may do: "See your photos".
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Description Text `json:"description"`

	// From tells the namespaces whose clients may ask for the scope: Same, the namespace
	// of this ResourceServer; All; or Selector, those whose labels match selector. Absent:
	// Same.
	//
	// +optional
	From ScopeAudience `json:"from,omitempty"`

	// Selector picks namespaces by their labels, when from is Selector. An empty one picks
	// every namespace.
	//
	// +optional
	Selector *NamespaceSelector `json:"selector,omitempty"`

	// WithoutOwner, when true, lets clients have the scope by the grant type
	// ClientCredentials, for no person. Absent: only a person can grant it.
	//
	// +optional
	WithoutOwner bool `json:"withoutOwner,omitempty"`
}

// NamespaceSelector picks namespaces by their labels. All of its parts must match.
type NamespaceSelector struct {
	// MatchLabels are labels that the namespace must have, each with this value.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule=`self.all(k, !format.qualifiedName().validate(k).hasValue())`,message="matchLabels must name labels like team or example.com/team: at most 63 letters, digits, -, _ and . after the slash"
	MatchLabels map[string]LabelValue `json:"matchLabels,omitempty"`

	// MatchExpressions are conditions on labels of the namespace.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	MatchExpressions []NamespaceRequirement `json:"matchExpressions,omitempty"`
}

// NamespaceRequirement is a condition on one label of a namespace.
//
// +kubebuilder:validation:XValidation:rule=`(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)`,fieldPath=".values",message="values must be set when operator is In or NotIn, and left out otherwise"
type NamespaceRequirement struct {
	// Key is the name of the label.
	//
	// +required
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:XValidation:rule=`!format.qualifiedName().validate(self).hasValue()`,message="key must name a label like team or example.com/team: at most 63 letters, digits, -, _ and . after the slash"
	Key string `json:"key"`

	// Operator is how the label is compared: In or NotIn values, Exists or DoesNotExist.
	//
	// +required
	// +kubebuilder:validation:Enum=In;NotIn;Exists;DoesNotExist
	Operator metav1.LabelSelectorOperator `json:"operator"`

	// Values are those that In and NotIn compare with. Absent for the other operators.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Values []LabelValue `json:"values,omitempty"`
}
