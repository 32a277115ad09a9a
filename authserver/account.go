// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Access is what an owner allowed one client.
type Access struct {
	Client *Client
	Scopes []Scope
	Since  time.Time // the first approval that still lasts; zero: none does
	Until  time.Time // when the last one ends; zero: none lasts
	// Always is set when the owner is not asked again.
	Always bool
}

// Accesses returns what the owner allowed, ordered by the clients' names. Clients that were
// deleted are left out: with them everything of theirs is refused already.
func (s *Server) Accesses(ctx context.Context, v *Visitor) ([]Access, error) {
	grants, err := s.store.GrantsOf(ctx, v.Owner.Subject, s.now())
	if err != nil {
		return nil, fmt.Errorf("list grants: %w", err)
	}
	consents, err := s.store.ConsentsOf(ctx, v.Owner.Subject)
	if err != nil {
		return nil, fmt.Errorf("list consents: %w", err)
	}
	found := map[string]*collected{}
	for _, g := range grants {
		a := collect(found, g.ClientUID, g.Scopes)
		if a.since.IsZero() || g.ApprovedAt.Before(a.since) {
			a.since = g.ApprovedAt
		}
		if g.EndsAt.After(a.until) {
			a.until = g.EndsAt
		}
	}
	for _, c := range consents {
		collect(found, c.ClientUID, c.Scopes).always = true
	}
	return s.sortAccesses(found), nil
}

// collected is an Access in the making.
type collected struct {
	scopes       []string
	since, until time.Time
	always       bool
}

func collect(found map[string]*collected, clientUID string, scopes []string) *collected {
	a, ok := found[clientUID]
	if !ok {
		a = &collected{}
		found[clientUID] = a
	}
	a.scopes = append(a.scopes, scopes...)
	return a
}

func (s *Server) sortAccesses(found map[string]*collected) []Access {
	out := make([]Access, 0, len(found))
	for uid, a := range found {
		client, ok := s.clients.ByUID(uid)
		if !ok {
			continue
		}
		out = append(out, Access{
			Client: client, Scopes: s.explain(intersect(client.Scopes, a.scopes)),
			Since: a.since, Until: a.until, Always: a.always && rememberable(client),
		})
	}
	slices.SortFunc(out, func(a, b Access) int {
		if d := strings.Compare(a.Client.DisplayName, b.Client.DisplayName); d != 0 {
			return d
		}
		return strings.Compare(a.Client.ID, b.Client.ID)
	})
	return out
}

// Forget ends everything the owner allowed the client: each grant, each proof that is
// under way, and the consent for always. It is no error if there was nothing.
func (s *Server) Forget(ctx context.Context, v *Visitor, clientID string) error {
	client, ok := s.clients.ByID(clientID)
	if !ok {
		return nil
	}
	if err := s.store.Forget(ctx, v.Owner.Subject, client.UID, s.now()); err != nil {
		return fmt.Errorf("forget client: %w", err)
	}
	s.audit(ctx, Event{Name: EventConsentForgotten, ClientID: client.ID, Owner: v.Owner.Name, Reason: "revoked by the owner"})
	return nil
}
