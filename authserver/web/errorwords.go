// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// errorWords are what a person is told about an error, and the status that goes with it.
type errorWords struct {
	is                  error // a Code or a cause, which errors.Is finds
	status              int
	title, text, advice string
	detailed            bool // show the description
	reopen              bool // link to the page that the form was on
}

const (
	startAgain      = "Go back to the application and start again."
	tellTheirPeople = "Go back to the application and try again. If it happens again, tell the people who run it."
	tellOurPeople   = "If it happens again, tell the people who run this server and give them the request ID."
)

// Causes that only the web knows, beside those of the engine.
const (
	// cookiesOff is a browser that does not send back the cookie that it was given a moment ago.
	cookiesOff authserver.InteractionCause = "cookies off"
	// cookiesMissing is a browser without any cookie of ours, which may be another one.
	cookiesMissing authserver.InteractionCause = "no cookie"
	// cookieReplaced is a request whose cookie made room for newer requests.
	cookieReplaced authserver.InteractionCause = "too many requests"
	// cookieUnknown is a browser with cookies of ours, but none of this request.
	cookieUnknown authserver.InteractionCause = "no cookie of this request"
	// addressIncomplete is an address that this server never gave to anybody.
	addressIncomplete authserver.InteractionCause = "address incomplete"
	crossSite         authserver.InteractionCause = "form of another site"
	// originHidden is a form whose site the browser does not tell: Origin is null.
	originHidden authserver.InteractionCause = "origin hidden"
)

// invalidForm is a form of ours that was changed or cut off on its way.
const invalidForm authserver.Code = "invalid_form"

