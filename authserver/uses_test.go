// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// flushed has the server write what was used and returns what the store keeps, but for the use that says that uses are
// counted.
func (s *fixture) flushed(servers ...*authserver.Server) []authserver.Use {
	s.t.Helper()
	for _, server := range append(servers, s.Auth) {
		if err := server.FlushUses(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
	}
	found, err := s.Auth.ListUses(s.t.Context(), "", "", "", 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	return slices.DeleteFunc(found, func(u authserver.Use) bool {
		return u.UID == authserver.CountingUID && u.CredentialID == authserver.CountingID
	})
}

func (s *fixture) usesAre(got []authserver.Use, want ...authserver.Use) {
	s.t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		s.t.Errorf("uses (-want +got):\n%s", diff)
	}
}

// used is a use of the first credential of a client of the fixture.
func (s *fixture) used(clientID string, at time.Time) authserver.Use {
	u := authserver.Use{Since: at.Truncate(time.Hour), UsedAt: at.Truncate(time.Hour)}
	if c, known := s.Clients.ByID(clientID); known {
		u.UID = c.UID
		if !c.Public {
			u.CredentialID = c.Credentials[0].ID
		}
	} else if r, known := s.Clients.ResourceServerByID(clientID); known {
		u.UID, u.CredentialID = r.UID, r.Credentials[0].ID
	}
	return u
}

func TestUsesAreKeptToTheHour(t *testing.T) {
	s := newFixture(t)
	s.usesAre(s.flushed())
	s.caller(authtest.PhotoReport)
	s.usesAre(s.flushed(), s.used(authtest.PhotoReport, authtest.Start))
	before := s.Store.Writes()
	s.Clock.Advance(59 * time.Minute)
	s.caller(authtest.PhotoReport)
	s.usesAre(s.flushed(), s.used(authtest.PhotoReport, authtest.Start))
	s.Clock.Advance(time.Hour)
	s.caller(authtest.PhotoReport)
	want := s.used(authtest.PhotoReport, s.Clock.Now())
	want.Since = authtest.Start
	s.usesAre(s.flushed(), want)
	if got := s.Store.Writes() - before; got != 2 {
		t.Errorf("%d writes for two flushes", got)
	}
}

func TestEachWayToUseACredentialIsNoted(t *testing.T) {
	s := newFixture(t)
	tokens := s.tokens() // PhotoPrint redeems
	s.active(tokens.AccessToken)
	s.signedTokens()
	redeemed := s.used(authtest.PhotoPrint, authtest.Start)
	redeemed.Challenged, redeemed.ChallengedAt = 1, authtest.Start
	byToken := s.used(authtest.PhotoPrint, authtest.Start)
	byToken.CredentialID = ""
	want := []authserver.Use{redeemed, byToken, s.used(authtest.PhotoStorage, authtest.Start), s.used(authtest.PhotoBook, authtest.Start)}
	got := s.flushed()
	for _, u := range want {
		if !slices.Contains(got, u) {
			t.Errorf("%+v is not among the uses %+v", u, got)
		}
	}
}

func TestCodesAreCountedWithAndWithoutAChallenge(t *testing.T) {
	s := newFixture(t)
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.PKCEOptional = true })
	s.redeem(s.allow(photoPrint(), s.bob(), false))
	s.Clock.Advance(time.Hour)
	for range 2 {
		r := photoPrint()
		r.CodeChallenge = ""
		redemption := redemption(s.allow(r, s.bob(), false), authtest.PhotoPrintCallback)
		redemption.CodeVerifier = ""
		if _, err := s.Auth.Token(t.Context(), s.caller(authtest.PhotoPrint), redemption); err != nil {
			t.Fatal(err)
		}
	}
	want := s.used(authtest.PhotoPrint, s.Clock.Now())
	want.Since, want.Challenged, want.Unchallenged = authtest.Start, 1, 2
	want.ChallengedAt, want.UnchallengedAt = authtest.Start, authtest.Start.Add(time.Hour)
	s.usesAre(s.flushed(), want)
	s.usesAre(s.flushed(), want) // nothing is counted twice
}

