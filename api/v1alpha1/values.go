// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// The string types of this file carry the rule of their values, so that it is
// written once. An empty optional string means the same as an absent one, because
// templates such as Helm's write empty strings.

// ClientType tells whether a client can keep a secret (RFC 6749 §2.1).
//
// +kubebuilder:validation:Enum="";Confidential;Public
type ClientType string

// The two client types of RFC 6749 §2.1.
const (
	// ClientTypeConfidential runs where only its operators can read its secret: a
	// server. It authenticates at the token endpoint.
	ClientTypeConfidential ClientType = "Confidential"
	// ClientTypePublic runs in the hands of its users: a desktop or mobile
	// application, a command line. It has a client ID and no secret.
	ClientTypePublic ClientType = "Public"
)

// GrantType is a way to obtain an access token (RFC 6749 §1.3).
//
// +kubebuilder:validation:Enum=AuthorizationCode;RefreshToken;ClientCredentials
type GrantType string

// The grant types a client may use.
const (
	// GrantTypeAuthorizationCode sends an owner through login and consent (RFC 6749 §4.1).
	GrantTypeAuthorizationCode GrantType = "AuthorizationCode"
	// GrantTypeRefreshToken renews what an owner approved (RFC 6749 §6).
	GrantTypeRefreshToken GrantType = "RefreshToken"
	// GrantTypeClientCredentials lets the client act as itself, for no owner (RFC 6749 §4.4).
	GrantTypeClientCredentials GrantType = "ClientCredentials"
)

// ConsentPolicy tells when the owner is asked.
//
// +kubebuilder:validation:Enum="";Remember;Prompt;Skip
type ConsentPolicy string

// The consent policies.
const (
	// ConsentRemember lets the owner tick "always".
	ConsentRemember ConsentPolicy = "Remember"
	// ConsentPrompt asks at each authorization.
	ConsentPrompt ConsentPolicy = "Prompt"
	// ConsentSkip never asks: first-party clients only.
	ConsentSkip ConsentPolicy = "Skip"
)

// SecondFactorPolicy tells whether a login needs a second step.
//
// +kubebuilder:validation:Enum="";Optional;Required
type SecondFactorPolicy string

// The policies about second factors.
const (
	// SecondFactorOptional asks those for a second factor who have one.
	SecondFactorOptional SecondFactorPolicy = "Optional"
	// SecondFactorRequired lets nobody in without one.
	SecondFactorRequired SecondFactorPolicy = "Required"
)

// EntitlementPolicy tells who may use a client.
//
// +kubebuilder:validation:Enum="";Bound;Everyone
type EntitlementPolicy string

// The entitlement policies.
const (
	// EntitlementBound lets RBAC decide: verb authorize on the OAuthClient.
	EntitlementBound EntitlementPolicy = "Bound"
	// EntitlementEveryone lets in any owner who can log in.
	EntitlementEveryone EntitlementPolicy = "Everyone"
)

// ClientID is a client ID that was given elsewhere. It holds no dot, which every
// client ID <namespace>.<name> does, so it can be nobody else's by accident.
//
// +kubebuilder:validation:MaxLength=128
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[A-Za-z0-9_-]*$')`,message="clientID must be of letters, digits, - and _: write the ID as the old server gave it, or leave the field out"
type ClientID string

// ClassName is the name of a class of installations.
//
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^([a-z0-9]([a-z0-9-]*[a-z0-9])?)?$')`,message="className must be of lower-case letters, digits and -, a letter or digit at each end"
type ClassName string

// Identifier names an API: an absolute URI without a fragment (RFC 8707 §2).
//
// +kubebuilder:validation:MaxLength=255
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z][a-z0-9+.-]*:[A-Za-z0-9._~:/?\[\]@!$&\x27()*+,;=%-]+$') && !self.matches(r'^https?://[^/?]*[A-Z]')`,messageExpression=`self.contains('#') ? 'identifiers must have no fragment: remove the # and what follows it' : !self.matches(r'^[a-z][a-z0-9+.-]*:(.|$)') || self.matches(r'^[^:]*:$') ? 'identifiers must be absolute URIs, with a scheme in lower case: write https://photos.example or api://photos/storage' : self.matches(r'^https?://[^/?]*[A-Z]') ? 'identifiers must have the host in lower case: write https://photos.example' : 'identifiers must hold only the characters of a URI (RFC 3986): percent-encode spaces and all others'`
type Identifier string

