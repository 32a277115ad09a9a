// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Profile names the spelling a client speaks. A client speaks one.
//
// +kubebuilder:validation:Enum=OAuth2;OAuth1;ConnectionsCloudOAuth2;ConnectionsCloudOAuth1;IntegrationCloud
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

// OAuth1Spec is what only clients of OAuth 1.0a have.
type OAuth1Spec struct {
	// SignatureMethods are those the client may sign its requests with. Absent:
	// HMAC-SHA256 and HMAC-SHA1. PLAINTEXT has to be named here to be accepted: it
	// sends the client secret itself with each request, and nothing tells a repeated
	// request from a new one. In the profile ConnectionsCloudOAuth1 it is the only
	// method there is, and this field is left out.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	SignatureMethods []SignatureMethod `json:"signatureMethods,omitempty"`

	// OutOfBand, when true, lets the client ask with the callback oob: the owner is
	// shown a verifier and types it into the client (RFC 5849 §2.1). For clients that
	// no browser can be sent back to; whoever talks an owner out of a verifier has
	// what the owner approved. Absent: oob is refused.
	//
	// +optional
	OutOfBand bool `json:"outOfBand,omitempty"`
}

// LegacySpec opens what is closed because it is dangerous, for old clients that can do
// no other way. Each field ends by itself; choose a day by which the client is mended.
type LegacySpec struct {
	// AllowSecretInURLUntil lets the client send what must stay secret as query
	// parameters until this time: in the ConnectionsCloud profiles its secret, codes
	// and tokens by GET, in IntegrationCloud codes and refresh tokens on a POST without
	// a body. What it risks: URLs are written down, by proxies and load balancers
	// before this server above all, and whoever reads their logs has the secret. This
	// server logs no query. A time of RFC 3339, for instance 2027-06-30T00:00:00Z.
	// Absent or past: such requests are refused.
	//
	// +optional
	AllowSecretInURLUntil Instant `json:"allowSecretInURLUntil,omitempty"`

	// AllowSecretInAuthorizationHeaderUntil lets a client of ConnectionsCloudOAuth2
	// send its secret in a header Authorization: OAuth client_id="...",
	// client_secret="..." until this time. What it risks: no standard knows this
	// scheme, so proxies and tools that keep Basic and Bearer out of their logs may
	// write it down. A time of RFC 3339, for instance 2027-06-30T00:00:00Z. Absent or
	// past: such requests are refused.
	//
	// +optional
	AllowSecretInAuthorizationHeaderUntil Instant `json:"allowSecretInAuthorizationHeaderUntil,omitempty"`
}

// Instant is a time as RFC 3339 writes it. It is text, and not a metav1.Time, because
// the API server's format date-time lets pass what Go cannot read, and one object that
// cannot be read would hide all others from the operator.
//
// +kubebuilder:validation:MaxLength=40
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})$') && timestamp(self) > timestamp('2000-01-01T00:00:00Z')`,message="legacy must hold times like 2027-06-30T00:00:00Z: write date, T, time of day and Z, or an offset like +02:00 for it"
type Instant = string
