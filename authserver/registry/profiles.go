// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
)

// traits are what clients of one profile have in common. The API refuses an object that
// wants more; what came past the API does not get it either.
type traits struct {
	tokenLifetime time.Duration // unless the object says
	grants        []v1alpha1.GrantType
	public        bool // clients without a secret exist
	ownerChooses  bool
	refreshLimit  bool // the object may set one
	// methods are those that sign a request, unless the object names others among known.
	methods, known []v1alpha1.SignatureMethod
	// inURL and inHeader: the object may open them, for a time.
	inURL, inHeader bool
}

// profiles are all there are.
func profiles() map[authserver.Profile]traits {
	const (
		code    = v1alpha1.GrantTypeAuthorizationCode
		refresh = v1alpha1.GrantTypeRefreshToken
		machine = v1alpha1.GrantTypeClientCredentials
		sha256  = v1alpha1.SignatureHMACSHA256
		sha1    = v1alpha1.SignatureHMACSHA1
		plain   = v1alpha1.SignaturePLAINTEXT
	)
	type grants = []v1alpha1.GrantType
	type methods = []v1alpha1.SignatureMethod
	return map[authserver.Profile]traits{
		authserver.ProfileOAuth2: {tokenLifetime: time.Hour, grants: grants{code, refresh, machine}, public: true},
		authserver.ProfileOAuth1: {tokenLifetime: 10 * time.Hour, grants: grants{code},
			methods: methods{sha256, sha1}, known: methods{sha256, sha1, plain}},
		authserver.ProfileConnectionsCloudOAuth2: {tokenLifetime: 2 * time.Hour, grants: grants{code, refresh}, inURL: true, inHeader: true},
		authserver.ProfileConnectionsCloudOAuth1: {tokenLifetime: 10 * time.Hour, grants: grants{code}, inURL: true, methods: methods{plain}},
		authserver.ProfileIntegrationCloud: {tokenLifetime: time.Hour, grants: grants{code, refresh, machine}, public: true,
			ownerChooses: true, refreshLimit: true, inURL: true},
	}
}

// add gives the client what its profile has, as the spec wants it.
func (t traits) add(c *authserver.Client, spec *v1alpha1.OAuthClientSpec) {
	c.OwnerChooses = t.ownerChooses
	c.SignatureMethods = t.signatureMethods(spec.OAuth1.SignatureMethods)
	c.OutOfBand = spec.OAuth1.OutOfBand && len(t.methods) > 0
	if t.refreshLimit && spec.RefreshLimit != nil {
		c.RefreshLimit = new(max(0, int(*spec.RefreshLimit)))
	}
	if t.inURL {
		c.SecretInURLUntil = until(spec.Legacy.AllowSecretInURLUntil)
	}
	if t.inHeader {
		c.SecretInHeaderUntil = until(spec.Legacy.AllowSecretInAuthorizationHeaderUntil)
	}
}

// signatureMethods leaves out what this version does not know.
func (t traits) signatureMethods(chosen []v1alpha1.SignatureMethod) []string {
	from := t.methods
	if len(chosen) > 0 && len(t.known) > 0 {
		from = chosen
	}
	var out []string
	for _, m := range from {
		if slices.Contains(t.methods, m) || slices.Contains(t.known, m) {
			out = append(out, string(m))
		}
	}
	return out
}

// until reads a time; one that cannot be read is past.
func until(text v1alpha1.Instant) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at
}
