// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"encoding/hex"
	"errors"
	"iter"
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

// maxPerson bounds a name or a subject in the query, in bytes.
const maxPerson = 512

var noSuchClient = failure{http.StatusNotFound, "NotFound", "there is no such OAuthClient, or it is not served"}

// chosen is what a request is about: grants of the filter, and of the clients of the namespace only.
type chosen struct {
	filter    authserver.GrantFilter
	namespace string // empty: all
	nobody    bool   // there are none
}

// choose returns which grants a request is about: by the path those of a client or a namespace, by the query those of a person.
func (e *endpoint) choose(r *request, given map[string]string) (chosen, error) {
	c := chosen{namespace: r.PathValue("namespace")}
	if name := r.PathValue("name"); name != "" {
		client, ok := e.clientNamed(c.namespace, name)
		if !ok {
			return c, noSuchClient
		}
		c.filter.ClientUID = client.UID
	}
	person, subject := given["person"], given["subject"]
	switch {
	case len(person) > maxPerson || len(subject) > maxPerson:
		return c, badRequest("person and subject have at most %d bytes", maxPerson)
	case person != "" && subject != "":
		return c, badRequest("name the person by one of person and subject")
	case subject != "":
		c.filter.Owner = subject
		return c, nil
	case person != "":
		return e.ofPerson(r.Context(), c, person)
	case c.filter.ClientUID == "":
		return c, badRequest("name the person by the parameter person, or by subject")
	}
	return c, nil
}

// ofPerson leaves of the chosen grants those of the one person with the name. Whoever may ask about one namespace does not learn which
// people there are: somebody who gave its clients nothing, and a name that nobody has, are alike.
func (e *endpoint) ofPerson(ctx context.Context, c chosen, name string) (chosen, error) {
	people, err := e.auth.PeopleNamed(ctx, name)
	if err == nil && c.namespace != "" {
		people, err = e.givers(ctx, c, people)
		c.nobody = len(people) == 0
	}
	switch {
	case err != nil || c.nobody:
		return c, err
	case len(people) == 0:
		return c, failure{http.StatusNotFound, "NotFound", "nobody of this name has logged in yet, or the directory does not know them any more; somebody who left it is named by subject"}
	case len(people) > 1:
		return c, failure{http.StatusConflict, "Ambiguous", "several people have this name; name one by subject, which the listed grants of a client show"}
	}
	c.filter.Owner = people[0].Subject
	return c, nil
}

// givers returns those of the people who gave one of the chosen grants.
func (e *endpoint) givers(ctx context.Context, c chosen, people []authserver.Person) (found []authserver.Person, err error) {
	for _, p := range people {
		c.filter.Owner = p.Subject
		for _, err := range e.grants(ctx, c, authserver.GrantID{}, 1) {
			if err != nil {
				return nil, err
			}
			found = append(found, p)
			break
		}
	}
	return found, nil
}

// listGrants returns live grants, page by page. A page is short only where it is the last one, and its continue is the ID of a
// grant on it: neither tells a reader of one namespace anything of grants in others.
func (e *endpoint) listGrants(r *request) (any, error) {
	given, err := r.parameters("limit", "continue", "person", "subject")
	if err != nil {
		return nil, err
	}
	limit, err := limitOf(given["limit"], adminapi.DefaultGrants)
	if err != nil {
		return nil, err
	}
	var after authserver.GrantID
	if text := given["continue"]; text != "" {
		if after, err = readGrantID(text); err != nil {
			return nil, badRequest("continue is no text that a page ended with")
		}
	}
	c, err := e.choose(r, given)
	if err != nil {
		return nil, err
	}
	page := adminapi.GrantPage{Items: []adminapi.Grant{}}
	for g, err := range e.grants(r.Context(), c, after, limit+1) {
		if err != nil {
			return nil, err
		}
		if len(page.Items) == limit {
			page.Continue = page.Items[limit-1].ID
			break
		}
		page.Items = append(page.Items, spell(g))
	}
	return page, nil
}

