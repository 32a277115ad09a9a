// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// signed is a request of PhotoBook, signed with its secret and the token's.
func (s *fixture) signed(kind authserver.TokenKind, token, tokenSecret, nonce string) authserver.SignedRequest {
	want := s.Secret(authtest.PhotoBook) + "&" + tokenSecret
	return authserver.SignedRequest{
		Profile: authserver.ProfileOAuth1, ClientID: authtest.PhotoBook, Method: "HMAC-SHA1", Kind: kind, Token: token,
		Nonce: nonce, Timestamp: s.Clock.Now().Unix(),
		Matches: func(clientSecret, secret string) bool { return clientSecret+"&"+secret == want },
	}
}

func (s *fixture) authenticate(r authserver.SignedRequest) authserver.Caller {
	s.t.Helper()
	caller, err := s.Auth.AuthenticateSigned(s.t.Context(), r)
	if err != nil {
		s.t.Fatalf("authenticate: %v", err)
	}
	return caller
}

func (s *fixture) photoBook() authserver.Caller {
	s.t.Helper()
	return s.authenticate(s.signed(authserver.NoToken, "", "", rnd()))
}

var counter int

// rnd is a nonce that no other call returns.
func rnd() string {
	counter++
	return fmt.Sprintf("nonce-%d", counter)
}

func (s *fixture) requestToken(callback string) *authserver.TemporaryCredentials {
	s.t.Helper()
	t, err := s.Auth.RequestToken(s.t.Context(), s.photoBook(), callback)
	if err != nil {
		s.t.Fatalf("request token: %v", err)
	}
	return t
}

// allowToken lets Bob allow a request token and returns the verifier.
func (s *fixture) allowToken(token string) *authserver.Approval {
	s.t.Helper()
	i, err := s.Auth.BeginSigned(authserver.ProfileOAuth1, token)
	if err != nil {
		s.t.Fatal(err)
	}
	bob := s.bob()
	p := s.next(i, bob)
	if p.Step == authserver.StepIssue {
		a, err := s.Auth.Issue(s.t.Context(), p)
		if err != nil {
			s.t.Fatal(err)
		}
		return a
	}
	a, err := s.decide(i, bob, authserver.Decision{Allow: true, Ticket: p.Ticket})
	if err != nil {
		s.t.Fatalf("allow: %v", err)
	}
	return a
}

func (s *fixture) exchange(t *authserver.TemporaryCredentials, verifier string) (*authserver.Tokens, error) {
	s.t.Helper()
	caller := s.authenticate(s.signed(authserver.RequestTokenKind, t.Token, t.Secret, rnd()))
	return s.Auth.Exchange(s.t.Context(), caller, t.Token, verifier)
}

// signedTokens is what PhotoBook has after Bob allowed it.
func (s *fixture) signedTokens() *authserver.Tokens {
	s.t.Helper()
	t := s.requestToken(authtest.PhotoBookCallback)
	tokens, err := s.exchange(t, s.allowToken(t.Token).Proof)
	if err != nil {
		s.t.Fatalf("exchange: %v", err)
	}
	return tokens
}

// verified is what PhotoStorage learns about a request that was signed with an access token.
func (s *fixture) verified(token, secret string) authserver.TokenInfo {
	s.t.Helper()
	info, err := s.Auth.Verify(s.t.Context(), s.caller(authtest.PhotoStorage), s.signed(authserver.AccessTokenKind, token, secret, rnd()))
	if err != nil {
		s.t.Fatalf("verify: %v", err)
	}
	return info
}

