// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
)

// factorView is what the page shows that asks for a factor.
type factorView struct {
	Action    string
	Client    *authserver.Client // who the login is for; nil: not to be told, or for the account page
	Onward    bool
	Cancel    *wayOut
	Owner     authserver.Owner
	Problem   string
	Invalid   bool // what was typed
	RequestID string
	App       bool         // they have an app
	Passkey   *passkeyView // nil: they have none

	callback string
}

func (s *Site) showFactor(w http.ResponseWriter, r *http.Request, status int, view factorView) error {
	if view.Onward {
		allowReturn(w, view.callback)
	} else {
		isolateWindow(w)
	}
	steps, err := s.stepsOf(r)
	if err != nil {
		return err
	}
	if view.App = steps.App; steps.Passkey.Ticket != "" {
		view.Passkey = &passkeyView{PasskeyPage: steps.Passkey, Action: view.Action, Button: "Use a passkey", Kind: "get"}
		allowScript(w)
	}
	return s.render(w, status, pageFactor, view)
}

// stepsOf returns what whoever is asked for a second step can show.
func (s *Site) stepsOf(r *http.Request) (authserver.SecondSteps, error) {
	interaction := r.PathValue("id")
	v, err := s.raising(r, interaction)
	if err != nil {
		return authserver.SecondSteps{}, err
	}
	if v != nil {
		return s.auth.StepsOf(r.Context(), v, interaction)
	}
	return s.auth.StepsOfHalf(r.Context(), cookieOf(r, halfCookie), interaction)
}

// halfLogin returns who has to prove a factor in this browser, for an interaction or, without an ID, the account.
func (s *Site) halfLogin(r *http.Request, interaction string) (*authserver.Owner, error) {
	half := cookieOf(r, halfCookie)
	if half == "" {
		return nil, nil
	}
	return s.auth.HalfLogin(r.Context(), half, interaction)
}

func (s *Site) showInteractionFactor(w http.ResponseWriter, r *http.Request, status int, i authserver.Interaction, p authserver.Position, half *authserver.Owner, err error) error {
	if err != nil {
		return err
	}
	return s.showFactor(w, r, status, s.factorViewOf(i, p, *half))
}

func (s *Site) factorViewOf(i authserver.Interaction, p authserver.Position, o authserver.Owner) factorView {
	login := s.loginViewOf(i, p)
	return factorView{
		Action: interactionPath(i.ID) + "/factor", Onward: true, Owner: o, Client: login.Client, Cancel: login.Cancel, callback: login.callback,
	}
}

// postFactor is the form of that page, for the account.
func (s *Site) postFactor(w http.ResponseWriter, r *http.Request) error {
	return s.proveFactor(w, r, "", pathLogin, pathAccount, func(o authserver.Owner) factorView {
		return factorView{Action: pathFactor, Owner: o}
	})
}

// postInteractionFactor is the same in an interaction.
func (s *Site) postInteractionFactor(w http.ResponseWriter, r *http.Request) error {
	i, err := s.interaction(r)
	if err != nil {
		return err
	}
	p, err := s.auth.Next(r.Context(), i, nil)
	if err != nil {
		return withProfile(i.Profile, err)
	}
	path := interactionPath(i.ID)
	err = s.proveFactor(w, r, i.ID, path, path, func(o authserver.Owner) factorView { return s.factorViewOf(i, p, o) })
	return withProfile(i.Profile, err)
}

// proveFactor checks what was answered. The browser gets its cookies and goes on to next, sees the page again, or begins
// anew at start.
func (s *Site) proveFactor(w http.ResponseWriter, r *http.Request, interaction, start, next string, view func(authserver.Owner) factorView) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	v, err := s.raising(r, interaction)
	if err != nil {
		return err
	}
	if f.Get("again") != "" {
		return s.beginAnew(w, r, v, start)
	}
	if v != nil && v.Session.TwoFactors() { // proven on another page
		redirect(w, r, next)
		return nil
	}
	login, err := s.checkFactor(r, f, v, interaction)
	switch {
	case err == nil:
		if err := s.keepLogin(w, r, login); err != nil {
			return err
		}
		redirect(w, r, next)
		return nil
	case errors.Is(err, authserver.InteractionOfOtherLogin):
		dropCookie(w, halfCookie)
		redirect(w, r, start)
		return nil
	}
	return s.showFactorAgain(w, r, interaction, start, err, view)
}

// checkFactor takes a code or a passkey of the visitor or, without one, of who is logging in.
func (s *Site) checkFactor(r *http.Request, f url.Values, v *authserver.Visitor, interaction string) (authserver.Login, error) {
	half, passkey := cookieOf(r, halfCookie), f.Get("answer") != ""
	switch {
	case passkey && v != nil:
		return s.auth.RaiseWithPasskey(r.Context(), v, passkeyAnswer(r, f, interaction))
	case passkey:
		return s.auth.ProvePasskey(r.Context(), half, passkeyAnswer(r, f, interaction))
	case v != nil:
		return s.auth.RaiseSession(r.Context(), v, f.Get("code"), cookieOf(r, deviceCookie))
	default:
		return s.auth.ProveFactor(r.Context(), authserver.FactorAnswer{
			Half: half, For: interaction, Code: f.Get("code"), Device: cookieOf(r, deviceCookie),
		})
	}
}

// raising returns who is logged in already and proves a second factor for an interaction; nil: somebody is logging in.
func (s *Site) raising(r *http.Request, interaction string) (*authserver.Visitor, error) {
	if interaction == "" {
		return nil, nil
	}
	if half, err := s.halfLogin(r, interaction); half != nil || err != nil { // that of another page does not count
		return nil, err
	}
	return s.visitor(r)
}

// beginAnew forgets who is logging in, or is logged in.
func (s *Site) beginAnew(w http.ResponseWriter, r *http.Request, v *authserver.Visitor, start string) error {
	if v != nil {
		if err := s.auth.SignOut(r.Context(), v); err != nil {
			return err
		}
		dropCookie(w, sessionCookie)
	}
	dropCookie(w, halfCookie)
	redirect(w, r, start)
	return nil
}

// showFactorAgain says what was wrong, unless the login has ended meanwhile.
func (s *Site) showFactorAgain(w http.ResponseWriter, r *http.Request, interaction, start string, cause error, view func(authserver.Owner) factorView) error {
	e := s.outside(r, cause)
	text, status := factorProblem(e)
	if text == "" {
		return e
	}
	owner, err := s.halfLogin(r, interaction)
	if err != nil {
		return e
	}
	if v, err := s.raising(r, interaction); err == nil && v != nil {
		owner = &v.Owner
	}
	if owner == nil {
		redirect(w, r, start)
		return nil
	}
	again := view(*owner)
	_, ofPasskey := passkeyProblem(e)
	again.Problem, again.Invalid = text, ofPasskey == 0
	if status != http.StatusForbidden {
		again.RequestID = requestID(r.Context())
	}
	oauth2.SetRetryAfter(w, e)
	return s.showFactor(w, r, status, again)
}

// factorProblem is what loginProblem is for the second step.
func factorProblem(e authserver.Refusal) (text string, status int) {
	if e.Code() == authserver.WrongCode {
		return "The code is wrong, or was used before. Wait for the next one and try again.", http.StatusForbidden
	}
	return loginProblem(e)
}
