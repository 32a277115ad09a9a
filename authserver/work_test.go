// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// work is what a server did for one answer.
type work struct {
	Verified, Derived, Signed int64 // MACs
	Reads, Writes             int   // of the store
	Audited                   int   // events that the answer waited for
}

// working counts what the server does while do runs.
func (s *fixture) working(do func() error) (work, error) {
	verified, derived := s.Auth.CountProofs()
	reads, writes, audited := s.Store.Reads(), s.Store.Writes(), len(s.Audit.Events(""))
	err := do()
	return work{
		Verified: verified.Load(), Derived: derived.Load(),
		Reads: s.Store.Reads() - reads, Writes: s.Store.Writes() - writes, Audited: len(s.Audit.Events("")) - audited,
	}, err
}

// manyClients adds a client for each state that a refusal must not tell apart, and returns
// their IDs. One of them is nobody's.
func (s *fixture) manyClients(profile authserver.Profile) map[string]string {
	other := authserver.ProfileOAuth1
	if profile.Signed() {
		other = authserver.ProfileOAuth2
	}
	base := authserver.Client{Profile: profile, Accepted: true, SignatureMethods: []string{"HMAC-SHA1"}}
	credentials := func(n int, expires time.Time) (list []authserver.Credential) {
		for i := range n {
			list = append(list, authserver.Credential{ID: string(rune('a' + i)), Verifier: "ILkB4RGVW3TBHIpEnwVhhzIPZDxJPo1TKYFCQZ6dI-Q", ExpiresAt: expires})
		}
		return list
	}
	ids := map[string]string{"unknown": "photos.nobody"}
	for name, change := range map[string]func(*authserver.Client){
		"known":                    func(*authserver.Client) {},
		"public":                   func(c *authserver.Client) { c.Public = true },
		"suspended":                func(c *authserver.Client) { c.Suspended = true },
		"not ready":                func(c *authserver.Client) { c.Accepted = false },
		"of another profile":       func(c *authserver.Client) { c.Profile = other },
		"without a credential":     func(c *authserver.Client) { c.Credentials = []authserver.Credential{} },
		"with two credentials":     func(c *authserver.Client) { c.Credentials = credentials(2, time.Time{}) },
		"with four credentials":    func(c *authserver.Client) { c.Credentials = credentials(4, time.Time{}) },
		"with an ended credential": func(c *authserver.Client) { c.Credentials = credentials(1, authtest.Start.Add(-time.Hour)) },
	} {
		c := base
		c.UID, c.ID = "33333333-0000-4000-8000-"+name, "photos."+name
		change(&c)
		s.AddClient(c)
		ids[name] = c.ID
	}
	if profile.Signed() {
		return ids
	}
	for name, accepted := range map[string]bool{"resource server": true, "refused resource server": false} {
		s.AddResourceServer(authserver.ResourceServer{UID: "33333333-0000-4000-8000-" + name, ID: "api_photos." + name, Accepted: accepted})
		ids[name] = "api_photos." + name
	}
	return ids
}

func TestN87ARefusalOfASecretCostsTheSameForEveryClient(t *testing.T) {
	for _, profile := range []authserver.Profile{
		authserver.ProfileOAuth2, authserver.ProfileConnectionsCloudOAuth2, authserver.ProfileIntegrationCloud,
	} {
		s := newFixture(t)
		want := work{Verified: 4, Audited: 1}
		for name, id := range s.manyClients(profile) {
			for how, ask := range map[string]func(authserver.ClientSecret) (authserver.Caller, error){
				"one profile": func(p authserver.ClientSecret) (authserver.Caller, error) {
					return s.Auth.AuthenticateClient(t.Context(), profile, p)
				},
				"about a token": func(p authserver.ClientSecret) (authserver.Caller, error) {
					return s.Auth.AuthenticateIntrospector(t.Context(), p)
				},
			} {
				got, err := s.working(func() error {
					_, err := ask(authserver.ClientSecret{ID: id, Secret: "ghs_wrong"})
					return err
				})
				code := authserver.InvalidClient
				if name == "without a credential" && (how == "one profile" || profile == authserver.ProfileOAuth2) {
					code = authserver.TemporarilyUnavailable // its first secret is on its way
				}
				if e, ok := errors.AsType[authserver.Refusal](err); !ok || e.Code() != code {
					t.Errorf("%s, %s, %s: %v", profile, how, name, err)
				}
				if got != want {
					t.Errorf("%s, %s, %s: %+v, want %+v", profile, how, name, got, want)
				}
			}
		}
	}
}

func TestN87ARefusalOfASignatureCostsTheSameForEveryClient(t *testing.T) {
	for _, profile := range []authserver.Profile{authserver.ProfileOAuth1, authserver.ProfileConnectionsCloudOAuth1} {
		s := newFixture(t)
		want := work{Verified: 4, Derived: 4, Signed: 5, Audited: 1}
		for name, id := range s.manyClients(profile) {
			var signed int64
			got, err := s.working(func() error {
				_, err := s.Auth.AuthenticateSigned(t.Context(), authserver.SignedRequest{
					Profile: profile, ClientID: id, Method: "HMAC-SHA1", Nonce: "n", Timestamp: authtest.Start.Unix(),
					Matches: func(string, string) bool { signed++; return false },
				})
				return err
			})
			got.Signed = signed
			code := authserver.SignatureInvalid
			if name == "without a credential" {
				code = authserver.TemporarilyUnavailable // its first secret is on its way
			}
			if e, ok := errors.AsType[authserver.Refusal](err); !ok || e.Code() != code {
				t.Errorf("%s, %s: %v", profile, name, err)
			}
			if got != want {
				t.Errorf("%s, %s: %+v, want %+v", profile, name, got, want)
			}
		}
	}
}

