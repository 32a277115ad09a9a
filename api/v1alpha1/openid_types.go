// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// SigningAlgorithm is how a JWT is signed (RFC 7518 §3.1).
//
// +kubebuilder:validation:Enum="";RS256;PS256;ES256
type SigningAlgorithm string

// The signing algorithms.
const (
	// SigningRS256 is what every program of OpenID Connect knows (OpenID Connect Core §15.1).
	SigningRS256 SigningAlgorithm = "RS256"
	SigningPS256 SigningAlgorithm = "PS256"
	SigningES256 SigningAlgorithm = "ES256"
)

// SubjectType is which subject of a person a client learns (OpenID Connect Core §8).
//
// +kubebuilder:validation:Enum="";Public;Pairwise
type SubjectType string

// The subject types.
const (
	SubjectPublic   SubjectType = "Public"
	SubjectPairwise SubjectType = "Pairwise"
)

// SectorIdentifier is the name of a sector: a host.
//
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])?$')`,message="oauth2.openID.sectorIdentifier must be a host in lower case, like apps.example.com, without scheme, port and path"
type SectorIdentifier string

// OpenIDSpec tells how ID tokens for a client are made.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.sectorIdentifier) || size(self.sectorIdentifier) == 0 || has(self.subjectType) && self.subjectType == 'Pairwise'`,fieldPath=".sectorIdentifier",message="oauth2.openID.sectorIdentifier must be left out unless oauth2.openID.subjectType is Pairwise: remove it, or choose Pairwise"
type OpenIDSpec struct {
	// IDTokenSigningAlgorithm is how ID tokens are signed: RS256, PS256 or ES256. Many
	// programs know RS256 alone. Absent: RS256.
	//
	// +optional
	IDTokenSigningAlgorithm SigningAlgorithm `json:"idTokenSigningAlgorithm,omitempty"`

	// IDTokenLifetimeSeconds is how long an ID token is valid, from 60 to 86400. A program
	// that takes the ID token for its session, as kubectl and Argo CD do, asks for a new login
	// or refreshes when it ends. Absent: 3600.
	//
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=86400
	// +kubebuilder:validation:XValidation:rule=`self >= 60 && self <= 86400`,message="oauth2.openID.idTokenLifetimeSeconds must be from 60 to 86400"
	IDTokenLifetimeSeconds int32 `json:"idTokenLifetimeSeconds,omitempty"`

	// Claims tells which claims the client learns.
	//
	// +optional
	Claims IDTokenClaims `json:"claims,omitzero"`

	// SubjectType is which subject of a person the client learns (sub): Public, the same one that
	// all such clients and the APIs see, or Pairwise, one that only clients of the same sector in
	// the same namespace see (OpenID Connect Core §8.1). Absent: Public. It cannot be changed: the
	// client would take everybody for somebody new.
	//
	// +optional
	SubjectType SubjectType `json:"subjectType,omitempty"`

	// SectorIdentifier is the sector of a client whose subjects are Pairwise: a host, for
	// instance apps.example.com. Clients of one namespace with the same sector see the same
	// subjects; no client of another namespace does, whatever it writes here. Absent: the host
	// of callbackURLs, which all have to be https on one host then. The sector cannot be changed,
	// so whoever moves all callbacks to another host writes the host of before here.
	//
	// +optional
	SectorIdentifier SectorIdentifier `json:"sectorIdentifier,omitempty"`

	// PostLogoutRedirectURIs are the only addresses that a browser is sent to after the client
	// has signed a person out (post_logout_redirect_uri). They are compared character for
	// character. Each has scheme, host and port of one of callbackURLs, so what the policy of
	// the namespace says of those holds here too. Absent: nobody is sent back.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule=`self.all(u, self.indexOf(u) == self.lastIndexOf(u))`,message="oauth2.openID.postLogoutRedirectURIs must name each URL once: remove the repetition"
	PostLogoutRedirectURIs []PostLogoutRedirectURI `json:"postLogoutRedirectURIs,omitempty"`

	// BackChannelLogout has the authorization server notify the client when a session ends in
	// which a person logged in to it (OpenID Connect Back-Channel Logout 1.0). Absent: the client
	// is not notified.
	//
	// +optional
	BackChannelLogout *BackChannelLogoutSpec `json:"backChannelLogout,omitempty"`
}

