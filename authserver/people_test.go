// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

const nextPassword = "the next bob's own"

// giveNameAway lets another person have Bob's name.
func (s *fixture) giveNameAway() {
	s.Directory.Put(authserver.Owner{Subject: authtest.SubjectOf("the next bob"), Name: authtest.Bob, DisplayName: "Bob the next"}, nextPassword)
}

func TestN90AConsentIsNotInheritedWithTheName(t *testing.T) {
	s := newFixture(t)
	s.redeem(s.allow(photoPrint(), s.bob(), true))
	s.giveNameAway()
	next := s.login(authtest.Bob, nextPassword)
	if p := s.next(s.begin(photoPrint()), next); p.Step != authserver.StepConsent {
		t.Errorf("the next Bob stands at step %d, want consent", p.Step)
	}
	accesses, err := s.Auth.Accesses(t.Context(), next)
	if err != nil || len(accesses) != 0 {
		t.Errorf("the account of the next Bob shows %+v, %v", accesses, err)
	}
}

func TestN90AGrantAndItsTokensAreNotInheritedWithTheName(t *testing.T) {
	s := newFixture(t)
	tokens, signed := s.tokens(), s.signedTokens()
	open := s.allow(photoPrint(), s.bob(), false)
	s.giveNameAway()
	s.login(authtest.Bob, nextPassword) // and is there
	if s.active(tokens.AccessToken) || s.active(tokens.RefreshToken) || s.verified(signed.AccessToken, signed.TokenSecret).Active {
		t.Error("a token of the Bob before is active")
	}
	s.refused(authtest.PhotoPrint, refreshing(tokens.RefreshToken), authserver.InvalidGrant)
	s.refused(authtest.PhotoPrint, redemption(open, authtest.PhotoPrintCallback), authserver.InvalidGrant)
}

func TestN90ASessionIsNotInheritedWithTheName(t *testing.T) {
	s := newFixture(t)
	before, err := s.Auth.Login(t.Context(), authserver.Credentials{Username: authtest.Bob, Password: authtest.BobPassword})
	if err != nil {
		t.Fatal(err)
	}
	s.giveNameAway()
	if v, err := s.Auth.Visitor(t.Context(), before.Session); v != nil || err != nil {
		t.Errorf("the session of the Bob before belongs to %+v, %v", v, err)
	}
	sessions, err := s.Auth.Sessions(t.Context(), s.login(authtest.Bob, nextPassword))
	if err != nil || len(sessions) != 1 || !sessions[0].Current {
		t.Errorf("the next Bob has the sessions %+v, %v; want their own", sessions, err)
	}
}

func TestN90ADeviceCookieIsNotInheritedWithTheName(t *testing.T) {
	s := newFixture(t)
	try := func(password, device string) (authserver.Login, error) {
		return s.Auth.Login(t.Context(), authserver.Credentials{Username: authtest.Bob, Password: password, Address: "192.0.2.7", Device: device})
	}
	before, err := try(authtest.BobPassword, "")
	if err != nil {
		t.Fatal(err)
	}
	s.giveNameAway()
	own, err := try(nextPassword, "")
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		if _, err := try("a guess", ""); errors.Is(err, authserver.TooManyAttempts) {
			break
		}
		if n > 100 {
			t.Fatal("the guesses are never slowed")
		}
	}
	if _, err := try("a guess", before.Device); !errors.Is(err, authserver.TooManyAttempts) {
		t.Errorf("with the device of the Bob before, a guess at the next one's password gives %v", err)
	}
	if _, err := try(nextPassword, own.Device); err != nil {
		t.Errorf("the next Bob's own device: %v", err)
	}
}

