// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// asking is a flow whose decision a test repeats.
type asking struct {
	name     string
	begin    func(*fixture) authserver.Interaction
	lifetime time.Duration // of the proof
	redeem   func(s *fixture, i authserver.Interaction, proof string) error
}

func bearer(name string, r authserver.AuthorizeRequest) asking {
	return asking{name, func(s *fixture) authserver.Interaction { return s.begin(r) }, time.Minute,
		func(s *fixture, _ authserver.Interaction, proof string) error {
			redeemed := redemption(proof, r.Callback)
			if r.CodeChallenge == "" {
				redeemed.CodeVerifier = ""
			}
			secret := authserver.ClientSecret{ID: r.ClientID, Secret: s.Secret(r.ClientID)}
			if r.ClientID == authtest.Desktop {
				secret = authserver.ClientSecret{ID: r.ClientID, None: true}
			}
			caller, err := s.Auth.AuthenticateClient(s.t.Context(), r.Profile, secret)
			if err != nil {
				return err
			}
			_, err = s.Auth.Token(s.t.Context(), caller, redeemed)
			return err
		}}
}

// signedAsking is a flow with a request token for the callback.
func signedAsking(name, callback string) asking {
	return asking{name, func(s *fixture) authserver.Interaction { return s.linked(s.requestToken(callback).Token) }, 10 * time.Minute,
		func(s *fixture, i authserver.Interaction, proof string) error {
			_, err := s.Auth.Exchange(s.t.Context(), s.photoBook(), i.RequestToken, proof)
			return err
		}}
}

// linked begins the interaction of a link with a request token of PhotoBook.
func (s *fixture) linked(token string) authserver.Interaction {
	s.t.Helper()
	i, err := s.Auth.BeginSigned(authserver.ProfileOAuth1, token)
	if err != nil {
		s.t.Fatal(err)
	}
	return i
}

// askings are a flow of each kind of proof and client.
func askings() []asking {
	prompted := photoPrint()
	prompted.Prompt.Consent = true
	return []asking{
		bearer("OAuth2", photoPrint()),
		bearer("prompt=consent", prompted),
		bearer("Public", request(authtest.Desktop, "http://127.0.0.1:51234/callback")),
		bearer("ConnectionsCloudOAuth2", authserver.AuthorizeRequest{
			Profile: authserver.ProfileConnectionsCloudOAuth2, ClientID: authtest.Album, Callback: authtest.AlbumCallback,
		}),
		signedAsking("OAuth1", authtest.PhotoBookCallback),
		signedAsking("OAuth1, displayed", authserver.OutOfBand),
	}
}

// eachAsking runs a test with each flow: the interaction and Bob, who stands at the consent page.
func eachAsking(t *testing.T, test func(s *fixture, a asking, i authserver.Interaction, bob *authserver.Visitor)) {
	t.Helper()
	for _, a := range askings() {
		t.Run(a.name, func(t *testing.T) {
			s := newFixture(t)
			test(s, a, a.begin(s), s.bob())
		})
	}
}

// allowAgain lets the visitor allow what the page shows, with all scopes.
func (s *fixture) allowAgain(i authserver.Interaction, v *authserver.Visitor, ticket string) (*authserver.Approval, error) {
	s.t.Helper()
	return s.decide(i, v, authserver.Decision{Allow: true, Ticket: ticket, Scopes: i.Scopes})
}

// issued is how many grants the audit log has.
func (s *fixture) issued() int { return len(s.Audit.Events(authserver.EventGrantApproved)) }

func wantCause(t *testing.T, err error, want authserver.InteractionCause) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %q", err, want)
	}
}