// BackChannelLogoutSpec tells how a client learns that a session has ended.
type BackChannelLogoutSpec struct {
	// URI is where the authorization server sends a logout token, by itself and not through a
	// browser (backchannel_logout_uri). It has the form of an https URL of callbackURLs, and a
	// host that the policy of the namespace allows for those. The server goes to no address
	// inside the cluster or its network, unless its configuration lists the network. Each logout
	// token names the session (sid) and the person (sub).
	//
	// +required
	URI BackChannelLogoutURI `json:"uri"`
}

// BackChannelLogoutURI is an address that is told of the end of a session. It has no fragment (Back-Channel Logout 1.0 §2.2).
//
// +kubebuilder:validation:MaxLength=512
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^https://([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?([/?]([A-Za-z0-9._~!$&\x27()+,;=:@/?\[\]-]|%(2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[B-D]|[89A-F][0-9A-F]))*)?$') && !self.matches(r'^[^?]*(/|%2F)\.\.?(/|%2F|[?]|$)|[?&](code|state|iss|error|error_description|error_uri|oauth_token|oauth_verifier|oauth_problem|oauth_error)([=&]|$)|^https://[^/?]*:443([/?]|$)')`,message="oauth2.openID.backChannelLogout.uri must be an https URL in the form of callbackURLs: host in lower case, without :443, fragment, wildcard, user info and the path segments . and .., and without a parameter that an answer has, such as state"
type BackChannelLogoutURI string

// PostLogoutRedirectURI is an address that a browser may be sent to after a logout (OpenID Connect RP-Initiated Logout 1.0
// §3.1). Beside scheme and host, which are those of a callback, it has the form of one.
//
// +kubebuilder:validation:MaxLength=512
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z][a-z0-9+.-]*:/([A-Za-z0-9._~!$&\x27()+,;=:@/?\[\]-]|%(2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[B-D]|[89A-F][0-9A-F]))*$') && !self.matches(r'^[^?]*(/|%2F)\.\.?(/|%2F|[?]|$)|[?&](code|state|iss|error|error_description|error_uri|oauth_token|oauth_verifier|oauth_problem|oauth_error)([=&]|$)|^[^:/?]*://[^/?]*@')`,message="oauth2.openID.postLogoutRedirectURIs must hold URLs in the form of callbackURLs: without fragment, wildcard, user info and the path segments . and .., and without a parameter that the answer has, such as state"
type PostLogoutRedirectURI string

// IDTokenClaims tells which claims a client learns.
type IDTokenClaims struct {
	// Groups tells which groups of a person stand in the claim groups.
	//
	// +optional
	Groups GroupsClaim `json:"groups,omitzero"`

	// Mappings are claims of the client's own, made of what it may know of a person, for
	// programs that want a claim under another name or in another form. They stand in ID
	// tokens and in answers of the UserInfo endpoint, in place of a claim of the same name.
	// Whoever applies the list owns all of it.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule=`self.all(m, self.exists_one(n, n.claim == m.claim))`,message="claims.mappings must make each claim once: remove the repetition"
	Mappings []ClaimMapping `json:"mappings,omitempty"`
}

// ClaimMapping makes one claim.
type ClaimMapping struct {
	// Claim is the name of the claim. The names that the protocol itself uses, and sub, cannot
	// be taken.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[A-Za-z0-9_./:-]+$')`,message="claims.mappings[].claim must hold letters, digits and . _ / : - only"
	// +kubebuilder:validation:XValidation:rule=`!(self.lowerAscii() in ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'azp', 'auth_time', 'nonce', 'acr', 'amr', 'at_hash', 'c_hash', 's_hash', 'sid', 'events', 'cnf', 'client_id', 'scope', '_claim_names', '_claim_sources', 'sub_jwk'])`,message="claims.mappings[].claim must not be a claim that the protocol itself uses: choose another name"
	Claim string `json:"claim"`

	// Expression yields the value, in the Common Expression Language, from owner.subject,
	// owner.name, owner.displayName, owner.email and owner.groups. One that uses what the
	// scopes of a token do not release makes no claim. Its value is a string, bool, int,
	// double or list of strings.
	// Beside the standard functions there are numericID(string), which yields a number that
	// stays the same for the same text, string.split(separator) and string.lowerAscii(). A
	// person whom the expression does not fit has no such claim.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Expression string `json:"expression"`
}

// GroupsClaim tells which groups of a person an ID token names. The UserInfo endpoint names all.
type GroupsClaim struct {
	// Include are patterns of the groups that the client needs: a whole name, or the
	// beginning of names with a * at the end. Long ID tokens fail in cookies and headers
	// without a word, so a client whose people have many groups names those it needs.
	// Absent: all groups.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Include []string `json:"include,omitempty"`
}
