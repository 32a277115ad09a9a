// SPDX-License-Identifier: Apache-2.0

// Package endpoints names the addresses that stand in Secrets. The authorization server serves
// them; a test there holds its routes against this list.
package endpoints

import (
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Endpoints of the profile OAuth2 below the issuer.
const (
	pathOAuth2Authorize  = "/oauth2/authorize"
	pathOAuth2Token      = "/oauth2/token"
	pathOAuth2Revoke     = "/oauth2/revoke"
	pathOAuth2Introspect = "/oauth2/introspect"
	pathOAuth2UserInfo   = "/oauth2/userinfo"
	pathOAuth2Keys       = "/oauth2/keys"
	pathOAuth2EndSession = "/oauth2/logout"
)

// Endpoints of the profile OAuth1 below the issuer. The last one is for resource servers.
const (
	pathOAuth1RequestToken = "/oauth1/request-token"
	pathOAuth1Authorize    = "/oauth1/authorize"
	pathOAuth1AccessToken  = "/oauth1/access-token"
	pathOAuth1Revoke       = "/oauth1/revoke"
	pathOAuth1Verify       = "/oauth1/verify"
)

// Endpoints of the ConnectionsCloud profiles below the issuer, as the old server had them.
const (
	pathConnectionsCloudOAuth2Authorize    = "/manage/oauth2/authorize"
	pathConnectionsCloudOAuth2Token        = "/manage/oauth2/token"
	pathConnectionsCloudOAuth1RequestToken = "/manage/oauth/getRequestToken"
	pathConnectionsCloudOAuth1Authorize    = "/manage/oauth/authorizeToken"
	pathConnectionsCloudOAuth1AccessToken  = "/manage/oauth/getAccessToken"
	pathConnectionsCloudIdentity           = "/manage/oauth/getUserIdentity"
)

// Endpoints of the profile IntegrationCloud below the issuer, as the old server had them.
const (
	pathIntegrationCloudAuthorize = "/integration/rest/oAuth/authorize"
	pathIntegrationCloudToken     = "/integration/rest/oAuth/getToken"
)

// pathsOf returns the Secret keys of the profile's endpoints with their paths.
func pathsOf(p v1alpha1.Profile) map[string]string {
	switch p {
	case v1alpha1.ProfileOAuth1:
		return map[string]string{
			v1alpha1.KeyRequestTokenEndpoint:  pathOAuth1RequestToken,
			v1alpha1.KeyAuthorizationEndpoint: pathOAuth1Authorize,
			v1alpha1.KeyAccessTokenEndpoint:   pathOAuth1AccessToken,
			v1alpha1.KeyRevocationEndpoint:    pathOAuth1Revoke,
		}
	case v1alpha1.ProfileConnectionsCloudOAuth2:
		return map[string]string{
			v1alpha1.KeyAuthorizationEndpoint: pathConnectionsCloudOAuth2Authorize,
			v1alpha1.KeyTokenEndpoint:         pathConnectionsCloudOAuth2Token,
			v1alpha1.KeyIdentityEndpoint:      pathConnectionsCloudIdentity,
		}
	case v1alpha1.ProfileConnectionsCloudOAuth1:
		return map[string]string{
			v1alpha1.KeyRequestTokenEndpoint:  pathConnectionsCloudOAuth1RequestToken,
			v1alpha1.KeyAuthorizationEndpoint: pathConnectionsCloudOAuth1Authorize,
			v1alpha1.KeyAccessTokenEndpoint:   pathConnectionsCloudOAuth1AccessToken,
			v1alpha1.KeyIdentityEndpoint:      pathConnectionsCloudIdentity,
		}
	case v1alpha1.ProfileIntegrationCloud:
		return map[string]string{
			v1alpha1.KeyAuthorizationEndpoint: pathIntegrationCloudAuthorize,
			v1alpha1.KeyTokenEndpoint:         pathIntegrationCloudToken,
		}
	default:
		return map[string]string{
			v1alpha1.KeyAuthorizationEndpoint: pathOAuth2Authorize,
			v1alpha1.KeyTokenEndpoint:         pathOAuth2Token,
			v1alpha1.KeyRevocationEndpoint:    pathOAuth2Revoke,
			v1alpha1.KeyIntrospectionEndpoint: pathOAuth2Introspect,
			v1alpha1.KeyUserInfoEndpoint:      pathOAuth2UserInfo,
			v1alpha1.KeyKeysURI:               pathOAuth2Keys,
			v1alpha1.KeyEndSessionEndpoint:    pathOAuth2EndSession,
		}
	}
}

// Of returns the Secret keys of the profile's endpoints with their URLs below issuer.
func Of(p v1alpha1.Profile, issuer string) map[string]string { return below(issuer, pathsOf(p)) }

// OfResourceServer returns the Secret keys of what a ResourceServer asks, with their URLs below
// issuer.
func OfResourceServer(issuer string) map[string]string {
	return below(issuer, map[string]string{
		v1alpha1.KeyIntrospectionEndpoint: pathOAuth2Introspect,
		v1alpha1.KeyVerificationEndpoint:  pathOAuth1Verify,
		v1alpha1.KeyKeysURI:               pathOAuth2Keys,
	})
}

func below(issuer string, paths map[string]string) map[string]string {
	base := strings.TrimSuffix(issuer, "/")
	for key, path := range paths {
		paths[key] = base + path
	}
	return paths
}
