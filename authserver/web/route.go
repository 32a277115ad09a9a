// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// route is one row of the table of what is served.
type route struct {
	methods []string
	path    string // a path of http.ServeMux, without method
	kind    kind
	dialect dialect // of errors, unless the handler says otherwise
	handler handler
}

// kind says who calls a route. From it follow its protection, the form of its errors, and what
// answers HEAD, OPTIONS and a prefetch.
type kind int

const (
	// public is the same for everybody, and is served while the server starts.
	public kind = iota
	// openDocument is public too, but waits for the start. Scripts of other sites may read it.
	openDocument
	// page is for people: HTML out, errors as pages or redirects. GET only shows something.
	page
	// step is a page whose GET begins, issues, spends or forgets something.
	step
	// form takes a page's form, and only from our own pages.
	form
	// api is for clients: bounded form in, errors in the words of the profile. GET may have effects.
	api
	// openAPI is an api that scripts of other sites may call: a Public client may be one.
	openAPI
)

// onlyShows reports whether GET changes nothing, so that HEAD and a prefetch may do the same.
func (k kind) onlyShows() bool { return k == public || k == openDocument || k == page }

// anyOrigin reports whether scripts of other sites may call the route.
func (k kind) anyOrigin() bool { return k == openDocument || k == openAPI }

// forPeople reports whether errors are pages.
func (k kind) forPeople() bool { return k == page || k == step || k == form }

// Handler returns what serves the table of routes.
func (s *Site) Handler() http.Handler {
	mux, table := http.NewServeMux(), s.routes()
	s.profiles = profilesOf(table)
	for n, rt := range table {
		m := methodsAt(table, rt.path)
		if n == slices.IndexFunc(table, func(other route) bool { return other.path == rt.path }) {
			mux.Handle(rt.path, s.wrapRefusal(rt, m.refuse)) // every other method
		}
		for _, method := range rt.methods {
			mux.Handle(method+" "+rt.path, s.wrap(rt, rt.handler))
		}
		if slices.Contains(rt.methods, http.MethodGet) && !rt.kind.onlyShows() {
			mux.Handle("HEAD "+rt.path, s.withoutEffect(rt, m))
		}
		if rt.kind.anyOrigin() {
			mux.Handle("OPTIONS "+rt.path, s.wrapRefusal(rt, m.answerOptions))
		}
	}
	mux.Handle(unknownPaths, s.answerUnknown(table))
	return s.observe(mux)
}

// profilesOf returns the profile of each pattern that is for clients of one.
func profilesOf(table []route) map[string]authserver.Profile {
	of := map[string]authserver.Profile{}
	for _, rt := range table {
		if _, ok := clientPath(rt.path); !ok {
			continue
		}
		of[rt.path] = rt.dialect.profile()
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions} {
			of[method+" "+rt.path] = rt.dialect.profile()
		}
	}
	return of
}

// withoutEffect answers HEAD where GET has effects: whoever only looks at a link, such as a mail
// scanner, must not follow it (RFC 9110 §9.2.1).
func (s *Site) withoutEffect(rt route, m methods) http.Handler {
	if !rt.kind.forPeople() {
		return s.wrapRefusal(rt, m.refuse)
	}
	return s.wrap(rt, func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusOK)
		return nil
	})
}

// methods are those of one path.
type methods struct {
	named   []string // by the table
	allowed []string // with HEAD and OPTIONS, where they are answered
}

func methodsAt(table []route, path string) methods {
	var named, answered []string
	for _, rt := range table {
		if rt.path != path {
			continue
		}
		named = append(named, rt.methods...)
		if slices.Contains(rt.methods, http.MethodGet) && rt.kind != api && rt.kind != openAPI {
			answered = append(answered, http.MethodHead)
		}
		if rt.kind.anyOrigin() {
			answered = append(answered, http.MethodOptions)
		}
	}
	m := methods{named: named}
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions} {
		if slices.Contains(named, method) || slices.Contains(answered, method) {
			m.allowed = append(m.allowed, method)
		}
	}
	return m
}

// refuse answers every method that a path does not have.
func (m methods) refuse(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Allow", strings.Join(m.allowed, ", "))
	return wrongMethod(m.named)
}

// wrap puts around a handler what its route's kind asks for.
func (s *Site) wrap(rt route, h handler) http.Handler {
	served := s.whenStarted(s.whenRoom(h))
	shown := s.whenStarted(s.whenRoom(s.withErrorPage(withProfileOf(rt, h))))
	switch rt.kind {
	case public:
		return s.public(withProfileOf(rt, h))
	case openDocument:
		return anyOrigin(s.public(withProfileOf(rt, s.whenStarted(h))))
	case page:
		return s.page(withProfileOf(rt, shown))
	case step:
		return s.page(withProfileOf(rt, refusePrefetch(shown)))
	case form:
		return s.form(withProfileOf(rt, refusePrefetch(shown)))
	case openAPI:
		return anyOrigin(s.api(withProfileOf(rt, refusePrefetch(served))))
	default:
		return s.api(withProfileOf(rt, refusePrefetch(served)))
	}
}

// wrapRefusal is wrap for what needs neither room nor a server that has started.
func (s *Site) wrapRefusal(rt route, h handler) http.Handler {
	h = withProfileOf(rt, h)
	switch {
	case rt.kind.forPeople():
		return s.page(h)
	case rt.kind.anyOrigin():
		return anyOrigin(s.api(h))
	default:
		return s.api(h)
	}
}

// withProfileOf says that the errors of a handler are written in the words of the route's profile.
func withProfileOf(rt route, h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error { return withProfile(rt.dialect.profile(), h(w, r)) }
}
