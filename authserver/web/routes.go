// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
)

// Handler returns everything that is served at the issuer. This table is complete.
//
//	anyOrigin  also for scripts of other sites: Public clients in a browser
//	api        for clients: bounded form in, JSON out, errors as RFC 6749 §5.2 says
//	page       for people: HTML out, errors as pages or redirects
//	form       a page's form: as page, and only from our own pages (no cross-origin post)
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()

	mux.Handle("GET "+oauth2.PathMetadata, s.anyOrigin(s.public(s.getMetadata)))
	mux.Handle("GET "+oauth2.PathAuthorize, s.page(s.authorize))
	mux.Handle("POST "+oauth2.PathAuthorize, s.page(s.authorize))
	mux.Handle("POST "+oauth2.PathToken, s.anyOrigin(s.api(s.postToken)))
	mux.Handle("POST "+oauth2.PathRevoke, s.anyOrigin(s.api(s.postRevoke)))
	mux.Handle("POST "+oauth2.PathIntrospect, s.api(s.postIntrospect))
	for _, path := range []string{oauth2.PathToken, oauth2.PathRevoke} {
		mux.Handle("OPTIONS "+path, s.anyOrigin(s.public(noContent)))
	}
	for _, path := range []string{oauth2.PathToken, oauth2.PathRevoke, oauth2.PathIntrospect} {
		mux.Handle("GET "+path, s.api(onlyPost)) // not a missing page
	}

	mux.Handle("GET /interaction/{id}", s.page(s.getInteraction))
	mux.Handle("POST /interaction/{id}/login", s.form(s.postInteractionLogin))
	mux.Handle("POST /interaction/{id}/consent", s.form(s.postConsent))

	mux.Handle("GET /{$}", s.page(s.getHome))
	mux.Handle("GET /login", s.page(s.getLogin))
	mux.Handle("POST /login", s.form(s.postLogin))
	mux.Handle("GET /account", s.page(s.getAccount))
	mux.Handle("POST /account/revoke", s.form(s.postAccountRevoke))
	mux.Handle("GET /signout", s.page(s.getSignOut))
	mux.Handle("POST /signout", s.form(s.postSignOut))
	mux.Handle("GET /assets/{file}", s.public(s.getAsset))
	mux.Handle("GET /", s.page(s.notFound))

	mux.Handle("GET /healthz", s.public(s.getHealth))
	mux.Handle("GET /readyz", s.public(s.getReady))
	return s.observe(mux)
}
