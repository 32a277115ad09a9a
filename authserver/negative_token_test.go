// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

func TestN16EntitlementLostAfterTheApprovalEndsInvalidGrant(t *testing.T) {
	s := newFixture(t)
	proof := s.allow(photoPrint(), s.bob(), false)
	s.Entitlement.Withdraw(authtest.Bob, authtest.PhotoPrint)
	s.refused(authtest.PhotoPrint, redemption(proof, authtest.PhotoPrintCallback), authserver.InvalidGrant)
	s.Entitlement.Allow(authtest.Bob, authtest.PhotoPrint)
	tokens := s.redeem(proof)
	s.Entitlement.Withdraw(authtest.Bob, authtest.PhotoPrint)
	s.refused(authtest.PhotoPrint, refreshing(tokens.RefreshToken), authserver.InvalidGrant)
	s.Entitlement.Allow(authtest.Bob, authtest.PhotoPrint)
	s.Directory.Remove(authtest.Bob)
	s.refused(authtest.PhotoPrint, refreshing(tokens.RefreshToken), authserver.InvalidGrant)
}

func TestN16WithoutAnAnswerNobodyIsEntitledAnew(t *testing.T) {
	s := newFixture(t)
	bob := s.bob()
	tokens := s.tokens()
	proof := s.allow(photoPrint(), bob, false)
	s.Entitlement.Down(4 * time.Minute)
	if _, err := s.Auth.Next(t.Context(), s.begin(photoPrint()), bob); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("a new authorization without an answer: %v", err)
	}
	if _, err := s.Auth.Token(t.Context(), s.caller(authtest.PhotoPrint), redemption(proof, authtest.PhotoPrintCallback)); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("a redemption without an answer: %v", err)
	}
	tokens = s.refresh(tokens.RefreshToken) // an answer of four minutes ago is good enough
	s.Entitlement.Down(6 * time.Minute)
	if _, err := s.Auth.Token(t.Context(), s.caller(authtest.PhotoPrint), refreshing(tokens.RefreshToken)); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("a refresh with an answer that is too old: %v", err)
	}
	s.Entitlement.Up()
	s.refresh(tokens.RefreshToken)
}

func TestN17AScopeBeyondTheClientsOrTheApprovedIsInvalid(t *testing.T) {
	s := newFixture(t)
	r := photoPrint()
	r.Scopes = []string{"photos.read", "photos.write"}
	_, err := s.Auth.Authorize(t.Context(), r)
	wantCode(t, err, authserver.InvalidScope)

	r = bookShelf()
	r.Scopes = []string{"photos.read"}
	proof := s.allow(r, s.bob(), false)
	beyond := redemption(proof, authtest.BookShelfCallback)
	beyond.Scopes = []string{"admin"}
	s.refused(authtest.BookShelf, beyond, authserver.InvalidScope)
	unapproved := redemption(proof, authtest.BookShelfCallback)
	unapproved.Scopes = []string{"photos.write"}
	s.refused(authtest.BookShelf, unapproved, authserver.InvalidScope)

	tokens, err := s.Auth.Token(t.Context(), s.caller(authtest.BookShelf), redemption(proof, authtest.BookShelfCallback))
	if err != nil {
		t.Fatal(err)
	}
	wider := refreshing(tokens.RefreshToken)
	wider.Scopes = []string{"photos.read", "photos.write"}
	s.refused(authtest.BookShelf, wider, authserver.InvalidScope)
	s.refused(authtest.BookShelf, authserver.TokenRequest{GrantType: authserver.GrantClientCredentials, Scopes: []string{"admin"}}, authserver.InvalidScope)
}

func TestAScopeTheClientLostIsGoneFromItsTokens(t *testing.T) {
	s := newFixture(t)
	proof := s.allow(bookShelf(), s.bob(), false)
	tokens, err := s.Auth.Token(t.Context(), s.caller(authtest.BookShelf), redemption(proof, authtest.BookShelfCallback))
	if err != nil {
		t.Fatal(err)
	}
	s.Clients.Change(authtest.BookShelf, func(c *authserver.Client) { c.Scopes = []string{"photos.read"} })
	info, err := s.Auth.Introspect(t.Context(), s.caller(authtest.PhotoStorage), tokens.AccessToken)
	if err != nil || strings.Join(info.Scopes, " ") != "photos.read" {
		t.Errorf("the token shows %v, %v", info.Scopes, err)
	}
}

