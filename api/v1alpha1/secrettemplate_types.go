// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// SecretTemplate shapes a Secret. What anybody else adds to the Secret stays in it. Label
// and annotation keys and the type must be listed in the policy of the namespace.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.data) && !has(self.generate) || [has(self.keys) ? [has(self.keys.client__dash__id) && size(self.keys.client__dash__id) > 0 ? self.keys.client__dash__id : 'client-id', has(self.keys.client__dash__secret) && size(self.keys.client__dash__secret) > 0 ? self.keys.client__dash__secret : 'client-secret', has(self.keys.previous__dash__client__dash__secret) && size(self.keys.previous__dash__client__dash__secret) > 0 ? self.keys.previous__dash__client__dash__secret : 'previous-client-secret', has(self.keys.issuer) && size(self.keys.issuer) > 0 ? self.keys.issuer : 'issuer', has(self.keys.request__dash__token__dash__endpoint) && size(self.keys.request__dash__token__dash__endpoint) > 0 ? self.keys.request__dash__token__dash__endpoint : 'request-token-endpoint', has(self.keys.authorization__dash__endpoint) && size(self.keys.authorization__dash__endpoint) > 0 ? self.keys.authorization__dash__endpoint : 'authorization-endpoint', has(self.keys.token__dash__endpoint) && size(self.keys.token__dash__endpoint) > 0 ? self.keys.token__dash__endpoint : 'token-endpoint', has(self.keys.access__dash__token__dash__endpoint) && size(self.keys.access__dash__token__dash__endpoint) > 0 ? self.keys.access__dash__token__dash__endpoint : 'access-token-endpoint', has(self.keys.revocation__dash__endpoint) && size(self.keys.revocation__dash__endpoint) > 0 ? self.keys.revocation__dash__endpoint : 'revocation-endpoint', has(self.keys.introspection__dash__endpoint) && size(self.keys.introspection__dash__endpoint) > 0 ? self.keys.introspection__dash__endpoint : 'introspection-endpoint', has(self.keys.verification__dash__endpoint) && size(self.keys.verification__dash__endpoint) > 0 ? self.keys.verification__dash__endpoint : 'verification-endpoint', has(self.keys.identity__dash__endpoint) && size(self.keys.identity__dash__endpoint) > 0 ? self.keys.identity__dash__endpoint : 'identity-endpoint', has(self.keys.userinfo__dash__endpoint) && size(self.keys.userinfo__dash__endpoint) > 0 ? self.keys.userinfo__dash__endpoint : 'userinfo-endpoint', has(self.keys.jwks__dash__uri) && size(self.keys.jwks__dash__uri) > 0 ? self.keys.jwks__dash__uri : 'jwks-uri', has(self.keys.end__dash__session__dash__endpoint) && size(self.keys.end__dash__session__dash__endpoint) > 0 ? self.keys.end__dash__session__dash__endpoint : 'end-session-endpoint'] : ['client-id', 'client-secret', 'previous-client-secret', 'issuer', 'request-token-endpoint', 'authorization-endpoint', 'token-endpoint', 'access-token-endpoint', 'revocation-endpoint', 'introspection-endpoint', 'verification-endpoint', 'identity-endpoint', 'userinfo-endpoint', 'jwks-uri', 'end-session-endpoint']].all(names, (!has(self.data) || self.data.all(k, !(k in names) && !(has(self.generate) && self.generate.exists(g, g.key == k)))) && (!has(self.generate) || self.generate.all(g, !(g.key in names))))`,message="secretTemplate must give each key of the Secret one source: choose names in data and generate that no other key has"
// +kubebuilder:validation:XValidation:rule=`!(has(self.preset) && size(self.preset) > 0) || !has(self.keys)`,fieldPath=".keys",message="secretTemplate.keys must be left out beside a preset, which names the keys: write them all without the preset, or leave them to it"
// +kubebuilder:validation:XValidation:rule=`!has(self.preset) || !has(self.data) && !has(self.generate) || [['Dotenv/.env', 'EnvFrom/OAUTH_CLIENT_ID', 'EnvFrom/OAUTH_CLIENT_SECRET', 'EnvFrom/OAUTH_PREVIOUS_CLIENT_SECRET', 'EnvFrom/OAUTH_ISSUER', 'EnvFrom/OAUTH_REQUEST_TOKEN_ENDPOINT', 'EnvFrom/OAUTH_AUTHORIZATION_ENDPOINT', 'EnvFrom/OAUTH_TOKEN_ENDPOINT', 'EnvFrom/OAUTH_ACCESS_TOKEN_ENDPOINT', 'EnvFrom/OAUTH_REVOCATION_ENDPOINT', 'EnvFrom/OAUTH_INTROSPECTION_ENDPOINT', 'EnvFrom/OAUTH_VERIFICATION_ENDPOINT', 'EnvFrom/OAUTH_IDENTITY_ENDPOINT', 'EnvFrom/OAUTH_USERINFO_ENDPOINT', 'EnvFrom/OAUTH_JWKS_URI', 'EnvFrom/OAUTH_END_SESSION_ENDPOINT', 'EnvFrom/OAUTH_SCOPES', 'EnvFrom/OAUTH_CALLBACK_URL', 'GitLab/provider', 'Headlamp/OIDC_CLIENT_ID', 'Headlamp/OIDC_CLIENT_SECRET', 'Headlamp/OIDC_ISSUER_URL', 'Headlamp/OIDC_SCOPES', 'Headlamp/OIDC_CALLBACK_URL', 'Headlamp/OIDC_USE_PKCE', 'Kiali/oidc-secret', 'OAuth2Proxy/cookie-secret', 'ServiceBinding/type', 'ServiceBinding/provider', 'ServiceBinding/issuer-uri', 'ServiceBinding/redirect-uri', 'ServiceBinding/authorization-grant-type', 'ServiceBinding/scope', 'Spring/application.yaml']].all(made, (!has(self.data) || self.data.all(k, !((self.preset + '/' + k) in made))) && (!has(self.generate) || self.generate.all(g, !((self.preset + '/' + g.key) in made))))`,fieldPath=".preset",message="secretTemplate.data and secretTemplate.generate must not name a key that the preset makes: choose another name"
type SecretTemplate struct {
	// Preset is the form that one program demands: ArgoCD, ArgoWorkflows, EnvoyGateway, GitLab,
	// Headlamp, Kiali, NginxIngressController, OAuth2Proxy and Spring; or one way to read a Secret:
	// Dotenv, a file .env; EnvFrom, every key as an environment variable; ServiceBinding, the
	// specification of that name. It adds to the standard keys and renames some. The other fields
	// add to it: what it sets itself they must leave out, and keys altogether. Its type and labels must be
	// listed in the policy of the namespace. All but Dotenv, EnvFrom and ServiceBinding are for
	// Confidential clients of profile OAuth2. Absent: the standard keys.
	//
	// +optional
	Preset SecretPreset `json:"preset,omitempty"`

	// Type is the type of the Secret, for applications that demand one, for instance
	// nginx.org/oidc. Absent: gatehouse.dev/oauth-client. Kubernetes lets nobody change
	// the type of a Secret, so a change here replaces the Secret by another one with the
	// same values. Types of Kubernetes and Helm are refused.
	//
	// +optional
	Type SecretType `json:"type,omitempty"`

	// Labels are added to the Secret. Keys under gatehouse.dev, kubernetes.io and k8s.io
	// are refused, but for app.kubernetes.io. Labels of the object itself are not copied.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule=`self.all(k, !format.qualifiedName().validate(k).hasValue())`,message="labels must have names like team or example.com/team: at most 63 letters, digits, -, _ and . after the slash"
	// +kubebuilder:validation:XValidation:rule=`self.all(k, !k.matches(r'^([^/]*[.])?(gatehouse[.]dev|kubernetes[.]io|k8s[.]io)/') || k.startsWith('app.kubernetes.io/'))`,message="labels must not have names under gatehouse.dev, kubernetes.io or k8s.io, which controllers obey: choose another prefix"
	Labels map[string]LabelValue `json:"labels,omitempty"`

	// Annotations are added to the Secret. Keys under gatehouse.dev, kubernetes.io and
	// k8s.io are refused, but for app.kubernetes.io.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule=`self.all(k, !format.qualifiedName().validate(k).hasValue())`,message="annotations must have names like team or example.com/team: at most 63 letters, digits, -, _ and . after the slash"
	// +kubebuilder:validation:XValidation:rule=`self.all(k, !k.matches(r'^([^/]*[.])?(gatehouse[.]dev|kubernetes[.]io|k8s[.]io)/') || k.startsWith('app.kubernetes.io/'))`,message="annotations must not have names under gatehouse.dev, kubernetes.io or k8s.io, which controllers obey: choose another prefix"
	Annotations map[string]AnnotationValue `json:"annotations,omitempty"`

	// Keys renames keys in the data of the Secret, for instance client-id:
	// OAUTH_CLIENT_ID. A key that is not named here has its standard name.
	//
	// +optional
	Keys *SecretKeys `json:"keys,omitempty"`

	// Data adds keys with fixed text to the Secret. {{client-id}}, {{client-secret}},
	// {{issuer}}, {{scopes}} (separated by spaces), {{callback-url}} (the first one) and
	// the name of each endpoint key, for instance {{token-endpoint}}, stand for their
	// values. A placeholder for something that the object does not have stands for nothing.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule=`self.all(k, k.matches(r'^[-._a-zA-Z0-9]{1,253}$') && k != '.' && !k.startsWith('..'))`,message="secretTemplate.data must have keys that a Secret can have: letters, digits, -, _ and ., not . and not beginning with .."
	Data map[string]DataValue `json:"data,omitempty"`

	// Generate adds keys with random values, for instance the cookie-secret of
	// oauth2-proxy. A value is derived like the client secret: it stays the same when the
	// Secret is deleted, and a reset of the credentials does not change it.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:XValidation:rule=`self.all(g, self.exists_one(o, o.key == g.key))`,message="secretTemplate.generate must name each key once: remove the repetition"
	Generate []GeneratedValue `json:"generate,omitempty"`
}

