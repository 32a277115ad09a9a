// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// metadata is the authorization server metadata (RFC 8414 §2) with the addition of RFC 9207 §3. It
// holds what is true of this server and nothing else: it has no page for op_policy_uri or
// service_documentation, and no key that signs. With OpenID Connect jwks_uri and userinfo_endpoint come
// here; the latter takes tokens of plain OAuth 2.0 too.
type metadata struct {
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
	RevocationAuthMethods    []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionAuthMethods []string `json:"introspection_endpoint_auth_methods_supported"`
	CodeChallengeMethods     []string `json:"code_challenge_methods_supported"`
	PromptValues             []string `json:"prompt_values_supported"`
	Languages                []string `json:"ui_locales_supported"`
	IssParameter             bool     `json:"authorization_response_iss_parameter_supported"`
}

// WriteMetadata answers a request for the metadata of the issuer (RFC 8414 §3.2). Scopes are those that
// anybody may be told of. Who has the document already gets 304 (RFC 9110 §13.1.2).
func WriteMetadata(w http.ResponseWriter, r *http.Request, issuer string, scopes []string) error {
	text, err := json.Marshal(metadata{
		Issuer:                   issuer,
		AuthorizationEndpoint:    issuer + PathAuthorize,
		TokenEndpoint:            issuer + PathToken,
		RevocationEndpoint:       issuer + PathRevoke,
		IntrospectionEndpoint:    issuer + PathIntrospect,
		Scopes:                   scopes,
		ResponseTypes:            []string{"code"},
		ResponseModes:            []string{"query"},
		GrantTypes:               []string{"authorization_code", "refresh_token", "client_credentials"},
		TokenAuthMethods:         []string{"client_secret_basic", "client_secret_post", "none"},
		RevocationAuthMethods:    []string{"client_secret_basic", "client_secret_post", "none"},
		IntrospectionAuthMethods: []string{"client_secret_basic", "client_secret_post"},
		CodeChallengeMethods:     []string{"S256"},
		PromptValues:             []string{"none", "login", "consent", "select_account"},
		Languages:                []string{"en"},
		IssParameter:             true,
	})
	if err != nil {
		return fmt.Errorf("marshal metadata: %w", err)
	}
	text = append(text, '\n')
	sum := sha256.Sum256(text)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
	return nil
}