func TestN21ACodeRedeemedTwiceKillsWhatTheFirstUseGave(t *testing.T) {
	s := newFixture(t)
	proof := s.allow(photoPrint(), s.bob(), false)
	tokens := s.redeem(proof)
	s.refused(authtest.PhotoPrint, redemption(proof, authtest.PhotoPrintCallback), authserver.InvalidGrant)
	if s.active(tokens.AccessToken) {
		t.Error("the access token of the first use is alive")
	}
	s.refused(authtest.PhotoPrint, refreshing(tokens.RefreshToken), authserver.InvalidGrant)
	if got := len(s.Audit.Events(authserver.EventProofReused)); got != 1 {
		t.Errorf("%d audit events of the reuse", got)
	}
}

// N286: whoever has a code and not what binds it cannot end what its client got for it (OAuth 2.1 §7.5.3).
func TestN286AReplayThatIsNotTheClientsOwnEndsNothing(t *testing.T) {
	s := newFixture(t)
	proof := s.allow(photoPrint(), s.bob(), false)
	tokens := s.redeem(proof)
	wrongVerifier, noVerifier, wrongCallback := redemption(proof, authtest.PhotoPrintCallback), redemption(proof, authtest.PhotoPrintCallback), redemption(proof, authtest.BookShelfCallback)
	wrongVerifier.CodeVerifier += "x"
	noVerifier.CodeVerifier = ""
	for _, r := range []authserver.TokenRequest{wrongVerifier, noVerifier, wrongCallback} {
		s.refused(authtest.PhotoPrint, r, authserver.InvalidGrant)
	}
	s.refused(authtest.BookShelf, redemption(proof, authtest.BookShelfCallback), authserver.InvalidGrant)
	if !s.active(tokens.AccessToken) || len(s.Audit.Events(authserver.EventProofReused)) != 0 {
		t.Error("a replay without what binds the code ended the grant")
	}
	s.refused(authtest.PhotoPrint, redemption(proof, authtest.PhotoPrintCallback), authserver.InvalidGrant)
	if s.active(tokens.AccessToken) {
		t.Error("the client's own replay ends nothing")
	}
}

func TestN21ACodeIsRememberedAfterItsLifetime(t *testing.T) {
	s := newFixture(t)
	proof := s.allow(photoPrint(), s.bob(), false)
	tokens := s.redeem(proof)
	s.Clock.Advance(30 * time.Minute)
	s.refused(authtest.PhotoPrint, redemption(proof, authtest.PhotoPrintCallback), authserver.InvalidGrant)
	if s.active(tokens.AccessToken) {
		t.Error("a late second use left the first one's token alive")
	}
}

func TestN22OfFiftyParallelRedemptionsOnTwoReplicasOneSucceeds(t *testing.T) {
	s := newFixture(t)
	proof := s.allow(photoPrint(), s.bob(), false)
	caller := s.caller(authtest.PhotoPrint)
	replicas := []*authserver.Server{s.Auth, s.Replica(t)}
	errs := inParallel(50, func(n int) error {
		_, err := replicas[n%2].Token(t.Context(), caller, redemption(proof, authtest.PhotoPrintCallback))
		return err
	})
	succeeded := 0
	for _, err := range errs {
		if err == nil {
			succeeded++
			continue
		}
		wantCode(t, err, authserver.InvalidGrant)
	}
	if succeeded != 1 {
		t.Errorf("%d redemptions succeeded", succeeded)
	}
}