func TestBobAllowsAndPhotoBookSignsUntilItsTokenEnds(t *testing.T) {
	s := newFixture(t)
	tokens := s.signedTokens()
	if tokens.RefreshToken != "" || tokens.ExpiresAt.Sub(tokens.IssuedAt) != 10*time.Hour {
		t.Errorf("the token lives %s, refresh token %q", tokens.ExpiresAt.Sub(tokens.IssuedAt), tokens.RefreshToken)
	}
	info := s.verified(tokens.AccessToken, tokens.TokenSecret)
	if !info.Active || info.Owner.Name != authtest.Bob || strings.Join(info.Scopes, " ") != "photos.read" {
		t.Fatalf("PhotoStorage learns %+v", info)
	}
	s.Clock.Advance(10 * time.Hour)
	if s.verified(tokens.AccessToken, tokens.TokenSecret).Active {
		t.Error("the token outlives its end")
	}
}

func TestAStrangerSeesTheLoginWhateverTheRequestToken(t *testing.T) {
	s := newFixture(t)
	for _, token := range []string{"ght_nonsense", s.requestToken(authtest.PhotoBookCallback).Token} {
		i, err := s.Auth.BeginSigned(authserver.ProfileOAuth1, token)
		if err != nil {
			t.Fatal(err)
		}
		if p := s.next(i, nil); p.Step != authserver.StepLogin {
			t.Errorf("who has not logged in, with %.12s, stands at step %d", token, p.Step)
		}
	}
}

func TestARequestTokenIsLookedAtBeforeTheEntitlement(t *testing.T) {
	s := newFixture(t)
	alice := s.alice()
	expired, used := s.requestToken(authtest.PhotoBookCallback), s.requestToken(authtest.PhotoBookCallback)
	s.allowToken(used.Token)
	position := func(token string) error {
		i, err := s.Auth.BeginSigned(authserver.ProfileOAuth1, token)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Auth.Next(t.Context(), i, alice)
		return err
	}
	wantCode(t, position("ght_nonsense"), authserver.RequestTokenUnknown)
	wantCode(t, position(used.Token), authserver.RequestTokenUsed)
	asked := s.Entitlement.Asked()
	s.Clock.Advance(10 * time.Minute)
	wantCode(t, position(expired.Token), authserver.RequestTokenExpired)
	if s.Entitlement.Asked() != asked {
		t.Error("the entitlement was asked although the request token had expired")
	}
}

func TestN51ANonceIsGoodForOneRequest(t *testing.T) {
	s := newFixture(t)
	r := s.signed(authserver.NoToken, "", "", "the same")
	replicas := []*authserver.Server{s.Auth, s.Replica(t)}
	passed := 0
	for _, err := range inParallel(20, func(n int) error {
		_, err := replicas[n%2].AuthenticateSigned(t.Context(), r)
		return err
	}) {
		if err == nil {
			passed++
			continue
		}
		wantCode(t, err, authserver.NonceUsed)
	}
	if passed != 1 {
		t.Errorf("%d requests with one nonce passed", passed)
	}
	later := r
	later.Timestamp++
	s.authenticate(later) // another timestamp makes another request
}

func TestN51ATimestampOutsideTheWindowIsRefused(t *testing.T) {
	s := newFixture(t)
	now := s.Clock.Now().Unix()
	for name, timestamp := range map[string]int64{"old": now - 301, "early": now + 301, "negative": -now, "huge": 1 << 62} {
		t.Run(name, func(t *testing.T) {
			r := s.signed(authserver.NoToken, "", "", rnd())
			r.Timestamp = timestamp
			_, err := s.Auth.AuthenticateSigned(t.Context(), r)
			wantCode(t, err, authserver.TimestampRefused)
		})
	}
}

func TestN51AWrongSignatureWritesNothing(t *testing.T) {
	s := newFixture(t)
	r := s.signed(authserver.NoToken, "", "", "seen")
	genuine := r.Matches
	r.Matches = func(string, string) bool { return false }
	writes := s.Store.Writes()
	_, err := s.Auth.AuthenticateSigned(t.Context(), r)
	wantCode(t, err, authserver.SignatureInvalid)
	if s.Store.Writes() != writes {
		t.Error("a request with a wrong signature wrote a row")
	}
	r.Matches = genuine
	s.authenticate(r)
}

