// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

// resourceServerOf returns the resource server that the object declares, and what is to be
// logged of it. One that is not served is nil. It needs the lock.
func (r *Registry) resourceServerOf(o *resourceServer) (*authserver.ResourceServer, string) {
	if o.gone || o.unserved != "" {
		return nil, o.unserved
	}
	p, known := r.policyOf(o.Namespace)
	if !known {
		return nil, reasonNamespace
	}
	denials := p.ResourceServer(o.spec)
	assertions, unproven := r.assertionsOf(&o.object)
	s := &authserver.ResourceServer{
		UID: string(o.UID), ID: o.id, Namespace: o.Namespace, Name: o.Name,
		Credentials: o.credentials, GivenSecret: o.spec.Credentials.FromGivenSecret(), Assertions: assertions, Accepted: len(denials) == 0 && !o.spec.Suspend,
		JWTAlgorithm: credential.SigningAlgorithm(o.spec.EffectiveJWTAlgorithm()),
	}
	reason := cmp.Or(firstOf(denials), unproven)
	for _, claim := range o.wanted {
		switch {
		case !r.resourceClaims.holds(o, claim):
			reason = reasonClaim
		case claim.Kind == v1alpha1.ClaimScope:
			s.OwnedScopes = append(s.OwnedScopes, claim.Name)
		case claim.Kind == v1alpha1.ClaimIdentifier:
			s.Identifiers = append(s.Identifiers, claim.Name)
		}
	}
	return s, reason
}

// firstOf returns what the log says of denials: the first one.
func firstOf(denials []policy.Denial) string {
	if len(denials) == 0 {
		return ""
	}
	return denials[0].String()
}