// inParallel runs n calls at once and returns their errors.
func inParallel(n int, call func(n int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = call(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

func TestN23ACodeInAnotherClientsHandsIsRefusedAndNotBurnt(t *testing.T) {
	s := newFixture(t)
	proof := s.allow(photoPrint(), s.bob(), false)
	s.refused(authtest.BookShelf, redemption(proof, authtest.PhotoPrintCallback), authserver.InvalidGrant)
	if !s.active(s.redeem(proof).AccessToken) {
		t.Error("another client burnt the code")
	}
}

func TestN24ACodeDiesWithItsTimeItsOwnersWillAndItsClient(t *testing.T) {
	for name, end := range map[string]func(s *fixture, bob *authserver.Visitor){
		"lifetime": func(s *fixture, _ *authserver.Visitor) { s.Clock.Advance(time.Minute) },
		"owner revoked": func(s *fixture, bob *authserver.Visitor) {
			if err := s.Auth.Forget(s.t.Context(), bob, authtest.PhotoPrint); err != nil {
				s.t.Fatal(err)
			}
		},
		"client re-created": func(s *fixture, _ *authserver.Visitor) {
			s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.UID = "another"; c.Credentials = nil })
			c, _ := s.Clients.ByID(authtest.PhotoPrint)
			s.AddClient(*c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			bob := s.bob()
			proof := s.allow(photoPrint(), bob, false)
			end(s, bob)
			s.refused(authtest.PhotoPrint, redemption(proof, authtest.PhotoPrintCallback), authserver.InvalidGrant)
		})
	}
	for name, end := range map[string]func(s *fixture){
		"client deleted": func(s *fixture) { s.Clients.Delete(authtest.PhotoPrint) },
		"client suspended": func(s *fixture) {
			s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Suspended = true })
		},
		"N342 client expired": func(s *fixture) {
			s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.ExpiresAt = s.Clock.Now() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			tokens := s.tokens()
			secret := authserver.ClientSecret{ID: authtest.PhotoPrint, Secret: s.Secret(authtest.PhotoPrint)}
			end(s)
			_, err := s.Auth.AuthenticateClient(t.Context(), authserver.ProfileOAuth2, secret)
			wantCode(t, err, authserver.InvalidClient)
			if s.active(tokens.AccessToken) {
				t.Error("an access token outlives its client")
			}
		})
	}
}

func TestN25AWrongOrMissingCodeVerifierIsRefused(t *testing.T) {
	s := newFixture(t)
	proof := s.allow(photoPrint(), s.bob(), false)
	for name, verifier := range map[string]string{
		"missing": "", "wrong": strings.Repeat("a", 43), "short": "abc", "long": strings.Repeat("a", 129), "cut": codeVerifier[1:],
	} {
		t.Run(name, func(t *testing.T) {
			r := redemption(proof, authtest.PhotoPrintCallback)
			r.CodeVerifier = verifier
			s.refused(authtest.PhotoPrint, r, authserver.InvalidGrant)
		})
	}
	s.redeem(proof)
}

func TestN26ACallbackThatDiffersIsRefused(t *testing.T) {
	s := newFixture(t)
	proof := s.allow(photoPrint(), s.bob(), false)
	s.refused(authtest.PhotoPrint, redemption(proof, authtest.PhotoPrintCallback+"/"), authserver.InvalidGrant)
	s.refused(authtest.PhotoPrint, redemption(proof, authtest.BookShelfCallback), authserver.InvalidGrant)
	s.redeem(proof)
	r := photoPrint()
	r.Callback = "" // one is registered, so it may be left out (RFC 6749 §3.1.2.3)
	proof = s.allow(r, s.bob(), false)
	s.refused(authtest.PhotoPrint, redemption(proof, authtest.PhotoPrintCallback), authserver.InvalidGrant)
	if _, err := s.Auth.Token(t.Context(), s.caller(authtest.PhotoPrint), redemption(proof, "")); err != nil {
		t.Errorf("left out both times: %v", err)
	}
}

