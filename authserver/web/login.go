// SPDX-License-Identifier: Apache-2.0

package web

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
)

// loginView is what the login page shows.
type loginView struct {
	Action   string             // where the form goes
	Client   *authserver.Client // who the login is for; nil: not to be told, or for the account page
	Onward   bool               // the login is for a client
	Cancel   *wayOut            // back to the client; nil: there is no way back
	Username string             // as typed before
	Problem  string             // what was wrong before
	Invalid  bool               // with what was typed
	Again    bool               // somebody is logged in, and is to do so once more
	// RequestID is set with a problem that only the people who run the server can look into.
	RequestID string
	Passkey   *passkeyView // instead of a password; nil: there are none here
	// Otherwise leads to other ways to sign in; empty: there are none.
	Otherwise string

	callback string // where the browser goes at the very end; empty: not known yet
}

func (s *Site) showLogin(w http.ResponseWriter, r *http.Request, status int, view loginView) error {
	if view.Onward {
		allowReturn(w, view.callback)
	} else {
		isolateWindow(w)
	}
	if err := s.offerPasskey(w, r, &view); err != nil {
		return err
	}
	return s.render(w, status, pageLogin, view)
}

// getLogin is the login page for those who come for their account. It takes no address
// to go to afterwards: whoever wrote the link would choose it.
func (s *Site) getLogin(w http.ResponseWriter, r *http.Request) error {
	half, err := s.halfLogin(r, "")
	if err != nil {
		return err
	}
	if half != nil {
		return s.showFactor(w, r, http.StatusOK, factorView{Action: pathFactor, Owner: *half})
	}
	v, err := s.visitor(r)
	if err != nil {
		return err
	}
	if v != nil {
		redirect(w, r, pathAccount)
		return nil
	}
	if cookieOf(r, browserCookie) == "" && cookieOf(r, sessionCookie) == "" && cookieOf(r, deviceCookie) == "" { // any other cookie may end before the form is sent
		setCookie(w, browserCookie, rand.Text(), untilClosed)
	}
	return s.offerLogin(w, r, authserver.Interaction{}, loginView{Action: pathLogin})
}

// postLogin is the form of that page.
func (s *Site) postLogin(w http.ResponseWriter, r *http.Request) error {
	// The page came with a cookie. A form that was sent from it without one would log nobody in.
	if r.Header.Get("Sec-Fetch-Site") == "same-origin" && !hasCookies(r) {
		return authserver.NewInteractionError(cookiesOff, "the browser did not send the cookie back")
	}
	return s.login(w, r, loginView{Action: pathLogin}, pathAccount)
}

// getLoginAgain is the login page for somebody whose login is not new enough for what they want.
func (s *Site) getLoginAgain(w http.ResponseWriter, r *http.Request) error {
	v, err := s.signedIn(w, r)
	if v == nil {
		return err
	}
	if way, ok := s.way(v.Owner.Source); ok { // they have no password here
		return s.showChoice(w, http.StatusOK, choiceView{Ways: []choice{{way.Name, addressOfWay("", way) + "?" + againQuery + "=1"}}})
	}
	return s.showLogin(w, r, http.StatusOK, loginView{Action: pathLogin, Again: true, Username: v.Owner.Name})
}

// login checks what was typed. The browser gets its cookies and goes on to next, or sees
// the page again.
func (s *Site) login(w http.ResponseWriter, r *http.Request, view loginView, next string) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	done, err := s.logIn(w, r, f)
	if err != nil {
		view.Username = f.Get("username")
		return s.showLoginAgain(w, r, err, view)
	}
	if !done && next == pathAccount {
		next = pathLogin // which asks for the factor, as the page of an interaction does
	}
	redirect(w, r, next)
	return nil
}

// showLoginAgain says on the login page what was wrong.
func (s *Site) showLoginAgain(w http.ResponseWriter, r *http.Request, cause error, view loginView) error {
	e := s.outside(r, cause)
	text, status := loginProblem(e)
	if text == "" {
		return e
	}
	oauth2.SetRetryAfter(w, e)
	_, ofPasskey := passkeyProblem(e)
	view.Problem, view.Invalid = text, ofPasskey == 0
	if len(s.ways) > 1 {
		view.Otherwise = pageOf(r) + "?" + wayQuery + "=" + wayChoice
	}
	if status != http.StatusForbidden {
		view.RequestID = requestID(r.Context())
	}
	return s.showLogin(w, r, status, view)
}

