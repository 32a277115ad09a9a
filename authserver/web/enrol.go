// SPDX-License-Identifier: Apache-2.0

package web

import (
	"encoding/hex"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// shownFactor is one of a person's as the account page shows it.
type shownFactor struct {
	ID, What, Name    string
	CreatedAt, UsedAt time.Time
}

// factorsOf returns the factors that the account page lists, and how many recovery codes are left.
func (s *Site) factorsOf(r *http.Request, v *authserver.Visitor) (shown []shownFactor, codes int, err error) {
	factors, err := s.auth.Factors(r.Context(), v)
	if err != nil {
		return nil, 0, err
	}
	for _, f := range factors {
		if f.Kind == authserver.FactorRecovery {
			codes++
			continue
		}
		shown = append(shown, shownFactor{
			ID: hex.EncodeToString(f.ID[:]), What: "Authenticator app", Name: f.Name, CreatedAt: f.CreatedAt, UsedAt: f.UsedAt,
		})
	}
	return shown, codes, nil
}

// totpView is what the page shows that adds an app.
type totpView struct {
	authserver.TOTPEnrolment
	QR      template.HTML
	Name    string
	Problem string
}

// changingFactors runs what changes factors for whoever is logged in. Whose login is too old logs in again first.
func (s *Site) changingFactors(w http.ResponseWriter, r *http.Request, change func(*authserver.Visitor) error) error {
	v, err := s.visitor(r)
	if err != nil {
		return err
	}
	if v == nil {
		redirect(w, r, pathLogin)
		return nil
	}
	err = change(v)
	if errors.Is(err, authserver.LoginTooOld) {
		redirect(w, r, pathLoginAgain)
		return nil
	}
	return err
}

// getTOTP shows the key of an app that may be added. Nothing is kept before the app has shown that it has it.
func (s *Site) getTOTP(w http.ResponseWriter, r *http.Request) error {
	return s.changingFactors(w, r, func(v *authserver.Visitor) error {
		e, err := s.auth.BeginTOTP(r.Context(), v, s.host())
		if err != nil {
			return err
		}
		return s.showTOTP(w, http.StatusOK, totpView{TOTPEnrolment: e})
	})
}

// host is what apps call this server.
func (s *Site) host() string {
	u, err := url.Parse(s.issuer)
	if err != nil { // New has parsed it
		return s.issuer
	}
	return u.Host
}

func (s *Site) showTOTP(w http.ResponseWriter, status int, view totpView) (err error) {
	if view.QR, err = qrCode(view.URI); err != nil {
		return err
	}
	isolateWindow(w)
	return s.render(w, status, pageTOTP, view)
}

// postTOTP is the form of that page.
func (s *Site) postTOTP(w http.ResponseWriter, r *http.Request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	return s.changingFactors(w, r, func(v *authserver.Visitor) error {
		added, err := s.auth.AddTOTP(r.Context(), v, f.Get("ticket"), f.Get("code"), f.Get("name"))
		if errors.Is(err, authserver.WrongCode) {
			again, err := s.auth.BeginTOTPAgain(v, s.host(), f.Get("ticket"))
			if err != nil {
				return err
			}
			return s.showTOTP(w, http.StatusForbidden, totpView{TOTPEnrolment: again, Name: f.Get("name"),
				Problem: "The code is wrong. Is the clock of the device right? Enter the code that the app shows now."})
		}
		if err != nil {
			return err
		}
		return s.factorAdded(w, r, added)
	})
}

// factorAdded shows the recovery codes, if there are new ones, or the account.
func (s *Site) factorAdded(w http.ResponseWriter, r *http.Request, added authserver.Enrolled) error {
	if added.Login != nil {
		setCookie(w, sessionCookie, added.Login.Session, untilClosed)
	}
	setCookie(w, noticeCookie, noticeFactorAdded, noticeLifetime)
	if len(added.RecoveryCodes) == 0 {
		redirect(w, r, pathAccount)
		return nil
	}
	return s.showCodes(w, added.RecoveryCodes)
}

// codesView is what the page shows with recovery codes.
type codesView struct {
	Codes []string
	Next  string
}

func (s *Site) showCodes(w http.ResponseWriter, codes []string) error {
	isolateWindow(w)
	return s.render(w, http.StatusOK, pageCodes, codesView{Codes: codes, Next: pathAccount})
}

// postRecoveryCodes makes new recovery codes.
func (s *Site) postRecoveryCodes(w http.ResponseWriter, r *http.Request) error {
	if _, err := fields(r); err != nil {
		return err
	}
	return s.changingFactors(w, r, func(v *authserver.Visitor) error {
		codes, err := s.auth.RenewRecoveryCodes(r.Context(), v)
		if err != nil {
			return err
		}
		return s.showCodes(w, codes)
	})
}

// postFactorRemove removes the factor that the field names.
func (s *Site) postFactorRemove(w http.ResponseWriter, r *http.Request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	return s.changingFactors(w, r, func(v *authserver.Visitor) error {
		if err := s.auth.RemoveFactor(r.Context(), v, f.Get("factor")); err != nil {
			return err
		}
		setCookie(w, noticeCookie, noticeFactor, noticeLifetime)
		redirect(w, r, pathAccount)
		return nil
	})
}
