// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/assertion"
)

// assertionsOf returns how an object without a client secret proves itself; nil: it has a client secret. Public keys are taken from
// the spec, or from the status where a Secret holds them, which the operator alone may read. Keys that cannot be used are none.
func assertionsOf(c *v1alpha1.CredentialsSpec, s *v1alpha1.ClientAuthenticationStatus) *authserver.Assertions {
	if !c.WithoutSecret() {
		return nil
	}
	a := &authserver.Assertions{}
	if s == nil {
		s = &v1alpha1.ClientAuthenticationStatus{}
	}
	for _, name := range c.ServiceAccountNames() {
		account := authserver.ServiceAccount{Name: string(name)}
		if n := slices.IndexFunc(s.ServiceAccounts, func(known v1alpha1.ServiceAccountStatus) bool { return known.Name == name }); n >= 0 {
			account.UID = s.ServiceAccounts[n].UID
		}
		a.ServiceAccounts = append(a.ServiceAccounts, account)
	}
	if c.Source != v1alpha1.SourcePrivateKeyJWT || c.PrivateKeyJWT == nil {
		return a
	}
	a.KeySetURI = string(c.PrivateKeyJWT.JWKSURI)
	text := c.PrivateKeyJWT.JWKS
	if c.PrivateKeyJWT.FromSecret != nil {
		text = s.JWKS
	}
	if text != "" {
		a.Keys, _ = assertion.ParseKeys([]byte(text)) // the operator says in Ready what is wrong with them
	}
	return a
}