func TestN52ACallbackMustBeRegistered(t *testing.T) {
	s := newFixture(t)
	for _, callback := range []string{"", "https://evil.example/", authtest.PhotoBookCallback + "&x", "OOB"} {
		_, err := s.Auth.RequestToken(t.Context(), s.photoBook(), callback)
		wantCode(t, err, authserver.InvalidRequest)
	}
	s.requestToken(authserver.OutOfBand)
	s.Clients.Change(authtest.PhotoBook, func(c *authserver.Client) { c.OutOfBand = false })
	_, err := s.Auth.RequestToken(t.Context(), s.photoBook(), authserver.OutOfBand)
	wantCode(t, err, authserver.InvalidRequest)
}

func TestN53AVerifierBelongsToItsRequestTokenAndIsTakenOnce(t *testing.T) {
	s := newFixture(t)
	mine, others := s.requestToken(authtest.PhotoBookCallback), s.requestToken(authtest.PhotoBookCallback)
	verifier := s.allowToken(mine.Token).Proof
	_, err := s.exchange(mine, "")
	wantCode(t, err, authserver.TokenRejected)
	_, err = s.exchange(mine, "wrong")
	wantCode(t, err, authserver.InvalidGrant)
	_, err = s.exchange(others, verifier)
	wantCode(t, err, authserver.InvalidGrant)
	tokens, err := s.exchange(mine, verifier)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.exchange(mine, verifier)
	wantCode(t, err, authserver.InvalidGrant)
	if s.verified(tokens.AccessToken, tokens.TokenSecret).Active {
		t.Error("what the first exchange gave is alive after the second")
	}
}

func TestAnOutOfBandVerifierCanBeTypedAndLastsTenMinutes(t *testing.T) {
	s := newFixture(t)
	token := s.requestToken(authserver.OutOfBand)
	a := s.allowToken(token.Token)
	if len(a.Proof) != 12 || a.Callback != authserver.OutOfBand {
		t.Errorf("the verifier has %d characters and goes to %s", len(a.Proof), a.Callback)
	}
	s.Clock.Advance(10*time.Minute - time.Second)
	if _, err := s.exchange(token, a.Proof); err != nil {
		t.Errorf("shortly before its end: %v", err)
	}
}

