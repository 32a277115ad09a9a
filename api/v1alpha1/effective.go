// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// EffectiveProfile returns the profile of the client: OAuth2 where none is named.
func (s *OAuthClientSpec) EffectiveProfile() Profile { return cmp.Or(s.Profile, ProfileOAuth2) }

// EffectiveClientType returns the client type: Confidential where none is named, and in
// profiles that have no Public clients.
func (s *OAuthClientSpec) EffectiveClientType() ClientType {
	switch p := s.EffectiveProfile(); {
	case p == ProfileOAuth2 && s.OAuth2 != nil:
		return cmp.Or(s.OAuth2.ClientType, ClientTypeConfidential)
	case p == ProfileIntegrationCloud && s.IntegrationCloud != nil:
		return cmp.Or(s.IntegrationCloud.ClientType, ClientTypeConfidential)
	default:
		return ClientTypeConfidential
	}
}

// Public reports whether the client has no secret (RFC 6749 §2.1).
func (s *OAuthClientSpec) Public() bool { return s.EffectiveClientType() == ClientTypePublic }

// EffectiveGrantTypes returns the grant types that the client may use. The caller must not
// change them. The OAuth 1.0a profiles have one: an owner decides, and nothing is renewed.
func (s *OAuthClientSpec) EffectiveGrantTypes() []GrantType {
	var named []GrantType
	switch p := s.EffectiveProfile(); {
	case p.Signed():
		return []GrantType{GrantTypeAuthorizationCode}
	case p == ProfileOAuth2 && s.OAuth2 != nil:
		named = s.OAuth2.GrantTypes
	case p == ProfileIntegrationCloud && s.IntegrationCloud != nil:
		named = s.IntegrationCloud.GrantTypes
	}
	if len(named) == 0 {
		return []GrantType{GrantTypeAuthorizationCode, GrantTypeRefreshToken}
	}
	return named
}

// MayUse reports whether the client may use the grant type.
func (s *OAuthClientSpec) MayUse(g GrantType) bool {
	return slices.Contains(s.EffectiveGrantTypes(), g)
}

// PKCERequired reports whether each authorization request must carry a code challenge. A
// Public client of any profile always needs one (RFC 9700 §2.1.1).
func (s *OAuthClientSpec) PKCERequired() bool {
	if s.EffectiveProfile() != ProfileOAuth2 {
		return s.Public()
	}
	return s.Public() || s.OAuth2 == nil || s.OAuth2.PKCE != PKCEOptional
}

// EffectiveSignatureMethods returns the methods that the client may sign with. Nil: it
// signs nothing.
func (s *OAuthClientSpec) EffectiveSignatureMethods() []SignatureMethod {
	switch s.EffectiveProfile() {
	case ProfileConnectionsCloudOAuth1:
		return []SignatureMethod{SignaturePLAINTEXT}
	case ProfileOAuth1:
		if s.OAuth1 != nil && len(s.OAuth1.SignatureMethods) > 0 {
			return s.OAuth1.SignatureMethods
		}
		return []SignatureMethod{SignatureHMACSHA256, SignatureHMACSHA1}
	default:
		return nil
	}
}

// EffectiveOutOfBand reports whether the client may ask with the callback oob.
func (s *OAuthClientSpec) EffectiveOutOfBand() bool {
	switch s.EffectiveProfile() {
	case ProfileOAuth1:
		return s.OAuth1 != nil && s.OAuth1.OutOfBand
	case ProfileConnectionsCloudOAuth1:
		return s.ConnectionsCloud != nil && s.ConnectionsCloud.OutOfBand
	default:
		return false
	}
}

// SecretInURLUntil returns until when the client may send secrets in a URL. Absent: never.
func (s *OAuthClientSpec) SecretInURLUntil() Instant {
	switch p := s.EffectiveProfile(); {
	case (p == ProfileConnectionsCloudOAuth2 || p == ProfileConnectionsCloudOAuth1) && s.ConnectionsCloud != nil:
		return s.ConnectionsCloud.AllowSecretInURLUntil
	case p == ProfileIntegrationCloud && s.IntegrationCloud != nil:
		return s.IntegrationCloud.AllowSecretInURLUntil
	default:
		return ""
	}
}

// SecretInHeaderUntil returns until when the client may send its secret in a header
// Authorization: OAuth. Absent: never.
func (s *OAuthClientSpec) SecretInHeaderUntil() Instant {
	if s.EffectiveProfile() == ProfileConnectionsCloudOAuth2 && s.ConnectionsCloud != nil {
		return s.ConnectionsCloud.AllowSecretInAuthorizationHeaderUntil
	}
	return ""
}