func TestAPersonWhoIsRenamedKeepsEverything(t *testing.T) {
	s := newFixture(t)
	login, err := s.Auth.Login(t.Context(), authserver.Credentials{Username: authtest.Bob, Password: authtest.BobPassword})
	if err != nil {
		t.Fatal(err)
	}
	tokens := s.tokens()
	owner, err := s.Directory.Lookup(t.Context(), authtest.Bob)
	if err != nil {
		t.Fatal(err)
	}
	s.Directory.Remove(authtest.Bob)
	owner.Name = "robert"
	s.Directory.Put(owner, authtest.BobPassword)
	if s.active(tokens.AccessToken) {
		t.Error("RoleBindings are by name, and robert has none")
	}
	s.Entitlement.Allow("robert", authtest.PhotoPrint)
	info, err := s.Auth.Introspect(t.Context(), s.caller(authtest.PhotoStorage), tokens.AccessToken)
	if err != nil || !info.Active || info.Owner.Name != "robert" || info.Owner.Subject != authtest.SubjectOf(authtest.Bob) {
		t.Errorf("the token is worth %+v, %v", info, err)
	}
	s.refresh(tokens.RefreshToken)
	// For a moment he was gone: that ended his sessions, and nothing else.
	if v, err := s.Auth.Visitor(t.Context(), login.Session); v != nil || err != nil {
		t.Errorf("a session from before he was gone belongs to %+v, %v", v, err)
	}
}

func TestAPersonWhoIsRenamedInOneStepStaysSignedIn(t *testing.T) {
	s := newFixture(t)
	login, err := s.Auth.Login(t.Context(), authserver.Credentials{Username: authtest.Bob, Password: authtest.BobPassword})
	if err != nil {
		t.Fatal(err)
	}
	owner, err := s.Directory.Lookup(t.Context(), authtest.Bob)
	if err != nil {
		t.Fatal(err)
	}
	changed := s.Directory.Changed
	s.Directory.Changed = nil
	s.Directory.Remove(authtest.Bob)
	s.Directory.Changed = changed
	owner.Name = "robert"
	s.Directory.Put(owner, authtest.BobPassword)
	if v, err := s.Auth.Visitor(t.Context(), login.Session); err != nil || v == nil || v.Owner.Name != "robert" {
		t.Errorf("the session belongs to %+v, %v; want robert", v, err)
	}
}

func TestN91WhoIsRemovedIsRefusedAndIsThereAgainWhenPutBack(t *testing.T) {
	s := newFixture(t)
	tokens, signed := s.tokens(), s.signedTokens()
	bob, err := s.Directory.Lookup(t.Context(), authtest.Bob)
	if err != nil {
		t.Fatal(err)
	}
	s.Directory.Remove(authtest.Bob)
	if s.active(tokens.AccessToken) || s.verified(signed.AccessToken, signed.TokenSecret).Active {
		t.Error("a token is active whose owner is gone")
	}
	s.refused(authtest.PhotoPrint, refreshing(tokens.RefreshToken), authserver.InvalidGrant)
	if got := s.Audit.Events(authserver.EventPersonEnded); len(got) != 1 || got[0].Owner != authtest.Bob {
		t.Errorf("audited %+v", got)
	}
	s.Directory.Put(bob, authtest.BobPassword)
	if got := s.Audit.Events(authserver.EventPersonReturned); len(got) != 1 || got[0].Owner != authtest.Bob {
		t.Errorf("audited %+v", got)
	}
	if !s.active(tokens.AccessToken) || !s.verified(signed.AccessToken, signed.TokenSecret).Active {
		t.Error("the tokens do not come back with their owner")
	}
}

