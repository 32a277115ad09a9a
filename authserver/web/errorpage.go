// SPDX-License-Identifier: Apache-2.0

package web

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

// errorView is what the error page shows.
type errorView struct {
	Title string
	Text  string            // what happened
	Owner *authserver.Owner // who is signed in; nil: nobody, or it cannot be told now
	// Interaction is where another account can go on; empty: nowhere, so it leads to the login page.
	Interaction string
	Advice      string // what to do
	Reopen      string // the page to open again; empty: none
	Detail      string // for those who run the application; from our own words
	RequestID   string // for those who run the server
	// Back leads to the application, which Destination names; nil: there is no way back.
	Back        *wayOut
	BackText    string
	Destination destination
}

// setChallenge adds what goes with 401 (RFC 9110 §15.5.2): a scheme that no browser asks a
// person about.
func setChallenge(w http.ResponseWriter, status int) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `OAuth realm="gatehouse"`)
	}
}

// wayBack is where an error would have travelled, or where the person may go instead; without an
// address there is no way.
type wayBack struct {
	address string
	to      authserver.Return
	text    string // beside the link
}

const (
	textNobodySignedIn = "You were not sent back to the application, because nobody has signed in here. You can go there yourself:"
	textExpired        = "The button takes you back and tells the application that this request led to nothing. It leads to"
)

// showError shows an error that must not, or cannot, travel to a client. The dialect may have a
// name and a status of its own for it. A link leads back, if there is a way.
func (s *Site) showError(w http.ResponseWriter, r *http.Request, d dialect, e authserver.Refusal, v *authserver.Visitor, back wayBack) {
	words := wordsOf(e)
	status := words.status
	if status == http.StatusGone && r.Method == http.MethodPost {
		status = http.StatusForbidden // a form that does not belong here is refused
	}
	view := errorView{Title: words.title, Text: words.text, Advice: words.advice}
	if v != nil {
		view.Owner = &v.Owner
	}
	if words.detailed {
		view.Detail = e.Error()
	}
	if words.reopen {
		view.Reopen, view.Interaction = pageOf(r), interactionOf(r)
	}
	status, identifier := identifierOf(d, e, status)
	view.Detail = cmp.Or(identifier, view.Detail)
	setChallenge(w, status)
	if back.address != "" {
		view.Back, view.BackText, view.Destination = linkTo(back.to, back.address), back.text, destinationOf(back.to.Callback)
		allowForm(w, back.to)
	}
	oauth2.SetRetryAfter(w, e)
	if status == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", httpsyntax.RetryAfter(unavailableRetry))
	}
	s.writeErrorPage(w, r, status, view)
}

// interactionOf returns the interaction that r's address names; empty if it names none.
func interactionOf(r *http.Request) string {
	if id := r.PathValue("id"); isInteractionID(id) {
		return id
	}
	return ""
}

// pageOf returns the address of the page that holds the form which was sent to r's address.
func pageOf(r *http.Request) string {
	if id := interactionOf(r); id != "" {
		return interactionPath(id)
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return "/" + first
}

// wayBackFrom returns where a person may go from an interaction that has expired.
func (s *Site) wayBackFrom(r *http.Request, e authserver.Refusal, v *authserver.Visitor) wayBack {
	expired, ok := errors.AsType[authserver.InteractionError](e)
	if !ok {
		return wayBack{}
	}
	to, ok := s.auth.WayBack(r.Context(), expired, v)
	if !ok {
		return wayBack{}
	}
	denied := authserver.NewReturnError(authserver.Refuse(authserver.AccessDenied, "the request expired before it was answered"), to)
	return wayBack{address: dialectOf(to.Profile).failure(s.issuer, denied), to: to, text: textExpired}
}

// writeErrorPage shows an error page. Each has the ID under which the server's log knows the request.
func (s *Site) writeErrorPage(w http.ResponseWriter, r *http.Request, status int, view errorView) {
	view.RequestID = requestID(r.Context())
	isolateWindow(w)
	if err := s.render(w, status, pageError, view); err != nil {
		s.log.ErrorContext(r.Context(), "the error page failed", "err", err)
		http.Error(w, view.Title, http.StatusInternalServerError)
	}
}
