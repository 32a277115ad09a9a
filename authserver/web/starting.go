// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
)

// startingRetry is what Retry-After says before the server was ready for the first time.
const startingRetry = 2 * time.Second

// whenStarted serves h once the server has been ready, and from then on for good. Before that the
// server does not know every client: an answer about one could be wrong, so there is none.
func (s *Site) whenStarted(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if s.started == nil || s.started() {
			return h(w, r)
		}
		return in(profileAt(r), authserver.NewWaitError(authserver.TemporarilyUnavailable, startingRetry, "the server is starting; try again in a few seconds"))
	}
}

// profilePaths are the paths of the profiles that do not spell errors as OAuth 2.x does.
var profilePaths = []struct {
	prefix  string
	profile authserver.Profile
}{
	{oauth1.PathVerify, authserver.ProfileOAuth2}, // for APIs, which speak OAuth 2.x to us
	{"/oauth1/", authserver.ProfileOAuth1},
	{"/manage/oauth2/", authserver.ProfileConnectionsCloudOAuth2},
	{"/manage/oauth/", authserver.ProfileConnectionsCloudOAuth1},
	{"/integration/", authserver.ProfileIntegrationCloud},
}

// profileAt returns the profile in which a request that was not looked at is answered.
func profileAt(r *http.Request) authserver.Profile {
	if r.URL.Path == oauth2.PathConnectionsCloudIdentity {
		return tokenSchemeOf(r).profile
	}
	for _, p := range profilePaths {
		if strings.HasPrefix(r.URL.Path, p.prefix) {
			return p.profile
		}
	}
	return authserver.ProfileOAuth2
}
