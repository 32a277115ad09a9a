// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"net/http"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

// route is one row of the table of what is served.
type route struct {
	method, path string
	// verb and subresource are what a caller has to be allowed on oauthclients: in the namespace and on the name of the path,
	// and in the whole cluster where the path has none.
	verb, subresource string
	answer            func(*request) (any, error)
}

// request is one that is allowed.
type request struct {
	*http.Request
	caller caller
}

func (e *endpoint) routes() []route {
	return []route{
		{http.MethodGet, adminapi.PathUsage, "list", adminapi.ResourceUsage, e.listUsage},

		{http.MethodGet, adminapi.PathGrants, "list", adminapi.ResourceGrants, e.listGrants},
		{http.MethodDelete, adminapi.PathGrants, "delete", adminapi.ResourceGrants, e.revokeGrants},
		{http.MethodGet, adminapi.PathNamespaceGrants, "list", adminapi.ResourceGrants, e.listGrants},
		{http.MethodDelete, adminapi.PathNamespaceGrants, "delete", adminapi.ResourceGrants, e.revokeGrants},
		{http.MethodGet, adminapi.PathClientGrants, "get", adminapi.ResourceGrants, e.listGrants},
		{http.MethodDelete, adminapi.PathClientGrants, "delete", adminapi.ResourceGrants, e.revokeGrants},
		{http.MethodDelete, adminapi.PathGrant, "delete", adminapi.ResourceGrants, e.revokeGrant},

		{http.MethodGet, adminapi.PathClientUsage, "get", adminapi.ResourceGrants, e.clientUsage},
		{http.MethodGet, adminapi.PathExplain, "get", adminapi.ResourceGrants, e.explain},
		{http.MethodGet, adminapi.PathRefused, "list", adminapi.ResourceUsage, e.listRefused},
		{http.MethodGet, adminapi.PathRefusals, "list", adminapi.ResourceGrants, e.listRefusals},
		{http.MethodGet, adminapi.PathNamespaceRefusals, "list", adminapi.ResourceGrants, e.listRefusals},
		{http.MethodGet, adminapi.PathClientRefusals, "get", adminapi.ResourceGrants, e.listRefusals},
	}
}

var notServed = failure{http.StatusNotFound, "NotFound", "there is nothing under this path; docs/admin-endpoint.md lists the paths"}

// unserved is a path with what every method answers that it does not have.
type unserved struct {
	path    string
	refusal failure
}

func (e *endpoint) paths() []unserved {
	methods := map[string][]string{}
	for _, r := range e.routes() {
		methods[r.path] = append(methods[r.path], r.method)
	}
	all := []unserved{{"/", notServed}}
	for path, known := range methods {
		all = append(all, unserved{path, failure{http.StatusMethodNotAllowed, "MethodNotAllowed", "this path takes " + strings.Join(known, " and ") + " only"}})
	}
	return all
}

// what says for the audit log what was asked. It holds names that were checked, or nothing of the request.
func (rt route) what(r *http.Request) string {
	what := rt.verb + " oauthclients/" + rt.subresource
	if checkNames(r) != nil {
		return what
	}
	if namespace := r.PathValue("namespace"); namespace != "" {
		what += " in namespace " + namespace
	}
	if name := r.PathValue("name"); name != "" {
		what += " of " + name
	}
	return what
}

func (rt route) access(r *http.Request) authorizationv1.ResourceAttributes {
	return authorizationv1.ResourceAttributes{
		Verb: rt.verb, Group: "gatehouse.dev", Version: "v1alpha1", Resource: "oauthclients", Subresource: rt.subresource,
		Namespace: r.PathValue("namespace"), Name: r.PathValue("name"),
	}
}

// checkNames refuses names in the path that no object can have.
func checkNames(r *http.Request) error {
	namespace, name := r.PathValue("namespace"), r.PathValue("name")
	if namespace != "" && len(validation.IsDNS1123Label(namespace)) > 0 {
		return failure{http.StatusBadRequest, "BadRequest", "the path holds no name of a namespace where one belongs"}
	}
	if name != "" && len(validation.IsDNS1123Subdomain(name)) > 0 {
		return failure{http.StatusBadRequest, "BadRequest", "the path holds no name of an OAuthClient where one belongs"}
	}
	return nil
}
