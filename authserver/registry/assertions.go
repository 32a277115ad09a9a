// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/assertion"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// stated is what the status of an object says of the keys or the ServiceAccounts that it proves itself with, and what proves that
// the operator said so.
type stated struct {
	parts []string
	proof string
}

// assert takes over how an object without a client secret proves itself. Public keys are taken from the spec, or from the status
// where a Secret holds them, which the operator alone may read. Keys that cannot be used are none.
func (o *object) assert(c *v1alpha1.CredentialsSpec, s *v1alpha1.ClientAuthenticationStatus) {
	if s == nil {
		s = &v1alpha1.ClientAuthenticationStatus{}
	}
	a := &authserver.Assertions{}
	o.assertions = a
	if parts := s.Stated(c); parts != nil {
		o.stated = &stated{parts: parts, proof: s.Proof}
	}
	for _, name := range c.ServiceAccountNames() {
		account := authserver.ServiceAccount{Name: string(name)}
		if n := slices.IndexFunc(s.ServiceAccounts, func(known v1alpha1.ServiceAccountStatus) bool { return known.Name == name }); n >= 0 {
			account.UID = s.ServiceAccounts[n].UID
		}
		a.ServiceAccounts = append(a.ServiceAccounts, account)
	}
	a.Elsewhere = elsewhere(c)
	if c.Source != v1alpha1.SourcePrivateKeyJWT || c.PrivateKeyJWT == nil {
		return
	}
	a.KeySetURI = string(c.PrivateKeyJWT.JWKSURI)
	text := c.PrivateKeyJWT.JWKS
	if c.PrivateKeyJWT.FromSecret != nil {
		text = s.JWKS
	}
	if text != "" {
		a.Keys, _ = assertion.ParseKeys([]byte(text)) // the operator says in Ready what is wrong with them
	}
}

// elsewhere returns the ServiceAccounts of other clusters that are the object; nil: there are none. The spec alone says so.
func elsewhere(c *v1alpha1.CredentialsSpec) *authserver.Elsewhere {
	clusters := c.OtherClusters()
	if len(clusters) == 0 {
		return nil
	}
	e := &authserver.Elsewhere{}
	for _, cluster := range clusters {
		e.Clusters = append(e.Clusters, string(intern(cluster)))
	}
	for _, name := range c.ServiceAccount.Names {
		e.Names = append(e.Names, string(name))
	}
	return e
}

// assertionsOf returns how the object proves itself without a client secret, and what is to be logged of it; nil: it has a client
// secret. Whoever can write a status could name keys of his own: the operator alone can prove that it named them. Before the key of
// both programs has been read nothing is answered anyway. It needs the lock.
func (r *Registry) assertionsOf(o *object) (a *authserver.Assertions, reason string) {
	if o.assertions != nil {
		reason = r.unknownCluster(o.assertions.Elsewhere)
	}
	switch s := o.stated; {
	case s == nil:
		return o.assertions, reason
	case r.sharedKey.IsZero():
	case credential.VerifyAuthentication(r.sharedKey, o.identity(), s.parts, s.proof):
		return o.assertions, reason
	default:
		reason = reasonUnproven
	}
	a = &authserver.Assertions{KeySetURI: o.assertions.KeySetURI, Elsewhere: o.assertions.Elsewhere}
	for _, account := range o.assertions.ServiceAccounts {
		a.ServiceAccounts = append(a.ServiceAccounts, authserver.ServiceAccount{Name: account.Name})
	}
	return a, reason
}

// unknownCluster returns what is to be logged of a cluster that the server does not know; empty: it knows all of them.
func (r *Registry) unknownCluster(e *authserver.Elsewhere) string {
	if e == nil {
		return ""
	}
	for _, cluster := range e.Clusters {
		if !slices.Contains(r.clusters, cluster) {
			return "it lists the cluster " + cluster + ", which workloadIdentity.clusters of this server's configuration does not name: no ServiceAccount of it is accepted"
		}
	}
	return ""
}
