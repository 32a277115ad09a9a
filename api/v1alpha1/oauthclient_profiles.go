// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "time"

// Profile names the spelling a client speaks. A client speaks one.
//
// +kubebuilder:validation:Enum="";OAuth2;OAuth1;ConnectionsCloudOAuth2;ConnectionsCloudOAuth1;IntegrationCloud
type Profile string

// The profiles. The last three are for clients that were written for a server that is
// gone and shall not notice; a new client takes one of the first two.
const (
	// ProfileOAuth2 is OAuth 2.x under the rules of OAuth 2.1: PKCE with S256 always,
	// exact callback URLs, the iss parameter (RFC 9207), no implicit and no password grant.
	ProfileOAuth2 Profile = "OAuth2"
	// ProfileOAuth1 is OAuth 1.0a (RFC 5849).
	ProfileOAuth1 Profile = "OAuth1"
	// ProfileConnectionsCloudOAuth2 is OAuth 2.0 as IBM Connections Cloud spelled it.
	ProfileConnectionsCloudOAuth2 Profile = "ConnectionsCloudOAuth2"
	// ProfileConnectionsCloudOAuth1 is OAuth 1.0a as IBM Connections Cloud spelled it.
	ProfileConnectionsCloudOAuth1 Profile = "ConnectionsCloudOAuth1"
	// ProfileIntegrationCloud is OAuth 2.0 as webMethods Integration Cloud spelled it.
	ProfileIntegrationCloud Profile = "IntegrationCloud"
)

// Signed reports whether clients of the profile sign their requests (OAuth 1.0a)
// instead of sending a secret. To check a signature the authorization server needs the
// client secret itself, so it is derived from the shared key.
func (p Profile) Signed() bool { return p == ProfileOAuth1 || p == ProfileConnectionsCloudOAuth1 }

// ResetEndsGrants reports whether a reset of the credentials ends all grants and tokens too, as
// it is assumed of the server that clients of the profile were written for.
func (p Profile) ResetEndsGrants() bool {
	return p == ProfileConnectionsCloudOAuth2 || p == ProfileConnectionsCloudOAuth1
}

// SuspendEndsGrants reports whether a suspension ends all grants and tokens for good, as it is assumed of the server that
// clients of the profile were written for.
func (p Profile) SuspendEndsGrants() bool { return p == ProfileIntegrationCloud }

// SignatureMethod is how a client of OAuth 1.0a signs its requests (RFC 5849 §3.4).
//
// +kubebuilder:validation:Enum=HMAC-SHA256;HMAC-SHA1;PLAINTEXT
type SignatureMethod string

// The signature methods.
const (
	SignatureHMACSHA256 SignatureMethod = "HMAC-SHA256"
	SignatureHMACSHA1   SignatureMethod = "HMAC-SHA1"
	// SignaturePLAINTEXT sends the secrets themselves; TLS alone protects them (RFC 5849 §3.4.4).
	SignaturePLAINTEXT SignatureMethod = "PLAINTEXT"
)

// PKCEPolicy tells whether an authorization request must carry a code challenge (RFC 7636).
//
// +kubebuilder:validation:Enum="";Required;Optional
type PKCEPolicy string

// The PKCE policies.
const (
	// PKCERequired refuses a request without a code challenge.
	PKCERequired PKCEPolicy = "Required"
	// PKCEOptional lets a Confidential client leave the challenge out. One that is sent
	// is always enforced.
	PKCEOptional PKCEPolicy = "Optional"
)