func TestN92WithdrawnEntitlementIsRefusedAtIntrospectionAsAtRefresh(t *testing.T) {
	s := newFixture(t)
	tokens, signed := s.tokens(), s.signedTokens()
	audited := len(s.Audit.Events(authserver.EventEntitlementRefused))
	s.Entitlement.Withdraw(authtest.Bob, authtest.PhotoPrint)
	s.Entitlement.Withdraw(authtest.Bob, authtest.PhotoBook)
	if s.active(tokens.AccessToken) || s.active(tokens.RefreshToken) || s.verified(signed.AccessToken, signed.TokenSecret).Active {
		t.Error("a token is active whose owner may not use the client")
	}
	if got := len(s.Audit.Events(authserver.EventEntitlementRefused)); got != audited {
		t.Errorf("introspection wrote %d audit events", got-audited)
	}
	s.refused(authtest.PhotoPrint, refreshing(tokens.RefreshToken), authserver.InvalidGrant)
	s.Entitlement.Allow(authtest.Bob, authtest.PhotoPrint)
	if !s.active(tokens.AccessToken) {
		t.Error("the token does not come back with the entitlement")
	}
}

func TestN92WithoutTheAPIServerAnAnswerOfFiveMinutesIsUsedAndNoOlderOne(t *testing.T) {
	s := newFixture(t)
	tokens := s.tokens()
	s.Entitlement.Down(5 * time.Minute)
	if !s.active(tokens.AccessToken) {
		t.Error("an answer that is five minutes old is not used")
	}
	s.Entitlement.Down(5*time.Minute + time.Second)
	_, err := s.Auth.Introspect(t.Context(), s.caller(authtest.PhotoStorage), tokens.AccessToken)
	if !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("with an older answer: %v, want unavailable", err)
	}
}

func TestAnIntrospectionReadsTheStoreOnceAndAsksRBACOnce(t *testing.T) {
	s := newFixture(t)
	tokens, caller := s.tokens(), s.caller(authtest.PhotoStorage)
	reads, writes, asked := s.Store.Reads(), s.Store.Writes(), s.Entitlement.Asked()
	if _, err := s.Auth.Introspect(t.Context(), caller, tokens.AccessToken); err != nil {
		t.Fatal(err)
	}
	if got := [3]int{s.Store.Reads() - reads, s.Store.Writes() - writes, s.Entitlement.Asked() - asked}; got != [3]int{1, 0, 1} {
		t.Errorf("reads, writes and questions are %v, want 1, 0, 1", got)
	}
}

func TestN93AChangedPasswordEndsSessionsAndGrantsWhereThatIsWanted(t *testing.T) {
	for _, ends := range []bool{false, true} {
		t.Run(fmt.Sprintf("grants end %v", ends), func(t *testing.T) {
			s := newFixture(t)
			s.Auth.SetPasswordChangeEndsGrants(ends)
			login, err := s.Auth.Login(t.Context(), authserver.Credentials{Username: authtest.Bob, Password: authtest.BobPassword})
			if err != nil {
				t.Fatal(err)
			}
			tokens, open := s.tokens(), s.allow(photoPrint(), s.bob(), true)
			bob, err := s.Directory.Lookup(t.Context(), authtest.Bob)
			if err != nil {
				t.Fatal(err)
			}
			s.Directory.Put(bob, "changed")
			if v, err := s.Auth.Visitor(t.Context(), login.Session); v != nil || err != nil {
				t.Errorf("the session with the old password belongs to %+v, %v", v, err)
			}
			if s.active(tokens.AccessToken) == ends {
				t.Errorf("the grant lasts: %v", !ends)
			}
			_, err = s.Auth.Token(t.Context(), s.caller(authtest.PhotoPrint), redemption(open, authtest.PhotoPrintCallback))
			if (err == nil) == ends {
				t.Errorf("the open code gives %v", err)
			}
			if got := s.Audit.Events(authserver.EventPasswordChanged); len(got) != 1 || got[0].Owner != authtest.Bob {
				t.Errorf("audited %+v", got)
			}
			again := s.login(authtest.Bob, "changed")
			s.Directory.Put(bob, authtest.BobPassword) // back to the old one
			if v, err := s.Auth.Visitor(t.Context(), login.Session); v != nil || err != nil {
				t.Errorf("the first session came back: %+v, %v", v, err)
			}
			if sessions, err := s.Auth.Sessions(t.Context(), again); err != nil || len(sessions) != 0 {
				t.Errorf("sessions %+v, %v", sessions, err)
			}
		})
	}
}