func TestTheLargestIDTokenIsKept(t *testing.T) {
	s := newFixture(t)
	c, _ := s.Clients.ByID(authtest.PhotoPrint)
	want := s.used(authtest.PhotoPrint, authtest.Start)
	want.CredentialID = ""
	for _, size := range []int{900, 3100, 1200} {
		s.Auth.NoteIDToken(c, size)
	}
	want.IDTokenBytes, want.IDTokenAt = 3100, authtest.Start
	s.usesAre(s.flushed(), want)
	s.Auth.NoteIDToken(c, 1200)
	s.usesAre(s.flushed(), want)
	s.Clock.Advance(authserver.IDTokenMemory)
	s.Auth.NoteIDToken(c, 1200)
	want.UsedAt, want.IDTokenBytes, want.IDTokenAt = s.Clock.Now(), 1200, s.Clock.Now()
	s.usesAre(s.flushed(), want)
}

// N309: what somebody without a secret can do says nothing about a client.
func TestN309WhoProvesNothingUsesNothing(t *testing.T) {
	s := newFixture(t)
	s.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.PKCEOptional = true })
	unchallenged := photoPrint()
	unchallenged.CodeChallenge = ""
	s.begin(unchallenged)
	for _, secret := range []authserver.ClientSecret{
		{ID: authtest.PhotoPrint, Secret: "wrong"}, {ID: authtest.PhotoPrint, None: true}, {ID: "nobody", Secret: "x"},
	} {
		if _, err := s.Auth.AuthenticateClient(t.Context(), authserver.ProfileOAuth2, secret); err == nil {
			t.Errorf("%+v is accepted", secret)
		}
	}
	caller := s.caller(authtest.Desktop) // a Public client proves nothing
	for _, r := range []authserver.TokenRequest{redemption("wrong", authtest.DesktopCallback), refreshing("wrong")} {
		if _, err := s.Auth.Token(t.Context(), caller, r); err == nil {
			t.Errorf("%+v is answered", r)
		}
	}
	before := s.Store.Writes()
	s.usesAre(s.flushed())
	if got := s.Store.Writes() - before; got != 1 { // that uses are counted
		t.Errorf("%d writes", got)
	}
}