func TestADisplayedVerifierMayComeBackAsPeopleTypeIt(t *testing.T) {
	s := newFixture(t)
	for name, typed := range map[string]func(string) string{
		"as it is":       func(v string) string { return v },
		"in small":       strings.ToLower,
		"in groups":      func(v string) string { return v[:4] + " " + v[4:8] + "-" + v[8:] + " " },
		"O and I as 0 1": strings.NewReplacer("O", "0", "I", "1", "B", "8").Replace,
	} {
		t.Run(name, func(t *testing.T) {
			token := s.requestToken(authserver.OutOfBand)
			if _, err := s.exchange(token, typed(s.allowToken(token.Token).Proof)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestN16AnOwnerWhoMayNotUseTheClientAnyMoreIsNamedAsTheCause(t *testing.T) {
	s := newFixture(t)
	token := s.requestToken(authtest.PhotoBookCallback)
	verifier := s.allowToken(token.Token).Proof
	s.Entitlement.Withdraw(authtest.Bob, authtest.PhotoBook)
	_, err := s.exchange(token, verifier)
	wantCode(t, err, authserver.InvalidGrant)
	if !errors.Is(err, authserver.GrantNotEntitled) {
		t.Errorf("the cause of %v is another", err)
	}
	s.Entitlement.Allow(authtest.Bob, authtest.PhotoBook)
	if _, err := s.exchange(token, verifier); err != nil {
		t.Errorf("the refusal burnt the verifier: %v", err)
	}
}

func TestSecretsInAURLAreForClientsThatMayForATime(t *testing.T) {
	s := newFixture(t)
	r := s.signed(authserver.NoToken, "", "", rnd())
	r.Method, r.Place, r.SkipNonce = "PLAINTEXT", authserver.SecretInURL, true
	s.Clients.Change(authtest.PhotoBook, func(c *authserver.Client) {
		c.SignatureMethods, c.SecretInURLUntil = []string{"PLAINTEXT"}, s.Clock.Now().Add(time.Second)
	})
	s.authenticate(r)
	wrong := r
	wrong.Matches = func(string, string) bool { return false }
	s.Clock.Advance(time.Second)
	_, err := s.Auth.AuthenticateSigned(t.Context(), r)
	wantCode(t, err, authserver.InvalidRequest)
	_, err = s.Auth.AuthenticateSigned(t.Context(), wrong) // who is nobody learns nothing
	wantCode(t, err, authserver.SignatureInvalid)
}

func TestN40OnlyResourceServersAndClientsOfOAuth2AskAboutTokens(t *testing.T) {
	s := newFixture(t)
	prove := func(clientID string) error {
		_, err := s.Auth.AuthenticateIntrospector(t.Context(), authserver.ClientSecret{ID: clientID, Secret: s.Secret(clientID)})
		return err
	}
	for _, id := range []string{authtest.PhotoStorage, authtest.PhotoPrint, authtest.PhotoReport} {
		if err := prove(id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	for _, id := range []string{authtest.PhotoBook, authtest.Scrapbook, authtest.Album, authtest.Flows, "photos.nobody"} {
		wantCode(t, prove(id), authserver.InvalidClient)
	}
}

func TestN54TokensAreNotWorthAnythingInEachOthersPlace(t *testing.T) {
	s := newFixture(t)
	request, tokens := s.requestToken(authtest.PhotoBookCallback), s.signedTokens()
	bearer := s.tokens().AccessToken
	for name, r := range map[string]authserver.SignedRequest{
		"request token at a resource":      s.signed(authserver.AccessTokenKind, request.Token, request.Secret, rnd()),
		"access token at the exchange":     s.signed(authserver.RequestTokenKind, tokens.AccessToken, tokens.TokenSecret, rnd()),
		"another token's secret":           s.signed(authserver.AccessTokenKind, tokens.AccessToken, request.Secret, rnd()),
		"no secret":                        s.signed(authserver.AccessTokenKind, tokens.AccessToken, "", rnd()),
		"bearer token, signed":             s.signed(authserver.AccessTokenKind, bearer, "", rnd()),
		"token where there should be none": s.signed(authserver.NoToken, tokens.AccessToken, "", rnd()),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Auth.AuthenticateSigned(t.Context(), r)
			wantCode(t, err, authserver.SignatureInvalid)
		})
	}
	if s.active(tokens.AccessToken) {
		t.Error("a signed token passes for a bearer token")
	}
}

func TestN55AMethodTheClientMayNotUseIsRefused(t *testing.T) {
	s := newFixture(t)
	r := s.signed(authserver.NoToken, "", "", rnd())
	r.Method = "PLAINTEXT"
	_, err := s.Auth.AuthenticateSigned(t.Context(), r)
	wantCode(t, err, authserver.SignatureMethodRejected)
}

func TestN58AnUnknownConsumerAndAWrongSignatureGetTheSameAnswer(t *testing.T) {
	s := newFixture(t)
	asked := 0
	base := s.signed(authserver.NoToken, "", "", rnd())
	base.Matches = func(string, string) bool { asked++; return true } // even a signature that would fit
	unknown, bearer := base, base
	unknown.ClientID, bearer.ClientID = "photos.nobody", authtest.PhotoPrint
	wrong := base
	wrong.Matches = func(string, string) bool { asked++; return false }
	var texts []string
	for _, r := range []authserver.SignedRequest{unknown, bearer, wrong} {
		_, err := s.Auth.AuthenticateSigned(t.Context(), r)
		wantCode(t, err, authserver.SignatureInvalid)
		texts = append(texts, err.Error())
	}
	if texts[0] != texts[1] || texts[0] != texts[2] || asked != 3*5 {
		t.Errorf("the answers are %q after %d signatures, want five for each", texts, asked)
	}
}

func TestN59WhatTheOwnerRevokesIsDeadInEitherProtocol(t *testing.T) {
	s := newFixture(t)
	signed, bearer := s.signedTokens(), s.tokens()
	bob := s.bob()
	for _, clientID := range []string{authtest.PhotoBook, authtest.PhotoPrint} {
		if err := s.Auth.Forget(t.Context(), bob, clientID); err != nil {
			t.Fatal(err)
		}
	}
	if s.verified(signed.AccessToken, signed.TokenSecret).Active || s.active(bearer.AccessToken) {
		t.Error("a token outlives the owner's will")
	}
}

func TestASignedClientRevokesItsOwnToken(t *testing.T) {
	s := newFixture(t)
	tokens := s.signedTokens()
	caller := s.authenticate(s.signed(authserver.AccessTokenKind, tokens.AccessToken, tokens.TokenSecret, rnd()))
	if err := s.Auth.RevokeSigned(t.Context(), caller, tokens.AccessToken); err != nil {
		t.Fatal(err)
	}
	if s.verified(tokens.AccessToken, tokens.TokenSecret).Active {
		t.Error("the token is alive")
	}
}

func TestOnlyTheOwnerOfAScopeLearnsAboutASignedRequest(t *testing.T) {
	s := newFixture(t)
	tokens := s.signedTokens()
	info, err := s.Auth.Verify(t.Context(), s.caller(authtest.BookShelf), s.signed(authserver.AccessTokenKind, tokens.AccessToken, tokens.TokenSecret, rnd()))
	if err != nil || info.Active {
		t.Errorf("another client learns %+v, %v", info, err)
	}
	s.Store.Fail(authserver.ErrUnavailable)
	_, err = s.Auth.Verify(t.Context(), s.caller(authtest.PhotoStorage), s.signed(authserver.AccessTokenKind, tokens.AccessToken, tokens.TokenSecret, rnd()))
	if !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("without a store: %v", err)
	}
}

func TestWhoeverMayNotSeeATokenCannotUseUpItsRequest(t *testing.T) {
	s := newFixture(t)
	tokens := s.signedTokens()
	r := s.signed(authserver.AccessTokenKind, tokens.AccessToken, tokens.TokenSecret, rnd())
	verify := func(clientID string) bool {
		info, err := s.Auth.Verify(t.Context(), s.caller(clientID), r)
		if err != nil {
			t.Fatal(err)
		}
		return info.Active
	}
	if verify(authtest.BookShelf) || !verify(authtest.PhotoStorage) {
		t.Error("the API that the request was meant for cannot take it any more")
	}
	if verify(authtest.PhotoStorage) {
		t.Error("N51: the request is taken twice")
	}
}

func TestN08AConsentIsForWhatThePageShowed(t *testing.T) {
	s := newFixture(t)
	i, err := s.Auth.BeginSigned(authserver.ProfileOAuth1, s.requestToken(authtest.PhotoBookCallback).Token)
	if err != nil {
		t.Fatal(err)
	}
	bob := s.bob()
	p := s.next(i, bob)
	s.Clients.Change(authtest.PhotoBook, func(c *authserver.Client) { c.Scopes = []string{"photos.read", "photos.write"} })
	_, err = s.decide(i, bob, authserver.Decision{Allow: true, Ticket: p.Ticket})
	wantCode(t, err, authserver.InteractionGone)
}

func TestN30ATokenHasOneSpelling(t *testing.T) {
	s := newFixture(t)
	tokens := s.tokens()
	credentials, err := s.Auth.Token(t.Context(), s.caller(authtest.BookShelf), authserver.TokenRequest{GrantType: authserver.GrantClientCredentials})
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{tokens.AccessToken, credentials.AccessToken} {
		for _, spelled := range []string{token + "\n", token + "\r\n", token[:20] + "\n" + token[20:], token + "="} {
			if s.active(spelled) {
				t.Errorf("%.20q... passes for the token", spelled)
			}
		}
	}
	s.refused(authtest.PhotoPrint, refreshing(tokens.RefreshToken+"\n"), authserver.InvalidGrant)
	request := s.requestToken(authtest.PhotoBookCallback).Token
	i, err := s.Auth.BeginSigned(authserver.ProfileOAuth1, request+"\n")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Auth.Next(t.Context(), i, s.bob())
	wantCode(t, err, authserver.RequestTokenUnknown)
}

func TestAGrantThatCannotBeRefreshedEndsWithItsLastToken(t *testing.T) {
	s := newFixture(t)
	s.signedTokens()
	accesses, err := s.Auth.Accesses(t.Context(), s.bob())
	if err != nil || len(accesses) != 1 {
		t.Fatalf("%d entries, %v", len(accesses), err)
	}
	if want := authtest.Start.Add(10*time.Hour + 10*time.Minute); !accesses[0].Until.Equal(want) {
		t.Errorf("the account page says until %s, want %s", accesses[0].Until, want)
	}
}

func TestRefreshingMayBeCounted(t *testing.T) {
	s := newFixture(t)
	two := 2
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.RefreshLimit = &two })
	first := s.tokens()
	second := s.refresh(first.RefreshToken)
	third := s.refresh(second.RefreshToken)
	if third.RefreshToken != "" {
		t.Error("after the last refresh there is a refresh token")
	}
	if s.refresh(second.RefreshToken).AccessToken == "" {
		t.Error("a retry of the last refresh inside the grace is refused")
	}
	unused := s.tokens()
	none := 0
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.RefreshLimit = &none })
	if s.tokens().RefreshToken != "" {
		t.Error("with a limit of 0 there is a refresh token")
	}
	s.refused(authtest.PhotoPrint, refreshing(unused.RefreshToken), authserver.InvalidGrant)
}