// Scope is a scope token (RFC 6749 §3.3): one word of printable ASCII characters.
//
// +kubebuilder:validation:MaxLength=64
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[!#-\[\]-~]+$')`,message="scopes must be single words of printable ASCII without space, double quote and backslash: write photos.read"
type Scope string

// Text is a line shown to people on the login, consent and account pages.
//
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[^\p{Cc}\p{Zl}\p{Zp}\x{061C}\x{200E}\x{200F}\x{202A}-\x{202E}\x{2066}-\x{2069}]*$')`,message="displayName and description must be one line: remove line breaks, control characters and characters that change the direction of writing"
// +kubebuilder:validation:XValidation:rule=`self.size() == 0 || self.matches(r'[\p{L}\p{N}\p{P}\p{S}]')`,message="displayName and description must hold a character that can be seen: write a text or leave the field out"
type Text string

// CallbackURL is an address a browser may be sent back to (RFC 6749 §3.1.2). It is
// written in one spelling only (lower-case host, no default port, nothing encoded
// without need, one form of an IP address), so that two equal addresses are equal strings.
// Package internal/callback says the same in Go.
//
// One rule decides; its message is looked for only where it fails, because the API server
// runs every rule again at each write of the status.
//
// +kubebuilder:validation:MaxLength=512
// +kubebuilder:validation:XValidation:rule=`(self.startsWith('https:') ? self.matches(r'^https://([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f]*:[0-9a-f:.]*\])(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?(/([A-Za-z0-9._~!$&\x27()+,;=:@/\[\]-]|%(2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[B-D]|[89A-F][0-9A-F]))*)?(\?([A-Za-z0-9._~!$&\x27()+,;=:@/?\[\]-]|%(2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[B-D]|[89A-F][0-9A-F]))*)?$') && (!self.matches(r'^https://([^/?#]*\.)?(0x[0-9a-f]*|[0-9]+)([:/?#]|$)') || self.matches(r'^https://((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])([:/?#]|$)')) && (!self.startsWith('https://[') || !self.contains(']') || (isIP(self.substring(9, self.indexOf(']'))) && ip.isCanonical(self.substring(9, self.indexOf(']'))))) : self.startsWith('http:') ? self.matches(r'^http://(127\.0\.0\.1|\[::1\]|localhost)(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?(/([A-Za-z0-9._~!$&\x27()+,;=:@/\[\]-]|%(2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[B-D]|[89A-F][0-9A-F]))*)?(\?([A-Za-z0-9._~!$&\x27()+,;=:@/?\[\]-]|%(2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[B-D]|[89A-F][0-9A-F]))*)?$') : self.matches(r'^[a-z][a-z0-9+.-]*:/([A-Za-z0-9._~!$&\x27()+,;=:@/\[\]-]|%(2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[B-D]|[89A-F][0-9A-F]))*(\?([A-Za-z0-9._~!$&\x27()+,;=:@/?\[\]-]|%(2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[B-D]|[89A-F][0-9A-F]))*)?$') && !self.matches(r'^(javascript|data|vbscript|file|blob|about|filesystem|view-source|ftp|ws|wss|mailto|tel|sms|urn|jar|content|intent|chrome|resource):')) && !self.matches(r'^[^?]*(/|%2F)\.\.?(/|%2F|[?#]|$)|^https://[^/?#]*:443([/?#]|$)|[?&](code|state|iss|error|error_description|error_uri|oauth_token|oauth_verifier|oauth_problem|oauth_error)([=&]|$)|^[^:/?#]*://[^/?#]*@')`,messageExpression=`(self.startsWith('https:') ? !self.startsWith('https://') : self.startsWith('http:') ? !self.matches(r'^http://(127\.0\.0\.1|\[::1\]|localhost)([:/?#]|$)') : !self.matches(r'^[a-z][a-z0-9+.-]*:/') || self.matches(r'^(javascript|data|vbscript|file|blob|about|filesystem|view-source|ftp|ws|wss|mailto|tel|sms|urn|jar|content|intent|chrome|resource):')) ? 'callbackURLs must begin with https://, with http:// on the host 127.0.0.1, [::1] or localhost, or for a Public client with a private-use scheme like com.example.app:/' : (self.contains('#')) ? 'callbackURLs must not hold a fragment: remove the # and what follows it' : (self.contains('*')) ? 'callbackURLs must not hold a wildcard: list each URL, they are compared character for character' : (self.matches(r'^[a-z][a-z0-9+.-]*://[^/?#]*@')) ? 'callbackURLs must not hold user info: remove what stands before the host, up to the @' : (self.contains('\\')) ? 'callbackURLs must not hold a backslash: write /' : (!self.matches(r'^[A-Za-z0-9._~:/?#\[\]@!$&\x27()*+,;=%-]*$')) ? 'callbackURLs must hold only the characters of a URL (RFC 3986): percent-encode spaces and all others, write the host in punycode' : (self.matches(r'%($|.$|[^0-9A-F]|.[^0-9A-F])')) ? 'callbackURLs must follow each % by two digits or upper-case letters A-F: write %2F, and %25 for the percent sign itself' : (self.matches(r'%([01][0-9A-F]|7F)')) ? 'callbackURLs must not hold an encoded control character: remove %00 to %1F and %7F' : (self.matches(r'%(2[DE]|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])')) ? 'callbackURLs must not percent-encode letters, digits and - . _ ~: write them as they are' : (self.matches(r'^[^?]*(/|%2F)\.\.?(/|%2F|[?#]|$)')) ? 'callbackURLs must not hold the path segments . and ..: write the path they lead to' : (self.matches(r'^https?://[^/?#\[]*_')) ? 'callbackURLs must name a host without an underscore, which no host name has: write the name that its certificate has' : (self.matches(r'^https?://[^/?#]*[A-Z]') && !self.matches(r'^https?://[^/?#]*%')) ? 'callbackURLs must name a host in lower case: write https://photoprint.example/callback' : (self.matches(r'^https?://([.]|[^/?#:\[]*[.]([.:/?#]|$))')) ? 'callbackURLs must name a host that neither begins nor ends with a dot nor has two dots in a row: remove the dot' : (self.matches(r'^https?://([^/?#:\[]*[.])?-|^https?://[^/?#:\[]*-([.:/?#]|$)')) ? 'callbackURLs must name a host whose parts begin and end with a letter or a digit: remove the - at the beginning or the end of a part' : (self.startsWith('http') && !self.matches(r'^https?://([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])([:/?#]|$)')) ? 'callbackURLs must name a host of letters, digits, - and ., or an IP address: write https://photoprint.example/callback' : (self.startsWith('http') && self.matches(r'^https?://([^/?#\[]*|\[[^\]]*\]):[^/?#]*([/?#]|$)') && !self.matches(r'^https?://[^/?#]*:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])([/?#]|$)')) ? 'callbackURLs must name a port from 1 to 65535 after the colon, or have none' : (self.matches(r'^https://[^/?#]*:443([/?#]|$)')) ? 'callbackURLs must leave out :443, which is the port of https anyway' : (self.matches(r'[?&](code|state|iss|error|error_description|error_uri|oauth_token|oauth_verifier|oauth_problem|oauth_error)([=&]|$)')) ? 'callbackURLs must not carry a parameter of the answer: remove code, state, iss, error, oauth_token, oauth_verifier, oauth_problem and oauth_error from the query' : 'callbackURLs must write an IP address in its one standard form: 10.0.0.5, not 10.5, and [2001:db8::1] as RFC 5952 shortens it; a host whose last part is a number counts as an IP address'`
type CallbackURL string

// SecretName is the name of a Secret.
//
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule=`self.size() == 0 || !format.dns1123Subdomain().validate(self).hasValue()`,message="secretName must be a name that a Secret can have: lower-case letters, digits, - and ., and each part between dots begins and ends with a letter or a digit"
type SecretName string

// ConfigMapName is the name of a ConfigMap.
//
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule=`self.size() == 0 || !format.dns1123Subdomain().validate(self).hasValue()`,message="configMapName must be a name that a ConfigMap can have: lower-case letters, digits, - and ., and each part between dots begins and ends with a letter or a digit"
// +kubebuilder:validation:XValidation:rule=`!(self in ['kube-root-ca.crt', 'openshift-service-ca.crt', 'istio-ca-root-cert']) && !self.startsWith('gatehouse-released-claims-')`,message="configMapName must not be that of a ConfigMap which others write: not kube-root-ca.crt, openshift-service-ca.crt or istio-ca-root-cert, which clusters put into each namespace, and none that begins with gatehouse-released-claims-"
type ConfigMapName string

// LabelValue is the value of a label.
//
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule=`!format.labelValue().validate(self).hasValue()`,message="labels must have values of letters, digits, -, _ and ., a letter or digit at each end"
type LabelValue string

// AnnotationValue is the value of an annotation.
//
// +kubebuilder:validation:MaxLength=4096
type AnnotationValue string

// SecretKey is a key in the data of a Secret.
//
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[-._a-zA-Z0-9]*$') && self != '.' && !self.startsWith('..')`,message="keys must be renamed to names that a Secret's key can have: letters, digits, -, _ and ., not . and not beginning with .."
type SecretKey string

// SecretType is the type of a Secret.
//
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'^([^/]*[.])?(kubernetes[.]io|k8s[.]io|helm[.]sh)(/|$)') && self != 'Opaque'`,message="secretTemplate.type must not be Opaque or a type of Kubernetes or Helm, which other programs trust: name the type that your application demands, or leave the field out"
// +kubebuilder:validation:XValidation:rule=`self == 'Opaque' || self.matches(r'^([a-z0-9.-]+/[A-Za-z0-9._-]+)?$')`,message="secretTemplate.type must be written as domain/name, for instance nginx.org/oidc"
type SecretType string

// DataValue is a text in the data of a Secret, with placeholders.
//
// +kubebuilder:validation:MaxLength=4096
// +kubebuilder:validation:XValidation:rule=`!self.contains('{{') || self.matches(r'^([^{]|[{][^{]|[{][{](client-id|client-secret|issuer|scopes|callback-url|(request-token|authorization|token|access-token|revocation|introspection|verification|identity)-endpoint)[}][}])*[{]?$')`,message="secretTemplate.data must hold only the placeholders {{client-id}}, {{client-secret}}, {{issuer}}, {{scopes}}, {{callback-url}} and those of the endpoints, such as {{token-endpoint}}"
type DataValue string
