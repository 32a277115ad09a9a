// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/endpoints"
)

// Applications find the addresses in their Secrets: each of them is served.
func TestEveryAddressOfASecretIsServed(t *testing.T) {
	const issuer = "https://auth.example.com"
	served := map[string]bool{}
	for _, rt := range newHouse(t).site.Routes() {
		served[issuer+rt.Path] = true
	}
	written := map[string]map[string]string{"a ResourceServer": endpoints.OfResourceServer(issuer)}
	for _, profile := range []v1alpha1.Profile{
		v1alpha1.ProfileOAuth2, v1alpha1.ProfileOAuth1, v1alpha1.ProfileConnectionsCloudOAuth2, v1alpha1.ProfileConnectionsCloudOAuth1, v1alpha1.ProfileIntegrationCloud,
	} {
		written[string(profile)] = endpoints.Of(profile, issuer)
	}
	for who, addresses := range written {
		if len(addresses) < 2 {
			t.Errorf("%s has the addresses %v only", who, addresses)
		}
		for key, address := range addresses {
			if !served[address] || !strings.HasPrefix(address, issuer+"/") {
				t.Errorf("%s: %s is %s, which is not served", who, key, address)
			}
		}
	}
}
