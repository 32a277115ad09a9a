// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"fmt"
	"time"
)

// Entitlement knows which owner may use which client.
type Entitlement interface {
	// Entitled reports whether the owner may use the client. When it cannot be found
	// out now, an answer that is at most stale old may stand in; without one the
	// error wraps ErrUnavailable.
	Entitled(ctx context.Context, o Owner, c *Client, stale time.Duration) (bool, error)
}

// refreshStale is how old an entitlement may be at a refresh and at an introspection when no new
// answer can be had. New authorizations get no such mercy.
const refreshStale = 5 * time.Minute

// entitled asks whether the owner may use the client; no answer is an error, never a yes.
func (s *Server) entitled(ctx context.Context, o Owner, c *Client, stale time.Duration) (bool, error) {
	if c.EveryoneEntitled {
		return true, nil
	}
	ok, err := s.entitlement.Entitled(ctx, o, c, stale)
	if err != nil {
		return false, fmt.Errorf("check entitlement: %w", err)
	}
	return ok, nil
}

// mayUse is entitled for what the audit log is to hear of.
func (s *Server) mayUse(ctx context.Context, o Owner, c *Client, stale time.Duration) (bool, error) {
	ok, err := s.entitled(ctx, o, c, stale)
	if err == nil && !ok {
		s.audit(ctx, Event{Name: EventEntitlementRefused, ClientID: c.ID, Owner: o.Name,
			Reason: "RBAC does not allow this owner the verb authorize on oauthclients/" + c.Name + " in namespace " + c.Namespace})
	}
	return ok, err
}