func TestN133TheSameDecisionAgainGetsTheSameAnswer(t *testing.T) {
	eachAsking(t, func(s *fixture, a asking, i authserver.Interaction, bob *authserver.Visitor) {
		ticket := s.next(i, bob).Ticket
		first, err := s.allowAgain(i, bob, ticket)
		if err != nil {
			s.t.Fatal(err)
		}
		s.Clock.Advance(a.lifetime - time.Second)
		writes, audited := s.Store.Writes(), len(s.Audit.Events(""))
		second, err := s.allowAgain(i, bob, ticket)
		if err != nil {
			s.t.Fatal(err)
		}
		opened, err := s.Auth.Issue(s.t.Context(), s.next(i, bob)) // as the back button does
		if err != nil {
			s.t.Fatal(err)
		}
		if *second != *first || *opened != *first {
			s.t.Errorf("the answers are %+v, %+v, %+v", first, second, opened)
		}
		if len(s.Audit.Events("")) != audited {
			s.t.Errorf("the audit log has more lines: %+v", s.Audit.Events("")[audited:])
		}
		if got := s.Store.Writes() - writes; got != 0 {
			s.t.Errorf("%d more writes", got)
		}
		if err := a.redeem(s, i, second.Proof); err != nil {
			s.t.Errorf("the repeated answer: %v", err)
		}
	})
}

func TestN133AnAnswerThatWasUsedIsNotGivenAgain(t *testing.T) {
	eachAsking(t, func(s *fixture, a asking, i authserver.Interaction, bob *authserver.Visitor) {
		ticket := s.next(i, bob).Ticket
		first, err := s.allowAgain(i, bob, ticket)
		if err != nil {
			s.t.Fatal(err)
		}
		if err := a.redeem(s, i, first.Proof); err != nil {
			s.t.Fatal(err)
		}
		_, err = s.allowAgain(i, bob, ticket)
		wantCause(s.t, err, authserver.AnswerUsed)
		_, err = s.Auth.Issue(s.t.Context(), s.next(i, bob))
		wantCause(s.t, err, authserver.AnswerUsed)
		if s.issued() != 1 {
			s.t.Errorf("%d grants", s.issued())
		}
	})
}

func TestN133AnAnswerThatHasExpiredIsNotGivenAgain(t *testing.T) {
	eachAsking(t, func(s *fixture, a asking, i authserver.Interaction, bob *authserver.Visitor) {
		ticket := s.next(i, bob).Ticket
		if _, err := s.allowAgain(i, bob, ticket); err != nil {
			s.t.Fatal(err)
		}
		s.Clock.Advance(a.lifetime)
		_, err := s.allowAgain(i, bob, ticket)
		wantCause(s.t, err, authserver.AnswerExpired)
		if s.issued() != 1 {
			s.t.Errorf("%d grants", s.issued())
		}
	})
}

func TestN133AnAccessThatWasRemovedIsNotGivenAgain(t *testing.T) {
	eachAsking(t, func(s *fixture, _ asking, i authserver.Interaction, bob *authserver.Visitor) {
		p := s.next(i, bob)
		if _, err := s.allowAgain(i, bob, p.Ticket); err != nil {
			s.t.Fatal(err)
		}
		if err := s.Auth.Forget(s.t.Context(), bob, p.Client.ID); err != nil {
			s.t.Fatal(err)
		}
		_, err := s.allowAgain(i, bob, p.Ticket)
		wantCause(s.t, err, authserver.AnswerWithdrawn)
	})
}

func TestN134ADenialIsRepeatedAndStays(t *testing.T) {
	eachAsking(t, func(s *fixture, _ asking, i authserver.Interaction, bob *authserver.Visitor) {
		p := s.next(i, bob)
		for range 2 {
			_, err := s.decide(i, bob, authserver.Decision{Ticket: p.Ticket})
			wantCode(s.t, err, authserver.AccessDenied)
			if back, ok := errors.AsType[authserver.ReturnError](err); !ok || back.Return() != p.Return {
				s.t.Errorf("the denial travels to %+v, want %+v", back.Return(), p.Return)
			}
		}
		_, err := s.allowAgain(i, bob, p.Ticket)
		wantCause(s.t, err, authserver.AnsweredOtherwise)
		_, err = s.Auth.Issue(s.t.Context(), s.next(i, bob))
		wantCode(s.t, err, authserver.AccessDenied)
		if got := len(s.Audit.Events(authserver.EventConsentDenied)); got != 1 || s.issued() != 0 {
			s.t.Errorf("the audit log has %d denials and %d grants", got, s.issued())
		}
	})
}

