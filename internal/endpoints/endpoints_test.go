// SPDX-License-Identifier: Apache-2.0

package endpoints_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/endpoints"
)

func TestTheEndpointsStandBelowTheIssuer(t *testing.T) {
	const base = "https://auth.example.com"
	want := map[v1alpha1.Profile]map[string]string{
		v1alpha1.ProfileOAuth2: {
			"authorization-endpoint": base + "/oauth2/authorize",
			"token-endpoint":         base + "/oauth2/token",
			"revocation-endpoint":    base + "/oauth2/revoke",
			"introspection-endpoint": base + "/oauth2/introspect",
			"userinfo-endpoint":      base + "/oauth2/userinfo",
			"jwks-uri":               base + "/oauth2/keys",
			"end-session-endpoint":   base + "/oauth2/logout",
		},
		v1alpha1.ProfileOAuth1: {
			"request-token-endpoint": base + "/oauth1/request-token",
			"authorization-endpoint": base + "/oauth1/authorize",
			"access-token-endpoint":  base + "/oauth1/access-token",
			"revocation-endpoint":    base + "/oauth1/revoke",
		},
		v1alpha1.ProfileConnectionsCloudOAuth2: {
			"authorization-endpoint": base + "/manage/oauth2/authorize",
			"token-endpoint":         base + "/manage/oauth2/token",
			"identity-endpoint":      base + "/manage/oauth/getUserIdentity",
		},
		v1alpha1.ProfileConnectionsCloudOAuth1: {
			"request-token-endpoint": base + "/manage/oauth/getRequestToken",
			"authorization-endpoint": base + "/manage/oauth/authorizeToken",
			"access-token-endpoint":  base + "/manage/oauth/getAccessToken",
			"identity-endpoint":      base + "/manage/oauth/getUserIdentity",
		},
		v1alpha1.ProfileIntegrationCloud: {
			"authorization-endpoint": base + "/integration/rest/oAuth/authorize",
			"token-endpoint":         base + "/integration/rest/oAuth/getToken",
		},
	}
	for profile := range want {
		for _, issuer := range []string{base, base + "/"} {
			if diff := cmp.Diff(want[profile], endpoints.Of(profile, issuer)); diff != "" {
				t.Errorf("%s, issuer %s (-want +got):\n%s", profile, issuer, diff)
			}
		}
	}
}

func TestOnlyAResourceServerGetsTheAddressForSignedRequests(t *testing.T) {
	for _, profile := range []v1alpha1.Profile{
		v1alpha1.ProfileOAuth2, v1alpha1.ProfileOAuth1, v1alpha1.ProfileConnectionsCloudOAuth2, v1alpha1.ProfileConnectionsCloudOAuth1, v1alpha1.ProfileIntegrationCloud,
	} {
		if got, found := endpoints.Of(profile, "https://auth.example.com")[v1alpha1.KeyVerificationEndpoint]; found {
			t.Errorf("%s: %q", profile, got)
		}
	}
	want := map[string]string{
		"introspection-endpoint": "https://auth.example.com/oauth2/introspect", "verification-endpoint": "https://auth.example.com/oauth1/verify",
		"jwks-uri": "https://auth.example.com/oauth2/keys",
	}
	if diff := cmp.Diff(want, endpoints.OfResourceServer("https://auth.example.com/")); diff != "" {
		t.Errorf("a resource server (-want +got):\n%s", diff)
	}
}
