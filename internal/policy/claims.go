// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/callback"
)

// Claim is what only one object, or for a callback one namespace, may have in the cluster.
type Claim struct {
	Kind v1alpha1.ClaimKind
	Name string
}

// ClaimsOfClient returns what the spec of an OAuthClient claims, each once, in the order of
// the spec. Loopback and private-use callbacks are nobody's claim.
func ClaimsOfClient(spec *v1alpha1.OAuthClientSpec) []Claim {
	var claims []Claim
	if spec.ClientID != "" {
		claims = append(claims, Claim{v1alpha1.ClaimClientID, string(spec.ClientID)})
	}
	for _, u := range spec.CallbackURLs {
		address, ok := callback.Address(string(u))
		c := Claim{v1alpha1.ClaimCallback, address}
		if ok && !slices.Contains(claims, c) {
			claims = append(claims, c)
		}
	}
	return claims
}

// ClaimsOfResourceServer returns what the spec of a ResourceServer claims, each once.
func ClaimsOfResourceServer(spec *v1alpha1.ResourceServerSpec) []Claim {
	var claims []Claim
	for i := range spec.Scopes {
		if c := (Claim{v1alpha1.ClaimScope, string(spec.Scopes[i].Name)}); !slices.Contains(claims, c) {
			claims = append(claims, c)
		}
	}
	for _, id := range spec.Identifiers {
		if c := (Claim{v1alpha1.ClaimIdentifier, string(id)}); !slices.Contains(claims, c) {
			claims = append(claims, c)
		}
	}
	return claims
}

// Held reports whether the status records that the object holds the claim, and since when.
func Held(status []v1alpha1.ClaimStatus, c Claim) (since int64, held bool) {
	for i := range status {
		s := &status[i]
		if s.Kind == c.Kind && s.Name == c.Name && s.Since != nil {
			return s.Since.UnixMicro(), true
		}
	}
	return 0, false
}
