// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/openid"
)

// MaxResources is how many resources a request may name (RFC 8707 §2), and MaxResource how many bytes they have
// together. An identifier has 255 at most. They travel sealed in a cookie.
const (
	MaxResources = 8
	MaxResource  = 1024
)

// target is what an access token is for.
type target struct {
	// scopes are those of the token, and granted those that the rest of the answer speaks of: an ID token.
	scopes, granted []string
	// audience is the identifier of the one API that the token is for, which is told by a JWT. Empty: the token is opaque.
	audience string
	api      *ResourceServer // that is identified by audience
}

// findResource returns the API that an identifier names, and the identifier as the API has it. Libraries that keep
// addresses in an object of their own write https://photos.example with a slash: the two are one (RFC 3986 §6.2.3).
func (s *Server) findResource(name string) (api *ResourceServer, identifier string, found bool) {
	api, found = s.clients.ResourceServerByIdentifier(name)
	if origin, ok := strings.CutSuffix(name, "/"); !found && ok && strings.Count(origin, "/") == 2 {
		name = origin
		api, found = s.clients.ResourceServerByIdentifier(name)
	}
	return api, name, found && api.Accepted
}

// resource is an API that a request names.
type resource struct {
	identifier string
	api        *ResourceServer
}

// resourcesOf returns the APIs that a request names. Each must have one of the scopes: a token without any is good for
// nothing there.
func (s *Server) resourcesOf(names, scopes []string) ([]resource, Refusal) {
	var found []resource
	for _, name := range names {
		api, identifier, ok := s.findResource(name)
		if !ok || len(intersect(scopes, api.OwnedScopes)) == 0 {
			return nil, Refuse(InvalidTarget, "a resource was named that is unknown, or that none of the scopes belongs to")
		}
		if !slices.ContainsFunc(found, func(r resource) bool { return r.identifier == identifier }) {
			found = append(found, resource{identifier, api})
		}
	}
	return found, nil
}

// ownedBy returns the scopes that belong to one of the resources.
func ownedBy(resources []resource, scopes []string) []string {
	out := make([]string, 0, len(scopes))
	for _, scope := range scopes {
		if slices.ContainsFunc(resources, func(r resource) bool { return slices.Contains(r.api.OwnedScopes, scope) }) {
			out = append(out, scope)
		}
	}
	return out
}

// askFor returns what an authorization request asks the owner for: the resources as their APIs have them, and the scopes
// without those of other APIs. Those of OpenID Connect stay: they are for the client itself.
func (s *Server) askFor(names, scopes []string) (resources, left []string, refusal Refusal) {
	if len(names) == 0 {
		return nil, scopes, nil
	}
	found, refusal := s.resourcesOf(names, scopes)
	if refusal != nil {
		return nil, nil, refusal
	}
	for _, r := range found {
		resources = append(resources, r.identifier)
	}
	owned := ownedBy(found, scopes)
	return resources, slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool {
		return !openid.IsScope(scope) && !slices.Contains(owned, scope)
	}), nil
}

// targetOf returns what the token is for that a request asks for of a grant.
func (s *Server) targetOf(g Grant, c *Client, r TokenRequest) (target, Refusal) {
	scopes, refusal := restrictScopes(grantedScopes(g, c), r.Scopes)
	if refusal != nil {
		return target{}, refusal
	}
	return s.aim(c, scopes, g.Resources, r.Resources)
}

// aim returns what a token for the scopes is for, where the owner was asked for the resources granted and the token
// request names those asked, which may narrow and nothing else (RFC 8707 §2.2). What a resource was named for carries the
// scopes of that API alone, so that no API can use it elsewhere: neither at another one nor at the UserInfo endpoint.
//
// Without a resource the token carries all of the scopes, as it does for clients that know of none.
func (s *Server) aim(c *Client, scopes, granted, asked []string) (target, Refusal) {
	named, refusal := s.resourcesOf(asked, scopes)
	switch {
	case refusal != nil:
		return target{}, refusal
	case len(asked) > 0:
		for _, r := range named {
			if len(granted) > 0 && !slices.Contains(granted, r.identifier) {
				return target{}, Refuse(InvalidTarget, "a resource was named that the authorization request did not name")
			}
		}
	case len(granted) > 0: // what is gone since is left out, as its scopes are
		for _, name := range granted {
			if api, identifier, ok := s.findResource(name); ok && len(intersect(scopes, api.OwnedScopes)) > 0 {
				named = append(named, resource{identifier, api})
			}
		}
	default:
		return s.aimByScope(c, scopes), nil
	}
	return aimAt(named, scopes)
}

// aimAt returns a target of APIs that were named. A JWT has one audience and no more: who reads it must not be able to
// use it elsewhere.
func aimAt(named []resource, scopes []string) (target, Refusal) {
	t := target{scopes: ownedBy(named, scopes), granted: scopes}
	for _, r := range named {
		if !r.api.takesJWTs() {
			continue
		}
		if len(named) > 1 {
			return target{}, Refuse(InvalidTarget, "one of the resources takes JWT access tokens, which are for one resource: name one in the token request")
		}
		t.audience, t.api = r.identifier, r.api
	}
	return t, nil
}

// aimByScope returns the target of a token that no resource was named for. Where all of its scopes belong to one API
// that takes JWTs, it is one for the first identifier of this API.
func (s *Server) aimByScope(c *Client, scopes []string) target {
	t := target{scopes: scopes, granted: scopes}
	if c.Profile != ProfileOAuth2 || len(scopes) == 0 {
		return t
	}
	api, found := s.clients.ResourceServerOf(scopes[0])
	if !found || !api.takesJWTs() || !api.Accepted || len(ownedBy([]resource{{api: api}}, scopes)) < len(scopes) {
		return t
	}
	t.audience, t.api = api.Identifiers[0], api
	return t
}
