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
// +kubebuilder:resource:shortName=gclient,categories=gatehouse
// +kubebuilder:selectablefield:JSONPath=`.spec.profile`
// +kubebuilder:selectablefield:JSONPath=`.status.clientID`
// +kubebuilder:printcolumn:name="Client ID",type=string,JSONPath=`.status.clientID`
// +kubebuilder:printcolumn:name="Secret",type=string,JSONPath=`.status.secretName`
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Profile",type=string,priority=1,JSONPath=`.spec.profile`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
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
	// +kubebuilder:default={}
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
// +kubebuilder:validation:XValidation:rule=`(self.profile == "" ? 'OAuth2' : self.profile) == (oldSelf.profile == "" ? 'OAuth2' : oldSelf.profile) && (has(self.oauth2) && has(self.oauth2.clientType) && self.oauth2.clientType == 'Public' || has(self.integrationCloud) && has(self.integrationCloud.clientType) && self.integrationCloud.clientType == 'Public') == (has(oldSelf.oauth2) && has(oldSelf.oauth2.clientType) && oldSelf.oauth2.clientType == 'Public' || has(oldSelf.integrationCloud) && has(oldSelf.integrationCloud.clientType) && oldSelf.integrationCloud.clientType == 'Public') && ((has(self.clientID) ? self.clientID : "") == (has(oldSelf.clientID) ? oldSelf.clientID : "")) && ((has(self.className) ? self.className : "") == (has(oldSelf.className) ? oldSelf.className : ""))`,messageExpression=`!((self.profile == "" ? 'OAuth2' : self.profile) == (oldSelf.profile == "" ? 'OAuth2' : oldSelf.profile)) && has(oldSelf.deletionPolicy) && oldSelf.deletionPolicy == 'Retain' ? 'profile must stay as it was: create another OAuthClient for another profile. With deletionPolicy Retain, Secret, approvals and tokens are kept for a client of the same profile, client type and client ID only: to change it under this name, delete the Secret too, which ends them' : !((self.profile == "" ? 'OAuth2' : self.profile) == (oldSelf.profile == "" ? 'OAuth2' : oldSelf.profile)) ? 'profile must stay as it was: create another OAuthClient for another profile. To delete this one and create it again ends its client secret, approvals and tokens: applications need the new Secret, and owners are asked again' : !((has(self.oauth2) && has(self.oauth2.clientType) && self.oauth2.clientType == 'Public' || has(self.integrationCloud) && has(self.integrationCloud.clientType) && self.integrationCloud.clientType == 'Public') == (has(oldSelf.oauth2) && has(oldSelf.oauth2.clientType) && oldSelf.oauth2.clientType == 'Public' || has(oldSelf.integrationCloud) && has(oldSelf.integrationCloud.clientType) && oldSelf.integrationCloud.clientType == 'Public')) && has(oldSelf.deletionPolicy) && oldSelf.deletionPolicy == 'Retain' ? 'clientType must stay as it was: create another OAuthClient for the other type. With deletionPolicy Retain, Secret, approvals and tokens are kept for a client of the same profile, client type and client ID only: to change it under this name, delete the Secret too, which ends them' : !((has(self.oauth2) && has(self.oauth2.clientType) && self.oauth2.clientType == 'Public' || has(self.integrationCloud) && has(self.integrationCloud.clientType) && self.integrationCloud.clientType == 'Public') == (has(oldSelf.oauth2) && has(oldSelf.oauth2.clientType) && oldSelf.oauth2.clientType == 'Public' || has(oldSelf.integrationCloud) && has(oldSelf.integrationCloud.clientType) && oldSelf.integrationCloud.clientType == 'Public')) ? 'clientType must stay as it was: create another OAuthClient for the other type. To delete this one and create it again ends its client secret, approvals and tokens: applications need the new Secret, and owners are asked again' : !((has(self.clientID) ? self.clientID : "") == (has(oldSelf.clientID) ? oldSelf.clientID : "")) && has(oldSelf.deletionPolicy) && oldSelf.deletionPolicy == 'Retain' ? 'clientID must stay as it was: create another OAuthClient for another client ID. With deletionPolicy Retain, Secret, approvals and tokens are kept for a client of the same profile, client type and client ID only: to change it under this name, delete the Secret too, which ends them' : !((has(self.clientID) ? self.clientID : "") == (has(oldSelf.clientID) ? oldSelf.clientID : "")) ? 'clientID must stay as it was: create another OAuthClient for another client ID. To delete this one and create it again ends its client secret, approvals and tokens: applications need the new Secret, and owners are asked again' : has(oldSelf.deletionPolicy) && oldSelf.deletionPolicy == 'Retain' ? 'className must stay as it was: create another OAuthClient for another class. With deletionPolicy Retain, Secret, approvals and tokens are kept for a client of the same profile, client type and client ID only: to change it under this name, delete the Secret too, which ends them' : 'className must stay as it was: create another OAuthClient for another class. To delete this one and create it again ends its client secret, approvals and tokens: applications need the new Secret, and owners are asked again'`
// +kubebuilder:validation:XValidation:rule=`(!has(self.oauth2) || self.profile in ["", 'OAuth2']) && (!has(self.oauth1) || self.profile == 'OAuth1') && (!has(self.connectionsCloud) || self.profile in ['ConnectionsCloudOAuth2', 'ConnectionsCloudOAuth1']) && (!has(self.integrationCloud) || self.profile == 'IntegrationCloud')`,messageExpression=`has(self.oauth2) && !(self.profile in ["", 'OAuth2']) ? 'oauth2 must be left out unless profile is OAuth2: remove it, or choose that profile' : has(self.oauth1) && self.profile != 'OAuth1' ? 'oauth1 must be left out unless profile is OAuth1: remove it, or choose that profile' : has(self.connectionsCloud) && !(self.profile in ['ConnectionsCloudOAuth2', 'ConnectionsCloudOAuth1']) ? 'connectionsCloud must be left out unless profile is ConnectionsCloudOAuth2 or ConnectionsCloudOAuth1: remove it, or choose one of them' : 'integrationCloud must be left out unless profile is IntegrationCloud: remove it, or choose that profile'`
// +kubebuilder:validation:XValidation:rule=`has(self.callbackURLs) && size(self.callbackURLs) > 0 || !(self.profile in ["", 'OAuth2'] ? !has(self.oauth2) || !has(self.oauth2.grantTypes) || 'AuthorizationCode' in self.oauth2.grantTypes : self.profile == 'IntegrationCloud' ? !has(self.integrationCloud) || !has(self.integrationCloud.grantTypes) || 'AuthorizationCode' in self.integrationCloud.grantTypes : true) || (has(self.oauth1) && has(self.oauth1.outOfBand) && self.oauth1.outOfBand || self.profile == 'ConnectionsCloudOAuth1' && has(self.connectionsCloud) && has(self.connectionsCloud.outOfBand) && self.connectionsCloud.outOfBand)`,fieldPath=".callbackURLs",reason=FieldValueRequired,messageExpression=`self.profile in ['OAuth1', 'ConnectionsCloudOAuth1'] ? 'callbackURLs must name at least one URL in an OAuth 1.0a profile: add it, or set outOfBand of the profile to true' : 'callbackURLs must name at least one URL when grantTypes holds AuthorizationCode: add it, or remove the grant type'`
// +kubebuilder:validation:XValidation:rule=`!has(self.callbackURLs) || self.callbackURLs.all(u, u.startsWith('https:') || !u.matches(r'^[a-z][a-z0-9+.-]*:/') || (u.startsWith('http:') ? self.profile in ["", 'OAuth2', 'OAuth1'] : self.profile in ["", 'OAuth2'] && (has(self.oauth2) && has(self.oauth2.clientType) && self.oauth2.clientType == 'Public' || has(self.integrationCloud) && has(self.integrationCloud.clientType) && self.integrationCloud.clientType == 'Public')))`,fieldPath=".callbackURLs",messageExpression=`self.callbackURLs.exists(u, u.startsWith('http:') && !(self.profile in ["", 'OAuth2', 'OAuth1'])) ? 'callbackURLs must begin with https:// in this profile: http on the machine of the person is for the profiles OAuth2 and OAuth1' : 'callbackURLs must begin with https:// or http:// here: a private-use scheme is for a Public client of profile OAuth2 (RFC 8252 §7.1)'`
// +kubebuilder:validation:XValidation:rule=`!has(self.oauth2) || !has(self.oauth2.openID) || !has(self.oauth2.openID.postLogoutRedirectURIs) || has(self.callbackURLs) && self.oauth2.openID.postLogoutRedirectURIs.all(u, !u.matches(r'^[a-z][a-z0-9+.-]*:/') || self.callbackURLs.exists(c, c.find(r'^[^:]*:(//[^/?]*)?') == u.find(r'^[^:]*:(//[^/?]*)?')))`,fieldPath=".oauth2.openID.postLogoutRedirectURIs",message="oauth2.openID.postLogoutRedirectURIs must hold URLs with scheme, host and port of one of callbackURLs: add the callback, or write the address of the application"
// +kubebuilder:validation:XValidation:rule=`!(has(self.oauth2) && has(self.oauth2.openID) && has(self.oauth2.openID.subjectType) && self.oauth2.openID.subjectType == 'Pairwise') || has(self.oauth2.openID.sectorIdentifier) && size(self.oauth2.openID.sectorIdentifier) > 0 || has(self.callbackURLs) && size(self.callbackURLs) > 0 && self.callbackURLs[0].startsWith('https://') && self.callbackURLs.all(u, u.find(r'^https://(\[[^\]]*\]|[^/:?]*)') == self.callbackURLs[0].find(r'^https://(\[[^\]]*\]|[^/:?]*)'))`,fieldPath=".oauth2.openID.sectorIdentifier",reason=FieldValueRequired,message="oauth2.openID.sectorIdentifier must name the sector of Pairwise subjects unless callbackURLs are all https on one host: add it"
// +kubebuilder:validation:XValidation:rule=`(has(self.oauth2) && has(self.oauth2.openID) && has(self.oauth2.openID.subjectType) && self.oauth2.openID.subjectType == 'Pairwise' ? (has(self.oauth2.openID.sectorIdentifier) && size(self.oauth2.openID.sectorIdentifier) > 0 ? 'https://' + self.oauth2.openID.sectorIdentifier : self.callbackURLs[0].find(r'^https://(\[[^\]]*\]|[^/:?]*)')) : "") == (has(oldSelf.oauth2) && has(oldSelf.oauth2.openID) && has(oldSelf.oauth2.openID.subjectType) && oldSelf.oauth2.openID.subjectType == 'Pairwise' ? (has(oldSelf.oauth2.openID.sectorIdentifier) && size(oldSelf.oauth2.openID.sectorIdentifier) > 0 ? 'https://' + oldSelf.oauth2.openID.sectorIdentifier : oldSelf.callbackURLs[0].find(r'^https://(\[[^\]]*\]|[^/:?]*)')) : "")`,fieldPath=".oauth2",message="the sector of Pairwise subjects must stay as it was, or everybody is somebody new for the application: write the host of before as oauth2.openID.sectorIdentifier, leave subjectType as it was, or create another OAuthClient"
// +kubebuilder:validation:XValidation:rule=`!(has(self.oauth2) && has(self.oauth2.clientType) && self.oauth2.clientType == 'Public' || has(self.integrationCloud) && has(self.integrationCloud.clientType) && self.integrationCloud.clientType == 'Public') || self.consent != 'Skip'`,fieldPath=".consent",message="consent must not be Skip for a Public client, which cannot prove who it is (RFC 6749 §10.2): choose Prompt"
// +kubebuilder:validation:XValidation:rule=`!(has(self.oauth2) && has(self.oauth2.clientType) && self.oauth2.clientType == 'Public' || has(self.integrationCloud) && has(self.integrationCloud.clientType) && self.integrationCloud.clientType == 'Public') || !has(self.credentials) || !has(self.credentials.rotation)`,fieldPath=".credentials.rotation",message="credentials.rotation must be left out for a Public client, which has no client secret: remove it"
// +kubebuilder:validation:XValidation:rule=`!has(self.credentials) || !has(self.credentials.fromSecret) || !(self.profile in ['OAuth1', 'ConnectionsCloudOAuth1']) && !(has(self.oauth2) && has(self.oauth2.clientType) && self.oauth2.clientType == 'Public' || has(self.integrationCloud) && has(self.integrationCloud.clientType) && self.integrationCloud.clientType == 'Public')`,fieldPath=".credentials.source",messageExpression=`self.profile in ['OAuth1', 'ConnectionsCloudOAuth1'] ? 'credentials.source must be Generate in an OAuth 1.0a profile, where the authorization server has to know the client secret' : 'credentials.source must be left out for a Public client, which has no client secret: remove it and fromSecret'`
// +kubebuilder:validation:XValidation:rule=`!has(self.credentials) || !has(self.credentials.privateKeyJWT) && !has(self.credentials.serviceAccount) || self.profile in ["", 'OAuth2'] && !(has(self.oauth2) && has(self.oauth2.clientType) && self.oauth2.clientType == 'Public')`,fieldPath=".credentials.source",messageExpression=`self.profile in ['OAuth1', 'ConnectionsCloudOAuth1'] ? 'credentials.source must be Generate in an OAuth 1.0a profile, where the authorization server has to know the client secret' : self.profile in ["", 'OAuth2'] ? 'credentials.source must be left out for a Public client, which proves nothing: remove it, or choose clientType Confidential' : 'credentials.source must be Generate or FromSecret in this profile: assertions are for profile OAuth2'`
// +kubebuilder:validation:XValidation:rule=`!has(self.deletionPolicy) || self.deletionPolicy != 'Retain' || !has(self.credentials) || !has(self.credentials.privateKeyJWT) && !has(self.credentials.serviceAccount)`,fieldPath=".deletionPolicy",message="deletionPolicy must be Delete where credentials.source is PrivateKeyJWT or ServiceAccount: an identity is retained in the Secret, and there is none"
// +kubebuilder:validation:XValidation:rule=`!has(self.connectionsCloud) || !has(self.connectionsCloud.outOfBand) || !self.connectionsCloud.outOfBand || self.profile == 'ConnectionsCloudOAuth1'`,fieldPath=".connectionsCloud.outOfBand",message="connectionsCloud.outOfBand must be left out unless profile is ConnectionsCloudOAuth1, which alone has verifiers: remove it"
// +kubebuilder:validation:XValidation:rule=`!has(self.connectionsCloud) || !has(self.connectionsCloud.allowSecretInAuthorizationHeaderUntil) || size(self.connectionsCloud.allowSecretInAuthorizationHeaderUntil) == 0 || self.profile == 'ConnectionsCloudOAuth2'`,fieldPath=".connectionsCloud.allowSecretInAuthorizationHeaderUntil",message="connectionsCloud.allowSecretInAuthorizationHeaderUntil must be left out unless profile is ConnectionsCloudOAuth2, which alone has that header: remove it"
// +kubebuilder:validation:XValidation:rule=`self.profile != 'IntegrationCloud' || !has(self.scopes) || self.scopes.all(s, self.scopes.exists_one(o, o.lowerAscii() == s.lowerAscii()))`,fieldPath=".scopes",message="scopes must differ in more than the case of letters in profile IntegrationCloud: remove one of them"
// +kubebuilder:validation:XValidation:rule=`!has(self.credentials) || !has(self.credentials.secretTemplate) || !has(self.credentials.secretTemplate.preset) || self.credentials.secretTemplate.preset in ["", 'Dotenv', 'EnvFrom', 'ServiceBinding'] || self.profile in ["", 'OAuth2'] && !(has(self.oauth2) && has(self.oauth2.clientType) && self.oauth2.clientType == 'Public')`,fieldPath=".credentials.secretTemplate.preset",message="credentials.secretTemplate.preset must be Dotenv, EnvFrom or ServiceBinding unless the client is a Confidential one of profile OAuth2: the program of another preset needs one"
// +kubebuilder:validation:XValidation:rule=`!has(self.credentials) || !has(self.credentials.secretTemplate) || !has(self.credentials.secretTemplate.preset) || self.credentials.secretTemplate.preset != 'ServiceBinding' || !(self.profile in ['OAuth1', 'ConnectionsCloudOAuth1'])`,fieldPath=".credentials.secretTemplate.preset",message="credentials.secretTemplate.preset must not be ServiceBinding in the OAuth 1.0a profiles: its type says oauth2. Choose Dotenv or EnvFrom"
// +kubebuilder:validation:XValidation:rule=`!has(self.credentials) || !has(self.credentials.secretTemplate) || !has(self.credentials.secretTemplate.preset) || self.credentials.secretTemplate.preset != 'NginxIngressController' || !has(self.credentials.secretTemplate.type) || size(self.credentials.secretTemplate.type) == 0`,fieldPath=".credentials.secretTemplate.type",message="credentials.secretTemplate.type must be left out beside the preset NginxIngressController, which has a type of its own"
// +kubebuilder:validation:XValidation:rule=`!has(self.credentials) || !has(self.credentials.secretTemplate) || !has(self.credentials.secretTemplate.preset) || self.credentials.secretTemplate.preset != 'ArgoCD' || !has(self.credentials.secretTemplate.labels) || !('app.kubernetes.io/part-of' in self.credentials.secretTemplate.labels)`,fieldPath=".credentials.secretTemplate.labels",message="credentials.secretTemplate.labels must not hold app.kubernetes.io/part-of beside the preset ArgoCD, which sets it: remove it"
type OAuthClientSpec struct {
	// ClassName is the class of the installation that serves the object. Two
	// installations in one cluster have different classes, and neither touches the
	// objects of the other. Absent: the default class. It cannot be changed.
	//
	// +optional
	ClassName ClassName `json:"className,omitempty"`

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

	// CallbackURLs are the only addresses a browser is sent back to (redirect_uri). At
	// least one is required for the grant type AuthorizationCode. They are compared
	// character for character: a trailing slash, a query or a port makes another URL, and
	// there are no wildcards. Whoever applies the list owns all of it.
	//
	// Most are https. In the profiles OAuth2 and OAuth1 a client may also use http on
	// 127.0.0.1, [::1] or localhost, the machine of the person; there the port of a request
	// may be any (RFC 8252 §7.3). A Public client of profile OAuth2 may use a private-use
	// scheme like com.example.app:/callback (RFC 8252 §7.1); a scheme without a dot must be
	// listed in the policy of the namespace.
	//
	// An https address (host, port and path, without the query) belongs to the namespace
	// that held it first. A client of another namespace is not accepted and has the reason
	// CallbackConflict.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule=`self.all(u, self.indexOf(u) == self.lastIndexOf(u))`,message="callbackURLs must name each URL once: remove the repetition"
	CallbackURLs []CallbackURL `json:"callbackURLs,omitempty"`

	// Profile is the spelling of OAuth that the client speaks: OAuth2, which a new
	// client takes; OAuth1 (RFC 5849); and for clients that were written for a server
	// that is gone ConnectionsCloudOAuth2, ConnectionsCloudOAuth1 and IntegrationCloud.
	// Absent: OAuth2. It cannot be changed: what was issued in one profile means nothing in
	// another.
	//
	// +optional
	// +kubebuilder:default=OAuth2
	Profile Profile `json:"profile,omitempty"`

	// OAuth2 is what only profile OAuth2 has. Absent: a Confidential client that uses
	// AuthorizationCode and RefreshToken with PKCE.
	//
	// +optional
	OAuth2 *OAuth2Spec `json:"oauth2,omitempty"`

	// OAuth1 is what only profile OAuth1 has. Absent: HMAC signatures, and a callback
	// always.
	//
	// +optional
	OAuth1 *OAuth1Spec `json:"oauth1,omitempty"`

	// ConnectionsCloud is what only the profiles ConnectionsCloudOAuth2 and
	// ConnectionsCloudOAuth1 have. Absent: every option of it has its safe default.
	//
	// +optional
	ConnectionsCloud *ConnectionsCloudSpec `json:"connectionsCloud,omitempty"`

	// IntegrationCloud is what only profile IntegrationCloud has. Absent: a Confidential
	// client, and every option has its safe default.
	//
	// +optional
	IntegrationCloud *IntegrationCloudSpec `json:"integrationCloud,omitempty"`

	// ClientID is the client ID of an application that was registered elsewhere and
	// cannot be given another one. Absent, as it should be for every new client: the
	// client ID is <namespace>.<name>. A client ID has one holder in the cluster: an object
	// that names one which another object holds is not accepted and has the reason
	// ClientIDConflict. Only where the policy of the namespace allows it. It cannot be
	// changed, added or removed.
	//
	// +optional
	ClientID ClientID `json:"clientID,omitempty"`

	// Scopes are the scopes the client may ask for. A request that names none asks for
	// all of them. A scope is granted only if a ResourceServer declares it and opens it to
	// this namespace: see the condition ScopesResolved. In the profile OAuth2 a client may also
	// have those of OpenID Connect, which no ResourceServer declares: openid, profile, email,
	// groups, address, phone and offline_access. Absent, the client can ask for no
	// scope. A scope that is removed here is gone from approvals and tokens that had it,
	// too. In the profile IntegrationCloud the owner chooses among those that are asked
	// for. Whoever applies the list owns all of it.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:XValidation:rule=`self.all(s, self.indexOf(s) == self.lastIndexOf(s))`,message="scopes must name each scope once: remove the repetition"
	Scopes []Scope `json:"scopes,omitempty"`

	// GrantDurationDays is how many days an approval lasts, from 1 to 90. Absent: 90. Then
	// the refresh token and everything that came from it ends, and the owner is asked
	// again. Refreshing does not extend it. A change applies to later approvals.
	//
	// +optional
	// +kubebuilder:default=90
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=90
	// +kubebuilder:validation:XValidation:rule=`self >= 1 && self <= 90`,message="grantDurationDays must be from 1 to 90"
	GrantDurationDays int32 `json:"grantDurationDays,omitempty"`

	// AccessTokenLifetimeSeconds is how many seconds an access token is valid,
	// from 60 to 86400, and never beyond the end of its grant. Absent: the default of
	// the profile, 3600 for OAuth2 and IntegrationCloud, 7200 for
	// ConnectionsCloudOAuth2, 36000 for OAuth1 and ConnectionsCloudOAuth1. A change
	// applies to tokens issued later.
	//
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=86400
	// +kubebuilder:validation:XValidation:rule=`self >= 60 && self <= 86400`,message="accessTokenLifetimeSeconds must be from 60 to 86400 (one minute to one day)"
	AccessTokenLifetimeSeconds int32 `json:"accessTokenLifetimeSeconds,omitempty"`

	// Consent tells when the owner is asked: Remember offers "always" and asks no
	// more once that was ticked; Prompt asks at each authorization; Skip never asks. Skip
	// is for clients of those who own the data too, and needs a policy that allows it. A
	// Public client cannot prove who it is: its owners are asked each time, and Skip is
	// refused. Absent: Remember.
	//
	// +optional
	// +kubebuilder:default=Remember
	Consent ConsentPolicy `json:"consent,omitempty"`

	// Entitlement tells which owners may use the client. Bound: those whom RBAC
	// allows the verb authorize on this object, as user gatehouse:<name> or group
	// gatehouse:<group> (the prefix is a setting of the authorization server); so
	// nobody may until a RoleBinding says so. Everyone: any owner who can log in; it
	// needs a policy that allows it. Absent: Bound.
	//
	// +optional
	// +kubebuilder:default=Bound
	Entitlement EntitlementPolicy `json:"entitlement,omitempty"`

	// SecondFactor tells whether a login for the client needs a second step, such as a
	// code of an authenticator app. Required: whoever has none adds one first, right
	// after the password. Optional: those are asked who have one. Absent: Optional.
	//
	// +optional
	SecondFactor SecondFactorPolicy `json:"secondFactor,omitempty"`

	// Suspend, when true, refuses everything to the client, and its tokens too. Its client
	// ID, secret and grants stay, and work again once it is false or absent. In the profile
	// IntegrationCloud all grants and tokens end for good, as they did there when a client
	// was made inactive.
	//
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// Credentials tells where the client ID and the client secret go. Absent: into
	// the Secret <metadata.name>-oauth.
	//
	// +optional
	Credentials CredentialsSpec `json:"credentials,omitzero"`

	// DeletionPolicy tells what becomes of the identity of the client when the object is
	// deleted. Delete: it ends with the object; one that is created again under the name is
	// another client. Retain: the Secret stays, approvals and tokens sleep, and nothing is
	// served; an OAuthClient of the same namespace, name and Secret, with the same profile,
	// client type and client ID, takes all of it up again. Delete the Secret to end that for
	// good. Absent: Delete.
	//
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// ExpiresAt is when the client ends, for environments that live for some days. From then on
	// the authorization server refuses everything of it, and a day later the operator deletes the
	// object. Until then a later time brings it back. A time of RFC 3339, for instance
	// 2027-06-30T00:00:00Z. Absent: never.
	//
	// +optional
	ExpiresAt Instant `json:"expiresAt,omitempty"`
}
