// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
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
		what := "Authenticator app"
		if f.Kind == authserver.FactorPasskey {
			what = "Passkey"
		}
		shown = append(shown, shownFactor{
			ID: hex.EncodeToString(f.ID[:]), What: what, Name: f.Name, CreatedAt: f.CreatedAt, UsedAt: f.UsedAt,
		})
	}
	return shown, codes, nil
}

// totpView is what the page shows that adds an app.
type totpView struct {
	authserver.TOTPEnrolment
	Action  string
	Cancel  *wayOut            // back to the client; nil: to the account, or there is no way back
	Client  *authserver.Client // that demands it; nil: nobody does
	QR      template.HTML
	Name    string
	Problem string
	Passkey *passkeyView // instead of an app; nil: not here

	callback string // where the browser goes at the very end
}

// changingFactors runs what changes factors for whoever is logged in. Whose login is too old logs in again first.
func (s *Site) changingFactors(w http.ResponseWriter, r *http.Request, change func(*authserver.Visitor) error) error {
	v, err := s.signedIn(w, r)
	if v == nil {
		return err
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
		return s.showTOTP(w, http.StatusOK, accountTOTP(e))
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
	if view.Client != nil {
		allowReturn(w, view.callback)
	} else {
		isolateWindow(w)
	}
	if view.Passkey != nil {
		allowScript(w)
	}
	return s.render(w, status, pageTOTP, view)
}

func accountTOTP(e authserver.TOTPEnrolment) totpView {
	return totpView{TOTPEnrolment: e, Action: pathTOTP}
}

// postTOTP is the form of that page.
func (s *Site) postTOTP(w http.ResponseWriter, r *http.Request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	return s.changingFactors(w, r, func(v *authserver.Visitor) error {
		return s.addTOTP(w, r, f, v, pathAccount, func(e authserver.TOTPEnrolment) (totpView, error) { return accountTOTP(e), nil })
	})
}

// addTOTP adds the app whose code is right, shows the page again, or goes on to next.
func (s *Site) addTOTP(w http.ResponseWriter, r *http.Request, f url.Values, v *authserver.Visitor, next string, page func(authserver.TOTPEnrolment) (totpView, error)) error {
	added, err := s.auth.AddTOTP(r.Context(), v, f.Get("ticket"), f.Get("code"), f.Get("name"))
	if errors.Is(err, authserver.WrongCode) {
		again, err := s.auth.BeginTOTPAgain(v, s.host(), f.Get("ticket"))
		if err != nil {
			return err
		}
		view, err := page(again)
		if err != nil {
			return err
		}
		view.Name, view.Problem = f.Get("name"), "The code is wrong. Is the clock of the device right? Enter the code that the app shows now."
		return s.showTOTP(w, http.StatusForbidden, view)
	}
	if err != nil {
		return err
	}
	return s.factorAdded(w, r, added, next)
}

// beginEnrolment shows the page that adds an app or a passkey in an interaction that demands one.
func (s *Site) beginEnrolment(w http.ResponseWriter, r *http.Request, status int, problem string, i authserver.Interaction, p authserver.Position, v *authserver.Visitor) error {
	e, err := s.auth.BeginTOTP(r.Context(), v, s.host())
	if errors.Is(err, authserver.LoginTooOld) { // in this moment
		redirect(w, r, interactionPath(i.ID))
		return nil
	}
	if err != nil {
		return err
	}
	view, err := s.interactionTOTP(r.Context(), i, p, v, e)
	if err != nil {
		return err
	}
	view.Problem = problem
	return s.showTOTP(w, status, view)
}

// interactionTOTP is the page that adds the app, or a passkey in its place.
func (s *Site) interactionTOTP(ctx context.Context, i authserver.Interaction, p authserver.Position, v *authserver.Visitor, e authserver.TOTPEnrolment) (totpView, error) {
	view := totpView{
		TOTPEnrolment: e, Action: interactionPath(i.ID) + "/enrol", Client: p.Client, callback: p.Return.Callback,
		Cancel: s.refusalURL(p.Return, authserver.Refuse(authserver.UnmetAuthenticationRequirements, "the owner added no second factor")),
	}
	if !s.auth.HasPasskeys() {
		return view, nil
	}
	page, err := s.auth.BeginPasskey(ctx, v)
	if err != nil {
		return totpView{}, err
	}
	view.Passkey = newPasskey(page, view.Action)
	return view, nil
}

// postInteractionEnrol is the form of that page.
func (s *Site) postInteractionEnrol(w http.ResponseWriter, r *http.Request) error {
	i, v, err := s.resume(r)
	if err != nil {
		return err
	}
	f, err := fields(r)
	if err != nil {
		return err
	}
	return withProfile(i.Profile, s.enrolInInteraction(w, r, f, i, v))
}

func (s *Site) enrolInInteraction(w http.ResponseWriter, r *http.Request, f url.Values, i authserver.Interaction, v *authserver.Visitor) error {
	path := interactionPath(i.ID)
	p, err := s.auth.Next(r.Context(), i, v)
	if err != nil {
		return err
	}
	if p.Step != authserver.StepEnrol {
		redirect(w, r, path)
		return nil
	}
	if f.Get("answer") != "" {
		return s.addPasskey(w, r, f, v, path, func() error {
			return s.beginEnrolment(w, r, http.StatusForbidden, textNoNewPasskey, i, p, v)
		})
	}
	return s.addTOTP(w, r, f, v, path, func(e authserver.TOTPEnrolment) (totpView, error) {
		return s.interactionTOTP(r.Context(), i, p, v, e)
	})
}

// factorAdded shows the recovery codes, if there are new ones, or goes on to next.
func (s *Site) factorAdded(w http.ResponseWriter, r *http.Request, added authserver.Enrolled, next string) error {
	if added.Login != nil {
		setCookie(w, sessionCookie, added.Login.Session, untilClosed)
	}
	if next == pathAccount {
		setCookie(w, noticeCookie, noticeFactorAdded, noticeLifetime)
	}
	if len(added.RecoveryCodes) == 0 {
		redirect(w, r, next)
		return nil
	}
	return s.showCodes(w, added.RecoveryCodes, next)
}

// codesView is what the page shows with recovery codes.
type codesView struct {
	Codes []string
	Next  string
}

func (s *Site) showCodes(w http.ResponseWriter, codes []string, next string) error {
	if next == pathAccount { // not a window that an application has opened
		isolateWindow(w)
	}
	return s.render(w, http.StatusOK, pageCodes, codesView{Codes: codes, Next: next})
}

// postRecoveryCodes makes new recovery codes.
func (s *Site) postRecoveryCodes(w http.ResponseWriter, r *http.Request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	return s.changingFactors(w, r, func(v *authserver.Visitor) error {
		codes, err := s.auth.RenewRecoveryCodes(r.Context(), v, f.Get("ticket"))
		if err != nil {
			return err
		}
		return s.showCodes(w, codes, pathAccount)
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
