// SPDX-License-Identifier: Apache-2.0

package web

import (
	"html/template"
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// signOutView is what the sign-out page shows.
type signOutView struct {
	Owner *authserver.Owner // nil: nobody is logged in

	// What follows is for a logout that an application asked for.
	Logout      string             // sealed; empty: it is none
	Client      *authserver.Client // nil: it is not known
	Destination destination        // where the browser goes afterwards
	Back        template.URL       // a link there, if nobody is logged in
}

// getSignOut asks before it signs anybody out, or says that nobody is signed in.
func (s *Site) getSignOut(w http.ResponseWriter, r *http.Request) error {
	v, err := s.visitor(r)
	if err != nil {
		return err
	}
	var view signOutView
	if v != nil {
		view.Owner = &v.Owner
	}
	isolateWindow(w)
	return s.render(w, http.StatusOK, pageSignOut, view)
}

// postSignOut ends the session. With the field interaction the browser goes back there,
// to log in as somebody else. With the field then it goes to the login page of this server. No other
// address can be named: whoever made the page's address would choose it.
func (s *Site) postSignOut(w http.ResponseWriter, r *http.Request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	v, err := s.visitor(r)
	if err != nil {
		return err
	}
	if v != nil {
		if err := s.auth.SignOut(r.Context(), v); err != nil {
			return err
		}
	}
	s.forgetSession(w)
	next := pathSignOut
	if id := f.Get("interaction"); isInteractionID(id) {
		next = interactionPath(id)
	} else if f.Get("then") == "login" {
		next = pathLogin
	}
	redirect(w, r, next)
	return nil
}

// forgetSession takes the session out of a browser that signed out. Whoever logs in next on another server chooses an account there:
// that server may still know who has gone.
func (s *Site) forgetSession(w http.ResponseWriter) {
	dropCookie(w, sessionCookie)
	if len(s.ways) > 1 || s.ways[0].Key != "" {
		setCookie(w, selectCookie, "1", untilClosed)
	}
}
