// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"context"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// interrupted is a store in which something happens just before an approval is kept.
type interrupted struct {
	authserver.Store
	meanwhile func()
}

func (s *interrupted) Approve(ctx context.Context, g authserver.Grant, c *authserver.Consent) error {
	s.meanwhile()
	return s.Store.Approve(ctx, g, c)
}

func TestN189WhatTheOwnerTakesBackWhileAnotherTabSaysAlwaysStaysTakenBack(t *testing.T) {
	s := newFixture(t)
	read, write := photoPrint(), photoPrint()
	read.Scopes, write.Scopes = []string{"photos.read"}, []string{"photos.write"}
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Scopes = []string{"photos.read", "photos.write"} })
	bob := s.bob()
	s.allow(read, bob, true)

	kept := s.Store.Store
	s.Store.Store = &interrupted{kept, func() {
		s.Store.Store = kept
		if err := s.Auth.Forget(t.Context(), bob, authtest.PhotoPrint); err != nil {
			t.Errorf("forget: %v", err)
		}
	}}
	s.allow(write, bob, true)

	if p := s.next(s.begin(read), bob); p.Step != authserver.StepConsent {
		t.Errorf("the owner is not asked for what they took back: step %d", p.Step)
	}
	if p := s.next(s.begin(write), bob); p.Step != authserver.StepIssue {
		t.Errorf("the owner is asked for what they said always to: step %d", p.Step)
	}
}
