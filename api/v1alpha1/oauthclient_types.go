// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// OAuthClient is an application that asks for access to what people own. Apply
// one, and a Secret with a client ID and a client secret appears beside it; the
// authorization server knows the client at the same moment. Delete it, and its
// Secret, its grants and its tokens end with it. An object that is deleted and
// created again is another client: it gets another secret and inherits nothing.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=oc,categories=gatehouse
// +kubebuilder:printcolumn:name="Client ID",type=string,JSONPath=`.status.clientID`
// +kubebuilder:printcolumn:name="Secret",type=string,JSONPath=`.status.secretName`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule=`size(self.metadata.name) <= 189`,fieldPath=".metadata",message="metadata.name must have at most 189 characters: the client ID <namespace>.<name> has at most 253"
type OAuthClient struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what is wanted. The operator never changes it.
	//
	// +required
	Spec OAuthClientSpec `json:"spec"`

	// Status is what the operator observed and did.
	//
	// +optional
	Status OAuthClientStatus `json:"status,omitzero"`
}

// OAuthClientList is a list of OAuthClients.
//
// +kubebuilder:object:root=true
type OAuthClientList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []OAuthClient `json:"items"`
}

// OAuthClientSpec declares an application that asks for access.
//
// +kubebuilder:validation:XValidation:rule=`self.profile == oldSelf.profile`,fieldPath=".profile",message="profile must stay as it was: create another OAuthClient for another profile"
// +kubebuilder:validation:XValidation:rule=`self.type == oldSelf.type`,fieldPath=".type",message="type must stay as it was: create another OAuthClient for the other type"
// +kubebuilder:validation:XValidation:rule=`self.profile in ['OAuth1', 'ConnectionsCloudOAuth1'] || !('AuthorizationCode' in self.grantTypes) || has(self.callbackURLs) && size(self.callbackURLs) > 0`,fieldPath=".callbackURLs",reason=FieldValueRequired,message="callbackURLs must name at least one URL when grantTypes holds AuthorizationCode: add it, or remove the grant type"
// +kubebuilder:validation:XValidation:rule=`self.type == 'Public' || !has(self.callbackURLs) || self.callbackURLs.all(u, !u.startsWith('http://127.0.0.1') && !u.startsWith('http://[::1]'))`,fieldPath=".callbackURLs",message="callbackURLs must begin with https:// for a Confidential client: http on a loopback IP is for type Public"
// +kubebuilder:validation:XValidation:rule=`!('RefreshToken' in self.grantTypes) || 'AuthorizationCode' in self.grantTypes`,fieldPath=".grantTypes",message="grantTypes must hold AuthorizationCode when it holds RefreshToken: a refresh token renews what an owner approved"
// +kubebuilder:validation:XValidation:rule=`self.type == 'Confidential' || !('ClientCredentials' in self.grantTypes)`,fieldPath=".grantTypes",message="grantTypes must not hold ClientCredentials for a Public client, which has no credentials: remove it"
// +kubebuilder:validation:XValidation:rule=`self.type == 'Confidential' || self.consent != 'Skip'`,fieldPath=".consent",message="consent must not be Skip for a Public client, which cannot prove who it is (RFC 6749 §10.2): choose Prompt"
// +kubebuilder:validation:XValidation:rule=`self.type == 'Confidential' || !has(self.resourceServer)`,fieldPath=".resourceServer",message="resourceServer must be left out for a Public client: only a client with a secret may introspect tokens"
// +kubebuilder:validation:XValidation:rule=`self.profile == 'OAuth2' || !has(self.resourceServer)`,fieldPath=".resourceServer",message="resourceServer must be left out unless profile is OAuth2, which has the endpoints an API asks: declare the scopes in an OAuthClient of that profile"
// +kubebuilder:validation:XValidation:rule=`has(self.clientID) == has(oldSelf.clientID) && (!has(self.clientID) || self.clientID == oldSelf.clientID)`,fieldPath=".clientID",message="clientID must stay as it was: create another OAuthClient for another client ID"
// +kubebuilder:validation:XValidation:rule=`!(self.profile in ['OAuth1', 'ConnectionsCloudOAuth1']) || has(self.callbackURLs) && size(self.callbackURLs) > 0 || has(self.oauth1) && has(self.oauth1.outOfBand) && self.oauth1.outOfBand`,fieldPath=".callbackURLs",reason=FieldValueRequired,message="callbackURLs must name at least one URL in an OAuth 1.0a profile: add it, or set oauth1.outOfBand to true"
// +kubebuilder:validation:XValidation:rule=`self.type == 'Confidential' || self.profile in ['OAuth2', 'IntegrationCloud']`,fieldPath=".type",message="type must be Confidential in this profile, whose clients prove who they are by a secret alone: leave the field out"
// +kubebuilder:validation:XValidation:rule=`!('ClientCredentials' in self.grantTypes) || self.profile in ['OAuth2', 'IntegrationCloud']`,fieldPath=".grantTypes",message="grantTypes must not hold ClientCredentials in this profile, which has no such grant: remove it"
// +kubebuilder:validation:XValidation:rule=`!has(self.oauth1) || self.profile in ['OAuth1', 'ConnectionsCloudOAuth1']`,fieldPath=".oauth1",message="oauth1 must be left out unless profile is OAuth1 or ConnectionsCloudOAuth1: clients of the others sign nothing"
// +kubebuilder:validation:XValidation:rule=`self.profile != 'ConnectionsCloudOAuth1' || !has(self.oauth1) || !has(self.oauth1.signatureMethods)`,fieldPath=".oauth1.signatureMethods",message="oauth1.signatureMethods must be left out in profile ConnectionsCloudOAuth1: its one method is PLAINTEXT"
// +kubebuilder:validation:XValidation:rule=`!has(self.legacy) || self.profile in ['ConnectionsCloudOAuth2', 'ConnectionsCloudOAuth1', 'IntegrationCloud']`,fieldPath=".legacy",message="legacy must be left out in profiles OAuth2 and OAuth1, which are never loosened: remove it"
// +kubebuilder:validation:XValidation:rule=`self.profile == 'ConnectionsCloudOAuth2' || !has(self.legacy) || !has(self.legacy.allowSecretInAuthorizationHeaderUntil)`,fieldPath=".legacy.allowSecretInAuthorizationHeaderUntil",message="legacy.allowSecretInAuthorizationHeaderUntil must be left out unless profile is ConnectionsCloudOAuth2, which alone has that header: remove it"
// +kubebuilder:validation:XValidation:rule=`!has(self.refreshLimit) || self.profile == 'IntegrationCloud'`,fieldPath=".refreshLimit",message="refreshLimit must be left out unless profile is IntegrationCloud: grantDurationDays ends a grant in every profile"
// +kubebuilder:validation:XValidation:rule=`self.profile != 'IntegrationCloud' || !has(self.scopes) || self.scopes.all(s, self.scopes.exists_one(o, o.lowerAscii() == s.lowerAscii()))`,fieldPath=".scopes",message="scopes must differ in more than the case of letters in profile IntegrationCloud: remove one of them"
type OAuthClientSpec struct {
	// DisplayName is the name of the client on the pages that people see. Absent or
	// empty, they see metadata.name. Any namespace may choose any name: the pages
	// show the client ID too.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	DisplayName Text `json:"displayName,omitempty"`

	// Description tells people what the client does, in one line beside its name.
	// Absent, nothing is shown.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Description Text `json:"description,omitempty"`

	// CallbackURLs are the only addresses a browser is sent back to (redirect_uri).
	// At least one is required for the grant type AuthorizationCode.
	//
	// They are https and are compared character for character: a trailing slash, a
	// query or a port makes another URL, and there are no wildcards. A Public client
	// may also use http on the IP address 127.0.0.1 or [::1]; there the port of a
	// request may be any (RFC 8252 §7.3). An https URL belongs to the namespace that
	// declared it first; a client of another namespace is told CallbackConflict.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	CallbackURLs []CallbackURL `json:"callbackURLs,omitempty"`

	// GrantDurationDays is for how many days an approval lasts, from 1 to 90. Then
	// the refresh token and everything that came from it ends, and the owner is asked
	// again. Refreshing does not extend it. A change applies to later approvals.
	//
	// +optional
	// +kubebuilder:default=90
	// +kubebuilder:validation:XValidation:rule=`self >= 1 && self <= 90`,message="grantDurationDays must be from 1 to 90"
	GrantDurationDays int32 `json:"grantDurationDays,omitempty"`

	// Profile is the spelling of OAuth that the client speaks: OAuth2, which a new
	// client takes; OAuth1 (RFC 5849); and for clients that were written for a server
	// that is gone ConnectionsCloudOAuth2, ConnectionsCloudOAuth1 and IntegrationCloud.
	// It cannot be changed: what was issued in one profile means nothing in another.
	//
	// +optional
	// +kubebuilder:default=OAuth2
	Profile Profile `json:"profile,omitempty"`

	// ClientID is the client ID of an application that was registered elsewhere and
	// cannot be given another one. Absent, as it should be for every new client: the
	// client ID is <namespace>.<name>. A client ID has one owner in the cluster: of two
	// objects that name it the older wins, and the other one is told ClientIDConflict
	// and not served. It cannot be changed, added or removed.
	//
	// +optional
	ClientID ClientID `json:"clientID,omitempty"`

	// Type tells whether the client can keep a secret: Confidential for a server,
	// Public for what runs in the hands of its users. A Public client gets a client
	// ID and no client secret, and has to prove itself by PKCE alone. There are none
	// but in the profiles OAuth2 and IntegrationCloud. It cannot be changed.
	//
	// +optional
	// +kubebuilder:default=Confidential
	Type ClientType `json:"type,omitempty"`

	// GrantTypes are the ways in which the client may obtain tokens:
	// AuthorizationCode (an owner logs in and decides), RefreshToken (renew what the
	// owner approved; needs AuthorizationCode) and ClientCredentials (act as itself;
	// not for a Public client, and only in the profiles OAuth2 and IntegrationCloud). A
	// list that is given replaces the default. In the OAuth 1.0a profiles there is
	// nothing to renew, and RefreshToken does nothing.
	//
	// +optional
	// +listType=set
	// +kubebuilder:default={AuthorizationCode,RefreshToken}
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	GrantTypes []GrantType `json:"grantTypes,omitempty"`

	// Scopes are the scopes the client may ask for. A request that names none asks
	// for all of them. Absent, the client can ask for no scope; what its tokens are
	// good for is then left to the API that takes them. A scope that is removed here
	// is gone from approvals and tokens that had it, too. In the profile
	// IntegrationCloud the owner chooses among those that are asked for.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	Scopes []Scope `json:"scopes,omitempty"`

	// AccessTokenLifetimeSeconds is for how many seconds an access token is valid,
	// from 60 to 86400, and never beyond the end of its grant. Absent: the default of
	// the profile, 3600 for OAuth2 and IntegrationCloud, 7200 for
	// ConnectionsCloudOAuth2, 36000 for OAuth1 and ConnectionsCloudOAuth1. A change
	// applies to tokens issued later.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self >= 60 && self <= 86400`,message="accessTokenLifetimeSeconds must be from 60 to 86400 (one minute to one day)"
	AccessTokenLifetimeSeconds int32 `json:"accessTokenLifetimeSeconds,omitempty"`

	// RefreshLimit is how often an approval may be refreshed, from 0 to 10000, beside
	// the end of grantDurationDays; with 0 no refresh token is issued. Only in the
	// profile IntegrationCloud. Absent: as often as the client likes until then.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self >= 0 && self <= 10000`,message="refreshLimit must be from 0 to 10000"
	RefreshLimit *int32 `json:"refreshLimit,omitempty"`

	// OAuth1 is what only the profiles OAuth1 and ConnectionsCloudOAuth1 have. Absent:
	// HMAC signatures (PLAINTEXT in ConnectionsCloudOAuth1), and a callback always.
	//
	// +optional
	OAuth1 OAuth1Spec `json:"oauth1,omitzero"`

	// Legacy opens, for a while, what is dangerous and what old clients of the profiles
	// ConnectionsCloudOAuth2, ConnectionsCloudOAuth1 and IntegrationCloud may need.
	// Absent: all of it is closed.
	//
	// +optional
	Legacy LegacySpec `json:"legacy,omitzero"`

	// Consent tells when the owner is asked: Remember offers "always" and asks no
	// more once that was ticked; Prompt asks at each authorization; Skip never asks
	// and is for clients of the same house as the data. A Public client cannot prove
	// who it is: its owners are asked each time, and Skip is refused.
	//
	// +optional
	// +kubebuilder:default=Remember
	Consent ConsentPolicy `json:"consent,omitempty"`

	// Entitlement tells which owners may use the client. Bound: those whom RBAC
	// allows the verb authorize on this object, as user gatehouse:<name> or group
	// gatehouse:<group> (the prefix is a setting of the authorization server); so
	// nobody may until a RoleBinding says so. Everyone: any owner who can log in.
	//
	// +optional
	// +kubebuilder:default=Bound
	Entitlement EntitlementPolicy `json:"entitlement,omitempty"`

	// Suspend, when true, refuses everything to the client, tokens that are out
	// included. Its client ID, secret and grants are kept, and work again once it is
	// false or absent; but in the profile IntegrationCloud all grants and tokens end
	// for good, as they did there when a client was made inactive.
	//
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// ResourceServer is set for an API that takes the tokens. It declares the scopes
	// that the API owns, lets it introspect the tokens that carry them and verify
	// signed requests of OAuth 1.0a. Only in the profile OAuth2; the tokens may be of
	// any. Absent: the client may introspect its own tokens only.
	//
	// +optional
	ResourceServer *ResourceServer `json:"resourceServer,omitempty"`

	// Credentials tells where the client ID and the client secret go. Absent: into
	// the Secret <metadata.name>-oauth.
	//
	// +optional
	Credentials CredentialsSpec `json:"credentials,omitzero"`
}

// ResourceServer declares the scopes an API owns and explains to people.
type ResourceServer struct {
	// Scopes are the scopes this API enforces. A scope has one owner in the cluster:
	// of two objects that declare it the older wins, and the other one is told
	// ScopeConflict.
	//
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Scopes []ScopeDeclaration `json:"scopes"`
}

// ScopeDeclaration names a scope and explains it.
type ScopeDeclaration struct {
	// Name is the scope as clients ask for it: one word, for instance photos.read.
	//
	// +required
	Name Scope `json:"name"`

	// Description completes, on the consent page, the sentence of what the client
	// may do: "See your photos".
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Description Text `json:"description"`
}
