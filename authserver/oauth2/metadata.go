// SPDX-License-Identifier: Apache-2.0

package oauth2

import "github.com/gatehouse-dev/gatehouse/internal/assertion"

// Metadata are those of the authorization server (RFC 8414 §2), with the addition of RFC 9207 §3. They
// hold what is true of this server and nothing else: it has no page for op_policy_uri or
// service_documentation.
type Metadata struct {
	Issuer                   string   `json:"issuer"`
	AuthorizationEndpoint    string   `json:"authorization_endpoint"`
	TokenEndpoint            string   `json:"token_endpoint"`
	RevocationEndpoint       string   `json:"revocation_endpoint"`
	IntrospectionEndpoint    string   `json:"introspection_endpoint"`
	Scopes                   []string `json:"scopes_supported,omitempty"`
	ResponseTypes            []string `json:"response_types_supported"`
	ResponseModes            []string `json:"response_modes_supported"`
	GrantTypes               []string `json:"grant_types_supported"`
	TokenAuthMethods         []string `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgorithms      []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	RevocationAuthMethods    []string `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAlgorithms     []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	IntrospectionAuthMethods []string `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectionAlgorithms  []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	CodeChallengeMethods     []string `json:"code_challenge_methods_supported"`
	PromptValues             []string `json:"prompt_values_supported"`
	Languages                []string `json:"ui_locales_supported"`
	IssParameter             bool     `json:"authorization_response_iss_parameter_supported"`
}

// MetadataOf returns the metadata of the issuer. Scopes are those that anybody may be told of.
func MetadataOf(issuer string, scopes []string) Metadata {
	return Metadata{
		Issuer:                   issuer,
		AuthorizationEndpoint:    issuer + PathAuthorize,
		TokenEndpoint:            issuer + PathToken,
		RevocationEndpoint:       issuer + PathRevoke,
		IntrospectionEndpoint:    issuer + PathIntrospect,
		Scopes:                   scopes,
		ResponseTypes:            []string{"code"},
		ResponseModes:            []string{"query", modeFormPost},
		GrantTypes:               []string{"authorization_code", "refresh_token", "client_credentials"},
		TokenAuthMethods:         []string{"client_secret_basic", "client_secret_post", "private_key_jwt", "none"},
		TokenAuthAlgorithms:      assertion.Algorithms(),
		RevocationAuthMethods:    []string{"client_secret_basic", "client_secret_post", "private_key_jwt", "none"},
		RevocationAlgorithms:     assertion.Algorithms(),
		IntrospectionAuthMethods: []string{"client_secret_basic", "client_secret_post", "private_key_jwt"},
		IntrospectionAlgorithms:  assertion.Algorithms(),
		CodeChallengeMethods:     []string{"S256"},
		PromptValues:             []string{"none", "login", "consent", "select_account"},
		Languages:                []string{"en"},
		IssParameter:             true,
	}
}
