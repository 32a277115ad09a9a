// SPDX-License-Identifier: Apache-2.0

package preset

import (
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// table is all presets. A comment names where each is documented by its program.
var table = []Preset{
	// Argo CD, operator manual, "User Management": a Secret is read where it has this label, as $name:key.
	{Name: v1alpha1.PresetArgoCD, Labels: map[string]string{"app.kubernetes.io/part-of": "argocd"}},
	// Argo Workflows, "Argo Server SSO" (docs/argo-server-sso.md): sso.clientId and sso.clientSecret name a Secret and a key of any name.
	{Name: v1alpha1.PresetArgoWorkflows},
	{Name: v1alpha1.PresetDotenv, Files: []File{{Key: ".env", Syntax: env, Text: dotenvText()}}},
	// Kubernetes, "Define Environment Variables for a Container": envFrom takes each key as a name.
	{Name: v1alpha1.PresetEnvFrom, Keys: variables, Files: []File{
		{Key: variable(placeholderScopes), Syntax: plain, Text: "{{scopes}}"},
		{Key: variable(placeholderCallback), Syntax: plain, Text: "{{callback-url}}"},
	}},
	// Envoy Gateway, API of SecurityPolicy (api/v1alpha1/oidc_types.go): clientSecret and clientIDRef name a Secret with the keys
	// client-secret and client-id. It calls that Secret opaque, and does not look at its type.
	{Name: v1alpha1.PresetEnvoyGateway},
	// GitLab chart, "Configure charts using globals": omniauth.providers names a Secret, whose key is
	// provider unless it says otherwise. GitLab, "OpenID Connect OmniAuth provider": what is in it.
	{Name: v1alpha1.PresetGitLab, Files: []File{{Key: "provider", Syntax: yaml, Text: gitlabText}}},
	// Headlamp chart (charts/headlamp/templates/deployment.yaml): config.oidc.externalSecret is read by envFrom, and the arguments take
	// these variables, the last one with config.oidc.usePKCE. Headlamp, "OIDC": the scopes have commas between them, and openid is asked
	// for anyway.
	{
		Name: v1alpha1.PresetHeadlamp,
		Keys: map[string]string{
			v1alpha1.KeyClientID: "OIDC_CLIENT_ID", v1alpha1.KeyClientSecret: "OIDC_CLIENT_SECRET", v1alpha1.KeyIssuer: "OIDC_ISSUER_URL",
		},
		Files: []File{
			{Key: "OIDC_SCOPES", Syntax: commas, Text: "{{scopes}}"},
			{Key: "OIDC_CALLBACK_URL", Syntax: plain, Text: "{{callback-url}}"},
			{Key: "OIDC_USE_PKCE", Syntax: plain, Text: "true"},
		},
	},
	// Kiali, "OpenID Connect strategy": the key of the client secret. The Secret has the name of the installation. The client ID and
	// the issuer stand in the Kiali object (spec.auth.openid).
	{Name: v1alpha1.PresetKiali, Keys: map[string]string{v1alpha1.KeyClientSecret: "oidc-secret"}},
	// NGINX Ingress Controller (F5), "Policy specification": the Secret of oidc has the type nginx.org/oidc and the key client-secret,
	// which holds no blank, " or $ (internal/k8s/secrets/validation.go). The client ID and the endpoints stand in the Policy.
	{Name: v1alpha1.PresetNginxIngressController, Type: "nginx.org/oidc"},
	// oauth2-proxy chart: config.existingSecret has client-id, client-secret and cookie-secret, which has 16, 24 or 32 bytes.
	{Name: v1alpha1.PresetOAuth2Proxy, Generate: []v1alpha1.GeneratedValue{{Key: "cookie-secret", Length: 32}}},
	// Service Binding specification for Kubernetes 1.0, "Well-known Secret Entries": type and provider. The others are
	// those that Spring Cloud Bindings reads for the type oauth2.
	{Name: v1alpha1.PresetServiceBinding, Files: []File{
		{Key: "type", Syntax: plain, Text: "oauth2"},
		{Key: "provider", Syntax: plain, Text: "gatehouse"},
		{Key: "issuer-uri", Syntax: plain, Text: "{{issuer}}"},
		{Key: "redirect-uri", Syntax: plain, Text: "{{callback-url}}"},
		{Key: "authorization-grant-type", Syntax: plain, Text: "{{grant-type}}"},
		{Key: "scope", Syntax: commas, Text: "{{scopes}}"},
	}},
	// Spring Boot reference, "Externalized Configuration", and Spring Security, "OAuth2 Client".
	{Name: v1alpha1.PresetSpring, Files: []File{{Key: "application.yaml", Syntax: springYAML, Text: springText}}},
}

const gitlabText = `name: openid_connect
label: Gatehouse
args:
  name: openid_connect
  scope: {{scopes}}
  response_type: code
  issuer: {{issuer}}
  discovery: true
  client_auth_method: basic
  uid_field: sub
  send_scope_to_token_endpoint: false
  pkce: true
  client_options:
    identifier: {{client-id}}
    secret: {{client-secret}}
    redirect_uri: {{callback-url}}
`

const springText = `spring:
  security:
    oauth2:
      client:
        registration:
          gatehouse:
            provider: gatehouse
            client-id: {{client-id}}
            client-secret: {{client-secret}}
            client-authentication-method: client_secret_basic
            authorization-grant-type: {{grant-type}}
            redirect-uri: {{callback-url}}
            scope: {{scopes}}
        provider:
          gatehouse:
            issuer-uri: {{issuer}}
`

// standardKeys are those that have a variable, in the order in which a .env file has them.
var standardKeys = []string{
	v1alpha1.KeyClientID, v1alpha1.KeyClientSecret, v1alpha1.KeyPreviousClientSecret, v1alpha1.KeyIssuer,
	v1alpha1.KeyRequestTokenEndpoint, v1alpha1.KeyAuthorizationEndpoint, v1alpha1.KeyTokenEndpoint, v1alpha1.KeyAccessTokenEndpoint,
	v1alpha1.KeyRevocationEndpoint, v1alpha1.KeyIntrospectionEndpoint, v1alpha1.KeyVerificationEndpoint, v1alpha1.KeyIdentityEndpoint,
	v1alpha1.KeyUserInfoEndpoint, v1alpha1.KeyKeysURI, v1alpha1.KeyEndSessionEndpoint,
}

// variables are the names of the standard keys as environment variables.
var variables = func() map[string]string {
	names := map[string]string{}
	for _, key := range standardKeys {
		names[key] = variable(key)
	}
	return names
}()

// variable returns the environment variable for a placeholder. Its characters are those that every shell takes (POSIX.1 §8.1).
func variable(placeholder string) string {
	return "OAUTH_" + strings.ToUpper(strings.ReplaceAll(placeholder, "-", "_"))
}

func dotenvText() string {
	var text strings.Builder
	for _, name := range append(standardKeys[:len(standardKeys):len(standardKeys)], placeholderScopes, placeholderCallback) {
		text.WriteString(variable(name) + "={{" + name + "}}\n")
	}
	return text.String()
}
