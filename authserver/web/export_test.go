// SPDX-License-Identifier: Apache-2.0

package web

import "github.com/gatehouse-dev/gatehouse/authserver"

// Route is a row of the table of routes, for tests that walk it.
type Route struct {
	Methods   []string
	Path      string
	Profile   authserver.Profile
	OnlyShows bool // GET has no effects
	Page      bool // errors are pages
	AnyOrigin bool
}

// Routes returns the table of routes.
func (s *Site) Routes() []Route {
	var out []Route
	for _, rt := range s.routes() {
		out = append(out, Route{rt.methods, rt.path, rt.dialect.profile(), rt.kind.onlyShows(), rt.kind.forPeople(), rt.kind.anyOrigin()})
	}
	return out
}
