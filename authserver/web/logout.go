// SPDX-License-Identifier: Apache-2.0

package web

import (
	"html/template"
	"net/http"
	"net/url"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oidc"
)

const pathLogout = "/logout"

// endSession is the end session endpoint (OpenID Connect RP-Initiated Logout 1.0 §2). It only looks at the request. A form of
// another site comes without the cookie of the session, so the page to which this leads does the rest.
func (s *Site) endSession(w http.ResponseWriter, r *http.Request) error {
	request, err := oidc.ParseLogout(r, s.issuer, s.auth.FindSigningKey)
	if err != nil {
		return err
	}
	logout, err := s.auth.BeginLogout(request)
	if err != nil {
		return err
	}
	sealed, err := s.auth.SealLogout(logout)
	if err != nil {
		return err
	}
	redirect(w, r, logoutPath(sealed))
	return nil
}

func logoutPath(sealed string) string {
	return pathLogout + "?" + url.Values{"request": {sealed}}.Encode()
}

// getLogout signs out whoever is signed in here if the application has proven that it knows the session, and asks otherwise.
// Nobody is sent to the application who was not signed in (RFC 9700 §4.11.2): they see a link.
func (s *Site) getLogout(w http.ResponseWriter, r *http.Request) error {
	sealed := r.URL.Query().Get("request")
	logout, v, err := s.logout(r, sealed)
	if err != nil {
		return err
	}
	p := s.auth.NextLogout(logout, v)
	if v != nil && !p.Ask {
		return s.finishLogout(w, r, p, v)
	}
	view := signOutView{Logout: sealed, Client: p.Client, Destination: destinationOf(p.Redirect)}
	if v != nil {
		view.Owner = &v.Owner
		if p.Redirect != "" {
			allowReturn(w, p.Redirect)
		}
	} else if view.Destination.Name != "" {
		view.Back = template.URL(oidc.AfterLogout(p)) //nolint:gosec // a registered address in a form that callback.Classify accepts runs no script
	}
	return s.render(w, http.StatusOK, pageSignOut, view)
}

// postLogout is the form of that page. Who signed out in another tab meanwhile sees the page again.
func (s *Site) postLogout(w http.ResponseWriter, r *http.Request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	sealed := f.Get("request")
	logout, v, err := s.logout(r, sealed)
	if err != nil {
		return err
	}
	if v == nil {
		redirect(w, r, logoutPath(sealed))
		return nil
	}
	return s.finishLogout(w, r, s.auth.NextLogout(logout, v), v)
}

// logout returns the logout that a page is for, and who is signed in here.
func (s *Site) logout(r *http.Request, sealed string) (authserver.Logout, *authserver.Visitor, error) {
	logout, err := s.auth.OpenLogout(sealed)
	if err != nil {
		return authserver.Logout{}, nil, err
	}
	v, err := s.visitor(r)
	return logout, v, err
}

// finishLogout ends the session and sends the browser to the application, or to the page that says so.
func (s *Site) finishLogout(w http.ResponseWriter, r *http.Request, p authserver.LogoutPosition, v *authserver.Visitor) error {
	if err := s.auth.SignOut(r.Context(), v); err != nil {
		return err
	}
	s.forgetSession(w)
	if p.Redirect == "" {
		redirect(w, r, pathSignOut)
		return nil
	}
	redirect(w, r, oidc.AfterLogout(p))
	return nil
}
