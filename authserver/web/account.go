// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

const (
	pathAccount = "/account"
	pathLogin   = "/login"
	pathSignOut = "/signout"
	pathFactor  = "/login/factor"
	// pathLoginAgain asks somebody who is logged in to do so once more.
	pathLoginAgain = "/login/again"
	pathTOTP       = "/account/factors/totp"
)

// accountView is what the account page shows.
type accountView struct {
	Owner    authserver.Owner
	Accesses []authserver.Access
	Sessions []authserver.OpenSession
	Others   bool               // there are sessions beside this one
	Removed  *authserver.Client // whose access was removed just now
	Ended    string             // which sessions were ended just now
	Factors  []shownFactor
	// MayHaveFactors is set for people who log in here with a password.
	MayHaveFactors bool
	Passkeys       bool   // they may add one
	Codes          int    // recovery codes that are left
	CodesTicket    string // of the form that makes new ones
}

// What the notice cookie says when sessions were ended. No client ID begins like this.
const (
	noticeSession  = "!session"
	noticeSessions = "!sessions"
	// The same for factors.
	noticeFactor      = "!factor"
	noticeFactorAdded = "!factor-added"
)

// getHome sends people to what there is for them.
func (s *Site) getHome(w http.ResponseWriter, r *http.Request) error {
	redirect(w, r, pathAccount)
	return nil
}

// getAccount shows what the owner allowed, to whom, since when and until when, and where they are
// signed in.
func (s *Site) getAccount(w http.ResponseWriter, r *http.Request) error {
	v, err := s.signedIn(w, r)
	if v == nil {
		return err
	}
	accesses, err := s.auth.Accesses(r.Context(), v)
	if err != nil {
		return err
	}
	sessions, err := s.auth.Sessions(r.Context(), v)
	if err != nil {
		return err
	}
	view := accountView{Owner: v.Owner, Accesses: accesses, Sessions: sessions, Others: len(sessions) > 1, MayHaveFactors: v.MayHaveFactors(), Passkeys: s.auth.HasPasskeys()}
	if view.Factors, view.Codes, err = s.factorsOf(r, v); err != nil {
		return err
	}
	if len(view.Factors) > 0 {
		if view.CodesTicket, err = s.auth.BeginRecoveryCodes(v); err != nil {
			return err
		}
	}
	// The notice is a cookie and not part of the URL, or a link could make us say it.
	switch notice := cookieOf(r, noticeCookie); notice {
	case "":
	case noticeSession, noticeSessions, noticeFactor, noticeFactorAdded:
		view.Ended = notice
		dropCookie(w, noticeCookie)
	default:
		view.Removed, _ = s.auth.Client(notice)
		dropCookie(w, noticeCookie)
	}
	isolateWindow(w)
	return s.render(w, http.StatusOK, pageAccount, view)
}

// postAccountRevoke ends everything the owner allowed one client.
func (s *Site) postAccountRevoke(w http.ResponseWriter, r *http.Request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	v, err := s.signedIn(w, r)
	if v == nil {
		return err
	}
	clientID := f.Get("clientID")
	if err := s.auth.Forget(r.Context(), v, clientID); err != nil {
		return err
	}
	if _, ok := s.auth.Client(clientID); ok {
		setCookie(w, noticeCookie, clientID, noticeLifetime)
	}
	redirect(w, r, pathAccount)
	return nil
}