func TestN93ALoginAfterTheChangeEndsTheSessionsBeforeItByItself(t *testing.T) {
	s := newFixture(t)
	before, err := s.Auth.Login(t.Context(), authserver.Credentials{Username: authtest.Bob, Password: authtest.BobPassword})
	if err != nil {
		t.Fatal(err)
	}
	bob, err := s.Directory.Lookup(t.Context(), authtest.Bob)
	if err != nil {
		t.Fatal(err)
	}
	s.Directory.Changed = nil // nobody has looked yet
	s.Directory.Put(bob, "changed")
	s.login(authtest.Bob, "changed")
	if v, err := s.Auth.Visitor(t.Context(), before.Session); v != nil || err != nil {
		t.Errorf("the session with the old password belongs to %+v, %v", v, err)
	}
}

// changing is a directory that changes while it checks a password.
type changing struct {
	*authtest.Directory
	change func()
}

// Authenticate is of authserver.Directory.
func (c changing) Authenticate(ctx context.Context, name, password string, lane authserver.Lane) (authserver.Owner, error) {
	owner, err := c.Directory.Authenticate(ctx, name, password, lane)
	c.change()
	return owner, err
}

func TestN91N93ALoginThatTheDirectoryOvertakesIsWorthNothing(t *testing.T) {
	for name, change := range map[string]func(*fixture, authserver.Owner){
		"the password was changed": func(s *fixture, bob authserver.Owner) { s.Directory.Put(bob, "changed") },
		"the person was removed":   func(s *fixture, bob authserver.Owner) { s.Directory.Remove(bob.Name) },
	} {
		s := newFixture(t)
		s.bob() // so that everybody who looks knows him
		bob, err := s.Directory.Lookup(t.Context(), authtest.Bob)
		if err != nil {
			t.Fatal(err)
		}
		s.Auth.SetDirectory(changing{s.Directory, func() { change(s, bob) }})
		login, err := s.Auth.Login(t.Context(), authserver.Credentials{Username: authtest.Bob, Password: authtest.BobPassword})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if v, err := s.Auth.Visitor(t.Context(), login.Session); v != nil || err != nil {
			t.Errorf("%s: the session belongs to %+v, %v", name, v, err)
		}
	}
}

// confirm looks at everybody once.
func (s *fixture) confirm() {
	s.t.Helper()
	if err := s.Auth.ConfirmPeople(s.t.Context()); err != nil {
		s.t.Fatalf("confirm people: %v", err)
	}
}

func TestN98WithoutAWayToAskAGrantRestsUntilTheNextLogin(t *testing.T) {
	s := newFixture(t)
	s.Directory.Holds(authserver.MaxConfirmationAge)
	login, err := s.Auth.Login(t.Context(), authserver.Credentials{Username: authtest.Bob, Password: authtest.BobPassword})
	if err != nil {
		t.Fatal(err)
	}
	tokens := s.tokens()
	s.Directory.Fail(authserver.ErrCannotAsk)
	until := authtest.Start.Add(authserver.MaxConfirmationAge)
	for _, step := range []struct {
		at   time.Time
		want bool
	}{
		{authtest.Start.Add(13 * time.Hour), true}, {until.Add(-time.Second), true}, {until, false}, {until.Add(time.Hour), false},
	} {
		s.Clock.Advance(step.at.Sub(s.Clock.Now()))
		s.confirm()
		if info := s.refreshable(tokens.RefreshToken); info != step.want {
			t.Errorf("at %s the grant is awake: %v, want %v", step.at, info, step.want)
		}
	}
	s.refused(authtest.PhotoPrint, refreshing(tokens.RefreshToken), authserver.InvalidGrant)
	if v, err := s.Auth.Visitor(t.Context(), login.Session); v != nil || err != nil {
		t.Errorf("the session belongs to %+v, %v", v, err)
	}
	s.Directory.Fail(nil)
	s.bob()
	if !s.refreshable(tokens.RefreshToken) {
		t.Error("the grant rests after the login")
	}
}