func TestN134ADenialAfterAnApprovalIsTooLate(t *testing.T) {
	eachAsking(t, func(s *fixture, a asking, i authserver.Interaction, bob *authserver.Visitor) {
		ticket := s.next(i, bob).Ticket
		first, err := s.allowAgain(i, bob, ticket)
		if err != nil {
			s.t.Fatal(err)
		}
		_, err = s.decide(i, bob, authserver.Decision{Ticket: ticket})
		wantCause(s.t, err, authserver.AnsweredOtherwise)
		if err := a.redeem(s, i, first.Proof); err != nil {
			s.t.Errorf("the first answer: %v", err)
		}
	})
}

func TestN134AnotherChoiceOfScopesIsTooLate(t *testing.T) {
	s := newFixture(t)
	bob := s.bob()
	i := s.begin(authserver.AuthorizeRequest{Profile: authserver.ProfileIntegrationCloud, ClientID: authtest.Flows, Callback: authtest.FlowsCallback})
	p := s.next(i, bob)
	decide := func(scopes ...string) (*authserver.Approval, error) {
		return s.decide(i, bob, authserver.Decision{Allow: true, Ticket: p.Ticket, Scopes: scopes})
	}
	first, err := decide("photos.read")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := decide("photos.read"); err != nil || *again != *first {
		t.Errorf("the same choice gets %+v, %v", again, err)
	}
	_, err = decide(i.Scopes...)
	wantCause(t, err, authserver.AnsweredOtherwise)
	_, err = decide()
	wantCause(t, err, authserver.AnsweredOtherwise)
	if approved := s.Audit.Events(authserver.EventGrantApproved); len(approved) != 1 || !slices.Equal(approved[0].Scopes, []string{"photos.read"}) {
		t.Errorf("the audit log has %+v", approved)
	}
}

func TestN133OfManyEqualDecisionsOneIssues(t *testing.T) {
	eachAsking(t, func(s *fixture, a asking, i authserver.Interaction, bob *authserver.Visitor) {
		replicas := []*authserver.Server{s.Auth, s.Replica(s.t)}
		p := s.next(i, bob) // where each of them stands before the first is done
		answers := make([]authserver.Approval, 50)
		for n, err := range inParallel(len(answers), func(n int) error {
			got, err := replicas[n%2].Decide(s.t.Context(), p, authserver.Decision{Allow: true, Ticket: p.Ticket, Scopes: i.Scopes})
			if err == nil {
				answers[n] = *got
			}
			return err
		}) {
			if err != nil || answers[n] != answers[0] {
				s.t.Errorf("decision %d gets %+v, %v; the first one %+v", n, answers[n], err, answers[0])
			}
		}
		if s.issued() != 1 || len(s.Audit.Events(authserver.EventConsentAllowed)) != 1 {
			s.t.Errorf("the audit log has %d grants and %d decisions", s.issued(), len(s.Audit.Events(authserver.EventConsentAllowed)))
		}
		if err := a.redeem(s, i, answers[49].Proof); err != nil {
			s.t.Error(err)
		}
	})
}