// pageWords are what people are told. The first row that matches an error counts. What has no row is
// a mistake of the application.
var pageWords = []errorWords{
	{
		is: cookiesOff, status: http.StatusGone, title: "Your browser does not keep cookies",
		text:   "This site gave your browser a cookie a moment ago, and the browser did not send it back. Without cookies nobody can sign in here.",
		advice: "Allow cookies for this site in the settings of your browser. Then go back to where you came from and start again.",
	},
	{
		is: cookiesMissing, status: http.StatusGone, title: "Your browser sent no cookie of this site",
		text: "A request can only go on in the browser where it began. Perhaps this is another browser or a private window. " +
			"Perhaps this browser does not keep cookies.",
		advice: "Go on in the browser where you began. If it is this one, allow cookies for this site in its settings. Then go back to the application and start again.",
	},
	{
		is: cookieReplaced, status: http.StatusGone, title: "Too many requests are open in this browser",
		text:   fmt.Sprintf("A browser keeps at most %d requests at a time, and fewer if they are long. Newer requests took the place of this one.", maxInteractions),
		advice: "Finish the newer requests or close their pages. Then go back to the application and start again.",
	},
	{
		is: cookieUnknown, status: http.StatusGone, title: "This browser does not have this request",
		text:   "The request began in another browser, or it ended in this one.",
		advice: "Go on in the browser where you began. If the application has no access yet, go back to it and start again.",
	},
	{
		is: addressIncomplete, status: http.StatusGone, title: "This address is not complete",
		text: "Perhaps a part of it got lost when it was copied.", advice: startAgain,
	},
	{
		is: crossSite, status: http.StatusGone, title: "This form came from another site",
		text:   "Your browser says that another site sent this form. Nothing was changed and nothing was shared.",
		advice: "If you meant to send it, open the page of this site and send it there.", reopen: true,
	},
	{
		is: originHidden, status: http.StatusGone, title: "Your browser hides where this form came from",
		text: "Your browser did not say which site sent this form. So another site could have sent it. Nothing was changed and nothing was shared.",
		advice: "Open the page in a window of its own and send the form there. If it happens again, " +
			"turn off the extension or the setting that hides the origin from this site.", reopen: true,
	},
	{
		is: authserver.InteractionUnreadable, status: http.StatusGone, title: "This request cannot be read",
		text:   "The cookie that holds the request was changed, or the server no longer has the key for it. Nothing was shared.",
		advice: startAgain + " " + tellOurPeople,
	},
	{
		is: authserver.AnswerUsed, status: http.StatusGone, title: "You answered this request before",
		text:   "The application has got your answer and has used it. Nothing was changed now.",
		advice: "Go back to the application. If it asks again, start again there. If it was not you who answered, look in your account at what is allowed.",
	},
	{
		is: authserver.AnswerExpired, status: http.StatusGone, title: "Your answer has expired",
		text:   "You answered this request before, and the application did not use the answer in time. Nothing was shared.",
		advice: startAgain,
	},
	{
		is: authserver.AnswerWithdrawn, status: http.StatusGone, title: "This access was removed",
		text:   "You allowed this request before, and the access was removed since. Nothing was changed now.",
		advice: "To allow it again, go back to the application and start again.",
	},
	{
		is: authserver.AnsweredOtherwise, status: http.StatusGone, title: "You answered this request otherwise before",
		text:   "The first answer counts. This one changed nothing.",
		advice: "To answer otherwise, go back to the application and start again. Your account shows what is allowed.",
	},
	{
		is: authserver.DecisionOfNoPage, status: http.StatusGone, title: "Your decision was not counted",
		text:   "The form did not come from the page with the question. Nothing was changed and nothing was shared.",
		advice: "Look at the question again and decide once more.", reopen: true,
	},
	{ // its own page asks again; this is for a decision at a page that asks nothing
		is: authserver.InteractionOfOtherLogin, status: http.StatusGone, title: "Your decision was not counted",
		text:   "The page with the question is out of date. Nothing was changed and nothing was shared.",
		advice: "Look at the question again and decide once more.", reopen: true,
	},
	// One page for unknown, suspended and not accepted clients: it tells none from another.
	{
		is: authserver.UnknownClient, status: http.StatusBadRequest, title: "This application cannot be used",
		text:   "The application that sent you here is not known, or may not be used at the moment.",
		advice: tellTheirPeople,
	},
	{
		is: authserver.RequestTokenUnknown, status: http.StatusBadRequest, title: "This link is not known",
		text:   "The link that brought you here belongs to no request of an application. Perhaps a part of it got lost.",
		advice: startAgain,
	},
	{
		is: authserver.RequestTokenExpired, status: http.StatusGone, title: "This link has expired",
		text: "An application's link is good for 10 minutes. Nothing was shared.", advice: startAgain,
	},
	{
		is: authserver.RequestTokenUsed, status: http.StatusGone, title: "This link was used before",
		text:   "A link is good for one decision, and this one has had it.",
		advice: "Go back to the application. If it was not you who decided, look in your account at what is allowed.",
	},
	{
		is: authserver.InteractionExpired, status: http.StatusGone, title: "This request has expired",
		text: "A request waits 15 minutes for your answer. This one is older. If you had not answered it before, nothing was shared.", advice: startAgain,
	},
	{
		is: authserver.InvalidCallback, status: http.StatusBadRequest, title: "The way back is not known",
		text:   "The application asked to send you to an address that is not registered for it. You were not sent there, and nothing was shared.",
		advice: tellTheirPeople, detailed: true,
	},
	{
		is: authserver.InvalidLogoutRedirect, status: http.StatusBadRequest, title: "The way back is not known",
		text:   "The application asked to sign you out and to send you to an address that is not registered for it. You were not sent there, and you are not signed out.",
		advice: "To sign out here, go to your account. " + tellTheirPeople, detailed: true,
	},
	{ // where there is no client to go back to
		is: authserver.AccessDenied, status: http.StatusOK, title: "You did not allow it",
		text: "The application gets no access.", advice: "You can close this page.",
	},
	{
		is: authserver.FactorRefused, status: http.StatusGone, title: "This was not added",
		text:   "The page is too old, was shown in another login or was sent before, or there are too many already. Nothing was changed.",
		advice: "Look in your account at how you sign in, and begin there once more.", reopen: true,
	},
	{
		is: authserver.TooManyAttempts, status: http.StatusTooManyRequests, title: "Too many attempts",
		text: "There were too many attempts in a short time.", advice: "Wait a minute and try again.",
	},
	{
		is: authserver.TemporarilyUnavailable, status: http.StatusServiceUnavailable, title: "Not available right now",
		text:   "The server cannot answer at the moment.",
		advice: "Try again in a few seconds. " + tellOurPeople,
	},
	{
		is: authserver.ServerError, status: http.StatusInternalServerError, title: "Something went wrong here",
		text: "The server made a mistake, not you.", advice: "Try again. " + tellOurPeople,
	},
	{
		is: invalidForm, status: http.StatusBadRequest, title: "This form could not be read",
		text:   "A field is missing, is there twice or is too long. Nothing was changed.",
		advice: "Open the page again and send the form once more.", detailed: true, reopen: true,
	},
}

var mistakeOfApplication = errorWords{
	status: http.StatusBadRequest, title: "This request cannot be answered",
	text:   "What the browser sent is incomplete or contradicts itself.",
	advice: tellTheirPeople, detailed: true,
}

// wordsOf returns what a person is told about an error.
func wordsOf(err error) errorWords {
	for _, words := range slices.Concat(pageWords, upstreamWords) {
		if errors.Is(err, words.is) {
			return words
		}
	}
	return mistakeOfApplication
}