// OAuth2Spec is what only clients of profile OAuth2 have.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.grantTypes) || !('RefreshToken' in self.grantTypes) || 'AuthorizationCode' in self.grantTypes`,fieldPath=".grantTypes",message="grantTypes must hold AuthorizationCode when it holds RefreshToken: a refresh token renews what an owner approved"
// +kubebuilder:validation:XValidation:rule=`!has(self.clientType) || self.clientType != 'Public' || !has(self.grantTypes) || !('ClientCredentials' in self.grantTypes)`,fieldPath=".grantTypes",message="grantTypes must not hold ClientCredentials for a Public client, which has no credentials: remove it"
// +kubebuilder:validation:XValidation:rule=`!has(self.pkce) || self.pkce != 'Optional' || !has(self.clientType) || self.clientType != 'Public'`,fieldPath=".pkce",message="pkce must not be Optional for a Public client, whose codes nothing else protects (RFC 9700 §2.1.1): remove it"
type OAuth2Spec struct {
	// ClientType tells whether the client can keep a secret: Confidential for a server,
	// Public for what runs in the hands of its users. A Public client gets a client ID
	// and no client secret, and has to prove itself by PKCE alone. Absent: Confidential.
	// It cannot be changed.
	//
	// +optional
	ClientType ClientType `json:"clientType,omitempty"`

	// GrantTypes are the ways in which the client may obtain tokens: AuthorizationCode
	// (an owner logs in and decides), RefreshToken (renew what the owner approved; needs
	// AuthorizationCode) and ClientCredentials (act as itself; not for a Public client).
	// Absent: AuthorizationCode and RefreshToken. Whoever applies the list owns all of it.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	// +kubebuilder:validation:XValidation:rule=`self.all(g, self.indexOf(g) == self.lastIndexOf(g))`,message="grantTypes must name each grant type once: remove the repetition"
	GrantTypes []GrantType `json:"grantTypes,omitempty"`

	// PKCE tells whether each authorization request must carry a code challenge
	// (RFC 7636). Required refuses one without. Optional is for applications that cannot
	// send it: a stolen code can then be injected into another session of the application
	// (RFC 9700 §4.5). A challenge that is sent is always enforced, and only S256 is
	// known. Only for a Confidential client, and only where the policy of the namespace
	// allows it. Absent: Required.
	//
	// +optional
	PKCE PKCEPolicy `json:"pkce,omitempty"`

	// OpenID tells how ID tokens for the client are made. It counts for a client whose
	// scopes hold openid. Absent: as its fields say.
	//
	// +optional
	OpenID *OpenIDSpec `json:"openID,omitempty"`
}

// OAuth1Spec is what only clients of profile OAuth1 have.
type OAuth1Spec struct {
	// SignatureMethods are those the client may sign its requests with. Absent:
	// HMAC-SHA256 and HMAC-SHA1. PLAINTEXT has to be named here to be accepted: it
	// sends the client secret itself with each request, and nothing tells a repeated
	// request from a new one. Whoever applies the list owns all of it.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	// +kubebuilder:validation:XValidation:rule=`self.all(m, self.indexOf(m) == self.lastIndexOf(m))`,message="oauth1.signatureMethods must name each method once: remove the repetition"
	SignatureMethods []SignatureMethod `json:"signatureMethods,omitempty"`

	// OutOfBand, when true, lets the client ask with the callback oob: the owner is
	// shown a verifier and types it into the client (RFC 5849 §2.1). For clients that
	// no browser can be sent back to; whoever talks an owner out of a verifier has
	// what the owner approved. Absent: oob is refused.
	//
	// +optional
	OutOfBand bool `json:"outOfBand,omitempty"`
}

// ConnectionsCloudSpec is what only clients of the profiles ConnectionsCloudOAuth2 and
// ConnectionsCloudOAuth1 have. Those of the former may use the grant types
// AuthorizationCode and RefreshToken; those of the latter sign with PLAINTEXT.
type ConnectionsCloudSpec struct {
	// OutOfBand, when true, lets a client of ConnectionsCloudOAuth1 ask with the callback
	// oob: the owner is shown a verifier and types it into the client (RFC 5849 §2.1).
	// Absent: oob is refused. Only in profile ConnectionsCloudOAuth1.
	//
	// +optional
	OutOfBand bool `json:"outOfBand,omitempty"`

	// AllowSecretInURLUntil lets the client send its secret, codes and tokens as query
	// parameters by GET until this time. The risk: URLs are written down, by proxies and
	// load balancers before this server above all, and whoever reads their logs has the
	// secret. This server logs no query. A time of RFC 3339, for instance
	// 2027-06-30T00:00:00Z. Absent or past: such requests are refused. Only where the
	// policy of the namespace allows it.
	//
	// +optional
	AllowSecretInURLUntil Instant `json:"allowSecretInURLUntil,omitempty"`

	// AllowSecretInAuthorizationHeaderUntil lets a client of ConnectionsCloudOAuth2
	// send its secret in a header Authorization: OAuth client_id="...",
	// client_secret="..." until this time. The risk: no standard knows this scheme, so
	// proxies and tools that keep Basic and Bearer out of their logs may write it down. A
	// time of RFC 3339. Absent or past: such requests are refused. Only in profile
	// ConnectionsCloudOAuth2, and only where the policy of the namespace allows it.
	//
	// +optional
	AllowSecretInAuthorizationHeaderUntil Instant `json:"allowSecretInAuthorizationHeaderUntil,omitempty"`
}