func TestN134OfAllowAndDenyAtOnceOneCounts(t *testing.T) {
	eachAsking(t, func(s *fixture, _ asking, i authserver.Interaction, bob *authserver.Visitor) {
		p := s.next(i, bob)
		errs := inParallel(20, func(n int) error {
			_, err := s.Auth.Decide(s.t.Context(), p, authserver.Decision{Allow: n%2 == 0, Ticket: p.Ticket, Scopes: i.Scopes})
			return err
		})
		denied := len(s.Audit.Events(authserver.EventConsentDenied)) > 0
		for n, err := range errs {
			allowed := n%2 == 0
			switch {
			case allowed == denied && !errors.Is(err, authserver.AnsweredOtherwise):
				s.t.Errorf("decision %d is not the first one, and gets %v", n, err)
			case !denied && allowed && err != nil, denied && !allowed && !errors.Is(err, authserver.AccessDenied):
				s.t.Errorf("decision %d is the first one's equal, and gets %v", n, err)
			}
		}
		if total := s.issued() + len(s.Audit.Events(authserver.EventConsentDenied)); total != 1 {
			s.t.Errorf("%d decisions are in the audit log", total)
		}
	})
}

func TestN133AnInteractionThatNeedsNoConsentIssuesOnce(t *testing.T) {
	s := newFixture(t)
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Consent = authserver.ConsentSkip })
	bob := s.bob()
	for _, prompt := range []authserver.Prompt{{}, {None: true}} {
		r := photoPrint()
		r.Prompt = prompt
		i, before := s.begin(r), s.issued()
		p := s.next(i, bob)
		answers := make([]authserver.Approval, 50)
		for n, err := range inParallel(len(answers), func(n int) error {
			got, err := s.Auth.Issue(t.Context(), p)
			if err == nil {
				answers[n] = *got
			}
			return err
		}) {
			if err != nil || answers[n] != answers[0] {
				t.Errorf("number %d gets %+v, %v", n, answers[n], err)
			}
		}
		if got := s.issued() - before; got != 1 {
			t.Errorf("%d grants", got)
		}
		s.redeem(answers[0].Proof)
		_, err := s.Auth.Issue(t.Context(), s.next(i, bob))
		if _, travels := errors.AsType[authserver.ReturnError](err); err == nil || travels != prompt.None {
			t.Errorf("with %+v a used answer is %v", prompt, err)
		}
	}
}

func TestN135TwoPeopleGetTwoCodes(t *testing.T) {
	s := newFixture(t)
	s.Entitlement.Allow(authtest.Alice, authtest.PhotoPrint)
	i, bob, alice := s.begin(photoPrint()), s.bob(), s.alice()
	his, err := s.allowAgain(i, bob, s.next(i, bob).Ticket)
	if err != nil {
		t.Fatal(err)
	}
	if p := s.next(i, alice); p.Step != authserver.StepConsent {
		t.Fatalf("Alice stands at step %d: she has decided nothing", p.Step)
	}
	hers, err := s.allowAgain(i, alice, s.next(i, alice).Ticket)
	if err != nil {
		t.Fatal(err)
	}
	if his.Proof == hers.Proof {
		t.Error("they get the same code")
	}
	for proof, owner := range map[string]string{his.Proof: authtest.Bob, hers.Proof: authtest.Alice} {
		info, err := s.Auth.Introspect(t.Context(), s.caller(authtest.PhotoStorage), s.redeem(proof).AccessToken)
		if err != nil || info.Owner.Name != owner {
			t.Errorf("the token is %s's, %v; want %s's", info.Owner.Name, err, owner)
		}
	}
}

func TestN135ARequestTokenIsDecidedOnceWhoeverDoesIt(t *testing.T) {
	s := newFixture(t)
	s.Entitlement.Allow(authtest.Alice, authtest.PhotoBook)
	bob, alice := s.bob(), s.alice()
	for _, allow := range []bool{true, false} {
		token := s.requestToken(authtest.PhotoBookCallback).Token
		i, hers := s.linked(token), s.linked(token)
		ticket := s.next(hers, alice).Ticket
		_, err := s.decide(i, bob, authserver.Decision{Allow: allow, Ticket: s.next(i, bob).Ticket})
		if !allow {
			wantCode(t, err, authserver.AccessDenied)
		} else if err != nil {
			t.Fatal(err)
		}
		_, err = s.Auth.Next(t.Context(), hers, alice)
		wantCode(t, err, authserver.RequestTokenUsed)
		_, err = s.decide(hers, alice, authserver.Decision{Allow: true, Ticket: ticket})
		wantCode(t, err, authserver.RequestTokenUsed)
	}
	if s.issued() != 1 {
		t.Errorf("%d grants", s.issued())
	}
}

