// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// configPlan is the plan of Config OP.
var configPlan = plan{"oidcc-config-certification-test-plan", "TestConfigPlan", []module{
	{"oidcc-discovery-endpoint-verification", discovery},
}}

// fetch reads a public JSON document.
func (p *party) fetch(address string) *answer {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	a := p.send(r)
	if a.status != http.StatusOK {
		p.t.Fatalf("%s answers %d", address, a.status)
	}
	return a
}

// list returns a member of a document that is a list of texts.
func (a *answer) list(name string) []string {
	values, _ := a.body[name].([]any)
	var texts []string
	for _, v := range values {
		text, _ := v.(string)
		texts = append(texts, text)
	}
	return texts
}

// addresses checks that each endpoint of a document is an address of the server: https, without a query and without a fragment.
func (m *trial) addresses(document *answer, required ...string) {
	m.Helper()
	for _, name := range required {
		if document.text(name) == "" {
			m.Errorf("the document has no %s", name)
		}
	}
	for name := range document.body {
		if !strings.HasSuffix(name, "_endpoint") && name != "jwks_uri" {
			continue
		}
		u, err := url.Parse(document.text(name))
		if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(u.Path, "/") {
			m.Errorf("%s is %v", name, document.body[name])
		}
	}
}

// discovery: the document is complete, and what it says is so (OpenID Connect Discovery §3 and §4).
func discovery(m *trial) {
	document := m.fetch(m.w.issuer + "/.well-known/openid-configuration")
	if document.text("issuer") != m.w.issuer {
		m.Errorf("the issuer is %v", document.body["issuer"])
	}
	m.addresses(document, "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
	if !slices.Contains(document.list("subject_types_supported"), "pairwise") {
		m.Errorf("subject_types_supported is %v, want pairwise in it", document.body["subject_types_supported"])
	}
	for name, want := range map[string]string{
		"response_types_supported": "code", "subject_types_supported": "public", "id_token_signing_alg_values_supported": "RS256",
		"grant_types_supported": "authorization_code", "scopes_supported": "openid", "claims_supported": "sub",
		"userinfo_signing_alg_values_supported": "RS256", "code_challenge_methods_supported": "S256",
		"token_endpoint_auth_methods_supported": "client_secret_basic",
	} {
		if values := document.list(name); !slices.Contains(values, want) || slices.Contains(values, "") {
			m.Errorf("%s is %v, want %s in it", name, document.body[name], want)
		}
	}
	for _, name := range document.list("scopes_supported") {
		if !regexp.MustCompile(`^[!#-\[\]-~]+$`).MatchString(name) { // RFC 6749 §3.3
			m.Errorf("the scope %q holds characters that it may not", name)
		}
	}
	for _, name := range []string{"request_parameter_supported", "request_uri_parameter_supported", "claims_parameter_supported"} {
		if _, said := document.body[name].(bool); !said {
			m.Errorf("%s is %v, want it said", name, document.body[name])
		}
	}
	keys(m, document.text("jwks_uri"))
}

// keys: public keys alone, each with a name of its own, and at least one for each algorithm of ID tokens.
func keys(m *trial, address string) {
	m.Helper()
	all, _ := m.fetch(address).body["keys"].([]any)
	names, algorithms := map[any]bool{}, map[any]bool{}
	for _, one := range all {
		key, _ := one.(map[string]any)
		if key["kid"] == nil || names[key["kid"]] || key["kty"] == "oct" || key["use"] != "sig" {
			m.Errorf("a key is %v", key)
		}
		names[key["kid"]], algorithms[key["alg"]] = true, true
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			if key[private] != nil {
				m.Errorf("the key %v has the private part %s", key["kid"], private)
			}
		}
	}
	for _, algorithm := range m.metadata.Algorithms {
		if !algorithms[algorithm] {
			m.Errorf("there is no key for %s", algorithm)
		}
	}
}
