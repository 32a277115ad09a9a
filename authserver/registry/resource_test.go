// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

// identified returns the ResourceServer of the namespace with identifiers and the form of its tokens.
func identified(namespace string, n int, tokens v1alpha1.AccessTokensSpec, identifiers ...v1alpha1.Identifier) *v1alpha1.ResourceServer {
	rs := api(namespace, n, "x."+namespace)
	rs.Spec.Identifiers, rs.Spec.AccessTokens = identifiers, tokens
	rs.Status.Claims = held(policy.ClaimsOfResourceServer(&rs.Spec), n)
	return rs
}

var jwts = v1alpha1.AccessTokensSpec{Format: v1alpha1.AccessTokenJWT}

// N226: an API takes JWTs where it says so, in an algorithm that is known, and where it holds an identifier.
func TestN226TheFormOfAccessTokensIsTheAPIs(t *testing.T) {
	for name, tc := range map[string]struct {
		tokens      v1alpha1.AccessTokensSpec
		identifiers []v1alpha1.Identifier
		want        credential.SigningAlgorithm
	}{
		"nothing said":                {v1alpha1.AccessTokensSpec{}, []v1alpha1.Identifier{"api://x"}, ""},
		"opaque":                      {v1alpha1.AccessTokensSpec{Format: v1alpha1.AccessTokenOpaque}, []v1alpha1.Identifier{"api://x"}, ""},
		"JWT":                         {jwts, []v1alpha1.Identifier{"api://x"}, credential.ES256},
		"RS256":                       {v1alpha1.AccessTokensSpec{Format: v1alpha1.AccessTokenJWT, SigningAlgorithm: v1alpha1.AccessTokenRS256}, []v1alpha1.Identifier{"api://x"}, credential.RS256},
		"an algorithm of a newer API": {v1alpha1.AccessTokensSpec{Format: v1alpha1.AccessTokenJWT, SigningAlgorithm: "none"}, []v1alpha1.Identifier{"api://x"}, credential.ES256},
		"a format of a newer API":     {v1alpha1.AccessTokensSpec{Format: "Other"}, []v1alpha1.Identifier{"api://x"}, ""},
		"JWT without an identifier":   {jwts, nil, ""},
	} {
		r := fill(t, identified("storage", 0, tc.tokens, tc.identifiers...))
		s, ok := r.ResourceServerOf("x.storage")
		if !ok || s.JWTAlgorithm != tc.want {
			t.Errorf("%s: the tokens are signed with %q, want %q", name, s.JWTAlgorithm, tc.want)
		}
	}
}

// An identifier leads to who holds it now.
func TestAnIdentifierLeadsToWhoHoldsIt(t *testing.T) {
	first, second := identified("storage", 0, jwts, "api://x", "api://y"), identified("copies", 1, jwts, "api://x")
	r := fill(t, first, second)
	of := func(identifier string) string {
		if s, ok := r.ResourceServerByIdentifier(identifier); ok {
			return s.ID + " " + string(s.JWTAlgorithm)
		}
		return ""
	}
	if of("api://x") != "api_storage.api ES256" || of("api://y") != "api_storage.api ES256" || of("api://z") != "" {
		t.Errorf("at first x is %s and y is %s", of("api://x"), of("api://y"))
	}
	put(t, r, identified("storage", 0, v1alpha1.AccessTokensSpec{}, "api://y"))
	if of("api://x") != "api_copies.api ES256" || of("api://y") != "api_storage.api " {
		t.Errorf("after a change x is %s and y is %s", of("api://x"), of("api://y"))
	}
	if s, _ := r.ResourceServerOf("x.storage"); s.JWTAlgorithm != "" {
		t.Error("the scope leads to what its API was before")
	}
	take(t, r, second)
	if of("api://x") != "" {
		t.Errorf("what was deleted is still %s", of("api://x"))
	}
}