func TestARefreshMayNarrowTheAccessTokenAndTheNextOneIsWhole(t *testing.T) {
	s := newFixture(t)
	proof := s.allow(bookShelf(), s.bob(), false)
	caller := s.caller(authtest.BookShelf)
	tokens, err := s.Auth.Token(t.Context(), caller, redemption(proof, authtest.BookShelfCallback))
	if err != nil {
		t.Fatal(err)
	}
	r := refreshing(tokens.RefreshToken)
	r.Scopes = []string{"photos.write"}
	narrow, err := s.Auth.Token(t.Context(), caller, r)
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Auth.Introspect(t.Context(), caller, narrow.AccessToken)
	if err != nil || strings.Join(info.Scopes, " ") != "photos.write" {
		t.Errorf("the narrow token shows %v, %v", info.Scopes, err)
	}
	whole, err := s.Auth.Token(t.Context(), caller, refreshing(narrow.RefreshToken))
	if err != nil || len(whole.Scopes) != 2 {
		t.Errorf("the next refresh gives %+v, %v", whole, err)
	}
}

func TestN30EveryKindOfTokenIsRefusedInEveryOthersPlace(t *testing.T) {
	s := newFixture(t)
	proof := s.allow(photoPrint(), s.bob(), false)
	tokens := s.tokens()
	i := s.begin(photoPrint())
	sealed, err := s.Auth.SealInteraction(i)
	if err != nil {
		t.Fatal(err)
	}
	login, err := s.Auth.Login(t.Context(), authserver.Credentials{Username: authtest.Bob, Password: authtest.BobPassword})
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{
		"code": proof, "access token": tokens.AccessToken, "refresh token": tokens.RefreshToken, "interaction": sealed,
		"session": login.Session, "device": login.Device, "ticket": s.next(i, s.bob()).Ticket, "client secret": s.Secret(authtest.PhotoPrint),
		"access token with the refresh prefix": "ghr_" + tokens.AccessToken[4:], "refresh token with the access prefix": "gha_" + tokens.RefreshToken[4:],
	}
	for name, value := range values {
		t.Run(name, func(t *testing.T) {
			if name != "code" {
				s.refused(authtest.PhotoPrint, redemption(value, authtest.PhotoPrintCallback), authserver.InvalidGrant)
			}
			if name != "refresh token" {
				s.refused(authtest.PhotoPrint, refreshing(value), authserver.InvalidGrant)
			}
			if name != "access token" && s.active(value) {
				t.Error("it passes for an access token")
			}
			if _, err := s.Auth.OpenInteraction(i.ID, value); (err == nil) != (name == "interaction") {
				t.Errorf("as an interaction: %v", err)
			}
			if v, err := s.Auth.Visitor(t.Context(), value); err != nil || (v != nil) != (name == "session") {
				t.Errorf("as a session: %v %v", v, err)
			}
		})
	}
	s.redeem(proof)
	s.refresh(tokens.RefreshToken)
}

func TestN33AnUnknownClientAndAWrongSecretGetTheSameAnswer(t *testing.T) {
	s := newFixture(t)
	var texts []string
	for _, secret := range []authserver.ClientSecret{
		{ID: "photos.nobody", Secret: s.Secret(authtest.PhotoPrint)},
		{ID: "", None: true},
		{ID: authtest.PhotoPrint, Secret: s.Secret(authtest.BookShelf)},
		{ID: authtest.PhotoPrint, None: true},
		{ID: authtest.Desktop, Secret: "anything"},
	} {
		_, err := s.Auth.AuthenticateClient(t.Context(), authserver.ProfileOAuth2, secret)
		wantCode(t, err, authserver.InvalidClient)
		texts = append(texts, err.Error())
	}
	for _, text := range texts {
		if text != texts[0] {
			t.Errorf("the answers differ: %q and %q", text, texts[0])
		}
	}
}

func TestACredentialThatEndedIsNoCredential(t *testing.T) {
	s := newFixture(t)
	s.Clients.Change(authtest.BookShelf, func(c *authserver.Client) {
		c.Credentials = append([]authserver.Credential(nil), c.Credentials...)
		c.Credentials[0].ExpiresAt = authtest.Start.Add(time.Minute)
	})
	tokens, err := s.Auth.Token(t.Context(), s.caller(authtest.BookShelf), authserver.TokenRequest{GrantType: authserver.GrantClientCredentials})
	if err != nil {
		t.Fatal(err)
	}
	if !s.active(tokens.AccessToken) {
		t.Fatal("a client credentials token is not active")
	}
	s.Clock.Advance(time.Minute)
	_, err = s.Auth.AuthenticateClient(t.Context(), authserver.ProfileOAuth2, authserver.ClientSecret{ID: authtest.BookShelf, Secret: s.Secret(authtest.BookShelf)})
	wantCode(t, err, authserver.InvalidClient)
	if s.active(tokens.AccessToken) {
		t.Error("a token outlives the credential it was issued to")
	}
}

