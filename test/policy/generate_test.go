// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"math/rand/v2"
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/preset"
)

// generator makes specs that the API accepts. What a policy can be wrong about comes often.
type generator struct {
	*rand.Rand
	namespace string
}

// maybe is true once in n times.
func (g *generator) maybe(n int) bool { return g.IntN(n) == 0 }

func one[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

// some are up to most different ones of those given.
func some[T any](g *generator, most int, of ...T) []T {
	chosen := slices.Clone(of)
	g.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	return chosen[:g.IntN(min(most, len(chosen))+1)]
}

func (g *generator) client() *v1alpha1.OAuthClientSpec {
	spec := &v1alpha1.OAuthClientSpec{
		Profile: one(g, "", v1alpha1.ProfileOAuth2, v1alpha1.ProfileOAuth2, v1alpha1.ProfileOAuth1, v1alpha1.ProfileConnectionsCloudOAuth2,
			v1alpha1.ProfileConnectionsCloudOAuth1, v1alpha1.ProfileIntegrationCloud),
		Suspend: g.maybe(10),
	}
	switch spec.EffectiveProfile() {
	case v1alpha1.ProfileOAuth2:
		g.oauth2(spec)
	case v1alpha1.ProfileIntegrationCloud:
		g.integrationCloud(spec)
	case v1alpha1.ProfileOAuth1:
		if g.maybe(2) {
			spec.OAuth1 = &v1alpha1.OAuth1Spec{
				OutOfBand:        g.maybe(4),
				SignatureMethods: some(g, 2, v1alpha1.SignaturePLAINTEXT, v1alpha1.SignatureHMACSHA1, v1alpha1.SignatureHMACSHA256),
			}
		}
	default:
		if g.maybe(2) {
			spec.ConnectionsCloud = &v1alpha1.ConnectionsCloudSpec{AllowSecretInURLUntil: g.instant()}
			if spec.Profile == v1alpha1.ProfileConnectionsCloudOAuth1 {
				spec.ConnectionsCloud.OutOfBand = g.maybe(3)
			} else {
				spec.ConnectionsCloud.AllowSecretInAuthorizationHeaderUntil = g.instant()
			}
		}
	}
	g.callbacks(spec)
	if spec.OAuth2 != nil && g.maybe(5) {
		spec.OAuth2.OpenID = &v1alpha1.OpenIDSpec{BackChannelLogout: &v1alpha1.BackChannelLogoutSpec{URI: one[v1alpha1.BackChannelLogoutURI](g,
			"https://a.shop.example/told", "https://a.shop.example:8443/told?x", "https://shop.example", "https://evilshop.example/told", "https://10.0.0.5/told")}}
	}
	if g.maybe(4) {
		spec.Consent = one(g, v1alpha1.ConsentPrompt, v1alpha1.ConsentRemember, v1alpha1.ConsentSkip)
		if spec.Public() && spec.Consent == v1alpha1.ConsentSkip {
			spec.Consent = ""
		}
	}
	if g.maybe(6) {
		spec.Entitlement = one(g, v1alpha1.EntitlementBound, v1alpha1.EntitlementEveryone)
	}
	if g.maybe(5) {
		spec.ClientID = v1alpha1.ClientID(one(g, "app_1", "app", "app_", "exact-1", "exact-12", g.namespace+"_x", g.namespace+"-x", "0123456789abcdef"))
	}
	if g.maybe(2) {
		spec.GrantDurationDays = one[int32](g, 1, 29, 30, 31, 90)
	}
	if g.maybe(3) {
		spec.AccessTokenLifetimeSeconds = one[int32](g, 60, 3600, 7199, 7200, 7201, 86400)
	}
	presets := []v1alpha1.SecretPreset{v1alpha1.PresetDotenv, v1alpha1.PresetEnvFrom}
	if spec.EffectiveProfile() == v1alpha1.ProfileOAuth2 && !spec.Public() {
		presets = preset.Names()
	}
	spec.Credentials = g.credentials(presets...)
	g.source(spec)
	g.rotates(&spec.Credentials, spec.Public())
	return spec
}

// source chooses where the credentials of a Confidential client come from.
func (g *generator) source(spec *v1alpha1.OAuthClientSpec) {
	switch {
	case spec.Credentials.SecretTemplate.Preset != "" || spec.Public() || spec.EffectiveProfile().Signed() || !g.maybe(3):
	case spec.EffectiveProfile() != v1alpha1.ProfileOAuth2:
		spec.Credentials.Source, spec.Credentials.FromSecret = v1alpha1.SourceFromSecret, &v1alpha1.FromSecretSpec{Name: "given"}
	default:
		g.anySource(&spec.Credentials)
	}
}

func (g *generator) anySource(c *v1alpha1.CredentialsSpec) {
	switch g.IntN(4) {
	case 0:
		c.Source, c.FromSecret = v1alpha1.SourceFromSecret, &v1alpha1.FromSecretSpec{Name: "given"}
	case 1:
		c.Source, c.ServiceAccount = v1alpha1.SourceServiceAccount, &v1alpha1.ServiceAccountSpec{
			Names: []v1alpha1.ServiceAccountName{"app"}, Clusters: some(g, 2, v1alpha1.InCluster, "east", "west", "north"),
		}
	case 2:
		c.Source, c.PrivateKeyJWT = v1alpha1.SourcePrivateKeyJWT, &v1alpha1.PrivateKeyJWTSpec{JWKS: "{}"}
	default:
		c.Source, c.PrivateKeyJWT = v1alpha1.SourcePrivateKeyJWT, &v1alpha1.PrivateKeyJWTSpec{JWKSURI: one[v1alpha1.JWKSURI](g,
			"https://a.shop.example/keys", "https://a.shop.example:8443/keys?x", "https://shop.example", "https://evilshop.example/keys", "https://10.0.0.5/keys")}
	}
}

func (g *generator) instant() v1alpha1.Instant {
	return one[v1alpha1.Instant](g, "", "", "2001-01-01T00:00:00Z", "2039-12-31T23:59:59+02:00")
}

func (g *generator) grantTypes(public bool) []v1alpha1.GrantType {
	code, refresh, credentials := v1alpha1.GrantTypeAuthorizationCode, v1alpha1.GrantTypeRefreshToken, v1alpha1.GrantTypeClientCredentials
	if public {
		return one(g, nil, []v1alpha1.GrantType{code}, []v1alpha1.GrantType{code, refresh})
	}
	return one(g, nil, nil, []v1alpha1.GrantType{code}, []v1alpha1.GrantType{refresh, code}, []v1alpha1.GrantType{credentials},
		[]v1alpha1.GrantType{code, credentials, refresh})
}

func (g *generator) clientType() v1alpha1.ClientType {
	return one(g, "", "", v1alpha1.ClientTypeConfidential, v1alpha1.ClientTypePublic)
}

func (g *generator) oauth2(spec *v1alpha1.OAuthClientSpec) {
	if g.maybe(3) {
		return
	}
	spec.OAuth2 = &v1alpha1.OAuth2Spec{ClientType: g.clientType()}
	spec.OAuth2.GrantTypes = g.grantTypes(spec.Public())
	if !spec.Public() {
		spec.OAuth2.PKCE = one(g, "", "", v1alpha1.PKCERequired, v1alpha1.PKCEOptional)
	}
}

func (g *generator) integrationCloud(spec *v1alpha1.OAuthClientSpec) {
	if g.maybe(3) {
		return
	}
	spec.IntegrationCloud = &v1alpha1.IntegrationCloudSpec{ClientType: g.clientType(), AllowSecretInURLUntil: g.instant()}
	spec.IntegrationCloud.GrantTypes = g.grantTypes(spec.Public())
}

// callbacks adds those that the profile may have.
func (g *generator) callbacks(spec *v1alpha1.OAuthClientSpec) {
	hosts := []string{
		"h.example", g.namespace + ".apps.example", "a." + g.namespace + ".apps.example", "x" + g.namespace + ".apps.example", "other.apps.example", "apps.example",
		"a.shop.example", "a.b.shop.example", "shop.example", "ashop.example", "a.shop.example:8443", "a.shop.example:8444", "login.example", "login.example:9443",
		"[2001:db8::1]", "[2001:db8::1]:8443", "10.0.0.5", "10.0.0.5:8443", "localhost:9443", "a.shop.example.evil.example",
	}
	urls := []v1alpha1.CallbackURL{}
	for _, host := range some(g, 2, hosts...) {
		urls = append(urls, v1alpha1.CallbackURL("https://"+host+one(g, "", "/", "/cb", "?x=https%3A//a.shop.example", "/a.shop.example", "/@a.shop.example")))
	}
	if p := spec.EffectiveProfile(); (p == v1alpha1.ProfileOAuth2 || p == v1alpha1.ProfileOAuth1) && g.maybe(4) {
		urls = append(urls, one[v1alpha1.CallbackURL](g, "http://127.0.0.1/cb", "http://[::1]:8080", "http://localhost:3000/https://a.shop.example"))
	}
	if spec.EffectiveProfile() == v1alpha1.ProfileOAuth2 && spec.Public() {
		schemes := some(g, 2, "cursor", "cursors", "com.example.app", "com.example", "com.examples.app", "com."+g.namespace+".app", "com.other.app", "httpsx", "a.b")
		for _, scheme := range schemes {
			urls = append(urls, v1alpha1.CallbackURL(scheme+one(g, ":/cb", "://cb", ":/cb?a=com.example.app")))
		}
	}
	if len(urls) == 0 && spec.MayUse(v1alpha1.GrantTypeAuthorizationCode) && !spec.EffectiveOutOfBand() {
		urls = append(urls, v1alpha1.CallbackURL("https://"+one(g, hosts...)+"/cb"))
	}
	spec.CallbackURLs = urls
}

// rotates says how often a client secret that the operator makes is renewed.
func (g *generator) rotates(c *v1alpha1.CredentialsSpec, public bool) {
	if made := c.Source == "" || c.Source == v1alpha1.SourceGenerate; made && !public && g.maybe(2) {
		c.Rotation = &v1alpha1.RotationSpec{IntervalDays: one[int32](g, 0, 1, 29, 30, 31, 365)}
	}
}

func (g *generator) credentials(presets ...v1alpha1.SecretPreset) v1alpha1.CredentialsSpec {
	var c v1alpha1.CredentialsSpec
	if !g.maybe(4) {
		return c
	}
	keys := []string{"team", "teams", "tea", "note", "notes", "example.com/x", "example.com.evil/x", g.namespace + ".example/y", "other.example/y", "app.kubernetes.io/name"}
	c.SecretTemplate.Type = one[v1alpha1.SecretType](g, "", "", v1alpha1.SecretTypeDefault, "nginx.org/oidc", "nginx.org/oid", "example.com/oauth")
	if g.maybe(3) {
		c.SecretTemplate.Preset = one(g, presets...)
		if c.SecretTemplate.Preset == v1alpha1.PresetNginxIngressController {
			c.SecretTemplate.Type = ""
		}
	}
	for _, key := range some(g, 2, keys...) {
		if c.SecretTemplate.Labels == nil {
			c.SecretTemplate.Labels = map[string]v1alpha1.LabelValue{}
		}
		c.SecretTemplate.Labels[key] = "x"
	}
	for _, key := range some(g, 2, keys...) {
		if c.SecretTemplate.Annotations == nil {
			c.SecretTemplate.Annotations = map[string]v1alpha1.AnnotationValue{}
		}
		c.SecretTemplate.Annotations[key] = "x"
	}
	return c
}

func (g *generator) resourceServer() *v1alpha1.ResourceServerSpec {
	spec := &v1alpha1.ResourceServerSpec{Credentials: g.credentials(v1alpha1.PresetEnvFrom), Suspend: g.maybe(10)}
	if spec.Credentials.SecretTemplate.Preset == "" && g.maybe(4) {
		g.anySource(&spec.Credentials)
	}
	g.rotates(&spec.Credentials, false)
	names := []string{
		g.namespace + ".read", g.namespace + ".", g.namespace + "read", g.namespace, "x" + g.namespace + ".read", "other.read", "photos.read", "photos.reads", "admin", "adm", "ad",
	}
	for _, name := range append(some(g, 2, names...), g.namespace+".always") {
		d := v1alpha1.ScopeDeclaration{Name: v1alpha1.Scope(name), Description: "Do it", WithoutOwner: g.maybe(5)}
		if g.maybe(3) {
			d.From = one(g, v1alpha1.ScopeFromSame, v1alpha1.ScopeFromAll, v1alpha1.ScopeFromSelector)
		}
		if d.From == v1alpha1.ScopeFromSelector {
			d.Selector = &v1alpha1.NamespaceSelector{}
		}
		spec.Scopes = append(spec.Scopes, d)
	}
	if g.maybe(2) {
		for _, id := range some(g, 2, "api://"+g.namespace, "api://"+g.namespace+"/x", "api://"+g.namespace+"x", "api://other/x", "https://photos.example", "https://photos.example/") {
			spec.Identifiers = append(spec.Identifiers, v1alpha1.Identifier(id))
		}
	}
	return spec
}