// grants yields the chosen grants by ID, from the one that follows after on. Those of other namespaces are read and left out:
// they are of one person, because a request about a namespace names one. size is how many are read at once.
func (e *endpoint) grants(ctx context.Context, c chosen, after authserver.GrantID, size int) iter.Seq2[authserver.ListedGrant, error] {
	if c.namespace != "" && c.filter.ClientUID == "" {
		size = adminapi.MaxPage
	}
	return func(yield func(authserver.ListedGrant, error) bool) {
		for !c.nobody {
			found, err := e.auth.ListGrants(ctx, c.filter, after, size)
			if err != nil {
				yield(authserver.ListedGrant{}, err)
				return
			}
			for _, g := range found {
				if c.has(g) && !yield(g, nil) {
					return
				}
				after = g.ID
			}
			if len(found) < size {
				return
			}
		}
	}
}

// has reports whether a grant is of a client in the namespace.
func (c chosen) has(g authserver.ListedGrant) bool {
	return c.namespace == "" || g.Client != nil && g.Client.Namespace == c.namespace
}

func spell(g authserver.ListedGrant) adminapi.Grant {
	out := adminapi.Grant{
		ID: g.ID.String(), ClientUID: g.ClientUID, Scopes: g.Scopes, ApprovedAt: g.ApprovedAt, EndsAt: g.EndsAt,
		Person: adminapi.Person{Subject: g.Owner, Name: g.Person.Name, Source: g.Person.Source},
	}
	if g.Client != nil {
		out.Namespace, out.Client = g.Client.Namespace, g.Client.Name
	}
	return out
}

// revokeGrants ends what listGrants lists, as many as a page holds. Who wants all calls until there are no more.
func (e *endpoint) revokeGrants(r *request) (any, error) {
	given, err := r.parameters("person", "subject")
	if err != nil {
		return nil, err
	}
	c, err := e.choose(r, given)
	if err != nil {
		return nil, err
	}
	answer := adminapi.Revoked{}
	for g, err := range e.grants(r.Context(), c, authserver.GrantID{}, adminapi.MaxPage+1) {
		if err != nil {
			return nil, err
		}
		if answer.Revoked == adminapi.MaxPage {
			answer.More = true
			break
		}
		ended, err := e.auth.RevokeAsAdministrator(r.Context(), r.caller.name, g.ClientUID, g.ID)
		if err != nil && !errors.Is(err, authserver.ErrNotFound) {
			return nil, err
		}
		if ended {
			answer.Revoked++
		}
	}
	return answer, nil
}

// revokeGrant ends one grant of a client.
func (e *endpoint) revokeGrant(r *request) (any, error) {
	if _, err := r.parameters(); err != nil {
		return nil, err
	}
	id, err := readGrantID(r.PathValue("id"))
	if err != nil {
		return nil, badRequest("the path holds no ID of a grant where one belongs")
	}
	client, ok := e.clientNamed(r.PathValue("namespace"), r.PathValue("name"))
	if !ok {
		return nil, noSuchClient
	}
	ended, err := e.auth.RevokeAsAdministrator(r.Context(), r.caller.name, client.UID, id)
	switch {
	case errors.Is(err, authserver.ErrNotFound):
		return nil, failure{http.StatusNotFound, "NotFound", "the client has no such grant"}
	case err != nil:
		return nil, err
	case ended:
		return adminapi.Revoked{Revoked: 1}, nil
	}
	return adminapi.Revoked{}, nil
}

func readGrantID(text string) (id authserver.GrantID, err error) {
	if hex.DecodedLen(len(text)) != len(id) || len(text)%2 != 0 {
		return id, errors.New("no ID of a grant")
	}
	_, err = hex.Decode(id[:], []byte(text))
	return id, err
}
