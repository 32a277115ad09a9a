// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/callback"
)

const fieldSource = "spec.credentials.source"

// source returns what the policy does not allow of where credentials come from.
func (p Policy) source(c *v1alpha1.CredentialsSpec) []Denial {
	if source := c.EffectiveSource(); !allowsSource(&p.Spec.Secrets, source) {
		return p.deny(fieldSource, "must be one that the policy allows, which %s is not", source)
	}
	if cluster := deniedCluster(&p.Spec.Secrets, c.ServiceAccount); cluster != "" {
		return p.deny("spec.credentials.serviceAccount.clusters", "must not hold %s, which the policy does not allow", cluster)
	}
	if c.PrivateKeyJWT == nil || c.PrivateKeyJWT.JWKSURI == "" {
		return nil
	}
	return p.visited("spec.credentials.privateKeyJWT.jwksURI", string(c.PrivateKeyJWT.JWKSURI))
}

// visited holds an address that the server itself goes to to the rules of callbacks.
func (p Policy) visited(field, uri string) []Denial {
	if callback.Classify(uri) != callback.HTTPS {
		return p.deny(field, "must be an https URL in the form that the API accepts")
	}
	if host := callback.Host(uri); !p.matchesAnyHost(p.Spec.Clients.CallbackHosts, host) {
		return p.deny(field, "must have a host that the policy allows for callbacks, which %s is not", host)
	}
	return nil
}

// allowsSource reports whether credentials may come from the source.
func allowsSource(r *v1alpha1.SecretRules, source v1alpha1.CredentialSource) bool {
	if len(r.Sources) == 0 {
		return source == v1alpha1.SourceGenerate || source == v1alpha1.SourceFromSecret
	}
	return slices.Contains(r.Sources, source)
}

// deniedCluster returns the first cluster that the namespace may not name; empty: there is none. accounts may be nil.
func deniedCluster(r *v1alpha1.SecretRules, accounts *v1alpha1.ServiceAccountSpec) v1alpha1.ClusterName {
	if accounts == nil {
		return ""
	}
	for _, cluster := range accounts.Clusters {
		if cluster != v1alpha1.InCluster && !slices.Contains(r.ServiceAccountClusters, cluster) {
			return cluster
		}
	}
	return ""
}
