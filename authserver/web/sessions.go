// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// postSessionsEnd ends sessions of whoever is logged in: the one that the field session names, or,
// by the field which, all others, or all.
func (s *Site) postSessionsEnd(w http.ResponseWriter, r *http.Request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	v, err := s.signedIn(w, r)
	if v == nil {
		return err
	}
	switch f.Get("which") {
	case "":
		return s.sessionsEnded(w, r, noticeSession, s.auth.EndSession(r.Context(), v, f.Get("session")))
	case "others":
		return s.sessionsEnded(w, r, noticeSessions, s.auth.EndOtherSessions(r.Context(), v))
	case "all":
		if err := s.auth.EndAllSessions(r.Context(), v); err != nil {
			return err
		}
		dropCookie(w, sessionCookie)
		redirect(w, r, pathSignOut)
		return nil
	default:
		return authserver.Refuse(invalidForm, "which must be others or all")
	}
}

// sessionsEnded shows the account again, with the notice if err is nil.
func (s *Site) sessionsEnded(w http.ResponseWriter, r *http.Request, notice string, err error) error {
	if err != nil {
		return err
	}
	setCookie(w, noticeCookie, notice, noticeLifetime)
	redirect(w, r, pathAccount)
	return nil
}
