// SPDX-License-Identifier: Apache-2.0

package authtest

import (
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Client IDs of the applications that came from elsewhere and kept theirs. Bob may use them.
const (
	Album     = "app_20000001_1400000000000"       // ConnectionsCloudOAuth2
	Scrapbook = "c0ffee00c0ffee00c0ffee00c0ffee00" // ConnectionsCloudOAuth1, may show verifiers
	Flows     = "00112233445566778899aabbccddeeff" // IntegrationCloud
)

// Their callbacks.
const (
	AlbumCallback     = "https://album.example/oauth20_cb"
	ScrapbookCallback = "https://scrapbook.example/oauth10_cb"
	FlowsCallback     = "https://flows.example/oauth/callback"
)

// legacy returns the clients that came from elsewhere, as the registry would make them.
func legacy(common authserver.Client) []authserver.Client {
	album, scrapbook, flows := common, common, common
	album.UID, album.ID, album.Name = "11111111-0000-4000-8000-000000000005", Album, "album"
	album.DisplayName, album.Description = "Album", "Shows your photos"
	album.Profile, album.CallbackURLs = authserver.ProfileConnectionsCloudOAuth2, []string{AlbumCallback}
	album.AccessTokenLifetime, album.PKCEOptional = 2*time.Hour, true

	scrapbook.UID, scrapbook.ID, scrapbook.Name = "11111111-0000-4000-8000-000000000007", Scrapbook, "scrapbook"
	scrapbook.DisplayName, scrapbook.Description = "Scrapbook", "Sticks your photos on pages"
	scrapbook.Profile, scrapbook.CallbackURLs, scrapbook.OutOfBand = authserver.ProfileConnectionsCloudOAuth1, []string{ScrapbookCallback}, true
	scrapbook.GrantTypes = []authserver.GrantType{authserver.GrantAuthorizationCode}
	scrapbook.SignatureMethods, scrapbook.AccessTokenLifetime = []string{"PLAINTEXT"}, 10*time.Hour

	flows.UID, flows.ID, flows.Name = "11111111-0000-4000-8000-000000000006", Flows, "flows"
	flows.DisplayName, flows.Description = "Flows", "Moves your photos"
	flows.Profile, flows.CallbackURLs = authserver.ProfileIntegrationCloud, []string{FlowsCallback}
	flows.Scopes, flows.OwnerChooses, flows.PKCEOptional = []string{"photos.read", "photos.write"}, true, true
	flows.ScopesWithoutOwner = flows.Scopes
	flows.GrantTypes = append(flows.GrantTypes[:2:2], authserver.GrantClientCredentials)
	return []authserver.Client{album, scrapbook, flows}
}
