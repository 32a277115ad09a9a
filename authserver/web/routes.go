// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
)

// The methods of a route.
var (
	get       = []string{http.MethodGet}
	post      = []string{http.MethodPost}
	getOrPost = []string{http.MethodGet, http.MethodPost}
)

// routes returns everything that is served at the issuer. The table is complete. What answers
// HEAD, OPTIONS, a prefetch and every other method follows from it: see (*Site).Handler.
func (s *Site) routes() []route {
	two, one := dialectOAuth2, dialectOAuth1
	cloudTwo, cloudOne := dialectConnectionsCloudOAuth2, dialectConnectionsCloudOAuth1
	integration := dialectIntegrationCloud
	return []route{
		{get, oauth2.PathMetadata, openDocument, two, s.getMetadata},
		{getOrPost, oauth2.PathAuthorize, step, two, s.authorize(two)},
		{post, oauth2.PathToken, openAPI, two, s.token(two)},
		{post, oauth2.PathRevoke, openAPI, two, s.postRevoke},
		{post, oauth2.PathIntrospect, api, two, s.postIntrospect},

		{post, oauth1.PathRequestToken, api, one, s.requestToken(one)},
		{get, oauth1.PathAuthorize, step, one, s.authorizeToken(one)},
		{post, oauth1.PathAccessToken, api, one, s.accessToken(one)},
		{post, oauth1.PathRevoke, api, one, s.revokeSigned(one)},
		{post, oauth1.PathVerify, api, two, s.postVerify}, // for APIs, which speak OAuth 2.x to this server

		// With GET these take secrets in the query, from clients that may still send them there.
		{get, oauth2.PathConnectionsCloudAuthorize, step, cloudTwo, s.authorize(cloudTwo)},
		{getOrPost, oauth2.PathConnectionsCloudToken, api, cloudTwo, s.token(cloudTwo)},
		{getOrPost, oauth1.PathConnectionsRequestToken, api, cloudOne, s.requestToken(cloudOne)},
		{get, oauth1.PathConnectionsAuthorize, step, cloudOne, s.authorizeToken(cloudOne)},
		{getOrPost, oauth1.PathConnectionsAccessToken, api, cloudOne, s.accessToken(cloudOne)},
		{getOrPost, oauth2.PathConnectionsCloudIdentity, api, cloudTwo, s.getUserIdentity},

		{get, oauth2.PathIntegrationCloudAuthorize, step, integration, s.authorize(integration)},
		{post, oauth2.PathIntegrationCloudToken, openAPI, integration, s.token(integration)},

		{get, "/interaction/{id}", step, two, s.getInteraction},
		{post, "/interaction/{id}/login", form, two, s.postInteractionLogin},
		{post, "/interaction/{id}/consent", form, two, s.postConsent},

		{get, "/{$}", page, two, s.getHome},
		{get, pathLogin, page, two, s.getLogin},
		{post, pathLogin, form, two, s.postLogin},
		{get, pathAccount, step, two, s.getAccount}, // it shows a notice once
		{post, "/account/revoke", form, two, s.postAccountRevoke},
		{post, "/account/sessions/end", form, two, s.postSessionsEnd},
		{get, pathSignOut, page, two, s.getSignOut},
		{post, pathSignOut, form, two, s.postSignOut},

		{get, "/assets/{file}", public, two, s.getAsset},
		{get, "/healthz", public, two, s.getHealth},
		{get, "/readyz", public, two, s.getReady},
	}
}
