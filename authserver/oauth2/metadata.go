// SPDX-License-Identifier: Apache-2.0

package oauth2

import "net/http"

// metadata is the authorization server metadata (RFC 8414 §2) with the additions of
// RFC 9207 §3.
type metadata struct {
	Issuer                   string   `json:"issuer"`
	AuthorizationEndpoint    string   `json:"authorization_endpoint"`
	TokenEndpoint            string   `json:"token_endpoint"`
	RevocationEndpoint       string   `json:"revocation_endpoint"`
	IntrospectionEndpoint    string   `json:"introspection_endpoint"`
	ResponseTypes            []string `json:"response_types_supported"`
	ResponseModes            []string `json:"response_modes_supported"`
	GrantTypes               []string `json:"grant_types_supported"`
	TokenAuthMethods         []string `json:"token_endpoint_auth_methods_supported"`
	RevocationAuthMethods    []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionAuthMethods []string `json:"introspection_endpoint_auth_methods_supported"`
	CodeChallengeMethods     []string `json:"code_challenge_methods_supported"`
	PromptValues             []string `json:"prompt_values_supported"`
	IssParameter             bool     `json:"authorization_response_iss_parameter_supported"`
}

// WriteMetadata answers a request for the metadata of the issuer (RFC 8414 §3.2).
func WriteMetadata(w http.ResponseWriter, issuer string) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	writeJSON(w, http.StatusOK, metadata{
		Issuer:                   issuer,
		AuthorizationEndpoint:    issuer + PathAuthorize,
		TokenEndpoint:            issuer + PathToken,
		RevocationEndpoint:       issuer + PathRevoke,
		IntrospectionEndpoint:    issuer + PathIntrospect,
		ResponseTypes:            []string{"code"},
		ResponseModes:            []string{"query"},
		GrantTypes:               []string{"authorization_code", "refresh_token", "client_credentials"},
		TokenAuthMethods:         []string{"client_secret_basic", "client_secret_post", "none"},
		RevocationAuthMethods:    []string{"client_secret_basic", "client_secret_post", "none"},
		IntrospectionAuthMethods: []string{"client_secret_basic", "client_secret_post"},
		CodeChallengeMethods:     []string{"S256"},
		PromptValues:             []string{"none", "login", "consent", "select_account"},
		IssParameter:             true,
	})
}
