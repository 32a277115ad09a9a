// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"slices"

	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
	"github.com/gatehouse-dev/gatehouse/authserver/oidc"
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
	return slices.Concat(s.clientRoutes(), s.pageRoutes(), s.factorRoutes())
}

// clientRoutes are the endpoints of the profiles.
func (s *Site) clientRoutes() []route {
	return []route{
		{get, oauth2.PathMetadata, openDocument, dialectOAuth2, s.getConfiguration},
		{get, oidc.PathConfiguration, openDocument, dialectOAuth2, s.getConfiguration},
		{get, oidc.PathKeys, openDocument, dialectOAuth2, s.getKeys},
		{getOrPost, oidc.PathUserInfo, openAPI, dialectOAuth2, s.userInfo},
		{getOrPost, oauth2.PathAuthorize, step, dialectOAuth2, s.authorize(dialectOAuth2)},
		{getOrPost, oidc.PathEndSession, page, dialectOAuth2, s.endSession},
		{post, oauth2.PathToken, openAPI, dialectOAuth2, s.token(dialectOAuth2)},
		{post, oauth2.PathRevoke, openAPI, dialectOAuth2, s.postRevoke},
		{post, oauth2.PathIntrospect, api, dialectOAuth2, s.postIntrospect},

		{post, oauth1.PathRequestToken, api, dialectOAuth1, s.requestToken(dialectOAuth1)},
		{get, oauth1.PathAuthorize, step, dialectOAuth1, s.authorizeToken(dialectOAuth1)},
		{post, oauth1.PathAccessToken, api, dialectOAuth1, s.accessToken(dialectOAuth1)},
		{post, oauth1.PathRevoke, api, dialectOAuth1, s.revokeSigned(dialectOAuth1)},
		{post, oauth1.PathVerify, api, dialectOAuth2, s.postVerify}, // for APIs, which speak OAuth 2.x to this server

		// With GET these take secrets in the query, from clients that may still send them there.
		{get, oauth2.PathConnectionsCloudAuthorize, step, dialectConnectionsCloudOAuth2, s.authorize(dialectConnectionsCloudOAuth2)},
		{getOrPost, oauth2.PathConnectionsCloudToken, api, dialectConnectionsCloudOAuth2, s.token(dialectConnectionsCloudOAuth2)},
		{getOrPost, oauth1.PathConnectionsRequestToken, api, dialectConnectionsCloudOAuth1, s.requestToken(dialectConnectionsCloudOAuth1)},
		{get, oauth1.PathConnectionsAuthorize, step, dialectConnectionsCloudOAuth1, s.authorizeToken(dialectConnectionsCloudOAuth1)},
		{getOrPost, oauth1.PathConnectionsAccessToken, api, dialectConnectionsCloudOAuth1, s.accessToken(dialectConnectionsCloudOAuth1)},
		{getOrPost, oauth2.PathConnectionsCloudIdentity, api, dialectConnectionsCloudOAuth2, s.getUserIdentity},

		{get, oauth2.PathIntegrationCloudAuthorize, step, dialectIntegrationCloud, s.authorize(dialectIntegrationCloud)},
		{post, oauth2.PathIntegrationCloudToken, openAPI, dialectIntegrationCloud, s.token(dialectIntegrationCloud)},
	}
}

// pageRoutes are the pages of people, and what is the same for everybody.
func (s *Site) pageRoutes() []route {
	return []route{
		{get, "/interaction/{id}", step, dialectOAuth2, s.getInteraction},
		{post, "/interaction/{id}/login", form, dialectOAuth2, s.postInteractionLogin},
		{post, "/interaction/{id}/consent", form, dialectOAuth2, s.postConsent},

		{get, "/{$}", page, dialectOAuth2, s.getHome},
		{get, pathLogin, page, dialectOAuth2, s.getLogin},
		{post, pathLogin, form, dialectOAuth2, s.postLogin},
		{post, pathLoginChoose, form, dialectOAuth2, s.postLoginChoose},
		{get, pathLoginSource + "{source}", step, dialectOAuth2, s.getLoginSource}, // it begins a login
		{get, pathLoginCallback + "{source}", step, dialectOAuth2, s.getLoginCallback},
		{get, pathAccount, step, dialectOAuth2, s.getAccount}, // it shows a notice once
		{post, "/account/revoke", form, dialectOAuth2, s.postAccountRevoke},
		{post, "/account/sessions/end", form, dialectOAuth2, s.postSessionsEnd},
		{get, pathSignOut, page, dialectOAuth2, s.getSignOut},
		{post, pathSignOut, form, dialectOAuth2, s.postSignOut},
		{get, pathLogout, step, dialectOAuth2, s.getLogout},
		{post, pathLogout, form, dialectOAuth2, s.postLogout},

		{get, "/assets/{file}", public, dialectOAuth2, s.getAsset},
		{get, "/healthz", public, dialectOAuth2, s.getHealth},
		{get, "/readyz", public, dialectOAuth2, s.getReady},
	}
}

// factorRoutes are those of second steps and passkeys.
func (s *Site) factorRoutes() []route {
	return []route{
		{post, "/interaction/{id}/passkey", form, dialectOAuth2, s.postInteractionPasskey},
		{post, "/interaction/{id}/factor", form, dialectOAuth2, s.postInteractionFactor},
		{post, "/interaction/{id}/enrol", form, dialectOAuth2, s.postInteractionEnrol},
		{post, "/login/factor", form, dialectOAuth2, s.postFactor},
		{get, pathLoginAgain, page, dialectOAuth2, s.getLoginAgain},
		{post, pathLoginPasskey, form, dialectOAuth2, s.postLoginPasskey},
		{get, pathPasskey, page, dialectOAuth2, s.getPasskey},
		{post, pathPasskey, form, dialectOAuth2, s.postPasskey},
		{get, pathTOTP, page, dialectOAuth2, s.getTOTP},
		{post, pathTOTP, form, dialectOAuth2, s.postTOTP},
		{post, "/account/factors/codes", form, dialectOAuth2, s.postRecoveryCodes},
		{post, "/account/factors/remove", form, dialectOAuth2, s.postFactorRemove},
	}
}
