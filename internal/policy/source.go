// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/callback"
)

const fieldSource = "spec.credentials.source"

// source returns what the policy does not allow of where credentials come from. The address of keys is held to the rules of
// callbacks: it is the server itself that goes there.
func (p Policy) source(c *v1alpha1.CredentialsSpec) []Denial {
	if source := c.EffectiveSource(); !p.Spec.Secrets.AllowsSource(source) {
		return p.deny(fieldSource, "must be one that the policy allows, which %s is not", source)
	}
	if c.PrivateKeyJWT == nil || c.PrivateKeyJWT.JWKSURI == "" {
		return nil
	}
	const field = "spec.credentials.privateKeyJWT.jwksURI"
	uri := string(c.PrivateKeyJWT.JWKSURI)
	if callback.Classify(uri) != callback.HTTPS {
		return p.deny(field, "must be an https URL in the form that the API accepts")
	}
	if host := callback.Host(uri); !p.matchesAnyHost(p.Spec.Clients.CallbackHosts, host) {
		return p.deny(field, "must have a host that the policy allows for callbacks, which %s is not", host)
	}
	return nil
}
