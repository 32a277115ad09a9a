// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"

	"golang.org/x/oauth2"
)

// app is PhotoPrint.
type app struct {
	secret   string       // folder with the mounted Secret
	callback string       // our callback URL, as the OAuthClient lists it
	photos   string       // URL of the photos at PhotoStorage
	client   *http.Client // to Gatehouse and PhotoStorage
	sessions sessions
}

func (a *app) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { show(w, http.StatusOK, homePage) })
	mux.HandleFunc("GET /start", a.getStart)
	mux.HandleFunc("GET /callback", a.getCallback)
	mux.HandleFunc("GET /photos", a.getPhotos)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	return mux
}

// getStart sends the person to Gatehouse, with a state and a PKCE challenge that only this browser's session can answer.
func (a *app) getStart(w http.ResponseWriter, r *http.Request) {
	config, _, err := a.config()
	if err != nil {
		fail(w, r, "Gatehouse is not set up for PhotoPrint.", err)
		return
	}
	session := a.sessions.begin(w)
	http.Redirect(w, r, config.AuthCodeURL(session.state, oauth2.S256ChallengeOption(session.codeVerifier)), http.StatusSeeOther)
}

// getCallback is where Gatehouse sends the person back to, with a code or with an error.
func (a *app) getCallback(w http.ResponseWriter, r *http.Request) {
	config, issuer, err := a.config()
	if err != nil {
		fail(w, r, "Gatehouse is not set up for PhotoPrint.", err)
		return
	}
	answer := r.URL.Query()
	session, found := a.sessions.answered(r)
	switch {
	case !found || subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(session.state)) == 0:
		show(w, http.StatusBadRequest, strayPage) // RFC 6749 §10.12: not an answer to what this browser asked
	case answer.Get("iss") != issuer:
		show(w, http.StatusBadRequest, strayPage) // RFC 9207 §2.4: not an answer of our Gatehouse
	case answer.Get("code") == "":
		show(w, http.StatusForbidden, refusedPage) // RFC 6749 §4.1.2.1, mostly error=access_denied
	default:
		a.redeem(w, r, config, session, answer.Get("code"))
	}
}

// redeem exchanges the code for tokens and keeps them in a session of its own.
func (a *app) redeem(w http.ResponseWriter, r *http.Request, config *oauth2.Config, s session, code string) {
	token, err := config.Exchange(a.context(r), code, oauth2.VerifierOption(s.codeVerifier))
	if err != nil {
		fail(w, r, "Gatehouse did not take the code.", err)
		return
	}
	a.sessions.keep(w, token)
	http.Redirect(w, r, "/photos", http.StatusSeeOther)
}

// getPhotos shows the person's photos at PhotoStorage.
func (a *app) getPhotos(w http.ResponseWriter, r *http.Request) {
	token, found := a.sessions.token(r)
	if !found {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	token, err := a.fresh(r, token)
	if rejected, ok := errors.AsType[*oauth2.RetrieveError](err); ok && rejected.ErrorCode == "invalid_grant" {
		show(w, http.StatusForbidden, endedPage)
		return
	}
	if err != nil {
		fail(w, r, "Gatehouse could not be asked for a new access token.", err)
		return
	}
	album, err := a.fetch(r, token)
	switch {
	case errors.Is(err, errTokenRefused):
		show(w, http.StatusForbidden, endedPage)
	case err != nil:
		fail(w, r, "PhotoStorage does not answer.", err)
	default:
		showAlbum(w, album)
	}
}

// fresh returns token, or its successor when it has expired.
func (a *app) fresh(r *http.Request, token *oauth2.Token) (*oauth2.Token, error) {
	config, _, err := a.config()
	if err != nil {
		return nil, err
	}
	next, err := config.TokenSource(a.context(r), token).Token()
	if err == nil && next.AccessToken != token.AccessToken {
		a.sessions.renew(r, next)
	}
	return next, err
}

// context tells x/oauth2 which HTTP client to use.
func (a *app) context(r *http.Request) context.Context {
	return context.WithValue(r.Context(), oauth2.HTTPClient, a.client)
}

// fail tells the person what did not work, and the log why.
func fail(w http.ResponseWriter, r *http.Request, what string, err error) {
	slog.ErrorContext(r.Context(), what, "err", cause(err))
	show(w, http.StatusBadGateway, page{Title: "Not now", Text: what + " Try again later."})
}

// cause is err without the body of the token endpoint's answer, which may hold a token.
func cause(err error) any {
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return "the token endpoint answered " + e.Response.Status + " " + e.ErrorCode
	}
	return err
}
