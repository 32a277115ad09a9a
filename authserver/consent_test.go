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

func (s *interrupted) ApproveUnder(ctx context.Context, g authserver.Grant, read authserver.Consent) error {
	s.meanwhile()
	return s.Store.ApproveUnder(ctx, g, read)
}

// forget takes back what the owner allowed PhotoPrint.
func forget(t *testing.T, s *fixture, v *authserver.Visitor) {
	t.Helper()
	if err := s.Auth.Forget(t.Context(), v, authtest.PhotoPrint); err != nil {
		t.Errorf("forget: %v", err)
	}
}

func TestN197AConsentThatIsTakenBackMeanwhileApprovesNothing(t *testing.T) {
	s := newFixture(t)
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Scopes = []string{"photos.read", "photos.write"} })
	read, write := photoPrint(), photoPrint()
	read.Scopes, write.Scopes = []string{"photos.read"}, []string{"photos.write"}
	kept, bob := s.Store.Store, s.bob()
	for name, test := range map[string]struct {
		meanwhile func()
		want      authserver.Step
	}{
		"taken back": {func() { forget(t, s, bob) }, authserver.StepConsent},
		"changed":    {func() { s.allow(write, bob, true) }, authserver.StepIssue},
	} {
		s.allow(read, bob, true)
		i := s.begin(read)
		p := s.next(i, bob)
		if p.Step != authserver.StepIssue {
			t.Fatalf("%s: the owner is asked again: step %d", name, p.Step)
		}
		s.Store.Store = &interrupted{kept, func() { s.Store.Store = kept; test.meanwhile() }}
		_, err := s.Auth.Issue(t.Context(), p)
		wantCause(t, err, authserver.ConsentChanged)
		if p = s.next(i, bob); p.Step != test.want {
			t.Errorf("%s: the interaction stands at step %d, want %d", name, p.Step, test.want)
		}
		forget(t, s, bob)
	}
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
		forget(t, s, bob)
	}}
	s.allow(write, bob, true)

	if p := s.next(s.begin(read), bob); p.Step != authserver.StepConsent {
		t.Errorf("the owner is not asked for what they took back: step %d", p.Step)
	}
	if p := s.next(s.begin(write), bob); p.Step != authserver.StepIssue {
		t.Errorf("the owner is asked for what they said always to: step %d", p.Step)
	}
}
