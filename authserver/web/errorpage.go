// SPDX-License-Identifier: Apache-2.0

package web

import (
	"cmp"
	"html/template"
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
)

// errorView is what the error page shows.
type errorView struct {
	Title     string
	Text      string // what happened
	Advice    string // what to do
	Detail    string // for those who run the application; from our own words
	RequestID string // for those who run the server
	// Back leads to the application, which Destination names; empty: there is no way back.
	Back        template.URL
	Destination destination
}

// errorWords are what a person is told about a code, and the status that goes with it.
type errorWords struct {
	status              int
	title, text, advice string
	detailed            bool // show the description
	logged              bool // the server's log has more under the request's ID
}

const tellTheirPeople = "Go back to the application and try again. If it happens again, tell the people who run it."

// wordsOf holds a sentence for each code that can reach a page. What is not here is a
// mistake of the application.
var wordsOf = map[authserver.Code]errorWords{
	// One page for unknown, suspended and not accepted clients: it tells none from another.
	authserver.UnknownClient: {
		status: http.StatusBadRequest, title: "This application cannot be used",
		text:   "The application that sent you here is not known, or may not be used at the moment.",
		advice: tellTheirPeople,
	},
	authserver.RequestTokenUnknown: {
		status: http.StatusBadRequest, title: "This link is not known",
		text:   "The link that brought you here belongs to no request of an application. Perhaps a part of it got lost.",
		advice: "Go back to the application and start again.",
	},
	authserver.RequestTokenExpired: {
		status: http.StatusGone, title: "This link has expired",
		text:   "An application's link is good for 10 minutes. Nothing was shared.",
		advice: "Go back to the application and start again.",
	},
	authserver.RequestTokenUsed: {
		status: http.StatusGone, title: "This link was used before",
		text:   "A link is good for one decision, and this one has had it.",
		advice: "Go back to the application. If it was not you who decided, look in your account at what is allowed.",
	},
	authserver.InvalidCallback: {
		status: http.StatusBadRequest, title: "The way back is not known",
		text:   "The application asked to send you to an address that is not registered for it. You were not sent there, and nothing was shared.",
		advice: tellTheirPeople, detailed: true,
	},
	authserver.InteractionGone: {
		status: http.StatusGone, title: "This request is over",
		text:   "It was answered already, took longer than 15 minutes, or was begun in another browser.",
		advice: "Go back to the application and start again.",
	},
	authserver.AccessDenied: { // where there is no client to go back to
		status: http.StatusOK, title: "You did not allow it",
		text: "The application gets no access.", advice: "You can close this page.",
	},
	authserver.TooManyAttempts: {
		status: http.StatusTooManyRequests, title: "Too many attempts",
		text: "There were too many attempts in a short time.", advice: "Wait a moment and try again.",
	},
	authserver.TemporarilyUnavailable: {
		status: http.StatusServiceUnavailable, title: "Not available right now",
		text:   "The server cannot answer at the moment.",
		advice: "Try again in a few seconds.", logged: true,
	},
	authserver.ServerError: {
		status: http.StatusInternalServerError, title: "Something went wrong here",
		text:   "The server made a mistake, not you.",
		advice: "Try again. If it happens again, tell the people who run this server.", logged: true,
	},
}

// setChallenge adds what goes with 401 (RFC 9110 §15.5.2): a scheme that no browser asks a
// person about.
func setChallenge(w http.ResponseWriter, status int) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `OAuth realm="gatehouse"`)
	}
}

var mistakeOfApplication = errorWords{
	status: http.StatusBadRequest, title: "This request cannot be answered",
	text:   "What the browser sent is incomplete or contradicts itself.",
	advice: tellTheirPeople, detailed: true,
}

// wayBack is where an error would have travelled; without an address it cannot.
type wayBack struct {
	address string
	to      authserver.Return
}

// showError shows an error that must not, or cannot, travel to a client. The dialect may have a
// name and a status of its own for it. A link leads back, if there is a way.
func (s *Site) showError(w http.ResponseWriter, r *http.Request, d dialect, e authserver.Refusal, back wayBack) {
	words, ok := wordsOf[e.Code()]
	if !ok {
		words = mistakeOfApplication
	}
	status := words.status
	if status == http.StatusGone && r.Method == http.MethodPost {
		status = http.StatusForbidden // a form that does not belong here is refused
	}
	view := errorView{Title: words.title, Text: words.text, Advice: words.advice}
	if words.detailed {
		view.Detail = e.Error()
	}
	status, identifier := identifierOf(d, e, status)
	view.Detail = cmp.Or(identifier, view.Detail)
	setChallenge(w, status)
	if words.logged {
		view.RequestID = requestID(r.Context())
	}
	if back.address != "" {
		view.Back, view.Destination = linkTo(back.to, back.address), destinationOf(back.to.Callback)
	}
	oauth2.SetRetryAfter(w, e)
	s.writeErrorPage(w, r, status, view)
}

func (s *Site) writeErrorPage(w http.ResponseWriter, r *http.Request, status int, view errorView) {
	isolateWindow(w)
	if err := s.render(w, status, pageError, view); err != nil {
		s.log.ErrorContext(r.Context(), "the error page failed", "err", err)
		http.Error(w, view.Title, http.StatusInternalServerError)
	}
}