func TestAGrantTypeTheClientMayNotUseIsUnauthorized(t *testing.T) {
	s := newFixture(t)
	s.refused(authtest.PhotoPrint, authserver.TokenRequest{GrantType: authserver.GrantClientCredentials}, authserver.UnauthorizedClient)
	s.refused(authtest.PhotoReport, refreshing("ghr_x"), authserver.UnauthorizedClient)
	s.refused(authtest.PhotoPrint, authserver.TokenRequest{GrantType: "password"}, authserver.UnsupportedGrantType)
}

func TestAPublicClientHasNoCredentialsToUse(t *testing.T) {
	s := newFixture(t)
	s.Clients.Change(authtest.Desktop, func(c *authserver.Client) {
		c.GrantTypes = append(c.GrantTypes[:len(c.GrantTypes):len(c.GrantTypes)], authserver.GrantClientCredentials)
	})
	s.refused(authtest.Desktop, authserver.TokenRequest{GrantType: authserver.GrantClientCredentials}, authserver.UnauthorizedClient)
}

func TestN39AStoreThatFailsDuringRevocationIsNeverASuccess(t *testing.T) {
	s := newFixture(t)
	tokens := s.tokens()
	s.Store.Fail(authserver.ErrUnavailable)
	for name, token := range map[string]string{"access": tokens.AccessToken, "refresh": tokens.RefreshToken} {
		if err := s.Auth.Revoke(t.Context(), s.caller(authtest.PhotoPrint), token); !errors.Is(err, authserver.ErrUnavailable) {
			t.Errorf("%s token: %v", name, err)
		}
	}
	s.Store.Fail(nil)
	if !s.active(tokens.AccessToken) {
		t.Error("a failed revocation took effect")
	}
}

func TestN40IntrospectionTellsOnlyWhoMayKnow(t *testing.T) {
	s := newFixture(t)
	tokens := s.tokens()
	for _, tc := range []struct {
		name, clientID, token string
		active                bool
	}{
		{"the client itself, access token", authtest.PhotoPrint, tokens.AccessToken, true},
		{"the client itself, refresh token", authtest.PhotoPrint, tokens.RefreshToken, true},
		{"the owner of the scope, access token", authtest.PhotoStorage, tokens.AccessToken, true},
		{"the owner of the scope, refresh token", authtest.PhotoStorage, tokens.RefreshToken, false},
		{"another client, access token", authtest.BookShelf, tokens.AccessToken, false},
		{"another client, refresh token", authtest.BookShelf, tokens.RefreshToken, false},
		{"nonsense", authtest.PhotoPrint, "gha_nonsense", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			info, err := s.Auth.Introspect(t.Context(), s.caller(tc.clientID), tc.token)
			if err != nil || info.Active != tc.active {
				t.Errorf("active is %v, %v", info.Active, err)
			}
			if !info.Active && (info.Owner.Subject != "" || info.Client != nil || info.Scopes != nil) {
				t.Errorf("about an inactive token it says %+v", info)
			}
		})
	}
	_, err := s.Auth.Introspect(t.Context(), s.caller(authtest.Desktop), tokens.AccessToken)
	wantCode(t, err, authserver.InvalidClient)
}

func TestAResourceServerSeesOnlyTheScopesItOwns(t *testing.T) {
	s := newFixture(t)
	s.Clients.ChangeResourceServer(authtest.PhotoStorage, func(r *authserver.ResourceServer) { r.OwnedScopes = []string{"photos.write"} })
	proof := s.allow(bookShelf(), s.bob(), false)
	tokens, err := s.Auth.Token(t.Context(), s.caller(authtest.BookShelf), redemption(proof, authtest.BookShelfCallback))
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Auth.Introspect(t.Context(), s.caller(authtest.PhotoStorage), tokens.AccessToken)
	if err != nil || strings.Join(info.Scopes, " ") != "photos.write" || info.Owner.Name != authtest.Bob {
		t.Errorf("it sees %v of %q, %v", info.Scopes, info.Owner.Name, err)
	}
}