func TestAnOwnerMayChooseScopesWhereTheProfileSaysSo(t *testing.T) {
	s := newFixture(t)
	s.Clients.Change(authtest.BookShelf, func(c *authserver.Client) { c.OwnerChooses = true })
	bob := s.bob()
	decide := func(scopes ...string) (*authserver.Approval, error) {
		i := s.begin(bookShelf())
		p := s.next(i, bob)
		if !p.Choosable {
			t.Fatal("the owner cannot choose")
		}
		return s.decide(i, bob, authserver.Decision{Allow: true, Ticket: p.Ticket, Scopes: scopes})
	}
	_, err := decide()
	wantCode(t, err, authserver.NothingChosen)
	a, err := decide("photos.write", "admin")
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := s.Auth.Token(t.Context(), s.caller(authtest.BookShelf), redemption(a.Proof, authtest.BookShelfCallback))
	if err != nil || strings.Join(tokens.Scopes, " ") != "photos.write" {
		t.Errorf("got %+v, %v", tokens, err)
	}
}

func TestWhatWasGivenBeforeAClientsMomentIsOver(t *testing.T) {
	s := newFixture(t)
	proof := s.allow(photoPrint(), s.bob(), false)
	tokens := s.tokens()
	s.Clock.Advance(time.Second)
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.NotBefore = s.Clock.Now() })
	if s.active(tokens.AccessToken) {
		t.Error("an access token from before is alive")
	}
	s.refused(authtest.PhotoPrint, refreshing(tokens.RefreshToken), authserver.InvalidGrant)
	s.refused(authtest.PhotoPrint, redemption(proof, authtest.PhotoPrintCallback), authserver.InvalidGrant)
	if !s.active(s.tokens().AccessToken) {
		t.Error("an access token from after is dead")
	}
}
