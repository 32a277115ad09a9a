// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// GrantFilter chooses grants. An empty field chooses all; one of them at least is set.
type GrantFilter struct {
	ClientUID string
	Owner     string // the subject
}

// ListedGrant is a grant as an administrator sees it.
type ListedGrant struct {
	Grant
	Client *Client // nil: it is not there any more, and the grant is worth nothing
	Person Person  // zero but for the subject: nothing is known of them any more
}

// ListUses returns at most limit uses of the UID, or of all where it is empty, by UID and credential ID, from the one that follows
// them on. What was used since the last FlushUses of a replica is not in it yet.
func (s *Server) ListUses(ctx context.Context, uid, afterUID, afterCredentialID string, limit int) ([]Use, error) {
	found, err := s.store.Uses(ctx, uid, afterUID, afterCredentialID, limit)
	return found, wrap("list uses", err)
}

// ClientOf returns the client with the UID, if there is one.
func (s *Server) ClientOf(uid string) (*Client, bool) { return s.clients.ByUID(uid) }

// ListGrants returns at most limit live grants that f chooses, by ID, from the one that follows after on.
func (s *Server) ListGrants(ctx context.Context, f GrantFilter, after GrantID, limit int) ([]ListedGrant, error) {
	grants, err := s.store.GrantsPage(ctx, f, s.now(), after, limit)
	if err != nil {
		return nil, fmt.Errorf("list grants: %w", err)
	}
	people := map[string]Person{}
	found := make([]ListedGrant, 0, len(grants))
	for _, g := range grants {
		if _, asked := people[g.Owner]; !asked {
			owned, err := s.withPerson(ctx, g)
			if err != nil {
				return nil, err
			}
			owned.person.Subject = g.Owner
			people[g.Owner] = owned.person
		}
		client, _ := s.clients.ByUID(g.ClientUID)
		found = append(found, ListedGrant{Grant: g, Client: client, Person: people[g.Owner]})
	}
	return found, nil
}

// PeopleNamed returns the people who are called so and are in the directory, at most MaxPeopleNamed. People of several
// sources, or somebody who was renamed, can have one name for a time.
func (s *Server) PeopleNamed(ctx context.Context, name string) ([]Person, error) {
	found, err := s.store.PeopleNamed(ctx, name)
	return found, wrap("look for people", err)
}

// RevokeAsAdministrator ends a grant with everything that came from it, for the user of the cluster who is called actor, and
// reports whether it was this call that did. A grant that is not one of the client with the UID is not found: ErrNotFound.
func (s *Server) RevokeAsAdministrator(ctx context.Context, actor, clientUID string, id GrantID) (ended bool, err error) {
	g, err := s.store.Grant(ctx, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return false, fmt.Errorf("read grant: %w", err)
	}
	if err != nil || g.ClientUID != clientUID {
		return false, fmt.Errorf("read grant: %w", ErrNotFound)
	}
	owned, err := s.withPerson(ctx, g)
	if err != nil {
		return false, err
	}
	return s.endGrant(ctx, owned, Event{Actor: actor, Reason: "revoked by an administrator"})
}

// IsOwnToken reports whether a text looks like a token or a client secret of this server: nobody else is to see it.
func IsOwnToken(text string) bool {
	return strings.HasPrefix(text, accessPrefix) || strings.HasPrefix(text, refreshPrefix) || strings.HasPrefix(text, credential.Prefix)
}

// RecordAdministration writes to the audit log what a user of the cluster asked of the administration, in our own words,
// and whether it was allowed.
func (s *Server) RecordAdministration(ctx context.Context, actor, what string, allowed bool) {
	e := Event{Name: EventAdministrationRefused, Actor: actor, Reason: what}
	if allowed {
		e.Name = EventAdministrationAllowed
	}
	s.audit(ctx, e)
}
