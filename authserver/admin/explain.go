// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"net/http"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

// Bounds of a question, in bytes.
const (
	maxCallback = 2048
	maxScope    = 4096
)

// explain says what would become of an authorization request, by the rules that the server itself goes by.
func (e *endpoint) explain(r *request) (any, error) {
	given, err := r.parameters("redirect_uri", "scope", "person")
	if err != nil {
		return nil, err
	}
	if len(given["redirect_uri"]) > maxCallback || len(given["scope"]) > maxScope || len(given["person"]) > maxPerson {
		return nil, badRequest("redirect_uri has at most %d bytes, scope %d, person %d", maxCallback, maxScope, maxPerson)
	}
	client, ok := e.clientNamed(r.PathValue("namespace"), r.PathValue("name"))
	if !ok {
		return adminapi.Explanation{Checks: []adminapi.Check{{Name: "client", Text: "the server does not serve this OAuthClient: see its conditions"}}}, nil
	}
	q := authserver.Question{Callback: given["redirect_uri"]}
	if scope := given["scope"]; scope != "" {
		q.Scopes = strings.Fields(scope)
	}
	answer := adminapi.Explanation{}
	if name := given["person"]; name != "" {
		if q.Owner, answer.Note, err = e.ownerNamed(r, name); err != nil {
			return nil, err
		}
	}
	checks, err := e.auth.Explain(r.Context(), client, q)
	if err != nil {
		return nil, err
	}
	for _, c := range checks {
		answer.Checks = append(answer.Checks, adminapi.Check{Name: c.Name, Passes: c.Passes, Text: c.Text})
	}
	return answer, nil
}

// ownerNamed returns the one person with the name. Of somebody who never logged in nothing but the name is known.
func (e *endpoint) ownerNamed(r *request, name string) (*authserver.Owner, string, error) {
	people, err := e.auth.PeopleNamed(r.Context(), name)
	switch {
	case err != nil:
		return nil, "", err
	case len(people) == 0:
		return &authserver.Owner{Name: name}, "nobody of this name has logged in yet, so the groups are not known: RoleBindings to a group do not count here", nil
	case len(people) > 1:
		return nil, "", failure{http.StatusConflict, "Ambiguous", "several people have this name, and their groups differ"}
	}
	return &people[0].Owner, "", nil
}
