// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
)

// Handler returns everything that is served at the issuer. This table is complete.
//
//	anyOrigin  also for scripts of other sites: Public clients in a browser
//	api        for clients: bounded form in, JSON out, errors as RFC 6749 §5.2 says
//	page       for people: HTML out, errors as pages or redirects
//	form       a page's form: as page, and only from our own pages (no cross-origin post)
//
// api, page and form answer 503 until the server has been ready once: see whenStarted.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()

	mux.Handle("GET "+oauth2.PathMetadata, s.anyOrigin(s.public(s.whenStarted(s.getMetadata))))
	mux.Handle("GET "+oauth2.PathAuthorize, s.page(s.authorize(authserver.ProfileOAuth2)))
	mux.Handle("POST "+oauth2.PathAuthorize, s.page(s.authorize(authserver.ProfileOAuth2)))
	mux.Handle("POST "+oauth2.PathToken, s.anyOrigin(s.api(s.token(authserver.ProfileOAuth2))))
	mux.Handle("POST "+oauth2.PathRevoke, s.anyOrigin(s.api(s.postRevoke)))
	mux.Handle("POST "+oauth2.PathIntrospect, s.api(s.postIntrospect))
	for _, path := range []string{oauth2.PathToken, oauth2.PathRevoke} {
		mux.Handle("OPTIONS "+path, s.anyOrigin(s.public(noContent)))
	}
	for _, path := range []string{oauth2.PathToken, oauth2.PathRevoke, oauth2.PathIntrospect} {
		mux.Handle("GET "+path, s.api(onlyPost)) // not a missing page
	}

	s.oauth1(mux)
	s.connectionsCloud(mux)
	s.integrationCloud(mux)

	mux.Handle("GET /interaction/{id}", s.page(s.getInteraction))
	mux.Handle("POST /interaction/{id}/login", s.form(s.postInteractionLogin))
	mux.Handle("POST /interaction/{id}/consent", s.form(s.postConsent))

	mux.Handle("GET /{$}", s.page(s.getHome))
	mux.Handle("GET /login", s.page(s.getLogin))
	mux.Handle("POST /login", s.form(s.postLogin))
	mux.Handle("GET /account", s.page(s.getAccount))
	mux.Handle("POST /account/revoke", s.form(s.postAccountRevoke))
	mux.Handle("POST /account/sessions/end", s.form(s.postSessionsEnd))
	mux.Handle("GET /signout", s.page(s.getSignOut))
	mux.Handle("POST /signout", s.form(s.postSignOut))
	mux.Handle("GET /assets/{file}", s.public(s.getAsset))
	mux.Handle("GET /", s.page(s.notFound))

	for _, path := range []string{
		"/interaction/{id}", "/account", oauth2.PathAuthorize, oauth1.PathAuthorize, oauth2.PathConnectionsCloudAuthorize,
		oauth1.PathConnectionsAuthorize, oauth2.PathIntegrationCloudAuthorize,
	} {
		mux.Handle("HEAD "+path, s.page(headOnly)) // GET begins, issues or forgets something here
	}

	mux.Handle("GET /healthz", s.public(s.getHealth))
	mux.Handle("GET /readyz", s.public(s.getReady))
	return s.observe(mux)
}

// connectionsCloud adds the paths of IBM Connections Cloud. With GET they take secrets in the
// query from clients that may still send them there; HEAD would spend them for nothing.
func (s *Site) connectionsCloud(mux *http.ServeMux) {
	p1, p2 := authserver.ProfileConnectionsCloudOAuth1, authserver.ProfileConnectionsCloudOAuth2
	mux.Handle("GET "+oauth2.PathConnectionsCloudAuthorize, s.page(s.authorize(p2)))
	mux.Handle("GET "+oauth1.PathConnectionsAuthorize, s.page(s.authorizeToken(p1)))
	for path, endpoint := range map[string]handler{
		oauth2.PathConnectionsCloudToken: s.token(p2), oauth2.PathConnectionsCloudIdentity: s.userIdentity,
		oauth1.PathConnectionsRequestToken: s.requestToken(p1), oauth1.PathConnectionsAccessToken: s.accessToken(p1),
	} {
		mux.Handle("GET "+path, s.api(endpoint))
		mux.Handle("POST "+path, s.api(endpoint))
		mux.Handle("HEAD "+path, s.api(onlyGetAndPost))
	}
}

// oauth1 adds the paths of OAuth 1.0a. The last one is not for clients that sign but for those who
// are sent what they signed.
func (s *Site) oauth1(mux *http.ServeMux) {
	p := authserver.ProfileOAuth1
	mux.Handle("GET "+oauth1.PathAuthorize, s.page(s.authorizeToken(p)))
	for path, endpoint := range map[string]handler{
		oauth1.PathRequestToken: s.requestToken(p), oauth1.PathAccessToken: s.accessToken(p),
		oauth1.PathRevoke: s.revokeSigned(p), oauth1.PathVerify: s.postVerify,
	} {
		mux.Handle("POST "+path, s.api(endpoint))
		mux.Handle("GET "+path, s.api(onlyPost))
	}
}

// integrationCloud adds the paths of webMethods Integration Cloud. It has Public clients too.
func (s *Site) integrationCloud(mux *http.ServeMux) {
	path := oauth2.PathIntegrationCloudToken
	mux.Handle("GET "+oauth2.PathIntegrationCloudAuthorize, s.page(s.authorize(authserver.ProfileIntegrationCloud)))
	mux.Handle("POST "+path, s.anyOrigin(s.api(s.token(authserver.ProfileIntegrationCloud))))
	mux.Handle("OPTIONS "+path, s.anyOrigin(s.public(noContent)))
	mux.Handle("GET "+path, s.api(onlyPost))
}
