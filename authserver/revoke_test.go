// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// replicaAt returns a replica whose clock is off.
func (s *fixture) replicaAt(off time.Duration) *authserver.Server {
	s.t.Helper()
	replica, err := authserver.New(authserver.Config{
		Clients: s.Clients, Directory: s.Directory, Entitlement: s.Entitlement, Store: s.Store, Auditor: s.Audit,
		Now: func() time.Time { return s.Clock.Now().Add(off) },
	})
	if err != nil {
		s.t.Fatalf("make the engine: %v", err)
	}
	replica.UseKeys(s.Keys())
	return replica
}

func TestN185ARevokedTokenIsInactiveAtAReplicaWhoseClockIsBehind(t *testing.T) {
	for name, moments := range map[string]struct{ revoked, swept time.Duration }{
		"revoked just before its end, and swept after it": {time.Hour - time.Second, time.Hour},
		"revoked just after its end":                      {time.Hour, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			replica, caller := s.replicaAt(-200*time.Millisecond), s.caller(authtest.PhotoReport)
			tokens, err := s.Auth.Token(t.Context(), caller, authserver.TokenRequest{GrantType: authserver.GrantClientCredentials})
			if err != nil {
				t.Fatalf("token: %v", err)
			}
			s.Clock.Advance(moments.revoked)
			if err := s.Auth.Revoke(t.Context(), caller, tokens.AccessToken); err != nil {
				t.Fatalf("revoke: %v", err)
			}
			s.Clock.Advance(moments.swept - moments.revoked)
			if _, err := s.Store.Sweep(t.Context(), s.Clock.Now(), 100); err != nil {
				t.Fatalf("sweep: %v", err)
			}
			if info, err := replica.Introspect(t.Context(), caller, tokens.AccessToken); err != nil || info.Active {
				t.Errorf("active: %t, %v; want false", info.Active, err)
			}
		})
	}
}

func TestN186AReusedCodeEndsItsGrantAtAReplicaWhoseClockIsAhead(t *testing.T) {
	s := newFixture(t)
	proof := s.allow(photoPrint(), s.bob(), false)
	tokens := s.redeem(proof)
	s.Clock.Advance(90*24*time.Hour - time.Second)
	ahead := s.replicaAt(2 * time.Second)
	_, err := ahead.Token(t.Context(), s.caller(authtest.PhotoPrint), redemption(proof, authtest.PhotoPrintCallback))
	if !errors.Is(err, authserver.GrantUsedBefore) {
		t.Fatalf("the second use is answered %v, want used before", err)
	}
	s.refused(authtest.PhotoPrint, refreshing(tokens.RefreshToken), authserver.InvalidGrant)
}
