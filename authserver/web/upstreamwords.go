// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

const (
	titleNotSignedIn = "You are not signed in"
	signInAgain      = "Open the page again and sign in once more. "
)

// upstreamWords are what people are told about a login at another server.
var upstreamWords = []errorWords{
	{
		is: authserver.UpstreamOtherBrowser, status: http.StatusForbidden, title: titleNotSignedIn, reopen: true,
		text:   "This browser did not begin the login that came back, or it did not keep the cookie for it. Perhaps somebody else sent you the link.",
		advice: "If you want to sign in, open the page and begin there.",
	},
	{
		is: authserver.UpstreamTooLate, status: http.StatusForbidden, title: titleNotSignedIn, reopen: true,
		text: "Signing in took longer than 15 minutes.", advice: signInAgain,
	},
	{
		is: authserver.UpstreamUsed, status: http.StatusForbidden, title: titleNotSignedIn, reopen: true,
		text: "This answer was used before. That happens when a page is loaded again.", advice: signInAgain,
	},
	{
		is: authserver.UpstreamDenied, status: http.StatusForbidden, title: titleNotSignedIn, reopen: true,
		text:   "The server where you sign in did not confirm who you are. Perhaps you cancelled there.",
		advice: signInAgain + tellOurPeople,
	},
	{
		is: authserver.UpstreamAnswerUnfit, status: http.StatusForbidden, title: titleNotSignedIn, reopen: true,
		text:   "The answer of the server where you signed in does not fit to what was asked, so it was not taken.",
		advice: signInAgain + tellOurPeople,
	},
	{
		is: authserver.UpstreamPersonUnfit, status: http.StatusForbidden, title: "You cannot sign in here",
		text:   "The server where you signed in knows you, but people like you are not let in here. Perhaps your account there lacks something.",
		advice: "Tell the people who run this server and give them the request ID.", reopen: true,
	},
	{
		is: authserver.UpstreamNameTaken, status: http.StatusForbidden, title: "You cannot sign in here",
		text:   "Somebody else is known here by the name that you have. The two of you cannot be told apart, so neither is taken for the other.",
		advice: "Tell the people who run this server and give them the request ID.", reopen: true,
	},
	{
		is: authserver.UpstreamLoginOld, status: http.StatusForbidden, title: titleNotSignedIn, reopen: true,
		text:   "The application wants you to sign in anew, and the server where you sign in did not ask you.",
		advice: "Sign out there first. Then open the page again.",
	},
	{
		is: authserver.UpstreamAway, status: http.StatusServiceUnavailable, title: "Signing in is not possible right now", reopen: true,
		text:   "The server where you sign in does not answer.",
		advice: "Try again in a few seconds, or sign in another way. " + tellOurPeople,
	},
}
