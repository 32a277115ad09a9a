// SPDX-License-Identifier: Apache-2.0

package web

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

const (
	pathPasskey      = "/account/factors/passkey"
	pathLoginPasskey = "/login/passkey"
	// shortestTie is how long a value is at least that ties a page to a browser.
	shortestTie = 20
)

// passkeyView is a form that asks for a passkey. The script of the page shows it.
type passkeyView struct {
	authserver.PasskeyPage
	Action string
	Button string
	// Kind is login, where the browser may offer passkeys by itself, get or create.
	Kind string
	Name string // what a new one is to be called; for create alone
}

// allowScript lets the page load the one script of ours. It comes after everything else that writes the policy.
func allowScript(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Security-Policy", h.Get("Content-Security-Policy")+"; script-src 'self'")
}

// tieOf returns what ties a login page to this browser: the request that it is for or, on the way to the account, a cookie of its own.
func tieOf(r *http.Request) string {
	if id := r.PathValue("id"); id != "" {
		return cookieOf(r, interactionCookie+id)
	}
	return cookieOf(r, browserCookie)
}

// offerPasskey lets the login page ask for a passkey.
func (s *Site) offerPasskey(w http.ResponseWriter, r *http.Request, view *loginView) error {
	if !s.auth.HasPasskeys() {
		return nil
	}
	id, tie, action := r.PathValue("id"), tieOf(r), pathLoginPasskey
	if id != "" {
		action = interactionPath(id) + "/passkey"
	} else if r.Method == http.MethodHead { // which has no effect, and shows no page
		return nil
	} else if len(tie) < shortestTie {
		tie = rand.Text()
		setCookie(w, browserCookie, tie, untilClosed)
	}
	page, err := s.auth.BeginPasskeyLogin(tie, id)
	if err != nil {
		return err
	}
	view.Passkey = &passkeyView{PasskeyPage: page, Action: action, Button: "Sign in with a passkey", Kind: "login"}
	if view.Problem != "" && !view.Invalid { // the browser does not offer by itself what was refused a moment ago
		view.Passkey.Kind = "get"
	}
	allowScript(w)
	return nil
}

// postLoginPasskey is the form of the login page with a passkey, for the account.
func (s *Site) postLoginPasskey(w http.ResponseWriter, r *http.Request) error {
	if r.Header.Get("Sec-Fetch-Site") == "same-origin" && !hasCookies(r) {
		return authserver.NewInteractionError(cookiesOff, "the browser did not send the cookie back")
	}
	return s.loginWithPasskey(w, r, loginView{Action: pathLogin}, pathAccount)
}

// postInteractionPasskey is the same in an interaction.
func (s *Site) postInteractionPasskey(w http.ResponseWriter, r *http.Request) error {
	i, err := s.interaction(r)
	if err != nil {
		return err
	}
	p, err := s.auth.Next(r.Context(), i, nil)
	if err != nil {
		return withProfile(i.Profile, err)
	}
	return s.loginWithPasskey(w, r, s.loginViewOf(i, p), interactionPath(i.ID))
}

// loginWithPasskey checks what the authenticator answered. The browser gets its cookies and goes on to next, or sees the page again.
func (s *Site) loginWithPasskey(w http.ResponseWriter, r *http.Request, view loginView, next string) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	a := passkeyAnswer(r, f, r.PathValue("id"))
	a.Browser = tieOf(r)
	login, err := s.auth.LoginWithPasskey(r.Context(), a)
	if errors.Is(err, authserver.InteractionOfOtherLogin) { // they were gone, or changed their password, at the same moment
		redirect(w, r, pageOfLogin(r.PathValue("id")))
		return nil
	}
	if err != nil {
		return s.showLoginAgain(w, r, err, view)
	}
	rememberPassword(w, s.ways)
	if err := s.keepLogin(w, r, login); err != nil {
		return err
	}
	redirect(w, r, next)
	return nil
}

func passkeyAnswer(r *http.Request, f url.Values, interaction string) authserver.PasskeyAnswer {
	return authserver.PasskeyAnswer{
		Ticket: f.Get("page"), Answer: f.Get("answer"), For: interaction,
		Address: clientAddress(r.Context()), Device: cookieOf(r, deviceCookie),
	}
}

// newPasskeyView is what the page shows that adds a passkey.
type newPasskeyView struct {
	Passkey *passkeyView
	Problem string
}

func newPasskey(page authserver.PasskeyPage, action string) *passkeyView {
	return &passkeyView{PasskeyPage: page, Action: action, Button: "Add a passkey", Kind: "create"}
}

// getPasskey shows the page that adds a passkey. Nothing is kept before the authenticator has made one.
func (s *Site) getPasskey(w http.ResponseWriter, r *http.Request) error {
	return s.changingFactors(w, r, func(v *authserver.Visitor) error {
		return s.showNewPasskey(w, r, http.StatusOK, v, "", "")
	})
}

func (s *Site) showNewPasskey(w http.ResponseWriter, r *http.Request, status int, v *authserver.Visitor, name, problem string) error {
	page, err := s.auth.BeginPasskey(r.Context(), v)
	if err != nil {
		return err
	}
	view := newPasskeyView{Passkey: newPasskey(page, pathPasskey), Problem: problem}
	view.Passkey.Name = name
	isolateWindow(w)
	allowScript(w)
	return s.render(w, status, pagePasskey, view)
}

// postPasskey is the form of that page.
func (s *Site) postPasskey(w http.ResponseWriter, r *http.Request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	return s.changingFactors(w, r, func(v *authserver.Visitor) error {
		return s.addPasskey(w, r, f, v, pathAccount, func() error {
			return s.showNewPasskey(w, r, http.StatusForbidden, v, f.Get("name"), textNoNewPasskey)
		})
	})
}

const textNoNewPasskey = "The passkey was not added: what made it did not check that it is you, or answered something else. Try again, or take another device."

// addPasskey adds the passkey that was made and goes on to next, or shows the page again.
func (s *Site) addPasskey(w http.ResponseWriter, r *http.Request, f url.Values, v *authserver.Visitor, next string, again func() error) error {
	added, err := s.auth.AddPasskey(r.Context(), v, f.Get("page"), f.Get("answer"), f.Get("name"))
	if errors.Is(err, authserver.WrongPasskey) {
		return again()
	}
	if err != nil {
		return err
	}
	return s.factorAdded(w, r, added, next)
}

// passkeyProblem is what loginProblem is for passkeys.
func passkeyProblem(e authserver.Refusal) (text string, status int) {
	switch e.Code() {
	case authserver.WrongPasskey:
		return "This passkey does not sign you in. It is not known here any more, or did not check that it is you. Take another one, or sign in another way.", http.StatusForbidden
	case authserver.PasskeyTooLate:
		return "The page was open for too long, or its passkey was used before. Try once more.", http.StatusForbidden
	case authserver.PasskeyCopied:
		return "This passkey was not accepted: somebody may have a copy of it. Sign in another way, remove it in your account and tell the people who run this server.", http.StatusForbidden
	default:
		return "", 0
	}
}
