// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/rand"
	"net/http"
	"sync"

	"golang.org/x/oauth2"
)

// sessionCookie names a browser's session. The prefix has the browser insist on TLS and on this host (RFC 6265bis).
const sessionCookie = "__Host-photoprint"

// maxSessions bounds the memory: beyond it the oldest session is forgotten.
const maxSessions = 1000

// session is what PhotoPrint knows of a browser: what it sent to Gatehouse, and later the tokens it got.
type session struct {
	state, codeVerifier string
	tokens              *oauth2.Token
}

// sessions are kept in memory; a real app keeps them where a restart does not lose them. Its zero value is ready for use.
type sessions struct {
	mu    sync.Mutex
	byID  map[string]session
	order []string // of the IDs, the oldest first
}

// begin starts a session with a new state and code verifier.
func (s *sessions) begin(w http.ResponseWriter) session {
	started := session{state: rand.Text(), codeVerifier: oauth2.GenerateVerifier()}
	s.add(w, started)
	return started
}

// keep starts a session that holds tokens. It is a new one: nobody who knew the ID before now shares them.
func (s *sessions) keep(w http.ResponseWriter, tokens *oauth2.Token) {
	s.add(w, session{tokens: tokens})
}

func (s *sessions) add(w http.ResponseWriter, added session) {
	id := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = map[string]session{}
	}
	if len(s.order) == maxSessions {
		delete(s.byID, s.order[0])
		s.order = s.order[1:]
	}
	s.byID[id] = added
	s.order = append(s.order, id)
	// Lax, not Strict: the way back from Gatehouse starts at another site.
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: id, Path: "/",
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// answered returns the session that waits for Gatehouse's answer and closes it: a state is good for one answer.
func (s *sessions) answered(r *http.Request) (waiting session, found bool) {
	id := cookie(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting, found = s.byID[id]
	if !found || waiting.state == "" {
		return session{}, false
	}
	s.byID[id] = session{}
	return waiting, true
}

// token returns the tokens of the browser's session.
func (s *sessions) token(r *http.Request) (tokens *oauth2.Token, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tokens = s.byID[cookie(r)].tokens
	return tokens, tokens != nil
}

// renew replaces the tokens of the browser's session.
func (s *sessions) renew(r *http.Request, tokens *oauth2.Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id := cookie(r); s.byID[id].tokens != nil {
		s.byID[id] = session{tokens: tokens}
	}
}

func cookie(r *http.Request) string {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return ""
	}
	return c.Value
}