// refreshable reports whether PhotoPrint's refresh token is active.
func (s *fixture) refreshable(token string) bool {
	s.t.Helper()
	info, err := s.Auth.Introspect(s.t.Context(), s.caller(authtest.PhotoPrint), token)
	if err != nil {
		s.t.Fatalf("introspect: %v", err)
	}
	return info.Active
}

func TestASourceThatIsAskedConfirmsAnewAndOneThatIsDownProlongsOnce(t *testing.T) {
	s := newFixture(t)
	const holds = time.Hour
	s.Directory.Holds(holds)
	tokens := s.tokens()
	s.Clock.Advance(holds/2 + time.Second)
	s.confirm() // anew, until 1:30
	s.Clock.Advance(holds - time.Second)
	if !s.refreshable(tokens.RefreshToken) {
		t.Fatal("a confirmation halfway through did not last an hour more")
	}
	s.Directory.Fail(authserver.ErrUnavailable)
	s.confirm()
	s.Clock.Advance(holds - time.Second)
	s.confirm()
	if !s.refreshable(tokens.RefreshToken) {
		t.Error("a source that is down does not prolong")
	}
	s.Clock.Advance(2 * time.Second)
	s.confirm()
	if s.refreshable(tokens.RefreshToken) {
		t.Error("a source that is down prolongs more than once")
	}
	s.Directory.Fail(nil)
	s.confirm()
	if !s.refreshable(tokens.RefreshToken) {
		t.Error("the source is back, and the grant rests")
	}
}

func TestEverybodyIsLookedAtInBatches(t *testing.T) {
	s := newFixture(t)
	var people []authserver.Confirmation
	for n := range 450 {
		name := fmt.Sprintf("person %d", n)
		people = append(people, authserver.Confirmation{Person: authserver.Person{ConfirmedAt: authtest.Start, Owner: authserver.Owner{
			Subject: authtest.SubjectOf(name), Source: authtest.Source, Name: name}}})
	}
	if err := s.Store.ConfirmPeople(t.Context(), people); err != nil {
		t.Fatal(err)
	}
	s.bob()
	writes := s.Store.Writes()
	s.confirm() // none of them is in the directory, but Bob
	if got := s.Store.Writes() - writes; got != 3 {
		t.Errorf("%d writes for 451 people, want 3", got)
	}
	left, err := s.Store.People(t.Context(), "", 1000)
	left = slices.DeleteFunc(left, func(p authserver.Person) bool { return !p.EndedAt.IsZero() })
	if err != nil || len(left) != 1 || left[0].Name != authtest.Bob {
		t.Errorf("people %+v, %v; want Bob alone", left, err)
	}
	writes = s.Store.Writes()
	s.confirm()
	if got := s.Store.Writes() - writes; got != 0 {
		t.Errorf("%d writes when nothing is new", got)
	}
}

func TestPeopleAreNotTakenForGoneWhenTheDirectoryGivesNoAnswer(t *testing.T) {
	s := newFixture(t)
	tokens := s.tokens()
	for _, fault := range []error{authserver.ErrUnavailable, authserver.ErrCannotAsk, errors.New("a fault")} {
		s.Directory.Fail(fault)
		s.confirm()
		if !s.active(tokens.AccessToken) {
			t.Errorf("after %v the token is dead", fault)
		}
	}
}

func TestN95APersonWhoIsRenamedToAClientsNameHasEnded(t *testing.T) {
	s := newFixture(t)
	tokens := s.tokens()
	bob, err := s.Directory.Lookup(t.Context(), authtest.Bob)
	if err != nil {
		t.Fatal(err)
	}
	s.Directory.Changed = nil
	s.Directory.Remove(authtest.Bob)
	bob.Name = "client:" + authtest.PhotoPrint
	s.Directory.Put(bob, authtest.BobPassword)
	s.confirm()
	if s.active(tokens.AccessToken) {
		t.Error("the token is active")
	}
}