func TestWhatCannotBeWrittenStaysForTheNextTime(t *testing.T) {
	s := newFixture(t)
	s.redeem(s.allow(photoPrint(), s.bob(), false))
	c, _ := s.Clients.ByID(authtest.PhotoPrint)
	s.Auth.NoteIDToken(c, 3100)
	s.Store.Fail(authserver.ErrUnavailable)
	for range 2 {
		if err := s.Auth.FlushUses(t.Context()); !errors.Is(err, authserver.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
	}
	s.Store.Fail(nil)
	want := s.used(authtest.PhotoPrint, authtest.Start)
	want.Challenged, want.ChallengedAt = 1, authtest.Start
	token := s.used(authtest.PhotoPrint, authtest.Start)
	token.CredentialID, token.IDTokenBytes, token.IDTokenAt = "", 3100, authtest.Start
	s.usesAre(s.flushed(), token, want)
}

// N314: replicas count together, whichever writes first.
func TestN314ReplicasCountTogether(t *testing.T) {
	s := newFixture(t)
	other := s.Replica(t)
	s.redeem(s.allow(photoPrint(), s.bob(), false))
	s.Clock.Advance(2 * time.Hour)
	proof := s.allow(photoPrint(), s.bob(), false)
	if _, err := other.Token(t.Context(), s.caller(authtest.PhotoPrint), redemption(proof, authtest.PhotoPrintCallback)); err != nil {
		t.Fatal(err)
	}
	want := s.used(authtest.PhotoPrint, s.Clock.Now())
	want.Since, want.Challenged, want.ChallengedAt = authtest.Start, 2, s.Clock.Now()
	s.usesAre(s.flushed(other), want)
	s.usesAre(s.flushed(other), want)
}

// Whoever writes may come between any two steps of whoever notes. A credential that was idle for hours is forgotten then,
// unless it was noted in the step before.
func TestAUseIsNotLostWhileItsCredentialIsForgotten(t *testing.T) {
	u, now := authserver.NewUses(), authtest.Start
	for _, note := range []func(time.Time){u.Add, u.Find, u.Find} {
		note(now)
		if got := u.Write(now); !slices.Contains(got, now.Truncate(time.Hour)) {
			t.Errorf("the use at %s is lost: %v are written", now, got)
		}
		now = now.Add(4 * time.Hour)
	}
}

// N448: a use that found no room is lost. Whoever took the rest for the whole would end a client secret that is in use.
func TestN448UsesThatFindNoRoomAreNotSaidToBeCounted(t *testing.T) {
	s := newFixture(t)
	full := s.Auth.FillUses(s.Clock.Now())
	flush := func(want error) {
		t.Helper()
		if err := s.Auth.FlushUses(t.Context()); !errors.Is(err, want) {
			t.Fatalf("error %v, want %v", err, want)
		}
	}
	flush(nil)
	hour := s.Clock.Now().Truncate(time.Hour)
	missed := authserver.Use{UID: authserver.CountingUID, CredentialID: authserver.MissedID, Since: hour, UsedAt: hour}
	says := func(want bool) {
		t.Helper()
		found, err := s.Auth.ListUses(t.Context(), "", "", "", 1000)
		if err != nil || slices.Contains(found, missed) != want {
			t.Errorf("the store has %+v, %v; that uses were missed at %s: want %t", found, err, hour, want)
		}
	}
	says(false)

	s.caller(authtest.PhotoReport)
	s.caller(authtest.PhotoReport)
	s.Store.Fail(authserver.ErrUnavailable)
	flush(authserver.ErrUnavailable)
	s.Store.Fail(nil)
	flush(authserver.ErrUsesMissed)
	says(true)
	if got := s.Auth.GatheredUses(); got != full {
		t.Errorf("%d uses are gathered, and there is room for %d", got, full)
	}
	flush(nil)
	says(true) // what was lost does not come back

	s.Clock.Advance(4 * time.Hour)
	flush(nil) // forgets what was not used for hours
	s.caller(authtest.PhotoReport)
	s.usesAre(slices.DeleteFunc(s.flushed(), func(u authserver.Use) bool { return u == missed }), s.used(authtest.PhotoReport, s.Clock.Now()))
}

func TestAUseThatIsNotedAllocatesNothing(t *testing.T) {
	s := newFixture(t)
	c, _ := s.Clients.ByID(authtest.PhotoPrint)
	if n := testing.AllocsPerRun(100, func() { s.Auth.NoteIDToken(c, 3100) }); n > 0 {
		t.Errorf("%.0f allocations", n)
	}
}

func TestAnAdministratorRevokesAGrantOfTheClientTheyNamed(t *testing.T) {
	s := newFixture(t)
	tokens := s.tokens()
	c, _ := s.Clients.ByID(authtest.PhotoPrint)
	grants, err := s.Auth.ListGrants(t.Context(), authserver.GrantFilter{ClientUID: c.UID}, authserver.GrantID{}, 10)
	if err != nil || len(grants) != 1 || grants[0].Client != c || grants[0].Person.Name != authtest.Bob {
		t.Fatalf("grants %+v, %v", grants, err)
	}
	if _, err := s.Auth.RevokeAsAdministrator(t.Context(), "jane", "another client", grants[0].ID); !errors.Is(err, authserver.ErrNotFound) {
		t.Errorf("N304: a grant of another client: %v", err)
	}
	for n, want := range []bool{true, false} {
		if ended, err := s.Auth.RevokeAsAdministrator(t.Context(), "jane", c.UID, grants[0].ID); err != nil || ended != want {
			t.Errorf("revocation %d: %v, %v", n, ended, err)
		}
	}
	if s.active(tokens.AccessToken) {
		t.Error("the access token is good after its grant was revoked")
	}
	events := s.Audit.Events(authserver.EventGrantRevoked)
	if len(events) != 1 || events[0].Actor != "jane" || events[0].ClientID != authtest.PhotoPrint || events[0].Owner != authtest.Bob {
		t.Errorf("audit events %+v", events)
	}
}