// EffectiveRefreshLimit returns how often a grant may be refreshed. Nil: until it ends.
func (s *OAuthClientSpec) EffectiveRefreshLimit() *int32 {
	if s.EffectiveProfile() == ProfileIntegrationCloud && s.IntegrationCloud != nil {
		return s.IntegrationCloud.RefreshLimit
	}
	return nil
}

// EffectiveGrantDurationDays returns for how many days an approval lasts: 1 to 90.
func (s *OAuthClientSpec) EffectiveGrantDurationDays() int32 {
	if s.GrantDurationDays <= 0 {
		return maxGrantDurationDays
	}
	return min(s.GrantDurationDays, maxGrantDurationDays)
}

const (
	maxGrantDurationDays          = 90
	maxAccessTokenLifetimeSeconds = 86400
	defaultIDTokenLifetimeSeconds = 3600
)

// EffectiveAccessTokenLifetimeSeconds returns the lifetime of an access token: the one of
// the spec, or the default of the profile.
func (s *OAuthClientSpec) EffectiveAccessTokenLifetimeSeconds() int32 {
	if s.AccessTokenLifetimeSeconds > 0 {
		return min(s.AccessTokenLifetimeSeconds, maxAccessTokenLifetimeSeconds)
	}
	switch s.EffectiveProfile() {
	case ProfileOAuth1, ProfileConnectionsCloudOAuth1:
		return 36000
	case ProfileConnectionsCloudOAuth2:
		return 7200
	default:
		return 3600
	}
}

// EffectiveOpenID returns how ID tokens for the client are made, with every field set but claims.
func (s *OAuthClientSpec) EffectiveOpenID() OpenIDSpec {
	var o OpenIDSpec
	if s.EffectiveProfile() == ProfileOAuth2 && s.OAuth2 != nil && s.OAuth2.OpenID != nil {
		o = *s.OAuth2.OpenID
	}
	o.IDTokenSigningAlgorithm = cmp.Or(o.IDTokenSigningAlgorithm, SigningRS256)
	if o.IDTokenLifetimeSeconds <= 0 {
		o.IDTokenLifetimeSeconds = defaultIDTokenLifetimeSeconds
	}
	o.IDTokenLifetimeSeconds = min(o.IDTokenLifetimeSeconds, maxAccessTokenLifetimeSeconds)
	return o
}

// PairwiseSubjects reports whether the client learns subjects of its sector. What this version does not know asks for more, not for less.
func (s *OAuthClientSpec) PairwiseSubjects() bool {
	kind := s.EffectiveOpenID().SubjectType
	return kind != "" && kind != SubjectPublic
}

// EffectiveJWTAlgorithm returns how access tokens for the API are signed, which are JWTs then. Empty: they are opaque.
func (s *ResourceServerSpec) EffectiveJWTAlgorithm() AccessTokenSigningAlgorithm {
	if s.AccessTokens.Format != AccessTokenJWT || len(s.Identifiers) == 0 {
		return ""
	}
	if s.AccessTokens.SigningAlgorithm == AccessTokenRS256 {
		return AccessTokenRS256
	}
	return AccessTokenES256
}

// EffectiveConsent returns when the owner is asked. What this version does not know asks
// each time.
func (s *OAuthClientSpec) EffectiveConsent() ConsentPolicy {
	switch c := cmp.Or(s.Consent, ConsentRemember); c {
	case ConsentRemember, ConsentSkip:
		return c
	default:
		return ConsentPrompt
	}
}

// EffectiveFrom returns which namespaces' clients may ask for the scope. What this version
// does not know opens it to nobody else.
func (d *ScopeDeclaration) EffectiveFrom() ScopeAudience { return cmp.Or(d.From, ScopeFromSame) }

// AsSelector returns the selector in the form that matches labels. Nil picks nothing, an
// empty one everything.
func (s *NamespaceSelector) AsSelector() (labels.Selector, error) {
	if s == nil {
		return labels.Nothing(), nil
	}
	selector := &metav1.LabelSelector{MatchLabels: make(map[string]string, len(s.MatchLabels))}
	for key, value := range s.MatchLabels {
		selector.MatchLabels[key] = string(value)
	}
	for _, r := range s.MatchExpressions {
		values := make([]string, 0, len(r.Values))
		for _, value := range r.Values {
			values = append(values, string(value))
		}
		selector.MatchExpressions = append(selector.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: r.Key, Operator: r.Operator, Values: values,
		})
	}
	return metav1.LabelSelectorAsSelector(selector)
}
