// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/openid"
)

// needsConsent reports whether the owner has to decide on a page. Where an earlier "always" makes that
// needless, it is returned too.
func (s *Server) needsConsent(ctx context.Context, r resolved, o Owner) (needed bool, given *Consent, err error) {
	if r.Prompt.Consent {
		return true, nil, nil
	}
	if r.client.Consent == ConsentSkip && !r.client.Public {
		return false, nil, nil
	}
	if !rememberable(r.client) {
		return true, nil, nil
	}
	always, err := s.store.Consent(ctx, o.Subject, r.client.UID)
	if errors.Is(err, ErrNotFound) {
		return true, nil, nil
	}
	if err != nil {
		return true, nil, fmt.Errorf("read consent: %w", err)
	}
	if len(intersect(r.scopes, always.Scopes)) != len(r.scopes) {
		return true, nil, nil
	}
	return false, &always, nil
}

// rememberable reports whether an owner's "always" counts for the client. RFC 6749
// §10.2: a repeated request may only pass without the owner if the client has proven
// who it is, which a Public client cannot.
func rememberable(c *Client) bool { return c.Consent == ConsentRemember && !c.Public }

func (s *Server) explain(names []string) []Scope {
	scopes := make([]Scope, 0, len(names))
	for _, name := range names {
		scope, ok := s.clients.Scope(name)
		if !ok {
			scope = Scope{Name: name, Description: openid.Sentence(name)}
		}
		scopes = append(scopes, scope)
	}
	return scopes
}

// mergeConsent returns an "always" at now: for the scopes decided now, and for those of an earlier one that the
// client may still have. The store leaves those out if the owner takes them back meanwhile.
func (s *Server) mergeConsent(ctx context.Context, o Owner, c *Client, scopes []string, now time.Time) (*Consent, error) {
	before, err := s.store.Consent(ctx, o.Subject, c.UID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("read consent: %w", err)
	}
	all := slices.Concat(scopes, intersect(c.Scopes, before.Scopes))
	slices.Sort(all)
	return &Consent{Owner: o.Subject, ClientUID: c.UID, Scopes: slices.Compact(all), GivenAt: now, Before: before.Scopes}, nil
}