func TestN41RevokingAnothersOrAnUnknownTokenHasNoEffect(t *testing.T) {
	s := newFixture(t)
	tokens := s.tokens()
	for _, token := range []string{tokens.AccessToken, tokens.RefreshToken, "nonsense", ""} {
		if err := s.Auth.Revoke(t.Context(), s.caller(authtest.BookShelf), token); err != nil {
			t.Errorf("revoke: %v", err)
		}
	}
	if !s.active(tokens.AccessToken) {
		t.Error("another client revoked the grant")
	}
}

func TestRevokingATokenEndsItsGrantAndKeepsTheConsent(t *testing.T) {
	for name, pick := range map[string]func(*authserver.Tokens) string{
		"access token":  func(k *authserver.Tokens) string { return k.AccessToken },
		"refresh token": func(k *authserver.Tokens) string { return k.RefreshToken },
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			bob := s.bob()
			tokens := s.redeem(s.allow(photoPrint(), bob, true))
			if err := s.Auth.Revoke(t.Context(), s.caller(authtest.PhotoPrint), pick(tokens)); err != nil {
				t.Fatal(err)
			}
			if s.active(tokens.AccessToken) {
				t.Error("the access token is alive")
			}
			s.refused(authtest.PhotoPrint, refreshing(tokens.RefreshToken), authserver.InvalidGrant)
			if p := s.next(s.begin(photoPrint()), bob); p.Step != authserver.StepIssue {
				t.Errorf("the consent is gone: step %d", p.Step)
			}
		})
	}
}

func TestRevokingAClientCredentialsTokenEndsThatTokenOnly(t *testing.T) {
	s := newFixture(t)
	caller := s.caller(authtest.BookShelf)
	issue := func() string {
		tokens, err := s.Auth.Token(t.Context(), caller, authserver.TokenRequest{GrantType: authserver.GrantClientCredentials})
		if err != nil {
			t.Fatal(err)
		}
		return tokens.AccessToken
	}
	a, b := issue(), issue()
	for range 2 { // the second call changes nothing and is no error
		if err := s.Auth.Revoke(t.Context(), caller, a); err != nil {
			t.Fatal(err)
		}
	}
	if s.active(a) || !s.active(b) {
		t.Errorf("revoked one is active: %v, the other: %v", s.active(a), s.active(b))
	}
}

func TestTheAccountShowsAndEndsWhatWasAllowed(t *testing.T) {
	s := newFixture(t)
	bob := s.bob()
	tokens := s.redeem(s.allow(photoPrint(), bob, true))
	s.allow(bookShelf(), bob, false)
	accesses, err := s.Auth.Accesses(t.Context(), bob)
	if err != nil || len(accesses) != 2 {
		t.Fatalf("%d entries, %v", len(accesses), err)
	}
	first := accesses[1]
	if first.Client.ID != authtest.PhotoPrint || !first.Always || !first.Since.Equal(authtest.Start) ||
		!first.Until.Equal(authtest.Start.Add(90*24*time.Hour)) || first.Scopes[0].Description != "See your photos" {
		t.Errorf("the entry is %+v", first)
	}
	if err := s.Auth.Forget(t.Context(), bob, authtest.PhotoPrint); err != nil {
		t.Fatal(err)
	}
	if s.active(tokens.AccessToken) {
		t.Error("the access token is alive after the owner removed the access")
	}
	if p := s.next(s.begin(photoPrint()), bob); p.Step != authserver.StepConsent {
		t.Errorf("the consent outlived the removal: step %d", p.Step)
	}
	if accesses, err = s.Auth.Accesses(t.Context(), bob); err != nil || len(accesses) != 1 {
		t.Errorf("%d entries after the removal, %v", len(accesses), err)
	}
}