// IntegrationCloudSpec is what only clients of profile IntegrationCloud have.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.grantTypes) || !('RefreshToken' in self.grantTypes) || 'AuthorizationCode' in self.grantTypes`,fieldPath=".grantTypes",message="grantTypes must hold AuthorizationCode when it holds RefreshToken: a refresh token renews what an owner approved"
// +kubebuilder:validation:XValidation:rule=`!has(self.clientType) || self.clientType != 'Public' || !has(self.grantTypes) || !('ClientCredentials' in self.grantTypes)`,fieldPath=".grantTypes",message="grantTypes must not hold ClientCredentials for a Public client, which has no credentials: remove it"
type IntegrationCloudSpec struct {
	// ClientType tells whether the client can keep a secret: Confidential or Public, as
	// oauth2.clientType. Absent: Confidential. It cannot be changed.
	//
	// +optional
	ClientType ClientType `json:"clientType,omitempty"`

	// GrantTypes are the ways in which the client may obtain tokens, as oauth2.grantTypes.
	// Absent: AuthorizationCode and RefreshToken. Whoever applies the list owns all of it.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	// +kubebuilder:validation:XValidation:rule=`self.all(g, self.indexOf(g) == self.lastIndexOf(g))`,message="grantTypes must name each grant type once: remove the repetition"
	GrantTypes []GrantType `json:"grantTypes,omitempty"`

	// RefreshLimit is how often an approval may be refreshed, from 0 to 10000, beside
	// the end of grantDurationDays; with 0 no refresh token is issued. Absent: as often as
	// the client likes until then.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	// +kubebuilder:validation:XValidation:rule=`self >= 0 && self <= 10000`,message="integrationCloud.refreshLimit must be from 0 to 10000"
	RefreshLimit *int32 `json:"refreshLimit,omitempty"`

	// AllowSecretInURLUntil lets the client send codes and refresh tokens as query
	// parameters of a POST without a body until this time. The risk: URLs are written
	// down, by proxies and load balancers before this server above all. A time of
	// RFC 3339, for instance 2027-06-30T00:00:00Z. Absent or past: such requests are
	// refused. Only where the policy of the namespace allows it.
	//
	// +optional
	AllowSecretInURLUntil Instant `json:"allowSecretInURLUntil,omitempty"`
}

// Instant is a time as RFC 3339 writes it. It is text, and not a metav1.Time, because
// the API server's format date-time lets pass what Go cannot read, and one object that
// cannot be read would hide all others from the operator.
//
// +kubebuilder:validation:MaxLength=40
// +kubebuilder:validation:XValidation:rule=`self.size() == 0 || self.matches(r'^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})$') && timestamp(self) > timestamp('2000-01-01T00:00:00Z')`,message="expiresAt, allowSecretInURLUntil and allowSecretInAuthorizationHeaderUntil must hold times like 2027-06-30T00:00:00Z: write date, T, time of day and Z, or an offset like +02:00 for it; the day must exist and be after 1999"
type Instant string

// Time returns the time that i names. An absent one, and one that cannot be read, is the
// zero time, which is past.
func (i Instant) Time() time.Time {
	at, err := time.Parse(time.RFC3339, string(i))
	if err != nil {
		return time.Time{}
	}
	return at
}
