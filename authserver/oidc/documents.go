// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/openid"
)

// configuration is the metadata of the provider (OpenID Connect Discovery §3), with those of the
// authorization server (RFC 8414 §2): both names of the document lead to one.
type configuration struct {
	oauth2.Metadata
	UserInfoEndpoint  string   `json:"userinfo_endpoint"`
	KeysURI           string   `json:"jwks_uri"`
	EndSession        string   `json:"end_session_endpoint"`
	SubjectTypes      []string `json:"subject_types_supported"`
	SigningAlgorithms []string `json:"id_token_signing_alg_values_supported"`
	UserInfoSigning   []string `json:"userinfo_signing_alg_values_supported"`
	Claims            []string `json:"claims_supported"`
	ClaimsParameter   bool     `json:"claims_parameter_supported"`
	// Back-Channel Logout 1.0 §2.1; each logout token names the session.
	BackChannelLogout        bool     `json:"backchannel_logout_supported"`
	BackChannelLogoutSession bool     `json:"backchannel_logout_session_supported"`
	Levels                   []string `json:"acr_values_supported"`
	// What is false here would be true if it were left out, or is taken for it by some programs.
	RequestParameter    bool `json:"request_parameter_supported"`
	RequestURIParameter bool `json:"request_uri_parameter_supported"`
}

// WriteConfiguration answers a request for the metadata of the issuer. Scopes are those of APIs that anybody
// may be told of.
func WriteConfiguration(w http.ResponseWriter, r *http.Request, issuer string, scopes []string) error {
	algorithms := make([]string, 0, 3)
	for _, a := range credential.SigningAlgorithms() {
		algorithms = append(algorithms, string(a))
	}
	return writeDocument(w, r, 5*time.Minute, configuration{
		Metadata:         oauth2.MetadataOf(issuer, slices.Concat(openid.Scopes(), scopes)),
		UserInfoEndpoint: issuer + PathUserInfo, KeysURI: issuer + PathKeys, EndSession: issuer + PathEndSession,
		SubjectTypes: []string{"public", "pairwise"}, ClaimsParameter: true, BackChannelLogout: true, BackChannelLogoutSession: true,
		SigningAlgorithms: algorithms, UserInfoSigning: algorithms,
		Levels: []string{authserver.ACROneFactor, authserver.ACRTwoFactors},
		Claims: []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "acr", "amr", "nonce", "azp", "at_hash", "sid",
			"name", "preferred_username", "email", "email_verified", "groups"},
	})
}

// keysAge is how long a relying party may remember the keys: less than they are published before they are used.
const keysAge = 15 * time.Minute

// WriteKeys answers a request for the keys that verify what this server signs (RFC 7517 §5).
func WriteKeys(w http.ResponseWriter, r *http.Request, keys []credential.SigningKey) error {
	set := jose.JSONWebKeySet{Keys: make([]jose.JSONWebKey, 0, len(keys))}
	for _, key := range keys {
		set.Keys = append(set.Keys, *publicKey(key))
	}
	return writeDocument(w, r, keysAge, set)
}

// writeDocument answers with a document that everybody may keep for a while. Who has it already gets 304 (RFC 9110
// §13.1.2).
func writeDocument(w http.ResponseWriter, r *http.Request, age time.Duration, document any) error {
	text, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("marshal a document: %w", err)
	}
	text = append(text, '\n')
	sum := sha256.Sum256(text)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(age.Seconds())))
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
	return nil
}