func TestN95AnOwnerWhoCouldBeTakenForSomebodyElseDoesNotGetIn(t *testing.T) {
	subject := authtest.SubjectOf("mallory")
	for name, owner := range map[string]authserver.Owner{
		"named like a client":           {Name: "client:photos.photoprint"},
		"named like the cluster's user": {Name: "system:admin"},
		"a subject like a client's":     {Name: "mallory", Subject: "client:photos.photoprint"},
		"a subject like a name":         {Name: "mallory", Subject: "bob"},
		"a subject in upper case":       {Name: "mallory", Subject: "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
		"a name with a line feed":       {Name: "mal\nlory", Subject: subject},
		"a name in NFD":                 {Name: "Zoe\u0308", Subject: subject},
		"a group with a line feed":      {Name: "mallory", Subject: subject, Groups: []string{"a", "b\nfamily"}},
	} {
		s := newFixture(t)
		s.Directory.Put(owner, "x")
		if l, err := s.Auth.Login(t.Context(), authserver.Credentials{Username: owner.Name, Password: "x"}); err == nil {
			t.Errorf("%s: %+v is logged in", name, l.Owner)
		}
	}
}

func TestN99ADecisionThatWasMadeInAnotherTabMeanwhileIssues(t *testing.T) {
	s := newFixture(t)
	bob := s.bob()
	i, other := s.begin(photoPrint()), s.begin(photoPrint())
	p := s.next(i, bob)
	q := s.next(other, bob)
	if _, err := s.decide(other, bob, authserver.Decision{Allow: true, Always: true, Ticket: q.Ticket}); err != nil {
		t.Fatal(err)
	}
	if got := s.next(i, bob); got.Step != authserver.StepIssue {
		t.Fatalf("the first tab stands at step %d", got.Step)
	}
	for name, ticket := range map[string]string{"none": "", "another's": q.Ticket, "nonsense": "AAAA"} {
		_, err := s.decide(i, bob, authserver.Decision{Allow: true, Ticket: ticket})
		if !errors.Is(err, authserver.InteractionGone) {
			t.Errorf("with the ticket %s: %v", name, err)
		}
	}
	a, err := s.decide(i, bob, authserver.Decision{Allow: true, Ticket: p.Ticket})
	if err != nil {
		t.Fatalf("the first tab: %v", err)
	}
	s.redeem(a.Proof)
}

func TestN99ADenialInTheSecondTabIsADenial(t *testing.T) {
	s := newFixture(t)
	bob := s.bob()
	i := s.begin(photoPrint())
	p := s.next(i, bob)
	s.allow(photoPrint(), bob, true)
	_, err := s.decide(i, bob, authserver.Decision{Ticket: p.Ticket})
	wantCode(t, err, authserver.AccessDenied)
}

func TestN99AChoiceOfScopesInTheSecondTabCounts(t *testing.T) {
	s := newFixture(t)
	bob := s.bob()
	r := authserver.AuthorizeRequest{Profile: authserver.ProfileIntegrationCloud, ClientID: authtest.Flows, Callback: authtest.FlowsCallback}
	i := s.begin(r)
	p := s.next(i, bob)
	other := s.begin(r)
	q := s.next(other, bob)
	if _, err := s.decide(other, bob, authserver.Decision{Allow: true, Always: true, Ticket: q.Ticket, Scopes: other.Scopes}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.decide(i, bob, authserver.Decision{Allow: true, Ticket: p.Ticket, Scopes: []string{"photos.read"}}); err != nil {
		t.Fatal(err)
	}
	approved := s.Audit.Events(authserver.EventGrantApproved)
	if got := approved[len(approved)-1].Scopes; !slices.Equal(got, []string{"photos.read"}) {
		t.Errorf("the grant is for %v", got)
	}
}