func TestN133AVerifierIsRepeatedAfterItsRequestTokenHasExpired(t *testing.T) {
	s := newFixture(t)
	request := s.requestToken(authtest.PhotoBookCallback)
	s.Clock.Advance(9 * time.Minute)
	i, bob := s.linked(request.Token), s.bob()
	first, err := s.allowAgain(i, bob, s.next(i, bob).Ticket)
	if err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(2 * time.Minute)
	again, err := s.Auth.Issue(t.Context(), s.next(i, bob))
	if err != nil || *again != *first {
		t.Errorf("the answer is %+v, %v; it was %+v", again, err, first)
	}
}

func TestN133ANewKeyBetweenTwoClicksChangesNothing(t *testing.T) {
	eachAsking(t, func(s *fixture, a asking, i authserver.Interaction, bob *authserver.Visitor) {
		ticket := s.next(i, bob).Ticket
		sealed, err := s.Auth.SealInteraction(i)
		if err != nil {
			s.t.Fatal(err)
		}
		first, err := s.allowAgain(i, bob, ticket)
		if err != nil {
			s.t.Fatal(err)
		}
		s.RotateKeys(s.t)
		opened, err := s.Auth.OpenInteraction(i.ID, sealed)
		if err != nil {
			s.t.Fatal(err)
		}
		again, err := s.allowAgain(opened, bob, ticket)
		if err != nil || *again != *first {
			s.t.Fatalf("the answer is %+v, %v; it was %+v", again, err, first)
		}
		if err := a.redeem(s, i, again.Proof); err != nil {
			s.t.Error(err)
		}
	})
}

// The proof is made of the key, and not only of what a thief of the cookie has.
func TestN135TheSameInteractionUnderAnotherKeyHasAnotherProof(t *testing.T) {
	proofs := map[string]bool{}
	for range 2 {
		s := newFixture(t)
		s.Auth.SetNewID(func() string { return "AAAAAAAAAAAAAAAAAAAAAAAAAA" })
		i, bob := s.begin(photoPrint()), s.bob()
		a, err := s.allowAgain(i, bob, s.next(i, bob).Ticket)
		if err != nil {
			t.Fatal(err)
		}
		proofs[a.Proof] = true
	}
	if len(proofs) != 2 {
		t.Errorf("two servers give the same code: %v", proofs)
	}
}

func TestN136ATicketOfAnotherLoginDecidesNothing(t *testing.T) {
	s := newFixture(t)
	s.Entitlement.Allow(authtest.Alice, authtest.PhotoPrint)
	i := s.begin(photoPrint())
	ticket := s.next(i, s.bob()).Ticket
	for who, v := range map[string]*authserver.Visitor{"Bob again": s.bob(), "Alice": s.alice()} {
		for _, d := range []authserver.Decision{{Allow: true, Ticket: ticket}, {Ticket: ticket}} {
			_, err := s.decide(i, v, d)
			if !errors.Is(err, authserver.InteractionOfOtherLogin) {
				t.Errorf("%s, allow %t: %v", who, d.Allow, err)
			}
		}
		if p := s.next(i, v); p.Step != authserver.StepConsent {
			t.Errorf("%s stands at step %d", who, p.Step)
		}
	}
	other := s.begin(photoPrint())
	_, err := s.decide(other, s.bob(), authserver.Decision{Allow: true, Ticket: ticket})
	wantCause(t, err, authserver.DecisionOfNoPage)
	if s.issued() != 0 {
		t.Error("something was issued")
	}
}
