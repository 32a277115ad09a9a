// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Labels, annotations and the type of what the operator writes.
const (
	// LabelOwnerUID marks each Secret and ConfigMap that the operator wrote and holds the UID of the
	// OAuthClient or ResourceServer that it is for. The operator watches no others.
	LabelOwnerUID = "gatehouse.dev/owner-uid"
	// LabelGivenSecret on a Secret, with the value "true", allows the operator to read a client secret or
	// public keys from it for an object that names it in credentials.fromSecret or credentials.privateKeyJWT.
	LabelGivenSecret = "gatehouse.dev/given-secret"
	// LabelPolicy on a namespace names its OAuthClientPolicy. Without the label it is
	// DefaultPolicy.
	LabelPolicy = "gatehouse.dev/policy"
	// AnnotationIssued stands on each Secret that the operator wrote: a record of what it
	// wrote last, from which a lost status is rebuilt. A MAC under the root key protects it.
	AnnotationIssued = "gatehouse.dev/issued"
	// AnnotationContent stands on each ConfigMap that the operator wrote for an object: a hash of what it wrote last.
	AnnotationContent = "gatehouse.dev/content"
	// AnnotationResetCredentials asks for a new client secret: each new value once.
	AnnotationResetCredentials = "gatehouse.dev/reset-credentials"
	// AnnotationResetRevokes, when it is "true" at the time of a reset, has the reset end all grants
	// and tokens of an OAuthClient, too.
	AnnotationResetRevokes = "gatehouse.dev/reset-revokes"
	// AnnotationRotateCredentials asks for a new client secret beside the old one, which ends after
	// the overlap: each new value once.
	AnnotationRotateCredentials = "gatehouse.dev/rotate-credentials"
	// SecretTypeDefault is the type of a Secret when its template names none. The type
	// of a Secret is immutable, so a Secret of anybody else cannot become one of ours.
	SecretTypeDefault SecretType = "gatehouse.dev/oauth-client"
	// DefaultPolicy is the name of the policy of namespaces without LabelPolicy.
	DefaultPolicy = "default"
)

// Standard keys of a client's Secret, named in the words of RFC 5849, RFC 6749, RFC 8414 and OpenID Connect Discovery §3.
const (
	KeyClientID              = "client-id"
	KeyClientSecret          = "client-secret"
	KeyPreviousClientSecret  = "previous-client-secret"
	KeyIssuer                = "issuer"
	KeyRequestTokenEndpoint  = "request-token-endpoint"
	KeyAuthorizationEndpoint = "authorization-endpoint"
	KeyTokenEndpoint         = "token-endpoint"
	KeyAccessTokenEndpoint   = "access-token-endpoint"
	KeyRevocationEndpoint    = "revocation-endpoint"
	KeyIntrospectionEndpoint = "introspection-endpoint"
	KeyVerificationEndpoint  = "verification-endpoint"
	KeyIdentityEndpoint      = "identity-endpoint"
	KeyUserInfoEndpoint      = "userinfo-endpoint"
	KeyKeysURI               = "jwks-uri"
	KeyEndSessionEndpoint    = "end-session-endpoint"
)

// ClientIDOf returns the client ID of the object: spec.clientID, or without one
// <namespace>.<name>, at most 253 lower-case letters, digits, dashes and dots. A
// namespace holds no dot, so no two objects share one of the latter; and spec.clientID
// holds none at all.
func ClientIDOf(oc *OAuthClient) string {
	if oc.Spec.ClientID != "" {
		return string(oc.Spec.ClientID)
	}
	return oc.Namespace + "." + oc.Name
}

// ResourceServerIDOf returns the client ID with which a ResourceServer introspects and
// verifies: api_<namespace>.<name>. No OAuthClient has such an ID, because an
// underscore is in no namespace and a dot is in no spec.clientID.
func ResourceServerIDOf(rs *ResourceServer) string { return "api_" + rs.Namespace + "." + rs.Name }

// SecretNameOf returns the name of the Secret that the OAuthClient wants:
// spec.credentials.secretName, or without one <name>-oauth.
func SecretNameOf(oc *OAuthClient) string {
	if oc.Spec.Credentials.SecretName != "" {
		return string(oc.Spec.Credentials.SecretName)
	}
	return oc.Name + "-oauth"
}

// ResourceServerSecretNameOf returns the name of the Secret that the ResourceServer
// wants: spec.credentials.secretName, or without one <name>-resource-server.
func ResourceServerSecretNameOf(rs *ResourceServer) string {
	if rs.Spec.Credentials.SecretName != "" {
		return string(rs.Spec.Credentials.SecretName)
	}
	return rs.Name + "-resource-server"
}
