// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

// traits are what clients of one profile may have. The API refuses an object that wants
// more; what came past the API does not get it either.
type traits struct {
	grants       []v1alpha1.GrantType
	ownerChooses bool
	openID       bool                       // people log in with it
	methods      []v1alpha1.SignatureMethod // that this version knows
}

// profiles are all there are.
var profiles = map[authserver.Profile]traits{
	authserver.ProfileOAuth2: {
		grants: []v1alpha1.GrantType{v1alpha1.GrantTypeAuthorizationCode, v1alpha1.GrantTypeRefreshToken, v1alpha1.GrantTypeClientCredentials},
		openID: true,
	},
	authserver.ProfileOAuth1: {
		grants:  []v1alpha1.GrantType{v1alpha1.GrantTypeAuthorizationCode},
		methods: []v1alpha1.SignatureMethod{v1alpha1.SignatureHMACSHA256, v1alpha1.SignatureHMACSHA1, v1alpha1.SignaturePLAINTEXT},
	},
	authserver.ProfileConnectionsCloudOAuth2: {
		grants: []v1alpha1.GrantType{v1alpha1.GrantTypeAuthorizationCode, v1alpha1.GrantTypeRefreshToken},
	},
	authserver.ProfileConnectionsCloudOAuth1: {
		grants:  []v1alpha1.GrantType{v1alpha1.GrantTypeAuthorizationCode},
		methods: []v1alpha1.SignatureMethod{v1alpha1.SignaturePLAINTEXT},
	},
	authserver.ProfileIntegrationCloud: {
		grants:       []v1alpha1.GrantType{v1alpha1.GrantTypeAuthorizationCode, v1alpha1.GrantTypeRefreshToken, v1alpha1.GrantTypeClientCredentials},
		ownerChooses: true,
	},
}

// withProfile returns the client with what its profile has, as the spec wants it.
func (t traits) withProfile(c authserver.Client, spec *v1alpha1.OAuthClientSpec) *authserver.Client {
	c.OwnerChooses, c.PKCEOptional = t.ownerChooses, !spec.PKCERequired()
	c.SignatureMethods = t.signatureMethods(spec.EffectiveSignatureMethods())
	c.OutOfBand = spec.EffectiveOutOfBand()
	if limit := spec.EffectiveRefreshLimit(); limit != nil {
		c.RefreshLimit = new(max(0, int(*limit)))
	}
	c.SecretInURLUntil = spec.SecretInURLUntil().Time()
	c.SecretInHeaderUntil = spec.SecretInHeaderUntil().Time()
	if t.openID {
		c.OpenID = openIDOf(spec.EffectiveOpenID())
		c.OpenID.PostLogoutRedirectURIs = afterLogout(spec)
		c.OpenID.Sector = sectorOf(&c, spec)
	}
	return &c
}

// openIDOf signs as everybody understands where this version does not know the algorithm.
func openIDOf(spec v1alpha1.OpenIDSpec) authserver.OpenIDSettings {
	algorithm := string(spec.IDTokenSigningAlgorithm)
	if !slices.Contains(credential.SigningAlgorithms(), credential.SigningAlgorithm(algorithm)) {
		algorithm = string(credential.RS256)
	}
	settings := authserver.OpenIDSettings{
		SigningAlgorithm: algorithm, IDTokenLifetime: time.Duration(spec.IDTokenLifetimeSeconds) * time.Second,
		Groups: spec.Claims.Groups.Include,
	}
	if told := spec.BackChannelLogout; told != nil {
		settings.BackChannelLogoutURI = string(told.URI)
	}
	return settings
}

// sectorOf returns the sector of pairwise subjects; empty: the client learns the public ones. The namespace is a part of it, so a
// client that names a host of another namespace does not learn what the clients there learn. A client that came past the
// API without a sector has one of its own.
func sectorOf(c *authserver.Client, spec *v1alpha1.OAuthClientSpec) string {
	if !spec.PairwiseSubjects() {
		return ""
	}
	return c.Namespace + "/" + cmp.Or(policy.SectorOf(spec), "client "+c.UID) // a namespace holds no slash, a host no blank
}

// afterLogout leaves out what the client may not have.
func afterLogout(spec *v1alpha1.OAuthClientSpec) []string {
	var out []string
	for _, uri := range spec.EffectiveOpenID().PostLogoutRedirectURIs {
		if policy.AddressAfterLogout(spec, uri) {
			out = append(out, string(uri))
		}
	}
	return out
}

// signatureMethods leaves out what this version does not know.
func (t traits) signatureMethods(wanted []v1alpha1.SignatureMethod) []string {
	var out []string
	for _, m := range wanted {
		if slices.Contains(t.methods, m) {
			out = append(out, string(m))
		}
	}
	return out
}
