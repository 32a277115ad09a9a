// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "strings"

// Standard keys of a client's Secret, named in the words of RFC 5849, RFC 6749 and RFC 8414.
const (
	KeyClientID              = "client-id"
	KeyClientSecret          = "client-secret"
	KeyIssuer                = "issuer"
	KeyRequestTokenEndpoint  = "request-token-endpoint"
	KeyAuthorizationEndpoint = "authorization-endpoint"
	KeyTokenEndpoint         = "token-endpoint"
	KeyAccessTokenEndpoint   = "access-token-endpoint"
	KeyRevocationEndpoint    = "revocation-endpoint"
	KeyIntrospectionEndpoint = "introspection-endpoint"
	KeyVerificationEndpoint  = "verification-endpoint"
	KeyIdentityEndpoint      = "identity-endpoint"
)

// Endpoints of the profile OAuth2 below the issuer.
const (
	PathOAuth2Authorize  = "/oauth2/authorize"
	PathOAuth2Token      = "/oauth2/token"
	PathOAuth2Revoke     = "/oauth2/revoke"
	PathOAuth2Introspect = "/oauth2/introspect"
)

// Endpoints of the profile OAuth1 below the issuer. The last one is for resource servers.
const (
	PathOAuth1RequestToken = "/oauth1/request-token"
	PathOAuth1Authorize    = "/oauth1/authorize"
	PathOAuth1AccessToken  = "/oauth1/access-token"
	PathOAuth1Revoke       = "/oauth1/revoke"
	PathOAuth1Verify       = "/oauth1/verify"
)

// Endpoints of the ConnectionsCloud profiles below the issuer, as the old server had them.
const (
	PathConnectionsCloudOAuth2Authorize    = "/manage/oauth2/authorize"
	PathConnectionsCloudOAuth2Token        = "/manage/oauth2/token"
	PathConnectionsCloudOAuth1RequestToken = "/manage/oauth/getRequestToken"
	PathConnectionsCloudOAuth1Authorize    = "/manage/oauth/authorizeToken"
	PathConnectionsCloudOAuth1AccessToken  = "/manage/oauth/getAccessToken"
	PathConnectionsCloudIdentity           = "/manage/oauth/getUserIdentity"
)

// Endpoints of the profile IntegrationCloud below the issuer, as the old server had them.
const (
	PathIntegrationCloudAuthorize = "/integration/rest/oAuth/authorize"
	PathIntegrationCloudToken     = "/integration/rest/oAuth/getToken"
)

// paths returns the Secret keys of the profile's endpoints with their paths.
func (p Profile) paths() map[string]string {
	switch p {
	case ProfileOAuth1:
		return map[string]string{
			KeyRequestTokenEndpoint:  PathOAuth1RequestToken,
			KeyAuthorizationEndpoint: PathOAuth1Authorize,
			KeyAccessTokenEndpoint:   PathOAuth1AccessToken,
			KeyRevocationEndpoint:    PathOAuth1Revoke,
		}
	case ProfileConnectionsCloudOAuth2:
		return map[string]string{
			KeyAuthorizationEndpoint: PathConnectionsCloudOAuth2Authorize,
			KeyTokenEndpoint:         PathConnectionsCloudOAuth2Token,
			KeyIdentityEndpoint:      PathConnectionsCloudIdentity,
		}
	case ProfileConnectionsCloudOAuth1:
		return map[string]string{
			KeyRequestTokenEndpoint:  PathConnectionsCloudOAuth1RequestToken,
			KeyAuthorizationEndpoint: PathConnectionsCloudOAuth1Authorize,
			KeyAccessTokenEndpoint:   PathConnectionsCloudOAuth1AccessToken,
			KeyIdentityEndpoint:      PathConnectionsCloudIdentity,
		}
	case ProfileIntegrationCloud:
		return map[string]string{
			KeyAuthorizationEndpoint: PathIntegrationCloudAuthorize,
			KeyTokenEndpoint:         PathIntegrationCloudToken,
		}
	default:
		return map[string]string{
			KeyAuthorizationEndpoint: PathOAuth2Authorize,
			KeyTokenEndpoint:         PathOAuth2Token,
			KeyRevocationEndpoint:    PathOAuth2Revoke,
			KeyIntrospectionEndpoint: PathOAuth2Introspect,
		}
	}
}

// Endpoints returns the Secret keys of the profile's endpoints with their URLs below
// issuer.
func (p Profile) Endpoints(issuer string) map[string]string { return below(issuer, p.paths()) }

// ResourceServerEndpoints returns the Secret keys of what a ResourceServer asks, with their URLs
// below issuer.
func ResourceServerEndpoints(issuer string) map[string]string {
	return below(issuer, map[string]string{
		KeyIntrospectionEndpoint: PathOAuth2Introspect,
		KeyVerificationEndpoint:  PathOAuth1Verify,
	})
}

func below(issuer string, paths map[string]string) map[string]string {
	base := strings.TrimSuffix(issuer, "/")
	for key, path := range paths {
		paths[key] = base + path
	}
	return paths
}