// GeneratedValue is a random value in a Secret.
type GeneratedValue struct {
	// Key is the key in the data of the Secret.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	Key SecretKey `json:"key"`

	// Length is the number of characters of the value, letters and digits, from 16 to
	// 128. Absent: 32, which oauth2-proxy takes as a cookie-secret.
	//
	// +optional
	// +kubebuilder:validation:Minimum=16
	// +kubebuilder:validation:Maximum=128
	// +kubebuilder:validation:XValidation:rule=`self >= 16 && self <= 128`,message="secretTemplate.generate must have a length from 16 to 128"
	Length int32 `json:"length,omitempty"`
}

// SecretKeys are the names of the standard keys in the data of a Secret. An absent one
// has its standard name; one that the object does not have is ignored.
//
// +kubebuilder:validation:XValidation:rule=`[[has(self.client__dash__id) && size(self.client__dash__id) > 0 ? self.client__dash__id : 'client-id', has(self.client__dash__secret) && size(self.client__dash__secret) > 0 ? self.client__dash__secret : 'client-secret', has(self.previous__dash__client__dash__secret) && size(self.previous__dash__client__dash__secret) > 0 ? self.previous__dash__client__dash__secret : 'previous-client-secret', has(self.issuer) && size(self.issuer) > 0 ? self.issuer : 'issuer', has(self.request__dash__token__dash__endpoint) && size(self.request__dash__token__dash__endpoint) > 0 ? self.request__dash__token__dash__endpoint : 'request-token-endpoint', has(self.authorization__dash__endpoint) && size(self.authorization__dash__endpoint) > 0 ? self.authorization__dash__endpoint : 'authorization-endpoint', has(self.token__dash__endpoint) && size(self.token__dash__endpoint) > 0 ? self.token__dash__endpoint : 'token-endpoint', has(self.access__dash__token__dash__endpoint) && size(self.access__dash__token__dash__endpoint) > 0 ? self.access__dash__token__dash__endpoint : 'access-token-endpoint', has(self.revocation__dash__endpoint) && size(self.revocation__dash__endpoint) > 0 ? self.revocation__dash__endpoint : 'revocation-endpoint', has(self.introspection__dash__endpoint) && size(self.introspection__dash__endpoint) > 0 ? self.introspection__dash__endpoint : 'introspection-endpoint', has(self.verification__dash__endpoint) && size(self.verification__dash__endpoint) > 0 ? self.verification__dash__endpoint : 'verification-endpoint', has(self.identity__dash__endpoint) && size(self.identity__dash__endpoint) > 0 ? self.identity__dash__endpoint : 'identity-endpoint', has(self.userinfo__dash__endpoint) && size(self.userinfo__dash__endpoint) > 0 ? self.userinfo__dash__endpoint : 'userinfo-endpoint', has(self.jwks__dash__uri) && size(self.jwks__dash__uri) > 0 ? self.jwks__dash__uri : 'jwks-uri', has(self.end__dash__session__dash__endpoint) && size(self.end__dash__session__dash__endpoint) > 0 ? self.end__dash__session__dash__endpoint : 'end-session-endpoint']].all(names, names.all(k, names.indexOf(k) == names.lastIndexOf(k)))`,message="keys must give each standard key a name of its own: choose names that no other key has"
type SecretKeys struct {
	// ClientID renames the key client-id: the client ID.
	//
	// +optional
	ClientID SecretKey `json:"client-id,omitempty"`

	// ClientSecret renames the key client-secret: the client secret.
	//
	// +optional
	ClientSecret SecretKey `json:"client-secret,omitempty"`

	// PreviousClientSecret renames the key previous-client-secret: the old client secret during
	// the overlap of a rotation, if rotation.keepPrevious asks for it.
	//
	// +optional
	PreviousClientSecret SecretKey `json:"previous-client-secret,omitempty"`

	// Issuer renames the key issuer: the URL of the authorization server.
	//
	// +optional
	Issuer SecretKey `json:"issuer,omitempty"`

	// RequestTokenEndpoint renames the key request-token-endpoint: the address for request tokens (RFC 5849 §2.1).
	//
	// +optional
	RequestTokenEndpoint SecretKey `json:"request-token-endpoint,omitempty"`

	// AuthorizationEndpoint renames the key authorization-endpoint: the address that a browser is sent to.
	//
	// +optional
	AuthorizationEndpoint SecretKey `json:"authorization-endpoint,omitempty"`

	// TokenEndpoint renames the key token-endpoint: the address for tokens (RFC 6749 §3.2).
	//
	// +optional
	TokenEndpoint SecretKey `json:"token-endpoint,omitempty"`

	// AccessTokenEndpoint renames the key access-token-endpoint: the address for access tokens (RFC 5849 §2.3).
	//
	// +optional
	AccessTokenEndpoint SecretKey `json:"access-token-endpoint,omitempty"`

	// RevocationEndpoint renames the key revocation-endpoint: the address for revocation (RFC 7009).
	//
	// +optional
	RevocationEndpoint SecretKey `json:"revocation-endpoint,omitempty"`

	// IntrospectionEndpoint renames the key introspection-endpoint: the address for introspection (RFC 7662).
	//
	// +optional
	IntrospectionEndpoint SecretKey `json:"introspection-endpoint,omitempty"`

	// VerificationEndpoint renames the key verification-endpoint: the address where a ResourceServer has signed requests verified.
	//
	// +optional
	VerificationEndpoint SecretKey `json:"verification-endpoint,omitempty"`

	// IdentityEndpoint renames the key identity-endpoint: the address of the bundled identity resource of the ConnectionsCloud profiles.
	//
	// +optional
	IdentityEndpoint SecretKey `json:"identity-endpoint,omitempty"`

	// UserInfoEndpoint renames the key userinfo-endpoint: the address that tells who a person is (OpenID Connect Core §5.3).
	//
	// +optional
	UserInfoEndpoint SecretKey `json:"userinfo-endpoint,omitempty"`

	// KeysURI renames the key jwks-uri: the address of the keys that verify signatures (RFC 7517 §5).
	//
	// +optional
	KeysURI SecretKey `json:"jwks-uri,omitempty"`

	// EndSessionEndpoint renames the key end-session-endpoint: the address that a browser is sent to for a logout (OpenID Connect RP-Initiated Logout 1.0 §2).
	//
	// +optional
	EndSessionEndpoint SecretKey `json:"end-session-endpoint,omitempty"`
}
