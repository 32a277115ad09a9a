// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

const (
	// upstreamCookie is followed by the state of a login at another server.
	upstreamCookie = cookiePrefix + "u-"
	// maxUpstream is how many such logins of one browser are under way at most.
	maxUpstream = 4
	// maxAnswers is how many answers of one source are being looked at, and maxAnswersPerAddress for one address. Each may cost the source
	// a request, also one with a code that somebody made up. The source takes 16 at a time: the others are left for those who begin to
	// log in and for confirming people.
	maxAnswers, maxAnswersPerAddress = 12, 4
	// selectCookie is set by who signed out: the next login at another server lets them choose an account.
	selectCookie = cookiePrefix + "select"
)

// getLoginSource sends the browser to another server.
func (s *Site) getLoginSource(w http.ResponseWriter, r *http.Request) error {
	way, ok := s.way(r.PathValue("source"))
	if !ok || way.Key == "" {
		return pathNotFound("")
	}
	var i authserver.Interaction
	if id := r.URL.Query().Get("interaction"); id != "" {
		r.SetPathValue("id", id)
		var err error
		if i, err = s.interaction(r); err != nil {
			return err
		}
	}
	start, err := s.auth.BeginUpstream(r.Context(), authserver.UpstreamChoice{
		Source: way.Key, RedirectURI: s.upstreamCallback(way.Key), Interaction: i, SelectAccount: cookieOf(r, selectCookie) != "",
		Again: r.URL.Query().Get(againQuery) != "",
	})
	if err != nil {
		return s.upstreamFailed(r, way.Key, err)
	}
	dropOldUpstream(w, r)
	name := upstreamCookie + start.State
	s.keepInteractions(w, r, maxInteractions, maxInteractionBytes-cookieSize(name, start.Sealed))
	setCookie(w, name, start.Sealed, authserver.InteractionLifetime)
	redirect(w, r, start.Address)
	return nil
}

// upstreamCallback is where a source sends the browser. Each has its own, so that an answer of one is never taken for
// that of another (RFC 9700 §4.4.2.2).
func (s *Site) upstreamCallback(key string) string { return s.issuer + pathLoginCallback + key }

// dropOldUpstream makes room for one more login. The ID of each says when it began.
func dropOldUpstream(w http.ResponseWriter, r *http.Request) {
	var kept []string
	for _, c := range r.Cookies() {
		if id, ok := strings.CutPrefix(c.Name, upstreamCookie); ok {
			kept = append(kept, id)
		}
	}
	slices.SortStableFunc(kept, func(a, b string) int {
		first, _ := authserver.BegunAt(a)
		second, _ := authserver.BegunAt(b)
		return second.Compare(first)
	})
	for n, id := range kept {
		if n >= maxUpstream-1 {
			dropCookie(w, upstreamCookie+id)
		}
	}
}

// getLoginCallback takes the browser back from another server.
func (s *Site) getLoginCallback(w http.ResponseWriter, r *http.Request) error {
	key := r.PathValue("source")
	if way, ok := s.way(key); !ok || way.Key == "" {
		return pathNotFound("")
	}
	query := r.URL.Query()
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(query[name]) > 1 {
			return s.upstreamFailed(r, key, authserver.NewUpstreamError(authserver.UpstreamAnswerUnfit, errors.New("a parameter is there twice")))
		}
	}
	state := query.Get("state")
	if !isInteractionID(state) {
		return s.upstreamFailed(r, key, authserver.NewUpstreamError(authserver.UpstreamOtherBrowser, errors.New("there is no state")))
	}
	sealed := cookieOf(r, upstreamCookie+state)
	from, answers := boundedOf(r), s.answers[key]
	if !answers.take(from, 1) { // the cookie stays: the page can be loaded again
		return s.busy(w, r)
	}
	defer answers.give(from, 1)
	if sealed != "" {
		dropCookie(w, upstreamCookie+state)
	}
	f, err := s.auth.FinishUpstream(r.Context(), authserver.UpstreamReturn{
		Sealed: sealed, State: state, Source: key, Code: query.Get("code"), Issuer: query.Get("iss"), Error: query.Get("error"),
		RedirectURI: s.upstreamCallback(key),
	})
	if f.Interaction != "" {
		r.SetPathValue("id", f.Interaction) // an error page leads back there
	}
	if err != nil {
		return s.upstreamFailed(r, key, err)
	}
	if err := s.keepLogin(w, r, f.Login); err != nil {
		return err
	}
	rememberWay(w, key)
	if cookieOf(r, selectCookie) != "" {
		dropCookie(w, selectCookie)
	}
	if f.Interaction == "" {
		redirect(w, r, pathAccount)
		return nil
	}
	redirect(w, r, interactionPath(f.Interaction)+"?"+wayQuery+"="+wayChoice) // not there again by itself, whatever the login is worth here
	return nil
}

// answersOf bounds the answers of each source.
func answersOf(ways []LoginWay) map[string]*quota {
	answers := map[string]*quota{}
	for _, way := range ways {
		if way.Key != "" {
			answers[way.Key] = newQuota(maxAnswers, maxAnswersPerAddress)
		}
	}
	return answers
}

// upstreamFailed logs what the page does not say.
func (s *Site) upstreamFailed(r *http.Request, key string, err error) error {
	if e, ok := errors.AsType[authserver.UpstreamError](err); ok {
		s.log.WarnContext(r.Context(), "a login at another server failed", "requestID", requestID(r.Context()), "source", key, "cause", e.Description(), "err", e.Detail())
	}
	return err
}