func TestN87AnAuthorizationThatIsRefusedCostsTheSameForEveryClient(t *testing.T) {
	s := newFixture(t)
	ids := s.manyClients(authserver.ProfileOAuth2)
	for _, name := range []string{"unknown", "suspended", "not ready", "of another profile"} {
		got, err := s.working(func() error {
			_, err := s.Auth.Authorize(t.Context(), authserver.AuthorizeRequest{Profile: authserver.ProfileOAuth2, ClientID: ids[name]})
			return err
		})
		wantCode(t, err, authserver.UnknownClient)
		if want := (work{Audited: 1}); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

func TestN87WhatWasSentAsTheIDOfAnUnknownClientIsInNoAuditEvent(t *testing.T) {
	s := newFixture(t)
	const typed = "ghs_a-secret-in-the-wrong-field"
	_, _ = s.Auth.AuthenticateIntrospector(t.Context(), authserver.ClientSecret{ID: typed, Secret: "x"})
	_, _ = s.Auth.AuthenticateSigned(t.Context(), authserver.SignedRequest{ClientID: typed, Matches: func(string, string) bool { return true }})
	_, _ = s.Auth.Authorize(t.Context(), authserver.AuthorizeRequest{ClientID: typed})
	events := s.Audit.Events("")
	if len(events) != 3 {
		t.Fatalf("%d events, want 3", len(events))
	}
	for _, e := range events {
		if e.ClientID != "" || e.Reason != "the client is not known" {
			t.Errorf("event %+v", e)
		}
	}
}

// A client that sends its code again and again ends its own grant, once.
func TestN86AReplayIsAuditedAsAReplayAndEndsTheGrantOnce(t *testing.T) {
	s := newFixture(t)
	proof := s.allow(photoPrint(), s.bob(), false)
	s.redeem(proof)
	before := s.Store.Writes()
	caller := s.caller(authtest.PhotoPrint)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, err := s.Auth.Token(t.Context(), caller, redemption(proof, authtest.PhotoPrintCallback))
			if e, ok := errors.AsType[authserver.Refusal](err); !ok || e.Code() != authserver.InvalidGrant {
				t.Errorf("a replay: %v", err)
			}
		})
	}
	all.Wait()
	parallel := s.Store.Writes()
	for range 20 {
		s.refused(authtest.PhotoPrint, redemption(proof, authtest.PhotoPrintCallback), authserver.InvalidGrant)
	}
	if parallel == before {
		t.Error("no replay ended the grant")
	}
	if got := s.Store.Writes(); got != parallel {
		t.Errorf("replays of an ended grant write %d times", got-parallel)
	}
	if n := len(s.Audit.Events(authserver.EventProofReused)); n != 40 {
		t.Errorf("%d replays are audited, want 40", n)
	}
	if n := len(s.Audit.Events(authserver.EventGrantRevoked)); n != 1 {
		t.Errorf("%d ends of one grant are audited", n)
	}
}

func TestN86ARevocationSentTwiceIsAuditedOnce(t *testing.T) {
	s := newFixture(t)
	tokens := s.tokens()
	for range 3 {
		if err := s.Auth.Revoke(t.Context(), s.caller(authtest.PhotoPrint), tokens.RefreshToken); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.Audit.Events(authserver.EventGrantRevoked)); n != 1 {
		t.Errorf("%d ends of one grant are audited", n)
	}
}

func TestN86AVerifierAndARefreshTokenThatComeAgainEndTheGrantOnce(t *testing.T) {
	s := newFixture(t)
	used := s.tokens().RefreshToken
	s.refresh(s.refresh(s.refresh(used).RefreshToken).RefreshToken)
	caller := s.caller(authtest.PhotoPrint)
	for _, err := range inParallel(20, func(int) error {
		_, err := s.Auth.Token(t.Context(), caller, refreshing(used))
		return err
	}) {
		wantCode(t, err, authserver.InvalidGrant)
	}
	if n := len(s.Audit.Events(authserver.EventGrantRevoked)); n != 1 {
		t.Errorf("%d ends of one grant are audited after a refresh token came again", n)
	}

	asked := s.requestToken(authtest.PhotoBookCallback)
	token, verifier := asked.Token, s.allowToken(asked.Token).Proof
	signer := s.photoBook()
	if _, err := s.Auth.Exchange(t.Context(), signer, token, verifier); err != nil {
		t.Fatal(err)
	}
	for _, err := range inParallel(20, func(int) error {
		_, err := s.Auth.Exchange(t.Context(), signer, token, verifier)
		return err
	}) {
		wantCode(t, err, authserver.InvalidGrant)
	}
	if n := len(s.Audit.Events(authserver.EventGrantRevoked)); n != 2 {
		t.Errorf("%d ends of two grants are audited", n)
	}
}