// logIn opens a session and reports that it did, or asks for a factor first.
func (s *Site) logIn(w http.ResponseWriter, r *http.Request, f url.Values) (done bool, err error) {
	login, err := s.auth.Login(r.Context(), authserver.Credentials{
		Username: f.Get("username"), Password: f.Get("password"),
		Address: clientAddress(r.Context()), Device: cookieOf(r, deviceCookie), For: r.PathValue("id"),
	})
	if err != nil {
		return false, err
	}
	rememberPassword(w, s.ways)
	if login.Half != "" {
		setCookie(w, halfCookie, login.Half, authserver.HalfLoginLifetime)
		return false, nil
	}
	return true, s.keepLogin(w, r, login)
}

// keepLogin puts a session into the browser. It ends the one that the browser had.
func (s *Site) keepLogin(w http.ResponseWriter, r *http.Request, login authserver.Login) error {
	before, err := s.visitor(r)
	if err != nil {
		return err
	}
	s.shared.note(r.Context(), clientAddress(r.Context()), login.Owner.Name)
	if before != nil {
		if err := s.auth.SignOut(r.Context(), before); err != nil {
			return err
		}
	}
	// The session ends with the browser, or after its time on the server.
	setCookie(w, sessionCookie, login.Session, untilClosed)
	if login.Device != "" {
		setCookie(w, deviceCookie, login.Device, authserver.DeviceLifetime)
	}
	if cookieOf(r, halfCookie) != "" {
		dropCookie(w, halfCookie)
	}
	return nil
}

// loginProblem returns what the login page says about an error and the status that goes
// with it; no text if the page has nothing to say. 403 and not 401: RFC 9110 §15.5.2
// wants a challenge with 401, which browsers answer with a box of their own.
func loginProblem(e authserver.Refusal) (text string, status int) {
	wait, _ := errors.AsType[authserver.WaitError](e)
	switch e.Code() {
	case authserver.WrongPassword:
		return "The user name or the password is wrong. Check both and try again.", http.StatusForbidden
	case authserver.TooManyAttempts:
		return "There were too many attempts. Try again in " + inWords(wait.After()) + ".", http.StatusTooManyRequests
	case authserver.TemporarilyUnavailable:
		return "Signing in is not possible right now. Try again in a few seconds.", http.StatusServiceUnavailable
	default:
		return passkeyProblem(e)
	}
}

// inWords rounds up: who waits that long need not wait again.
func inWords(d time.Duration) string {
	switch seconds := int((d + time.Second - 1) / time.Second); {
	case seconds <= 1:
		return "a second"
	case seconds < 100:
		return fmt.Sprintf("%d seconds", seconds)
	default:
		return fmt.Sprintf("%d minutes", (seconds+59)/60)
	}
}

// visitor returns who is logged in in this browser, or nil.
func (s *Site) visitor(r *http.Request) (*authserver.Visitor, error) {
	return s.auth.Visitor(r.Context(), cookieOf(r, sessionCookie))
}

// signedIn returns who is logged in in this browser. Nil: the caller returns the error, and where there is none, the browser was sent to
// the login.
func (s *Site) signedIn(w http.ResponseWriter, r *http.Request) (*authserver.Visitor, error) {
	v, err := s.visitor(r)
	if err != nil {
		return nil, err
	}
	if v == nil {
		redirect(w, r, pathLogin)
	}
	return v, nil
}

// fields reads a form of ours. Only a list has a field twice.
func fields(r *http.Request, lists ...string) (url.Values, error) {
	if err := r.ParseForm(); err != nil {
		return nil, authserver.Refuse(invalidForm, "the form is not well-formed or too large")
	}
	for name, values := range r.PostForm {
		if len(values) > 1 && !slices.Contains(lists, name) {
			return nil, authserver.Refuse(invalidForm, "a field is given twice")
		}
	}
	return r.PostForm, nil
}
