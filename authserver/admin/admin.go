// SPDX-License-Identifier: Apache-2.0

// Package admin serves the admin endpoint: what the operator and administrators of the cluster ask of the authorization
// server, on a port of its own. Who calls proves it with a token of Kubernetes that was made for this endpoint
// (TokenReview), and is allowed what RBAC allows them (SubjectAccessReview). docs/admin-endpoint.md describes it.
//
//	admin.go   what each request goes through
//	routes.go  the table of what is served, and what a caller has to be allowed
//	usage.go   how clients are used
//	grants.go  who allowed what: list and revoke
//	refusals.go what was refused, and why
//	explain.go what would become of a request
//	callers.go who calls, and what they may do: asked of the API server, remembered for seconds
//	reviews.go how a question gets to the API server
//	answer.go  answers and errors in JSON
package admin

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

const (
	// maxRequests bounds the requests that are answered at a time.
	maxRequests = 16
	// requestTime bounds one request.
	requestTime = 30 * time.Second
)

// Config is what the endpoint is made of. All fields but Refusals and Now are required.
type Config struct {
	Auth *authserver.Server
	// ClientNamed returns the client that an OAuthClient declares.
	ClientNamed func(namespace, name string) (*authserver.Client, bool)
	// Refusals remembers the requests that this server refused; nil: nobody does.
	Refusals *authserver.Refusals
	// Reviews asks the API server.
	Reviews Reviews
	// Audience is what a caller's token must be made for.
	Audience string
	// Ready returns why the server cannot answer yet; nil: it can.
	Ready func(*http.Request) error
	Log   *slog.Logger
	// Now tells the time. Default: time.Now.
	Now func() time.Time
}

// endpoint answers requests.
type endpoint struct {
	auth        *authserver.Server
	clientNamed func(namespace, name string) (*authserver.Client, bool)
	refusals    *authserver.Refusals
	now         func() time.Time
	callers     *callers
	ready       func(*http.Request) error
	log         *slog.Logger
	room        chan struct{}
}

// Handler returns what serves the endpoint. It answers for each request exactly once in the audit log who asked for what.
func Handler(c Config) (http.Handler, error) {
	if c.Auth == nil || c.ClientNamed == nil || c.Reviews == nil || c.Audience == "" || c.Ready == nil || c.Log == nil {
		return nil, errors.New("admin: Auth, ClientNamed, Reviews, Audience, Ready and Log are required")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	e := &endpoint{
		auth: c.Auth, clientNamed: c.ClientNamed, refusals: c.Refusals, now: c.Now, callers: newCallers(c.Reviews, c.Audience, c.Now),
		ready: c.Ready, log: c.Log, room: make(chan struct{}, maxRequests),
	}
	mux := http.NewServeMux()
	for _, r := range e.routes() {
		mux.Handle(r.method+" "+r.path, e.serve(r))
	}
	for _, p := range e.paths() {
		mux.Handle(p.path, e.refuse(p.refusal))
	}
	return e.bounded(mux), nil
}

// bounded refuses what is too much, and paths that are spelled in another way than the table does: no redirect leads from
// one to the other.
func (e *endpoint) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case e.room <- struct{}{}:
			defer func() { <-e.room }()
		default:
			w.Header().Set("Retry-After", "1")
			writeFailure(w, failure{http.StatusServiceUnavailable, "Busy", "too many requests at once; try again in a second"})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), requestTime)
		defer cancel()
		*r = *r.WithContext(ctx) // in place: whoever counts requests reads the pattern of this one
		if r.URL.RawPath != "" || path.Clean("/"+r.URL.Path) != r.URL.Path {
			e.refuse(notServed).ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// serve answers the requests of a route.
func (e *endpoint) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, err := e.admit(rt, r)
		if err != nil {
			e.refused(w, r, caller.name, rt.what(r), err)
			return
		}
		e.auth.RecordAdministration(r.Context(), caller.name, rt.what(r), true)
		answer, err := rt.answer(&request{Request: r, caller: caller})
		if err != nil {
			e.writeError(w, r, err)
			return
		}
		writeJSON(w, http.StatusOK, answer)
	})
}

// admit returns who calls if they may, and whoever is known to call otherwise.
func (e *endpoint) admit(rt route, r *http.Request) (caller, error) {
	if err := e.ready(r); err != nil {
		return caller{}, failure{http.StatusServiceUnavailable, "NotReady", "the server is not ready yet; try again in a few seconds"}
	}
	who, err := e.callers.authenticate(r)
	if err != nil {
		return caller{}, err
	}
	if r.ContentLength != 0 {
		return who, failure{http.StatusBadRequest, "BadRequest", "the request has a body, and nothing here takes one"}
	}
	if err := checkNames(r); err != nil {
		return who, err
	}
	return who, e.callers.allow(r.Context(), who, rt.access(r))
}

// refuse answers what the table does not have, to those who prove who they are.
func (e *endpoint) refuse(f failure) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := e.callers.authenticate(r)
		if err == nil {
			err = f
		}
		e.refused(w, r, who.name, "a path or a method that is not served", err)
	})
}

// refused answers a request that is not carried out.
func (e *endpoint) refused(w http.ResponseWriter, r *http.Request, actor, what string, err error) {
	e.auth.RecordAdministration(r.Context(), actor, what, false)
	e.writeError(w, r, err)
}
